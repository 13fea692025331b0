"""The registry in the database."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from linli.db import schema
from linli.db.database import Database
from linli.db.registry import SqlRegistry, read_registry, remove_device, save
from linli.errors import Refused
from linli.i18n import Text
from linli.model import Community, Device, Facility, Gateway, Place

ITEMS: list[Community | Place | Gateway | Facility | Device] = [
    Community("c001", Text("望湖苑", "Lakeview Court"), "Asia/Shanghai"),
    Place("c001-b1", "c001", "building", Text("1 号楼", "Building 1")),
    Place("c001-b1-f1", "c001", "floor", Text("一层", "Floor 1"), parent="c001-b1"),
    Gateway("gw-c001", "c001", Text("网关", "Gateway")),
    Facility("c001-lift-1", "c001", "lift", Text("电梯", "Lift"), "c001-b1"),
    Device("c001-door-01", "c001", "gw-c001", "door", Text("门", "Door"), "c001-b1-f1"),
    Device("c001-lift-01", "c001", "gw-c001", "lift", Text("梯", "Lift"), "c001-b1", "c001-lift-1", 10.0),
]


def test_the_registry_comes_back_as_it_was_saved(database: Database) -> None:
    """Every kind of thing, with every field."""
    with database.write() as connection:
        save(connection, ITEMS)
    with database.read() as connection:
        found = read_registry(connection)
    assert found.version == 1
    assert [
        *found.communities.values(),
        *found.places.values(),
        *found.gateways.values(),
        *found.facilities.values(),
        *found.devices.values(),
    ] == ITEMS


def test_saving_again_replaces_and_counts_up(database: Database) -> None:
    """What has the id is changed in place."""
    lift = ITEMS[-1]
    assert isinstance(lift, Device)
    renamed = replace(lift, name=Text("新", "New"), interval_s=None, facility=None)
    with database.write() as connection:
        save(connection, ITEMS)
        save(connection, [renamed])
    with database.read() as connection:
        found = read_registry(connection)
    assert found.version == 2
    assert found.devices["c001-lift-01"] == renamed
    assert len(found.devices) == 2


def test_a_bad_id_is_never_registered(database: Database) -> None:
    """The one place where names get in."""
    with pytest.raises(Refused, match="does not match") as refused, database.write() as connection:
        save(connection, [Community("Lake View", Text("", ""))])
    assert refused.value.reason == "bad_id"


def test_refresh_sees_what_changed(database: Database) -> None:
    """Lookups are from memory; refresh says whether anything moved."""
    registry = SqlRegistry(database)
    assert not registry.refresh()
    assert registry.gateway("gw-c001") is None
    with database.write() as connection:
        save(connection, ITEMS)
    assert registry.device("c001-door-01") is None
    assert registry.refresh()
    assert not registry.refresh()
    assert registry.device("c001-door-01") == ITEMS[5]
    assert registry.gateway("gw-c001") == ITEMS[3]
    with database.write() as connection:
        assert remove_device(connection, "c001-door-01")
        assert not remove_device(connection, "c001-door-01")
    assert registry.refresh()
    assert registry.device("c001-door-01") is None


def test_foreign_keys_hold(database: Database) -> None:
    """SQLite checks them only when told to."""
    with database.write() as connection:
        save(connection, ITEMS)
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(delete(schema.communities))
    with database.read() as connection:
        assert connection.execute(select(schema.communities.c.id)).scalars().all() == ["c001"]
