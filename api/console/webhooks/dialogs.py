"""The dialogs of webhooks: make or change one, and send a stretch of time again."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from nicegui import ui
from nicegui.events import GenericEventArguments

from api.console.account_dialogs import Picks, SecretDialog, text_field
from api.console.foot import Foot
from api.console.layout import Node
from api.console.visit import Visit, person_now
from api.console.webhooks import texts
from api.services import Services
from api.webhooks.service import Wish
from api.words import CHANGES, SEVERITIES
from linli.clock import SECOND
from linli.db.webhookrows import Webhook
from linli.i18n import Text
from linli.model import Severity
from linli.webhooks import Filter


class WebhookDialog:
    """Makes a webhook, or changes one. `once` shows a new one's secret; `done` is called after a change."""

    def __init__(
        self,
        services: Services,
        visit: Visit,
        communities: Mapping[str, Text],
        rules: Mapping[str, Text],
        once: SecretDialog,
        done: Callable[[], Awaitable[None]],
    ) -> None:
        self._services = services
        self._visit = visit
        self._communities = communities
        self._rules = rules
        self._once = once
        self._changed = done
        self._webhook: Webhook | None = None
        self._name = self._url = ""
        self._made: tuple[str, str] | None = None
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog tall", data_test="webhook-dialog")

    def ask_new(self) -> None:
        """Open for a new one."""
        self._webhook, self._name, self._url = None, "", ""
        self._open(Filter())

    def ask(self, webhook: Webhook) -> None:
        """Open for one that is there."""
        self._webhook, self._name, self._url = webhook, webhook.name, webhook.url
        self._open(webhook.filter)

    def _open(self, wanted: Filter) -> None:
        language = self._visit.language
        self._made = None
        self._box.clear()
        with self._box:
            Node("h2", (texts.ADD if self._webhook is None else texts.EDIT).of(language))
            text_field(texts.NAME, lambda text: setattr(self, "_name", text.strip()), language, "name", self._name)
            self._url_field(language)
            Node("p", texts.FILTER_HELP.of(language), "muted")
            severities = {one.value: SEVERITIES[one] for one in Severity}
            chosen = frozenset(one.value for one in wanted.severities)
            self._severities = Picks(language, texts.SEVERITIES, severities, chosen, "severities")
            self._kinds = Picks(language, texts.KINDS, CHANGES, wanted.kinds, "kinds")
            self._where = Picks(language, texts.COMMUNITIES, self._communities, wanted.communities, "communities")
            self._which = Picks(language, texts.RULES, self._rules, wanted.rules, "rules")
            Foot(self._dialog, language, texts.SAVE, self._missing, self._do, self._then, data_test="save")
        self._dialog.open()

    def _url_field(self, language: str) -> None:
        def typed(event: GenericEventArguments) -> None:
            self._url = str(event.args).strip()

        with Node("label", classes="field"):
            Node("span", texts.URL.of(language))
            field = Node("input", type="url", value=self._url, maxlength=2000, autocapitalize="none", data_test="url")
        field.on("input", typed, js_handler="(event) => emit(event.target.value)")

    def _missing(self) -> Text | None:
        for name, value in ((texts.NAME, self._name), (texts.URL, self._url)):
            if not value:
                return texts.NO_FIELD.format(name=name)
        return None

    def _do(self) -> None:
        person = person_now(self._services, self._visit, acting=True)
        wanted = Filter(
            frozenset(self._where.chosen),
            frozenset(map(Severity, self._severities.chosen)),
            frozenset(self._which.chosen),
            frozenset(self._kinds.chosen),
        )
        webhooks = self._services.webhooks
        if self._webhook is None:
            made, secret = webhooks.add(person, Wish(self._name, self._url, wanted))
            self._made = (made.name, secret)
            return
        enabled = self._webhook.standing.enabled
        webhooks.change(person, self._webhook.id, self._webhook.version, Wish(self._name, self._url, wanted, enabled))

    async def _then(self) -> None:
        if self._made is not None:
            self._once.show(*self._made)
        await self._changed()


class RangeDialog:
    """Asks which stretch of time is to be sent again, by the wall clock of the reader. `done` hears through how many changes it goes."""

    def __init__(self, services: Services, visit: Visit, done: Callable[[int], None]) -> None:
        self._services = services
        self._visit = visit
        self._told = done
        self._webhook = ""
        self._times = {"from": "", "to": ""}
        self._count: int | None = None
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog", data_test="range-dialog")

    def ask(self, webhook: str) -> None:
        """Open for one webhook."""
        language = self._visit.language
        self._webhook, self._times, self._count = webhook, {"from": "", "to": ""}, None
        self._box.clear()
        with self._box:
            Node("h2", texts.REPLAY_RANGE.of(language))
            Node("p", texts.REPLAY_RANGE_HELP.of(language), "muted")
            for name, words in (("from", texts.SINCE), ("to", texts.UNTIL)):
                self._field(name, words.of(language))
            Foot(
                self._dialog, language, texts.REPLAY, self._missing, self._do, self._then, data_test="replay-range-now"
            )
        self._dialog.open()

    def _field(self, name: str, words: str) -> None:
        def typed(event: GenericEventArguments) -> None:
            self._times[name] = str(event.args)

        with Node("label", classes="field"):
            Node("span", words)
            field = Node("input", type="datetime-local", data_test=f"range-{name}")
        field.on("input", typed, js_handler="(event) => emit(event.target.value)")

    def _missing(self) -> Text | None:
        start, end = (self._time(self._times[name]) for name in ("from", "to"))
        return texts.BAD_RANGE if start is None or end is None or start >= end else None

    def _time(self, text: str) -> int | None:
        try:
            wall = datetime.fromisoformat(text)
        except ValueError:
            return None
        return round(wall.replace(tzinfo=self._visit.zone("")).timestamp() * SECOND)

    def _do(self) -> None:
        start, end = (self._time(self._times[name]) for name in ("from", "to"))
        assert start is not None and end is not None
        person = person_now(self._services, self._visit, acting=True)
        self._count = self._services.webhooks.replay_range(person, self._webhook, start, end)

    async def _then(self) -> None:
        if self._count is not None:
            self._told(self._count)
