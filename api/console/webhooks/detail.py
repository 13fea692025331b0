"""One webhook: how it stands, what can be done with it, and what was sent, request by request."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nicegui.events import GenericEventArguments

from api.console.account_dialogs import AskDialog, SecretDialog
from api.console.consoles import Console
from api.console.layout import Node, back_link, grade
from api.console.opening import Answer, Opened, Pages
from api.console.rows import full_moment
from api.console.visit import person_now
from api.console.webhooks import texts
from api.console.webhooks.dialogs import RangeDialog, WebhookDialog
from api.console.webhooks.page import PATH, choices
from api.console.webhooks.shown import answer_words, ended_words, filter_words, kind_words, standing_words, when
from api.http.paging import Page
from api.services import Services
from api.webhooks.service import Wish
from linli.db.people import Person
from linli.db.webhookrows import Delivery, Webhook
from linli.errors import LinliError, NotFound
from linli.i18n import Text
from linli.roles import Operation
from linli.webhooks import Outcome

SHOWN = 30


@dataclass(frozen=True, slots=True)
class _Found:
    """What is shown."""

    webhook: Webhook
    owner: str
    log: Page[Delivery]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which part of the log: of one outcome, from before a number on."""

    outcome: Outcome | None = None
    before: int | None = None


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page(PATH + "/{webhook_id}", Operation.MANAGE_WEBHOOKS)
    async def one(opened: Opened, webhook_id: str) -> Answer:
        visit = opened.visit
        try:
            found = await asyncio.to_thread(_read, services, visit.person, webhook_id, _Asked())
        except NotFound:
            found = None
        communities, rules = await asyncio.to_thread(choices, services, visit.person)
        with opened.frame(texts.WEBHOOKS, PATH):
            back_link(texts.BACK, visit.language, PATH)
            if found is None:
                Node("div", texts.NO_SUCH.of(visit.language), "panel")
            else:
                _Detail(services, opened.console, found, communities, rules)
        return None


def _read(services: Services, person: Person, name: str, asked: _Asked) -> _Found:
    webhook = services.webhooks.get(person, name)
    log = services.webhooks.deliveries(person, name, SHOWN, asked.before, asked.outcome)
    return _Found(webhook, services.webhooks.owner_name(person, webhook), log)


class _Detail:
    """The page, drawn again after each act."""

    def __init__(
        self,
        services: Services,
        console: Console,
        found: _Found,
        communities: Mapping[str, Text],
        rules: Mapping[str, Text],
    ) -> None:
        self._services = services
        self._visit = console.visit
        self._client = console.client
        self._communities = communities
        self._found = found
        self._asked = _Asked()
        self._said: Text | None = None
        self._well = True
        self._new_secret = ""
        language = self._visit.language
        self._once = SecretDialog(language, texts.SECRET_ONCE, texts.SECRET_ONCE_HELP, self._look)
        self._edit = WebhookDialog(services, self._visit, communities, rules, self._once, self._look)
        self._ask = AskDialog(services, self._visit, self._after)
        self._range = RangeDialog(services, self._visit, self._range_replayed)
        self._box = Node("div", data_test="webhook")
        self._draw()

    # --- looking --------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        try:
            person = await asyncio.to_thread(person_now, self._services, self._visit)
            self._found = await asyncio.to_thread(_read, self._services, person, self._found.webhook.id, self._asked)
        except NotFound:
            self._client.open(PATH)
            return
        except LinliError as error:
            self._tell(error.text, well=False)
        self._draw()

    async def _after(self) -> None:
        """An act may have made a secret, to show before anything else."""
        if self._new_secret:
            secret, self._new_secret = self._new_secret, ""
            self._once.show(self._found.webhook.name, secret)
        else:
            await self._look()

    def _say(self, text: Text) -> str:
        return text.of(self._visit.language)

    def _tell(self, said: Text, *, well: bool = True) -> None:
        self._said, self._well = said, well

    # --- what is shown --------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        self._box.clear()
        with self._box:
            self._head()
            if self._said is not None:
                classes = "said-line spaced" if self._well else "fault-line spaced"
                Node("div", self._say(self._said), classes, role="status", data_test="said")
            self._facts()
            self._log()

    def _head(self) -> None:
        webhook = self._found.webhook
        words, sign = standing_words(webhook)
        with Node("div", classes="board-head"):
            Node("h1", webhook.name)
            grade(sign, self._say(words))
            Node("div", classes="push")
            self._button(texts.EDIT, "edit", lambda: self._edit.ask(self._found.webhook), main=True)
            self._button(texts.TEST, "send-test", self._test)

    def _facts(self) -> None:
        webhook, now = self._found.webhook, self._services.clock.now()
        standing = webhook.standing
        with Node("div", classes="cols even spaced"):
            with Node("div", classes="panel"):
                if (ended := ended_words(webhook)) is not None:
                    Node("div", self._say(ended), "fault-line spaced", data_test="ended")
                with Node("dl", classes="facts"):
                    self._fact(texts.ADDRESS, webhook.url)
                    self._fact(texts.OWNER, self._found.owner)
                    self._fact(texts.CREATED, when(webhook.created_at, self._visit, now))
                    self._fact(
                        texts.LAST_SUCCESS, when(webhook.last_success_at, self._visit, now) or self._say(texts.NEVER)
                    )
                    if standing.failing_since is not None:
                        since = when(standing.failing_since, self._visit, now)
                        self._fact(
                            texts.FAILING_SINCE, self._say(texts.FAILURES.format(when=since, n=standing.failures))
                        )
                    if standing.failures and standing.enabled:
                        self._fact(texts.NEXT_TRY, when(standing.next_try_at, self._visit, now))
                    if webhook.former_until is not None and webhook.former_until > now:
                        self._fact(texts.FORMER, when(webhook.former_until, self._visit, now))
            with Node("div", classes="panel"):
                with Node("dl", classes="facts"):
                    narrowed = filter_words(webhook.filter, self._communities)
                    for name, value in narrowed:
                        self._fact(name, self._say(value))
                    if not narrowed:
                        self._fact(texts.WHAT, self._say(texts.ALL))
                    if webhook.within is not None:
                        self._fact(texts.WITHIN, ", ".join(sorted(webhook.within)))
                self._acts(webhook)

    def _acts(self, webhook: Webhook) -> None:
        with Node("div", classes="acts"):
            if webhook.standing.enabled:
                self._asking(texts.PAUSE, texts.PAUSE_HELP, "pause", lambda by: self._enable(by, False))
            else:
                self._asking(texts.RESUME, texts.RESUME_HELP, "resume", lambda by: self._enable(by, True))
            self._asking(texts.ROTATE, texts.ROTATE_HELP, "rotate", self._rotate)
            self._asking(
                texts.REMOVE, texts.REMOVE_HELP, "remove", lambda by: self._services.webhooks.remove(by, webhook.id)
            )

    def _log(self) -> None:
        outcomes = {"": self._say(texts.ANY)} | {one.value: self._say(words) for one, words in texts.OUTCOMES.items()}
        chosen = "" if self._asked.outcome is None else self._asked.outcome.value
        with Node("section", data_test="log"):
            with Node("div", classes="list-head"):
                Node("h2", self._say(texts.LOG))
                Node("div", classes="push")
                self._choice(outcomes, chosen)
                self._button(texts.REFRESH, "refresh", self._newest)
                self._button(texts.REPLAY_RANGE, "replay-range", lambda: self._range.ask(self._found.webhook.id))
            if not self._found.log.items:
                Node("div", self._say(texts.NOTHING_SENT), "panel")
            else:
                with Node("ul", classes="rows"):
                    for line in self._found.log.items:
                        self._line(line)
            with Node("div", classes="list-head"):
                if self._asked.before is not None:
                    self._button(texts.NEWEST, "newest", self._newest)
                following = self._found.log.following
                if following is not None:
                    self._button(texts.OLDER, "older", lambda: self._turn(int(following[0])))

    def _choice(self, outcomes: Mapping[str, str], chosen: str) -> None:
        field = Node("select", classes="search", aria_label=self._say(texts.OUTCOME), data_test="outcome")
        with field:
            for value, word in outcomes.items():
                option = Node("option", word, value=value)
                if value == chosen:
                    option.props["selected"] = True
        field.on("change", self._narrow, js_handler="(event) => emit(event.target.value)")

    def _line(self, line: Delivery) -> None:
        zone, language = self._visit.zone(""), self._visit.language
        sign = "ok" if line.outcome is Outcome.DELIVERED else "fault"
        with Node("li", classes="row-d", data_delivery=str(line.id), data_outcome=line.outcome.value):
            Node("div", full_moment(line.at, zone), "muted")
            grade(sign, self._say(texts.OUTCOMES[line.outcome]))
            with Node("div"):
                Node("b", self._say(kind_words(line)))
                origin = texts.ORIGINS.get(line.origin)
                if line.change is not None and origin is not None:
                    Node("span", origin.of(language), "tag")
                took = texts.TOOK.format(ms=round(line.duration_us / 1000))
                Node("span", f" · {self._say(answer_words(line))} · {self._say(took)}", "muted")
                if line.next_try_at is not None:
                    again = texts.AGAIN_AT.format(when=full_moment(line.next_try_at, zone))
                    Node("small", self._say(again), "muted")
                with Node("details"):
                    Node("summary", self._say(texts.BODY if line.status is not None else texts.MESSAGE), "muted")
                    if line.status is not None:
                        Node("pre", line.excerpt or self._say(texts.NO_BODY))
                    Node("small", f"{self._say(texts.MESSAGE)}: {line.message}", "muted")
            if line.change is not None:
                self._button(texts.REPLAY, "replay", lambda: self._replay(line.id))

    def _fact(self, name: Text, value: str) -> None:
        Node("dt", self._say(name))
        Node("dd", value)

    def _button(self, words: Text, name: str, call: Callable[[], object], *, main: bool = False) -> None:
        classes = "btn btn-main" if main else "btn"
        Node("button", self._say(words), classes, type="button", data_test=name).on("click", call)

    def _asking(self, words: Text, help_: Text, name: str, do: Callable[[Person], object]) -> None:
        subject = self._found.webhook.name
        self._button(words, name, lambda: self._ask.ask(words, subject, help_, lambda by, _text: do(by)))

    # --- what is done ---------------------------------------------------------------------------------------------

    def _enable(self, by: Person, enabled: bool) -> None:
        webhook = self._found.webhook
        wish = Wish(webhook.name, webhook.url, webhook.filter, enabled)
        self._services.webhooks.change(by, webhook.id, webhook.version, wish)

    def _rotate(self, by: Person) -> None:
        _, self._new_secret = self._services.webhooks.rotate(by, self._found.webhook.id)

    async def _test(self) -> None:
        try:
            person = await asyncio.to_thread(person_now, self._services, self._visit, acting=True)
            webhook = await asyncio.to_thread(self._services.webhooks.get, person, self._found.webhook.id)
            line = await self._services.webhooks.test(webhook)
        except LinliError as error:
            self._tell(error.text, well=False)
        else:
            self._tell(texts.TESTED.format(what=answer_words(line)), well=line.outcome is Outcome.DELIVERED)
        await self._newest()

    async def _replay(self, delivery: int) -> None:
        try:
            person = await asyncio.to_thread(person_now, self._services, self._visit, acting=True)
            await asyncio.to_thread(self._services.webhooks.replay_one, person, self._found.webhook.id, delivery)
        except LinliError as error:
            self._tell(error.text, well=False)
        else:
            self._tell(texts.REPLAYED)
        await self._look()

    def _range_replayed(self, count: int) -> None:
        self._tell(texts.RANGE_REPLAYED.format(n=count))
        self._draw()

    async def _narrow(self, event: GenericEventArguments) -> None:
        chosen = str(event.args)
        self._asked = _Asked(Outcome(chosen) if chosen in set(Outcome) else None)
        await self._look()

    async def _newest(self) -> None:
        await self._turn(None)

    async def _turn(self, before: int | None) -> None:
        self._asked = _Asked(self._asked.outcome, before)
        await self._look()
