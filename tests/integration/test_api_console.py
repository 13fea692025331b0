"""The console's half without a browser: what an open page may still read, and when it is sent away."""

import asyncio
from collections.abc import Callable, Iterator
from time import monotonic
from typing import cast

import pytest
from nicegui import Client, core
from sqlalchemy import delete

from api.alerts import live as live_module
from api.console import alert_page, alerts_page, consoles, facilities_page, facility_page
from api.console.consoles import Consoles
from api.console.visit import Visit
from api.snapshots.service import build_snapshots
from linli.db import schema
from linli.errors import NotSignedIn
from linli.model import Role
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, running_world

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("console")) as running:
        yield running


class Page:
    """What a console needs of a NiceGUI client: takes down what it is told."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.told: list[str] = []
        self.is_deleted = False

    def on_delete(self, _handler: Callable[[], None]) -> None:
        """As NiceGUI's."""

    def open(self, path: str) -> None:
        """Where the page is sent."""
        self.told.append(path)

    def run_javascript(self, code: str) -> None:
        """What the page is told."""
        self.told.append(code)

    def delete(self) -> None:
        """The page is answered no more."""
        self.is_deleted = True


def visiting(world: World, name: str) -> Visit:
    """A page opened by somebody who belongs to both communities."""
    world.services.people.add(name, Role.SECURITY, [HOME, FOREIGN], password=PASSWORD)
    signed = world.services.people.sign_in(name, PASSWORD)
    return Visit(signed.person, signed.token, "en", {})


def leave_foreign(world: World, visit: Visit) -> None:
    """The membership is taken away while the page is open."""
    table = schema.memberships
    with world.database.write() as connection:
        connection.execute(delete(table).where(table.c.user_id == visit.person.id, table.c.community_id == FOREIGN))


async def come_true(condition: Callable[[], bool]) -> None:
    """Let the loop run until it holds; fail after 5 s."""
    deadline = monotonic() + 5
    while not condition():
        assert monotonic() < deadline
        await asyncio.sleep(0.01)


def test_an_open_page_reads_as_its_person_is_now(world: World) -> None:
    """Not as they were when it was opened: a lost community is gone from every read."""
    visit, services = visiting(world, "mover"), world.services
    assert {view.alert.community for view in alerts_page._read(services, visit, True)} == {HOME, FOREIGN}
    leave_foreign(world, visit)
    assert {view.alert.community for view in alerts_page._read(services, visit, True)} == {HOME}
    assert {view.community for view in facilities_page._read(services, visit)} == {HOME}
    assert facility_page._read(services, visit, f"{FOREIGN}-lift") is None
    assert alert_page._read(services, build_snapshots(services), visit, f"a{FOREIGN}0001") is None


def test_an_open_page_reads_nothing_once_its_session_has_ended(world: World) -> None:
    """Signed out elsewhere, or disabled: no list, no card, no curve."""
    visit, services = visiting(world, "leaver"), world.services
    detail = facility_page._read(services, visit, f"{HOME}-lift")
    assert detail is not None
    services.people.set_enabled("leaver", False)
    for read in (
        lambda: alerts_page._read(services, visit, False),
        lambda: alert_page._read(services, build_snapshots(services), visit, f"a{HOME}0001"),
        lambda: facilities_page._read(services, visit),
        lambda: facility_page._read(services, visit, f"{HOME}-lift"),
        lambda: facility_page._read_day(services, visit, detail.values[0], world.clock.now()),
    ):
        with pytest.raises(NotSignedIn):
            read()


def test_who_was_disabled_is_sent_away_and_answered_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page goes to the sign-in page, and its client is deleted whether it goes or not."""
    monkeypatch.setattr(live_module, "RECHECK_S", 0.0)
    monkeypatch.setattr(consoles, "PARTING_S", 0.0)
    visit, page = visiting(world, "thrown"), Page("p1")

    async def scenario() -> None:
        monkeypatch.setattr(core, "loop", asyncio.get_running_loop())
        opened = Consoles(world.services)
        opened.open(cast(Client, page), visit)
        world.services.people.set_enabled("thrown", False)
        world.services.live.nudge()
        await come_true(lambda: page.is_deleted)
        assert len(opened) == 0

    asyncio.run(scenario())
    assert page.told == ["/login"]


def test_who_lost_a_community_gets_the_page_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands on it is of the old communities: it is loaded again, with the next beat."""
    monkeypatch.setattr(live_module, "RECHECK_S", 0.0)
    monkeypatch.setattr(consoles, "PARTING_S", 0.0)
    monkeypatch.setattr(consoles, "BEAT_S", 0.01)
    visit, page = visiting(world, "halved"), Page("p2")

    async def scenario() -> None:
        monkeypatch.setattr(core, "loop", asyncio.get_running_loop())
        opened = Consoles(world.services)
        opened.open(cast(Client, page), visit)
        opened.start()
        await come_true(lambda: any("beat(" in code for code in page.told))
        leave_foreign(world, visit)
        world.services.live.nudge()
        await come_true(lambda: page.is_deleted)
        await opened.stop()

    asyncio.run(scenario())
    assert page.told[-1] == "window.location.reload()"
