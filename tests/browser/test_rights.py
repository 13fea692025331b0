"""Who comes to which page of the console, for every page that there is and every role."""

import re
from collections.abc import Iterator

import httpx
import pytest

from api.console.visit import home
from api.scope import may
from linli.clock import SystemClock
from linli.db.people import People
from linli.model import Role
from linli.roles import ROLES, Operation
from simulators.compound import COMMUNITY
from tests.browser import world
from tests.browser.conftest import ConsoleProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

NEEDS: dict[str, Operation | None] = {
    "/": Operation.SEE,
    "/account": None,
    "/account/second-factor": None,
    "/accounts": Operation.MANAGE_ACCOUNTS,
    "/accounts/{account_id}": Operation.MANAGE_ACCOUNTS,
    "/alerts/{alert_id}": Operation.SEE,
    "/audit": Operation.READ_AUDIT,
    "/facilities": Operation.SEE,
    "/facilities/{facility_id}": Operation.SEE,
    "/own": Operation.SEE_OWN,
    "/persons": Operation.SEE_PERSONS,
    "/persons/homes/{household_id}": Operation.SEE_PERSONS,
    "/persons/{person_id}": Operation.SEE_PERSONS,
    "/places": Operation.SEE,
    "/registry": Operation.SEE,
    "/registry/committees/{item_id}": Operation.SEE,
    "/registry/communities/{item_id}": Operation.SEE,
    "/registry/devices/{device_id}": Operation.SEE,
    "/registry/districts/{item_id}": Operation.SEE,
    "/registry/import": Operation.EDIT_REGISTRY,
    "/registry/import/{import_id}": Operation.EDIT_REGISTRY,
    "/registry/phonebook": Operation.SEE,
    "/registry/places": Operation.SEE,
    "/registry/places/{item_id}": Operation.SEE,
    "/registry/plans/{plan_id}": Operation.SEE,
    "/rules": Operation.SEE,
    "/rules/{rule_id}": Operation.SEE,
    "/webhooks": Operation.MANAGE_WEBHOOKS,
    "/webhooks/{webhook_id}": Operation.MANAGE_WEBHOOKS,
}
"""What each page needs; None: to be signed in. Said here once more, so that no page loses it unseen."""

WITHOUT_SESSION = {"/login", "/account/recovery"}
"""Pages on the way in, which decide for themselves."""

SIGNING_IN = [role for role in Role if not ROLES[role].tokens_only]


def filled(path: str) -> str:
    """The path with a name that nothing has."""
    return re.sub(r"{\w+}", "nothing-of-this-name", path)


@pytest.fixture(scope="module")
def client(console: ConsoleProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=console.url, timeout=30) as made:
        yield made


def test_every_page_says_here_what_it_needs(console: ConsoleProcess) -> None:
    """A new page is not forgotten: it stands in the table above, and with it in the tests below."""
    assert set(console.pages) == set(NEEDS) | WITHOUT_SESSION


@pytest.mark.parametrize("path", sorted(NEEDS))
def test_nobody_sees_a_page_without_signing_in(path: str, client: httpx.Client) -> None:
    """The way to the sign-in page remembers the whole address."""
    client.cookies.clear()
    answer = client.get(filled(path), params={"q": "x"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=")
    assert answer.headers["location"].endswith("%3Fq%3Dx")


@pytest.mark.parametrize("role", SIGNING_IN)
def test_a_role_comes_to_its_pages_and_to_no_other(role: Role, console: ConsoleProcess, client: httpx.Client) -> None:
    """Everybody else is sent to where their own work is."""
    people = People(console.database, SystemClock())
    communities = [COMMUNITY] if ROLES[role].reach.value == "communities" else []
    person = people.add(f"visitor-{role.value}", role, communities, password=world.PASSWORD)[0]
    client.cookies.clear()
    client.post("/login", data={"name": person.name, "password": world.PASSWORD})
    for path, needs in NEEDS.items():
        answer = client.get(filled(path))
        if needs is None or may(person, needs):
            assert answer.status_code in (200, 303), path
            assert answer.headers.get("location") in (None, "/account?fault=late"), path
        else:
            assert (answer.status_code, answer.headers["location"]) == (303, home(person)), path
