"""Places, devices and floor plans in a real browser: the tree down to a room, a device replaced, a drawing and a device on it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from linli.clock import DAY
from linli.db.registryfacts import record
from linli.db.registryitems import get
from linli.db.registrywriting import put
from linli.i18n import Text
from linli.registry.changes import Key, Origin
from linli.registry.model import Committee, Community, Device, District, Equipment, FloorPlan, Place
from tests.browser import world
from tests.browser.conftest import ConsoleProcess, SignIn
from tests.pictures import png

pytestmark = pytest.mark.browser

CAMERA, DOOR = "c001-cam-05", "c001-door-04"


@pytest.fixture(scope="module", autouse=True)
def district(console: ConsoleProcess) -> None:
    """The compound has a committee, and its first building a unit with rooms."""
    with console.database.write() as connection:
        community = get(connection, Key("community", "c001"))
        assert community is not None and isinstance(community.item, Community)
        rooms = [
            Place(f"c001-b1-u1-r{n}", "c001", "dwelling", Text(f"{n}室", f"Room {n}"), "c001-b1-u1", str(n))
            for n in range(101, 231)
        ]
        building = get(connection, Key("place", "c001-b1"))
        assert building is not None and isinstance(building.item, Place)
        origin = Origin(console.now, None, "survey", 0.5)
        record(
            connection,
            [
                District("lake", Text("望湖区", "Lakeside")),
                Committee("east", "lake", "neighbourhood", Text("东湖居委会", "East Lake")),
                Community("c001", community.item.name, committee="east"),
                replace(building.item, code="1"),
                Place("c001-b1-u1", "c001", "unit", Text("一单元", "Unit One"), "c001-b1", "1"),
                *rooms,
            ],
            origin,
        )


def item(console: ConsoleProcess, kind: str, name: str) -> object:
    """What is kept under that name, if it is there."""
    with console.database.read() as connection:
        kept = get(connection, Key(kind, name))
    return None if kept is None or kept.removed_at is not None else kept.item


def test_the_tree_opens_down_to_a_room_and_back(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """Level by level with counts; more than a page of rooms; each step of the way is a link that can be shared."""
    page = sign_in(context, "admin")
    page.goto(f"{console.url}/registry")
    page.click("text=地点与设备")
    for step in ("district/lake", "committee/east", "community/c001", "place/c001-b1", "place/c001-b1-u1"):
        page.locator(f"[data-item='{step}'] a").first.click()
        page.wait_for_url(f"**/{step.split('/')[1]}")
    rooms = page.locator("[data-test=branches] li")
    expect(rooms).to_have_count(100)
    page.click("[data-test=next]")
    expect(rooms).to_have_count(30)
    page.locator("[data-item='place/c001-b1-u1-r230'] a").click()
    expect(page.locator("[data-test=address]")).to_contain_text("1号楼 / 1单元 / 230室")
    page.locator("[data-test=crumbs] a", has_text="1号楼").click()
    expect(page.locator("[data-item='place/c001-b1-u1']")).to_contain_text("130")
    page.goto(f"{console.url}/registry/places/c001")
    page.wait_for_url("**/registry/communities/c001")


def test_a_place_is_found_by_its_address_and_a_device_by_its_serial(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """As people write them; what is not there is said, and how to ask."""
    with console.database.write() as connection:
        put(connection, [Equipment("c001-cam-06", "c001", serial="SN-FIND-77")], Origin(console.now))
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry/places")
    for words, found in (("1号楼1单元105室", "place/c001-b1-u1-r105"), ("find-77", "device/c001-cam-06")):
        page.fill("[data-test=search]", words)
        page.click("[data-test=seek]")
        expect(page.locator(f"[data-test=results] [data-item='{found}']")).to_be_visible()
        assert "q=" in page.url
    page.fill("[data-test=search]", "no such thing")
    page.click("[data-test=seek]")
    expect(page.locator("[data-test=results]")).to_contain_text("没有找到")


def test_a_place_is_added_renamed_removed_and_brought_back(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """By a manager of the compound; its name comes of its number; a number that is taken is told in words."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry/places/c001-b2")
    dialog = page.locator("[data-test=ask]")
    page.click("[data-test=add-below]")
    dialog.locator("[data-test=code]").fill("9")
    dialog.locator("[data-test=confirm]").click()
    page.wait_for_url("**/registry/places/c001-b2-u9")
    page.goto(f"{console.url}/registry/places/c001-b2")
    page.click("[data-test=add-below]")
    dialog.locator("[data-test=code]").fill("9")
    dialog.locator("[data-test=confirm]").click()
    expect(dialog.locator("[role=alert]")).to_contain_text("c001-b2-u9")
    page.goto(f"{console.url}/registry/places/c001-b2-u9")
    page.click("[data-test=edit]")
    dialog.locator("[data-test=name-zh]").fill("东单元")
    dialog.locator("[data-test=confirm]").click()
    expect(page.locator("h1", has_text="东单元")).to_be_visible()
    expect(page.locator("[data-test=history]")).to_contain_text("9单元 → 东单元")
    page.click("[data-test=remove]")
    dialog.locator("[data-test=confirm]").click()
    expect(page.locator("[data-test=restore]")).to_be_visible()
    assert item(console, "place", "c001-b2-u9") is None
    page.goto(f"{console.url}/registry/places/c001-b2?removed=1")
    page.locator("[data-item='place/c001-b2-u9'] a").click()
    page.click("[data-test=restore]")
    dialog.locator("[data-test=confirm]").click()
    expect(page.locator("[data-test=remove]")).to_be_visible()
    assert item(console, "place", "c001-b2-u9") is not None


def test_a_device_is_replaced_and_its_history_says_so(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """Nothing without a serial and a reason; the old one stays in what stood there."""
    with console.database.write() as connection:
        put(connection, [Equipment(DOOR, "c001", serial="SN-OLD")], Origin(console.now))
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry/devices/{DOOR}")
    page.click("[data-test=replace]")
    dialog = page.locator("[data-test=ask]")
    dialog.locator("[data-test=confirm]").click()
    expect(dialog.locator("[role=alert]")).to_have_text("请填写新序列号。")
    dialog.locator("[data-test=serial]").fill("SN-NEW")
    dialog.locator("[data-test=confirm]").click()
    expect(dialog.locator("[role=alert]")).to_have_text("请填写原因。")
    expect(dialog.locator("[data-test=serial]")).to_have_value("SN-NEW")
    dialog.locator("[data-test=reason]").fill("锁舌磨损")
    dialog.locator("[data-test=confirm]").click()
    expect(page.locator("[data-test=serial]").first).to_have_text("SN-NEW")
    stood = page.locator("[data-test=stood]")
    expect(stood).to_contain_text("SN-OLD")
    expect(stood).to_contain_text("锁舌磨损")
    expect(page.locator("[data-test=history]")).to_contain_text("SN-OLD → SN-NEW")
    stands = item(console, "equipment", DOOR)
    assert isinstance(stands, Equipment) and stands.serial == "SN-NEW"


def test_a_device_is_moved_and_edited(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """To a place found by its address; hung on another; what is no number is told in words and nothing is written."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry/devices/c001-cam-07")
    page.click("[data-test=move]")
    dialog = page.locator("[data-test=ask]")
    dialog.locator("[data-test=place] .search").fill("1号楼1单元112室")
    dialog.locator("input[type=radio][value=c001-b1-u1-r112]").check()
    dialog.locator("[data-test=confirm]").click()
    expect(page.locator("[data-test=what] [data-test=address]")).to_contain_text("112室")
    page.click("[data-test=edit]")
    dialog.locator("[data-test=parent] .search").fill("cam-01")
    dialog.locator("input[type=radio][value=c001-cam-01]").check()
    dialog.locator("[data-test=interval]").fill("soon")
    dialog.locator("[data-test=confirm]").click()
    expect(dialog.locator("[role=alert]")).to_contain_text("不是数")
    dialog.locator("[data-test=interval]").fill("30")
    dialog.locator("[data-test=confirm]").click()
    expect(page.locator("[data-test=what]")).to_contain_text("30 秒")
    moved = item(console, "device", "c001-cam-07")
    assert isinstance(moved, Device)
    assert (moved.place, moved.parent, moved.interval_s) == ("c001-b1-u1-r112", "c001-cam-01", 30.0)
    page.goto(f"{console.url}/registry/devices/c001-cam-01")
    expect(page.locator("[data-test=hanging] [data-device=c001-cam-07]")).to_be_visible()


def test_a_duplicate_is_merged_and_leads_to_what_stays(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """The record that goes is found by typing."""
    with console.database.write() as connection:
        twice = Device("c001-cam-05-again", "c001", "gw-c001", "camera", Text("重复的", "Again"), "c001-b1")
        put(connection, [twice], Origin(console.now))
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry/devices/{CAMERA}")
    page.click("[data-test=merge]")
    dialog = page.locator("[data-test=ask]")
    dialog.locator("[data-test=duplicate] .search").fill("again")
    dialog.locator("input[type=radio][value=c001-cam-05-again]").check()
    dialog.locator("[data-test=confirm]").click()
    expect(dialog).not_to_be_visible()
    page.goto(f"{console.url}/registry/devices/c001-cam-05-again")
    page.locator(".head").get_by_role("link", name=CAMERA).click()
    expect(page.locator("[data-test=name]")).to_be_visible()
    assert item(console, "device", "c001-cam-05-again") is None


def test_a_contradicted_fact_is_settled_by_taking_the_other(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """Both stand there with source and confidence; what is taken counts, and nothing contradicts it any more."""
    device = item(console, "device", "c001-cam-08")
    assert isinstance(device, Device)
    with console.database.write() as connection:
        for source, model, days in (("survey", "M-1", 2), ("invoice", "M-2", 1)):
            said = Equipment("c001-cam-08", "c001", model=model)
            record(connection, [said], Origin(console.now - days * DAY, None, source, 0.5), ["model"])
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry/devices/c001-cam-08")
    fact = page.locator("[data-fact=model]")
    expect(fact).to_contain_text("说法不一")
    expect(fact).to_contain_text("survey 说：M-1")
    fact.locator("[data-test=take-fact]").click()
    expect(fact).not_to_contain_text("说法不一")
    stands = item(console, "equipment", "c001-cam-08")
    assert isinstance(stands, Equipment) and stands.model == "M-1"


def test_a_drawing_is_uploaded_and_a_device_placed_on_it(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, tmp_path: Path
) -> None:
    """An SVG is refused and it is said why; a press on the drawing places a device, two numbers move it."""
    svg, drawing = tmp_path / "plan.svg", tmp_path / "plan.png"
    svg.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    drawing.write_bytes(png(800, 400))
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/registry/places/c001-b3")
    page.click("[data-test=add-plan]")
    dialog = page.locator("[data-test=plan-dialog]")
    dialog.locator("[data-test=upload]").click()
    expect(dialog.locator("> [role=alert]")).to_have_text("请选择图纸文件。")
    dialog.locator("[data-test=width]").fill("40")
    dialog.locator("[data-test=drawing-file]").set_input_files(svg)
    expect(dialog.locator("[data-test=width]")).to_have_value("40")
    dialog.locator("[data-test=upload]").click()
    expect(dialog.locator("[data-test=refused]")).to_contain_text("脚本")
    dialog.locator("[data-test=drawing-file]").set_input_files(drawing)
    dialog.locator("[data-test=upload]").click()
    page.wait_for_url("**/registry/plans/c001-b3-plan")
    page.wait_for_function("document.querySelector('[data-test=plan] img')?.naturalWidth === 800")
    page.wait_for_function("window.socket?.connected")
    waiting = page.locator("[data-test=waiting] li").first
    device = str(waiting.get_attribute("data-device"))
    waiting.locator("[data-test=place-dot]").click()
    expect(page.locator("[data-test=place-form]")).to_be_visible()
    picture = page.locator("[data-test=plan] img")
    box = picture.bounding_box()
    assert box is not None
    picture.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.5})
    expect(page.locator("[data-test=spot]")).to_be_visible()
    expect(page.locator("[data-test=from-left]")).to_have_value(re.compile(r"^2[45]\.\d$"))
    page.click("[data-test=save-spot]")
    dot = page.locator(f"[data-dot={device}]")
    expect(dot).to_be_visible()
    stands = item(console, "equipment", device)
    assert isinstance(stands, Equipment) and stands.plan == "c001-b3-plan"
    assert stands.x_m == pytest.approx(10, abs=0.3)
    row = page.locator(f"[data-test=on-it] [data-device={device}]")
    row.locator("[data-test=move-dot]").click()
    page.fill("[data-test=from-left]", "150")
    page.click("[data-test=save-spot]")
    expect(page.locator("[data-test=place-form] [role=alert]")).to_be_visible()
    page.fill("[data-test=from-left]", "75")
    expect(page.locator("[data-test=from-top]")).to_have_value(re.compile(r"^(49|50)(\.\d)?$"))
    page.press("[data-test=from-left]", "Tab")
    page.click("[data-test=save-spot]")
    expect(page.locator("[data-test=place-form]")).not_to_be_visible()
    stands = item(console, "equipment", device)
    assert isinstance(stands, Equipment) and stands.x_m == pytest.approx(30)
    page.goto(f"{console.url}/registry/devices/{device}")
    expect(page.locator(f"[data-test=on-plan] [data-dot={device}]")).to_be_visible()


def test_a_guard_sees_all_of_it_and_changes_nothing(
    console: ConsoleProcess, phone: BrowserContext, sign_in: SignIn
) -> None:
    """On a phone; no button that changes anything, and what is another's compound is not there."""
    with console.database.write() as connection:
        plan = FloorPlan("c001-seen-plan", "c001", "c001-b2", Text("二层", "Second floor"), "x.png", 20, 10)
        put(connection, [plan], Origin(console.now))
    page = sign_in(phone, "guard")
    changing = "add-below edit remove restore move replace merge add-plan upload confirm-fact edit-plan remove-plan"
    for path in (
        "places",
        "communities/c001",
        "places/c001-b1-u1",
        f"devices/{CAMERA}",
        "plans/c001-seen-plan",
        "places?q=1号楼",
    ):
        page.goto(f"{console.url}/registry/{path}")
        expect(page.locator(".main")).not_to_be_empty()
        for name in changing.split():
            expect(page.locator(f"[data-test={name}]")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    for path in ("communities/c002", "places/c002-gate", "devices/nowhere", "plans/nowhere"):
        page.goto(f"{console.url}/registry/{path}")
        expect(page.locator("[data-test=not-there]")).to_be_visible()


def test_a_name_is_never_markup(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn) -> None:
    """Neither in a list, nor as a title, nor on a drawing."""
    page = sign_in(context, "manager")
    for path in (f"devices/{world.EVIL_DEVICE}", "places?q=onerror"):
        page.goto(f"{console.url}/registry/{path}")
        expect(page.get_by_text(world.EVIL).first).to_be_visible()
        assert page.evaluate("window.hacked") is None
