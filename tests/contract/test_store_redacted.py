"""Events that are found by what stands in them, and whose data is taken out: the same of every store."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from linli.adapters.sqlite_store import SqliteStore
from linli.clock import HOUR, SECOND
from linli.ports import ReadingStore
from tests.contract.test_store import T0, event

pytestmark = pytest.mark.integration


def piece(value: str) -> str:
    """What stands in the data of an event of that card."""
    return f'"credential":{orjson.dumps(value).decode()}'


AWKWARD = [
    "C0012342",
    "a b",
    'say "x"',
    "it's",
    "back\\slash",
    "1/2",
    "(x|y)*.",
    "[^a]",
    "{2}",
    "^$",
    "%_",
    "沪A·12345",
    "+-#&~@",
]


@pytest.mark.parametrize("value", AWKWARD, ids=range(len(AWKWARD)))
def test_events_are_found_by_a_piece_of_their_data(store: ReadingStore, value: str) -> None:
    """As it is, not as a pattern; together with the other filters; and nobody else's."""
    store.write([event(n, data={"credential": value, "direction": "in"}) for n in (1, 2)], {})
    store.write([event(3, data={"credential": "another"}), event(4, data={}), event(5, data={"reason": value})], {})

    def found(*pieces: str, **others: object) -> list[int]:
        asked = store.events("c001", T0, T0 + HOUR, containing=pieces, **others)  # type: ignore[arg-type]
        return sorted(e.sequence for e in asked)

    assert found(piece(value)) == [1, 2]
    assert found(piece(value), piece("another")) == [1, 2, 3]
    assert found(piece("nobody's")) == []
    assert found(piece(value), limit=1) == [2]
    assert found(piece(value), device="door-2") == []
    assert store.events("c002", T0, T0 + HOUR, containing=[piece(value)]) == []


def test_data_is_taken_out_and_all_else_stays(reopen: Callable[[], ReadingStore]) -> None:
    """Also after opening anew, also done twice; of two events of the same instant only that one."""
    store = reopen()
    store.write([event(n, late=n == 1, data={"credential": "C0012342", "n": n}) for n in (1, 2)], {})
    before = {e.sequence: e for e in store.events("c001", T0, T0 + HOUR)}
    emptied = replace(before[1], data={"credential": "***", "n": 1})
    for _ in range(2):
        store.redact([emptied])
    store.redact([])
    after = {e.sequence: e for e in reopen().events("c001", T0, T0 + HOUR)}
    assert after == {1: emptied, 2: before[2]}


def test_nothing_of_it_stays_in_the_file(tmp_path: Path) -> None:
    """Neither in the pages of the SQLite file nor in its log."""
    file = tmp_path / "readings.db"
    store = SqliteStore(file)
    try:
        store.write([event(n, data={"credential": f"SECRET-{n:04}"}) for n in range(500)], {})
        found = store.events("c001", T0, T0 + HOUR, limit=1000)
        assert len(found) == 500
        store.redact([replace(e, data={"credential": "***"}) for e in found])
        kept = b"".join(one.read_bytes() for one in tmp_path.iterdir())
        assert b"SECRET-" not in kept
        store.write([event(501, time=T0 + SECOND)], {})
        assert len(store.events("c001", T0, T0 + HOUR, limit=1000)) == 501
    finally:
        store.close()
