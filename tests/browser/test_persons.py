"""Residents in a real browser: masked, in full for a while with a purpose that stands in the audit log, and hidden again."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from linli.clock import DAY
from linli.db.audit import Search, Shown, SqlAudit
from linli.db.registryfacts import record
from linli.db.registryitems import get
from linli.db.registrywriting import save
from linli.i18n import Text
from linli.model import Place
from linli.registry.changes import Key, Origin
from linli.registry.inhabitants import Contact, Household, Resident
from linli.registry.inhabitants import Person as Inhabitant
from linli.registry.kinds import Personal
from tests.browser.conftest import ConsoleProcess, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

NAME, PHONE = "欧阳春晓", "13812345678"


@pytest.fixture(scope="module")
def resident(console: ConsoleProcess) -> Iterator[str]:
    """Somebody in a room, one of whose facts two sources say differently; the id."""
    building = Place("c001-b9", "c001", "building", Text("9号楼", "Building 9"), None, "9")
    room = Place("c001-b9-r101", "c001", "room", Text("101", "101"), building.id, "101")
    person = Inhabitant("p-chunxiao", "c001", NAME, "female", "1953-07-21", "wheelchair")
    with console.database.write() as connection:
        save(connection, [building, room])
        items: list[Personal] = [
            Household("h-101", "c001", room.id, "owner"),
            person,
            Resident("r-1", "c001", "h-101", person.id, "head", "2015-05-01"),
            Contact("k-1", "c001", person.id, "mobile", PHONE),
        ]
        record(connection, items, Origin(console.now - 3 * DAY, None, "census", 0.9))
        record(
            connection,
            [Inhabitant(person.id, "c001", NAME, born="1955-07-21")],
            Origin(console.now - DAY, None, "clinic", 0.5),
            ["born"],
        )
    yield person.id


def entries(console: ConsoleProcess, person: str) -> list[Shown]:
    return SqlAudit(console.database).newest(Search(item=person, kind="person"), limit=50)


def find(page: Page, console: ConsoleProcess, purpose: str = "service") -> None:
    """Look for everybody, with a purpose."""
    page.goto(f"{console.url}/persons")
    page.wait_for_function("window.socket?.connected")
    page.select_option("[data-test=purpose]", purpose)
    page.click("[data-test=show]")
    page.wait_for_selector("[data-person]")


def unmask(page: Page, reason: str) -> None:
    page.click("[data-test=unmask]")
    page.select_option("[data-test=form] [data-test=f-purpose]", "resident_request")
    page.fill("[data-test=form] [data-test=f-reason]", reason)
    page.click("[data-test=form] [data-test=confirm]")
    page.wait_for_selector("[data-test=veil] [data-test=known]")


def test_a_look_in_full_takes_a_purpose_and_is_written_down(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, resident: str
) -> None:
    """Masked before, in full after a reason is given, with who says what; hidden at a press; never in an address or a title."""
    page = sign_in(context, "manager")
    page.click("nav a[href='/persons']")
    page.wait_for_function("window.socket?.connected")
    page.click("[data-test=show]")
    expect(page.locator(".fault-line:visible")).to_have_text("请选择查看目的。")
    find(page, console)
    expect(page.locator(f"[data-person={resident}]")).to_contain_text("欧***")
    assert NAME not in page.content()
    page.click(f"[data-person={resident}] a")
    page.wait_for_selector("[data-test=known]")
    page.wait_for_function("window.socket?.connected")
    expect(page.locator("[data-test=contacts]")).to_contain_text("138****5678")
    assert not {NAME, PHONE} & set(re.findall(r"[\w]+", page.content()))
    (look, *_) = entries(console, resident)
    assert (look.entry.purpose, look.entry.actor) == ("service", _account(console, "manager"))

    page.click("[data-test=unmask]")
    page.click("[data-test=form] [data-test=confirm]")
    expect(page.locator("[data-test=form] [role=alert]")).to_contain_text("原因")
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-test=form]", state="hidden")
    unmask(page, "她在窗口，核对电话")
    expect(page.locator("[data-test=name]")).to_have_text(NAME)
    expect(page.locator("[data-test=contacts]")).to_contain_text(PHONE)
    expect(page.locator("[data-test=against]")).to_contain_text("1955-07-21")
    (full, *_) = entries(console, resident)
    assert (full.entry.purpose, full.texts["reason"]) == ("resident_request", "她在窗口，核对电话")
    assert NAME not in page.title() and "reason" not in page.url
    page.click("[data-test=hide]")
    expect(page.locator("[data-test=name]")).to_have_text("欧***")
    assert NAME not in page.content() and PHONE not in page.content()
    assert NAME not in (console.data / "log").read_text()


def test_what_is_shown_in_full_goes_by_itself(
    console: ConsoleProcess, phone: BrowserContext, sign_in: SignIn, resident: str
) -> None:
    """After two minutes, though the server were gone; and when the page is left; on a phone."""
    page = sign_in(phone, "manager")
    page.clock.install()
    page.goto(f"{console.url}/persons/{resident}?purpose=service")
    page.wait_for_selector("[data-test=known]")
    page.clock.run_for(2000)
    page.wait_for_function("window.socket?.connected")
    unmask(page, "电话核对")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.clock.run_for(121_000)
    expect(page.locator("[data-test=name]")).to_have_text("欧***")
    assert PHONE not in page.content()
    unmask(page, "再核对一次")
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")
    page.clock.run_for(2000)
    expect(page.locator("[data-test=name]")).to_have_text("欧***")


def test_a_contact_is_added_and_a_member_registered(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, resident: str
) -> None:
    """In full a record can be changed; found by its room, a household gets a member, who is taken out and brought back."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/persons/{resident}?purpose=records")
    page.wait_for_selector("[data-test=known]")
    page.wait_for_function("window.socket?.connected")
    unmask(page, "本人来登记")
    page.click("[data-test=add-contact]")
    page.select_option("[data-test=f-kind]", "email")
    page.fill("[data-test=f-value]", "chunxiao@example.org")
    page.click("[data-test=form]:visible [data-test=confirm]")
    expect(page.locator("[data-test=contacts]")).to_contain_text("chunxiao@example.org")

    page.goto(f"{console.url}/persons")
    page.wait_for_function("window.socket?.connected")
    page.fill("[data-test=room]", "101")
    page.fill("[data-test=building]", "9")
    page.select_option("[data-test=purpose]", "records")
    page.click("[data-test=show]")
    page.click("[data-home=h-101] a")
    page.wait_for_selector("[data-test=household] [data-person]")
    page.wait_for_function("window.socket?.connected")
    page.click("[data-test=add-member]")
    page.fill("[data-test=f-name]", "欧阳小满")
    page.select_option("[data-test=f-relation]", "child")
    page.click("[data-test=form]:visible [data-test=confirm]")
    expect(page.locator("[data-test=household] [data-person]")).to_have_count(2)
    child = page.locator("[data-test=household] [data-person]").filter(has_text="子女").get_attribute("data-person")
    assert child is not None
    page.goto(f"{console.url}/persons/{child}?purpose=records")
    page.wait_for_selector("[data-test=known]")
    page.wait_for_function("window.socket?.connected")
    unmask(page, "迁出")
    page.click("[data-test=remove]")
    page.click("[data-test=form]:visible [data-test=confirm]")
    expect(page.locator("[data-test=removed]")).to_be_visible()
    page.click("[data-test=bring-back]")
    page.click("[data-test=form]:visible [data-test=confirm]")
    expect(page.locator("[data-test=removed]")).to_have_count(0)
    with console.database.read() as connection:
        kept = get(connection, Key("person", child))
    assert kept is not None and kept.removed_at is None


def test_a_card_is_added_masked_and_taken_back(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, resident: str
) -> None:
    """What opens doors for them is on their page: its last characters for whoever may look, the number in full for a purpose."""
    page = sign_in(context, "manager")
    page.goto(f"{console.url}/persons/{resident}?purpose=service")
    page.wait_for_selector("[data-test=known]")
    page.wait_for_function("window.socket?.connected")
    unmask(page, "本人来领卡")
    page.click("[data-test=add-credential]")
    page.fill("[data-test=f-value]", "CARD0000042")
    page.fill("[data-test=f-since]", "2026-02-01")
    page.click("[data-test=form]:visible [data-test=confirm]")
    cards = page.locator("[data-test=credentials]")
    expect(cards).to_contain_text("CARD0000042")
    expect(cards).to_contain_text("仍在使用")
    page.click("[data-test=hide]")
    expect(cards).to_contain_text("****42")
    expect(cards).not_to_contain_text("CARD0000042")
    unmask(page, "卡已交回")
    page.click("[data-test=edit-credential]")
    page.fill("[data-test=f-until]", "2026-01-01")
    page.click("[data-test=form]:visible [data-test=confirm]")
    expect(page.locator("[data-test=form]:visible")).to_contain_text("早于开始的一天")
    page.fill("[data-test=f-until]", "2026-03-01")
    page.click("[data-test=form]:visible [data-test=confirm]")
    expect(cards).to_contain_text("2026-03-01")


def test_who_has_looked_and_everything_in_a_file(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, resident: str
) -> None:
    """For who may release it: the id is typed before anything goes out, or for ever."""
    page = sign_in(context, "admin")
    page.goto(f"{console.url}/persons/{resident}?purpose=records")
    page.wait_for_selector("[data-test=rights]")
    page.wait_for_function("window.socket?.connected")
    page.click("[data-test=show-looks]")
    expect(page.locator("[data-test=looks]")).to_contain_text("核对、更正登记信息")
    page.click("[data-test=export]")
    page.fill("[data-test=f-reason]", "本人要求")
    page.fill("[data-test=f-typed]", "p-wrong")
    page.click("[data-test=form]:visible [data-test=confirm]")
    expect(page.locator("[data-test=form]:visible [role=alert]")).to_have_text("编号不一致。")
    page.fill("[data-test=f-typed]", resident)
    with page.expect_download() as download:
        page.click("[data-test=form]:visible [data-test=confirm]")
    assert NAME in download.value.path().read_text("utf-8")
    assert [one for one in entries(console, resident) if one.entry.verb == "person.exported"]


def test_residents_are_for_who_may_see_them(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn, resident: str
) -> None:
    """A guard sees them masked, and has nothing to see more with; without a purpose in the address, it is asked for."""
    page = sign_in(context, "guard")
    page.goto(f"{console.url}/persons/{resident}")
    page.wait_for_selector("[data-test=purpose]")
    assert page.locator("[data-test=known]").count() == 0
    page.goto(f"{console.url}/persons/{resident}?purpose=emergency")
    expect(page.locator("[data-test=name]")).to_have_text("欧***")
    assert page.locator("[data-test=unmask], [data-test=rights], [data-test=edit]").count() == 0


def _account(console: ConsoleProcess, name: str) -> str:
    from linli.db.people import People

    return People(console.database, console.clock).get(name).id
