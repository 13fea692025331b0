"""The outbox: what was taken survives, is numbered without holes, and is bounded."""

import sqlite3
import threading
from pathlib import Path

import orjson
import pytest

from edge.outbox.outbox import Draft, Held, Outbox, OutboxError
from linli.codec import MAX_MESSAGE_BYTES
from linli.model import Lane

NOW = 1_700_000_000_000_000


def draft(number: int = 0, lane: Lane = Lane.URGENT, padding: int = 0) -> Draft:
    return Draft(lane, "test.event", "d1", NOW, NOW, data={"n": number, "padding": "x" * padding})


def numbers(outbox: Outbox, lane: Lane, start: int = 1) -> list[tuple[int, object]]:
    start = max(start, outbox.held(lane).first)
    documents = [orjson.loads(body) for body in outbox.read(lane, start, 10_000)]
    return [(int(document["sequence"]), document["data"]["n"]) for document in documents]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    outbox = Outbox(tmp_path, "c001", "gw-c001")
    outbox.open()
    return outbox


def test_each_lane_counts_from_1_in_the_order_taken(outbox: Outbox) -> None:
    """The wire format wants sequences without gaps for each lane."""
    outbox.take([draft(1), draft(2, Lane.BULK), draft(3)])
    assert numbers(outbox, Lane.URGENT) == [(1, 1), (2, 3)]
    assert numbers(outbox, Lane.BULK) == [(1, 2)]
    outbox.close()


def test_a_restart_keeps_everything(tmp_path: Path, outbox: Outbox) -> None:
    """Messages, the next sequence, the bootid and the count of drops outlive the process."""
    outbox.take([draft(number) for number in range(5)])
    outbox.forget(Lane.URGENT, 2)
    outbox.tidy()
    outbox.close()
    again = Outbox(tmp_path, "c001", "gw-c001")
    again.open()
    assert again.bootid == outbox.bootid
    assert numbers(again, Lane.URGENT) == [(3, 2), (4, 3), (5, 4)]
    again.forget(Lane.URGENT, 5)
    again.tidy()
    again.close()
    again.open()
    assert again.held(Lane.URGENT) == Held(6, 6, 0), "an emptied lane goes on counting"
    again.close()


def test_tidying_much_removes_all_of_it(outbox: Outbox) -> None:
    """It goes in several steps; what is not forgotten stays."""
    outbox.take([draft(number) for number in range(12_000)] + [draft(number, Lane.BULK) for number in range(3)])
    outbox.forget(Lane.URGENT, 11_999)
    outbox.forget(Lane.BULK, 2)
    outbox.tidy()
    assert outbox._connection is not None
    left = [outbox._connection.execute(f"SELECT count(*) FROM {lane.value}").fetchone() for lane in Lane]
    assert left == [(1,), (1,)]
    assert outbox.held(Lane.URGENT).count == 1
    assert 0 < outbox.held(Lane.URGENT).size < 1000
    outbox.close()


def test_what_is_not_tidied_before_a_kill_is_only_held_longer(tmp_path: Path, outbox: Outbox) -> None:
    """Forgetting needs no commit of its own: the worst is that a repeat goes out."""
    outbox.take([draft(1), draft(2)])
    outbox.forget(Lane.URGENT, 2)
    assert outbox.held(Lane.URGENT).count == 0
    outbox.close()
    outbox.open()
    assert outbox.held(Lane.URGENT).count == 2
    outbox.close()


def test_it_is_bounded_and_drops_bulk_before_urgent(tmp_path: Path) -> None:
    """Oldest bulk first, urgent last, every drop counted, and the sequences go on."""
    outbox = Outbox(tmp_path, "c001", "gw-c001", max_bytes=45_000)
    outbox.open()
    for number in range(20):
        outbox.take([draft(number, padding=1000), draft(number, Lane.BULK, padding=1000)])
    urgent, bulk = outbox.held(Lane.URGENT), outbox.held(Lane.BULK)
    assert urgent.count == 20
    assert 0 < bulk.count < 20
    assert outbox.dropped == {Lane.URGENT: 0, Lane.BULK: 20 - bulk.count}
    assert bulk.next == 21
    assert numbers(outbox, Lane.BULK, bulk.first)[-1] == (20, 19), "the newest is kept"
    for number in range(100):
        outbox.take([draft(number, padding=1000)])
    assert outbox.held(Lane.BULK).count == 0
    assert urgent.size + bulk.size <= 45_000
    assert outbox.held(Lane.URGENT).size <= 45_000
    assert outbox.dropped == {Lane.URGENT: 120 - outbox.held(Lane.URGENT).count, Lane.BULK: 20}
    dropped = outbox.dropped
    outbox.close()
    outbox.open()
    assert outbox.dropped == dropped
    outbox.close()


def test_what_may_be_on_its_way_is_spared_for_a_moment(tmp_path: Path) -> None:
    """It would count as dropped and arrive all the same. The bound gives way by a quarter, then it is dropped after all."""
    outbox = Outbox(tmp_path, "c001", "gw-c001", max_bytes=40_000)
    outbox.open()
    outbox.take([draft(number, Lane.BULK, padding=1000) for number in range(25)])
    outbox.spare(Lane.BULK, 3)
    outbox.take([draft(number, Lane.BULK, padding=1000) for number in range(25, 33)])
    assert outbox.held(Lane.BULK).first == 4, "what lies below may go"
    assert outbox._excess() > 0
    outbox.forget(Lane.BULK, 5)
    outbox.make_room()
    held = outbox.held(Lane.BULK)
    assert held.size <= 40_000
    assert not outbox.overfull
    assert outbox.dropped[Lane.BULK] == held.first - 1 - 2, "what was forgotten is not dropped"
    outbox.spare(Lane.BULK, held.first - 1)
    for number in range(40):
        outbox.take([draft(number, Lane.BULK, padding=1000)])
        assert outbox.held(Lane.BULK).size <= 50_000
    outbox.take([draft(number, padding=1000) for number in range(10)])
    assert outbox.held(Lane.URGENT).count == 10, "alarms are not dropped for what is spared of bulk"
    outbox.close()


def test_what_the_codec_refuses_gets_no_sequence(outbox: Outbox) -> None:
    """A message that no consumer would take must not block its lane, nor take the others of its group with it."""
    bad = draft(2, padding=MAX_MESSAGE_BYTES)
    refused = outbox.take([draft(1), bad, draft(3)])
    assert [(one.data["n"], refusal.reason) for one, refusal in refused] == [(2, "too_large")]
    assert numbers(outbox, Lane.URGENT) == [(1, 1), (2, 3)]
    outbox.close()


def test_threads_share_commits_and_lose_nothing(outbox: Outbox) -> None:
    """Group commit from many threads: every message once, no sequence twice."""

    def work(base: int) -> None:
        for number in range(20):
            outbox.take([draft(base + number)])

    threads = [threading.Thread(target=work, args=(base * 100,)) for base in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = numbers(outbox, Lane.URGENT)
    assert [sequence for sequence, _ in rows] == list(range(1, 161))
    assert len({number for _, number in rows}) == 160
    outbox.close()


def test_a_second_agent_on_the_same_outbox_is_refused(tmp_path: Path, outbox: Outbox) -> None:
    """Two would give the same sequences twice."""
    with pytest.raises(OutboxError):
        Outbox(tmp_path, "c001", "gw-c001").open()
    outbox.close()


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    """An outbox that was lost goes on as a new one, under a new bootid; the old file stays for whoever wants to look."""
    (tmp_path / "outbox.db").write_bytes(b"not a database" * 1000)
    outbox = Outbox(tmp_path, "c001", "gw-c001")
    outbox.open()
    outbox.take([draft(1)])
    assert numbers(outbox, Lane.URGENT) == [(1, 1)]
    assert list(tmp_path.glob("damaged-*.db"))
    outbox.close()


def test_after_closing_taking_fails_and_says_so(outbox: Outbox) -> None:
    """Nothing is taken that is not kept."""
    outbox.close()
    outbox.close()
    with pytest.raises(OutboxError):
        outbox.take([draft(1)])


def test_a_folder_that_cannot_be_made_is_an_outbox_error(tmp_path: Path) -> None:
    """The message names the file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match=r"outbox\.db"):
        Outbox(tmp_path / "file" / "below", "c001", "gw-c001").open()


def test_renewing_numbers_anew_what_is_kept(outbox: Outbox) -> None:
    """Under the new bootid each lane counts from 1 again, and the messages say so themselves."""
    old = outbox.bootid
    outbox.take([draft(number) for number in range(1, 7)] + [draft(7, Lane.BULK)])
    outbox.renew({Lane.URGENT: 4})
    assert outbox.bootid != old
    assert numbers(outbox, Lane.URGENT) == [(1, 5), (2, 6)]
    assert numbers(outbox, Lane.BULK) == [(1, 7)]
    document = orjson.loads(outbox.read(Lane.URGENT, 1, 1)[0])
    assert document["bootid"] == outbox.bootid
    assert document["id"] == f"{outbox.bootid}-urgent-1"
    outbox.take([draft(8)])
    assert numbers(outbox, Lane.URGENT)[-1] == (3, 8)
    outbox.close()


def test_reading_reaches_behind_what_is_in_memory(outbox: Outbox) -> None:
    """What was taken long ago comes from the file, what is new from memory; nobody sees the difference."""
    outbox.take([draft(number, padding=2000) for number in range(1, 1001)])
    assert numbers(outbox, Lane.URGENT)[:3] == [(1, 1), (2, 2), (3, 3)]
    assert numbers(outbox, Lane.URGENT, 999) == [(999, 999), (1000, 1000)]
    assert len(outbox.read(Lane.URGENT, 1, 1000, max_bytes=10_000)) == 5, "bounded in bytes, too"
    assert len(outbox.read(Lane.URGENT, 999, 1000, max_bytes=1)) == 1
    assert outbox.read(Lane.URGENT, 1001, 10) == []
    outbox.close()


def test_commits_are_synchronous(tmp_path: Path, outbox: Outbox) -> None:
    """WAL with synchronous=FULL: a commit is an fsync, so a power cut takes nothing that was taken."""
    connection = outbox._connection
    assert isinstance(connection, sqlite3.Connection)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    outbox.close()
