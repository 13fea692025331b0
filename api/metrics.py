"""Metrics for Prometheus. Every one is listed in `docs/metrics.md` (a test holds the two together).

Read from the database when asked: what each process reports of itself every 2 s, and what the tables hold. So one
scrape of the API covers all processes, and costs nothing in between.
"""

from collections import Counter
from collections.abc import Iterable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from api.http.gate import RequestCounts
from api.services import Services
from linli.clock import DAY, MINUTE, SECOND
from linli.db import schema
from linli.db.deadletters import SqlDeadLetters
from linli.db.heartbeats import SqlHeartbeats
from linli.db.signincounts import SignInCounts
from linli.db.webhookstanding import owing
from linli.model import Consumer, Lane
from linli.reconcile import waiting_messages
from linli.webhooks import ORIGINS, Outcome

CONTENT_TYPE = CONTENT_TYPE_LATEST

GAUGE_COUNTERS = frozenset(("open_alerts", "queued", "streams", "unjournalled_s", "unwritten_s", "waiting_effects"))
"""Those of a worker's numbers that go down as well as up."""


class Metrics:
    """The metrics of one installation, in a registry of their own."""

    def __init__(self, services: Services, requests: RequestCounts) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Linli(services, requests))
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        """The exposition text."""
        return generate_latest(self._registry)

    def names(self) -> set[str]:
        """The name of every metric, as it is exposed."""
        lines = self.render().decode().splitlines()
        return {line.split()[2] for line in lines if line.startswith("# TYPE ")}


class _Linli(Collector):
    def __init__(self, services: Services, requests: RequestCounts) -> None:
        self._services = services
        self._requests = requests
        self._sign_ins = SignInCounts(services.database.whole())

    def describe(self) -> Iterable[Metric]:
        """None known beforehand: registering must not read the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """All of them, as they are now."""
        yield from self._workers()
        yield from self._tables()
        yield from self._agents()
        yield from self._webhooks()
        yield from self._doors()
        yield from self._api()

    def _workers(self) -> Iterable[Metric]:
        health = self._services.health()
        info = GaugeMetricFamily("linli_build_info", "Always 1; the version is the label.", labels=["version"])
        info.add_metric([health.version], 1)
        up = GaugeMetricFamily("linli_worker_up", "1 if the process reported lately, else 0.", labels=["worker"])
        well = GaugeMetricFamily("linli_worker_ok", "1 if the process says that it is well.", labels=["worker"])
        started = GaugeMetricFamily(
            "linli_worker_start_time_seconds", "When the process started, Unix time.", labels=["worker"]
        )
        counts = CounterMetricFamily("linli_worker_count", "A counter of a process.", labels=["worker", "counter"])
        levels = GaugeMetricFamily("linli_worker_level", "A level of a process.", labels=["worker", "level"])
        for worker in health.workers:
            up.add_metric([worker.name], worker.state not in ("silent", "stopped"))
            well.add_metric([worker.name], worker.state == "ok")
            started.add_metric([worker.name], worker.started_at / 1e6)
            for name, value in worker.counters.items():
                (levels if name in GAUGE_COUNTERS else counts).add_metric([worker.name, name], value)
        yield from (info, up, well, started, counts, levels)
        alerts = GaugeMetricFamily("linli_open_alerts", "Alerts that are open.", labels=["severity"])
        for severity, count in health.open_alerts.items():
            alerts.add_metric([severity], count)
        yield alerts

    def _tables(self) -> Iterable[Metric]:
        database = self._services.database.whole()
        letters = GaugeMetricFamily("linli_dead_letters", "Dead letters kept.", labels=["reason"])
        for reason, count in SqlDeadLetters(database).count_by_reason().items():
            letters.add_metric([reason], count)
        yield letters
        online = schema.gateway_status.c.online
        with database.read() as connection:
            rows = connection.execute(select(online, func.count()).group_by(online)).all()
            waiting = connection.execute(
                select(func.count()).select_from(schema.actions).where(schema.actions.c.applied_at.is_(None))
            ).scalar()
        links = {bool(row[0]): int(row[1]) for row in rows}
        gateways = GaugeMetricFamily("linli_gateways", "Gateways heard of, by their last status.", labels=["status"])
        gateways.add_metric(["online"], links.get(True, 0))
        gateways.add_metric(["offline"], links.get(False, 0))
        yield gateways
        yield GaugeMetricFamily("linli_actions_waiting", "People's acts that rules has not applied yet.", value=waiting)

    def _agents(self) -> Iterable[Metric]:
        """What agents say of themselves, over all of them: a metric for each would be as many series as gateways."""
        beats, now = SqlHeartbeats(self._services.database.whole()), self._services.clock.now()
        waiting = GaugeMetricFamily(
            "linli_agent_messages_waiting", "Messages that agents hold for a consumer.", labels=["consumer", "lane"]
        )
        held: Counter[tuple[str, str]] = Counter()
        silent = 0
        for beat in beats.all():
            silent += now - beat.received_at > MINUTE
            for consumer in Consumer:
                for lane, count in waiting_messages(beat, consumer, {}).items():
                    held[consumer.value, lane.value] += count
        for consumer in Consumer:
            for lane in Lane:
                waiting.add_metric([consumer.value, lane.value], held[consumer.value, lane.value])
        yield waiting
        yield GaugeMetricFamily(
            "linli_agents_silent", "Agents whose last heartbeat is over a minute old.", value=silent
        )
        today = now // DAY
        counted = [counts for key, counts in beats.counted(today).items() if key.day == today]
        observations = GaugeMetricFamily(
            "linli_agent_observations_today", "What agents say of this UTC day.", labels=["what"]
        )
        observations.add_metric(["taken"], sum(counts.taken for counts in counted))
        observations.add_metric(["dropped"], sum(counts.dropped for counts in counted))
        yield observations

    def _webhooks(self) -> Iterable[Metric]:
        """What others are told, over all webhooks: which of them one is stays in its log."""
        found = owing(self._services.database.whole())
        sent = CounterMetricFamily(
            "linli_webhook_requests",
            "Requests to receivers that this process has sent, by what became of them.",
            labels=["outcome", "origin"],
        )
        counts = self._services.webhooks.sent()
        for outcome in Outcome:
            for origin in ORIGINS:
                sent.add_metric([outcome.value, origin], counts.get((outcome, origin), 0))
        states = GaugeMetricFamily("linli_webhooks", "Webhooks, by how they stand.", labels=["state"])
        for state, count in found.states.items():
            states.add_metric([state], count)
        yield from (sent, states)
        yield GaugeMetricFamily(
            "linli_webhook_changes_waiting", "Changes that webhooks have not dealt with yet.", value=found.waiting
        )
        waits = 0 if found.oldest_at is None else max(0, self._services.clock.now() - found.oldest_at)
        yield GaugeMetricFamily(
            "linli_webhook_oldest_waiting_seconds", "How long ago the oldest of them happened.", value=waits / SECOND
        )

    def _doors(self) -> Iterable[Metric]:
        """Who tries to come in, and who comes too often; who that is stands in the audit log."""
        tried = CounterMetricFamily("linli_sign_ins", "Tries to sign in, by what came of them.", labels=["outcome"])
        for outcome, count in self._sign_ins.read().items():
            tried.add_metric([outcome], count)
        limited = CounterMetricFamily(
            "linli_api_rate_limited", "Requests refused by this process as too many.", labels=["by"]
        )
        for by, count in self._requests.limited().items():
            limited.add_metric([by], count)
        yield from (tried, limited)

    def _api(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "linli_api_requests", "Requests answered by this process.", labels=["method", "status"]
        )
        for (method, status), count in self._requests.all().items():
            requests.add_metric([method, str(status)], count)
        yield requests
        live = self._services.live
        yield GaugeMetricFamily("linli_api_streams", "Live streams and consoles that look on now.", value=live.streams)
        yield GaugeMetricFamily(
            "linli_api_broker_connected", "1 while notices can come over MQTT.", value=int(live.connected)
        )
