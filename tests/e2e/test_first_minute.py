"""The first minute of a newcomer: `linli up`, sign in, an alert arrives, take it up, look at a facility. Nothing is faked."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import CHROMIUM_ARGS, WIDE
from tests.support import eventually, free_port, need

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(180)]

FIRST_ALERT_S = 60
"""How long the README promises it takes at most, from starting."""


@dataclass(frozen=True)
class Running:
    address: str
    guard: str
    started: float


@pytest.fixture
def linli(tmp_path: Path) -> Iterator[Running]:
    """`linli up` on an empty folder, and the guard's password as it printed it."""
    need("chromium")
    said = tmp_path / "said.txt"
    port = free_port()
    own = {"LINLI_DATA": str(tmp_path / "data"), "LINLI_PORT": str(port), "LINLI_BROKER_PORT": str(free_port())}
    command = [str(Path(sys.executable).with_name("linli")), "up"]
    started = monotonic()
    with said.open("w") as out:
        process = subprocess.Popen(
            command, env=os.environ | own | {"LINLI_LANGUAGE": "en"}, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    try:
        eventually(lambda: "All parts run" in said.read_text() or process.poll() is not None, 60, "linli up runs")
        password = re.search(r"guard +(\S+)", said.read_text())
        assert password is not None, said.read_text()
        yield Running(f"http://127.0.0.1:{port}", password.group(1), started)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def test_the_first_alert_reaches_the_guard(linli: Running) -> None:
    """Within a minute of starting the simulated compound's first alert is on the page; the guard takes it up."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=list(CHROMIUM_ARGS))
        context = browser.new_context(viewport=WIDE)
        page = context.new_page()
        page.goto(f"{linli.address}/login")
        page.fill("input[name=name]", "guard")
        page.fill("input[name=password]", linli.guard)
        page.click("[data-test=sign-in]")

        row = page.locator("[data-alert]").filter(has_text=re.compile("门被强行打开|Door forced open")).first
        left = FIRST_ALERT_S - (monotonic() - linli.started)
        expect(row).to_be_visible(timeout=left * 1000)

        row.locator("[data-test=acknowledge]").click()
        page.fill("[data-test=comment]", "老王去看 / on my way")
        page.click("[data-test=confirm]")
        expect(row).to_have_attribute("data-handling", re.compile("acknowledged|closed"))

        page.goto(f"{linli.address}/facilities")
        expect(page.get_by_text(re.compile("1号楼1号电梯|Building 1, lift 1")).first).to_be_visible()
        page.goto(f"{linli.address}/facilities/c001-b1-lift-1-unit")
        expect(page.locator(".chart svg").first).to_be_visible()
        browser.close()
