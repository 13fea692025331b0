"""An import in a real browser: a file with a fault, the file mended, and written."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from linli.db.registryitems import get
from linli.registry.changes import Key
from tests.browser.conftest import ConsoleProcess, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

HEADINGS = ("小区", "地点", "种类", "中文名称", "英文名称", "标识")
DOOR = ("c001", "c001-b1", "门", "新门", "New door", "c001-import-door")
WRONG = ("c001", "c001-b1", "潜望镜", "<img src=x onerror=alert(1)>", "Periscope", "c001-import-x")


def written(folder: Path, *rows: tuple[str, ...]) -> Path:
    """A file as Excel writes it."""
    file = folder / "设备.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        csv.writer(out).writerows((HEADINGS, *rows))
    return file


def send(page: Page, console: ConsoleProcess, file: Path) -> None:
    """Send it, and wait until it is checked."""
    page.goto(f"{console.url}/registry/import")
    page.wait_for_function("window.socket?.connected")
    page.set_input_files("[data-test=file]", file)
    page.click("[data-test=send]")
    page.wait_for_selector("[data-test=counts], [data-test=why]", timeout=60_000)


def registered(console: ConsoleProcess, device: str) -> bool:
    with console.database.read() as connection:
        return get(connection, Key("device", device)) is not None


def test_a_fault_is_mended_and_the_file_applied(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, tmp_path: Path
) -> None:
    """Told by row and column with what to do; nothing is written before it is mended and somebody says so."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry")
    page.click("[data-test=files]")
    page.wait_for_url(f"{console.url}/registry/import")
    send(page, console, written(tmp_path, DOOR, WRONG))
    fault = page.locator("[data-test=faults] [data-row='3']").first
    expect(fault).to_contain_text("种类")
    expect(fault).to_contain_text("潜望镜")
    expect(page.locator("[data-test=apply]")).to_have_count(0)
    with page.expect_download() as download:
        page.click("[data-test=faults-file]")
    assert "潜望镜" in Path(download.value.path()).read_text("utf-8-sig")
    assert not registered(console, DOOR[-1])

    send(page, console, written(tmp_path, DOOR))
    expect(page.locator("[data-table=device]")).to_contain_text("1")
    page.wait_for_function("window.socket?.connected")
    page.click("[data-test=apply]")
    page.click("[data-test=ask] [data-test=confirm]")
    expect(page.locator("[data-test=applied]")).to_be_visible(timeout=60_000)
    assert registered(console, DOOR[-1])
    expect(page.locator("[data-test=apply]")).to_have_count(0)
    page.click("[data-test=discard]")
    page.click("[data-test=ask] [data-test=confirm]")
    page.wait_for_url(f"{console.url}/registry/import")


def test_a_wrong_file_is_told_on_the_page(
    console: ConsoleProcess, phone: BrowserContext, sign_in: SignIn, tmp_path: Path
) -> None:
    """What is no workbook; on a phone, and in English."""
    page = sign_in(phone, "manager")
    page.goto(f"{console.url}/registry/import")
    page.click("[data-test=language]")
    file = tmp_path / "registry.xlsx"
    file.write_bytes(b"this is no workbook")
    send(page, console, file)
    expect(page.locator("[data-test=why]")).to_contain_text("no Excel")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("[data-test=language]")


def test_the_template_comes_down(
    console: ConsoleProcess, context: BrowserContext, phone: BrowserContext, sign_in: SignIn
) -> None:
    """As a workbook; and who may not edit the registry is sent to their own work."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry/import")
    with page.expect_download() as download:
        page.click("[data-test=template]")
    assert Path(download.value.path()).read_bytes()[:2] == b"PK"
    guard = sign_in(phone, "guard")
    guard.goto(f"{console.url}/registry/import")
    assert guard.url == f"{console.url}/"
