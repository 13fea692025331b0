"""Facilities as the services read them: from alerts, newest values and gateways together."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from api.views import FacilityStatus, FacilityView
from linli.clock import DAY, SECOND
from linli.db import schema
from linli.db.people import Person
from linli.db.registry import save
from linli.i18n import Text
from linli.model import Condition, Evidence, Facility, Handling, Severity
from tests.integration.api_world import FOREIGN, HOME, World, fill_store, make_alert, running_world
from tests.support import eventually

pytestmark = pytest.mark.integration

LIFT = f"{HOME}-lift"


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    with running_world(tmp_path, database_url) as running:
        yield running


@pytest.fixture
def person(world: World) -> Person:
    return world.services.people.get(f"{HOME}-property")


def lift(world: World, person: Person) -> FacilityView:
    return world.services.facility(person, LIFT).view


def test_fresh_values_and_no_alert_is_ok(world: World, person: Person) -> None:
    """The door's alerts are not the lift's."""
    assert lift(world, person).state is FacilityStatus.OK
    assert world.services.alerts(person, subject=f"{HOME}-door")


def test_an_alert_on_its_device_until_it_is_over(world: World, person: Person) -> None:
    """Fault while it stands, also acknowledged; ok once the condition is resolved, unless the alert latches."""
    alert = replace(make_alert(HOME, 50, world.clock.now()), subject=f"{HOME}-car")
    world.change(alert)
    assert (lift(world, person).state, lift(world, person).worst_alerts) == (FacilityStatus.FAULT, (alert.id,))
    world.change(replace(alert, handling=Handling.ACKNOWLEDGED), "acknowledged")
    assert lift(world, person).state is FacilityStatus.FAULT
    over = replace(alert, condition=Condition.RESOLVED, handling=Handling.RETURNED_UNACKNOWLEDGED)
    world.change(over, "resolved")
    assert lift(world, person).state is FacilityStatus.OK
    world.change(replace(over, latched=True), "resolved")
    assert lift(world, person).state is FacilityStatus.FAULT
    world.change(replace(over, handling=Handling.CLOSED), "closed")
    assert lift(world, person).state is FacilityStatus.OK


def test_an_alert_on_a_place_counts_where_a_device_saw_it(world: World, person: Person) -> None:
    """A rule that correlates within a building names the building; the facility is one whose device is in evidence."""
    at = world.clock.now()
    place = replace(make_alert(HOME, 51, at, Severity.MEDIUM), subject=f"{HOME}-b1", subject_kind="place")
    world.change(place)
    assert lift(world, person).state is FacilityStatus.OK
    world.change(replace(place, evidence=(Evidence(at, f"{HOME}-car", "running", 0),)))
    assert lift(world, person).state is FacilityStatus.DEGRADED
    view = world.services.alert(person, place.id).view
    assert view.subject_name.en == "home building"


def test_a_gateway_that_is_offline(world: World, person: Person) -> None:
    """Unknown since the last value, though that is fresh; ok again with the gateway."""
    table = schema.gateway_status
    row = {"gateway_id": f"gw-{HOME}", "community_id": HOME, "version": "1", "bootid": "b1"}
    with world.database.write() as connection:
        connection.execute(insert(table).values(row | {"online": False, "since": world.clock.now() - SECOND}))
    view = lift(world, person)
    assert view.state is FacilityStatus.UNKNOWN
    assert view.since == world.services.facility(person, LIFT).values[0].time
    assert "gateway offline" in view.reasons[0].en
    assert world.services.devices(person).items[0].gateway_online is False
    with world.database.write() as connection:
        connection.execute(delete(table))
        connection.execute(insert(table).values(row | {"online": True, "since": world.clock.now()}))
    fill_store(world.store, world.clock.now())
    eventually(lambda: lift(world, person).state is FacilityStatus.OK)


def test_a_value_from_the_future_keeps_nothing_fresh(world: World, person: Person) -> None:
    """A clock was a year ahead for one packet, a month ago: the device is silent, and its value shown as a month old."""
    now = world.clock.now()
    fill_store(world.store, now + 365 * DAY, received_at=now - 30 * DAY)
    eventually(lambda: lift(world, person).state is FacilityStatus.UNKNOWN)
    value = world.services.facility(person, LIFT).values[0]
    assert value.stale
    assert value.age_s >= 30 * DAY / SECOND
    assert all(device.stale for device in world.services.devices(person).items if device.last_time is not None)


def test_the_registry_is_read_again(world: World, person: Person) -> None:
    """A facility that is added shows within about a second, and without devices it is unknown."""
    added = Facility(f"{HOME}-pump", HOME, "pump_room", Text("泵房", "Pump room"), f"{HOME}-b1")
    with world.database.write() as connection:
        save(connection, [added])
    eventually(lambda: added.id in {view.id for view in world.services.facilities(person).items})
    view = world.services.facility(person, added.id).view
    assert (view.state, view.since) == (FacilityStatus.UNKNOWN, None)
    assert view.kind_name.zh == "水泵房"


def test_counts_of_open_alerts_keep_to_the_scope(world: World, person: Person) -> None:
    """Each community has two."""
    assert world.services.open_counts(person)[Severity.HIGH] == 2
    assert world.services.open_counts(world.services.people.get("root"))[Severity.HIGH] == 4
    assert {community.id for community in world.services.communities(person)} == {HOME}
    assert FOREIGN not in {view.community for view in world.services.devices(person).items}
