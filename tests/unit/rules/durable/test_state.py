"""The state as bytes: what it was comes back, and what the first versions wrote is read."""

import json
from pathlib import Path

import msgspec
import pytest

from linli.model import Handling
from rules.durable.journal import Image, Journal
from rules.durable.state import BadState, dump, image, restore
from rules.engine.book import Transition
from rules.engine.machine import Engine
from tests.unit.rules.durable.test_journal import former_in
from tests.unit.rules.world import Bench, Feed


@pytest.fixture
def former(tmp_path: Path) -> Journal:
    """What version 2 kept: a snapshot in which much was going on, and inputs after it."""
    former_in(tmp_path)
    return Journal(tmp_path)


def core_of(journal: Journal) -> bytes:
    snapshot = journal.snapshot()
    assert snapshot is not None
    return snapshot.state.core


def brought_up(journal: Journal, engine: Engine, after: int = 13) -> list[tuple[str, str]]:
    return [
        (output.kind, output.alert.rule)
        for _, entry in journal.after(after)
        for output in engine.apply(entry)
        if isinstance(output, Transition)
    ]


def test_snapshot_and_journal_of_the_version_before_go_on_where_they_were(former: Journal) -> None:
    """The same transitions as it had itself: timers that ran, alerts that were open, an act."""
    engine = restore(Image(core_of(former)))
    assert brought_up(former, engine) == [
        ("acknowledged", "fire-alarm"),
        ("opened", "fire-alarm"),
        ("opened", "cable-temperature"),
        ("opened", "door-held-open"),
    ]
    records = {key: (record.alert.handling, record.alert.occurrences) for key, record in engine.book.open.items()}
    assert records["fire-alarm", "b1"] == (Handling.ACKNOWLEDGED, 1)
    assert engine.tallies.counts
    again = restore(image(engine))
    assert dump(again) == dump(engine)
    former.close()


def test_the_first_version_had_no_tallies(former: Journal) -> None:
    """And is read too."""
    document = json.loads(core_of(former)) | {"version": 1}
    del document["tallies"], document["offline"]
    engine = restore(Image(json.dumps(document).encode()))
    assert engine.tallies.counts == {}
    assert ("opened", "door-held-open") in brought_up(former, engine)
    former.close()


@pytest.mark.parametrize("core", [b"", b"{}", b'{"version":99}', b"\xc1", msgspec.msgpack.encode({"version": 99})])
def test_what_is_no_state_is_told(core: bytes) -> None:
    """Also one of a later version."""
    with pytest.raises(BadState):
        restore(Image(core))


def test_the_same_state_gives_the_same_bytes() -> None:
    """In whatever order it came to be."""
    bench, other = Bench(), Bench()
    first, second = Feed(), Feed()
    bench.put(first.event(1, "door", "access.door.opened"), first.event(1, "smoke", "fire.alarm.raised"))
    other.put(second.event(1, "door", "access.door.opened"), second.event(1, "smoke", "fire.alarm.raised"))
    assert dump(bench.engine) == dump(other.engine)
    assert restore(dump(bench.engine)).book.open.keys() == bench.engine.book.open.keys()
