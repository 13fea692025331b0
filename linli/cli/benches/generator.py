"""The generator of the ingest bench, a process of its own: many gateways that keep their lane full, as cheaply as can be.

It speaks the lane protocol much as `edge.delivery` does: a window of messages and bytes for each gateway, moved by the slowest
consumer's acknowledgements; when nothing moves for long, back to the last acknowledgement and on with one message. Packets
are made before the clock starts. First `paced` messages at `rate` a second, then the rest as fast as the windows let it.

Job and answers are lines of JSON on stdin and stdout (`linli.cli.benches.helper`). After {"ready": ...} it waits for a
line, runs, and says {"mark": ...} at the borders of what is to be measured, in the end {"done": ...}.
"""

import select
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from time import monotonic, sleep
from typing import Any

import orjson

from linli import topics
from linli.cli.benches.district import District
from linli.cli.benches.fleet import Fleet
from linli.cli.benches.job import Told, read_job, tell, wait_for_word
from linli.cli.benches.lean_mqtt import LeanConnection, publish_packet
from linli.clock import SystemClock
from linli.codec import encode
from linli.model import Lane

WINDOW_MESSAGES, WINDOW_BYTES = 400, 500_000
"""Of each gateway. Ten of them have about 0.3 s under way at full throttle: so much an agent lets queue up, too."""

_CHUNK = 128
"""Packets of one gateway in one system call at most."""

_TICK_S = 0.004
_GO_BACK_S = 5.0
_GIVE_UP_S = 20.0
"""So long without any progress, and the rest counts as lost."""

_PACED_WARM_UP, _FULL_WARM_UP, _FULL_END = 0.2, 0.15, 0.95
"""Parts of the paced messages, and of those at full throttle, between which it is measured."""

_ENOUGH, _PATIENCE = 0.4, 4.0
"""At full throttle so large a part goes out even when it takes longer, up to so many times."""

_FULL_WARM_UP_S = 1.0
"""At full throttle it is measured from then on at the latest."""


@dataclass(slots=True)
class Sender:
    """One gateway's lane."""

    packets: list[bytes]
    ends: list[int]
    """How many bytes the first so many packets have."""
    acked: dict[str, int]
    connection: LeanConnection | None = None
    sent: int = 0
    resent: int = 0
    window: int = WINDOW_MESSAGES
    held_up: int = 0
    moved_at: float = 0.0
    observations: int = 0
    """Readings and events in all of its packets."""

    @property
    def reached(self) -> int:
        """Up to where every consumer has everything."""
        return min(self.acked.values())

    def room(self) -> int:
        """Up to where the window lets it send."""
        reached = self.reached
        limit = min(reached + self.window, len(self.packets))
        if self.ends[limit] - self.ends[reached] <= WINDOW_BYTES:
            return limit
        upto = max(self.sent, reached)
        while upto < limit and self.ends[upto] - self.ends[reached] < WINDOW_BYTES:
            upto += 1
        return upto

    def push(self, target: int, now: float) -> bool:
        """Send up to message `target`, as far as window and socket let it; whether anything went out."""
        connection = self.connection
        if connection is None:
            return False
        if connection.busy:
            connection.send()
            return False
        if self.sent > self.reached and now - self.moved_at > _GO_BACK_S:
            self.resent += self.sent - self.reached
            self.sent, self.window, self.moved_at = self.reached, 1, now
        room = self.room()
        self.held_up += room <= self.sent
        upto = min(target, room, self.sent + _CHUNK)
        if upto <= self.sent:
            return False
        if self.sent == self.reached:
            self.moved_at = now
        connection.send(b"".join(self.packets[self.sent : upto]))
        self.sent = upto
        return True

    def hear(self, now: float) -> None:
        """Take in the acknowledgements that have arrived."""
        if self.connection is None:
            return
        before = self.reached
        for topic, payload in self.connection.receive():
            consumer = topic.rpartition(b"/")[2].decode()
            upto = orjson.loads(payload)["upto"]
            if upto > self.acked.get(consumer, upto):
                self.acked[consumer] = upto
        if self.reached > before:
            self.window = min(WINDOW_MESSAGES, self.window + self.reached - before)
            self.moved_at = now
        self.sent = max(self.sent, self.reached)


@dataclass(slots=True)
class Run:
    """`paced` of `total` messages of all senders go out at `rate` a second, the rest, for about `full_s`, at full throttle."""

    senders: Sequence[Sender]
    paced: int
    rate: float
    full_s: float
    began: float = 0.0
    _marks: list[str] = field(default_factory=list)
    _full_from: int = 0
    _full_since: float = 0.0
    _cut: bool = False
    _looks: int = 0

    @property
    def total(self) -> int:
        """How many messages there are."""
        return sum(len(sender.packets) for sender in self.senders)

    def go(self) -> None:
        """Send everything and wait for the last acknowledgement, or until nothing moves any more."""
        self.began = monotonic()
        last, moved = self.began, -1
        while not self.finished:
            now = monotonic()
            if not self._cut and self._time_is_up():
                self._cut_short()
            due = int((now - self.began) * self.rate)
            full = due >= self.paced
            pushed = [sender.push(upto, now) for sender, upto in zip(self.senders, self._shares(due), strict=True)]
            self._looks += 1
            self._mark(due, full=full)
            self._wait(full=full, pushed=any(pushed))
            self._listen(now)
            reached = sum(sender.reached for sender in self.senders)
            if reached != moved:
                last, moved = now, reached
            elif now - last > _GIVE_UP_S:
                return

    @property
    def finished(self) -> bool:
        """Whether every consumer has everything."""
        return all(sender.reached == len(sender.packets) for sender in self.senders)

    def told(self) -> Told:
        """How it stands, for the one who measures. `held_up`: the part of looks at a sender that found its window full."""
        consumers = self.senders[0].acked
        return {
            "at": monotonic(),
            "sent": sum(sender.sent for sender in self.senders),
            "resent": sum(sender.resent for sender in self.senders),
            "acked": {name: sum(sender.acked[name] for sender in self.senders) for name in consumers},
            "held_up": sum(sender.held_up for sender in self.senders) / max(1, self._looks * len(self.senders)),
        }

    @property
    def _full_for(self) -> float:
        """For how many seconds it has gone at full throttle."""
        return monotonic() - self._full_since if self._full_since else 0.0

    def _time_is_up(self) -> bool:
        """After `full_s`, once enough went out to measure; in any case after a few times as long."""
        if self._full_for <= self.full_s:
            return False
        sent = sum(sender.sent for sender in self.senders) - self._full_from
        return sent >= _ENOUGH * (self.total - self._full_from) or self._full_for > _PATIENCE * self.full_s

    def _cut_short(self) -> None:
        """Time is up: what was not sent yet will not be."""
        self._cut = True
        for sender in self.senders:
            del sender.packets[sender.sent :]

    def _shares(self, due: int) -> list[int]:
        """Up to where each sender may go when `due` messages are due of all."""
        if due >= self.paced:
            return [len(sender.packets) for sender in self.senders]
        share, more = divmod(due, len(self.senders))
        return [share + (number < more) for number in range(len(self.senders))]

    def _wait(self, *, full: bool, pushed: bool) -> None:
        """Until there may be something to do. A pace is kept by its tick alone: waking for each answer costs."""
        if not full:
            sleep(_TICK_S)
        elif not pushed:
            self._select(_TICK_S)

    def _select(self, wait_s: float) -> set[LeanConnection]:
        connections = [sender.connection for sender in self.senders if sender.connection is not None]
        waiting = [connection for connection in connections if connection.busy]
        return set(select.select(connections, waiting, [], wait_s)[0])

    def _listen(self, now: float) -> None:
        readable = self._select(0.0)
        for sender in self.senders:
            if sender.connection in readable:
                sender.hear(now)

    def _mark(self, due: int, *, full: bool) -> None:
        """Say when a border of what is measured is crossed."""
        sent = sum(sender.sent for sender in self.senders)
        if full and not self._full_since:
            self._full_from, self._full_since = sent, monotonic()
        rest = self.total - self._full_from
        warm = sent >= self._full_from + rest * _FULL_WARM_UP or self._full_for > _FULL_WARM_UP_S
        borders = {
            "paced:begin": self.paced > 0 and due >= self.paced * _PACED_WARM_UP,
            "paced:end": full and self.paced > 0,
            "full:begin": full and warm,
            "full:end": full and sent >= self._full_from + rest * _FULL_END,
        }
        for name, crossed in borders.items():
            if crossed and name not in self._marks:
                self._marks.append(name)
                tell({"mark": name} | self.told())
                self._looks = 0
                for sender in self.senders:
                    sender.held_up = 0


def fleet_of(job: Mapping[str, Any]) -> Fleet | District:
    """Whose messages it sends."""
    if job.get("district") is None:
        return Fleet(job["gateways"], job["devices"])
    return District(job["gateways"], job["devices"], **job["district"])


def prepare(job: dict[str, Any]) -> list[Sender]:
    """The senders with all their packets."""
    fleet = fleet_of(job)
    per_message = job["per_message"]
    start = SystemClock().now()
    senders = []
    for gateway in range(fleet.gateways):
        topic = topics.lane_topic(fleet.community(gateway), fleet.gateway(gateway), Lane.BULK)
        made = fleet.messages(gateway, job["bootid"], per_message, start, job["rate"] * per_message)
        share = job["messages"] // fleet.gateways
        messages = list(islice(made, share))
        packets = [publish_packet(topic, encode(message)) for message in messages]
        ends = [0, *accumulate(map(len, packets))]
        observations = sum(len(message.readings) or 1 for message in messages)
        senders.append(Sender(packets, ends, dict.fromkeys(job["consumers"], 0), observations=observations))
    return senders


def connect(job: dict[str, Any], senders: Sequence[Sender]) -> None:
    """Open every gateway's connection. BrokerError if one is refused."""
    fleet = fleet_of(job)
    for number, sender in enumerate(senders):
        user, password = job["users"][number]
        sender.connection = LeanConnection(job["host"], job["port"], user, password)
        sender.connection.subscribe([topics.ack_topic(fleet.community(number), fleet.gateway(number), "+")])


def main() -> int:
    """Run one job."""
    job = read_job()
    senders = prepare(job)
    messages, observations = sum(len(one.packets) for one in senders), sum(one.observations for one in senders)
    tell({"ready": messages, "per_message": observations / max(1, messages)})
    job |= wait_for_word()
    connect(job, senders)
    run = Run(senders, job["paced"], job["rate"], job["full_s"])
    run.go()
    tell({"done": run.finished, "total": run.total} | run.told())
    for sender in senders:
        if sender.connection is not None:
            sender.connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
