"""What `linli status` has found out about an installation: facts only. `verdict` judges them, `lookround` collects them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from linli.cli.lock import Holder
from linli.clock import MINUTE, SECOND
from linli.db.gateways import GatewayStatus
from linli.db.heartbeats import Heartbeat
from linli.db.workers import WorkerReport
from linli.i18n import Text
from linli.model import Consumer, Lane, Severity
from linli.reconcile import waiting_messages
from linli.shards import service_of, shards_of

SILENT_AFTER = MINUTE
"""A gateway beats every 10 s: after six of them missed it is called silent."""

UNWRITTEN_S = 10.0
"""As long between two heartbeats: an ingest that has been writing one batch for longer hears no gateway."""

CLOCK_OFF_MS = 10_000.0
"""An agent's clock that is further off is worth a word; from a minute on, devices' own times are no longer believed."""

MANY_WAITING = {Lane.URGENT: 20, Lane.BULK: 1000}
"""Messages that a gateway may hold while all is well, between two acknowledgements or just after an outage."""


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """One registered gateway. `status`, `beat`: what ingest last heard of it. `dropped_today`: observations that its agent
    says it dropped on this UTC day."""

    id: str
    community: str
    name: Text
    status: GatewayStatus | None = None
    beat: Heartbeat | None = None
    dropped_today: int = 0

    def heard_at(self) -> int | None:
        """When the server last heard of it, as far as is kept."""
        times = [self.status.since if self.status else None, self.beat.received_at if self.beat else None]
        return max((time for time in times if time is not None), default=None)

    def silent(self, now: int) -> bool:
        """Whether it is said to be online and has not beaten for long."""
        online = self.status is not None and self.status.online
        return online and self.beat is not None and now - self.beat.received_at > SILENT_AFTER

    def waiting(self, consumer: Consumer) -> dict[Lane, int]:
        """Messages that it held for the consumer at its last heartbeat."""
        return dict.fromkeys(Lane, 0) if self.beat is None else waiting_messages(self.beat, consumer, {})

    def behind(self) -> bool:
        """Whether much waits on it for some consumer."""
        return any(
            count >= MANY_WAITING[lane] for consumer in Consumer for lane, count in self.waiting(consumer).items()
        )

    def clock_off(self) -> bool:
        """Whether its clock is wrong."""
        offset = self.beat.clock_offset_ms if self.beat else None
        return offset is not None and abs(offset) >= CLOCK_OFF_MS


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """Dead letters by reason: all that are kept, and those of the last hour; `waiting`: replays that ingest has to do."""

    kept: Mapping[str, int] = field(default_factory=dict)
    last_hour: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The store of readings: what it is, or why it cannot be used; `size`: bytes on disk, where that is known.

    `local`: it is a file of ours, and no server; `address`: of the server. `asked`: whether it was; from a shell that does
    not have the settings of the Linli that runs it cannot be, and only ingest says how it is.
    """

    name: str
    trouble: Text | None = None
    size: int | None = None
    local: bool = True
    address: str | None = None
    asked: bool = True


class Damage(StrEnum):
    """What is wrong with the database."""

    MISSING = "missing"
    NEWER = "newer"
    OLDER = "older"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class DatabaseFault:
    """Why the database cannot be used, and in whose words."""

    damage: Damage
    said: Text


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything at `now`. `database`: why it cannot be used; then all that comes from it is empty.

    `gone`: pids of reports that are not there. `disk`: free and whole bytes of the data folder's disk. `differs`: where this
    shell's settings are not those of the Linli that runs, which is the one that is told of. `audit`: what is wrong with the
    newest entries of the audit log, or with its head.
    """

    now: int
    folder: str
    holder: Holder | None
    expected: Sequence[str]
    broker: tuple[str, int]
    broker_open: bool
    store: StoreFacts
    disk: tuple[int, int] | None = None
    database: DatabaseFault | None = None
    database_size: int | None = None
    reports: Sequence[WorkerReport] = ()
    gone: frozenset[int] = frozenset()
    gateways: Sequence[GatewayFacts] = ()
    alerts: Mapping[Severity, int] = field(default_factory=dict)
    letters: LetterFacts = LetterFacts()
    audit: Text | None = None
    differs: Sequence[Text] = ()

    @property
    def stopped(self) -> bool:
        """Whether no process runs at all; without the database only the lock of `linli up` could tell, and it tells of no
        services."""
        if self.holder is not None or self.database is not None:
            return False
        return not any(self.runs(report) for report in self.reports)

    @property
    def gateways_known(self) -> bool:
        """Whether what is kept of gateways is of now: else it is how they were when ingest or the broker stopped, or since
        when the store takes nothing. Heartbeats come to the database by ingest, with what it stores beside them."""
        return self.database is None and self.broker_open and self.store.trouble is None and self.ingest_writes

    @property
    def ingest_writes(self) -> bool:
        """Whether every process of ingest lives and says that it can write what comes."""
        return all(
            report is not None
            and self.runs(report)
            and report.state == "ok"
            and report.counters.get("unwritten_s", 0.0) < UNWRITTEN_S
            for report in self.layout("ingest").values()
        )

    def layout(self, service: str) -> dict[str, WorkerReport | None]:
        """The processes that the service should have now, with their reports: as many as `linli up` says that it runs, else
        as its newest shard says.

        Reports of an earlier number of shards are not its processes any more.
        """
        mine = [report for report in self.reports if service_of(report.name)[0] == service]
        if not mine:
            return {service: None}
        count = service_of(max(mine, key=lambda report: report.seen_at).name)[1].count
        if self.holder is not None and self.holder.runs is not None and service in ("ingest", "rules"):
            count = self.holder.runs.shards
        by_shard = {service_of(report.name)[1]: report for report in mine}
        return {shard.worker(service): by_shard.get(shard) for shard in shards_of(count)}

    def runs(self, report: WorkerReport | None) -> bool:
        """Whether the process of the report lives, as far as can be told."""
        return (
            report is not None and report.state != "stopped" and report.pid not in self.gone and report.alive(self.now)
        )

    def alive(self, service: str) -> bool:
        """Whether every process of the service lives."""
        return all(self.runs(report) for report in self.layout(service).values())


def seconds_since(then: int, now: int) -> float:
    """As seconds, for people; never below 0."""
    return max(0, now - then) / SECOND
