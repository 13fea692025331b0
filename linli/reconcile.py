"""Compare what agents say that they took with what became of it. No I/O.

For each gateway, outbox and day (UTC, of the agent's clock), in observations (an event is one, a packet as many as it has
readings):

    taken = dropped + sent                       as the agent counts
    sent  = stored + dead letters                as ingest counts
    sent  = evaluated + refused                  as rules counts

The three are read at different moments, and much may be under way, so a difference is first explained: by what waits at
the agent for that consumer, by the age of the agent's count. What is left is missing, or should not be there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from linli.clock import DAY, SECOND
from linli.codec import MAX_READINGS
from linli.db.heartbeats import Counted, Heartbeat
from linli.db.tallies import RulesTally
from linli.i18n import Text
from linli.model import Consumer, Lane, LaneKey, Tally, TallyKey


class Kind(StrEnum):
    """What a difference is. The first three are explained, the last two are not."""

    WAITING = "waiting"
    """Taken and not delivered yet: it is in the agent's outbox."""
    NEWER = "newer"
    """There is more than the agent says, because its count is older."""
    UNREPORTED = "unreported"
    """The agent does not say what it took: an older version, or an outbox that ended before it could."""
    MISSING = "missing"
    """Taken, not dropped, not waiting, and not there."""
    SURPLUS = "surplus"
    """More than was taken, and the agent's count is final."""

    @property
    def explained(self) -> bool:
        """Whether nothing is wrong."""
        return self not in (Kind.MISSING, Kind.SURPLUS)


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference of one outbox and day, of `count` observations; `consumer`: whose count differs."""

    key: TallyKey
    consumer: Consumer
    kind: Kind
    count: int
    said: Text


@dataclass(frozen=True, slots=True)
class Line:
    """The counts of one gateway and day, over all of its outboxes. None: the agent does not say."""

    community: str
    gateway: str
    day: int
    taken: int | None
    dropped: int | None
    stored: int
    dead: int
    evaluated: int
    refused: int


@dataclass(frozen=True, slots=True)
class Counts:
    """All that is compared, read as nearly at once as can be. `positions`: what ingest has of each lane."""

    told: Mapping[TallyKey, Counted]
    kept: Mapping[TallyKey, Tally]
    judged: Mapping[TallyKey, RulesTally]
    beats: Mapping[str, Heartbeat]
    positions: Mapping[LaneKey, int]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The outcome: a line for each gateway and day, and every difference."""

    lines: Sequence[Line]
    findings: Sequence[Finding]

    @property
    def explained(self) -> bool:
        """Whether nothing is missing and nothing is there that should not be."""
        return all(finding.kind.explained for finding in self.findings)


def day_text(day: int) -> str:
    """A day as people write it: 20000 -> '2024-10-04'."""
    return datetime.fromtimestamp(day * DAY / SECOND, UTC).date().isoformat()


def reconcile(counts: Counts, now: int) -> Reconciliation:
    """Compare everything at `now` (microseconds since 1970 UTC)."""
    keys = sorted(counts.told.keys() | counts.kept.keys() | counts.judged.keys(), key=lambda key: (key.gateway, *key))
    findings: list[Finding] = []
    for consumer in Consumer:
        waiting = _Waiting(counts, consumer)
        for key in keys:  # of one outbox the oldest day first: what waits is what is newest
            finding = _compare(counts, key, consumer, waiting, now)
            if finding is not None:
                findings.append(finding)
    findings.sort(key=lambda finding: (finding.kind.explained, finding.key.gateway, finding.key.day))
    return Reconciliation(_lines(counts, keys), findings)


def _lines(counts: Counts, keys: Sequence[TallyKey]) -> list[Line]:
    days: dict[tuple[str, int], list[TallyKey]] = defaultdict(list)
    for key in keys:
        days[key.gateway, key.day].append(key)
    return [_line(counts, group) for _, group in sorted(days.items())]


def _line(counts: Counts, keys: Sequence[TallyKey]) -> Line:
    told = [counts.told[key] for key in keys if key in counts.told]
    kept = [counts.kept[key] for key in keys if key in counts.kept]
    judged = [counts.judged[key] for key in keys if key in counts.judged]
    return Line(
        community=keys[0].community,
        gateway=keys[0].gateway,
        day=keys[0].day,
        taken=sum(each.taken for each in told) if told else None,
        dropped=sum(each.dropped for each in told) if told else None,
        stored=sum(each.stored for each in kept),
        dead=sum(each.dead for each in kept),
        evaluated=sum(each.evaluated for each in judged),
        refused=sum(each.refused for each in judged),
    )


class _Waiting:
    """How many observations can be waiting at each agent for one consumer: a budget that explains what is not there."""

    def __init__(self, counts: Counts, consumer: Consumer) -> None:
        self._messages = {
            beat.gateway: waiting_messages(beat, consumer, counts.positions) for beat in counts.beats.values()
        }
        self._left = {gateway: sum(lanes.values()) * MAX_READINGS for gateway, lanes in self._messages.items()}

    def explain(self, key: TallyKey, count: int) -> bool:
        """Whether `count` observations can be among what waits; they are then used up."""
        if self._left.get(key.gateway, 0) < count:
            return False
        self._left[key.gateway] -= count
        return True

    def lanes(self, gateway: str) -> Text:
        """What waits, for people: 'urgent 3, bulk 12'."""
        shown = [f"{lane} {count}" for lane, count in self._messages.get(gateway, {}).items() if count]
        return Text("，".join(shown), ", ".join(shown))


def waiting_messages(beat: Heartbeat, consumer: Consumer, positions: Mapping[LaneKey, int]) -> dict[Lane, int]:
    """How many messages of each lane the agent held for the consumer, at its last heartbeat; those which ingest has by
    now (`positions`) are not counted. An older agent tells only how many it held for whichever consumer."""
    if beat.next is None or beat.positions is None or consumer.value not in beat.positions:
        return {Lane.URGENT: beat.queue_urgent or 0, Lane.BULK: beat.queue_bulk or 0}
    waiting = {}
    for lane in Lane:
        position = beat.positions[consumer.value].get(lane.value, 0)
        if consumer is Consumer.INGEST:
            position = max(position, positions.get(LaneKey(beat.community, beat.gateway, beat.bootid, lane), 0))
        waiting[lane] = max(0, beat.next.get(lane.value, 1) - 1 - position)
    return waiting


def _compare(counts: Counts, key: TallyKey, consumer: Consumer, waiting: _Waiting, now: int) -> Finding | None:
    there = _there(counts, key, consumer)
    told = counts.told.get(key)
    if told is None:
        return _unreported(counts, key, consumer, there, now)
    gap = told.taken - told.dropped - there
    if gap == 0:
        return None
    current = counts.beats[key.gateway].bootid == key.bootid if key.gateway in counts.beats else False
    if gap > 0:
        return _short(key, consumer, gap, waiting, current=current)
    return _ahead(key, consumer, -gap, told, now, final=current and told.told_at // DAY > key.day)


def _there(counts: Counts, key: TallyKey, consumer: Consumer) -> int:
    if consumer is Consumer.INGEST:
        return sum(counts.kept.get(key, Tally(0, 0)))
    return sum(counts.judged.get(key, RulesTally(0, 0)))


_DONE = {Consumer.INGEST: Text("入库", "stored"), Consumer.RULES: Text("判断", "evaluated")}


def _short(key: TallyKey, consumer: Consumer, gap: int, waiting: _Waiting, *, current: bool) -> Finding:
    done = _DONE[consumer]
    if not current:
        said = Text(
            f"{gap} 条已接收但从未{done.zh}：它们所在的发件箱 {key.bootid} 已被新的取代，随它丢失",
            f"{gap} taken and never {done.en}: they were in the outbox {key.bootid}, which another has replaced, and are "
            "lost with it",
        )
        return Finding(key, consumer, Kind.MISSING, gap, said)
    if waiting.explain(key, gap):
        lanes = waiting.lanes(key.gateway)
        said = Text(
            f"{gap} 条已接收、尚未由 {consumer} {done.zh}：在网关上等待（消息数：{lanes.zh}）",
            f"{gap} taken and not yet {done.en} by {consumer}: they wait at the agent (messages: {lanes.en})",
        )
        return Finding(key, consumer, Kind.WAITING, gap, said)
    said = Text(
        f"{gap} 条已接收、未丢弃、已确认，却没有{done.zh}：丢失",
        f"{gap} taken, not dropped, acknowledged, and not {done.en}: missing",
    )
    return Finding(key, consumer, Kind.MISSING, gap, said)


def _ahead(key: TallyKey, consumer: Consumer, count: int, told: Counted, now: int, *, final: bool) -> Finding:
    done = _DONE[consumer]
    if final:
        said = Text(
            f"{done.zh}的比网关接收的多 {count} 条：是否有另一个代理使用同一网关名，或发件箱曾从旧备份恢复？",
            f"{count} more {done.en} than the agent took: does a second agent use this gateway's name, or was its outbox "
            "restored from an old copy?",
        )
        return Finding(key, consumer, Kind.SURPLUS, count, said)
    age = max(0, now - told.told_at) // SECOND
    said = Text(
        f"{done.zh}的比网关所说多 {count} 条：网关的计数是 {age} 秒前的",
        f"{count} more {done.en} than the agent says: its count is {age} s old",
    )
    return Finding(key, consumer, Kind.NEWER, count, said)


def _unreported(counts: Counts, key: TallyKey, consumer: Consumer, there: int, now: int) -> Finding | None:
    """Without the agent's word the two consumers can still be held against each other."""
    other = _there(counts, key, Consumer.RULES if consumer is Consumer.INGEST else Consumer.INGEST)
    if there >= other:
        if consumer is Consumer.RULES or there > other:
            return None
        said = Text(f"网关没有报告接收数；入库 {there} 条", f"the agent does not say what it took; {there} stored")
        return Finding(key, consumer, Kind.UNREPORTED, there, said)
    count, done = other - there, _DONE[consumer]
    if key.day >= now // DAY:
        said = Text(
            f"{count} 条尚未由 {consumer} {done.zh}：可能在途，网关没有报告接收数",
            f"{count} not {done.en} by {consumer}: perhaps under way; the agent does not say what it took",
        )
        return Finding(key, consumer, Kind.UNREPORTED, count, said)
    said = Text(f"{count} 条没有由 {consumer} {done.zh}", f"{count} not {done.en} by {consumer}")
    return Finding(key, consumer, Kind.MISSING, count, said)


def totals(lines: Iterable[Line]) -> Line:
    """The sum of all lines; what agents do not say counts as 0."""
    total = [0] * 6
    for line in lines:
        each = (line.taken or 0, line.dropped or 0, line.stored, line.dead, line.evaluated, line.refused)
        total = [one + other for one, other in zip(total, each, strict=True)]
    return Line("", "", 0, *total)
