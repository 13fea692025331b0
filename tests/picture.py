"""The README's picture of the console: python -m tests.picture OUT.png [--language en].

Starts a Linli of its own with all its parts, lets the simulated compound have a bad minute, signs the guard in, takes one
alert up as a guard would, and takes the picture. Nothing is left behind but the picture.
"""

import argparse
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from linli.cli.private import private_linli
from linli.cli.stack import PARTS, page_address
from linli.datafolder import DataFolder
from linli.errors import LinliError
from linli.i18n import Language, Text
from linli.settings import Settings, load_settings
from simulators.requests import RequestFolder
from simulators.scenario import find
from tests.browser.conftest import CHROMIUM_ARGS, WIDE
from tests.support import need

SCENARIOS = ("kitchen-fire", "forced-door", "pump-room-flood", "door-held-open", "cable-overheating", "lift-entrapment")
ENOUGH = 5
"""So many alerts are to be seen."""

PATIENCE_MS = 120_000
COMMENT = Text("已派人到现场，正在核实。", "Somebody is on the way to look.")


def main() -> int:
    """Take the picture; 0, or 1 with the reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--language", choices=[language.value for language in Language], default="zh")
    asked = parser.parse_args()
    out = asked.out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        settings = load_settings(language=asked.language)
        with private_linli(settings, PARTS) as linli:
            password = next(account.password for account in linli.made.accounts if account.name == "guard")
            _cause_trouble(linli.settings)
            _take(page_address(linli.settings), password, asked.language, out)
    except LinliError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(out)  # noqa: T201
    return 0


def _cause_trouble(settings: Settings) -> None:
    """Have the running simulator play the scenarios, at once where they do not share a device."""
    requests = RequestFolder(DataFolder(settings.data).run / "scenarios")
    for name in SCENARIOS:
        requests.put(name, find(name))


def _take(address: str, password: str, language: str, out: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=list(CHROMIUM_ARGS))
        context = browser.new_context(viewport=WIDE, color_scheme="light", reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{"name": "linli_language", "value": language, "url": address}])
        page = context.new_page()
        page.goto(f"{address}/login")
        page.fill("input[name=name]", "guard")
        page.fill("input[name=password]", password)
        page.click("[data-test=sign-in]")
        _handle_one(page, COMMENT.of(language))
        page.screenshot(path=out)
        browser.close()


def _handle_one(page: Page, comment: str) -> None:
    """Acknowledge the first critical alert as it comes, then wait for the others."""
    first = page.locator("[data-alert].s-critical").first
    expect(first).to_be_visible(timeout=PATIENCE_MS)
    row = page.locator(f"[data-alert={first.get_attribute('data-alert')}]")
    row.locator("[data-test=acknowledge]").click()
    page.fill("[data-test=comment]", comment)
    page.click("[data-test=confirm]")
    expect(row).to_have_attribute("data-handling", "acknowledged", timeout=PATIENCE_MS)
    expect(page.locator("[data-alert]").nth(ENOUGH - 1)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".q-dialog")).to_have_count(0)
    page.mouse.move(0, 0)
    page.locator(".row-a.fresh").first.wait_for(state="detached")


if __name__ == "__main__":
    sys.exit(main())
