"""The panel of an alert's evidence: what was observed, with the pictures that belong to it. What it says of people is masked, and in full for
two minutes to who may see that and says what for.
"""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from api.console import texts
from api.console.layout import Node
from api.console.persons import texts as person_texts
from api.console.persons.forms import SHOWN_FOR_S, FormDialog, Values, Veil, purpose_fields
from api.console.rows import full_moment
from api.console.visit import Visit
from api.registry.persons import Look
from api.scope import may
from api.services import Services
from api.snapshots.service import NAMED, named
from api.views import AlertDetail, EvidenceView
from linli.auditwords import EVIDENCE
from linli.db.people import Person
from linli.i18n import Text
from linli.model import JsonValue
from linli.roles import Operation
from linli.units import number_with_unit
from linli.vocabulary import data_name, data_value


class EvidencePanel:
    """Draws into where it is made, and itself anew when it is asked for in full."""

    def __init__(self, services: Services, visit: Visit) -> None:
        self._services = services
        self._visit = visit
        self._dialog = FormDialog(services, visit, self._again)
        self._detail: AlertDetail | None = None
        self._full: AlertDetail | None = None
        self._pictures: Mapping[tuple[str, str], str] = {}
        self._box: Node | None = None

    def draw(self, detail: AlertDetail, pictures: Mapping[tuple[str, str], str]) -> None:
        """The evidence of this alert, masked; `pictures`: links, by device and name."""
        self._detail, self._full, self._pictures = detail, None, pictures
        self._box = Node("div")
        with self._box:
            self._panel(detail)

    async def _again(self) -> None:
        shown = self._full or self._detail
        if self._box is None or shown is None:
            return
        self._box.clear()
        with self._box:
            if self._full is None:
                self._panel(shown)
                return
            with Veil(SHOWN_FOR_S, self._say(person_texts.LEFT)) as veil:
                self._panel(shown)
            veil.on("over", self._hide)

    async def _hide(self) -> None:
        self._full = None
        await self._again()

    def _ask(self) -> None:
        assert self._detail is not None
        alert = self._detail.view.alert.id

        def read(by: Person, values: Values) -> None:
            look = Look(values["purpose"], values["reason"].strip(), full=True)
            self._full = self._services.alert(by, alert, look)

        words = person_texts.UNMASK_HELP
        self._dialog.ask(person_texts.UNMASK, "", purpose_fields(EVIDENCE), read, words=words)

    def _panel(self, detail: AlertDetail) -> None:
        language, zone = self._visit.language, self._visit.zone(detail.view.alert.community)
        with Node("section", classes="panel", data_test="evidence"):
            with Node("div", classes="head"):
                Node("h2", texts.EVIDENCE.of(language))
                Node("div", classes="push")
                self._offer(detail)
            if not detail.evidence:
                Node("p", texts.NO_EVIDENCE.of(language), "muted")
                return
            with Node("table", classes="tbl wide"):
                with Node("thead"), Node("tr"):
                    for heading in (texts.TIME, texts.DEVICE, texts.OBSERVATION, texts.VALUE):
                        Node("th", heading.of(language), scope="col")
                with Node("tbody"):
                    for seen in detail.evidence:
                        with Node("tr"):
                            Node("td", full_moment(seen.time, zone), "muted")
                            Node("td", seen.device_name.of(language))
                            Node("td", seen.what_name.of(language))
                            Node("td", _value(seen, language), "num")
            _pictures(detail.evidence, self._pictures, self._visit, zone)

    def _offer(self, detail: AlertDetail) -> None:
        """What can be done about the mask, where there is anything behind it."""
        if not any(seen.personal for seen in detail.evidence):
            return
        if self._full is not None:
            self._button(self._say(person_texts.HIDE), "hide").on("click", self._hide)
        elif may(self._visit.person, Operation.UNMASK_PERSONS):
            self._button(self._say(person_texts.UNMASK), "unmask").on("click", self._ask)

    def _button(self, words: str, name: str) -> Node:
        return Node("button", words, "btn", type="button", data_test=name)

    def _say(self, text: Text) -> str:
        return text.of(self._visit.language)


def _pictures(
    evidence: Sequence[EvidenceView], pictures: Mapping[tuple[str, str], str], visit: Visit, zone: ZoneInfo
) -> None:
    """What the cameras saw; nothing for who may not look, and before a picture has come."""
    language = visit.language
    shots = {link: seen for seen in evidence if (link := pictures.get(named(seen)))}
    if not shots:
        return
    with Node("div", classes="shots"):
        for link, seen in shots.items():
            words = texts.SNAPSHOT_OF.format(device=seen.device_name).of(language)
            with Node("figure"):
                with Node("a", href=link, target="_blank", rel="noopener"):
                    Node("img", src=link, alt=words, data_test="snapshot")
                Node("figcaption", f"{words} · {full_moment(seen.time, zone)}", "muted")


def _value(seen: EvidenceView, language: str) -> str:
    """What was observed: a flag's word, a number with its unit, or the event's own data."""
    if seen.words is not None:
        return seen.words.of(language)
    if isinstance(seen.value, int | float) and not isinstance(seen.value, bool):
        return number_with_unit(seen.what, seen.symbol, seen.value)
    if isinstance(seen.value, bool | str):
        return f"{seen.value} {seen.symbol}".strip()
    return texts.LIST_COMMA.of(language).join(
        _fact(name, fact, language) for name, fact in seen.data.items() if name != NAMED
    )


def _fact(name: str, fact: JsonValue, language: str) -> str:
    """One of an event's own facts, such as 'floor: 7'. A word that no text is known for is shown as it came."""
    return f"{data_name(name).of(language)}{texts.COLON.of(language)}{data_value(fact).of(language)}"
