"""The decisions of ingest, without I/O."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.letters import Arrival
from ingest.pipeline import Pipeline, tallies_without
from linli import codec
from linli.clock import DAY, MINUTE, SECOND
from linli.model import DEAD_LETTER_BYTES, Device, Tally, TallyKey, TimeSource
from linli.testing import MemoryRegistry
from tests.unit.ingest.world import (
    BULK,
    LATE,
    LIMITS,
    NOW,
    URGENT,
    arrival,
    event,
    hostile,
    packet,
    pipeline,
    raw,
    reading,
    registry,
)


def test_a_good_batch_is_taken_in_order() -> None:
    """Events and packets are stored with their receive time; the last sequence of each lane is its position."""
    messages = [event(1), packet(1), event(2)]
    batch = pipeline().decide([arrival(m, NOW + n) for n, m in enumerate(messages)])
    assert [taken.received.message for taken in batch.taken] == messages
    assert [taken.received.received_at for taken in batch.taken] == [NOW, NOW + 1, NOW + 2]
    assert batch.positions == {URGENT: 2, BULK: 1}
    assert not batch.letters
    assert (batch.counts.messages, batch.counts.events, batch.counts.readings) == (3, 2, 1)


def test_only_what_is_committed_is_answered() -> None:
    """Before commit nothing is known; commit gives what to acknowledge."""
    decisions = pipeline()
    batch = decisions.decide([arrival(event(1)), arrival(event(2))])
    assert decisions.known() == {URGENT: 0}
    assert decisions.commit(batch) == {URGENT: 2}
    assert decisions.known() == {URGENT: 2}


def test_a_repeat_has_no_effect_but_an_answer() -> None:
    """What was seen, in this batch or before, is not stored again; it is answered once for each lane."""
    decisions = pipeline({URGENT: 5})
    batch = decisions.decide([arrival(event(n)) for n in (4, 5, 5)])
    assert not batch.durable
    assert batch.counts.repeats == 3
    assert decisions.commit(batch) == {URGENT: 5}


def test_a_gap_is_not_taken_and_answered_with_where_we_are() -> None:
    """The agent sends again from there. Many messages behind one gap are one answer."""
    decisions = pipeline({URGENT: 5})
    batch = decisions.decide([arrival(event(n)) for n in (7, 8, 9)])
    assert not batch.durable
    assert batch.counts.gaps == 3
    assert decisions.commit(batch) == {URGENT: 5}


def test_a_gap_that_its_agent_dropped_is_skipped_and_counted() -> None:
    """Below `oldest` nothing will come."""
    decisions = pipeline({URGENT: 5})
    batch = decisions.decide([arrival(event(9, oldest=9))])
    assert batch.positions == {URGENT: 9}
    assert batch.counts.skipped == 3


def test_a_rolled_back_batch_can_be_decided_again() -> None:
    """After roll_back the same arrivals give the same batch: positions and lateness both go back."""
    decisions = pipeline()
    arrivals = [arrival(event(1)), arrival(event(2, time=NOW + 5 * MINUTE, agent_time=NOW + 5 * MINUTE))]
    first = decisions.decide(arrivals)
    decisions.roll_back()
    again = decisions.decide(arrivals)
    assert [t.received for t in again.taken] == [t.received for t in first.taken]
    assert again.positions == first.positions == {URGENT: 2}


@pytest.mark.parametrize(
    ("reason", "topic", "payload"), hostile(), ids=[f"{n}-{h[0]}" for n, h in enumerate(hostile())]
)
def test_bad_input_becomes_a_dead_letter_with_its_reason(reason: str, topic: str, payload: bytes) -> None:
    """Every bad input of the issue: one letter, with reason, topic and payload; a good message behind it is stored."""
    good = event(1, bootid="b2")
    batch = pipeline().decide([Arrival.of(topic, payload, NOW + 7), arrival(good)])
    (letter,) = batch.letters
    assert letter.reason == reason
    assert letter.detail
    assert letter.topic == topic
    assert letter.consumer == "ingest"
    assert letter.received_at == NOW + 7
    assert letter.size == len(payload)
    assert letter.payload == payload[:DEAD_LETTER_BYTES]
    assert [taken.received.message for taken in batch.taken] == [good]
    assert batch.counts.dead_letters == 1


def test_the_same_bad_input_again_is_the_same_letter() -> None:
    """Its key does not depend on when it came."""
    for _, topic, payload in hostile():
        keys = {pipeline().decide([Arrival.of(topic, payload, NOW + n)]).letters[0].key for n in range(2)}
        assert len(keys) == 1
        assert len(keys.pop()) <= 300


def test_two_bad_inputs_are_two_letters() -> None:
    """Content and sequence both tell letters apart."""
    batch = pipeline().decide([raw(b"{"), raw(b"["), arrival(event(1, subject="x")), arrival(event(2, subject="x"))])
    assert len({letter.key for letter in batch.letters}) == 4


def test_a_refused_message_counts_as_taken() -> None:
    """Its lane goes on behind it, and it is acknowledged: its agent need not keep it."""
    decisions = pipeline()
    batch = decisions.decide([arrival(event(1, subject="door-x")), arrival(event(2))])
    assert batch.positions == {URGENT: 2}
    assert decisions.commit(batch) == {URGENT: 2}
    assert decisions.decide([arrival(event(1, subject="door-x"))]).counts.repeats == 1


def test_a_message_of_a_newer_agent_does_not_block_its_lane() -> None:
    """It cannot be decoded, but its envelope can be read: a letter, and the lane goes on."""
    novel = codec.encode(event(1)).replace(b'"specversion"', b'"novel":1,"specversion"')
    decisions = pipeline()
    batch = decisions.decide([raw(novel), arrival(event(2))])
    assert [letter.reason for letter in batch.letters] == ["unknown_attribute"]
    assert batch.positions == {URGENT: 2}
    decisions.commit(batch)
    assert decisions.decide([raw(novel)]).letters == []


def test_what_has_no_sequence_moves_no_lane() -> None:
    """A stranger's bytes are a letter and nothing else."""
    decisions = pipeline({URGENT: 5})
    batch = decisions.decide([raw(b"nonsense"), raw(b'{"bootid":"b1","sequence":"6","oldest":"1"}')])
    assert len(batch.letters) == 2
    assert not batch.positions
    assert not batch.answers


def test_good_readings_of_a_packet_are_stored_and_bad_ones_are_one_letter() -> None:
    """One unregistered device does not cost the others their readings."""
    batch = pipeline().decide([arrival(packet(1, reading(value=1), reading("t-x"), reading(value=2)))])
    (taken,) = batch.taken
    assert [r.value for r in taken.received.message.readings] == [1, 2]
    (letter,) = batch.letters
    assert letter.reason == "unregistered_device"
    assert "1 of 3 readings" in letter.detail
    assert batch.positions == {BULK: 1}
    assert batch.counts.readings == 2


def test_a_packet_without_a_good_reading_is_only_a_letter() -> None:
    """Nothing of it is stored."""
    batch = pipeline().decide([arrival(packet(1, reading("t-x"), reading("t-y")))])
    assert not batch.taken
    assert len(batch.letters) == 1
    assert batch.positions == {BULK: 1}


def test_only_what_a_newer_registry_might_accept_raises_doubt() -> None:
    """An unregistered device does, a broken payload does not."""
    assert pipeline().decide([arrival(event(1, subject="door-x"))]).registry_doubt
    assert pipeline().decide([arrival(packet(1, reading(), reading("t-x")))]).registry_doubt
    assert not pipeline().decide([raw(b"{"), arrival(event(1)), arrival(event(2, time=1))]).registry_doubt


def test_what_a_device_sent_and_the_agent_refused_is_the_agents_letter() -> None:
    """`linli.input.refused` becomes a letter of consumer 'edge' and no event."""
    data = {
        "topic": "zigbee2mqtt/厨房 1",
        "reason": "not_finite",
        "detail": "temperature is NaN",
        "payload": '{"temperature": NaN}',
        "size": 4000,
        "suppressed": 3,
    }
    batch = pipeline().decide([arrival(event(1, type="linli.input.refused", subject="gw-1", data=data))])
    (letter,) = batch.letters
    assert (letter.consumer, letter.reason, letter.size) == ("edge", "not_finite", 4000)
    assert letter.topic == "gw-1: zigbee2mqtt/厨房 1"
    assert letter.detail == "temperature is NaN (and 3 more that were not reported)"
    assert letter.payload == b'{"temperature": NaN}'
    assert not batch.taken
    assert batch.positions == {URGENT: 1}


@pytest.mark.parametrize(
    "data", [{}, {"payload": 5, "reason": None, "size": -1}, {"size": True, "topic": ["x"], "suppressed": "many"}]
)
def test_an_agents_report_is_never_refused_itself(data: dict[str, object]) -> None:
    """Whatever it holds, it becomes a letter with some reason."""
    batch = pipeline().decide([arrival(event(1, type="linli.input.refused", subject="gw-1", data=data))])
    (letter,) = batch.letters
    assert letter.reason == "refused"
    assert letter.size >= 0


def test_late_is_what_is_behind_its_own_lane() -> None:
    """By more than the limit, behind the newest of the same lane; each lane for itself."""
    times = [0, 100, 41, 39, 200]
    messages = [event(n, time=NOW + t * SECOND, agent_time=NOW + 200 * SECOND) for n, t in enumerate(times, 1)]
    batch = pipeline().decide([arrival(m, NOW + 200 * SECOND) for m in [*messages, packet(1)]])
    assert [taken.received.late for taken in batch.taken] == [False, False, False, True, False, False]
    assert batch.counts.late == 1


def test_a_backlog_in_order_is_not_late() -> None:
    """However old it is when it comes."""
    messages = [event(n, time=NOW + n * SECOND, agent_time=NOW + n * SECOND) for n in range(1, 50)]
    batch = pipeline().decide([arrival(m, NOW + 10**12) for m in messages])
    assert not any(taken.received.late for taken in batch.taken)


def test_a_device_clock_ahead_does_not_make_the_rest_late() -> None:
    """The lane is never newer than its agent's own time."""
    batch = pipeline().decide([arrival(event(1, time=NOW + 10**12)), arrival(event(2))])
    assert [taken.received.late for taken in batch.taken] == [False, False]


@pytest.mark.parametrize("clock", [90 * SECOND, NOW + 10**14, NOW + 2 * 10**14])
def test_a_gateway_whose_clock_is_wrong_is_stored_at_the_receive_time(clock: int) -> None:
    """Unset (1970) it would be dead letters, ahead it would be the newest value for years. The lane goes on as usual once
    the clock is set."""
    decisions = pipeline()
    first = decisions.decide(
        [
            arrival(event(1, time=clock, agent_time=clock)),
            arrival(packet(1, reading(time=clock), time=clock, agent_time=clock)),
        ]
    )
    assert not first.letters
    stored = [taken.received.message for taken in first.taken]
    assert [(m.time, m.agent_time, m.time_source) for m in stored] == [(NOW, NOW, TimeSource.SERVER)] * 2
    assert [r.time for r in stored[1].readings] == [NOW]
    decisions.commit(first)
    then = decisions.decide([arrival(event(2, time=NOW + SECOND, agent_time=NOW + SECOND), NOW + SECOND)])
    assert [(t.received.message.time, t.received.late) for t in then.taken] == [(NOW + SECOND, False)]


class _BrokenRegistry(MemoryRegistry):
    def device(self, device: str) -> Device | None:
        raise RuntimeError("a bug")


def test_an_error_of_ours_is_a_letter_and_does_not_end_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    """A bug that one message meets costs that message, visibly, and nothing else."""
    broken = _BrokenRegistry([pipeline()._registry.gateway("gw-1")])  # type: ignore[list-item]
    decisions = Pipeline(broken, LIMITS, LATE, {})
    batch = decisions.decide([arrival(event(1)), arrival(event(2, subject="gw-1"))])
    (letter,) = batch.letters
    assert letter.reason == "internal_error"
    assert "a bug" in letter.detail
    assert batch.positions == {URGENT: 2}
    assert len(batch.taken) == 1
    assert "cannot be handled" in caplog.text


@given(st.binary(max_size=300), st.sampled_from(["linli/v1/c001/gateway/gw-1/urgent", "x", "linli/v1/c001/alert/a1"]))
def test_any_bytes_are_a_letter(payload: bytes, topic: str) -> None:
    """Nothing that a sender makes gets out of `decide`."""
    batch = pipeline().decide([raw(payload, topic)])
    assert len(batch.letters) == 1
    assert batch.letters[0].reason != "internal_error"


@given(st.lists(st.integers(1, 12), max_size=60))
def test_whatever_order_comes_each_sequence_is_taken_once_and_in_order(sequences: list[int]) -> None:
    """Losses, repeats and reordering never store one twice or out of order; the answers lead to all of them."""
    decisions = pipeline()
    taken: list[int] = []
    for sequence in [*sequences, *range(1, 13)]:
        batch = decisions.decide([arrival(event(sequence))])
        taken += [t.received.message.sequence for t in batch.taken]
        decisions.commit(batch)
    assert taken == list(range(1, 13))


def test_a_large_payload_is_cut_on_arrival() -> None:
    """A broker may pass on more than we take; only its size is kept of the rest."""
    huge = Arrival.of("t", b"x" * 5_000_000, NOW)
    assert len(huge.payload) == codec.MAX_MESSAGE_BYTES + 1
    assert huge.size == 5_000_000


def test_what_becomes_of_each_observation_is_counted_for_its_day() -> None:
    """An event is one, a packet as many as it has readings; the day is that of the agent's own clock, whatever it says."""
    decisions = pipeline()
    today, unset = NOW // DAY, 3
    first = decisions.decide(
        [
            arrival(event(1)),
            arrival(packet(1, reading(), reading("t-x"), reading(value=1))),
            arrival(event(2, subject="door-x")),
            arrival(event(3, time=3 * DAY, agent_time=3 * DAY)),
        ]
    )
    assert first.tallies == {
        TallyKey("c001", "gw-1", "b1", today): Tally(3, 2),
        TallyKey("c001", "gw-1", "b1", unset): Tally(1, 0),
    }
    assert first.counts.settled == 1
    decisions.commit(first)
    again = decisions.decide([arrival(event(1)), arrival(event(4))])
    assert again.tallies == {TallyKey("c001", "gw-1", "b1", today): Tally(4, 2)}


def test_what_was_rolled_back_is_not_counted_twice() -> None:
    """The same batch decided again gives the same totals."""
    decisions = pipeline()
    batch = decisions.decide([arrival(event(1))])
    decisions.roll_back()
    assert decisions.decide([arrival(event(1))]).tallies == batch.tallies


def test_what_the_store_refuses_is_counted_as_dead() -> None:
    """Observations move from stored to dead; their sum is what the agent has sent."""
    batch = pipeline().decide([arrival(packet(1, reading(), reading(value=1), reading(value=2)))])
    ((key, before),) = batch.tallies.items()
    after = tallies_without(batch, [(key, 2)])
    assert (before, after[key]) == (Tally(3, 0), Tally(1, 2))


def test_a_device_taken_out_of_the_registry_is_refused_from_then_on() -> None:
    """What was found right once is not believed for ever."""
    here = registry()
    decisions = Pipeline(here, LIMITS, LATE, {})
    decisions.commit(decisions.decide([arrival(packet(1))]))
    del here._devices["t-1"]
    decisions.registry_changed()
    batch = decisions.decide([arrival(packet(2))])
    assert [one.reason for one in batch.letters] == ["unregistered_device"]
