"""What revision 0008 does to the content of the registry's tables, up and down: nothing that both can hold is lost."""

import json
from dataclasses import replace

from sqlalchemy import Connection, select, text

from linli.db import schema
from linli.db.database import Database
from linli.db.migrate import downgrade, upgrade
from linli.db.registry import SqlRegistry, read_registry, remove_holiday, save
from linli.db.registryfacts import record
from linli.db.registryhistory import RegistryHistory, history_of
from linli.db.registryitems import get
from linli.db.registryremoving import remove
from linli.db.registrywriting import put
from linli.model import Holiday
from linli.registry.changes import Key, Origin
from tests.contract.database.district import AT, COMMUNITY, DOOR, EVERYTHING, GATEWAY, NAME, SWITCH, key


def test_an_older_registry_is_taken_along_and_every_row_of_its_history_is_somebodys(database: Database) -> None:
    """Also of what was removed before, and of calendars; replays see what they saw, and a reader can go on from it."""
    plain = replace(COMMUNITY, committee=None, manager=None, kind=None)
    downgrade(database, "0007")
    with database.write() as connection:
        _put_old(connection)
    upgrade(database)
    with database.read() as connection:
        table = schema.registry_history
        rows = connection.execute(select(table.c.item_id, table.c.community_id).order_by(table.c.seq)).all()
        found = read_registry(connection)
        kept = get(connection, Key("device", "d1"))
    assert [tuple(row) for row in rows] == [
        ("c1", "c1"),
        ("b1", "c1"),
        ("gw", "c1"),
        ("d1", "c1"),
        ("d2", "c1"),
        ("/2026-10-01", ""),
        ("d2", "c1"),
        ("d1", "c1"),
    ]
    assert set(found.devices) == {"d1"}
    assert set(found.places) == {"b1"}
    assert kept is not None
    assert (kept.revision, kept.changed_at, kept.removed_at) == (1, 300, None)
    assert RegistryHistory(database).at(150).devices.keys() == {"d1", "d2"}
    reader = SqlRegistry(database)
    reader.refresh()
    with database.write() as connection:
        put(connection, [plain], Origin(400))
        assert [past.at for past in history_of(connection, Key("community", "c1"))] == [400, 100]
    assert reader.refresh()
    assert reader.snapshot.communities["c1"] == plain


def _put_old(connection: Connection) -> None:
    """A compound as Linli wrote it before: d2 came and went, d1 was changed."""
    name: dict[str, object] = {"name_zh": "名", "name_en": "Name"}
    content: dict[str, object] = {"name": {"zh": "名", "en": "Name"}}
    device: dict[str, object] = {
        "community": "c1",
        "gateway": "gw",
        "kind": "door",
        "place": "b1",
        "facility": None,
        "interval_s": None,
    }
    rows: list[tuple[str, dict[str, object]]] = [
        ("communities", {"id": "c1", "timezone": "Asia/Shanghai"} | name),
        ("places", {"id": "b1", "community_id": "c1", "kind": "building"} | name),
        ("gateways", {"id": "gw", "community_id": "c1"} | name),
        ("devices", {"id": "d1", "community_id": "c1", "gateway_id": "gw", "place_id": "b1", "kind": "door"} | name),
        ("registry_version", {"id": 1, "version": 3}),
    ]
    past: list[tuple[int, int, str, str, dict[str, object] | None]] = [
        (1, 100, "community", "c1", {"id": "c1", "timezone": "Asia/Shanghai"}),
        (1, 100, "place", "b1", {"id": "b1", "community": "c1", "kind": "building", "parent": None}),
        (1, 100, "gateway", "gw", {"id": "gw", "community": "c1"}),
        (1, 100, "device", "d1", {"id": "d1"} | device),
        (1, 100, "device", "d2", {"id": "d2"} | device),
        (1, 100, "holiday", "/2026-10-01", {"community": "", "day": "2026-10-01", "is_holiday": True}),
        (2, 200, "device", "d2", None),
        (3, 300, "device", "d1", {"id": "d1"} | device),
    ]
    for version, at, kind, item, said in past:
        row: dict[str, object] = {"version": version, "at": at, "kind": kind, "item_id": item, "known_since": False}
        rows.append(("registry_history", row | {"content": None if said is None else json.dumps(said | content)}))
    for table, values in rows:
        columns = ", ".join(values)
        given = ", ".join(f":{column}" for column in values)
        connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({given})"), values)


def test_down_goes_what_an_older_linli_knows_and_nothing_that_is_removed(database: Database) -> None:
    """It would show a removed device as being there; it cannot read the history of a team."""
    with database.write() as connection:
        put(connection, EVERYTHING, AT)
        save(connection, [Holiday("", "2026-10-01", True, NAME), Holiday("", "2026-10-02", True, NAME)], 1_500)
        record(connection, [replace(SWITCH, name=NAME)], Origin(1_600, "li", "survey"))
        remove(connection, [key(DOOR)], Origin(2_000))
        remove(connection, [key(GATEWAY)], Origin(2_000), along=True)
        remove_holiday(connection, "", "2026-10-02", Origin(2_100))
    downgrade(database, "0007")
    with database.read() as connection:
        for table, left in (("devices", set()), ("gateways", set()), ("communities", {"c1", "c2"})):
            assert set(connection.execute(text(f"SELECT id FROM {table}")).scalars()) == left
        kinds = set(connection.execute(text("SELECT kind FROM registry_history")).scalars())
    assert kinds == {"community", "place", "gateway", "facility", "device", "holiday"}
    upgrade(database)
    with database.read() as connection:
        found = read_registry(connection)
    assert (set(found.communities), found.devices, set(found.holidays[""])) == ({"c1", "c2"}, {}, {"2026-10-01"})
    assert RegistryHistory(database).at(1_999).devices.keys() == {"door", "switch"}
