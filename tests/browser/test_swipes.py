"""An alert's evidence in a real browser: whose card it was is masked, and in full for a while with a purpose that stands in the audit log."""

from dataclasses import replace

import pytest
from playwright.sync_api import BrowserContext, expect

from linli.db.audit import Search, SqlAudit
from tests.browser import world
from tests.browser.conftest import ConsoleProcess, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CARD = "CARD-SECRET-0042"


@pytest.fixture(scope="module")
def alert(console: ConsoleProcess) -> str:
    """An open alert whose evidence is a swipe; its id."""
    made = world.forced_door(console.now, "c001-door-03")
    seen = replace(made.evidence[0], data={"credential": CARD, "reason": "revoked"}, value=None)
    console.hand.put(replace(made, evidence=(seen,)))
    return made.id


def test_who_it_was_is_shown_for_a_purpose_and_hidden_again(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, alert: str
) -> None:
    """To who may see that; nothing of it stays behind, and the look is written down."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/alerts/{alert}")
    evidence = page.locator("[data-test=evidence]")
    expect(evidence).to_contain_text("凭证：****42")
    page.wait_for_function("window.socket?.connected")
    page.click("[data-test=unmask]")
    page.click("[data-test=form] [data-test=confirm]")
    expect(page.locator("[data-test=form]")).to_contain_text("请填写")
    page.fill("[data-test=form] [data-test=f-reason]", "门被强行打开，找持卡人")
    page.click("[data-test=form] [data-test=confirm]")
    expect(evidence).to_contain_text(CARD)
    assert CARD not in page.url + page.title()
    (look, *_) = SqlAudit(console.database).newest(Search(verb="swipe.read"))
    assert (look.entry.purpose, look.texts["reason"]) == ("emergency", "门被强行打开，找持卡人")
    page.click("[data-test=hide]")
    expect(evidence).to_contain_text("****42")
    assert CARD not in page.content()
    page.click("[data-test=language]")
    expect(evidence).to_contain_text("credential: ****42")
    expect(page.locator("[data-test=unmask]")).to_have_text("Show in full")


def test_a_guard_is_not_offered_it(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, alert: str
) -> None:
    page = sign_in(context, "guard")
    page.goto(f"{console.url}/alerts/{alert}")
    expect(page.locator("[data-test=evidence]")).to_contain_text("****42")
    expect(page.locator("[data-test=unmask]")).to_have_count(0)
    assert CARD not in page.content()
