"""Retention in the database: what is due goes, what is not stays, and the audit log can be verified before and after."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from linli.audit import SHORTENED, Act, Broken, Head, Who
from linli.auditwords import RETENTION_RAN
from linli.clock import DAY, HOUR
from linli.commands.life import CommandEvent
from linli.db import schema
from linli.db.audit import Search, SqlAudit, append, head_of
from linli.db.auditcheck import check_log
from linli.db.auditseals import Sealer
from linli.db.commands import SqlCommands, StoredCommand
from linli.db.database import Database
from linli.db.idempotency import SqlIdempotency, Verdict, claim_of
from linli.db.inhabitants import person_data
from linli.db.people import People
from linli.db.registrymerging import merge
from linli.db.registryremoving import remove
from linli.db.registrywriting import put
from linli.db.retaining import DatabaseKeeper, Held, held, write_down_thinning
from linli.db.webhookrows import Sent
from linli.db.webhooks import SqlWebhooks
from linli.erasing import FormerPersons
from linli.i18n import Text
from linli.keeping import Kept
from linli.model import Community, Role
from linli.ports import RowClass
from linli.registry.changes import Key, Origin
from linli.registry.inhabitants import Contact, Person
from linli.sealing import Seals
from linli.testing import ManualClock, MemoryStore
from linli.webhooks import Answer, Filter

KEEPER = Who("system:api")
OLD = 1_600_000_000_000_000
"""So long ago that no trigger guards it."""


def alert_row(name: str, closed_at: int | None) -> dict[str, object]:
    """An alert that is open (None) or was closed then."""
    texts = {f"{text}_{language}": "x" for text in ("title", "sentence", "advice") for language in ("zh", "en")}
    words = {"severity": "low", "condition": "resolved", "handling": "closed", "subject_kind": "device"}
    flags = dict.fromkeys(("latched", "confirmed", "historic"), False)
    times = dict.fromkeys(("opened_at", "first_seen", "last_seen", "updated_at"), OLD)
    key = f"r|{name}" if closed_at is None else None
    return {"id": name, "open_key": key, "rule": "r", "community_id": "c001", "subject": name, "occurrences": 1} | {
        "evidence": [],
        "closed_at": closed_at,
        **texts,
        **words,
        **flags,
        **times,
    }


def seal(database: Database, now: int) -> None:
    sealer = Sealer(database, KEEPER)
    while sealer.step(now).rows:
        pass


def add_alerts(database: Database, number: int, closed_at: int | None, prefix: str = "a") -> None:
    """Each with three changes and an act."""
    for which in range(number):
        with database.write() as connection:
            alert = f"{prefix}{which}"
            connection.execute(insert(schema.alerts).values(**alert_row(alert, closed_at)))
            change = {
                "alert_id": alert,
                "community_id": "c001",
                "at": OLD,
                "kind": "x",
                "severity": "low",
                "handling": "x",
            }
            connection.execute(insert(schema.alert_changes), [change] * 3)
            act = {"id": f"x-{alert}", "alert_id": alert, "kind": "close", "actor": "p1", "comment": "", "at": OLD}
            connection.execute(insert(schema.actions).values(**act))


def counts(database: Database) -> Mapping[str, int]:
    tables = (schema.alerts, schema.alert_changes, schema.actions)
    with database.read() as connection:
        return {one.name: connection.execute(select(func.count()).select_from(one)).scalar_one() for one in tables}


def drain(thin: Callable[[], int]) -> int:
    gone = 0
    while some := thin():
        gone += some
    return gone


def test_alerts_go_with_all_that_is_about_them(database: Database) -> None:
    """The closed ones of long ago; what is left is sealed again, and the log is whole."""
    add_alerts(database, 4, OLD)
    seal(database, OLD)
    add_alerts(database, 2, OLD + 9 * DAY, "b")
    add_alerts(database, 1, None, "open")
    seal(database, OLD)
    keeper = DatabaseKeeper(database, KEEPER)
    assert drain(lambda: keeper.thin(Kept.ALERTS, OLD + DAY, OLD + 9 * DAY)) == 4
    assert counts(database) == {"alerts": 3, "alert_changes": 9, "actions": 3}
    report = check_log(database, None)
    assert (report.faults, report.sealed) == ([], {"alert_changes": 9})
    with database.read() as connection:
        found = held(connection)[Kept.ALERTS]
    assert (found.rows, found.oldest, found.deleted, found.deleted_at) == (3, OLD + 9 * DAY, 4, OLD + 9 * DAY)


def test_what_is_not_sealed_yet_goes_too(database: Database) -> None:
    """It is sealed as it is then."""
    add_alerts(database, 2, OLD)
    keeper = DatabaseKeeper(database, KEEPER)
    assert keeper.thin(Kept.ALERTS, OLD + DAY, OLD + DAY) == 2
    seal(database, OLD + DAY)
    assert check_log(database, None).faults == []


def test_what_somebody_changed_does_not_go_by_growing_old(database: Database) -> None:
    """Alerts under a seal that does not hold stay; the others go, and the fault is still there to be seen."""
    add_alerts(database, 2, OLD)
    seal(database, OLD)
    add_alerts(database, 2, OLD, "b")
    seal(database, OLD)
    with database.write() as connection:
        connection.execute(update(schema.alert_changes).where(schema.alert_changes.c.id == 2).values(actor="p9"))
    keeper = DatabaseKeeper(database, KEEPER)
    assert drain(lambda: keeper.thin(Kept.ALERTS, OLD + DAY, OLD + DAY)) == 2
    assert keeper.held_back() == 1
    assert counts(database)["alerts"] == 2
    assert [fault.kind for fault in check_log(database, None).faults] == [Broken.SEAL]


def test_commands_that_ended_go(database: Database) -> None:
    """What is open stays, however old."""
    commands = SqlCommands(database)
    for name in ("k1", "k2"):
        command = StoredCommand(name, "c001", "d", "g", "door", "unlock", {}, "why", "p1", OLD, OLD + HOUR)
        commands.add(command, at_most=9, since=0)
    commands.apply("k1", CommandEvent.SENT, OLD)
    commands.apply("k1", CommandEvent.DONE, OLD)
    seal(database, OLD)
    keeper = DatabaseKeeper(database, KEEPER)
    assert drain(lambda: keeper.thin(Kept.COMMANDS, OLD + DAY, OLD + DAY)) == 1
    assert [command.id for command in commands.open()] == ["k2"]
    assert check_log(database, None).faults == []


def test_unknown_devices_that_fell_silent_go(database: Database) -> None:
    """By when they were heard last."""
    for number in range(3):
        row = {"gateway_id": "g", "device_id": f"d{number}", "community_id": "c001", "first_seen": OLD, "times": 1}
        with database.write() as connection:
            connection.execute(insert(schema.strangers).values(**row, last_seen=OLD + number * DAY, heard={}))
    assert DatabaseKeeper(database, KEEPER).thin(Kept.STRANGERS, OLD + 2 * DAY, OLD + 3 * DAY) == 2
    with database.read() as connection:
        assert connection.execute(select(schema.strangers.c.device_id)).scalars().all() == ["d2"]


def test_what_was_sent_to_webhooks_goes_after_its_days(database: Database, tmp_path: Path) -> None:
    """And that is written down and told, as of every class."""
    owner, _ = People(database, ManualClock(OLD)).add("caller", Role.ADMINISTRATOR)
    hooks = SqlWebhooks(database, Seals(tmp_path / "secrets"))
    hook, _ = hooks.add(owner.id, "test", "https://example.com/", Filter(), None, OLD)
    for number in range(3):
        sent = Sent(f"m{number}", None, "test", "test", OLD + number * DAY, 1, Answer(status=200), None)
        hooks.note_test(hook.id, sent, OLD)
    keeper = DatabaseKeeper(database, KEEPER)
    assert keeper.thin(Kept.DELIVERIES, OLD + 2 * DAY, OLD + 3 * DAY) == 2
    assert keeper.thin(Kept.DELIVERIES, OLD + 2 * DAY, OLD + 3 * DAY) == 0
    assert [one.message for one in hooks.deliveries(hook.id, 10)] == ["m2"]
    assert ran(database) == [(("deliveries",), 2)]
    with database.read() as connection:
        assert held(connection)[Kept.DELIVERIES] == Held(1, OLD + 2 * DAY, 2, OLD + 3 * DAY)


def test_keys_of_requests_go_after_their_day(database: Database, tmp_path: Path) -> None:
    """With what was answered; thousands of them are one entry. One that came again meanwhile stays."""
    keys = SqlIdempotency(database, Seals(tmp_path / "secrets"))
    row = {"person_id": "p1", "request_hash": "h", "held_until": 0, "status": 200, "answer": b"x"}
    with database.write() as connection:
        connection.execute(
            insert(schema.idempotency_keys),
            [row | {"key_hash": f"{number}", "created_at": OLD + number} for number in range(2000)],
        )
    young = claim_of("p1", "young", "r1")
    assert keys.begin(young, "h", OLD + DAY)[0] is Verdict.FRESH
    keeper = DatabaseKeeper(database, KEEPER)
    assert drain(lambda: keeper.thin(Kept.IDEMPOTENCY, OLD + 2000, OLD + DAY)) == 2000
    assert keys.begin(claim_of("p1", "young", "r2"), "h", OLD + DAY)[0] is Verdict.UNDER_WAY
    assert ran(database) == [(("idempotency",), 2000)]
    with database.read() as connection:
        assert held(connection)[Kept.IDEMPOTENCY] == Held(1, OLD + DAY, 2000, OLD + DAY)


def ran(database: Database) -> list[tuple[tuple[str, ...], Any]]:
    """What retention has deleted, by its entries: of which class, and how many."""
    return [(one.entry.ids, one.entry.facts["rows"]) for one in SqlAudit(database).all(Search(verb=RETENTION_RAN))]


def entries(database: Database, number: int, at: int) -> None:
    for _ in range(number):
        with database.write() as connection:
            append(connection, Act("arming.changed", Who("p1"), "place", ("p-1",), reason="x"), at)


def test_people_who_were_taken_out_are_erased(database: Database) -> None:
    """With duplicates and all that was known of them; who stays, who left lately and who is erased already is not touched."""
    people = {name: Person(name, "c1", f"name of {name}") for name in ("former", "twin", "lately", "stays")}
    mobile = Contact("k1", "c1", "former", "mobile", "13800000000")
    with database.write() as connection:
        put(connection, [Community("c1", Text("甲", "A")), *people.values(), mobile], Origin(OLD))
        merge(connection, Key("person", "twin"), Key("person", "former"), Origin(OLD))
        remove(connection, [Key("person", "former")], Origin(OLD), along=True)
        remove(connection, [Key("person", "lately")], Origin(OLD + 8 * DAY))
        assert held(connection)[Kept.PERSONS].oldest == OLD
    keeper = FormerPersons(database, MemoryStore(), list[str]().append, KEEPER, ManualClock(OLD + 9 * DAY))
    assert drain(lambda: keeper.erase_before(OLD + DAY)) == 1
    with database.read() as connection:
        kept = str([person_data(connection, one) for one in ("former", "lately", "stays")])
        found = held(connection)[Kept.PERSONS]
    assert "name of lately" in kept and "name of stays" in kept
    assert not any(word in kept for word in ("name of former", "name of twin", "13800000000"))
    assert (found.rows, found.oldest) == (1, OLD + 8 * DAY)
    assert check_log(database, None).faults == []


def test_the_log_is_shortened_from_its_beginning_and_stays_whole(database: Database) -> None:
    """With the texts beside it; twice, so that what is left hangs on nothing that is there."""
    now = OLD + 30 * DAY
    entries(database, 5, OLD)
    entries(database, 4, OLD + 10 * DAY)
    entries(database, 1, now)
    keeper = DatabaseKeeper(database, KEEPER)
    with database.read() as connection:
        head = head_of(connection)
    assert keeper.shorten(OLD + DAY, head, now) == 5
    assert keeper.shorten(OLD + DAY, head, now) == 0
    report = check_log(database, None)
    assert (report.faults, report.first, report.entries) == ([], 6, 7)
    assert keeper.shorten(OLD + 11 * DAY, head, now) == 4
    report = check_log(database, None)
    assert (report.faults, report.first) == ([], 10)
    assert [shown.entry.facts["upto"] for shown in SqlAudit(database).all(Search(verb=SHORTENED))] == [5, 9]
    with database.read() as connection:
        assert connection.execute(select(func.min(schema.audit_texts.c.seq))).scalar() == 10


def test_only_what_the_head_outside_has_passed_may_go(database: Database) -> None:
    """Without one, nothing."""
    entries(database, 5, OLD)
    entries(database, 1, OLD + 9 * DAY)
    keeper = DatabaseKeeper(database, KEEPER)
    assert keeper.shorten(OLD + DAY, None, OLD + 9 * DAY) == 0
    assert keeper.shorten(OLD + DAY, Head(3, "x"), OLD + 9 * DAY) == 2


def test_seals_outlive_the_entries_that_made_them(database: Database) -> None:
    """The rows stay, so they are sealed again before the old entries go."""
    now = OLD + 30 * DAY
    for number in range(3):
        add_alerts(database, 1, None, f"a{number}-")
        seal(database, OLD)
    entries(database, 1, now)
    keeper = DatabaseKeeper(database, KEEPER)
    with database.read() as connection:
        head = head_of(connection)
    assert keeper.shorten(OLD + DAY, head, now) == 3
    report = check_log(database, None)
    assert (report.faults, report.sealed) == ([], {"alert_changes": 9})
    seal(database, now)
    assert check_log(database, None).open == {"alert_changes": 0}


def test_the_log_is_not_shortened_over_a_seal_that_does_not_hold(database: Database) -> None:
    """Or what was changed would be sealed as it is now."""
    add_alerts(database, 1, None)
    seal(database, OLD)
    entries(database, 1, OLD + 30 * DAY)
    with database.write() as connection:
        connection.execute(update(schema.alert_changes).where(schema.alert_changes.c.id == 2).values(actor="p9"))
        head = head_of(connection)
    keeper = DatabaseKeeper(database, KEEPER)
    assert keeper.shorten(OLD + DAY, head, OLD + 30 * DAY) == 0
    assert keeper.held_back() == 1


def test_only_the_classes_of_the_database_are_its_to_delete(database: Database) -> None:
    """Readings are the store's."""
    with pytest.raises(ValueError, match="raw"):
        DatabaseKeeper(database, KEEPER).thin(Kept.RAW, OLD, OLD)


def test_what_the_store_let_go_is_written_down(database: Database) -> None:
    """By ingest, for the classes that have a horizon; and shown with each of them."""
    write_down_thinning(database, "ingest", {RowClass.RAW: OLD, RowClass.EVENTS: OLD}, 7, OLD)
    with database.read() as connection:
        found = held(connection)
    assert [(found[kept].deleted, found[kept].deleted_at) for kept in (Kept.RAW, Kept.EVENTS, Kept.HOUR)] == [
        (7, OLD),
        (7, OLD),
        (None, None),
    ]
