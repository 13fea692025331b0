"""Whom to call, in a real browser: the property company of a compound with its number, gateways, the calendar, what roles may do."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from linli.clock import format_time
from linli.db.registryitems import get
from linli.db.registrywriting import put, save
from linli.i18n import Text
from linli.registry.changes import Key, Origin
from linli.registry.model import Community, Holiday, Organisation, Staff, Team
from tests.browser import world
from tests.browser.conftest import PHONE, ConsoleProcess, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PATH = "/registry/phonebook"


@pytest.fixture(scope="module")
def company(console: ConsoleProcess) -> Iterator[str]:
    """A property company that manages the compound, with somebody in it, and one with a name that is markup; a holiday."""
    year = format_time(console.now)[:4]
    with console.database.write() as connection:
        kept = get(connection, Key("community", "c001"))
        assert kept is not None and isinstance(kept.item, Community)
        compound = kept.item
        put(
            connection,
            [
                Organisation("green", "property", Text("绿城物业", "Green Property"), "021-5555 1234"),
                Organisation("evil", "contractor", Text(world.EVIL, world.EVIL)),
                Staff("s-li", "green", "李师傅", "值班经理", "13800000001"),
                Team("t-night", "green", Text("夜班", "Night shift"), ("s-li",)),
                Community(compound.id, compound.name, compound.timezone, compound.committee, compound.kind, "green"),
            ],
            Origin(console.now),
        )
        save(connection, [Holiday("", f"{year}-10-01", True, Text("国庆节", "National Day"))], console.now)
    yield f"{year}-10-01"


def test_the_number_of_a_compounds_company_is_two_steps_away(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, company: str
) -> None:
    """From the registry by its tab; found by the compound's name; it can be dialled. A name is never markup."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry")
    page.click(f"nav.parts a[href='{PATH}']")
    page.wait_for_selector("[data-test=phonebook]")
    assert page.evaluate("window.hacked") is None
    expect(page.locator("[data-organisation=evil]")).to_contain_text(world.EVIL)
    page.fill("[data-test=search]", "望湖")
    page.click("[data-test=seek]")
    page.wait_for_selector("[data-organisation=green]")
    expect(page.locator("[data-organisation]")).to_have_count(1)
    green = page.locator("[data-organisation=green]")
    expect(green.locator("[data-test=phone]").first).to_have_attribute("href", "tel:02155551234")
    expect(green).to_contain_text("李师傅 值班经理")
    expect(green).to_contain_text("夜班")
    green.locator("a[href='/registry/communities/c001']").click()
    page.wait_for_selector("[data-test=crumbs]")


def test_gateways_days_and_roles_are_there_to_read(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, company: str
) -> None:
    """In both languages; which gateway is away, which day is off, who may do what."""
    page = sign_in(context, "guard")
    page.goto(f"{console.url}{PATH}?year={company[:4]}")
    expect(page.locator(f"[data-day='{company}']")).to_contain_text("国庆节")
    expect(page.locator("[data-gateway]").first).to_contain_text("台设备")
    page.click("[data-role=auditor] summary")
    expect(page.locator("[data-role=auditor]")).to_contain_text("查看审计日志")
    assert page.locator("[data-role]").count() == 9
    page.click("[data-test=language]")
    expect(page.locator(f"[data-day='{company}']")).to_contain_text("National Day")
    page.click(f"[data-test=year-{int(company[:4]) + 1}]")
    expect(page.locator("[data-test=calendar]")).to_contain_text("None are registered")


def test_on_a_phone_nothing_scrolls_sideways(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, company: str
) -> None:
    page = sign_in(context, "guard")
    page.set_viewport_size(PHONE)
    page.goto(f"{console.url}{PATH}?year={company[:4]}")
    page.wait_for_selector("[data-test=roles]")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
