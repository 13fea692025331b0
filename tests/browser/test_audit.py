"""The audit page, as auditors have it: found by who and what, inert whatever somebody typed, and closed to everybody else."""

import pytest
from playwright.sync_api import Browser, Page, expect

from linli.audit import Act, Who
from linli.db.audit import append
from linli.model import Role
from tests.browser.conftest import PHONE, WIDE, ConsoleProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PASSWORD = "a long enough password"
HOSTILE = "<img src=x onerror=alert(1)> </script>"


def signed_in(browser: Browser, console: ConsoleProcess, name: str, wide: bool) -> Page:
    page = browser.new_context(viewport=WIDE if wide else PHONE, locale="zh-CN").new_page()
    page.goto(f"{console.url}/login")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{console.url}/")
    return page


@pytest.fixture(scope="module")
def auditor(console: ConsoleProcess) -> str:
    """An account, and what somebody did."""
    from linli.db.people import People

    people = People(console.database, console.clock)
    people.add("auditor", Role.AUDITOR, password=PASSWORD, display_name="王敏")
    people.add("patrol", Role.SECURITY, ["c001"], password=PASSWORD, display_name="巡逻")
    patrol = people.get("patrol").id
    with console.database.write() as connection:
        act = Act("alert.closed", Who(patrol, "10.8.0.17", "s1"), "alert", ("a1",), "c001", reason=HOSTILE)
        append(connection, act, console.now)
    return "auditor"


@pytest.mark.parametrize("wide", [True, False])
def test_what_somebody_did_is_found_and_shown_whole(
    browser: Browser, console: ConsoleProcess, auditor: str, wide: bool
) -> None:
    """By their sign-in name and the kind of act; a reason is text and nothing else; no page is wider than its window."""
    page = signed_in(browser, console, auditor, wide)
    if not wide:
        page.click("[data-test=more-pages] summary")
    page.click("nav a[href='/audit']:visible")
    page.fill("input[name=who]", "patrol")
    page.select_option("select[name=what]", "alert.")
    page.click("[data-test=search]")
    rows = page.locator("[data-test=audit] > li")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("关闭告警")
    expect(rows.first).to_contain_text(HOSTILE)
    rows.first.locator("summary").click()
    expect(rows.first).to_contain_text("10.8.0.17")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator("[data-test=whole]")).to_be_visible()
    page.context.close()


def test_the_page_is_for_who_reads_the_log(browser: Browser, console: ConsoleProcess, auditor: str) -> None:
    """Everybody else has no link to it, and is sent to their own work."""
    page = signed_in(browser, console, "patrol", wide=True)
    expect(page.locator("nav a[href='/audit']")).to_have_count(0)
    page.goto(f"{console.url}/audit")
    page.wait_for_url(f"{console.url}/")
    page.context.close()
