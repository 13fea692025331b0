"""A resident's own data in a real browser: they land on it, change what is theirs to change, and find nothing else."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from linli.auditwho import who_of
from linli.clock import DAY
from linli.db.audit import person_read
from linli.db.people import People
from linli.db.registryfacts import record
from linli.db.registryitems import get
from linli.i18n import Text
from linli.model import Place, Role
from linli.registry.changes import PERSON, RESIDENT, Key, Origin
from linli.registry.inhabitants import Consent, Contact, Credential, Household, Person, Resident
from linli.registry.kinds import Item
from tests.browser import world
from tests.browser.conftest import PHONE, ConsoleProcess, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.integration]

ROOM, HOME, ZHAO, QIAN, CONTACT = "c001-r101", "h-zhao", "i-zhao", "i-qian", "k-zhao"


@pytest.fixture(scope="module")
def zhao(console: ConsoleProcess) -> Iterator[str]:
    """A resident with a home, somebody in it, a number that staff hold, and an account; the sign-in name."""
    staff = People(console.database, console.clock).get("manager").id
    items: list[Item] = [
        Place("c001-b12", "c001", "building", Text("12号楼", "Building 12"), code="12"),
        Place(ROOM, "c001", "room", Text("101", "101"), "c001-b12", code="101"),
        Household(HOME, "c001", ROOM, "owner"),
        Person(ZHAO, "c001", world.EVIL, "female", "1953-07-21", "独居"),
        Person(QIAN, "c001", "钱多多"),
        Resident("m-zhao", "c001", HOME, ZHAO, "head", "2012-05-01"),
        Resident("m-qian", "c001", HOME, QIAN, "spouse"),
        Contact(CONTACT, "c001", ZHAO, "mobile", "13812345678", verified_at=console.now - DAY),
        Consent("n-zhao", "c001", ZHAO, "care", True, console.now - DAY, "登记表"),
        Credential("c-zhao", "c001", ZHAO, "card", "CARD0000099", "2026-02-01"),
    ]
    with console.database.write() as connection:
        record(connection, items, Origin(console.now - DAY, staff, PERSON))
        person_read(connection, who_of(staff), [ZHAO], "safety_check", console.now - DAY, community="c001")
    people = People(console.database, console.clock)
    people.add("zhao", Role.RESIDENT, display_name="赵女士", password=world.PASSWORD, person=ZHAO)
    people.add("stray", Role.RESIDENT, display_name="孙女士", password=world.PASSWORD)
    yield "zhao"


def contact_of(console: ConsoleProcess) -> Contact:
    with console.database.read() as connection:
        kept = get(connection, Key("contact", CONTACT))
    assert kept is not None and isinstance(kept.item, Contact)
    return kept.item


def test_a_resident_lands_on_what_is_known_of_them(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, zhao: str
) -> None:
    """All of it in full, in both languages; no entry leads elsewhere, and every other address leads back."""
    page = sign_in(context, zhao)
    assert page.url == f"{console.url}/own"
    known = page.locator("[data-test=known]")
    expect(known).to_contain_text(world.EVIL)
    expect(known).to_contain_text("独居")
    expect(known).to_contain_text("工作人员登记")
    expect(page.locator("[data-test=homes]")).to_contain_text("望湖苑 / 12号楼 / 101室")
    expect(page.locator("[data-test=homes]")).to_contain_text("钱**")
    expect(page.locator("[data-test=credentials]")).to_contain_text("CARD0000099")
    expect(page.locator("[data-test=credentials]")).to_contain_text("2026-02-01 起")
    expect(page.locator("[data-test=looks]")).to_contain_text("物业")
    expect(page.locator("[data-test=looks]")).to_contain_text("独居与高龄关怀")
    assert "李晓梅" not in page.content()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    assert page.evaluate("window.hacked") is None
    assert page.locator("nav a").count() == 1
    assert page.locator("[data-test=mute], [data-health]").count() == 0
    for path in ("/", "/alerts/x", "/facilities", "/registry", "/rules", "/accounts", "/audit"):
        page.goto(f"{console.url}{path}")
        assert page.url == f"{console.url}/own", path
    page.click("[data-test=language]")
    expect(page.locator("h1")).to_have_text("My data")
    expect(page.locator("[data-test=homes]")).to_contain_text("Room 101")
    page.click("[data-test=language]")


def test_a_number_is_changed_and_shows_as_their_word(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, zhao: str
) -> None:
    """What is none is refused in words; the staff's word stands beside it; another is added and removed."""
    page = sign_in(context, zhao)
    row = page.locator(f"[data-contact={CONTACT}]")
    expect(row).to_contain_text("核实可用")
    row.locator("input[name=value]").fill("not a number")
    row.locator("[data-test=save-contact]").click()
    expect(page.locator(".fault-line")).to_contain_text("没有保存")
    row.locator("input[name=value]").fill("13700001111")
    row.locator("[data-test=save-contact]").click()
    expect(page.locator(".said-line")).to_have_text("已保存。")
    expect(row).to_contain_text("您本人填写")
    expect(row).to_contain_text("另一说法：13812345678（工作人员登记）")
    expect(row).not_to_contain_text("核实可用")
    assert contact_of(console).value == "13700001111"
    new = page.locator("[data-test=new]")
    new.locator("select").select_option("email")
    new.locator("input[name=value]").fill("zhao@example.org")
    new.locator("[data-test=add-contact]").click()
    expect(page.locator("[data-contact]")).to_have_count(2)
    page.locator("[data-contact]").last.locator("[data-test=remove-contact]").click()
    expect(page.locator("[data-contact]")).to_have_count(1)


def test_what_somebody_else_changed_meanwhile_is_not_written_over(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, zhao: str
) -> None:
    """The page was drawn before: it says so, and shows what is there now."""
    page = sign_in(context, zhao)
    row = page.locator(f"[data-contact={CONTACT}]")
    was = contact_of(console)
    with console.database.write() as connection:
        said = Contact(CONTACT, "c001", ZHAO, "mobile", "13655556666", was.position)
        record(connection, [said], Origin(console.now, None, PERSON), ["value"])
    row.locator("input[name=value]").fill("13900002222")
    row.locator("[data-test=save-contact]").click()
    expect(page.locator(".fault-line")).to_contain_text("刚才有人改动过")
    expect(row.locator("input[name=value]")).to_have_value("13655556666")


def test_consents_are_switches(console: ConsoleProcess, phone: BrowserContext, sign_in: SignIn, zhao: str) -> None:
    """Each says what it means, since when and by whom; on a phone too, without scrolling sideways."""
    page = sign_in(phone, zhao)
    care, face = (page.locator(f"[data-consent={one}]") for one in ("care", "face_access"))
    expect(care).to_contain_text("登记表")
    expect(face).to_contain_text("还没有问过您")
    for row, was in ((care, True), (face, False)):
        switch = row.locator("[role=switch]")
        expect(switch).to_have_attribute("aria-checked", str(was).lower())
        switch.click()
        expect(row.locator("[role=switch]")).to_have_attribute("aria-checked", str(not was).lower())
        expect(row).to_contain_text("您本人填写")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    boxes = [one.bounding_box() for one in page.locator("[role=switch]").all()]
    assert all(box is not None and box["height"] >= 44 and box["x"] + box["width"] <= PHONE["width"] for box in boxes)


def test_everything_is_taken_along(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, zhao: str
) -> None:
    """As one file."""
    page = sign_in(context, zhao)
    with page.expect_download() as started:
        page.click("[data-test=export]")
    document = json.loads(started.value.path().read_text())
    assert {one["kind"] for one in document["records"]} == {"person", "resident", "contact", "consent", "credential"}
    assert document["swipes"] == document["pictures"] == document["alerts"] == []
    assert RESIDENT in {one["source"] for one in document["history"]}
    assert "李晓梅" not in json.dumps(document, ensure_ascii=False)


def test_who_is_linked_to_nobody_is_told_whom_to_ask(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, zhao: str
) -> None:
    """No error page, and the way to their account."""
    page = sign_in(context, "stray")
    expect(page.locator("[data-test=not-linked]")).to_contain_text("居委会")
    assert page.locator("[data-test=contacts]").count() == 0
    page.goto(f"{console.url}/own/my-data.json")
    assert page.url == f"{console.url}/own"
    page.click("[data-test=account]")
    page.wait_for_selector("[data-test=sessions]")
    page.click("nav a")
    expect(page.locator("h1")).to_have_text("我的信息")


def link(page: Page, console: ConsoleProcess, account: str, person: str) -> None:
    page.goto(f"{console.url}/accounts/{account}")
    page.wait_for_function("window.socket?.connected")
    page.click("[data-test=edit]")
    page.fill("[data-test=account-dialog] [data-test=person]", person)
    page.click("[data-test=account-dialog] [data-test=save]")


def test_an_administrator_says_who_a_resident_is(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, zhao: str
) -> None:
    """Refused for who has an account already, and for who is not registered."""
    people = People(console.database, console.clock)
    stray = people.get("stray").id
    page = sign_in(context, "admin")
    for wrong, said in ((ZHAO, "已关联此人"), ("nobody", "没有登记居民")):
        link(page, console, stray, wrong)
        expect(page.locator("[data-test=account-dialog] [role=alert]")).to_contain_text(said)
    link(page, console, stray, QIAN)
    expect(page.locator("[data-test=account-detail]")).to_contain_text(f"本人：{QIAN}")
    assert people.get("stray").registered_as == QIAN


def test_staff_have_no_such_page(console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, zhao: str) -> None:
    """The address leads home, and a form of it changes nothing."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/own")
    assert page.url == f"{console.url}/facilities"
    answer = page.request.post(
        f"{console.url}/own/consents/care", form={"given": "yes", "revision": "0"}, max_redirects=0
    )
    assert answer.headers["location"] == "/own?fault=busy"
