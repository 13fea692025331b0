"""One account, for who manages them: who it is, what it may, where it is signed in, its tokens, and ways back in."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from api.accounts.service import AccountService
from api.console import account_texts
from api.console.account_dialogs import AccountDialog, AskDialog, SecretDialog, TokenDialog
from api.console.account_page import day_of
from api.console.accounts_page import account_tags, where_words
from api.console.consoles import Console
from api.console.layout import Node, back_link
from api.console.opening import Answer, Opened, Pages
from api.console.sessions_list import session_row, token_row
from api.console.visit import person_now
from api.services import Services
from linli.db.people import Account, ApiToken, Changes, Person, Session
from linli.errors import LinliError
from linli.i18n import Text
from linli.roles import ROLES, Operation

Do = Callable[[Person, str], object]
"""What is done to an account: takes who asks, and what was typed."""


@dataclass(frozen=True, slots=True)
class _Found:
    """All that is shown of one account."""

    account: Account
    sessions: list[Session]
    tokens: list[ApiToken]


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services
    accounts = AccountService(services.people, services.database.whole(), services.settings.oidc_issuer)

    @pages.page("/accounts/{account_id}", Operation.MANAGE_ACCOUNTS)
    async def one(opened: Opened, account_id: str) -> Answer:
        visit = opened.visit
        try:
            found = await asyncio.to_thread(_read, accounts, visit.person, account_id)
        except LinliError:
            found = None
        places = await asyncio.to_thread(accounts.places, visit.person)
        with opened.frame(account_texts.ACCOUNTS, "/accounts"):
            back_link(account_texts.BACK_TO_ACCOUNTS, visit.language, "/accounts")
            if found is None:
                Node("div", account_texts.NO_SUCH_ACCOUNT.of(visit.language), "panel")
            else:
                _Detail(services, accounts, opened.console, found, *places)
        return None


def _read(accounts: AccountService, person: Person, account_id: str) -> _Found:
    account = accounts.get(person, account_id)
    tokens = [token for token in accounts.tokens(person) if token.user_id == account_id]
    return _Found(account, accounts.sessions(person, account_id), tokens)


class _Detail:
    """The page, drawn again after each act."""

    def __init__(
        self,
        services: Services,
        accounts: AccountService,
        console: Console,
        found: _Found,
        communities: dict[str, Text],
        committees: dict[str, Text],
    ) -> None:
        self._services = services
        self._accounts = accounts
        self._visit = console.visit
        self._language = language = console.visit.language
        self._found = found
        self._names = communities | committees
        password = SecretDialog(language, account_texts.PASSWORD_ONCE, account_texts.PASSWORD_ONCE_HELP, self._look)
        secret = SecretDialog(language, account_texts.SECRET_ONCE, account_texts.SECRET_ONCE_HELP, self._look)
        self._password = password
        self._edit = AccountDialog(services, accounts, self._visit, communities, committees, done=self._look)
        self._token = TokenDialog(services, accounts, self._visit, communities, secret)
        self._ask = AskDialog(services, self._visit, self._after)
        self._made = ""
        self._box = Node("div", data_test="account-detail")
        self._draw()

    async def _look(self) -> None:
        person = await asyncio.to_thread(person_now, self._services, self._visit)
        self._found = await asyncio.to_thread(_read, self._accounts, person, self._found.account.person.id)
        self._draw()

    async def _after(self) -> None:
        """An act may have made a password, to show before anything else."""
        if self._made:
            made, self._made = self._made, ""
            self._password.show(self._found.account.person.display_name, made)
        else:
            await self._look()

    def _draw(self) -> None:
        self._box.clear()
        with self._box:
            self._head()
            self._facts()
            self._sessions()
            self._tokens()

    def _head(self) -> None:
        account, language = self._found.account, self._language
        with Node("div", classes="board-head"):
            Node("h1", account.person.display_name)
            for tag in account_tags(account):
                Node("span", tag.of(language), "tag")
            Node("div", classes="push")
            self._button(account_texts.EDIT, "edit", lambda: self._edit.ask(self._found.account), main=True)

    def _facts(self) -> None:
        account, language = self._found.account, self._language
        person = account.person
        duty = ROLES[person.role]
        with Node("div", classes="cols even spaced"):
            with Node("div", classes="panel"), Node("dl", classes="facts"):
                self._fact(account_texts.SIGN_IN_NAME, person.name)
                self._fact(account_texts.ROLE, duty.name.of(language))
                self._fact(account_texts.REACHES, where_words(account, self._names).of(language))
                self._fact(account_texts.CREATED, day_of(account.created_at, self._visit))
                if self._accounts.issuer is not None:
                    linked = account.subject or account_texts.NOT_LINKED_YET.of(language)
                    self._fact(account_texts.LINKED_AS, linked)
            with Node("div", classes="panel fields"):
                if duty.tokens_only:
                    Node("p", account_texts.TOKENS_ONLY.of(language), "muted")
                else:
                    self._asking(
                        account_texts.RESET_PASSWORD, account_texts.RESET_PASSWORD_HELP, "reset-password", self._reset
                    )
                if account.second_factor:
                    self._asking(
                        account_texts.RESET_FACTOR,
                        account_texts.RESET_FACTOR_HELP,
                        "reset-factor",
                        lambda by, _: self._accounts.reset_factor(by, person.id),
                    )
                if self._accounts.issuer is not None and not duty.tokens_only:
                    subject = (account_texts.LINKED_AS, account.subject or "")
                    self._asking(account_texts.LINK, account_texts.LINK_HELP, "link", self._link, subject)
                if person.enabled:
                    self._asking(account_texts.DISABLE, account_texts.DISABLE_HELP, "disable", self._enable(False))
                else:
                    self._asking(account_texts.ENABLE, account_texts.ENABLE_HELP, "enable", self._enable(True))

    def _sessions(self) -> None:
        found, language = self._found, self._language
        person = found.account.person
        with Node("div", classes="list-head"):
            Node("h2", account_texts.SESSIONS_OF.of(language))
            if len(found.sessions) > 1:
                self._asking(
                    account_texts.END_ALL,
                    account_texts.END_ALL_HELP,
                    "end-all",
                    lambda by, _: self._accounts.end_sessions(by, person.id),
                )
        if not found.sessions:
            Node("p", account_texts.NO_SESSIONS.of(language), "muted spaced")
            return
        with Node("ul", classes="rows spaced", data_test="sessions"):
            for session in found.sessions:
                with session_row(session, self._services, self._visit):
                    self._asking(
                        account_texts.END,
                        account_texts.END_ALL_HELP,
                        "end-session",
                        partial(self._end, session.id),
                    )

    def _tokens(self) -> None:
        found, language, now = self._found, self._language, self._services.clock.now()
        with Node("div", classes="list-head"):
            Node("h2", account_texts.TOKENS.of(language))
            self._button(account_texts.NEW_TOKEN, "new-token", lambda: self._token.ask(self._found.account))
        if not found.tokens:
            Node("p", account_texts.NO_TOKENS.of(language), "muted")
            return
        with Node("ul", classes="rows", data_test="tokens"):
            for token in found.tokens:
                with token_row(token, self._services, self._visit):
                    if token.works(now):
                        self._asking(
                            account_texts.REVOKE,
                            account_texts.REVOKE_HELP,
                            "revoke",
                            partial(self._revoke, token.id),
                        )

    def _fact(self, name: Text, value: str) -> None:
        Node("dt", name.of(self._language))
        Node("dd", value)

    def _button(self, words: Text, name: str, call: Callable[[], object], *, main: bool = False) -> None:
        classes = "btn btn-main" if main else "btn"
        Node("button", words.of(self._language), classes, type="button", data_test=name).on("click", call)

    def _asking(self, words: Text, help_: Text, name: str, do: Do, field: tuple[Text, str] | None = None) -> None:
        """A button that asks first."""
        subject = self._found.account.person.display_name
        self._button(words, name, lambda: self._ask.ask(words, subject, help_, do, field))

    def _end(self, session: str, by: Person, _text: str) -> None:
        self._accounts.end_session(by, self._found.account.person.id, session)

    def _revoke(self, token: str, by: Person, _text: str) -> None:
        self._accounts.revoke_token(by, token)

    def _reset(self, by: Person, _text: str) -> None:
        self._made = self._accounts.reset_password(by, self._found.account.person.id)

    def _link(self, by: Person, subject: str) -> None:
        account = self._found.account.person.id
        if subject:
            self._accounts.link(by, account, subject)
        else:
            self._accounts.unlink(by, account)

    def _enable(self, enabled: bool) -> Do:
        account = self._found.account.person.id
        return lambda by, _: self._accounts.change(by, account, Changes(enabled=enabled))
