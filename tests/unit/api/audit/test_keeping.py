"""The thread that keeps the audit log: what it does when, and that nothing it meets ends it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from api.audit.keeping import AuditKeeper
from linli.audit import Act, Head, Who
from linli.audithead import HeadFile
from linli.auditwords import RETENTION_RAN, SEALED
from linli.clock import DAY, HOUR
from linli.db import schema
from linli.db.audit import Search, SqlAudit, append, head_of
from linli.db.auditcheck import check_log
from linli.db.database import Database
from linli.keeping import Kept, Terms
from linli.retention import SteadyClock
from linli.testing import ManualClock

OLD = 1_600_000_000_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(OLD)


@pytest.fixture
def head(tmp_path: Path) -> HeadFile:
    return HeadFile(tmp_path / "audit" / "head.json")


@pytest.fixture
def keeper(database: Database, head: HeadFile, clock: ManualClock) -> AuditKeeper:
    return AuditKeeper(database, head, Terms({Kept.AUDIT: 200}), clock, steady=SteadyClock(0))


def act(database: Database, clock: ManualClock) -> None:
    with database.write() as connection:
        append(connection, Act("arming.changed", Who("p1"), "place", ("p-1",), reason="x"), clock.now())


def settle(keeper: AuditKeeper, clock: ManualClock, seconds: float = 0.0) -> None:
    """Let it do all that is due within so many seconds."""
    end = clock.monotonic() + seconds
    while True:
        wait = keeper.step()
        if clock.monotonic() + wait > end and wait > 0.5:
            return
        clock.advance(wait)


def test_the_head_follows_within_a_second(
    keeper: AuditKeeper, database: Database, head: HeadFile, clock: ManualClock
) -> None:
    """Whoever appended: a request, a command, another process."""
    settle(keeper, clock)
    act(database, clock)
    settle(keeper, clock, 1.0)
    with database.read() as connection:
        assert head.read() == head_of(connection)


def test_rows_of_machines_are_sealed_every_half_minute(
    keeper: AuditKeeper, database: Database, clock: ManualClock
) -> None:
    """One entry for all that came meanwhile."""
    settle(keeper, clock)
    for _ in range(3):
        row = {"place_id": "p", "mode": "away", "changed_by": "p1", "changed_at": OLD, "reason": "x"}
        with database.write() as connection:
            connection.execute(insert(schema.arming_changes).values(**row))
    settle(keeper, clock, 31)
    [sealed] = SqlAudit(database).newest(Search(verb=SEALED))
    assert sealed.entry.facts["rows"] == 3
    assert sealed.entry.actor == "system:api"


def test_old_entries_go_by_themselves(
    keeper: AuditKeeper, database: Database, head: HeadFile, clock: ManualClock
) -> None:
    """Once the head has passed them; and the log is whole."""
    for _ in range(3):
        act(database, clock)
    settle(keeper, clock, 5)
    clock.advance(201 * DAY / 1e6)
    act(database, clock)
    settle(keeper, clock, 1300)
    report = check_log(database, head)
    assert report.whole
    assert report.first > 3
    assert SqlAudit(database).newest(Search(verb=RETENTION_RAN))[0].entry.ids == ("audit",)


def test_what_has_fixed_days_goes_without_a_setting(
    keeper: AuditKeeper, database: Database, clock: ManualClock
) -> None:
    """Keys of requests, a day after they were used; once an hour, in one entry."""
    row = {"person_id": "p1", "request_hash": "h", "held_until": 0, "status": 200, "answer": b"x"}
    for number, age in enumerate((DAY, DAY, HOUR)):
        with database.write() as connection:
            values = row | {"key_hash": f"k{number}", "created_at": OLD - age - 1}
            connection.execute(insert(schema.idempotency_keys).values(**values))
    settle(keeper, clock, 3700)
    with database.read() as connection:
        assert connection.execute(select(schema.idempotency_keys.c.key_hash)).scalars().all() == ["k2"]
    [ran] = SqlAudit(database).newest(Search(verb=RETENTION_RAN))
    assert (ran.entry.ids, ran.entry.facts["rows"]) == (("idempotency",), 2)


def test_nothing_is_deleted_while_the_clock_is_not_steady(
    database: Database, head: HeadFile, clock: ManualClock
) -> None:
    """One that has jumped a year ahead makes everything old."""
    keeper = AuditKeeper(database, head, Terms({Kept.AUDIT: 200}), clock)
    act(database, clock)
    settle(keeper, clock, 5)
    clock.advance(201 * DAY / 1e6)
    settle(keeper, clock, 1300)
    assert SqlAudit(database).get(1) is not None


def test_what_lies_outside_the_database_goes_by_its_class_too(
    database: Database, head: HeadFile, clock: ManualClock
) -> None:
    """Slice by slice, and written down once."""
    left, asked = [5, 2], []

    def thin(before: int) -> int:
        asked.append(before)
        return left.pop(0) if left else 0

    terms = Terms({Kept.SNAPSHOTS: 30})
    keeper = AuditKeeper(database, head, terms, clock, {Kept.SNAPSHOTS: thin}, SteadyClock(0))
    settle(keeper, clock, 10)
    assert OLD - 30 * DAY <= asked[0] < OLD - 29 * DAY
    [ran] = SqlAudit(database).newest(Search(verb=RETENTION_RAN))
    assert (ran.entry.ids, ran.entry.facts["rows"]) == (("snapshots",), 7)


def test_a_broken_end_is_a_trouble_until_it_is_mended(
    keeper: AuditKeeper, database: Database, head: HeadFile, clock: ManualClock
) -> None:
    """And the keeper goes on with the rest."""
    settle(keeper, clock, 2)
    assert "look" not in keeper.troubles
    good = head.read()
    head.write(Head(99, "0" * 64))
    settle(keeper, clock, 2)
    assert "look" in keeper.troubles
    assert good is not None
    head.write(good)
    settle(keeper, clock, 320)
    assert "look" not in keeper.troubles


def test_a_head_that_cannot_be_written_stops_nothing(
    keeper: AuditKeeper, database: Database, head: HeadFile, clock: ManualClock
) -> None:
    """Its folder may be a share that is away: the log goes on, and the head follows later."""
    head.path.parent.write_text("a file where the folder should be")
    act(database, clock)
    settle(keeper, clock, 2)
    assert "head" in keeper.troubles
    head.path.parent.unlink()
    settle(keeper, clock, 20)
    assert "head" not in keeper.troubles
    with database.read() as connection:
        assert head.read() == head_of(connection)


def test_a_database_that_fails_is_met_again(keeper: AuditKeeper, database: Database, clock: ManualClock) -> None:
    """Here its table is away for a moment."""
    with database.write() as connection:
        connection.execute(text("ALTER TABLE audit_entries RENAME TO elsewhere"))
    settle(keeper, clock, 2)
    assert "head" in keeper.troubles
    with database.write() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO audit_entries"))
    settle(keeper, clock, 20)
    assert "head" not in keeper.troubles


@pytest.fixture
def running(keeper: AuditKeeper) -> Iterator[AuditKeeper]:
    keeper.start()
    yield keeper
    keeper.stop()


def test_it_ends_when_it_is_told_to(running: AuditKeeper, database: Database) -> None:
    """Also twice."""
    running.stop()
    with database.read() as connection:
        assert connection.execute(select(schema.audit_entries)).first() is not None
