"""The agent's half of delivery, alone and joined to the consumer's half by a link that loses, repeats and reorders."""

import itertools
import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.delivery import (
    LEAD,
    PATIENCE_S,
    QUEUE_S,
    RETRANSMIT_MAX_S,
    RETRANSMIT_S,
    TRANSITIONS,
    WINDOW_BYTES,
    WINDOW_MESSAGES,
    LaneDelivery,
    Outcome,
    PeerEvent,
    PeerState,
)
from linli.delivery import Positions, Verdict
from linli.model import Lane, LaneKey

KEY = LaneKey("c001", "gw-c001", "b1", Lane.URGENT)
LATEST_TIMEOUT_S = RETRANSMIT_S * 1.25


def lane(last: int, *consumers: str, first: int = 1) -> LaneDelivery:
    return LaneDelivery(consumers or ("ingest",), first, last, lambda: 0.5)


def send_all(delivery: LaneDelivery, now: float, size: int = 100) -> list[int]:
    """Send what is wanted, as the agent does, until nothing is."""
    sent: list[int] = []
    while starts := delivery.wanted():
        for start in starts:
            count, room = delivery.room(start)
            if count:
                count = min(count, max(1, -(-room // size)))
                delivery.sent(start, count, count * size, now)
                sent += range(start, start + count)
    return sent


def stream(delivery: LaneDelivery, now: float) -> None:
    """Acknowledge until the window is wide open, then nothing more."""
    while delivery.positions()["ingest"] < 3 * WINDOW_MESSAGES:
        delivery.acknowledge("ingest", send_all(delivery, now)[-1], now)


@pytest.mark.parametrize("state", PeerState)
@pytest.mark.parametrize("event", PeerEvent)
def test_every_state_knows_every_event(state: PeerState, event: PeerEvent) -> None:
    """Progress opens the window from anywhere, everything else closes it."""
    streaming = event is PeerEvent.PROGRESS
    assert TRANSITIONS[state, event] is (PeerState.STREAMING if streaming else PeerState.PROBING)


def test_one_probe_at_the_start_then_the_window_grows() -> None:
    """Until a consumer has answered, one message is out; then as many more as it acknowledges, up to the window."""
    delivery = lane(20_000)
    assert send_all(delivery, 0.0) == [1]
    assert delivery.acknowledge("ingest", 1, 0.1) is Outcome.PROGRESS
    assert send_all(delivery, 0.1) == [2, 3]
    delivery.acknowledge("ingest", 3, 0.2)
    assert send_all(delivery, 0.2) == [4, 5, 6, 7]
    delivery.acknowledge("ingest", 7, 0.3)
    stream(delivery, 0.3)
    assert len(send_all(delivery, 0.4)) == WINDOW_MESSAGES


def test_the_window_is_bounded_in_bytes() -> None:
    """Large messages fill it sooner."""
    delivery = lane(20_000)
    stream(delivery, 0.0)
    assert len(send_all(delivery, 0.1, size=WINDOW_BYTES // 4)) == 4


class Way:
    """A way to a consumer: `rate` messages a second at most, answers after `delay` seconds on an empty one."""

    def __init__(self, delivery: LaneDelivery, rate: float, delay: float) -> None:
        self.delivery = delivery
        self.rate = rate
        self.delay = delay
        self.now = 0.0
        self.carried = 0.0
        self.last = 0
        self.answers: list[tuple[float, int]] = []

    def run(self, seconds: float) -> None:
        """As an agent would use it; each 10 ms."""
        until = self.now + seconds
        while self.now < until:
            self.now += 0.01
            sent = send_all(self.delivery, self.now)
            self.last = max([self.last, *sent])
            before = self.carried
            self.carried = min(float(self.last), self.carried + self.rate * 0.01)
            if int(self.carried) > int(before):
                self.answers.append((self.now + self.delay, int(self.carried)))
            for at, upto in list(self.answers):
                if at <= self.now:
                    self.answers.remove((at, upto))
                    self.delivery.acknowledge("ingest", upto, self.now)
            self.delivery.expire(self.now)

    @property
    def queued_s(self) -> float:
        """How long what waits on the way takes: what an alarm would have to pass."""
        return (self.last - self.carried) / self.rate


@pytest.mark.parametrize(("rate", "delay"), [(50.0, 0.02), (500.0, 0.02), (5000.0, 0.1), (2000.0, 0.6)])
def test_what_is_in_flight_is_small_in_time_on_any_way(rate: float, delay: float) -> None:
    """A slow line or a slow consumer gets less at a time, and works all the time nevertheless."""
    delivery = lane(10**6)
    way = Way(delivery, rate, delay)
    way.run(15)
    longest = 0.0
    for _ in range(60):
        way.run(1)
        longest = max(longest, way.queued_s)
    assert longest < 3 * QUEUE_S
    begun = way.carried
    way.run(20)
    assert way.carried - begun > 0.8 * 20 * min(rate, WINDOW_MESSAGES / (delay + 0.02))


def test_an_answer_that_takes_long_by_itself_is_waited_for() -> None:
    """A store that takes 2 s for each write is not asked again and again, and its window opens as any other."""
    delivery = lane(10**6)
    now, sent = 0.0, 0
    again = 0
    for _ in range(12):
        for sequence in send_all(delivery, now):
            again += sequence <= sent
            sent = max(sent, sequence)
        for _ in range(20):
            now += 0.1
            delivery.expire(now)
            again += len([sequence for sequence in send_all(delivery, now) if sequence <= sent])
        delivery.acknowledge("ingest", sent, now)
    assert again <= 3, "only until it is known how long it takes"
    assert sent > 200


def test_silence_costs_one_message_every_few_seconds() -> None:
    """The retransmit time doubles up to its bound, however much is waiting."""
    delivery = lane(20_000)
    now, sent_at = 0.0, []
    while now < 60:
        delivery.expire(now)
        if send_all(delivery, now):
            sent_at.append(now)
        now += 0.05
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent_at)]
    assert gaps[0] == pytest.approx(RETRANSMIT_S, abs=0.1)
    assert gaps[-1] == pytest.approx(RETRANSMIT_MAX_S, abs=0.1)
    assert all(later >= earlier - 0.1 for earlier, later in itertools.pairwise(gaps))


def test_progress_resets_the_back_off() -> None:
    """Who has answered is believed to be well again."""
    delivery = lane(10)
    for now in (0.0, 1.0, 3.0, 7.0):
        delivery.expire(now)
        send_all(delivery, now)
    delivery.acknowledge("ingest", 1, 7.1)
    send_all(delivery, 7.1)
    deadline = delivery.next_deadline()
    assert deadline is not None
    assert deadline <= 7.1 + LATEST_TIMEOUT_S


def test_a_gap_answer_sends_again_soon_but_not_at_once() -> None:
    """The same upto while messages are in flight: a late answer to an earlier message must not start a storm."""
    delivery = lane(100)
    send_all(delivery, 0.0)
    delivery.acknowledge("ingest", 1, 0.1)
    send_all(delivery, 0.1)
    for _ in range(50):
        assert delivery.acknowledge("ingest", 1, 0.12) is Outcome.REPEATED
    assert send_all(delivery, 0.12) == []
    assert delivery.next_deadline() == pytest.approx(0.1 + PATIENCE_S)
    delivery.expire(0.1 + PATIENCE_S)
    assert send_all(delivery, 0.1 + PATIENCE_S) == [2], "one probe, not the whole window again"


def test_an_answer_out_of_a_long_silence_wakes_at_once() -> None:
    """A consumer says where it is when it has (re)connected; it need not wait for the back-off."""
    delivery = lane(100)
    for now in (0.0, 1.0, 3.0, 7.0, 12.0):
        delivery.expire(now)
        send_all(delivery, now)
    assert delivery.acknowledge("ingest", 0, 14.0) is Outcome.REPEATED
    assert send_all(delivery, 14.0) == [1]


def test_a_silent_consumer_does_not_hold_up_another() -> None:
    """Each has its own window; what is published for one is not counted against the other."""
    delivery = lane(3000, "ingest", "rules")
    sent, now = 0, 0.0
    while sent < 3000:
        delivery.expire(now)
        for sequence in send_all(delivery, now):
            sent = max(sent, sequence)
        delivery.acknowledge("ingest", sent, now)
        now += 0.01
    assert delivery.positions() == {"ingest": 3000, "rules": 0}
    assert delivery.acknowledged == 0, "what one of them still needs is kept"


def test_one_publish_serves_both_in_step() -> None:
    """In a quiet, lossless world every message goes out once."""
    delivery = lane(0, "ingest", "rules")
    published: list[int] = []
    for last in range(1, 200):
        delivery.hold(1, last)
        published += send_all(delivery, last / 100)
        delivery.acknowledge("ingest", last, last / 100)
        delivery.acknowledge("rules", last, last / 100)
    assert published == list(range(1, 200))


def test_a_slow_consumer_is_left_behind_in_bounded_memory() -> None:
    """It goes along with the faster one for a while, then gets the rest in its own time."""
    delivery = lane(40_000, "ingest", "rules")
    stream(delivery, 0.0)
    slow = 1
    while delivery.positions()["ingest"] < 40_000:
        sent = send_all(delivery, 0.1)
        slow += 1
        delivery.acknowledge("rules", slow, 0.1)
        delivery.acknowledge("ingest", max(sent, default=delivery.positions()["ingest"]), 0.1)
    assert delivery.sent_to("rules") <= slow + LEAD * WINDOW_MESSAGES
    assert delivery.sent_to("ingest") == 40_000


def test_what_was_dropped_is_passed_over() -> None:
    """Nobody waits for what the outbox no longer holds."""
    delivery = lane(100)
    delivery.hold(41, 100)
    assert delivery.positions() == {"ingest": 40}
    assert send_all(delivery, 0.1) == [41]
    assert delivery.acknowledge("ingest", 7, 0.2) is Outcome.REPEATED
    assert delivery.acknowledge("ingest", 41, 0.3) is Outcome.PROGRESS


def test_what_was_dropped_on_its_way_is_in_flight_until_it_is_answered() -> None:
    """It is on the line all the same: a drop does not open the window."""
    delivery = lane(100)
    assert send_all(delivery, 0.0) == [1]
    delivery.hold(41, 100)
    assert delivery.positions() == {"ingest": 40}
    assert send_all(delivery, 0.1) == []
    assert delivery.acknowledge("ingest", 1, 0.2) is Outcome.PROGRESS
    delivery.hold(41, 100)
    assert send_all(delivery, 0.2) == [41, 42]
    delivery.hold(61, 100)
    assert delivery.acknowledge("ingest", 41, 0.3) is Outcome.PROGRESS
    assert delivery.acknowledged == 60
    assert send_all(delivery, 0.3) == [61, 62], "the one that was answered has made room, and what was dropped has not"


@pytest.mark.parametrize("lost", ["by the retransmit time", "by a gap answer", "by a reconnect"])
def test_what_was_dropped_on_its_way_and_lost_is_not_waited_for(lost: str) -> None:
    """It cannot be sent again: what is held is next."""
    delivery = lane(100)
    send_all(delivery, 0.0)
    delivery.hold(41, 100)
    if lost == "by the retransmit time":
        delivery.expire(LATEST_TIMEOUT_S)
    elif lost == "by a gap answer":
        delivery.acknowledge("ingest", 0, LATEST_TIMEOUT_S)
    else:
        delivery.reconnected()
    assert send_all(delivery, LATEST_TIMEOUT_S) == [41]


@pytest.mark.parametrize(("rate", "held"), [(60, 20), (60, 2000), (1000, 500)])
def test_a_line_that_is_offered_ten_times_too_much_is_not_filled(rate: int, held: int) -> None:
    """The outbox drops what is on its way all the time, and what waits on the line stays small in time."""
    delivery = lane(0)
    line: deque[int] = deque()
    now = carried = longest = 0.0
    served = 0
    for step in range(1, 3001):
        now = step / 100
        last = rate * step // 10
        delivery.hold(max(1, last - held + 1), last)
        delivery.expire(now)
        line.extend(send_all(delivery, now))
        carried = carried + rate / 100 if line else 0.0
        while line and carried >= 1:
            carried -= 1
            served += 1
            delivery.acknowledge("ingest", line.popleft(), now)
        if now > 5:
            longest = max(longest, len(line) / rate)
    assert longest < 3 * QUEUE_S
    assert served > 0.8 * rate * 30, "and the line is used"


def test_a_consumer_that_went_back_gets_what_is_still_held() -> None:
    """Its store was restored from a copy; the other consumer's slowness is its luck."""
    delivery = lane(50, "ingest", "rules")
    for now in range(10):
        for sequence in send_all(delivery, now / 100):
            delivery.acknowledge("ingest", sequence, now / 100)
    assert delivery.positions() == {"ingest": 50, "rules": 0}
    assert delivery.acknowledge("ingest", 20, 0.3) is Outcome.REPEATED
    assert send_all(delivery, 0.3)[0] == 21


def test_a_position_above_what_was_sent_means_restored() -> None:
    """An old image of the outbox: the consumer is ahead of it."""
    delivery = lane(100)
    assert delivery.acknowledge("ingest", 101, 0.0) is Outcome.RESTORED
    delivery.hold(1, 105)
    assert delivery.acknowledge("ingest", 104, 0.0) is Outcome.RESTORED, "taken since, but never sent"
    assert delivery.acknowledge("ingest", 100, 0.0) is Outcome.PROGRESS, "sent by the process before"


def test_a_reconnect_starts_over_from_what_is_acknowledged() -> None:
    """What was in flight may be lost."""
    delivery = lane(100)
    send_all(delivery, 0.0)
    delivery.acknowledge("ingest", 1, 0.1)
    send_all(delivery, 0.1)
    delivery.reconnected()
    assert delivery.states() == {"ingest": PeerState.PROBING}
    assert send_all(delivery, 0.2) == [2]


# --- joined ends ----------------------------------------------------------------------------------------------------


@dataclass
class Consumer:
    """The consumer's half, and what it has taken. It commits and answers in batches."""

    positions: Positions = field(default_factory=Positions)
    taken: list[int] = field(default_factory=list)
    skipped: int = 0
    answer: bool = False

    def hear(self, sequence: int, oldest: int) -> None:
        judgement = self.positions.judge(KEY, sequence, oldest)
        if judgement.verdict is Verdict.ACCEPT:
            self.taken.append(sequence)
            self.skipped += judgement.skipped
        self.answer = True

    def commit(self) -> int | None:
        if not self.answer:
            return None
        self.answer = False
        self.positions.commit(self.positions.pending())
        return self.positions.upto(KEY)


@dataclass
class Link:
    """Carries things for a while; loses, doubles and delays them as the dice say, until it heals."""

    dice: random.Random
    loss: float
    heals_at: float
    flying: list[tuple[float, str, int, int]] = field(default_factory=list)

    def carry(self, now: float, to: str, first: int, second: int) -> None:
        bad = now < self.heals_at
        for _ in range(2 if bad and self.dice.random() < 0.1 else 1):
            if not (bad and self.dice.random() < self.loss):
                delay = self.dice.random() * 0.3 if bad else 0.001
                self.flying.append((now + delay, to, first, second))

    def arrived(self, now: float) -> list[tuple[str, int, int]]:
        due = sorted(item for item in self.flying if item[0] <= now)
        self.flying = [item for item in self.flying if item[0] > now]
        return [(to, first, second) for _, to, first, second in due]


@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.6),
    total=st.integers(1, 150),
    silent_from=st.floats(0, 5),
    silent_for=st.floats(0, 15),
)
@settings(max_examples=60, deadline=None)
def test_every_consumer_gets_every_sequence_once_in_order(
    seed: int, loss: float, total: int, silent_from: float, silent_for: float
) -> None:
    """Whatever the link does, and with one consumer silent for a while: exactly once, in order, and it ends."""
    dice = random.Random(seed)
    link = Link(dice, loss, heals_at=20.0)
    consumers = {"ingest": Consumer(), "rules": Consumer()}
    delivery = LaneDelivery(tuple(consumers), 1, 0, dice.random)
    published, now, held = 0, 0.0, 0

    def silent(name: str) -> bool:
        return name == "rules" and silent_from <= now < silent_from + silent_for

    while delivery.acknowledged < total:
        assert now < 120, "it does not end"
        held = min(total, held + dice.randrange(4))
        first = delivery.acknowledged + 1
        delivery.hold(first, held)
        delivery.expire(now)
        for start in delivery.wanted():
            count = min(delivery.room(start)[0], dice.randrange(1, 60))
            if count:
                delivery.sent(start, count, 100 * count, now)
                published += count
            for sequence in range(start, start + count):
                for name in consumers:
                    link.carry(now, name, sequence, first)
        for to, sequence, oldest in link.arrived(now):
            if to.startswith("ack "):
                assert delivery.acknowledge(to[4:], sequence, now) is not Outcome.RESTORED
            elif not silent(to):
                consumers[to].hear(sequence, oldest)
        for name, consumer in consumers.items():
            upto = None if silent(name) else consumer.commit()
            if upto is not None:
                link.carry(now, f"ack {name}", upto, 0)
        now += 0.02
    for consumer in consumers.values():
        assert consumer.taken == list(range(1, total + 1))
        assert consumer.skipped == 0
    assert published < 20 * total + 1000, "no storm"
