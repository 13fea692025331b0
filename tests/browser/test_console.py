"""What people do at the console, in a real browser."""

import re
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect
from sqlalchemy import text

from api.console.chart import LINE
from linli.clock import HOUR, local_time
from linli.db.throttle import ADDRESS_BURST
from linli.model import Alert, Handling
from tests.browser import world
from tests.browser.conftest import ConsoleProcess, SignIn

pytestmark = pytest.mark.browser


CURVE = f".chart svg path[stroke='{LINE}']:not([stroke-opacity])"


def row_of(alert: Alert) -> str:
    return f"[data-alert={alert.id}]"


def test_anonymous_people_are_sent_to_sign_in_and_back(console: ConsoleProcess, context: BrowserContext) -> None:
    """No page is shown without a session, and after signing in one is where one wanted to be."""
    page = context.new_page()
    page.goto(f"{console.url}/facilities/c001-garage-air")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page.fill("input[name=name]", "guard")
    page.fill("input[name=password]", "not-the-password")
    page.click("[data-test=sign-in]")
    expect(page.get_by_role("alert")).to_contain_text("用户名或密码不对")
    page.fill("input[name=name]", "guard")
    page.fill("input[name=password]", world.PASSWORD)
    page.click("[data-test=sign-in]")
    expect(page).to_have_url(f"{console.url}/facilities/c001-garage-air")
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    assert cookies["linli_session"]["httpOnly"]
    assert cookies["linli_session"]["sameSite"] == "Lax"


def test_nobody_is_led_to_another_site_by_signing_in(console: ConsoleProcess, context: BrowserContext) -> None:
    """A crafted `next` ends on our own page."""
    page = context.new_page()
    page.goto(f"{console.url}/login?next=//example.com/")
    page.fill("input[name=name]", "guard")
    page.fill("input[name=password]", world.PASSWORD)
    page.click("[data-test=sign-in]")
    expect(page).to_have_url(f"{console.url}/")


def test_a_stranger_who_tries_passwords_locks_nobody_out(console: ConsoleProcess) -> None:
    """Tries at the sign-in page are counted by the address they come from."""

    def sign_in_from(address: str, name: str, password: str) -> str:
        form, headers = {"name": name, "password": password}, {"x-forwarded-for": address}
        return httpx.post(f"{console.url}/login", data=form, headers=headers).headers["location"]

    tried = [sign_in_from("203.0.113.9", f"n{number}", "wrong") for number in range(ADDRESS_BURST + 30)]
    assert "fault=wrong" in tried[0]
    assert any("fault=busy" in location for location in tried)
    assert sign_in_from("192.0.2.1", "guard", world.PASSWORD) == "/"


def test_signing_out_ends_every_window(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """Sign out in one window, and the other one shows no alerts any more."""
    page = sign_in(context)
    other = context.new_page()
    other.goto(f"{console.url}/")
    other.wait_for_function("window.socket?.connected")
    page.click("[data-test=sign-out]")
    expect(page).to_have_url(f"{console.url}/login")
    expect(other).to_have_url(f"{console.url}/login")


def test_roles_land_where_their_work_is(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """Property managers begin with the facilities, guards with the alerts."""
    page = sign_in(context, "manager")
    expect(page).to_have_url(f"{console.url}/facilities")


def test_an_alert_arrives_and_is_acknowledged(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """The main job: it appears without reloading, sounds, and after acknowledging shows who did it and when."""
    page = sign_in(context)
    alert = console.hand.put(world.forced_door(console.now, "c001-door-01"))
    row = page.locator(row_of(alert))
    expect(row).to_be_visible(timeout=3000)
    expect(row).to_have_class(re.compile("fresh"))
    expect(row.locator(".grade")).to_have_text("重要")
    expect(row.locator(".sign")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(\d+\) 邻里"))
    page.wait_for_function("window.linli.played.some((p) => p.severity === 'high' && p.state === 'played')")

    row.locator("[data-test=acknowledge]").click()
    page.fill("[data-test=comment]", "已派老王到现场")
    page.click("[data-test=confirm]")
    expect(row).to_have_attribute("data-handling", "acknowledged")
    expect(row.locator(".a-state")).to_contain_text("王建国")
    expect(row.locator("[data-test=acknowledge]")).to_have_count(0)
    acknowledged = local_time(console.now, ZoneInfo("Asia/Shanghai"))
    expect(row.locator(".a-state")).to_contain_text(acknowledged.strftime("%H:"))

    row.locator(".a-title a").click()
    expect(page.locator("[data-test=history]")).to_contain_text("已派老王到现场")
    expect(page.locator("[data-test=history]")).to_contain_text("王建国")
    expect(page.locator("[data-test=evidence]")).to_contain_text("门被强行打开")
    expect(page.locator("[data-test=sentence]")).to_contain_text("没有刷卡")
    expect(page.locator(".steps li")).to_have_count(3)


def test_an_act_that_cannot_be_stored_says_so(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """When the database fails the dialog says to try again, and trying again works: it never hangs with a dead button."""
    page = sign_in(context)
    alert = console.hand.put(world.forced_door(console.now, "c001-door-07"))
    row = page.locator(row_of(alert))
    row.locator("[data-test=acknowledge]").click()
    with console.database.write() as connection:
        connection.execute(text("CREATE TRIGGER full BEFORE INSERT ON actions BEGIN SELECT RAISE(ABORT, 'full'); END"))
    try:
        page.click("[data-test=confirm]")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("请再试一次")
        expect(page.locator("[data-test=confirm]")).to_be_enabled()
    finally:
        with console.database.write() as connection:
            connection.execute(text("DROP TRIGGER full"))
    page.click("[data-test=confirm]")
    expect(row).to_have_attribute("data-handling", "acknowledged")


def test_a_list_that_cannot_be_read_says_so(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """The list stays as it was, with a word that it did not work; pressing again works once the database does."""
    page = sign_in(context)
    everything = page.locator("[data-test=all]")
    with console.database.write() as connection:
        connection.execute(text("ALTER TABLE alerts RENAME TO alerts_away"))
    try:
        everything.click()
        expect(page.locator(".q-notification")).to_contain_text("请再试一次")
        expect(everything).to_have_attribute("aria-pressed", "false")
    finally:
        with console.database.write() as connection:
            connection.execute(text("ALTER TABLE alerts_away RENAME TO alerts"))
    everything.click()
    expect(everything).to_have_attribute("aria-pressed", "true")


REMEMBER_WHAT_CAME = """
  window.seen = {};
  window.addEventListener("linli-alerts", (event) => event.detail.forEach((row) => (window.seen[row.id] = row.rev)));
"""


def test_what_comes_back_sounds_and_shows_again(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """An alert that somebody has taken up calls again when it is told again, confirmed, worse, back from the shelf, or to be
    acknowledged once more; what only goes on, is taken up or is shelved calls nobody."""
    page = sign_in(context)
    page.goto(f"{console.url}/rules")
    page.wait_for_function("window.socket?.connected")
    page.evaluate(REMEMBER_WHAT_CAME)
    alert = world.forced_door(console.now, "c001-door-08")
    toast = page.locator(f".toast[href='/alerts/{alert.id}']")
    taken = replace(alert, handling=Handling.ACKNOWLEDGED, acknowledged_at=console.now, acknowledged_by="li")
    resting = replace(taken, handling=Handling.SHELVED, shelved_until=console.now + HOUR)
    sounds, known = 0, alert
    for kind, after, calls in (
        ("opened", alert, True),
        ("acknowledged", taken, False),
        ("occurred", taken, False),
        ("reminded", taken, True),
        ("occurred", alert, True),
        ("acknowledged", taken, False),
        ("confirmed", alert, True),
        ("acknowledged", taken, False),
        ("escalated", alert, True),
        ("shelved", resting, False),
        ("occurred", resting, False),
        ("unshelved", alert, True),
    ):
        known = replace(after, updated_at=known.updated_at + 1, occurrences=known.occurrences + 1)
        console.hand.put(known, kind)
        sounds += calls
        page.wait_for_function("([id, rev]) => window.seen[id] === rev", arg=[alert.id, known.updated_at])
        assert page.evaluate("window.linli.played.length") == sounds, kind
        if calls:
            expect(toast).to_have_count(1)
        if kind == "reminded":
            expect(toast).to_contain_text("再次提醒")


def test_another_console_sees_the_acknowledgement(
    console: ConsoleProcess, context: BrowserContext, phone: BrowserContext, sign_in: SignIn
) -> None:
    """Nobody is asked twice: what one has taken up changes on everybody's page."""
    desk, patrol = sign_in(context), sign_in(phone, "admin")
    alert = console.hand.put(world.forced_door(console.now, "c001-door-02"))
    patrol.locator(row_of(alert)).locator("[data-test=acknowledge]").tap()
    patrol.locator("[data-test=confirm]").tap()
    expect(desk.locator(row_of(alert))).to_have_attribute("data-handling", "acknowledged")
    expect(desk.locator(row_of(alert)).locator(".a-state")).to_contain_text("Admin")


def test_closing_takes_a_reason(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """Without one it is refused; with one the alert leaves the list, and 'all' still shows it."""
    alert = console.hand.put(world.forced_door(console.now, "c001-door-03"))
    page = sign_in(context)
    page.goto(f"{console.url}/alerts/{alert.id}")
    page.click("[data-test=close]")
    page.click("[data-test=confirm]")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text("请填写关闭原因")
    page.fill("[data-test=comment]", "门已锁好")
    page.click("[data-test=confirm]")
    expect(page.locator("[data-test=history]")).to_contain_text("门已锁好")
    expect(page.locator("[data-test=close]")).to_have_count(0)
    page.goto(f"{console.url}/")
    expect(page.locator(".board-head")).to_be_visible()
    expect(page.locator(row_of(alert))).to_have_count(0)
    page.click("[data-test=all]")
    expect(page.locator(row_of(alert))).to_be_visible()


def test_the_list_is_worst_first_and_filtered(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """Critical stands above low although it is older; a chip leaves only its severity."""
    fire = console.hand.put(world.kitchen_fire(console.now - 60_000_000))
    camera = console.hand.put(world.camera_offline(console.now, "c001-cam-01"))
    page = sign_in(context)
    ids = page.locator("[data-alert]").evaluate_all("rows => rows.map((row) => row.dataset.alert)")
    assert ids.index(fire.id) < ids.index(camera.id)
    page.click("[data-severity=low]")
    expect(page.locator(row_of(camera))).to_be_visible()
    expect(page.locator(row_of(fire))).to_have_count(0)


def test_mute_is_remembered_and_the_test_button_sounds(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """A muted console stays silent for a new alert, also after loading the page again; the test button always sounds."""
    page = sign_in(context)
    page.click("[data-test=mute]")
    page.reload()
    expect(page.locator("[data-test=mute]")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("window.socket?.connected")
    alert = console.hand.put(world.forced_door(console.now, "c001-door-04"))
    expect(page.locator(row_of(alert))).to_be_visible()
    assert page.evaluate("window.linli.played.length") == 0
    page.click("[data-test=test-sound]")
    page.wait_for_function("window.linli.played.some((p) => p.state === 'played')")


BLOCKED_UNTIL_CLICK = """
  const play = HTMLMediaElement.prototype.play;
  let clicked = false;
  window.addEventListener("pointerdown", () => (clicked = true), { capture: true });
  HTMLMediaElement.prototype.play = function () {
    return clicked ? play.call(this) : Promise.reject(new DOMException("blocked", "NotAllowedError"));
  };
"""
"""What a browser's autoplay policy does, which a headless one does not have."""


def test_a_browser_that_blocks_sound_is_noticed(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """Browsers play nothing before the first click on a page: the console says so, and a click makes it sound."""
    page = sign_in(context)
    page.add_init_script(BLOCKED_UNTIL_CLICK)
    page.reload()
    page.wait_for_function("window.socket?.connected")
    console.hand.put(world.forced_door(console.now, "c001-door-06"))
    hint = page.locator("[data-test=sound-hint]")
    expect(hint).to_be_visible()
    assert page.evaluate("window.linli.played[0].state") == "NotAllowedError"
    hint.click()
    expect(hint).to_have_count(0)
    page.wait_for_function("window.linli.played.some((p) => p.state === 'played')")


def test_pages_are_not_for_frames(console: ConsoleProcess) -> None:
    """No other site shows the console in a frame; a post that is no small form is refused unread."""
    assert httpx.get(f"{console.url}/login").headers["x-frame-options"] == "DENY"
    assert httpx.post(f"{console.url}/login", content=b"x" * 100_000).status_code == 413


def test_the_language_is_switched_and_remembered(
    console: ConsoleProcess, context: BrowserContext, phone: BrowserContext, sign_in: SignIn
) -> None:
    """Before signing in by the browser, afterwards with the person: another browser has it too."""
    page = context.new_page()
    page.goto(f"{console.url}/login")
    page.click("[data-test=language]")
    expect(page.locator("[data-test=sign-in]")).to_have_text("Sign in")
    page = sign_in(context, "admin")
    expect(page.get_by_role("heading", name="Alerts")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"
    page.click("[data-test=language]")
    expect(page.get_by_role("heading", name="告警")).to_be_visible()
    page.click("[data-test=language]")
    expect(page.get_by_role("heading", name="Alerts")).to_be_visible()
    elsewhere = sign_in(phone, "admin")
    expect(elsewhere.locator("nav")).to_contain_text("Alerts")
    elsewhere.click("[data-test=language]")


def test_facilities_tell_ok_from_unknown(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """A facility whose only device fell silent is unknown, with another sign, and never shown as ok."""
    page = sign_in(context, "manager")
    ok, unknown = page.locator("[data-facility=c001-b1-water]"), page.locator("[data-facility=c001-b3-lift-2-unit]")
    expect(ok.locator(".grade")).to_have_class(re.compile("s-ok"))
    expect(unknown.locator(".grade")).to_have_class(re.compile("s-unknown"))
    expect(unknown).to_contain_text("未知")
    expect(unknown.locator(".s-ok")).to_have_count(0)


def test_a_facility_shows_values_ages_and_a_day(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """Latest value with unit and age, a stale mark where it is due, and a curve of the last 24 hours."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/facilities/c001-garage-air")
    fresh = page.locator("[data-device=c001-garage-air-1][data-quantity=co]")
    stale = page.locator("[data-device=c001-garage-air-2][data-quantity=co]")
    expect(fresh.locator(".v")).to_have_text(re.compile(r"mg/m³$"))
    expect(fresh.locator(".age")).to_have_text(re.compile("刚刚|秒前"))
    expect(stale).to_have_class(re.compile("stale"))
    expect(stale.locator(".age")).to_contain_text("已过时")
    expect(page.locator(CURVE)).to_be_visible()
    page.locator("[data-device=c001-garage-air-3][data-quantity=temperature]").click()
    expect(page.get_by_role("heading", name=re.compile("C 区.*温度"))).to_be_visible()
    expect(page.locator(CURVE)).to_be_visible()


def test_a_name_is_never_markup(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """A device, title and comment that are HTML show as text on every page, and run nothing."""
    page = sign_in(context)
    alert = console.hand.put(world.evil_camera(console.now))
    row = page.locator(row_of(alert))
    expect(row.locator(".a-title a")).to_have_text(world.EVIL)
    row.locator("[data-test=acknowledge]").click()
    page.fill("[data-test=comment]", world.EVIL)
    page.click("[data-test=confirm]")
    expect(row).to_have_attribute("data-handling", "acknowledged")
    for path in ("/", f"/alerts/{alert.id}", "/facilities", "/facilities/c001-cameras"):
        page.goto(f"{console.url}{path}")
        page.wait_for_function("window.socket?.connected")
        assert page.locator("img[src=x]").count() == 0
        assert page.evaluate("window.hacked") is None
    page.goto(f"{console.url}/alerts/{alert.id}")
    expect(page.locator("[data-test=history]")).to_contain_text(world.EVIL)
    expect(page.locator("[data-test=sentence]")).to_have_text(world.EVIL)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_phone_never_scrolls_sideways(
    console: ConsoleProcess, phone: BrowserContext, sign_in: SignIn, language: str
) -> None:
    """At 390 px every page fits, and what is to be pressed is at least 44 px high."""
    alert = console.hand.put(world.flooded_pump_room(console.now)) if language == "zh" else None
    phone.add_cookies([{"name": "linli_language", "value": language, "url": console.url}])
    page = sign_in(phone, "guard")
    paths = ["/", "/facilities", "/facilities/c001-b1-electricity"] + ([f"/alerts/{alert.id}"] if alert else [])
    for path in paths:
        page.goto(f"{console.url}{path}")
        page.wait_for_function("window.socket?.connected")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        heights = page.locator("button:visible, nav a:visible").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().height)"
        )
        assert min(heights) >= 40, path


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_phone_reaches_every_page_without_scrolling_its_navigation(
    console: ConsoleProcess, phone: BrowserContext, sign_in: SignIn, language: str
) -> None:
    """Of who sees most: what the bar has no room for is in a sheet, and the bar shows where one is. A tap beside the sheet closes it."""
    page = sign_in(phone, "admin")
    if (page.locator("html").get_attribute("lang") or "")[:2] != language:
        page.click("[data-test=language]")
    expect(page.locator("html")).to_have_attribute("lang", {"zh": "zh-CN", "en": "en"}[language])
    assert page.locator("nav.nav").evaluate("nav => nav.scrollWidth <= nav.clientWidth")
    more = page.locator("[data-test=more-pages]")
    paths = page.locator("nav a").evaluate_all("all => [...new Set(all.map((one) => one.getAttribute('href')))]")
    assert len(paths) == 8
    reached = page.locator("nav a:visible").evaluate_all("all => all.map((one) => one.getAttribute('href'))")
    more.locator("summary").click()
    sheet = more.locator(".sheet a")
    reached += sheet.evaluate_all("all => all.map((one) => one.getAttribute('href'))")
    assert sorted(reached) == sorted(paths)
    for target in (*page.locator("nav a:visible").all(), more.locator("summary")):
        box = target.bounding_box()
        assert box is not None and box["width"] >= 44 and box["height"] >= 44
    page.mouse.click(195, 120)
    expect(more.locator(".sheet")).to_be_hidden()
    more.locator("summary").click()
    sheet.last.click()
    page.wait_for_url(f"{console.url}/audit")
    expect(more.locator("summary.here")).to_contain_text({"zh": "审计", "en": "Audit"}[language])
    page.goto(f"{console.url}/")
    expect(page.locator("html")).to_have_attribute("lang", {"zh": "zh-CN", "en": "en"}[language])
    if language == "en":
        page.click("[data-test=language]")


def test_other_peoples_communities_stay_hidden(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """An alert of a community that the person does not belong to: not on the page, not by its address."""
    page = sign_in(context)
    foreign = world.foreign_alert(console.now)
    console.hand.put(foreign)
    ours = console.hand.put(world.forced_door(console.now, "c001-door-05"))
    expect(page.locator(row_of(ours))).to_be_visible()
    expect(page.locator(row_of(foreign))).to_have_count(0)
    page.goto(f"{console.url}/alerts/{foreign.id}")
    expect(page.locator("#main")).to_contain_text("没有这条告警")


def test_what_is_not_there_says_so_in_our_own_words(console: ConsoleProcess) -> None:
    """An unknown path is a 404 page of ours; under /api it is not a page at all."""
    page = httpx.get(f"{console.url}/nowhere")
    assert (page.status_code, "没有这个页面" in page.text) == (404, True)
    assert "json" in httpx.get(f"{console.url}/api/v1/nowhere").headers["content-type"]


def test_a_lost_connection_is_said_and_comes_back(
    tmp_path: Path, context: BrowserContext, sign_in: SignIn, console: ConsoleProcess
) -> None:
    """When the API is killed the page says that it may be out of date; with the API back it goes on by itself."""
    own = ConsoleProcess(tmp_path)
    own.start()
    try:
        page = sign_in(context, "guard", own)
        own.kill()
        expect(page.locator(".banner")).to_contain_text("连接已断开", timeout=15_000)
        own.start()
        expect(page.locator(".banner")).to_have_count(0, timeout=30_000)
        page.wait_for_function("window.socket?.connected")
        alert = own.hand.put(world.forced_door(own.now))
        expect(page.locator(row_of(alert))).to_be_visible(timeout=15_000)
    finally:
        own.stop()
