"""What the registry was at any time, and the calendars in it."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from linli.db.alerts import SqlAlerts
from linli.db.database import Database
from linli.db.migrate import downgrade, upgrade
from linli.db.registry import (
    Item,
    RegistrySnapshot,
    SqlRegistry,
    read_holidays,
    read_registry,
    remove_device,
    remove_holiday,
    save,
)
from linli.db.registryhistory import RegistryHistory
from linli.i18n import Text
from linli.model import Community, Device, Facility, Gateway, Holiday, Place
from linli.registry.changes import Origin

NAME = Text("名", "Name")
DOOR = Device("door-1", "c001", "gw", "door", NAME, "b1")
LIFT = Device("lift-1", "c001", "gw", "lift", NAME, "b1", "lifts", 10.5)
SITE: list[Item] = [
    Community("c001", Text("望湖苑", "Lakeview")),
    Place("b1", "c001", "building", NAME),
    Place("f1", "c001", "floor", NAME, "b1"),
    Gateway("gw", "c001", NAME),
    Facility("lifts", "c001", "lift", NAME, "b1"),
    DOOR,
    LIFT,
]
NATIONAL = Holiday("", "2026-10-01", True, Text("国庆节", "National Day"))
MADE_UP = Holiday("c001", "2026-10-10", False, Text("调休上班", "Working day made up"))


def put(database: Database, at: int, *items: Item) -> RegistrySnapshot:
    with database.write() as connection:
        save(connection, items, at)
    return now(database)


def now(database: Database) -> RegistrySnapshot:
    with database.read() as connection:
        return read_registry(connection)


def test_the_registry_as_it_was(database: Database) -> None:
    """Before anything, after each change, and what was removed is gone from then on."""
    first = put(database, 100, *SITE)
    second = put(database, 200, replace(DOOR, place="f1"), NATIONAL)
    with database.write() as connection:
        assert remove_device(connection, "lift-1", 300)
        assert remove_holiday(connection, "", "2026-10-01", Origin(300))
    last = now(database)
    history = RegistryHistory(database)
    assert history.at(99) == RegistrySnapshot()
    assert history.at(100) == history.at(199) == first
    assert history.at(200) == second
    assert history.at(10_000) == last
    assert (first.devices["door-1"].place, second.devices["door-1"].place) == ("b1", "f1")
    assert (second.holidays, last.holidays) == ({"": {"2026-10-01": True}}, {})
    assert last.devices.keys() == {"door-1"}
    assert history.known_since() is None


def test_changes_between_two_times(database: Database) -> None:
    """After `since`, up to and with `until`; each with the whole registry, and none of them touched by the next."""
    put(database, 100, *SITE)
    moved = put(database, 200, replace(DOOR, place="f1"))
    named = put(database, 300, replace(DOOR, name=Text("新", "New")), MADE_UP)
    put(database, 400, NATIONAL)
    history = RegistryHistory(database)
    assert history.changes(100, 300) == [(200, moved), (300, named)]
    assert history.changes(400, 900) == []
    assert [at for at, _ in history.changes(0, 900)] == [100, 200, 300, 400]


def test_what_a_transaction_takes_back_never_was(database: Database) -> None:
    """The history is written with the registry or not at all."""
    with pytest.raises(IntegrityError), database.write() as connection:
        save(connection, SITE, 100)
        save(connection, [replace(DOOR, gateway="nowhere")], 200)
    assert RegistryHistory(database).changes(0, 900) == []


def test_the_same_id_twice_in_one_go(database: Database) -> None:
    """The later one stands, whether the first was new or known; others between them are written in their order."""
    put(database, 100, *SITE, replace(DOOR, place="f1"))
    assert now(database).devices["door-1"].place == "f1"
    put(database, 200, DOOR, Device("new-1", "c001", "gw", "door", NAME, "b1"), replace(DOOR, interval_s=5.0))
    assert now(database).devices["door-1"] == replace(DOOR, interval_s=5.0)
    assert RegistryHistory(database).at(200) == now(database)


def test_calendars_count_the_registry_up(database: Database) -> None:
    """Rules polls the version alone; a day saved again is replaced."""
    registry = SqlRegistry(database)
    put(database, 100, *SITE, NATIONAL, MADE_UP)
    assert registry.refresh()
    assert registry.snapshot.holidays == {"": {"2026-10-01": True}, "c001": {"2026-10-10": False}}
    put(database, 200, replace(NATIONAL, is_holiday=False))
    assert registry.refresh()
    assert registry.snapshot.holidays[""] == {"2026-10-01": False}
    with database.write() as connection:
        assert read_holidays(connection) == [replace(NATIONAL, is_holiday=False), MADE_UP]
        assert remove_holiday(connection, "c001", "2026-10-10")
        assert not remove_holiday(connection, "c001", "2026-10-10")
    assert registry.refresh()
    assert "c001" not in registry.snapshot.holidays


def test_a_registry_from_before_the_history(database: Database) -> None:
    """What there was when the table came is told as known since then; down and up again it begins anew."""
    whole = put(database, 100, *SITE)
    for _ in range(2):
        downgrade(database, "0006")
        upgrade(database)
    history = RegistryHistory(database)
    begun = history.known_since()
    assert begun is not None
    assert begun > 100
    assert history.at(50) == history.at(begun) == whole
    assert history.changes(0, begun) == []
    later = put(database, begun + 10, replace(DOOR, place="f1"))
    assert history.changes(0, begun + 10) == [(begun + 10, later)]


def test_alerts_and_acts_from_before_have_no_steps_and_no_time(database: Database) -> None:
    """The rows of the version before are read as they are, up and down and up again."""
    downgrade(database, "0006")
    texts = dict.fromkeys(("title", "sentence", "advice"), NAME)
    names = {f"{part}_{language}": name.of(language) for part, name in texts.items() for language in ("zh", "en")}
    times = dict.fromkeys(("opened_at", "first_seen", "last_seen", "updated_at"), 1)
    flags = dict.fromkeys(("latched", "confirmed", "historic"), False)
    state = {
        "severity": "high",
        "condition": "firing",
        "handling": "unacknowledged",
        "occurrences": 1,
        "evidence": "[]",
    }
    about = {"id": "a1", "rule": "r", "community_id": "c001", "subject": "door-1", "subject_kind": "device"}
    row: dict[str, object] = about | state | names | times | flags
    with database.write() as connection:
        values = ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO alerts ({', '.join(row)}) VALUES ({values})"), row)
        connection.execute(
            text(
                "INSERT INTO actions (id, alert_id, kind, actor, comment, at) VALUES ('x', 'a1', 'close', 'li', '', 1)"
            )
        )
    for _ in range(2):
        upgrade(database)
        alerts = SqlAlerts(database)
        alert = alerts.get("a1")
        assert alert is not None
        assert (alert.steps, alert.why, alert.shelved_until) == ((), {}, None)
        assert [item.action.until for item in alerts.pending_actions()] == [None]
        downgrade(database, "0006")
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM alerts")).scalar() == 1
