"""Opening a door from the console, in a real browser: why is asked for, and what became of it is said."""

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from linli.db.commands import SqlCommands
from tests.browser import world
from tests.browser.conftest import ConsoleProcess, SignIn

pytestmark = pytest.mark.browser

PANEL = "[data-test=commands]"


def open_page(page: Page, url: str) -> Locator:
    """The panel on that page, alive."""
    page.goto(url)
    page.wait_for_function("window.socket?.connected")
    return page.locator(PANEL)


def press(panel: Locator, device: str, command: str) -> None:
    panel.locator(f"[data-device={device}] [data-command={command}]").click()


def test_a_door_is_opened_from_its_alert(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """A reason is required; then it is done, in words, with who and why; and nothing is done without the confirmation."""
    alert = console.hand.put(world.forced_door(console.now, "c001-door-08"))
    page = sign_in(context)
    panel = open_page(page, f"{console.url}/alerts/{alert.id}")
    press(panel, "c001-door-08", "unlock")
    dialog = page.locator("[data-test=command-dialog]")
    expect(dialog).to_contain_text("1号楼楼顶门")
    page.click("[data-test=send]")
    expect(dialog.get_by_role("alert")).to_have_text("请填写原因")
    assert SqlCommands(console.database).of_device("c001-door-08", 9) == []
    page.fill("[data-test=reason]", "送急救人员上楼")
    page.fill("[data-test=seconds]", "99")
    page.click("[data-test=send]")
    expect(dialog.get_by_role("alert")).to_have_text("seconds 须为 1 到 60 的整数")
    page.fill("[data-test=seconds]", "12")
    page.click("[data-test=send]")
    done = panel.locator("li[data-state=done]")
    expect(done).to_contain_text("开门 · 1号楼楼顶门")
    for said in ("已执行", "王建国", "送急救人员上楼"):
        expect(done).to_contain_text(said)
    expect(dialog).to_be_hidden()
    (kept,) = SqlCommands(console.database).of_device("c001-door-08", 9)
    assert (kept.arguments, kept.reason) == ({"seconds": 12}, "送急救人员上楼")


def test_a_refusal_and_a_silence_are_told(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """Why a door was not opened; and that nobody answered is not called a success. In English, on the facility's page."""
    page = sign_in(context)
    page.click("[data-test=language]")
    panel = open_page(page, f"{console.url}/facilities/c001-access")
    for door in (world.STUCK_DOOR, world.DEAF_DOOR):
        press(panel, door, "lock")
        page.click("[data-test=send]")
        expect(page.locator("[data-test=command-dialog]")).to_be_hidden()
    expect(panel.locator("li[data-state=refused]")).to_contain_text("the device did not take it in time")
    expect(panel.locator("li[data-state=sent]")).to_contain_text("waiting for the gateway's answer")
    silent = panel.locator("li[data-state=timed_out]")
    expect(silent).to_contain_text("it may have happened or not; go and look", timeout=30_000)
    page.click("[data-test=language]")  # it is remembered


def test_a_property_manager_sees_what_was_done_and_no_buttons(
    console: ConsoleProcess, context: BrowserContext, phone: BrowserContext, sign_in: SignIn
) -> None:
    """Doors are not theirs to open; the record is theirs to read."""
    guard = sign_in(phone)
    panel = open_page(guard, f"{console.url}/facilities/c001-access")
    press(panel, "c001-siren-01", "on")
    guard.fill("[data-test=reason]", "每月测试")
    guard.click("[data-test=send]")
    expect(panel.locator("li[data-state=done]").first).to_contain_text("鸣响警号 · 东大门警号")
    assert guard.evaluate("document.documentElement.scrollWidth") == 390
    panel = open_page(sign_in(context, "manager"), f"{console.url}/facilities/c001-access")
    expect(panel).to_contain_text("每月测试")
    expect(panel.locator("button")).to_have_count(0)


def test_a_page_without_anything_to_tell_has_no_panel(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """Garage air takes no commands."""
    panel = open_page(sign_in(context), f"{console.url}/facilities/c001-garage-air")
    expect(panel).to_have_count(0)
