"""All of it together, in one folder: broker, store, `python -m ingest`, `python -m rules`, agents, and proxies in between.

agents --[edge proxy]--> broker <--[server proxy]-- ingest, rules --> SQLite, or --[store proxy]--> influxd
"""

import os
import shutil
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Self

import msgspec
from sqlalchemy import select

from linli import topics
from linli.access import BrokerUsers, gateway_user, service_user
from linli.cli.ports import is_open
from linli.cli.stack import ensure_broker_users
from linli.clock import DAY
from linli.datafolder import DataFolder
from linli.db import registry, schema
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.db.workers import reports
from linli.settings import Settings, load_settings
from tests.faults import cluster, plan
from tests.faults.checker import Found, Verdict, judge
from tests.faults.counted import RulesReader
from tests.faults.disks import SmallDisk
from tests.faults.generator import OUTBOXES, Control, Site, Told, read_json, write_json
from tests.faults.ledger import read_ledger
from tests.faults.processes import Child, Nursery
from tests.faults.proxies import StoreProxy, TcpProxy
from tests.faults.stored import Stored, read_influx, read_sqlite
from tests.faults.wire import Overhearing
from tests.support import eventually, free_port, need

INGEST = (sys.executable, "-P", "-m", "ingest")
RULES = (sys.executable, "-P", "-m", "rules")
BUCKET = "linli"
GROUPS: Mapping[str, tuple[str, ...]] = {"north": ("gw-1",), "south": ("gw-2", "gw-3")}
"""Agent processes and the gateways in each: the one is killed while the other lives."""

_INFLUXD = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[logging]
  level = "error"
"""

JUDGED_WITHIN = DAY
DRAIN_S = 120.0
_LOOK_FOR_S = 20.0
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Layout:
    """What a world is made of. `broker`: nats, mosquitto or cluster; `store`: sqlite or influx. `raw_days`: how long readings
    are kept; 0: for ever, since what was deleted on purpose cannot be told from what was lost."""

    broker: str = "nats"
    store: str = "sqlite"
    outbox_bytes: int = 64_000_000
    small_disks: bool = False
    influx_timeout_s: float = 2.0
    raw_days: int = 0
    ingest: tuple[str, ...] = INGEST
    seed: int = 1
    log_level: str = "info"


class World:
    """Start it, let it flow, do harm, `settle`, and `check`. Everything lies under `folder`; logs in `folder/logs`."""

    def __init__(self, folder: Path, layout: Layout | None = None) -> None:
        self.folder = folder
        self.layout = layout = layout or Layout()
        self.logs = folder / "logs"
        self.control = Control()
        self.nursery = Nursery()
        self._bootids: dict[str, set[str]] = {}
        self.remarks: list[str] = []
        self.store_proxy: StoreProxy | None = None
        self.data = folder / "data"
        """The servers' data folder."""
        self.disks = {
            "servers": SmallDisk(self.data, 96),
            "south": SmallDisk(self.agents_folder("south") / OUTBOXES, 24),
        }
        self._influx_port = free_port()
        self._settings = self._make_settings()
        self._database: Database | None = None
        self._rules = RulesReader(DataFolder(self.data).rules, folder / "scratch" / "journal")
        self.nodes: list[cluster.BrokerNode] = []

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make everything ready and start every process; returns when all of them can be used."""
        self.logs.mkdir(parents=True)
        if self.layout.small_disks:
            for disk in self.disks.values():
                disk.open()
        self._prepare()
        make = cluster.nats_cluster if self.layout.broker == "cluster" else cluster.single
        self.nodes = make(self._settings)
        ports = [node.port for node in self.nodes]
        self.edge_proxy, self.server_proxy, self.quiet_proxy = (TcpProxy(ports) for _ in range(3))
        for proxy in (self.edge_proxy, self.server_proxy, self.quiet_proxy):
            proxy.start()
        for node in self.nodes:
            self._child(node.name, node.command, {}, node.ready)
        if self.layout.store == "influx":
            self._start_influx()
        self._start_children("broker", "influxd")
        self._start_servers()
        self._start_agents()
        self.wire = Overhearing(self.quiet_proxy.port, self._service("ingest"), self._service("tester"))
        self.wire.start()
        eventually(lambda: self.wire.listening, 90, "the harness listens at the broker")
        self.nursery.start()
        for child in self.nursery.children.values():
            child.wait_ready(90)

    @property
    def settings(self) -> Settings:
        """As the servers have them, but for the port of the broker."""
        return self._settings

    def stop(self) -> None:
        """End every process and thread."""
        self.nursery.stop()
        if hasattr(self, "wire"):
            self.wire.stop()
        for name in ("edge_proxy", "server_proxy", "quiet_proxy", "store_proxy"):
            proxy = getattr(self, name, None)
            if proxy is not None:
                proxy.stop()
        if self._database is not None:
            self._database.close()
        for disk in self.disks.values():
            disk.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- what can be done to it -------------------------------------------------------------------------------------

    @property
    def children(self) -> Mapping[str, Child]:
        """Every process by name: broker (or broker-1 to -3), influxd, ingest, rules, north, south."""
        return self.nursery.children

    @property
    def database(self) -> Database:
        """The relational database."""
        assert self._database is not None
        return self._database

    def agents_folder(self, group: str) -> Path:
        """Where an agent process keeps its things."""
        return self.folder / group

    def outbox(self, group: str, gateway: str) -> Path:
        """The folder of an outbox."""
        return self.agents_folder(group) / OUTBOXES / gateway

    def flow(self, **changes: Any) -> None:
        """Change what the agents take and how (fields of Control)."""
        self.control = msgspec.structs.replace(self.control, **changes, generation=self.control.generation + 1)
        for group in GROUPS:
            write_json(self.agents_folder(group) / "control.json", self.control)

    def burst(self, count: int) -> None:
        """Have each gateway take so many urgent events at once."""
        self.flow(burst=(self.control.burst[0] + 1, count))

    def told(self) -> dict[str, Told]:
        """What each agent process that runs says of itself."""
        out = {}
        for group in GROUPS:
            told = read_json(self.agents_folder(group) / "status.json", Told)
            if told is not None and told.pid == self.children[group].pid:
                out[group] = told
                for gateway, agent in told.agents.items():
                    self._bootids.setdefault(gateway, set()).add(agent.bootid)
        return out

    def taken(self) -> int:
        """How many numbers were handed to agents so far."""
        return sum(agent.last for told in self.told().values() for agent in told.agents.values())

    def queued(self) -> int:
        """How many messages wait in the outboxes."""
        return sum(agent.queue for told in self.told().values() for agent in told.agents.values())

    def wait_taken(self, more: int, timeout: float = 90.0) -> None:
        """Return when so many more numbers were taken than now."""
        until = self.taken() + more
        eventually(lambda: self.taken() >= until, timeout, f"{more} more are taken")

    def settle(self, timeout: float = DRAIN_S) -> None:
        """Stop taking, and return when every consumer has acknowledged everything."""
        self.flow(urgent=0.0, bulk=0.0, packets=0.0)
        eventually(self._settled, timeout, f"everything is delivered; {self.told()}, logs in {self.logs}")

    def _settled(self) -> bool:
        told = self.told()
        return len(told) == len(GROUPS) and all(
            one.generation == self.control.generation and one.idle and all(a.queue == 0 for a in one.agents.values())
            for one in told.values()
        )

    # --- what came of it --------------------------------------------------------------------------------------------

    def check(self) -> Verdict:
        """Account for everything taken since the start.

        Looks again for a while where only sums or the rules' counts differ: agents go on with their heartbeats, and the rules
        acknowledge when their journal has a message, which is before the alert's row in the database has its effect.
        """
        until = monotonic() + _LOOK_FOR_S
        verdict = judge(self.found())
        while verdict.may_settle and monotonic() < until:
            threading.Event().wait(_LOOK_EVERY_S)
            verdict = judge(self.found())
        verdict.faults += self.nursery.faults()
        return verdict

    def found(self) -> Found:
        """All that there is to go by, now."""
        ledgers = {
            gateway: read_ledger(self.agents_folder(group) / f"{gateway}.ledger")
            for group, gateways in GROUPS.items()
            for gateway in gateways
        }
        agents = {name: agent for told in self.told().values() for name, agent in told.agents.items()}
        return Found(
            ledgers,
            self.stored(),
            self._rules.read(self.database),
            {gateway: agents[gateway].dropped for gateway in ledgers},
            self.letters(),
            self.wire.repeated(),
            {name: agent.all for name, agent in agents.items() if len(self._bootids[name]) == 1},
        )

    def stored(self) -> Stored:
        """What the store holds."""
        if self.layout.store == "influx":
            return read_influx(self.influx_url, BUCKET, JUDGED_WITHIN)
        return read_sqlite(self.data / "readings.db", JUDGED_WITHIN)

    def letters(self) -> dict[str, set[int]]:
        """The numbers of each gateway's events among the dead letters."""
        numbers: dict[str, set[int]] = {gateway: set() for gateways in GROUPS.values() for gateway in gateways}
        table = schema.dead_letters
        with self.database.read() as connection:
            for topic, payload in connection.execute(select(table.c.topic, table.c.payload)):
                parsed = topics.parse(topic)
                assert isinstance(parsed, topics.GatewayTopic)
                document = msgspec.json.decode(payload)
                data = document.get("data")
                if isinstance(data, dict):
                    numbers[parsed.gateway].add(int(data.get("n", 0)))
                elif data:
                    numbers[parsed.gateway].add(plan.number_of(data[0]["v"])[0])
        return numbers

    @property
    def influx_url(self) -> str:
        """Where influxd itself listens."""
        return f"http://127.0.0.1:{self._influx_port}"

    # --- making it --------------------------------------------------------------------------------------------------

    def _make_settings(self) -> Settings:
        rules = self.folder / "rules"
        influx: dict[str, Any] = {}
        if self.layout.store == "influx":
            self.store_proxy = StoreProxy(self.influx_url, slow_s=2 * self.layout.influx_timeout_s)
            influx = {
                "influx_url": self.store_proxy.url,
                "influx_bucket": BUCKET,
                "influx_timeout_s": self.layout.influx_timeout_s,
            }
        return load_settings(
            data=self.folder / "data",
            broker="mosquitto" if self.layout.broker == "mosquitto" else "nats",
            broker_port=free_port(),
            rules=rules,
            simulator=False,
            language="en",
            log_level=self.layout.log_level,
            retention_raw_days=self.layout.raw_days,
            retention_events_days=0,
            **influx,
        )

    def _prepare(self) -> None:
        rules = self.folder / "rules"
        rules.mkdir()
        (rules / "counted.yaml").write_text(plan.RULE)
        DataFolder(self.data).prepare()
        self._database = open_database(self._settings.app_database_url)
        upgrade(self._database)
        gateways = [gateway for names in GROUPS.values() for gateway in names]
        with self._database.write() as connection:
            registry.save(connection, plan.registry(gateways))
        ensure_broker_users(self._settings, self._database)

    def _child(self, name: str, command: Any, environment: Mapping[str, str], ready: Any) -> Child:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("LINLI_")}
        child = Child(name, command, clean | dict(environment), self.logs / f"{name}.log", ready)
        self.nursery.children[name] = child
        return child

    def _start_children(self, *prefixes: str) -> None:
        for name, child in self.children.items():
            if name.startswith(prefixes):
                child.start()
        for name, child in self.children.items():
            if name.startswith(prefixes):
                child.wait_ready(90)

    def _start_servers(self) -> None:
        settings = self._settings.model_copy(update={"broker_port": self.server_proxy.port})
        for name, command in (("ingest", self.layout.ingest), ("rules", RULES)):
            child = self._child(name, command, settings.environment(), lambda name=name: self._reports(name))
            child.start()

    def _reports(self, name: str) -> bool:
        pid = self.children[name].pid
        return any(report.name == name and report.pid == pid for report in reports(self.database))

    def _start_agents(self) -> None:
        for number, (group, gateways) in enumerate(GROUPS.items()):
            folder = self.agents_folder(group)
            folder.mkdir(exist_ok=True)
            users = {gateway: self.user(gateway_user(gateway)) for gateway in gateways}
            seed = self.layout.seed * 100 + number
            write_json(folder / "site.json", Site(self.edge_proxy.port, users, self.layout.outbox_bytes, seed=seed))
            write_json(folder / "control.json", self.control)
            command = (sys.executable, "-m", "tests.faults.generator", str(folder))
            self._child(group, command, {}, lambda group=group: group in self.told()).start()

    def _start_influx(self) -> None:
        home = self.folder / "influx"
        home.mkdir()
        config = home / "influxdb.conf"
        config.write_text(_INFLUXD.format(folder=home, port=self._influx_port, rpc=free_port()))
        port = self._influx_port
        self._child("influxd", (need("influxd"), "-config", str(config)), {}, lambda: is_open("127.0.0.1", port))
        assert self.store_proxy is not None
        self.store_proxy.start()

    def user(self, name: str) -> tuple[str, str]:
        """Name and password at the broker."""
        return name, BrokerUsers(DataFolder(self.data).secrets).get(name).password

    def _service(self, name: str) -> tuple[str, str]:
        return self.user(service_user(name))


def keep_logs(world: World, to: Path) -> Path:
    """Copy logs, ledgers and databases to `to`, for whoever has to find out."""
    to.mkdir(parents=True, exist_ok=True)
    for part in ("logs", "data", "north", "south"):
        if (world.folder / part).exists():
            shutil.copytree(world.folder / part, to / part, dirs_exist_ok=True)
    return to
