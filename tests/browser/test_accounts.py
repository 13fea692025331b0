"""Signing in step by step, one's own account, and everybody's, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from linli.clock import SystemClock
from linli.db.people import People
from linli.model import Role
from linli.secondfactor import code_at
from tests.browser import world
from tests.browser.conftest import ConsoleProcess, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.integration]

NEW = "violet harbour 42 tin"


@pytest.fixture
def people(console: ConsoleProcess) -> Iterator[People]:
    """The accounts as they were, afterwards."""
    made = People(console.database, SystemClock())
    yield made
    for name in ("admin", "guard"):
        made.reset_factor(name)
        made.reset_password(name, world.PASSWORD)


def enter(page: Page, at: ConsoleProcess, name: str, password: str) -> None:
    """Fill the first form in and send it."""
    page.goto(f"{at.url}/login")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", password)
    page.click("[data-test=sign-in]")


def live(page: Page) -> None:
    """Wait until the page hears and is heard."""
    page.wait_for_function("window.socket?.connected")


def test_a_password_that_was_made_is_changed_first(
    console: ConsoleProcess, context: BrowserContext, people: People
) -> None:
    """To the page that was wanted, once the new one is typed twice and is not easily guessed."""
    made = people.reset_password("guard", one_time=True)
    page = context.new_page()
    page.goto(f"{console.url}/rules")
    enter(page, console, "guard", made)
    for new, again in (("password1234", "password1234"), (NEW, NEW + "x"), (NEW, NEW)):
        page.fill("input[name=present]", made)
        page.fill("input[name=new]", new)
        page.fill("input[name=again]", again)
        page.click("[data-test=choose-password]")
        page.wait_for_load_state()
        assert (page.locator(".fault-line:visible").count() == 0) == (new == again == NEW)
    page.wait_for_selector(".frame")
    enter(other := context.browser.new_context().new_page(), console, "guard", NEW)  # type: ignore[union-attr]
    other.wait_for_selector(".frame")
    other.context.close()


def test_a_second_factor_from_setting_up_to_losing_the_phone(
    console: ConsoleProcess, context: BrowserContext, phone: BrowserContext, sign_in: SignIn, people: People
) -> None:
    """Scanned, confirmed, codes shown once; then asked for at the next sign-in, where a recovery code does once."""
    page = sign_in(context, "admin")
    page.click("[data-test=account]")
    page.fill("[data-test=factor] input[name=password]", "wrong")
    page.click("[data-test=offer]")
    page.wait_for_selector(".fault-line")
    page.fill("[data-test=factor] input[name=password]", world.PASSWORD)
    page.click("[data-test=offer]")
    assert page.get_attribute(".qr", "src", timeout=5000).startswith("data:image/svg+xml")  # type: ignore[union-attr]
    secret = page.inner_text("[data-test=secret]").replace(" ", "")
    page.fill("input[name=code]", code_at(secret, SystemClock().now()))
    page.click("[data-test=confirm-factor]")
    page.wait_for_selector("[data-test=codes]")
    codes = page.locator("[data-test=codes] code").all_inner_texts()
    page.click("[data-test=kept]")
    page.wait_for_selector("[data-test=new-codes]")
    page.goto(f"{console.url}/account/recovery")
    page.wait_for_selector(".frame")
    assert page.locator("[data-test=codes]").count() == 0, "shown once"

    other = phone.new_page()
    enter(other, console, "admin", world.PASSWORD)
    for code, right in (("000000", False), (codes[0], True)):
        other.fill("input[name=code]", code)
        other.click("[data-test=give-code]")
        other.wait_for_selector(".frame" if right else ".fault-line")
    page.goto(f"{console.url}/account")
    assert "9" in page.inner_text("[data-test=factor]")


def test_a_session_is_ended_from_another(
    context: BrowserContext, phone: BrowserContext, sign_in: SignIn, people: People
) -> None:
    """The one that asks says so, and has no button; the other's page goes to the sign-in."""
    lost, page = sign_in(phone), sign_in(context)
    page.click("[data-test=account]")
    page.wait_for_selector("[data-test=sessions]")
    rows = page.locator("[data-test=sessions] li")
    own = rows.filter(has_text="本机")
    assert own.count() == 1
    assert own.locator("button").count() == 0
    while (buttons := page.locator("[data-test=end-session]")).count():
        buttons.first.click()
        page.wait_for_selector(".said-line")
    lost.wait_for_url(re.compile("/login"), timeout=40_000)


def test_an_administrator_adds_and_helps(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, people: People
) -> None:
    """An account with a password shown once; found again by searching; its password reset; disabled, and so signed out."""
    page = sign_in(context, "admin")
    page.click("a[href='/accounts']")
    live(page)
    page.click("[data-test=add]")
    page.fill("[data-test=name]", "zhao")
    page.fill("[data-test=display-name]", world.EVIL)
    page.click("[data-test=communities] .pick input")
    page.click("[data-test=save]")
    first = page.inner_text("[data-test=once] [data-test=secret]:visible")
    page.click("[data-test=done]")
    page.fill(".search", "zhao")
    page.wait_for_function("document.querySelectorAll('[data-account]').length === 1")
    page.click("[data-account=zhao] a")
    page.wait_for_selector("[data-test=account-detail]")
    live(page)
    page.click("[data-test=reset-password]")
    page.click("[data-test=ask] [data-test=confirm]")
    second = page.inner_text("[data-test=once] [data-test=secret]:visible")
    assert first != second
    page.click("[data-test=done]:visible")
    assert people.sign_in("zhao", second).stage.value == "password"
    page.wait_for_selector("[data-test=disable]")
    page.click("[data-test=disable]")
    page.click("[data-test=ask] [data-test=confirm]")
    page.wait_for_selector("[data-test=enable]")
    assert not people.get("zhao").enabled
    assert page.evaluate("window.hacked") is None


def test_a_token_is_made_for_an_integrator(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, people: People
) -> None:
    """With what was chosen and no more, shown once; and revoked."""
    person, _ = people.add("hub", Role.INTEGRATOR, ["c001"])
    page = sign_in(context, "admin")
    page.goto(f"{console.url}/accounts/{person.id}")
    live(page)
    page.click("[data-test=new-token]")
    page.fill("[data-test=token-name]", "map")
    page.click("[data-test=make]")
    found = people.by_token(page.inner_text("[data-test=once] [data-test=secret]:visible"))
    assert found is not None
    assert found.operations == {"see"}
    page.click("[data-test=done]:visible")
    page.click("[data-test=revoke]")
    page.click("[data-test=ask] [data-test=confirm]")
    page.wait_for_selector("[data-test=tokens] li.over")


def test_accounts_are_for_who_manages_them(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """Nobody else has the entry, and the address leads home."""
    page = sign_in(context)
    assert page.locator("a[href='/accounts']").count() == 0
    page.goto(f"{console.url}/accounts")
    assert page.url == f"{console.url}/"


def test_a_resident_finds_what_is_theirs_and_nothing_else(
    console: ConsoleProcess, context: BrowserContext, people: People
) -> None:
    """The console is for staff: every other address leads to what is known of them (tests/browser/test_own.py), and no entry does
    but to that and to their account."""
    people.add("resident", Role.RESIDENT, password=world.PASSWORD)
    page = context.new_page()
    enter(page, console, "resident", world.PASSWORD)
    page.wait_for_selector("[data-test=not-linked]")
    assert page.locator("nav a").count() == 1
    for path in ("/", "/facilities", "/rules", "/accounts"):
        page.goto(f"{console.url}{path}")
        assert page.url == f"{console.url}/own"
    page.click("[data-test=account]")
    page.wait_for_selector("[data-test=sessions]")
