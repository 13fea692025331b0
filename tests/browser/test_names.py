"""People whose names are markup, in a real browser: shown as they are written, and nothing of it runs."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from linli.db.people import People
from linli.db.registrywriting import put
from linli.i18n import Text
from linli.model import Place, Role
from linli.registry.changes import Origin
from linli.registry.inhabitants import Contact, Credential, Household, Person, Resident
from linli.registry.kinds import Item
from tests.browser import world
from tests.browser.conftest import ConsoleProcess, SignIn
from tests.browser.test_persons import find, unmask

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

EVIL = world.EVIL


@pytest.fixture(scope="module")
def evil(console: ConsoleProcess) -> Iterator[str]:
    """A resident, their room and an account, all of that name; the person's id."""
    place = Place("c001-b7", "c001", "building", Text(EVIL, EVIL), None, "7")
    room = Place("c001-b7-r1", "c001", "room", Text(EVIL, EVIL), place.id, "1")
    items: list[Item] = [
        place,
        room,
        Household("h-evil", "c001", room.id, "owner"),
        Person("p-evil", "c001", EVIL, needs=EVIL),
        Resident("r-evil", "c001", "h-evil", "p-evil", "head"),
        Contact("k-evil", "c001", "p-evil", "wechat", EVIL),
        Credential("n-evil", "c001", "p-evil", "other", EVIL),
    ]
    with console.database.write() as connection:
        put(connection, items, Origin(console.now))
    People(console.database, console.clock).add(
        "evil-one", Role.SECURITY, ["c001"], display_name=EVIL, password=world.PASSWORD
    )
    yield "p-evil"


def test_a_residents_name_is_never_markup(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, evil: str
) -> None:
    """In the list, on the home's page, and in full on their own."""
    page = sign_in(context, "manager")
    find(page, console)
    page.click(f"[data-person={evil}] a")
    page.wait_for_selector("[data-test=known]")
    page.wait_for_function("window.socket?.connected")
    unmask(page, "look at the name")
    expect(page.locator("[data-test=name]")).to_have_text(EVIL)
    expect(page.locator("[data-test=credentials]")).to_contain_text(EVIL)
    expect(page.locator("[data-test=contacts]")).to_contain_text(EVIL)
    page.goto(f"{console.url}/persons/homes/h-evil?purpose=service")
    page.wait_for_selector("h1")
    assert page.locator("main img[src=x], [data-test=person] img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_an_accounts_name_is_never_markup(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, evil: str
) -> None:
    """In the list of accounts, in the audit log, and at the head of their own pages."""
    page = sign_in(context, "admin")
    for path in ("/accounts", "/audit"):
        page.goto(f"{console.url}{path}")
        page.wait_for_selector("h1")
        assert page.locator("img[src=x]").count() == 0
        assert page.evaluate("window.hacked") is None
    page.goto(f"{console.url}/accounts")
    expect(page.locator("body")).to_contain_text(EVIL)


def test_who_is_called_so_signs_in(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, evil: str
) -> None:
    page = sign_in(context, "evil-one")
    expect(page.locator("header")).to_contain_text(EVIL)
    assert page.evaluate("window.hacked") is None
