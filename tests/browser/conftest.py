"""A console in a process of its own, and a Chromium that looks at it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, sync_playwright

from linli.clock import SystemClock
from tests.browser import world
from tests.support import eventually, free_port, need

CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)
WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}


class ConsoleProcess:
    """The console's process over its own world. `hand` writes alerts into it."""

    def __init__(self, data: Path) -> None:
        self.clock = SystemClock()
        self.database = world.build(data, self.clock)
        self.hand = world.Hand(self.database, self.clock)
        self._port = free_port()
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self._data

    @property
    def pages(self) -> list[str]:
        """The path of every page that it has, with the names of what is to be filled in."""
        found: list[str] = json.loads((self._data / "pages.json").read_text())
        return found

    @property
    def now(self) -> int:
        """The time, in microseconds."""
        return self.clock.now()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "tests.browser.serve", str(self._data), str(self._port)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("LINLI_", "PYTEST_"))}
        with (self._data / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        eventually(self._answers, timeout=60, what="the console answers")

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it and give everything back."""
        self.kill()
        self.database.close()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._data / "log").read_text()
        try:
            return httpx.get(f"{self.url}/login", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleProcess]:
    """One console for all tests: each uses devices of its own."""
    need("chromium")
    process = ConsoleProcess(tmp_path_factory.mktemp("console"))
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=need("chromium"), args=list(CHROMIUM_ARGS))
        yield made
        made.close()


def watch_policy(context: BrowserContext) -> list[str]:
    """What the context's pages do against their content policy, filled in as it happens."""
    broken: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Permissions policy" in message.text:
            broken.append(f"{message.page.url if message.page else ''}: {message.text}")

    context.on("console", hear)
    return broken


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of a desk: wide, empty. The test fails if a page does anything against its content policy."""
    made = browser.new_context(viewport=WIDE, locale="zh-CN")
    made.set_default_timeout(20_000)
    broken = watch_policy(made)
    yield made
    made.close()
    assert not broken, "\n".join(broken)


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of a phone, watched as `context` is."""
    made = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, locale="zh-CN")
    made.set_default_timeout(20_000)
    broken = watch_policy(made)
    yield made
    made.close()
    assert not broken, "\n".join(broken)


SignIn = Callable[..., Page]


@pytest.fixture
def sign_in(console: ConsoleProcess) -> SignIn:
    """Sign somebody in through the page: `sign_in(context, "guard")` gives the page they land on."""

    def do(context: BrowserContext, name: str = "guard", at: ConsoleProcess = console) -> Page:
        page = context.new_page()
        page.goto(f"{at.url}/login")
        page.fill("input[name=name]", name)
        page.fill("input[name=password]", world.PASSWORD)
        page.click("[data-test=sign-in]")
        page.wait_for_selector(".frame")
        page.wait_for_function("window.socket?.connected")
        return page

    return do
