"""End-to-end delivery, the agent's half: what to send next on a lane, given what was acknowledged. No I/O.

Theory of operation. All consumers hear the same topic, so one publish serves them all; what differs is how far each has
got. For each consumer of a lane there are two numbers, and between them lies what is in flight:

    1 ............ acked ............ sent ............ last
      has for good      in flight           not sent yet

The acknowledgement is cumulative, the transport may lose, repeat and delay, and the consumer takes a lane in order only.
So what is in flight is either acknowledged in the end or sent again from acked + 1 (go back N). Two states:

    PROBING      one message at most is in flight: at the start, after a reconnect, and after every going back
    STREAMING    up to a window of messages and bytes is in flight; it grows by what is acknowledged (slow start)

Any progress opens the window; a silence or a gap closes it. A silent consumer therefore costs one message every few
seconds, however much waits for it, and no loss can turn into a storm: who loses much gets little at a time. It costs the
others nothing: each has its own two numbers, and new messages go out for who can take them. Who is in step goes along with
a publish that was made for another, up to LEAD windows ahead of its answers, since it hears it anyway.

The window is kept small in time, not only in bytes: whatever queues on the way to a consumer (in the connection, the
broker, its inbox) is what an alarm on the other lane must pass. So when an answer takes QUEUE_S longer than the quickest of
the last minute, more is in flight than the way can carry, and the window shrinks until it no longer does: a slow line
carries less at a time than a fast one, with the same rate of its own (as LEDBAT does, RFC 6817). Once a minute the window
is cut to an eighth for a moment, so that the quickest answer is measured anew on an empty way.

Going back happens when
  - nothing was heard for the retransmit time: 1 s, or twice what answers take of late if that is longer, doubled for each
    time without progress, up to 5 s, spread at random;
  - an acknowledgement repeats `acked`, or says less, while something is in flight that was given PATIENCE_S to arrive:
    the consumer missed something, or has just come (back) and says where it is.

An outbox that is full drops its oldest messages, which are those in flight. It spares them for the moment that an answer
takes (`answered`, `settled`), since they would arrive and count as dropped as well. Where it cannot, they are on the way all
the same, and count as in flight until they are answered, or gone back over. Else each drop would open the window, and what
queues on a slow line would grow at the rate of the drops.

An acknowledgement above everything that this outbox can ever have sent means that the outbox has gone back in time (an
old image was restored): the caller must go on under a new bootid. For this to be seen, the first message after a start is
a probe: no consumer can get ahead of it unnoticed.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

WINDOW_MESSAGES = 4000
"""A fifth of a second at 20,000 a second."""

WINDOW_BYTES = 2_000_000
LEAD = 2
RETRANSMIT_S = 1.0
RETRANSMIT_MAX_S = 5.0
PATIENCE_S = 0.2
QUEUE_S = 0.2
QUICKEST_FOR_S = 60.0
_LEAST_WINDOW = 4
_SHRINK = 0.7
_CAREFUL = 16
_SLOW_NOT_GONE = 2
"""Who answers after so many time-outs at most is slow; else it was away, and answers as quickly as ever now."""


class PeerState(StrEnum):
    """How much may be in flight to a consumer."""

    PROBING = "probing"
    STREAMING = "streaming"


class PeerEvent(StrEnum):
    """What changes it."""

    PROGRESS = "progress"
    WENT_BACK = "went_back"
    RECONNECTED = "reconnected"


TRANSITIONS: dict[tuple[PeerState, PeerEvent], PeerState] = {
    (PeerState.PROBING, PeerEvent.PROGRESS): PeerState.STREAMING,
    (PeerState.PROBING, PeerEvent.WENT_BACK): PeerState.PROBING,
    (PeerState.PROBING, PeerEvent.RECONNECTED): PeerState.PROBING,
    (PeerState.STREAMING, PeerEvent.PROGRESS): PeerState.STREAMING,
    (PeerState.STREAMING, PeerEvent.WENT_BACK): PeerState.PROBING,
    (PeerState.STREAMING, PeerEvent.RECONNECTED): PeerState.PROBING,
}


class Outcome(StrEnum):
    """What an acknowledgement meant."""

    PROGRESS = "progress"
    REPEATED = "repeated"
    RESTORED = "restored"
    """It acknowledges what this outbox never sent: go on under a new bootid."""


@dataclass(slots=True)
class _Run:
    """What was sent at one moment: `count` messages of `size` bytes, the last of them `last`."""

    last: int
    count: int
    size: int
    at: float


@dataclass(slots=True)
class _Peer:
    acked: int
    sent: int
    state: PeerState = PeerState.PROBING
    in_flight: deque[_Run] = field(default_factory=deque)
    """Between acked and sent, with a hole where messages were dropped before they could be sent."""
    flying: int = 0
    """How many messages are in flight, and their bytes."""
    bytes: int = 0
    since: float = 0.0
    """When the waiting for the first in flight began: it was sent, or the one before it was acknowledged."""
    deadline: float = 0.0
    attempts: int = 0
    window: int = 1
    quickest: float = math.inf
    """The shortest time from sending to answer since `quickest_from`."""
    quickest_from: float = -math.inf
    shrunk_until: float = -math.inf
    careful_above: float = math.inf
    """The window that was too much, and a little less: from there on it grows slowly."""
    asked: float = 0.0
    """When the first in flight was sent the first time."""
    answers_in: float = 0.0
    """About how long an answer takes, the longest of late."""
    heard: int | None = None
    """What it last said to have, as it said it."""

    def move(self, event: PeerEvent) -> None:
        self.state = TRANSITIONS[self.state, event]

    @property
    def answers(self) -> bool:
        """Whether it is thought to: who has let a time-out pass has to answer first."""
        return not self.attempts

    @property
    def room(self) -> int:
        """How many messages it may be sent."""
        if self.state is PeerState.PROBING:
            return 0 if self.in_flight else 1
        return max(0, self.window - self.flying) if self.bytes < WINDOW_BYTES else 0

    @property
    def room_along(self) -> int:
        if self.state is PeerState.PROBING:
            return 0 if self.in_flight else 1
        return max(0, LEAD * WINDOW_MESSAGES - self.flying)

    def fly(self, count: int, size: int, now: float) -> None:
        self.sent += count
        self.flying += count
        self.bytes += size
        self.in_flight.append(_Run(self.sent, count, size, now))

    def pass_over(self, upto: int) -> None:
        """Everything up to `upto` was dropped: what of it was not sent will not be."""
        self.sent = max(self.sent, upto)
        if not self.in_flight:
            self.acked = max(self.acked, upto)

    def land(self, upto: int) -> float | None:
        """Everything up to `upto` has arrived; when it was sent, if it was in flight."""
        self.acked = upto
        self.sent = max(self.sent, upto)
        sent_at = None
        while self.in_flight and self.in_flight[0].last <= upto:
            run = self.in_flight.popleft()
            self.flying, self.bytes = self.flying - run.count, self.bytes - run.size
            sent_at = run.at
        if self.in_flight:
            run = self.in_flight[0]
            landed = run.count - (run.last - upto)
            if landed > 0:
                size = run.size * landed // run.count
                run.count, run.size = run.count - landed, run.size - size
                self.flying, self.bytes = self.flying - landed, self.bytes - size
                sent_at = run.at
        return sent_at

    def back_to(self, acked: int) -> None:
        self.acked = self.sent = acked
        self.in_flight.clear()
        self.flying = self.bytes = 0
        self.window = 1

    def adapt(self, flew: int, landed: int, took: float | None, now: float) -> None:
        """Set the window after `landed` messages of `flew` in flight arrived, the last of them after `took` seconds."""
        if self.attempts:  # which of the sendings was answered cannot be told (Karn), only how long it was at most
            if self.attempts <= _SLOW_NOT_GONE:
                self.answers_in = max(now - self.asked, 0.9 * self.answers_in)
        elif took is not None:
            self.answers_in = max(took, 0.9 * self.answers_in)
            if now - self.quickest_from >= QUICKEST_FOR_S:
                if self.quickest_from > -math.inf:
                    self.window = max(_LEAST_WINDOW, self.window // 8)
                self.quickest, self.quickest_from = math.inf, now
            self.quickest = min(self.quickest, took)
            if took > self.quickest + QUEUE_S:
                if now >= self.shrunk_until:
                    self.window = self.careful_above = max(_LEAST_WINDOW, int(self.window * _SHRINK))
                    self.shrunk_until = now + took
                return
        if flew <= self.window <= 2 * flew:  # one that was not used says nothing of what the way can carry
            grown = landed if self.window < self.careful_above else max(1, landed // _CAREFUL)
            self.window = min(WINDOW_MESSAGES, self.window + grown)


class LaneDelivery:
    """One lane of one outbox, to all its consumers. Times are monotonic seconds.

    `first` to `last` is what the outbox holds (nothing if first == last + 1). `spread` gives a random number in [0, 1).
    """

    def __init__(self, consumers: Sequence[str], first: int, last: int, spread: Callable[[], float]) -> None:
        self._spread = spread
        self._first = first
        self.last = last
        self._ever_sent = last
        """Before this start anything up to `last` may have been sent; since then, what `sent` was told."""
        self._peers = {name: _Peer(first - 1, first - 1) for name in consumers}

    def hold(self, first: int, last: int) -> None:
        """The outbox now holds `first` to `last`. What was dropped before it was acknowledged is passed over."""
        self._first, self.last = first, last
        for peer in self._peers.values():
            peer.pass_over(first - 1)

    def wanted(self) -> list[int]:
        """The sequences from which on something should be sent now, newest first: a backlog holds up nothing new."""
        starts = {peer.sent + 1 for peer in self._peers.values() if peer.sent < self.last and peer.room}
        return sorted(starts, reverse=True)

    def room(self, start: int) -> tuple[int, int]:
        """How many messages, and about how many bytes, should be sent from sequence `start` on: (0, 0) if nobody waits
        for just this one. A single message may be larger."""
        rooms = [
            (min(peer.room, self.last - peer.sent), WINDOW_BYTES - peer.bytes)
            for peer in self._peers.values()
            if peer.sent + 1 == start and peer.room
        ]
        return max(rooms, default=(0, 0))

    def sent(self, start: int, count: int, size: int, now: float) -> None:
        """`count` messages from `start` on, of `size` bytes, were handed to the connection: counts for everybody who is in
        step with them."""
        self._ever_sent = max(self._ever_sent, start + count - 1)
        for peer in self._peers.values():
            ahead = start + count - 1 - peer.sent
            if not 1 <= ahead <= count:
                continue
            along = min(ahead, max(peer.room, peer.room_along))
            if along:
                if not peer.in_flight:
                    peer.since = now
                    if not peer.attempts:
                        peer.asked = now
                    peer.deadline = now + self._timeout(peer)
                peer.fly(along, size * along // count, now)

    def acknowledge(self, consumer: str, upto: int, now: float) -> Outcome:
        """`consumer` says that it has everything up to `upto`."""
        peer = self._peers[consumer]
        peer.heard = upto
        if upto > self._ever_sent:
            return Outcome.RESTORED
        if upto > peer.acked:
            flew = peer.flying
            sent_at = peer.land(upto)
            peer.adapt(flew, flew - peer.flying, None if sent_at is None else now - sent_at, now)
            peer.attempts = 0
            peer.since = peer.asked = now
            peer.deadline = now + self._timeout(peer)
            peer.move(PeerEvent.PROGRESS)
            return Outcome.PROGRESS
        reached = max(upto, self._first - 1)
        if peer.in_flight:
            peer.deadline = min(peer.deadline, peer.since + PATIENCE_S)
            if peer.deadline <= now:
                self._go_back(peer, reached)
        elif reached < peer.acked:  # the consumer itself has gone back, and others still need this
            self._go_back(peer, reached)
        return Outcome.REPEATED

    def expire(self, now: float) -> None:
        """Go back for whoever has let its retransmit time pass."""
        for peer in self._peers.values():
            if peer.in_flight and peer.deadline <= now:
                self._go_back(peer, self._reached(peer))

    def reconnected(self) -> None:
        """The connection is new: what was in flight may be lost, and time-outs begin anew."""
        for peer in self._peers.values():
            peer.back_to(self._reached(peer))
            peer.attempts = 0
            peer.quickest, peer.quickest_from, peer.answers_in = math.inf, -math.inf, 0.0
            peer.careful_above = math.inf
            peer.move(PeerEvent.RECONNECTED)

    def next_deadline(self) -> float | None:
        """When `expire` will have something to do."""
        return min((peer.deadline for peer in self._peers.values() if peer.in_flight), default=None)

    @property
    def acknowledged(self) -> int:
        """Up to where every consumer has everything: the outbox may forget it."""
        return min(map(self._reached, self._peers.values()))

    @property
    def heard(self) -> int | None:
        """Up to where every consumer has said to have everything; None while one has said nothing since the start."""
        said = [peer.heard for peer in self._peers.values() if peer.heard is not None]
        return min(said) if len(said) == len(self._peers) else None

    @property
    def answered(self) -> int | None:
        """Up to where everybody who answers has everything: what lies above may be on its way. None if nobody answers."""
        return min((peer.acked for peer in self._peers.values() if peer.answers), default=None)

    @property
    def settled(self) -> bool:
        """Whether nothing is on its way to anybody who answers."""
        return not any(peer.in_flight for peer in self._peers.values() if peer.answers)

    def positions(self) -> dict[str, int]:
        """How far each consumer has got; what was dropped is passed over."""
        return {name: self._reached(peer) for name, peer in self._peers.items()}

    def sent_to(self, consumer: str) -> int:
        """Up to where messages were sent to it, in order."""
        return self._peers[consumer].sent

    def states(self) -> dict[str, PeerState]:
        """How each consumer is served now."""
        return {name: peer.state for name, peer in self._peers.items()}

    def _reached(self, peer: _Peer) -> int:
        return max(peer.acked, self._first - 1)

    def _go_back(self, peer: _Peer, acked: int) -> None:
        peer.back_to(acked)
        peer.attempts += 1
        peer.move(PeerEvent.WENT_BACK)

    def _timeout(self, peer: _Peer) -> float:
        base = min(max(RETRANSMIT_S, 2 * peer.answers_in) * 2.0 ** min(peer.attempts, 10), RETRANSMIT_MAX_S)
        return base * (0.75 + 0.5 * self._spread())
