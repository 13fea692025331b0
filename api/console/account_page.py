"""One's own account: password, second factor, where one is signed in, tokens. Everything here is a plain form: whatever decides
who gets in renews the session's cookie, which only an answer to a request can set.
"""

import asyncio

from fastapi.responses import RedirectResponse

from api.console import account_texts, own_texts, texts
from api.console.consoles import Console
from api.console.layout import Node, back_link
from api.console.login_page import FAULTS, field, new_password_fields, offer_fields
from api.console.opening import Answer, Opened, Pages
from api.console.sessions_list import revoke_form, session_row, token_row
from api.console.visit import Visit
from api.console.webhooks import texts as webhook_texts
from api.scope import may
from api.services import Services
from linli.clock import local_time
from linli.db.people import ApiToken, FactorState, Offer, Session
from linli.errors import LinliError
from linli.i18n import Text
from linli.model import Role
from linli.roles import ROLES, Operation

SAID: dict[str, Text] = {
    "password": account_texts.PASSWORD_CHANGED,
    "off": account_texts.FACTOR_DROPPED,
    "ended": account_texts.SESSION_ENDED,
    "others": account_texts.SESSIONS_ENDED,
    "revoked": account_texts.TOKEN_REVOKED,
}


def add(pages: Pages) -> None:
    """Add the pages."""
    services = pages.services
    people = services.people

    def read(visit: Visit) -> tuple[FactorState, bool, list[Session], str | None, list[ApiToken]]:
        entered = people.sessions.enter(visit.token)
        own = None if entered is None else entered.session.id
        person = visit.person
        factor, asks = people.factors.state(person.id), people.needs_code(visit.token)
        return factor, asks, people.sessions.of(person.id), own, people.tokens.all(person.id)

    @pages.page("/account", None)
    async def account(opened: Opened, said: str = "", fault: str = "") -> Answer:
        visit = opened.visit
        found = await asyncio.to_thread(read, visit)
        with opened.frame(account_texts.ACCOUNT, "/account"):
            page = _Account(services, opened.console)
            page.head(said, fault)
            page.draw(*found)
        return None

    @pages.page("/account/second-factor", None)
    async def second_factor(opened: Opened, fault: str = "") -> Answer:
        visit = opened.visit
        try:
            offer = await asyncio.to_thread(people.offered_factor, visit.token)
        except LinliError:
            return RedirectResponse("/account?fault=late", 303)
        with opened.frame(account_texts.ENROL_TITLE, "/account"):
            _Account(services, opened.console).enrolment(offer, fault)
        return None


class _Account:
    """The page in one language."""

    def __init__(self, services: Services, console: Console) -> None:
        self._services = services
        self._visit = console.visit
        self._language = console.visit.language
        self._role: Role = console.visit.person.role

    def head(self, said: str, fault: str) -> None:
        """Whose account it is, and what became of what was posted."""
        with Node("div", classes="board-head"):
            Node("h1", account_texts.ACCOUNT.of(self._language))
            if may(self._visit.person, Operation.MANAGE_WEBHOOKS):
                Node("div", classes="push")
                Node("a", webhook_texts.WEBHOOKS.of(self._language), "btn", href="/webhooks", data_test="webhooks")
        self._told(said, fault)

    def draw(
        self, factor: FactorState, asks: bool, sessions: list[Session], own: str | None, tokens: list[ApiToken]
    ) -> None:
        """All of it. `asks`: the present second factor is to be shown before anything becomes of it."""
        with Node("div", classes="cols even spaced"):
            with Node("div", classes="stack"):
                self._who()
                self._password()
            self._factor(factor, asks)
        self._sessions(sessions, own)
        if tokens:
            self._tokens(tokens)

    def enrolment(self, offer: Offer, fault: str) -> None:
        """The QR code and the field for the first code."""
        back_link(account_texts.BACK_TO_ACCOUNT, self._language, "/account")
        with Node("div", classes="board-head"):
            Node("h1", account_texts.ENROL_TITLE.of(self._language))
        self._told("", fault)
        with (
            Node("div", classes="panel narrow"),
            Node("form", classes="fields", method="post", action="/account/second-factor/confirm"),
        ):
            Node("p", account_texts.ENROL_HELP_OWN.of(self._language), "muted")
            offer_fields(offer, self._language)
            self._button(account_texts.CONTINUE, "confirm-factor", main=True)

    def _told(self, said: str, fault: str) -> None:
        if fault in FAULTS:
            Node("div", FAULTS[fault].of(self._language), "fault-line spaced", role="alert")
        elif said in SAID:
            Node("div", SAID[said].of(self._language), "said-line spaced", role="status")

    def _who(self) -> None:
        person, language = self._visit.person, self._language
        with Node("div", classes="panel"):
            Node("h2", person.display_name)
            with Node("dl", classes="facts"):
                self._fact(account_texts.SIGN_IN_NAME, person.name)
                self._fact(account_texts.ROLE, ROLES[person.role].name.of(language))
                if person.communities is None:
                    reaches = account_texts.EVERYTHING.of(language)
                elif may(person, Operation.SEE_OWN):
                    reaches = own_texts.MY_DATA.of(language)
                else:
                    names = self._services.sights.of(person).names
                    pause = texts.LIST_PAUSE.of(language)
                    reaches = pause.join(names.community(one).of(language) for one in sorted(person.communities))
                self._fact(account_texts.REACHES, reaches or account_texts.NOTHING.of(language))

    def _fact(self, name: Text, value: str) -> None:
        Node("dt", name.of(self._language))
        Node("dd", value)

    def _password(self) -> None:
        with Node("div", classes="panel"):
            Node("h2", account_texts.CHANGE_PASSWORD.of(self._language))
            with Node("form", classes="fields", method="post", action="/account/password"):
                new_password_fields(self._language)
                self._button(account_texts.CHANGE_PASSWORD, "change-password", main=True)

    def _factor(self, factor: FactorState, asks: bool) -> None:
        language = self._language
        must = self._services.people.policy.demands_factor(self._role)
        with Node("div", classes="panel", data_test="factor"):
            Node("h2", account_texts.CODE_TITLE.of(language))
            if factor.since is None:
                Node("p", account_texts.FACTOR_OFF.of(language), "muted")
            else:
                with Node("dl", classes="facts spaced"):
                    when = self._when(factor.since)
                    Node("dt", account_texts.CODE_TITLE.of(language))
                    Node("dd", account_texts.FACTOR_ON.format(when=when).of(language))
                    Node("dt", account_texts.RECOVERY.of(language))
                    Node("dd", account_texts.RECOVERY_LEFT.format(n=factor.recovery_codes).of(language))
            if must:
                Node("p", account_texts.FACTOR_REQUIRED.of(language), "muted")
            with Node("form", classes="fields", method="post", action="/account/second-factor"):
                field(account_texts.CONFIRM_PASSWORD.of(language), "password", "password", "current-password")
                if asks:
                    field(account_texts.CODE.of(language), "code", "text", "one-time-code")
                with Node("div", classes="control-acts"):
                    self._button(account_texts.REPLACE_PHONE if factor.on else account_texts.SET_UP, "offer", main=True)
                    if factor.on:
                        self._button(account_texts.NEW_CODES, "new-codes", to="/account/recovery-codes")
                    if factor.on and not must:
                        self._button(account_texts.TURN_OFF, "drop-factor", to="/account/second-factor/off")

    def _sessions(self, sessions: list[Session], own: str | None) -> None:
        language = self._language
        with Node("div", classes="list-head"):
            Node("h2", account_texts.SESSIONS.of(language))
            if len(sessions) > 1:
                with Node("form", classes="inline", method="post", action="/account/sessions/end-others"):
                    self._button(account_texts.END_OTHERS, "end-others")
        Node("p", account_texts.SESSIONS_HELP.of(language), "muted")
        with Node("ul", classes="rows spaced", data_test="sessions"):
            for session in sessions:
                with session_row(session, self._services, self._visit, current=session.id == own):
                    if session.id != own:
                        with Node("form", classes="inline", method="post", action="/account/sessions/end"):
                            Node("input", type="hidden", name="session", value=session.id)
                            self._button(account_texts.END, "end-session")

    def _tokens(self, tokens: list[ApiToken]) -> None:
        now = self._services.clock.now()
        with Node("div", classes="list-head"):
            Node("h2", account_texts.TOKENS.of(self._language))
        with Node("ul", classes="rows", data_test="tokens"):
            for token in tokens:
                with token_row(token, self._services, self._visit):
                    if token.works(now):
                        revoke_form(token.id, self._language)

    def _button(self, words: Text, name: str, *, main: bool = False, to: str | None = None) -> None:
        classes = "btn btn-main" if main else "btn"
        button = Node("button", words.of(self._language), classes, type="submit", data_test=name)
        if to is not None:
            button.props["formaction"] = to

    def _when(self, at: int) -> str:
        return day_of(at, self._visit)


def day_of(at: int, visit: Visit) -> str:
    """The day, by the reader's clock."""
    return local_time(at, visit.zone("")).strftime("%Y-%m-%d")
