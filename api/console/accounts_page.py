"""Everybody's accounts, for who manages them: a list that can be searched, and a way to add one."""

import asyncio

from nicegui.events import GenericEventArguments

from api.accounts.service import AccountService
from api.console import account_texts, own_texts, texts
from api.console.account_dialogs import AccountDialog, SecretDialog
from api.console.consoles import Console
from api.console.layout import Node
from api.console.opening import Answer, Opened, Pages
from api.console.rows import ago
from api.console.visit import person_now
from api.http.paging import Page
from api.services import Services
from linli.db.people import Account, Person
from linli.i18n import Text
from linli.roles import ROLES, Operation, Reach

MOST_SHOWN = 200


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services
    accounts = AccountService(services.people, services.database.whole(), services.settings.oidc_issuer)

    @pages.page("/accounts", Operation.MANAGE_ACCOUNTS)
    async def everybody(opened: Opened) -> Answer:
        visit = opened.visit
        found = await asyncio.to_thread(_find, accounts, visit.person, "")
        places = await asyncio.to_thread(accounts.places, visit.person)
        with opened.frame(account_texts.ACCOUNTS, "/accounts"):
            _Board(services, accounts, opened.console, found, *places)
        return None


class _Board:
    """The list, searched as one types."""

    def __init__(
        self,
        services: Services,
        accounts: AccountService,
        console: Console,
        found: Page[Account],
        communities: dict[str, Text],
        committees: dict[str, Text],
    ) -> None:
        self._services = services
        self._accounts = accounts
        self._visit = console.visit
        self._found = found
        self._names = communities | committees
        self._sought = ""
        language = self._visit.language
        once = SecretDialog(language, account_texts.PASSWORD_ONCE, account_texts.PASSWORD_ONCE_HELP, self._look)
        dialog = AccountDialog(services, accounts, self._visit, communities, committees, once)
        with Node("div", classes="board-head"):
            Node("h1", account_texts.ACCOUNTS.of(language))
            words = account_texts.SEARCH.of(language)
            search = Node("input", classes="search", type="search", placeholder=words, aria_label=words)
            search.on("input", self._seek, js_handler="(event) => emit(event.target.value)")
            adding = Node(
                "button", account_texts.ADD_ACCOUNT.of(language), "btn btn-main", type="button", data_test="add"
            )
            adding.on("click", dialog.ask_new)
            Node("p", account_texts.ACCOUNTS_HELP.of(language), "muted")
        self._box = Node("div", data_test="accounts")
        self._draw()

    async def _look(self) -> None:
        sought = self._sought
        person = await asyncio.to_thread(person_now, self._services, self._visit)
        found = await asyncio.to_thread(_find, self._accounts, person, sought)
        if sought == self._sought:  # else somebody has typed on, and a later look has the answer
            self._found = found
            self._draw()

    async def _seek(self, event: GenericEventArguments) -> None:
        self._sought = str(event.args)[:100]
        await self._look()

    def _draw(self) -> None:
        language = self._visit.language
        self._box.clear()
        with self._box:
            if not self._found.items:
                Node("div", account_texts.NO_ACCOUNT_MATCHES.of(language), "panel")
                return
            with Node("ul", classes="rows"):
                for account in self._found.items:
                    self._row(account)
            if self._found.following is not None:
                Node("p", account_texts.ONLY_FIRST.format(n=MOST_SHOWN).of(language), "muted")

    def _row(self, account: Account) -> None:
        person, language, now = account.person, self._visit.language, self._services.clock.now()
        with Node("li", classes="row-u" + ("" if person.enabled else " over"), data_account=person.name):
            with Node("div"):
                with Node("div", classes="p-name"):
                    Node("a", person.display_name, href=f"/accounts/{person.id}")
                    for tag in account_tags(account):
                        Node("span", tag.of(language), "tag")
                Node("small", person.name, "muted")
            Node("div", ROLES[person.role].name.of(language), "u-role")
            Node("div", where_words(account, self._names).of(language), "u-where muted")
            seen = "" if account.last_seen_at is None else ago(now - account.last_seen_at).of(language)
            Node("small", seen, "u-seen muted")


def _find(accounts: AccountService, person: Person, sought: str) -> Page[Account]:
    return accounts.find(person, sought=sought, limit=MOST_SHOWN)


def account_tags(account: Account) -> list[Text]:
    """What is remarkable about it."""
    tags = [] if account.person.enabled else [account_texts.DISABLED]
    if account.one_time_until is not None:
        tags.append(account_texts.ONE_TIME)
    if account.second_factor:
        tags.append(account_texts.WITH_FACTOR)
    return tags


def where_words(account: Account, names: dict[str, Text]) -> Text:
    """Where somebody belongs, by name."""
    reach = ROLES[account.person.role].reach
    if reach is Reach.DISTRICT:
        return account_texts.EVERYTHING
    if reach is Reach.OWN:
        person = account.person.registered_as
        return own_texts.LINKED_TO_NOBODY if person is None else own_texts.LINKED_TO.format(person=person)
    found = [names.get(one, Text(one, one)) for one in (*sorted(account.committees), *sorted(account.communities))]
    if not found:
        return account_texts.BELONGS_NOWHERE
    shown = found[:4]
    more = texts.AND_MORE.format(n=len(found) - len(shown)) if len(found) > len(shown) else None
    zh, en = texts.LIST_PAUSE.zh.join(one.zh for one in shown), texts.LIST_PAUSE.en.join(one.en for one in shown)
    return Text(zh, en) if more is None else Text(f"{zh}，{more.zh}", f"{en}, {more.en}")
