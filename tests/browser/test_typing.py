"""What somebody types stays, whatever else changes on the page meanwhile; and a switched language leaves the page where it was."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from linli.clock import SystemClock
from linli.db.people import People
from tests.browser import world
from tests.browser.conftest import ConsoleProcess, SignIn

pytestmark = pytest.mark.browser


def live(page: Page, url: str) -> None:
    """Go there, and wait until the page hears and is heard."""
    page.goto(url)
    page.wait_for_function("window.socket?.connected && window.did_handshake")


def test_a_name_stays_while_the_role_is_chosen(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """The words about the role change beside it; a save that is refused leaves it as well."""
    page = sign_in(context, "admin")
    guard = People(console.database, SystemClock()).get("guard")
    live(page, f"{console.url}/accounts/{guard.id}")
    page.click("[data-test=edit]")
    dialog = page.locator("[data-test=account-dialog]")
    shown = dialog.locator("[data-test=display-name]")
    expect(shown).to_have_value("王建国")
    shown.fill("王建国（夜班）")
    before = dialog.locator("p.muted").nth(1).text_content() or ""
    dialog.locator("[data-test=role]").select_option("auditor")
    expect(dialog.locator("p.muted").nth(1)).not_to_have_text(before)
    expect(shown).to_have_value("王建国（夜班）")


def test_a_webhook_stays_as_it_was_filled_in(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """While a fault is said; and severities are in the order of how bad they are."""
    page = sign_in(context, "admin")
    live(page, f"{console.url}/webhooks")
    page.click("[data-test=add]")
    dialog = page.locator("[data-test=webhook-dialog]")
    severities = dialog.locator("[data-test=severities] input")
    expect(severities).to_have_count(4)
    assert severities.evaluate_all("all => all.map((one) => one.value)") == ["critical", "high", "medium", "low"]
    dialog.locator("[data-test=name]").fill("Night desk")
    dialog.locator("[data-test=save]").click()
    expect(dialog.locator("[role=alert]")).to_be_visible()
    expect(dialog.locator("[data-test=name]")).to_have_value("Night desk")
    dialog.locator("[data-test=url]").fill("http://10.0.0.1/refused")
    dialog.locator("[data-test=save]").click()
    expect(dialog.locator("[role=alert]")).to_contain_text("webhook_allowed")
    expect(dialog.locator("[data-test=name]")).to_have_value("Night desk")
    expect(dialog.locator("[data-test=url]")).to_have_value("http://10.0.0.1/refused")


def test_a_comment_stays_while_alerts_come(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """The list behind it changes; what is being written about one of them does not."""
    page = sign_in(context)
    alert = console.hand.put(world.forced_door(console.now, "c001-door-14"))
    page.click(f"[data-alert='{alert.id}'] [data-test=acknowledge]")
    page.fill("[data-test=comment]:visible", "去看一下")
    other = console.hand.put(world.camera_offline(console.now, "c001-cam-11"))
    expect(page.locator(f"[data-alert='{other.id}']")).to_be_attached()
    expect(page.locator("[data-test=comment]:visible")).to_have_value("去看一下")


@pytest.mark.parametrize(
    "address",
    [
        "/registry/places?q=%E6%91%84%E5%83%8F%E6%9C%BA",
        "/places?community=c001",
        "/audit?who=guard&what=&about=&since=&until=",
        "/persons?purpose=service",
    ],
)
def test_the_language_leaves_the_address_as_it_is(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, address: str
) -> None:
    """What was looked for, and what a list was narrowed to."""
    page = sign_in(context, "admin")
    live(page, console.url + address)
    was = page.evaluate("document.documentElement.lang")
    page.click("[data-test=language]")
    page.wait_for_function("(was) => document.documentElement?.lang && document.documentElement.lang !== was", arg=was)
    assert page.url == console.url + address
    page.click("[data-test=language]")
    page.wait_for_function("(was) => document.documentElement?.lang === was", arg=was)


def test_who_signs_in_comes_to_what_was_asked_for(console: ConsoleProcess, context: BrowserContext) -> None:
    """With its query, also when the language was switched on the way."""
    page = context.new_page()
    wanted = f"{console.url}/registry/places?q=camera&x=1"
    page.goto(wanted)
    page.click("[data-test=language]")
    page.wait_for_load_state()
    page.fill("input[name=name]", "guard")
    page.fill("input[name=password]", world.PASSWORD)
    page.click("[data-test=sign-in]")
    page.wait_for_url(wanted)
