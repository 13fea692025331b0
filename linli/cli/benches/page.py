"""When an alert is in front of somebody: watched on the real page in a browser, or, without one, on the live stream."""

import http.client
import json
import shutil
import threading
from typing import Any, Protocol

from linli.clock import Clock
from linli.errors import LinliError
from linli.i18n import Text

_WATCH = """
() => {
  window.linliSeen = {};
  let awaited = false;
  const look = () => {
    awaited = false;
    for (const row of document.querySelectorAll('[data-alert-id], [data-alert]')) {
      const id = row.dataset.alertId ?? row.dataset.alert;
      if (!(id in window.linliSeen) && row.getClientRects().length) window.linliSeen[id] = Date.now();
    }
  };
  const soon = () => { if (!awaited) { awaited = true; requestAnimationFrame(look); } };
  new MutationObserver(soon).observe(document.body, {childList: true, subtree: true});
  look();
}
"""
"""Runs in the page: notes when a row is first laid out, in the frame that shows it."""

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_PLAYWRIGHT = Text("未安装 Playwright，请先运行 make dev", "Playwright is not installed: run make dev first")
NO_BROWSER = Text(
    "PATH 中没有 Chromium 或 Chrome（Debian/Ubuntu：apt install chromium）",
    "no Chromium or Chrome is on the PATH (Debian/Ubuntu: apt install chromium)",
)


class Watcher(Protocol):
    """Somebody who looks at the alerts."""

    kind: str
    """Who looks, as a word for programs."""

    what: str
    """What is looked at, as it stands in a metric's name."""

    lacks: Text | None
    """Why it is not the page that is looked at."""

    def seen(self) -> dict[str, int]:
        """Alert id -> when it was first seen, in microseconds since 1970 UTC."""

    def stop(self) -> None:
        """Look no longer."""


def watch(address: str, name: str, password: str, clock: Clock) -> Watcher:
    """Sign in and look: in Chromium if Playwright and a Chromium are installed, else at the stream."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return _Stream(address, name, password, clock, NO_PLAYWRIGHT)
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        return _Stream(address, name, password, clock, NO_BROWSER)
    return _Browser(sync_playwright().start(), program, address, name, password)


class _Browser:
    """The console's page in a headless Chromium."""

    kind, what = "chromium", "page"
    lacks: Text | None = None

    def __init__(self, playwright: Any, program: str, address: str, name: str, password: str) -> None:
        self._playwright = playwright
        self._browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        self._page = self._browser.new_page(viewport={"width": 1280, "height": 1000})
        self._page.goto(f"{address}/login")
        self._page.fill('input[name="name"]', name)
        self._page.fill('input[name="password"]', password)
        self._page.click('[data-test="sign-in"]')
        self._page.wait_for_url(f"{address}/", timeout=20_000)
        self._page.wait_for_load_state("networkidle")
        self._page.evaluate(_WATCH)

    def seen(self) -> dict[str, int]:
        """As the page noted it, to the millisecond."""
        noted: dict[str, int] = self._page.evaluate("() => window.linliSeen")
        return {alert: ms * 1000 for alert, ms in noted.items()}

    def stop(self) -> None:
        """Close the browser."""
        self._browser.close()
        self._playwright.stop()


class _Stream:
    """The server-sent events of the API, which the console's page stands beside: the last step before a page."""

    kind, what = "stream", "stream"

    def __init__(self, address: str, name: str, password: str, clock: Clock, lacks: Text) -> None:
        self.lacks: Text | None = lacks
        host = address.removeprefix("http://")
        self._clock = clock
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()
        cookie = _sign_in(host, name, password)
        self._connection = http.client.HTTPConnection(host, timeout=60)
        self._connection.request("GET", "/api/v1/stream", headers={"Cookie": cookie})
        self._response = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, name="stream", daemon=True)
        self._thread.start()

    def seen(self) -> dict[str, int]:
        """As the lines came."""
        with self._lock:
            return dict(self._seen)

    def stop(self) -> None:
        """Hang up."""
        if self._connection.sock is not None:
            self._connection.sock.close()
        self._connection.close()

    def _read(self) -> None:
        kind = ""
        try:
            for raw in self._response:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind == "alert":
                    self._note(json.loads(line.removeprefix("data: ")))
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            return  # hung up by `stop`

    def _note(self, change: dict[str, Any]) -> None:
        alert = change.get("alert")
        number = alert["id"] if isinstance(alert, dict) else str(alert)
        with self._lock:
            self._seen.setdefault(number, self._clock.now())


def _sign_in(host: str, name: str, password: str) -> str:
    connection = http.client.HTTPConnection(host, timeout=20)
    body = json.dumps({"name": name, "password": password})
    connection.request("POST", "/api/v1/sessions", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    cookie = answer.getheader("Set-Cookie")
    answer.read()
    connection.close()
    if answer.status != 201 or cookie is None:
        raise LinliError(Text(f"登录失败（{answer.status}）", f"cannot sign in ({answer.status})"))
    return cookie.partition(";")[0]
