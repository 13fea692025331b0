"""The dialogs of accounts: add or change one, make a token, show a secret once, and ask before something that cannot be undone."""

from collections.abc import Awaitable, Callable, Mapping

from nicegui import ui
from nicegui.events import GenericEventArguments

from api.accounts.service import AccountService
from api.console import account_texts, own_texts
from api.console.foot import Foot
from api.console.layout import Node, choice
from api.console.visit import Visit, person_now
from api.services import Services
from linli.db.people import Account, Changes, Person
from linli.i18n import Text
from linli.model import Role
from linli.roles import OPERATIONS, ROLES, Operation, Reach

MANY = 12
"""Of more than these a list to choose from can be searched."""
TOKEN_DAYS = (7, 30, 90, 180, 365)


class SecretDialog:
    """Shows a secret once. `done` is called when it is closed."""

    def __init__(self, language: str, title: Text, words: Text, done: Callable[[], Awaitable[None]]) -> None:
        with ui.dialog().props("persistent") as self._dialog, Node("div", classes="dialog", data_test="once"):
            Node("h2", title.of(language))
            self._subject = Node("p", classes="subject")
            self._secret = Node("code", classes="once", data_test="secret")
            Node("p", words.of(language), "muted")
            with Node("div", classes="actions"):
                button = Node(
                    "button", account_texts.DONE.of(language), "btn btn-main", type="button", data_test="done"
                )
        self._done = done
        button.on("click", self._close)

    def show(self, subject: str, secret: str) -> None:
        """Open with this."""
        self._subject.set_text(subject)
        self._secret.set_text(secret)
        self._dialog.open()

    async def _close(self) -> None:
        self._dialog.close()
        self._secret.set_text("")
        await self._done()


class Picks:
    """Some of several, by check boxes, in the order in which they are given. Where there are many they can be searched, and what is
    chosen comes first."""

    def __init__(
        self, language: str, title: Text, options: Mapping[str, Text], chosen: frozenset[str], name: str
    ) -> None:
        self._language = language
        self._options = options
        self.chosen = set(chosen)
        self._sought = ""
        with Node("div", classes="picked", data_test=name):
            Node("span", title.of(language))
            if len(options) > MANY:
                words = account_texts.SEARCH_HERE.of(language)
                search = Node("input", classes="search", type="search", placeholder=words, aria_label=words)
                search.on("input", self._seek, js_handler="(event) => emit(event.target.value)")
            self._box = Node("div", classes="picks")
        self._draw()

    def _seek(self, event: GenericEventArguments) -> None:
        self._sought = str(event.args).strip().casefold()[:100]
        self._draw()

    def _draw(self) -> None:
        self._box.clear()
        many = len(self._options) > MANY
        with self._box:
            for one in sorted(self._options, key=lambda one: many and one not in self.chosen):
                name = self._options[one]
                if self._sought in f"{name.zh} {name.en} {one}".casefold():
                    self._pick(one, name)

    def _pick(self, one: str, name: Text) -> None:
        with Node("label", classes="pick"):
            box = Node("input", type="checkbox", value=one)
            if one in self.chosen:
                box.props["checked"] = True
            Node("span", name.of(self._language))

        def change(event: GenericEventArguments) -> None:
            (self.chosen.add if event.args else self.chosen.discard)(one)

        box.on("change", change, js_handler="(event) => emit(event.target.checked)")


class AccountDialog:
    """Adds an account, or changes one. `once` shows the password of a new one; `done` is called after a change."""

    def __init__(
        self,
        services: Services,
        accounts: AccountService,
        visit: Visit,
        communities: Mapping[str, Text],
        committees: Mapping[str, Text],
        once: SecretDialog | None = None,
        done: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._services = services
        self._accounts = accounts
        self._visit = visit
        self._places = (communities, committees)
        self._once = once
        self._changed = done
        self._account: Account | None = None
        self._name = self._shown = self._registered = ""
        self._role = Role.SECURITY
        self._made: tuple[str, str | None] | None = None
        self._committees: Picks | None = None
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog tall", data_test="account-dialog")

    def ask_new(self) -> None:
        """Open for a new account."""
        self._account, self._name, self._shown, self._role = None, "", "", Role.SECURITY
        self._registered = ""
        self._open(frozenset(), frozenset())

    def ask(self, account: Account) -> None:
        """Open for one that is there."""
        self._account, self._shown, self._role = account, account.person.display_name, account.person.role
        self._registered = account.person.registered_as or ""
        self._open(account.communities, account.committees)

    def _open(self, communities: frozenset[str], committees: frozenset[str]) -> None:
        language = self._visit.language
        self._made = None
        self._box.clear()
        with self._box:
            new = self._account is None
            Node("h2", (account_texts.ADD_ACCOUNT if new else account_texts.EDIT).of(language))
            if self._account is None:
                text_field(account_texts.SIGN_IN_NAME, self._name_typed, language, "name")
                Node("p", account_texts.SIGN_IN_NAME_HELP.of(language), "muted")
            else:
                Node("p", self._account.person.name, "subject")
                Node("p", account_texts.EDIT_HELP.of(language), "muted")
            text_field(account_texts.DISPLAY_NAME, self._shown_typed, language, "display-name", self._shown)
            roles = {role.value: ROLES[role].name.of(language) for role in Role}
            choice(account_texts.ROLE.of(language), roles, self._role.value, self._role_chosen, "role")
            self._what = Node("p", classes="muted")
            self._is = Node("div", classes="fields")
            with self._is:
                text_field(own_texts.PERSON_ID, self._registered_typed, language, "person", self._registered)
                Node("p", own_texts.PERSON_ID_HELP.of(language), "muted")
            self._belongs = Node("div", classes="fields")
            with self._belongs:
                self._communities = Picks(
                    language, account_texts.COMMUNITIES, self._places[0], communities, "communities"
                )
                if self._places[1]:
                    self._committees = Picks(
                        language, account_texts.COMMITTEES, self._places[1], committees, "committees"
                    )
            button = account_texts.ADD if new else account_texts.SAVE
            Foot(self._dialog, language, button, self._missing, self._do, self._then, data_test="save")
        self._explain()
        self._dialog.open()

    def _name_typed(self, text: str) -> None:
        self._name = text.strip().casefold()

    def _shown_typed(self, text: str) -> None:
        self._shown = text.strip()

    def _registered_typed(self, text: str) -> None:
        self._registered = text.strip()

    def _role_chosen(self, role: str) -> None:
        self._role = Role(role) if role in set(Role) else self._role
        self._explain()

    def _explain(self) -> None:
        duty, language = ROLES[self._role], self._visit.language
        self._what.set_text(duty.what.of(language))
        self._belongs.set_visibility(duty.reach is Reach.COMMUNITIES)
        self._is.set_visibility(duty.reach is Reach.OWN)

    def _missing(self) -> Text | None:
        if self._account is None and not self._name:
            return account_texts.NO_FIELD.format(name=account_texts.SIGN_IN_NAME)
        return None

    def _do(self) -> None:
        person = person_now(self._services, self._visit, acting=True)
        reach = ROLES[self._role].reach is Reach.COMMUNITIES
        communities = frozenset(self._communities.chosen if reach else ())
        committees = frozenset(self._committees.chosen if reach and self._committees is not None else ())
        if self._account is not None:
            self._change(person, self._account, communities, committees)
            return
        account, password = self._accounts.add(
            person,
            self._name,
            self._role,
            display_name=self._shown,
            communities=communities,
            committees=committees,
            registered_as=(self._registered or None) if ROLES[self._role].reach is Reach.OWN else None,
        )
        self._made = (account.person.display_name, password)

    def _change(
        self, person: Person, account: Account, communities: frozenset[str], committees: frozenset[str]
    ) -> None:
        role = self._role if self._role is not account.person.role else None
        shown = self._shown if self._shown and self._shown != account.person.display_name else None
        if ROLES[self._role].reach is Reach.COMMUNITIES:
            changes = Changes(shown, role, communities, committees)
        elif ROLES[self._role].reach is Reach.OWN and self._registered != (account.person.registered_as or ""):
            changes = Changes(shown, role, person=self._registered)
        else:
            changes = Changes(shown, role)
        self._accounts.change(person, account.person.id, changes)

    async def _then(self) -> None:
        if self._made is not None and self._once is not None:
            name, password = self._made
            self._once.show(name, password or account_texts.TOKENS_ONLY.of(self._visit.language))
        if self._account is not None and self._changed is not None:
            await self._changed()


class TokenDialog:
    """Makes a token for an account. `once` shows its secret."""

    def __init__(
        self,
        services: Services,
        accounts: AccountService,
        visit: Visit,
        communities: Mapping[str, Text],
        once: SecretDialog,
    ) -> None:
        self._services = services
        self._accounts = accounts
        self._visit = visit
        self._communities = communities
        self._once = once
        self._name, self._days = "", 90
        self._account: Account | None = None
        self._made: tuple[str, str] | None = None
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog tall", data_test="token-dialog")

    def ask(self, account: Account) -> None:
        """Open for an account."""
        self._account, self._name, self._days, self._made = account, "", 90, None
        language, person = self._visit.language, account.person
        allowed = ROLES[person.role].operations
        self._box.clear()
        with self._box:
            Node("h2", account_texts.NEW_TOKEN.of(language))
            Node("p", person.name, "subject")
            text_field(account_texts.TOKEN_FOR, self._typed, language, "token-name")
            days = {str(one): account_texts.DAYS.format(n=one).of(language) for one in TOKEN_DAYS}
            choice(account_texts.TOKEN_DAYS.of(language), days, "90", self._days_chosen, "days")
            options = {one.value: OPERATIONS[one] for one in sorted(allowed)}
            first = frozenset({Operation.SEE.value} & set(options))
            self._may = Picks(language, account_texts.TOKEN_SCOPE, options, first, "operations")
            seen = {one: name for one, name in self._communities.items() if person.sees(one)}
            self._where = Picks(language, account_texts.TOKEN_WHERE, seen, frozenset(), "where")
            Foot(self._dialog, language, account_texts.NEW_TOKEN, self._missing, self._do, self._then, data_test="make")
        self._dialog.open()

    def _typed(self, text: str) -> None:
        self._name = text.strip()

    def _days_chosen(self, days: str) -> None:
        self._days = int(days) if days in map(str, TOKEN_DAYS) else self._days

    def _missing(self) -> Text | None:
        return None if self._name else account_texts.NO_FIELD.format(name=account_texts.TOKEN_FOR)

    def _do(self) -> None:
        assert self._account is not None
        token, secret = self._accounts.make_token(
            person_now(self._services, self._visit, acting=True),
            self._account.person.name,
            self._name,
            self._days,
            [Operation(one) for one in sorted(self._may.chosen)],
            sorted(self._where.chosen) or None,
        )
        self._made = (token.name, secret)

    async def _then(self) -> None:
        if self._made is not None:
            self._once.show(*self._made)


class AskDialog:
    """Asks before something is done to an account. `do` takes who asks and what was typed; `done` is called afterwards."""

    def __init__(self, services: Services, visit: Visit, done: Callable[[], Awaitable[None]]) -> None:
        self._services = services
        self._visit = visit
        self._done = done
        self._text = ""
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog", data_test="ask")

    def ask(
        self,
        title: Text,
        subject: str,
        words: Text,
        do: Callable[[Person, str], object],
        field: tuple[Text, str] | None = None,
    ) -> None:
        """Open; `field`: a text that is asked for, and what it is now."""
        language = self._visit.language
        self._text = "" if field is None else field[1]

        def do_it() -> None:
            do(person_now(self._services, self._visit, acting=True), self._text)

        self._box.clear()
        with self._box:
            Node("h2", title.of(language))
            Node("p", subject, "subject")
            Node("p", words.of(language), "muted")
            if field is not None:
                text_field(field[0], self._typed, language, "text", field[1])
            Foot(
                self._dialog,
                language,
                title,
                lambda: None,
                do_it,
                self._done,
            )
        self._dialog.open()

    def _typed(self, text: str) -> None:
        self._text = text.strip()


def text_field(label: Text, call: Callable[[str], None], language: str, name: str, value: str = "") -> None:
    """A line to type; `call` hears what was typed."""
    with Node("label", classes="field"):
        Node("span", label.of(language))
        field = Node("input", type="text", value=value, maxlength=200, autocapitalize="none", data_test=name)

    def heard(event: GenericEventArguments) -> None:
        call(str(event.args))

    field.on("input", heard, js_handler="(event) => emit(event.target.value)")
