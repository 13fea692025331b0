"""The API over a district's years of alerts: a list, live streams, an export, and what a permission check costs.

A real API process on one core, with a broker; once with few alerts stored and once with many, on SQLite and, where its programs
are installed, on PostgreSQL. What is worst of all is the metric; each is in the list too.
"""

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from time import monotonic, perf_counter
from typing import Any

import psutil
import requests
from sqlalchemy import text

from api.scope import demand
from api.services import build_services
from linli.adapters.connect import service_client
from linli.audit import system
from linli.cli.benches import postgresd
from linli.cli.benches.flatness import growths, in_words, noise_of, ratios, remarks, unsteadiness
from linli.cli.benches.helper import Helper
from linli.cli.benches.measured import Measured, cpu_seconds, percentile
from linli.cli.benches.reference import DEVICES, register
from linli.cli.benches.storedalerts import fill
from linli.cli.private import PrivateLinli, private_linli
from linli.cli.stack import page_address
from linli.clock import SECOND
from linli.codec import encode_notice, notice_of
from linli.datafolder import DataFolder
from linli.db.alertlist import AlertLists, Wanted
from linli.db.alerts import Change, Effects, SqlAlerts
from linli.db.auditseals import Sealer
from linli.db.database import Database, open_database
from linli.db.people import People
from linli.errors import LinliError
from linli.i18n import Text
from linli.model import Alert, Handling, Role
from linli.roles import Operation
from linli.settings import Settings
from linli.testing import MemoryStore
from linli.topics import AlertTopic

_SIZES, _QUICK_SIZES = (10_000, 1_000_000), (1_000, 20_000)
_RATE = 200.0
_WARM_S, _SECONDS, _QUICK_SECONDS = 3.0, 20.0, 4.0
_STREAMS = 200
_ALERTS, _QUICK_ALERTS = 100, 12
_PAUSE_S = (0.1, 0.3)
_LONGEST_S = 15.0
_CHECKS = 300
_QUICK_DEVICES = 8_250
_DISTRICT, _COMMITTEE = "bench-district", "bench-committee"


@dataclass(frozen=True, slots=True)
class _Case:
    """One store with so many alerts."""

    store: str
    alerts: int

    def name(self, metric: str) -> str:
        return f"{metric}_{self.store}_{self.alerts}"

    def noise(self, metric: str, values: Sequence[float], percent: float) -> dict[str, float]:
        return {self.name(noise_of(metric)): unsteadiness(metric, values, percent)}


def measure(settings: Settings, quick: bool) -> Measured:
    """The metrics of bench 'api'. LinliError if something does not come up, or an answer is not 200."""
    found: dict[str, float] = {}
    sizes = _QUICK_SIZES if quick else _SIZES
    programs = postgresd.find()
    for store in ("sqlite",) if programs is None or quick else ("sqlite", "postgresql"):
        for size in sizes:
            found |= _measure(settings, _Case(store, size), quick)
    grown = growths(found, sizes)
    metrics = _worst(found, sizes[-1]) | ratios(grown) | found
    return Measured(metrics, (*_notes(programs is None), *remarks(grown)), in_words(grown))


def _worst(found: Mapping[str, float], size: int) -> dict[str, float]:
    """The worst over stores with so many alerts."""
    metrics = ("alerts_list_p99_ms", "stream_200_p99_ms", "export_rss_mb", "permission_check_ms")
    return {
        metric: max(
            value for name, value in found.items() if name.startswith(f"{metric}_") and name.endswith(f"_{size}")
        )
        for metric in metrics
    }


def _notes(no_postgresql: bool) -> tuple[Text, ...]:
    if not no_postgresql:
        return ()
    return (
        Text(
            "未找到 PostgreSQL（Debian/Ubuntu：apt install postgresql），只测了 SQLite",
            "PostgreSQL is not installed (Debian/Ubuntu: apt install postgresql): only SQLite was measured",
        ),
    )


def _measure(settings: Settings, case: _Case, quick: bool) -> dict[str, float]:
    tokens: dict[str, str] = {}

    def before_start(own: Settings) -> None:
        database = open_database(own.app_database_url)
        try:
            tokens.update(_prepare(own, database, case.alerts, _QUICK_DEVICES if quick else DEVICES))
            _rest(own, database)
        finally:
            database.close()

    with _server(case.store) as url:
        own: dict[str, object] = {"simulator": False, "database_url": url, "requests_per_minute": 0}
        with private_linli(settings, ("broker", "api"), own=own, before_start=before_start) as linli:
            pid = _api_on_one_core(linli)
            listed = _list(linli, pid, case, tokens[_DISTRICT], quick)
            streamed = _stream(linli, case, tokens[_DISTRICT], quick)
            exported = _export(linli, pid, case, tokens[_DISTRICT])
            return listed | streamed | exported | _permission(linli.settings, case)


@contextmanager
def _server(store: str) -> Iterator[str | None]:
    programs = postgresd.find()
    with nullcontext() if store == "sqlite" or programs is None else postgresd.running(programs) as url:
        yield url


def _prepare(settings: Settings, database: Database, alerts: int, devices: int) -> dict[str, str]:
    """Register the district, store the alerts, make two accounts: their tokens by name."""
    clock = settings.clock()
    communities = register(database, clock.now(), devices=devices)
    fill(database, alerts, clock.now())
    people = People(database, clock)
    people.add(_DISTRICT, Role.DISTRICT_COMMAND)
    people.add(_COMMITTEE, Role.COMMITTEE, communities[:4])
    return {name: people.new_token(name, "bench", 1)[1] for name in (_DISTRICT, _COMMITTEE)}


def _rest(settings: Settings, database: Database) -> None:
    """Have done what would have been done long ago: these are years of alerts, not ones of the last minute.

    The API would seal their history while lists are timed, PostgreSQL vacuum and write them out, SQLite read them from its log.
    """
    sealer = Sealer(database, system("bench"))
    while sealer.step(settings.clock().now()).more:
        pass
    if database.engine.dialect.name == "sqlite":
        database.empty_log()
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
        connection.execute(text("CHECKPOINT"))


def _api_on_one_core(linli: PrivateLinli) -> int:
    pid = next(part.pid for part in linli.stack.states() if part.name == "api" and part.pid is not None)
    process = psutil.Process(pid)
    if hasattr(process, "cpu_affinity"):
        process.cpu_affinity([process.cpu_affinity()[0]])
    return pid


def _list(linli: PrivateLinli, pid: int, case: _Case, token: str, quick: bool) -> dict[str, float]:
    seconds = _QUICK_SECONDS if quick else _SECONDS
    job = _where(linli) | {
        "path": "/api/v1/alerts?limit=100",
        "headers": {"authorization": f"Bearer {token}"},
        "rate": _RATE,
        "warm_s": _WARM_S,
        "seconds": seconds,
    }
    helper = Helper("linli.cli.benches.apiload", job, DataFolder(linli.settings.data).run / "load.log")
    try:
        helper.until("measuring")
        before = cpu_seconds(pid)
        told = helper.until("took")
    finally:
        helper.stop()
    if told["failed"]:
        raise LinliError(Text(f"列表请求失败：{told['failed'][0]}", f"a list failed: {told['failed'][0]}"))
    took = [one * 1000 for one in told["took"]]
    return {
        case.name("alerts_list_p99_ms"): percentile(took, 99),
        **case.noise("alerts_list_p99_ms", took, 99),
        case.name("alerts_list_p50_ms"): percentile(took, 50),
        case.name("alerts_list_cpu_ms"): (cpu_seconds(pid) - before) * 1000 / len(took),
    }


def _stream(linli: PrivateLinli, case: _Case, token: str, quick: bool) -> dict[str, float]:
    job = _where(linli) | {"count": _STREAMS, "token": token}
    helper = Helper("linli.cli.benches.apistreams", job, DataFolder(linli.settings.data).run / "streams.log")
    try:
        helper.until("ready")
        took = list(_tell_alerts(linli, helper, _QUICK_ALERTS if quick else _ALERTS))
    finally:
        helper.stop()
    return {
        case.name("stream_200_p99_ms"): percentile(took, 99),
        **case.noise("stream_200_p99_ms", took, 99),
        case.name("stream_200_p50_ms"): percentile(took, 50),
        **case.noise("stream_200_p50_ms", took, 50),
    }


def _export(linli: PrivateLinli, pid: int, case: _Case, token: str) -> dict[str, float]:
    """All alerts as CSV: how long it takes, and by how much the API grows meanwhile."""
    url = f"{page_address(linli.settings)}/api/v1/exports/alerts?open=false&format=csv"
    process, rows = psutil.Process(pid), 0
    before = most = process.memory_info().rss
    began = monotonic()
    with requests.get(url, headers={"authorization": f"Bearer {token}"}, stream=True, timeout=60) as answer:
        answer.raise_for_status()
        for portion in answer.iter_content(1 << 20):
            rows += portion.count(b"\n")
            most = max(most, process.memory_info().rss)
    if rows < case.alerts:
        raise LinliError(Text(f"只导出了 {rows} 行", f"only {rows} rows were exported"))
    return {case.name("export_rss_mb"): (most - before) / 1e6, case.name("export_s"): monotonic() - began}


def _where(linli: PrivateLinli) -> dict[str, Any]:
    return {"host": linli.settings.host, "port": linli.settings.port}


def _tell_alerts(linli: PrivateLinli, helper: Helper, count: int) -> Iterator[float]:
    """Do as rules does, again and again: after how many milliseconds each alert was on the last stream."""
    settings = linli.settings
    database = open_database(settings.app_database_url)
    client = service_client(settings, "rules")
    client.start(lambda *_message: None, lambda: None, lambda _reason: None)
    alerts, pause, rng = SqlAlerts(database), threading.Event(), random.Random(settings.seed)
    like = alerts.find(open_only=True, limit=1)[0]
    try:
        deadline = monotonic() + _LONGEST_S
        while not client.connected and monotonic() < deadline:
            pause.wait(0.02)
        for number in range(count):
            alert = _fresh(like, number, linli.clock.now())
            alerts.apply([Effects(number + 1, (Change(alert, "opened", alert.opened_at),))])
            topic = str(AlertTopic(alert.community, alert.id))
            client.publish(topic, encode_notice(notice_of(alert, "opened")), qos=0)
            told = helper.until("alert")
            yield (told["at"] - alert.opened_at) * 1000 / SECOND
            pause.wait(rng.uniform(*_PAUSE_S))
    finally:
        client.stop()
        database.close()


def _fresh(like: Alert, number: int, now: int) -> Alert:
    times = dict.fromkeys(("opened_at", "first_seen", "last_seen", "updated_at"), now)
    return replace(
        like,
        id=f"c{number:015x}",
        rule=f"bench-{number}",
        handling=Handling.UNACKNOWLEDGED,
        **times,  # type: ignore[arg-type]
    )


def _permission(settings: Settings, case: _Case) -> dict[str, float]:
    """What it adds to a list of 100 that it is a person's, confined to their communities: milliseconds, by the median of pairs."""
    database = open_database(settings.app_database_url)
    services = build_services(settings, database, MemoryStore(), settings.clock())
    wanted = Wanted(open_only=True)
    try:
        person = services.people.get(_COMMITTEE)
        communities = Wanted(person.communities, open_only=True)

        def plain() -> object:
            return AlertLists(database).page(communities, 100)

        def checked() -> object:
            demand(person, Operation.SEE)
            return AlertLists(services.sights.of(person).database).page(wanted, 100)

        def history() -> object:
            return AlertLists(services.sights.of(person).database).page(Wanted(), 100)

        took = [(_took_ms(checked), _took_ms(plain), _took_ms(history)) for _ in range(_CHECKS)]
        added = [own - bare for own, bare, _ in took]
        return {
            case.name("permission_check_ms"): max(0.0, percentile(added, 50)),
            **case.noise("permission_check_ms", added, 50),
            case.name("committee_list_ms"): percentile([own for own, _, _ in took], 50),
            case.name("committee_history_ms"): percentile([past for _, _, past in took], 50),
        }
    finally:
        database.close()


def _took_ms(act: Callable[[], object]) -> float:
    began = perf_counter()
    act()
    return (perf_counter() - began) * 1000
