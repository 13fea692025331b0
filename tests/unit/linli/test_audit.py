"""The chain of the audit log: whatever is done to it shows, and where."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.audit import (
    ADDRESS,
    EMPTY,
    ERASED,
    GENESIS,
    MAX_IDS,
    REASON,
    SHORTENED,
    Act,
    Broken,
    ChainCheck,
    Entry,
    Fault,
    Head,
    Kept,
    Outcome,
    Who,
    canonical,
    follow,
    hash_of,
)

KEYS = [b"0123456789abcdef"] * 3
Log = list[tuple[Entry, dict[str, Kept]]]

texts = st.text(max_size=20)
ids = st.text("abc123", min_size=1, max_size=5)
acts = st.builds(
    Act,
    verb=st.sampled_from(["arming.changed", "alert.closed", "person.read"]),
    who=st.builds(Who, ids, texts, ids),
    kind=st.sampled_from(["", "place", "person"]),
    ids=st.lists(ids, max_size=3).map(tuple),
    community=st.none() | ids,
    purpose=st.sampled_from(["", "own"]),
    reason=texts,
    outcome=st.sampled_from(Outcome),
    facts=st.dictionaries(ids, st.integers() | texts | st.booleans() | st.none(), max_size=3),
)


def chain(done: Sequence[Act]) -> Log:
    head, log = EMPTY, []
    for at, act in enumerate(done):
        entry, kept = follow(head, act, 1_700_000_000_000_000 + at, KEYS)
        log.append((entry, kept))
        head = Head(entry.seq, entry.hash)
    return log


chains = st.lists(acts, min_size=1, max_size=8).map(chain)


def judge(log: Log, head: Head | None = None) -> list[Fault]:
    check = ChainCheck(head)
    for entry, kept in log:
        check.take(entry, kept)
    return check.finish()


def head_of(log: Log) -> Head:
    return Head(log[-1][0].seq, log[-1][0].hash) if log else EMPTY


def first(faults: list[Fault]) -> tuple[Broken, int]:
    return faults[0].kind, faults[0].seq


CHANGES: dict[str, Callable[[Entry], object]] = {
    "at": lambda entry: entry.at + 1,
    "verb": lambda entry: entry.verb + "x",
    "actor": lambda entry: entry.actor + "x",
    "kind": lambda entry: entry.kind + "x",
    "ids": lambda entry: (*entry.ids, "x"),
    "community": lambda entry: "x" if entry.community is None else None,
    "purpose": lambda entry: entry.purpose + "x",
    "outcome": lambda entry: "refused" if entry.outcome == "done" else "done",
    "credential": lambda entry: entry.credential + "x",
    "facts": lambda entry: {**entry.facts, "x": 1},
    "texts": lambda entry: {**entry.texts, "x": "00"},
    "previous": lambda entry: entry.previous[::-1] if entry.previous != GENESIS else "1" * 64,
    "hash": lambda entry: "0" * 63 + "1",
}


@given(chains)
def test_a_chain_that_nobody_touched_is_whole(log: Log) -> None:
    """Against its own head, an older one, and none."""
    assert judge(log, head_of(log)) == judge(log, head_of(log[:1])) == judge(log) == []


@given(chains, st.sampled_from(sorted(CHANGES)), st.data())
def test_an_edit_is_found_where_it_was_made(log: Log, field: str, data: st.DataObject) -> None:
    """Every field counts."""
    at = data.draw(st.integers(0, len(log) - 1))
    entry, kept = log[at]
    log[at] = replace(entry, **{field: CHANGES[field](entry)}), kept  # type: ignore[arg-type]
    assert first(judge(log, head_of(chain([])))) == (Broken.EDITED, at + 1)


@given(chains, st.data())
def test_an_edit_with_its_hash_made_anew_is_found_at_the_next_or_by_the_head(log: Log, data: st.DataObject) -> None:
    """The next entry hangs on what there was; behind the last there is the head."""
    at, head = data.draw(st.integers(0, len(log) - 1)), head_of(log)
    entry = replace(log[at][0], actor="someone-else")
    log[at] = replace(entry, hash=hash_of(entry)), log[at][1]
    last = at == len(log) - 1
    assert first(judge(log, head)) == ((Broken.REWRITTEN, at + 1) if last else (Broken.UNLINKED, at + 2))


@given(chains, st.data())
def test_a_chain_made_anew_from_some_point_on_does_not_fit_the_head(log: Log, data: st.DataObject) -> None:
    """However well it is done."""
    at, head = data.draw(st.integers(0, len(log) - 1)), head_of(log)
    previous = log[at][0].previous
    for number in range(at, len(log)):
        entry = replace(log[number][0], actor="someone-else", previous=previous)
        previous = hash_of(entry)
        log[number] = replace(entry, hash=previous), log[number][1]
    assert first(judge(log, head)) == (Broken.REWRITTEN, len(log))


@given(chains, st.data())
def test_what_is_removed_is_missed(log: Log, data: st.DataObject) -> None:
    """In the middle, at the beginning, at the end."""
    head, whole = head_of(log), len(log)
    start = data.draw(st.integers(0, whole - 1))
    end = data.draw(st.integers(start + 1, whole))
    del log[start:end]
    if end == whole:
        assert first(judge(log, head)) == (Broken.CUT, start + 1)
    elif start == 0:
        assert first(judge(log, head)) == (Broken.BEGINNING, end + 1)
    else:
        assert first(judge(log, head)) == (Broken.MISSING, start + 1)


@given(chains, st.data())
def test_what_changed_places_is_found_at_the_first_of_the_two(log: Log, data: st.DataObject) -> None:
    """The number is part of what is hashed."""
    one = data.draw(st.integers(0, len(log) - 1))
    two = data.draw(st.integers(0, len(log) - 1).filter(lambda number: number != one)) if len(log) > 1 else one
    if one == two:
        return
    (a, beside_a), (b, beside_b) = log[one], log[two]
    log[one] = replace(b, seq=a.seq), beside_b
    log[two] = replace(a, seq=b.seq), beside_a
    assert first(judge(log, head_of(chain([])))) == (Broken.EDITED, min(one, two) + 1)


@given(chains, acts, st.data())
def test_an_entry_put_in_between_is_found(log: Log, act: Act, data: st.DataObject) -> None:
    """It may be made well, and what follows numbered anew: that does not hang on it."""
    at = data.draw(st.integers(0, len(log)))
    before = Head(log[at - 1][0].seq, log[at - 1][0].hash) if at else EMPTY
    log.insert(at, follow(before, act, 1, KEYS))
    for number in range(at + 1, len(log)):
        log[number] = replace(log[number][0], seq=number + 1), log[number][1]
    faults = judge(log)
    if at == len(log) - 1:
        assert faults == []  # put behind the last: that is how entries come
    else:
        assert faults[0].seq == at + 2


def test_old_entries_may_go_if_a_later_one_says_so() -> None:
    """With the number of the last that went, and its hash: neither alone will do."""
    log = chain([Act("arming.changed", Who("p1")) for _ in range(4)])
    gone = log[1][0]

    def said(**facts: object) -> list[Fault]:
        act = Act(SHORTENED, Who("system:api"), facts=facts)  # type: ignore[arg-type]
        told = [*log[2:], follow(head_of(log), act, 9, KEYS)]
        return judge(told, head_of(told))

    assert said(upto=2, hash=gone.hash) == []
    assert first(said(upto=2, hash=GENESIS)) == first(said(upto=1, hash=gone.hash)) == (Broken.BEGINNING, 3)


def test_a_text_is_gone_for_good_and_the_chain_is_whole() -> None:
    """Once an entry says that it was erased: by the id of who did it, or of whom it is about."""
    acted = Act("person.read", Who("p7", "10.0.0.9"), "person", ("r1",), reason="张三来电")
    log = chain([acted, acted])
    log[0][1].clear()
    assert first(judge(log)) == (Broken.TEXT_MISSING, 1)
    for one in ("r1", "p7"):
        erased = follow(head_of(log), Act(ERASED, Who("p1"), "person", (one,)), 9, KEYS)
        assert judge([*log, erased]) == []
    before = chain([Act(ERASED, Who("p1"), "person", ("r1",)), acted])
    before[1][1].clear()
    assert first(judge(before)) == (Broken.TEXT_MISSING, 2)


def test_a_text_that_was_edited_moved_or_added_is_found() -> None:
    """Its HMAC is in the chain."""
    acted = Act("arming.changed", Who("p1", "10.0.0.9"), reason="night round")
    for change in (
        {REASON: Kept(KEYS[0].hex(), "something else")},
        {REASON: Kept("not a key", "night round")},
        {"more": Kept(KEYS[0].hex(), "never written")},
    ):
        log = chain([acted])
        log[0][1].update(change)
        assert first(judge(log)) == (Broken.TEXT_EDITED, 1)


def test_nothing_of_a_text_or_an_address_is_in_the_chain() -> None:
    """Only what cannot be tried out without the key that lies with the text."""
    entry, kept = follow(
        EMPTY, Act("arming.changed", Who("p1", "10.0.0.9"), reason="张三", details={"n": "李四"}), 1, KEYS
    )
    said = json.dumps(entry.document(), ensure_ascii=False)
    assert not any(word in said for word in ("张三", "李四", "10.0.0.9"))
    assert kept[ADDRESS].text == "10.0.0.9"
    assert kept[REASON].commitment != hashlib.sha256("张三".encode()).hexdigest()


def test_the_hash_is_that_of_the_canonical_document() -> None:
    """Anybody can recompute it: sorted keys, no spaces, UTF-8. Pinned, since it is for ever."""
    act = Act("arming.changed", Who("p1", credential="s1"), "place", ("p-1",), "c001", facts={"mode": "away", "n": 2})
    entry, _ = follow(EMPTY, act, 1_700_000_000_000_000, KEYS)
    assert canonical(entry.document()).decode() == (
        '{"actor":"p1","at":1700000000000000,"community":"c001","credential":"s1","facts":{"mode":"away","n":2},"ids":["p-1"],'
        '"kind":"place","outcome":"done","previous":"' + GENESIS + '","purpose":"","seq":1,"texts":{},"v":1,'
        '"verb":"arming.changed"}'
    )
    assert entry.hash == hashlib.sha256(canonical(entry.document())).hexdigest()


def test_what_no_database_can_hold_is_written_as_an_escape() -> None:
    """NUL for PostgreSQL, half a surrogate pair for UTF-8; a name that is too long is cut."""
    entry, kept = follow(EMPTY, Act("arming.changed", Who("p\0" + "x" * 200), reason="a\ud800b"), 1, KEYS)
    assert entry.actor.startswith("p\\x00xx")
    assert len(entry.actor) == 100
    assert kept[REASON].text == "a\\ud800b"


def test_an_entry_that_cannot_be_read_is_named_and_the_rest_is_judged() -> None:
    """Somebody put a number where a list was."""
    log = chain([Act("arming.changed", Who("p1")) for _ in range(3)])
    check = ChainCheck(head_of(log))
    check.take(*log[0])
    check.unreadable(2)
    check.take(*log[2])
    assert [(fault.kind, fault.seq) for fault in check.finish()] == [(Broken.UNREADABLE, 2)]


def test_an_empty_log_with_a_head_was_cut() -> None:
    """All of it."""
    log = chain([Act("arming.changed", Who("p1"))])
    assert first(judge([], head_of(log))) == (Broken.CUT, 1)
    assert judge([], EMPTY) == judge([], None) == []


def test_an_entry_about_too_many_things_is_refused() -> None:
    """A list is written down page by page."""
    with pytest.raises(ValueError, match="1000"):
        follow(EMPTY, Act("person.read", Who("p1"), "person", tuple("x" * (MAX_IDS + 1))), 1, KEYS)
