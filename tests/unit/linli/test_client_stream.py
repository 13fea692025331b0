"""The client's reader of the live stream: whatever way the lines are cut into portions, the same events come out."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from linli.client.stream import Parser, Told

ALERT = (
    '{"id":7,"kind":"opened","kind_name":{"zh":"发生","en":"opened"},"actor_name":null,"comment":null,"at":"2026-11-23T08:15:00Z",'
    '"alert":{"id":"a1","rule":"r","community":"c","community_name":{"zh":"甲","en":"A"},"subject":"s","subject_name":'
    '{"zh":"门","en":"door"},"place":null,"place_name":null,"severity":"high","condition":"firing","handling":"unacknowledged",'
    '"title":{"zh":"题","en":"t"},"sentence":{"zh":"句","en":"s"},"advice":{"zh":"议","en":"a"},"steps":[],"opened_at":"x",'
    '"last_seen":"x","occurrences":1,"new_field_of_a_newer_server":1}}'
)
STREAM = [
    "retry: 2000",
    "",
    "id: 6",
    "event: ready",
    "data: {}",
    "",
    ": still here",
    "",
    "id: 7",
    "event: alert",
    f"data: {ALERT}",
    "",
    "id: 9",
    "event: resync",
    "data: {}",
    "",
    "id: 10",
    "event: something-new",
    "data: {}",
    "",
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=5))
def test_events_do_not_depend_on_how_lines_arrive(cuts: list[int]) -> None:
    """A change with its alert, and the word that some were left out; what is not known is passed over, its id is kept."""
    parser, told = Parser(), list[Told]()
    edges = sorted({0, *cuts, len(STREAM)})
    for start, end in itertools.pairwise(edges):
        told += parser.feed(STREAM[start:end])
    assert [one.id for one in told] == [7, 9]
    assert told[0].change is not None and told[0].change.alert.subject_name.en == "door"
    assert told[1].change is None
    assert parser.last == 10


def test_an_event_that_is_cut_off_is_not_taken_for_known() -> None:
    """The stream breaks in the middle of an event: going on from there must bring it again."""
    parser = Parser(5)
    assert list(parser.feed(["id: 7", "event: alert", f"data: {ALERT}"])) == []
    assert parser.last == 5


@given(st.integers(9, 11))
def test_what_was_cut_off_is_no_part_of_the_next_connection(cut: int) -> None:
    """Wherever in the event it broke: the same comes again, whole, and once."""
    parser = Parser(6)
    told = list(parser.feed(STREAM[8:cut]))
    parser.begin()
    told += parser.feed([*STREAM[:2], *STREAM[8:]])
    assert [one.id for one in told] == [7, 9]
