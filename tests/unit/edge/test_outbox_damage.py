"""An outbox whose file is old, damaged, full or from the future: sequences stay, and everything is kept or counted."""

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from edge.agent import Stats, heartbeat
from edge.outbox.outbox import DEFAULT_BYTES, Draft, Outbox, OutboxError
from linli.clock import DAY, format_time
from linli.codec import decode, encode_body, with_oldest
from linli.model import DROPPED_TYPE, HEARTBEAT_TYPE, READINGS_TYPE, Lane, Message, Reading
from linli.topics import GatewayTopic, Leaf

NOW = 1_700_000_000_000_000
TODAY = NOW // DAY


def draft(number: int, lane: Lane = Lane.URGENT, padding: int = 0) -> Draft:
    return Draft(lane, "test.event", "d1", NOW + number, NOW + number, data={"n": number, "padding": "x" * padding})


def packet(number: int, readings: int) -> Draft:
    values = tuple(Reading("d1", "temperature", NOW + n, float(n), "Cel") for n in range(readings))
    return Draft(Lane.BULK, READINGS_TYPE, "gw-c001", NOW + number, NOW + number, readings=values)


def made(folder: Path, max_bytes: int = 64_000_000) -> Outbox:
    outbox = Outbox(folder, "c001", "gw-c001", max_bytes)
    outbox.open()
    return outbox


def messages(outbox: Outbox, lane: Lane) -> list[Message]:
    """All that a consumer would get, decoded as it does."""
    held, found = outbox.held(lane), []
    at = held.first
    while at < held.next:
        bodies = outbox.read(lane, at, 1000)
        assert bodies, f"{lane} stands still at {at}"
        found += [
            decode(GatewayTopic("c001", "gw-c001", Leaf(lane.value)), with_oldest(body, held.first)) for body in bodies
        ]
        at += len(bodies)
    assert [message.sequence for message in found] == list(range(held.first, held.next))
    return found


def tallies(outbox: Outbox) -> dict[int, tuple[int, int]]:
    return outbox._tallies


# --- an old file ----------------------------------------------------------------------------------------------------

OLD_SCHEMA = """
CREATE TABLE outbox (
    one INTEGER PRIMARY KEY CHECK (one = 1), bootid TEXT NOT NULL,
    urgent_next INTEGER NOT NULL, bulk_next INTEGER NOT NULL, dropped INTEGER NOT NULL);
CREATE TABLE urgent (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE bulk (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""


def old_body(lane: Lane, sequence: int, readings: int = 0) -> bytes:
    values = tuple(Reading("d1", "temperature", NOW, float(n), "Cel") for n in range(readings))
    kind = READINGS_TYPE if readings else "test.event"
    subject = "gw-c001" if readings else "d1"
    data = {} if readings else {"n": sequence}
    return encode_body(
        Message("c001", "gw-c001", "old", lane, sequence, sequence, kind, subject, NOW, NOW, data=data, readings=values)
    )


def test_a_file_of_version_0_1_goes_on_with_its_sequences(tmp_path: Path) -> None:
    """As issue 3 wrote it: bootid, sequences, bodies and the count of drops stay, and what it holds is counted."""
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as old:
        old.execute("PRAGMA journal_mode=WAL").fetchall()
        old.executescript(OLD_SCHEMA)
        old.execute("INSERT INTO outbox VALUES (1, 'old', 18, 3, 7)")
        bodies = {sequence: old_body(Lane.URGENT, sequence) for sequence in (15, 16, 17)}
        old.executemany("INSERT INTO urgent VALUES (?, ?)", list(bodies.items()))
        old.execute("INSERT INTO bulk VALUES (?, ?)", (2, old_body(Lane.BULK, 2, readings=40)))
        old.commit()
    outbox = made(tmp_path)
    assert outbox.bootid == "old"
    assert outbox.read(Lane.URGENT, 15, 10) == list(bodies.values())
    assert [message.sequence for message in messages(outbox, Lane.BULK)] == [2]
    assert sum(outbox.dropped.values()) == 7
    assert outbox.untold == 0, "the heartbeats of the old version have told them"
    assert tallies(outbox) == {TODAY: (3 + 40, 0)}
    outbox.take([draft(18), draft(3, Lane.BULK)])
    outbox.close()
    outbox.open()
    assert [message.sequence for message in messages(outbox, Lane.URGENT)] == [15, 16, 17, 18]
    assert [message.sequence for message in messages(outbox, Lane.BULK)] == [2, 3]
    outbox.close()


def test_an_emptied_old_file_goes_on_counting(tmp_path: Path) -> None:
    """Nothing is in it, and still the next sequence is not 1."""
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as old:
        old.executescript(OLD_SCHEMA)
        old.execute("INSERT INTO outbox VALUES (1, 'old', 18, 3, 0)")
        old.commit()
    outbox = made(tmp_path)
    outbox.take([draft(1)])
    assert [message.sequence for message in messages(outbox, Lane.URGENT)] == [18]
    outbox.close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """Its sequences are precious: no new outbox in its place, but an error that says what to do."""
    made(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = (tmp_path / "outbox.db").read_bytes()
    with pytest.raises(OutboxError, match=r"version 99|格式版本为 99"):
        made(tmp_path)
    assert (tmp_path / "outbox.db").read_bytes() == before


# --- damaged records ------------------------------------------------------------------------------------------------


def spoil(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "outbox.db")) as disk:
        disk.execute(statement)
        disk.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bulk SET body = substr(body, 1, 20) || x'00' || substr(body, 22) WHERE sequence = 3",
        "UPDATE bulk SET crc = crc + 1 WHERE sequence = 3",
        "UPDATE bulk SET body = '' WHERE sequence = 3",
        "UPDATE bulk SET body = CAST(body AS TEXT) WHERE sequence = 3",
    ],
)
def test_a_damaged_record_goes_out_empty_under_its_own_sequence(tmp_path: Path, statement: str) -> None:
    """Nobody waits for it, the others are as they were, and what it held counts as dropped."""
    outbox = made(tmp_path)
    outbox.take([packet(number, readings=10) for number in range(1, 6)])
    outbox.close()
    spoil(tmp_path, statement)
    outbox.open()
    found = messages(outbox, Lane.BULK)
    assert [message.type for message in found] == [READINGS_TYPE] * 2 + [DROPPED_TYPE] + [READINGS_TYPE] * 2
    assert (found[2].subject, found[2].data, found[2].agent_time) == ("gw-c001", {"reason": "corrupt"}, NOW + 3)
    assert outbox.dropped == {Lane.URGENT: 0, Lane.BULK: 1}
    assert outbox.untold == 1
    assert tallies(outbox) == {TODAY: (51, 10)}, "51 taken = 10 dropped + 40 readings and an empty event sent"
    outbox.close()
    outbox.open()
    assert messages(outbox, Lane.BULK) == found, "once, not at each reading"
    assert outbox.dropped[Lane.BULK] == 1
    outbox.close()


@pytest.mark.parametrize("missing", [1, 3, 5])
def test_a_record_that_is_gone_is_known_to_be(tmp_path: Path, missing: int) -> None:
    """At either end of the lane or in the middle."""
    outbox = made(tmp_path)
    outbox.take([draft(number) for number in range(1, 6)])
    outbox.close()
    spoil(tmp_path, f"DELETE FROM urgent WHERE sequence = {missing}")
    outbox.open()
    found = messages(outbox, Lane.URGENT)
    assert [message.sequence for message in found if message.type == DROPPED_TYPE] == [missing]
    near = found[missing - 1].agent_time
    assert abs(near - (NOW + missing)) == 1, "at its neighbour's time: a lane's time advances by what it carries"
    assert outbox.dropped[Lane.URGENT] == 1
    outbox.close()


def filled(folder: Path) -> Outbox:
    outbox = made(folder)
    outbox.take([draft(number, padding=300) for number in range(1, 1001)])
    outbox.take([draft(number, Lane.BULK, padding=300) for number in range(1, 1001)])
    outbox.close()
    return outbox


def overwrite_pages(file: Path, wanted: bytes, count: int) -> None:
    """Put noise over the first `count` pages that hold `wanted`."""
    data = bytearray(file.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    hit = 0
    for start in range(page, len(data), page):
        if wanted in data[start : start + page] and hit < count:
            data[start : start + page] = bytes(zlib.crc32(bytes([n % 256])) % 256 for n in range(page))
            hit += 1
    assert hit == count
    file.write_bytes(data)


def test_what_sqlite_cannot_read_does_not_take_the_rest_along(tmp_path: Path) -> None:
    """Three pages are noise: the records on them go out empty, every other one as it was, and the agent goes on."""
    outbox = filled(tmp_path)
    overwrite_pages(outbox.file, b"-urgent-50", 1)
    overwrite_pages(outbox.file, b"-bulk-50", 2)
    bootid = outbox.bootid
    outbox.open()
    assert outbox.bootid == bootid
    urgent, bulk = messages(outbox, Lane.URGENT), messages(outbox, Lane.BULK)
    lost = {
        lane: sum(m.type == DROPPED_TYPE for m in found) for lane, found in ((Lane.URGENT, urgent), (Lane.BULK, bulk))
    }
    assert 1 <= lost[Lane.URGENT] < 20
    assert 2 <= lost[Lane.BULK] < 40
    assert outbox.dropped == lost
    numbers = [message.data["n"] for message in urgent if message.type != DROPPED_TYPE]
    assert numbers == [message.sequence for message in urgent if message.type != DROPPED_TYPE]
    assert len(list(tmp_path.glob("damaged-*.db"))) == 1, "for whoever wants to look"
    outbox.take([draft(1001)])
    outbox.close()
    outbox.open()
    assert len(messages(outbox, Lane.URGENT)) == 1001
    assert outbox.dropped == lost
    ((taken, dropped),) = tallies(outbox).values()
    assert dropped == sum(lost.values())
    assert taken - dropped == 2001, "sent: all of them, some as an empty event"
    outbox.close()


def test_a_saving_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    """The old file is aside already, the new one not yet in its place: killed there, the next start goes on with it."""
    outbox = filled(tmp_path)
    outbox.file.rename(tmp_path / "saved.db")
    again = made(tmp_path)
    assert again.bootid == outbox.bootid
    assert len(messages(again, Lane.BULK)) == 1000
    again.close()


def test_damage_that_shows_while_it_runs(tmp_path: Path) -> None:
    """A page goes bad under an open outbox: the next that reads or writes there saves the rest, and nothing is raised."""
    outbox = filled(tmp_path)
    outbox.open()
    assert outbox._connection is not None
    outbox._connection.execute("PRAGMA cache_size = 0").fetchall()
    overwrite_pages(outbox.file, b"-urgent-999", 1)
    outbox._connection.execute("PRAGMA shrink_memory").fetchall()
    outbox.take([draft(1001, padding=300)])
    found = messages(outbox, Lane.URGENT)
    assert len(found) == 1001
    assert found[-1].data["n"] == 1001
    assert 1 <= outbox.dropped[Lane.URGENT] < 20
    outbox.close()


def test_a_damaged_record_is_not_carried_over_to_a_new_bootid(tmp_path: Path) -> None:
    """It has no number there that anybody waits for."""
    outbox = made(tmp_path)
    outbox.take([draft(number) for number in range(1, 6)] + [packet(1, readings=7)])
    outbox.close()
    spoil(tmp_path, "UPDATE urgent SET crc = 0 WHERE sequence = 4")
    outbox.open()
    outbox.renew({Lane.URGENT: 2})
    assert [(message.sequence, message.data["n"]) for message in messages(outbox, Lane.URGENT)] == [(1, 3), (2, 5)]
    assert outbox.dropped[Lane.URGENT] == 1
    assert tallies(outbox) == {TODAY: (2 + 7, 0)}, "counted anew from what was kept"
    outbox.close()


# --- full -----------------------------------------------------------------------------------------------------------


def test_a_full_disk_takes_nothing_and_says_so_and_then_goes_on(tmp_path: Path) -> None:
    """Not half a group: those that waited for the same commit all hear of it, and their sequences are given again."""
    outbox = made(tmp_path)
    outbox.take([draft(1)])
    assert outbox._connection is not None
    outbox._connection.execute("PRAGMA max_page_count = 1").fetchall()  # SQLite's own disk full
    before = (outbox.held(Lane.URGENT), dict(tallies(outbox)))
    for _ in range(3):
        with pytest.raises(OutboxError, match="full"):
            outbox.take([draft(2, padding=16_000), draft(3, padding=16_000), draft(3, Lane.BULK)])
    assert (outbox.held(Lane.URGENT), tallies(outbox)) == before
    assert outbox.read(Lane.URGENT, 1, 10), "what is in it can be sent"
    outbox._connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    outbox.take([draft(2), draft(3, Lane.BULK)])
    assert [message.sequence for message in messages(outbox, Lane.URGENT)] == [1, 2]
    assert [message.sequence for message in messages(outbox, Lane.BULK)] == [1]
    outbox.close()


def test_every_drop_is_counted_by_lane_and_day(tmp_path: Path) -> None:
    """In observations, in the same commit; what was taken is what was dropped and what is still there."""
    outbox = made(tmp_path, max_bytes=60_000)
    for number in range(200):
        day = NOW + (number // 100) * DAY
        readings = tuple(Reading("d1", "temperature", day, float(n), "Cel") for n in range(20))
        outbox.take([Draft(Lane.BULK, READINGS_TYPE, "gw-c001", day, day, readings=readings)])
    (first, second) = (tallies(outbox)[TODAY], tallies(outbox)[TODAY + 1])
    assert first == (2000, 2000)
    assert second[0] == 2000
    held = outbox.held(Lane.BULK)
    assert sum(len(message.readings) for message in messages(outbox, Lane.BULK)) == second[0] - second[1]
    assert outbox.dropped == {Lane.URGENT: 0, Lane.BULK: 200 - held.count}
    outbox.close()
    outbox.open()
    assert (tallies(outbox)[TODAY], tallies(outbox)[TODAY + 1]) == (first, second)
    outbox.close()


def test_what_everybody_has_goes_before_anything_is_dropped(tmp_path: Path) -> None:
    """Room is made of what was acknowledged and not yet tidied away."""
    outbox = made(tmp_path, max_bytes=100_000)
    for number in range(500):
        outbox.take([draft(number, Lane.BULK, padding=1000)])
        outbox.forget(Lane.BULK, number)
    assert outbox.dropped[Lane.BULK] == 0
    outbox.close()


def test_a_week_of_alarms_and_a_thousand_events_fit_by_default(tmp_path: Path) -> None:
    """A small site, cut off: 60 devices with an alarm an hour each, and a heartbeat every 10 s on each lane. What does not
    fit of a week is heartbeats of the bulk lane."""
    outbox = Outbox(tmp_path, "c001", "gw-c001")
    outbox.open()
    outbox.take([draft(1, padding=200)] * 1000)
    assert outbox.held(Lane.URGENT).count == 1000
    alarm = outbox.held(Lane.URGENT).size / 1000
    positions = {str(lane): {"ingest": 10**6, "rules": 10**6} for lane in Lane}
    stats = Stats(
        10**6, 10**6, 10**6, 0, 0, 0, 0, 10**5, 10**5, 10**8, -1234.567, False, positions, {"urgent": 1, "bulk": 1}
    )
    outbox.take([Draft(Lane.BULK, HEARTBEAT_TYPE, "gw-c001", NOW, NOW, data=heartbeat(stats))])
    beat = outbox.held(Lane.BULK).size
    week = 7 * 24 * 3600
    assert 60 * week / 3600 * alarm + week / 10 * beat < DEFAULT_BYTES
    outbox.close()


def test_days_are_those_of_the_agents_clock(tmp_path: Path) -> None:
    """A clock that steps a year back and forth counts each day for itself."""
    outbox = made(tmp_path)
    times = [NOW, NOW - 365 * DAY, NOW + 1, NOW - 365 * DAY + 1]
    outbox.take([Draft(Lane.URGENT, "test.event", "d1", time, time) for time in times])
    assert tallies(outbox) == {TODAY: (2, 0), TODAY - 365: (2, 0)}
    assert format_time(TODAY * DAY)[:10] == "2023-11-14"
    assert orjson.loads(outbox.read(Lane.URGENT, 1, 1)[0])["time"] == format_time(NOW)
    outbox.close()
