"""The registry's page in a real browser: an unknown device is adopted, a contradiction is settled."""

from dataclasses import replace

import pytest
from playwright.sync_api import BrowserContext, expect

from linli.clock import DAY, SECOND
from linli.db.registryfacts import record
from linli.db.registryitems import get
from linli.db.strangers import SqlStrangers
from linli.registry.changes import Key, Origin
from linli.registry.model import Device
from linli.registry.strangers import Sample, Stranger
from tests.browser.conftest import ConsoleProcess, SignIn

pytestmark = pytest.mark.browser

DOOR = "c001-door-05"


def heard(console: ConsoleProcess, device: str) -> None:
    """What ingest does when a device reports that is not registered."""
    now = console.now
    samples = (Sample(now, "temperature", 21.5, "Cel"),)
    stranger = Stranger("c001", "gw-c001", device, now - SECOND, now, 12, ("temperature",), (), samples)
    SqlStrangers(console.database).put([stranger], {}, now)


def contradict(console: ConsoleProcess) -> None:
    """Two sources say differently how often a door reports."""
    with console.database.write() as connection:
        kept = get(connection, Key("device", DOOR))
        assert kept is not None
        assert isinstance(kept.item, Device)
        for source, interval in (("survey", 20.0), ("list", 10.0)):
            said = replace(kept.item, interval_s=interval)
            record(connection, [said], Origin(console.now - DAY, None, source, 0.5), ["interval_s"])


def test_an_unknown_device_is_adopted(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """With what it sent; nothing is registered without a name and a place; then it is gone from the list."""
    heard(console, "c001-strange-1")
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry")
    row = page.locator("[data-device=c001-strange-1]")
    expect(row).to_contain_text("温度")
    expect(row).to_contain_text("12")
    row.locator("[data-test=adopt]").click()
    dialog = page.locator("[data-test=adopt-dialog]")
    expect(dialog).to_be_visible()
    dialog.locator("[data-test=adopt-now]").click()
    expect(dialog.locator("[role=alert]")).to_have_text("请选择地点。")
    dialog.locator("[data-test=kind]").select_option("door")
    dialog.locator("[data-test=place]").select_option("c001-b1")
    dialog.locator("[data-test=name-zh]").fill("新门")
    dialog.locator("[data-test=name-en]").fill("New door")
    dialog.locator("[data-test=adopt-now]").click()
    expect(row).to_have_count(0)
    with console.database.read() as connection:
        kept = get(connection, Key("device", "c001-strange-1"))
    assert kept is not None and isinstance(kept.item, Device)
    assert (kept.item.kind, kept.item.place, kept.item.gateway) == ("door", "c001-b1", "gw-c001")


def test_a_contradiction_is_shown_and_settled(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """Who says what, and what counts; in both languages."""
    contradict(console)
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry")
    row = page.locator(f"[data-item='device/{DOOR}']")
    expect(row).to_contain_text("说法不一")
    page.click("[data-test=language]")
    page.wait_for_function("window.socket?.connected")
    expect(row).to_contain_text("contradicted")
    expect(row).to_contain_text("survey says 20.0")
    row.locator("[data-test=confirm-fact]").click()
    expect(row).to_have_count(0)
    page.click("[data-test=language]")


def test_a_guard_sees_and_registers_nothing(console: ConsoleProcess, phone: BrowserContext, sign_in: SignIn) -> None:
    """And what is listed fits a phone."""
    heard(console, "c001-strange-2")
    page = sign_in(phone, "guard")
    page.goto(f"{console.url}/registry")
    row = page.locator("[data-device=c001-strange-2]")
    expect(row).to_be_visible()
    expect(row.locator("[data-test=adopt]")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
