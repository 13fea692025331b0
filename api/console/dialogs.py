"""Acting on an alert: acknowledge with a comment, close with a reason, shelve for a while."""

from collections.abc import Callable
from dataclasses import dataclass

from nicegui import ui
from nicegui.events import GenericEventArguments

from api.console import texts
from api.console.foot import Foot
from api.console.layout import Node, choice
from api.console.visit import Visit, person_now
from api.services import Services
from api.views import AlertView
from linli.clock import DAY, HOUR, MINUTE
from linli.db.people import Person
from linli.i18n import Text
from rules.language.amounts import spoken

SHELVE_FOR = (30 * MINUTE, HOUR, 4 * HOUR, 8 * HOUR, DAY, 3 * DAY, 7 * DAY)
"""What one may choose between, the shortest first."""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody has filled in: a text, and for how long (microseconds; 0 where that is not asked)."""

    text: str
    lasting: int


@dataclass(frozen=True, slots=True)
class Act:
    """What can be done to an alert. `call` takes person, alert and what was filled in; `missing` is said where a text is
    required; `lasting`: for how long is asked too, of these."""

    title: Text
    help: Text
    field: Text
    button: Text
    call: Callable[[Person, str, Said], AlertView]
    missing: Text | None = None
    lasting: tuple[int, ...] = ()


def acknowledging(services: Services) -> Act:
    """Acknowledge, with a comment if one has something to say."""
    return Act(
        texts.ACKNOWLEDGE_TITLE,
        texts.ACKNOWLEDGE_HELP,
        texts.COMMENT,
        texts.ACKNOWLEDGE,
        lambda person, alert, said: services.acknowledge(person, alert, said.text),
    )


def closing(services: Services) -> Act:
    """Close, with a reason."""
    return Act(
        texts.CLOSE,
        texts.CLOSE_HELP,
        texts.REASON,
        texts.CLOSE,
        lambda person, alert, said: services.close(person, alert, said.text),
        texts.REASON_MISSING,
    )


def shelving(services: Services) -> Act:
    """Set aside for a while, with a reason."""
    return Act(
        texts.SHELVE_TITLE,
        texts.SHELVE_HELP,
        texts.SHELVE_REASON,
        texts.SHELVE,
        lambda person, alert, said: services.shelve(person, alert, services.clock.now() + said.lasting, said.text),
        texts.SHELVE_REASON_MISSING,
        SHELVE_FOR,
    )


def unshelving(services: Services) -> Act:
    """Take up again what was shelved."""
    return Act(
        texts.UNSHELVE,
        texts.UNSHELVE_HELP,
        texts.COMMENT,
        texts.UNSHELVE,
        lambda person, alert, said: services.unshelve(person, alert, said.text),
    )


class ActDialog:
    """A question with a text field. One for a page; `ask` opens it for one alert.

    Whether the session still stands is looked up at each act: a page may be open for days.
    """

    def __init__(self, services: Services, visit: Visit, act: Act) -> None:
        self._services = services
        self._visit = visit
        self._act = act
        self._alert = ""
        self._text = ""
        self._lasting = act.lasting[1] if act.lasting else 0
        language = visit.language
        with ui.dialog() as self._dialog, Node("div", classes="dialog"):
            Node("h2", act.title.of(language))
            self._subject = Node("p", classes="subject")
            Node("p", act.help.of(language), "muted")
            if act.lasting:
                lengths = {str(length): spoken(length).of(language) for length in act.lasting}
                choice(texts.SHELVE_FOR.of(language), lengths, str(self._lasting), self._last, "lasting")
            with Node("label", classes="field"):
                Node("span", act.field.of(language))
                field = Node("textarea", maxlength=2000, rows=3, data_test="comment")
            self._foot = Foot(self._dialog, language, act.button, self._missing, self._do)
        field.on("input", self._typed, js_handler="(event) => emit(event.target.value)")

    def ask(self, alert: str, title: str) -> None:
        """Open for the alert of this id."""
        self._alert, self._text = alert, ""
        self._subject.set_text(title)
        self._foot.say(None)
        self._dialog.open()

    def _typed(self, event: GenericEventArguments) -> None:
        self._text = str(event.args)

    def _last(self, chosen: str) -> None:
        self._lasting = int(chosen) if chosen in map(str, self._act.lasting) else self._lasting

    def _missing(self) -> Text | None:
        return None if self._text.strip() else self._act.missing

    def _do(self) -> None:
        person = person_now(self._services, self._visit, acting=True)
        self._act.call(person, self._alert, Said(self._text, self._lasting))
