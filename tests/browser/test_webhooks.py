"""Webhooks in a real browser, against a receiver on this machine: made, tried, replayed, paused."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import ConsoleProcess, SignIn
from tests.browser.world import forced_door
from tests.integration.receivers import Receiver, receiving
from tests.support import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        made.replies = lambda _request: (200, {}, b"<b>kept</b>")
        yield made


def kinds(receiver: Receiver) -> list[str]:
    """What has come, in its order."""
    return [request.document["type"] for request in receiver.requests]


def test_one_is_made_tried_and_replayed(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, receiver: Receiver
) -> None:
    """Its secret is shown once; what its receiver answers is text; what was sent is sent again under the same id."""
    page = sign_in(context, "admin")
    page.goto(f"{console.url}/account")
    page.click("a[href='/webhooks']")
    page.wait_for_function("window.socket?.connected")
    page.click("[data-test=add]")
    dialog = page.locator("[data-test=webhook-dialog]")
    dialog.locator("[data-test=save]").click()
    expect(dialog.locator("[role=alert]")).to_contain_text("名称")
    dialog.locator("[data-test=name]").fill("<i>desk</i>")
    dialog.locator("[data-test=url]").fill("http://10.0.0.1/not-allowed")
    dialog.locator("[data-test=save]").click()
    expect(dialog.locator("[role=alert]")).to_contain_text("webhook_allowed")
    dialog.locator("[data-test=url]").fill(receiver.url)
    dialog.locator("[data-test=save]").click()
    expect(page.locator("[data-test=once] [data-test=secret]:visible")).to_contain_text("whsec_")
    page.click("[data-test=done]:visible")
    page.click("[data-webhook] a:has-text('desk')")
    page.wait_for_function("window.socket?.connected")
    assert "whsec_" not in page.content()

    page.click("[data-test=send-test]")
    expect(page.locator("[data-test=said]")).to_contain_text("应答 200")
    console.hand.put(forced_door(console.now, "c001-door-09"))
    eventually(lambda: "alert.opened" in kinds(receiver), timeout=30, what="the webhook has the alert")
    line = page.locator("[data-delivery]").filter(has=page.locator("[data-test=replay]")).first

    def listed() -> bool:
        page.click("[data-test=refresh]")
        return line.count() == 1

    eventually(listed, timeout=30, what="what was sent is in the log")  # which has it a moment after the receiver
    expect(line).to_contain_text("已送达")
    line.locator("summary").click()
    expect(line.locator("pre")).to_have_text("<b>kept</b>")
    line.locator("[data-test=replay]").click()
    eventually(lambda: kinds(receiver).count("alert.opened") == 2, timeout=30, what="it is sent again")
    first, second = (one.headers["webhook-id"] for one in receiver.requests if one.document["type"] == "alert.opened")
    assert first == second

    page.click("[data-test=pause]")
    page.click("[data-test=ask] [data-test=confirm]")
    expect(page.locator("[data-test=ended]")).to_be_visible()
    page.click("[data-test=rotate]")
    page.click("[data-test=ask] [data-test=confirm]")
    expect(page.locator("[data-test=once] [data-test=secret]:visible")).to_contain_text("whsec_")
    page.click("[data-test=done]:visible")
    page.click("[data-test=remove]")
    page.click("[data-test=ask] [data-test=confirm]")
    page.wait_for_url(f"{console.url}/webhooks")


def test_a_stretch_of_time_is_sent_again(
    console: ConsoleProcess, phone: BrowserContext, sign_in: SignIn, receiver: Receiver
) -> None:
    """By the wall clock of who asks, on a phone; an end before the beginning is told."""
    page = sign_in(phone, "admin")
    page.goto(f"{console.url}/webhooks")
    page.wait_for_function("window.socket?.connected")
    page.click("[data-test=add]")
    page.fill("[data-test=webhook-dialog] [data-test=name]", "phone")
    page.fill("[data-test=webhook-dialog] [data-test=url]", receiver.url)
    page.click("[data-test=webhook-dialog] [data-test=save]")
    page.click("[data-test=done]:visible")
    page.click("[data-webhook] a:has-text('phone')")
    page.wait_for_function("window.socket?.connected")
    console.hand.put(forced_door(console.now, "c001-door-10"))
    eventually(lambda: "alert.opened" in kinds(receiver), timeout=30, what="the webhook has the alert")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("[data-test=replay-range]")
    dialog = page.locator("[data-test=range-dialog]")
    dialog.locator("[data-test=range-from]").fill("2026-01-02T10:00")
    dialog.locator("[data-test=range-to]").fill("2026-01-01T10:00")
    dialog.locator("[data-test=replay-range-now]").click()
    expect(dialog.locator("[role=alert]")).to_be_visible()
    for name, days in (("from", -1), ("to", 1)):
        wall = page.evaluate(f"new Date(Date.now() + {days} * 864e5).toISOString().slice(0, 16)")
        dialog.locator(f"[data-test=range-{name}]").fill(wall)
    dialog.locator("[data-test=replay-range-now]").click()
    eventually(lambda: kinds(receiver).count("alert.opened") >= 2, timeout=30, what="it is sent again")
    expect(page.locator("[data-test=said]")).to_be_visible()


def test_webhooks_are_for_who_may_have_them(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """Everybody else has no link, and is sent to their own work."""
    page = sign_in(context)
    page.goto(f"{console.url}/account")
    assert page.locator("a[href='/webhooks']").count() == 0
    page.goto(f"{console.url}/webhooks")
    assert page.url == f"{console.url}/"
