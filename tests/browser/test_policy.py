"""Every page of the console keeps its content policy, in both languages, and writes no error to the browser's console.

The pages are those that the console says it has, so that a new one cannot be forgotten.
"""

import re

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page

from linli.db.people import People
from tests.browser import world
from tests.browser.conftest import ConsoleProcess, SignIn

pytestmark = pytest.mark.browser

_PLACEHOLDERS = {
    "facility_id": "c001-garage-air",
    "rule_id": "door_forced",
    "device_id": "c001-cam-01",
    "item_id": "c001-b1",
    "household_id": "nothing",
    "import_id": "nothing",
    "person_id": "nothing",
    "plan_id": "nothing",
    "webhook_id": "nothing",
}
_WITHOUT_SESSION = ("/login", "/account/recovery")


def _listen(page: Page) -> list[str]:
    """Errors of the page, in the console or thrown, as they come."""
    heard: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            heard.append(message.text)

    def threw(error: Error) -> None:
        heard.append(str(error))

    page.on("console", note)
    page.on("pageerror", threw)
    return heard


def _visit(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_function("window.socket?.connected && window.did_handshake")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_runs_within_its_policy(
    language: str, console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """In Chinese and in English: no violation (the fixture `context` looks), no error, no warning."""
    alert = console.hand.put(world.forced_door(console.now, f"c001-door-{'12' if language == 'zh' else '13'}"))
    account = People(console.database, console.clock).get("guard").id
    examples = _PLACEHOLDERS | {"alert_id": alert.id, "account_id": account}
    page = sign_in(context, "admin")
    heard = _listen(page)
    spoken = {"zh": "zh-CN", "en": "en"}[language]
    if page.evaluate("document.documentElement.lang") != spoken:
        page.click("[data-test=language]")
        page.wait_for_function("(lang) => document.documentElement?.lang === lang && window.did_handshake", arg=spoken)
    for path in console.pages:
        if path in _WITHOUT_SESSION:
            continue
        missing = [name for name in re.findall(r"{(\w+)", path) if name not in examples]
        assert not missing, f"{path}: say in this test what {missing} may be"
        _visit(page, console.url + re.sub(r"{(\w+)[^}]*}", lambda found: examples[found[1]], path))
        assert page.locator("html").get_attribute("lang") == spoken
    page.goto(f"{console.url}/no/such/page")
    assert not (wrong := [said for said in heard if "404" not in said]), "\n".join(wrong)


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_the_pages_of_who_is_not_signed_in_run_within_their_policy(
    locale: str, console: ConsoleProcess, context: BrowserContext
) -> None:
    """The sign-in page."""
    context.set_extra_http_headers({"accept-language": locale})
    page = context.new_page()
    heard = _listen(page)
    _visit(page, f"{console.url}/login")
    assert not heard, "\n".join(heard)


def test_a_script_that_gets_into_a_page_does_not_run(
    console: ConsoleProcess, browser: Browser, sign_in: SignIn
) -> None:
    """The policy itself: neither an inline script, nor a handler in an attribute, nor another site's script, picture or frame."""
    context = browser.new_context()
    page = sign_in(context)
    page.evaluate(
        """() => {
            window.violated = [];
            document.addEventListener("securitypolicyviolation", (event) => window.violated.push(event.effectiveDirective));
            const put = (tag, more) => document.body.append(Object.assign(document.createElement(tag), more));
            put("script", { textContent: "window.hacked = 1" });
            put("script", { src: "https://example.com/x.js" });
            put("img", { src: "https://example.com/x.png" });
            put("iframe", { src: "https://example.com/" });
            document.body.insertAdjacentHTML("beforeend", `<img src="/none.png" onerror="window.hacked = 1">`);
            document.body.insertAdjacentHTML("beforeend", `<p style="position: fixed">over everything</p>`);
        }"""
    )
    page.wait_for_function("window.violated.length >= 6")
    assert set(page.evaluate("window.violated")) == {
        "script-src-elem",
        "script-src-attr",
        "img-src",
        "frame-src",
        "style-src-attr",
    }
    assert page.evaluate("window.hacked") is None
    context.close()


def test_a_nonce_is_of_one_answer(console: ConsoleProcess) -> None:
    """Who has seen one page cannot foretell the next one's."""
    policies = {httpx.get(f"{console.url}/login").headers["content-security-policy"] for _ in range(5)}
    assert len(policies) == 5
