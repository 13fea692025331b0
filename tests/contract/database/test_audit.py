"""The audit log in the database: written with the act, refused to everybody who would change it, and checked to the last row."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from linli.audit import Act, Broken, Head, Outcome, Who
from linli.audithead import HeadError, HeadFile
from linli.auditwords import HEAD_STARTED, REANCHORED
from linli.clock import DAY
from linli.db import schema
from linli.db.audit import Search, SqlAudit, append, append_last, erase_texts, head_of, person_read
from linli.db.auditcheck import advance_head, check_log, glance, reanchor
from linli.db.auditseals import TABLES, SealBroken, Sealer, reseal, standing_seals
from linli.db.database import Database, open_database
from linli.db.scoping import guarded
from linli.errors import Refused

NOW = 1_790_000_000_000_000
GUARD = Who("p1", "10.0.0.9", "s-1")
API = Who("system:api")


def write(database: Database, number: int = 1, **more: object) -> None:
    for _ in range(number):
        act = Act("arming.changed", GUARD, "place", ("p-1",), "c001", reason="night round", **more)  # type: ignore[arg-type]
        with database.write() as connection:
            append(connection, act, NOW)


def kinds(database: Database, file: HeadFile | None = None) -> list[tuple[Broken, int]]:
    return [(fault.kind, fault.seq) for fault in check_log(database, file).faults]


def open_the_door(database: Database) -> None:
    """As somebody does who may change the schema: nothing else lets one change the log."""
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            for table in ("audit_entries", "audit_subjects", "audit_texts"):
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        else:
            for name in (
                connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            ):
                connection.execute(text(f"DROP TRIGGER {name}"))


def test_an_entry_is_found_as_it_was_written(database: Database) -> None:
    """With the texts beside it."""
    act = Act(
        "account.role.changed",
        GUARD,
        "account",
        ("p7", "p8"),
        "c001",
        reason="调到 3 号楼\n第二行",
        outcome=Outcome.REFUSED,
        facts={"role": "security", "n": 2, "more": ["a", None, True]},
        details={"name": "李四"},
    )
    with database.write() as connection:
        written = append(connection, act, NOW)
    found = SqlAudit(database).get(1)
    assert found is not None
    assert found.entry == written
    assert found.texts["reason"] == "调到 3 号楼\n第二行"
    assert found.texts["address"] == "10.0.0.9"
    assert found.details() == {"name": "李四"}
    assert kinds(database) == []


def test_an_act_that_fails_leaves_no_entry(database: Database) -> None:
    """And an entry that cannot be written leaves no act: they are one transaction."""
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        append(connection, Act("arming.changed", GUARD), NOW)
        raise ZeroDivisionError
    assert SqlAudit(database).newest() == []


def test_a_word_that_there_is_not_is_a_mistake(database: Database) -> None:
    """Nobody could search for it."""
    with pytest.raises(ValueError, match=r"person\.looked"), database.write() as connection:
        append(connection, Act("person.looked", GUARD), NOW)


def test_entries_are_found_by_what_they_say(database: Database) -> None:
    """Each filter by itself; the newest first; page by page."""
    acts = [
        Act("arming.changed", GUARD, "place", ("p-1",), "c001"),
        Act("account.disabled", Who("p2"), "account", ("p7",), outcome=Outcome.REFUSED),
        Act("account.role.changed", Who("p2"), "account", ("p8", "p7")),
    ]
    for number, act in enumerate(acts):
        with database.write() as connection:
            append(connection, act, NOW + number * DAY)
    log = SqlAudit(database)

    def found(**wanted: object) -> list[int]:
        return [shown.entry.seq for shown in log.newest(Search(**wanted))]  # type: ignore[arg-type]

    assert found() == [3, 2, 1]
    assert found(actor="p2") == found(verb="account.") == found(kind="account") == [3, 2]
    assert found(verb="account.disabled") == found(outcome="refused") == [2]
    assert found(item="p7") == [3, 2]
    assert found(item="p8") == [3]
    assert found(community="c001") == [1]
    assert found(since=NOW + DAY, until=NOW + 2 * DAY) == [2]
    assert [shown.entry.seq for shown in log.newest(limit=1, before=3)] == [2]
    assert [shown.entry.seq for shown in log.all(Search(actor="p2"))] == [2, 3]
    assert log.count(Search(actor="p2")) == 2


def test_a_person_sees_the_entries_of_their_communities(database: Database) -> None:
    """As of any table; and whoever acts may write, whatever they see."""
    open_to = guarded(database)
    for community in ("c001", "c002", None):
        with open_to.of({"c001"}).write() as connection:
            append(connection, Act("arming.changed", GUARD, "place", ("p-1",), community, reason="x"), NOW)
    assert [shown.entry.seq for shown in SqlAudit(open_to.of({"c001"})).newest()] == [1]
    assert SqlAudit(open_to.of({"c001"})).newest()[0].texts["reason"] == "x"
    assert [shown.entry.seq for shown in SqlAudit(open_to.of(None)).newest(Search(item="p-1"))] == [3, 2, 1]


def test_writers_side_by_side_make_one_chain(database: Database) -> None:
    """On every database, from several connections at once."""
    ready, failed = threading.Barrier(4), []

    def work() -> None:
        mine = open_database(database.engine.url.render_as_string(hide_password=False))
        ready.wait()
        try:
            write(mine, 25)
        except BaseException as error:  # noqa: BLE001  (handed to the test)
            failed.append(error)
        mine.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    report = check_log(database, None)
    assert (report.entries, report.first, report.last.seq, report.faults) == (100, 1, 100, [])


# --- refused --------------------------------------------------------------------------------------------------------

REFUSED = [
    update(schema.audit_entries).values(actor="p2"),
    update(schema.audit_subjects).values(item_id="p-2"),
    update(schema.audit_texts).values(text="day round"),
    delete(schema.audit_entries),
    delete(schema.audit_subjects),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_nobody_changes_what_is_written(database: Database, number: int) -> None:
    """Not with Linli's own connection, which may do everything else."""
    with database.write() as connection:
        append(connection, Act("arming.changed", GUARD, "place", ("p-1",), reason="x"), _real_now(database))
    with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
        connection.execute(REFUSED[number])
    assert kinds(database) == []


def _real_now(database: Database) -> int:
    """The database's own clock, which its triggers go by."""
    sqlite = "SELECT CAST(strftime('%s', 'now') AS INTEGER)"
    postgresql = "SELECT CAST(extract(epoch FROM now()) AS bigint)"
    with database.read() as connection:
        seconds = connection.execute(text(sqlite if connection.dialect.name == "sqlite" else postgresql)).scalar_one()
    return int(seconds) * 1_000_000


# --- found ----------------------------------------------------------------------------------------------------------

entries, subjects, texts = schema.audit_entries, schema.audit_subjects, schema.audit_texts
HARM: dict[str, tuple[object, tuple[Broken, int]]] = {
    "an edit": (update(entries).where(entries.c.seq == 2).values(actor="p2"), (Broken.EDITED, 2)),
    "a removal": (delete(entries).where(entries.c.seq == 2), (Broken.MISSING, 2)),
    "a beginning": (delete(entries).where(entries.c.seq <= 2), (Broken.INDEX, 1)),
    "what cannot be read": (update(entries).where(entries.c.seq == 3).values(ids="no list"), (Broken.UNREADABLE, 3)),
    "another text": (update(texts).where(texts.c.seq == 2).values(text="x"), (Broken.TEXT_EDITED, 2)),
    "no text": (delete(texts).where(texts.c.seq == 2), (Broken.TEXT_MISSING, 2)),
    "a text for others": (update(subjects).where(subjects.c.seq == 2).values(community_id="x"), (Broken.INDEX, 2)),
    "no index": (delete(subjects).where(subjects.c.seq == 3), (Broken.INDEX, 3)),
    "an index of nothing": (insert(subjects).values(kind="place", item_id="x", seq=99), (Broken.INDEX, 99)),
    "the end": (delete(entries).where(entries.c.seq == 4), (Broken.CUT, 4)),
}


@pytest.mark.parametrize("what", HARM)
def test_what_was_done_to_the_log_shows_and_where(database: Database, tmp_path: Path, what: str) -> None:
    """By somebody who got past the triggers."""
    write(database, 4)
    with database.read() as connection:
        head = head_of(connection)
    file = HeadFile(tmp_path / "head.json")
    file.write(head)
    assert kinds(database, file) == []
    open_the_door(database)
    harm, expected = HARM[what]
    with database.write() as connection:
        connection.execute(harm)  # type: ignore[call-overload]
    assert kinds(database, file)[0] == expected


def test_a_quick_look_sees_the_newest_and_the_end(database: Database, tmp_path: Path) -> None:
    """An edit among the newest, a head that does not fit further back, a cut end."""
    file = HeadFile(tmp_path / "head.json")
    write(database, 9)
    with database.read() as connection:
        file.write(head_of(connection))
    write(database, 1)
    assert glance(database, file, 3) == glance(database, file, 100) == glance(database, None) == []
    open_the_door(database)
    with database.write() as connection:
        connection.execute(update(entries).where(entries.c.seq == 9).values(actor="p2"))

    def newest(entries: int) -> list[tuple[Broken, int]]:
        found = glance(database, file, entries)
        return [(fault.kind, fault.seq) for fault in found if fault.kind is not Broken.GUARD]

    assert newest(3) == [(Broken.EDITED, 9)]
    assert newest(1) == []
    file.write(Head(5, "0" * 64))
    assert newest(1) == [(Broken.REWRITTEN, 5)]
    file.write(Head(50, "0" * 64))
    assert newest(1) == [(Broken.CUT, 11)]


# --- the head -------------------------------------------------------------------------------------------------------


def test_the_head_follows_the_log_and_its_beginning_is_written_down(database: Database, tmp_path: Path) -> None:
    """So that whoever deletes the file to have a new one made leaves a trace."""
    file = HeadFile(tmp_path / "audit" / "head.json")
    write(database)
    assert advance_head(database, file, API, NOW) is None
    assert SqlAudit(database).newest()[0].entry.verb == HEAD_STARTED
    assert file.read() == Head(2, SqlAudit(database).newest()[0].entry.hash)
    assert file.path.stat().st_mode & 0o777 == 0o600
    write(database, 3)
    assert advance_head(database, file, API, NOW) is None
    assert file.read() == Head(5, SqlAudit(database).newest()[0].entry.hash)
    assert check_log(database, file).whole


def test_the_head_is_never_moved_against_the_chain(database: Database, tmp_path: Path) -> None:
    """A log made anew, and then written to by Linli as ever, still does not fit: the head stays where it was."""
    file = HeadFile(tmp_path / "head.json")
    write(database, 3)
    with database.read() as connection:
        known = head_of(connection)
    file.write(known)
    open_the_door(database)
    with database.write() as connection:
        connection.execute(delete(entries).where(entries.c.seq == 3))
        connection.execute(delete(subjects).where(subjects.c.seq == 3))
        connection.execute(delete(texts).where(texts.c.seq == 3))
    found = advance_head(database, file, API, NOW)
    assert found is not None
    assert (found.kind, found.seq) == (Broken.CUT, 3)
    write(database, 2, facts={"other": True})
    found = advance_head(database, file, API, NOW)
    assert found is not None
    assert (found.kind, found.seq) == (Broken.REWRITTEN, 3)
    assert file.read() == known


def test_after_a_restored_backup_the_log_goes_on_and_says_so(database: Database, tmp_path: Path) -> None:
    """With the head that was, for ever."""
    file = HeadFile(tmp_path / "head.json")
    write(database, 3)
    file.write(Head(7, "a" * 64))
    assert kinds(database, file) == [(Broken.CUT, 4)]
    entry = reanchor(database, file, Who("cli:root"), "restored from Sunday", NOW)
    assert entry.verb == REANCHORED
    assert entry.facts == {"seq": 7, "hash": "a" * 64, "newest": 3}
    assert check_log(database, file).whole


def test_without_a_head_a_cut_end_cannot_show_and_that_is_said(database: Database, tmp_path: Path) -> None:
    """Nor with one that is none."""
    file = HeadFile(tmp_path / "head.json")
    write(database)
    assert check_log(database, file).head_trouble is not None
    assert not check_log(database, file).whole
    file.path.write_text("nonsense")
    assert check_log(database, file).head_trouble is not None
    with pytest.raises(HeadError):
        advance_head(database, file, API, NOW)


# --- persons --------------------------------------------------------------------------------------------------------


def test_who_saw_somebody_can_be_told(database: Database) -> None:
    """Also where they were one of a list; with the purpose."""
    with database.write() as connection:
        person_read(connection, GUARD, ["r1", "r2"], "emergency", NOW, community="c001", fields=["phone", "name"])
        person_read(connection, Who("p2"), ["r3"], "other", NOW, reason="a letter came back")
    [seen] = SqlAudit(database).newest(Search(item="r2"))
    assert (seen.entry.actor, seen.entry.purpose, seen.entry.facts) == (
        "p1",
        "emergency",
        {"fields": ["name", "phone"]},
    )


@pytest.mark.parametrize(
    ("purpose", "reason", "why"), [("", "", "no_purpose"), ("x", "", "no_purpose"), ("other", " ", "no_reason")]
)
def test_nobody_sees_a_person_without_saying_what_for(database: Database, purpose: str, reason: str, why: str) -> None:
    """The refusal comes before the data."""
    with pytest.raises(Refused) as refused, database.write() as connection:
        person_read(connection, GUARD, ["r1"], purpose, NOW, reason=reason)
    assert refused.value.reason == why


def test_erasing_a_person_leaves_the_chain_whole(database: Database) -> None:
    """The texts about them are gone, with their keys; from which address somebody else looked at them is not theirs."""
    with database.write() as connection:
        person_read(connection, GUARD, ["r1"], "other", NOW, reason="张三的邻居来电")
        append(
            connection, Act("person.changed", Who("a1", "10.9.9.9"), "person", ("r1",), details={"was": "张三"}), NOW
        )
        append(connection, Act("arming.changed", GUARD, "place", ("p-1",), reason="stays"), NOW)
    with database.write() as connection:
        assert erase_texts(connection, Who("p9"), ["r1"], NOW, "asked in writing", accounts=["a1"]) == 3
    log = SqlAudit(database)
    left = {shown.entry.seq: dict(shown.texts) for shown in log.newest()}
    assert left == {
        1: {"address": "10.0.0.9"},
        2: {},
        3: {"address": "10.0.0.9", "reason": "stays"},
        4: {"reason": "asked in writing"},
    }
    found = log.get(2)
    assert found is not None
    assert found.erased() == ["address", "details"]
    report = check_log(database, None)
    assert (report.faults, report.erased_texts) == ([], 3)


def test_an_id_that_two_kinds_share_erases_one_of_them(database: Database) -> None:
    """Not what is beside the other's entries; and an entry that says so excuses no other text that is gone."""
    with database.write() as connection:
        for kind, verb in (
            ("person", "person.changed"),
            ("device", "registry.device.changed"),
            ("account", "account.changed"),
        ):
            append(connection, Act(verb, Who("a9"), kind, ("x1",), details={"was": kind}), NOW)
        append(connection, Act("arming.changed", Who("x1"), "place", ("p-1",), reason="by the account x1"), NOW)
        assert erase_texts(connection, Who("p9"), ["x1"], NOW) == 1
    log = SqlAudit(database)
    left = {shown.entry.seq: sorted(shown.texts) for shown in log.newest()}
    assert left == {1: [], 2: ["details"], 3: ["details"], 4: ["reason"], 5: []}
    assert kinds(database) == []
    open_the_door(database)
    with database.write() as connection:
        connection.execute(delete(schema.audit_texts).where(schema.audit_texts.c.seq == 2))
    assert kinds(database) == [(Broken.TEXT_MISSING, 2)]


def test_what_was_erased_by_id_alone_stays_explained(database: Database) -> None:
    """As Linli did before it went by kind."""
    with database.write() as connection:
        append(connection, Act("account.changed", Who("a9"), "account", ("x1",), details={"was": "x"}), NOW)
        append(connection, Act("audit.erased", Who("a9"), "person", ("r1", "x1"), facts={"texts": 1}), NOW)
        connection.execute(delete(schema.audit_texts))
    assert kinds(database) == []


# --- what machines write --------------------------------------------------------------------------------------------


def arm(database: Database, number: int = 1) -> None:
    row = {"place_id": "p-1", "mode": "away", "changed_by": "p1", "changed_at": NOW, "reason": "x"}
    with database.write() as connection:
        for _ in range(number):
            connection.execute(insert(schema.arming_changes).values(**row))


def seal_all(database: Database) -> int:
    sealer, rows = Sealer(database, API), 0
    while (looked := sealer.step(NOW)).rows:
        rows += looked.rows
    return rows


def test_rows_of_machines_are_sealed_once(database: Database) -> None:
    """Each in one seal, whatever there was before."""
    arm(database, 3)
    with database.write() as connection:
        connection.execute(
            insert(schema.registry_history).values(
                version=1, at=NOW, kind="device", item_id="d", content={"interval_s": 5.0, "名": "é"}, known_since=False
            )
        )
    assert seal_all(database) == 4
    assert seal_all(database) == 0
    arm(database, 2)
    assert check_log(database, None).open == {"arming_changes": 2, "registry_history": 0}
    assert seal_all(database) == 2
    report = check_log(database, None)
    assert (report.faults, report.sealed) == ([], {"arming_changes": 5, "registry_history": 1})


changes = schema.arming_changes
FORGED: dict[str, object] = {
    "an edit": update(changes).where(changes.c.id == 4).values(changed_by="p2"),
    "a removal": delete(changes).where(changes.c.id == 4),
    "one put in": insert(changes).values(id=6, place_id="p", mode=None, changed_by="p1", changed_at=1, reason=""),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_sealed_row_that_was_changed_shows(database: Database, what: str) -> None:
    """With the entry that sealed it; and it is not sealed again."""
    arm(database, 3)
    seal_all(database)
    arm(database, 2)
    with database.write() as connection:
        connection.execute(
            insert(changes).values(id=7, place_id="p", mode="x", changed_by="p1", changed_at=1, reason="")
        )
    seal_all(database)
    with database.write() as connection:
        connection.execute(FORGED[what])  # type: ignore[call-overload]
    report = check_log(database, None)
    assert [(fault.kind, fault.seq) for fault in report.faults] == [(Broken.SEAL, 2)]
    assert "arming_changes" in report.faults[0].text.en
    with database.write() as connection, pytest.raises(SealBroken):
        reseal(connection, [standing_seals(connection).of("arming_changes")], API, NOW)


def test_what_is_left_after_a_deletion_is_sealed_again(database: Database) -> None:
    """In the transaction that deletes."""
    for _ in range(3):
        arm(database, 2)
        seal_all(database)

    def harm(connection: object) -> Callable[[], None]:
        return lambda: connection.execute(delete(changes).where(changes.c.id.in_([1, 2, 4])))  # type: ignore[attr-defined]

    with database.write() as connection:
        seals = standing_seals(connection).of("arming_changes")[:2]
        reseal(connection, [seals], API, NOW, harm(connection))
    with database.read() as connection:
        assert [(seal.first, seal.last, seal.rows) for seal in standing_seals(connection).of("arming_changes")] == [
            (1, 4, 1),
            (5, 6, 2),
        ]
    report = check_log(database, None)
    assert (report.faults, report.sealed) == ([], {"arming_changes": 3})


def test_the_sealed_tables_are_those_that_machines_append_to() -> None:
    """By their first column, which counts up."""
    for table in TABLES.values():
        assert [column.name for column in table.primary_key] == [next(iter(table.columns)).name]


def test_a_trail_of_its_own_for_each_database(database: Database) -> None:
    """No entry is there before the first act."""
    with database.read() as connection:
        assert connection.execute(select(entries)).all() == []


def test_what_is_written_down_last_is_there_with_the_rest_and_gone_with_it(database: Database) -> None:
    """A large change does not hold up others' acts until it is through; rolled back, it leaves nothing to the next transaction."""
    act = Act("registry.loaded", GUARD, "record")
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        append_last(connection, act, NOW)
        raise ZeroDivisionError
    with database.write() as connection:
        append_last(connection, act, NOW)
        append(connection, Act("arming.changed", GUARD), NOW)
    assert [shown.entry.verb for shown in SqlAudit(database).all()] == ["arming.changed", "registry.loaded"]
