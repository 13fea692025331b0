"""Why an alert is there, shelving, the rules in words and the arming of places, in a real browser."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from linli.clock import DAY, HOUR
from linli.db.alerts import SqlAlerts
from linli.db.arming import SqlArming
from linli.model import Handling
from tests.browser import world
from tests.browser.conftest import ConsoleProcess, SignIn

pytestmark = pytest.mark.browser

PAGES = ("/rules", "/rules/cable-temperature", "/places")


def in_the_other_language(page: Page) -> None:
    page.click("[data-test=language]")
    page.wait_for_function("window.socket?.connected")


def test_an_alert_says_which_clause_came_true_and_what_to_do(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """In both languages, with its timers, and a way to the rule; the steps are a list."""
    page = sign_in(context, "admin")
    alert = console.hand.put(world.hot_cable(console.now))
    page.goto(f"{console.url}/alerts/{alert.id}")
    why = page.locator("[data-test=why]")
    expect(why).to_contain_text("温度高于 70 °C，持续 5 分钟")
    expect(why).to_contain_text("持续5 分钟")
    expect(page.locator("[data-test=advice] .steps li")).to_have_text(["用热像仪看接头", "超过 90 °C 时先减负荷"])
    in_the_other_language(page)
    expect(why).to_contain_text("temperature above 70 °C for 5 min")
    expect(page.locator("[data-test=advice] .steps li").first).to_have_text("Look at the joints with a thermal camera")
    page.click("[data-test=rule]")
    expect(page).to_have_url(f"{console.url}/rules/cable-temperature")
    expect(page.locator("[data-test=clauses]")).to_contain_text("above 70 °C")
    expect(page.locator("[data-test=open-alerts] a").first).to_be_visible()
    in_the_other_language(page)


def test_what_is_pressed_before_the_page_is_connected_is_done_then(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """A guard is quicker than a slow line: nothing is lost, and nothing is done twice."""
    page = sign_in(context)
    alert = console.hand.put(world.forced_door(console.now, "c001-door-04"))
    waiting: list[WebSocketRoute] = []

    def hold(route: WebSocketRoute) -> None:
        waiting.append(route)

    page.route_web_socket(re.compile("socket.io"), hold)
    page.goto(f"{console.url}/alerts/{alert.id}")
    page.click("[data-test=shelve]")
    page.click("[data-test=acknowledge]")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("window.socket.connected") is False
    for route in waiting:
        route.connect_to_server()
    expect(page.get_by_role("dialog")).to_contain_text("确认")
    expect(page.get_by_role("dialog")).to_have_count(1)


def test_an_alert_is_shelved_with_a_reason_and_taken_up_again(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """Not without a reason; for as long as was chosen; it stays in the list as shelved, and in the history with who did it."""
    page = sign_in(context)
    alert = console.hand.put(world.forced_door(console.now, "c001-door-02"))
    page.goto(f"{console.url}/alerts/{alert.id}")
    page.click("[data-test=shelve]")
    dialog = page.get_by_role("dialog")
    dialog.locator("[data-test=confirm]").click()
    expect(dialog.get_by_role("alert")).to_contain_text("请填写搁置原因")
    dialog.locator("[data-test=lasting]").select_option(str(DAY))
    dialog.locator("[data-test=comment]").fill("门锁待修，师傅明天到")
    dialog.locator("[data-test=confirm]").click()
    expect(page.locator("[data-test=unshelve]")).to_be_visible()
    expect(page.locator("[data-test=shelve]")).to_have_count(0)
    history = page.locator("[data-test=history]")
    expect(history).to_contain_text("门锁待修，师傅明天到")
    expect(history).to_contain_text("王建国")
    stored = SqlAlerts(console.database).get(alert.id)
    assert stored is not None
    assert stored.handling is Handling.SHELVED
    assert abs((stored.shelved_until or 0) - console.now - DAY) < HOUR
    page.goto(console.url)
    row = page.locator(f"[data-alert={alert.id}]")
    expect(row).to_have_class(re.compile("shelved"))
    expect(row.locator(".a-state")).to_contain_text("暂时搁置")
    expect(page.locator(".row-a").last).to_have_attribute("data-alert", alert.id)
    page.goto(f"{console.url}/alerts/{alert.id}")
    page.click("[data-test=unshelve]")
    page.locator("[data-test=confirm]:visible").click()
    expect(page.locator("[data-test=shelve]")).to_be_visible()
    expect(history).to_contain_text("恢复处理")


def test_the_rules_are_read_in_words(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """Every rule of the catalogue, the worst first, each with a page of its own."""
    page = sign_in(context)
    page.click("a[href='/rules']")
    first = page.locator("[data-rule]").first
    expect(first.locator(".grade")).to_have_text("紧急")
    expect(page.locator("[data-rule=door-forced] .r-clause").first).to_be_visible()
    page.goto(f"{console.url}/rules/fire-alarm")
    expect(page.locator("[data-test=also]")).to_contain_text("第二个点位")
    expect(page.locator(".facts")).to_contain_text("消控室、物业、业委会")
    page.goto(f"{console.url}/rules")
    page.click("[data-rule=door-forced] a")
    expect(page.locator("[data-test=watched]")).to_contain_text("c001-door-0")
    page.goto(f"{console.url}/rules/no-such-rule")
    expect(page.locator(".panel")).to_contain_text("没有这条规则")


def test_a_place_is_armed_by_who_may(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """With a reason, which is kept; what lies in it goes by it. A property manager sees it and cannot."""
    page = sign_in(context)
    page.click("a[href='/places']")
    building = page.locator("[data-place=c001-b1]")
    building.locator("[data-test=set-mode]").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("[data-test=set]").click()
    expect(dialog.get_by_role("alert")).to_contain_text("请填写原因")
    expect(dialog.locator("[data-test=mode] option:checked")).to_have_text("未设置")
    dialog.locator("[data-test=mode]").select_option("night")
    expect(dialog.locator("[data-test=means]")).to_contain_text("有人活动都告警")
    dialog.locator("[data-test=reason]").fill("夜班开始")
    dialog.locator("[data-test=set]").click()
    expect(building.locator("[data-mode=night]")).to_contain_text("夜间布防")
    expect(building).to_contain_text("王建国")
    expect(building).to_contain_text("夜班开始")
    assert SqlArming(console.database).modes() == {"c001-b1": "night"}


def test_a_property_manager_sees_the_modes_alone(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """There is nothing to press."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/places")
    expect(page.locator("[data-place=c001-b1]")).to_be_visible()
    expect(page.locator("[data-test=set-mode]")).to_have_count(0)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wider_than_a_phone(
    console: ConsoleProcess, phone: BrowserContext, sign_in: SignIn, path: str
) -> None:
    """In both languages."""
    page = sign_in(phone, "admin")
    page.goto(f"{console.url}{path}")
    for _ in range(2):
        expect(page.locator(".main")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        in_the_other_language(page)
