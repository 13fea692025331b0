"""What a camera saw, on the page of the alert that it belongs to."""

import hashlib
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from linli.datafolder import DataFolder
from linli.db.audit import Search, SqlAudit
from linli.db.people import People
from linli.db.snapshots import Snapshot, SqlSnapshots
from linli.model import Role
from linli.snapshotfiles import SnapshotFiles
from linli.snapshots import Kind
from simulators.compound import COMMUNITY
from tests.browser import world
from tests.browser.conftest import ConsoleProcess, SignIn
from tests.pictures import png

pytestmark = pytest.mark.browser

DOOR = "c001-door-02"


def put_picture(console: ConsoleProcess, name: str) -> None:
    """As the API does when an agent puts one."""
    data, now = png(640, 360), console.now
    file = SnapshotFiles(DataFolder(console.data).snapshots).store(COMMUNITY, DOOR, now, Kind.PNG, data)
    made = Snapshot(
        DOOR, name, COMMUNITY, now, now, Kind.PNG, len(data), 640, 360, hashlib.sha256(data).hexdigest(), file, "agent"
    )
    SqlSnapshots(console.database).add(made)


def test_the_picture_is_shown_and_the_look_is_written_down(
    console: ConsoleProcess, context: BrowserContext, sign_in: SignIn
) -> None:
    """Beside what was observed, once the picture is there; its name is no fact for people."""
    put_picture(console, "at-the-door")
    alert = world.forced_door(console.now, DOOR)
    seen = replace(alert.evidence[0], data={"contact": "open", "snapshot": "at-the-door"})
    unseen = replace(seen, data={"snapshot": "never-came"})
    console.hand.put(replace(alert, evidence=(seen, unseen)))
    page = sign_in(context)
    page.goto(f"{console.url}/alerts/{alert.id}")
    picture = page.locator("[data-test=snapshot]")
    expect(picture).to_have_count(1)
    page.wait_for_function("document.querySelector('[data-test=snapshot]')?.naturalWidth === 640")
    expect(page.locator("[data-test=evidence]")).not_to_contain_text("at-the-door")
    found = SqlAudit(console.database).newest(Search(verb="snapshot.read"), 1)
    assert found[0].entry.ids == ("at-the-door",)


def test_who_may_not_see_pictures_sees_the_alert_without(
    console: ConsoleProcess, browser: Browser, sign_in: SignIn
) -> None:
    """A maintainer repairs doors, and watches nobody."""
    people = People(console.database, console.clock)
    people.add("fixer", Role.MAINTAINER, [COMMUNITY], password=world.PASSWORD)
    put_picture(console, "not-for-everybody")
    alert = world.hot_cable(console.now)
    seen = replace(alert.evidence[0], device=DOOR, data={"snapshot": "not-for-everybody"})
    console.hand.put(replace(alert, evidence=(seen,)))
    context = browser.new_context(locale="zh-CN")
    page = sign_in(context, "fixer")
    page.goto(f"{console.url}/alerts/{alert.id}")
    expect(page.locator("[data-test=evidence] tbody tr")).to_have_count(1)
    expect(page.locator("[data-test=snapshot]")).to_have_count(0)
    context.close()
