"""The whole path of the ingest bench: broker, consumers and store as real processes, fed by the generator."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from linli.access import BrokerUsers, gateway_user
from linli.cli.benches import influxd, meter
from linli.cli.benches.district import District, write_rules
from linli.cli.benches.fleet import Fleet
from linli.cli.benches.generator import fleet_of
from linli.cli.benches.helper import Helper
from linli.cli.benches.influxd import Influx
from linli.cli.benches.job import Told
from linli.cli.benches.meter import Costs, Meter
from linli.cli.private import PrivateLinli, private_linli
from linli.cli.stack import ensure_broker_users
from linli.datafolder import DataFolder
from linli.db import registry
from linli.db.database import open_database
from linli.errors import LinliError
from linli.i18n import Text
from linli.ids import new_bootid
from linli.settings import Settings

GENERATOR = "generator"
_NEAR_FULL = 0.9
"""Of a core: a generator that used more could not go faster."""

_OFTEN = 0.5
"""Of the looks at a sender: if fewer found its window full, it did not wait for the consumers."""


PLAIN: Mapping[str, object] = {
    "simulator": False,
    "rules": None,
    "qos": 0,
    "broker_tls": False,
    "broker_tls_certificate": None,
    "broker_tls_key": None,
    "broker_tls_client_ca": None,
    "influx_token": None,
    "influx_username": None,
    "clock_speed": 1.0,
    "clock_origin": None,
    "clock_real_origin": None,
}
"""What is measured is the same, whatever is set for the Linli of whoever measures."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is offered: `messages` of `per_message` readings; `paced` of them at `rate` a second, the rest, for
    about `full_s` seconds, at full throttle.

    `consumers`: who runs and has to acknowledge. `influx`: into InfluxDB instead of SQLite. `district`: the load of the rules
    bench with these fields of District, and its rules, instead of the ingest bench's.
    """

    messages: int
    per_message: int = 1
    paced: int = 0
    rate: float = 10_000.0
    full_s: float = 30.0
    consumers: Sequence[str] = ("ingest", "rules")
    influx: bool = False
    gateways: int = 10
    devices: int = 1000
    district: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch that was measured: readings a second that every consumer has acknowledged, and what each process cost.

    `offered`: readings a second that were to be sent (None: as many as possible). `held_up`: the part of the time, 0 to 1,
    in which a sender waited for acknowledgements. `others`: cores that programs kept busy which have no part in this.
    """

    rate: float
    costs: Costs
    held_up: float
    others: float = 0.0
    offered: float | None = None

    @property
    def behind(self) -> bool:
        """Whether less arrived than was offered."""
        return self.offered is not None and self.rate < 0.97 * self.offered

    @property
    def generator_was_the_limit(self) -> bool:
        """Whether more could not be sent: then the rate says nothing of the consumers."""
        busy = self.costs[GENERATOR]["cores"] > _NEAR_FULL
        if self.offered is not None:
            return busy and self.behind
        return busy or self.held_up < _OFTEN


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a load: its phases by name ('paced', 'full'), what was lost, how often something was sent again."""

    phases: Mapping[str, Phase]
    lost: int
    resent: int
    store: str


def run(base: Settings, load: Load, folder: Path) -> Outcome:
    """Run it from start to end, with everything in `folder`; nothing is left running. LinliError if it does not come up."""
    job = generator_job(load)
    fleet = fleet_of(job)
    with ExitStack() as end:
        generator = Helper("linli.cli.benches.generator", job, folder / "generator.log")
        end.callback(generator.stop)
        influx = end.enter_context(_influx(load, folder, base))
        linli = end.enter_context(linli_of(base, load, fleet, folder, influx))
        per_message = generator.until("ready")["per_message"]
        pids = {part.name: part.pid for part in linli.stack.states() if part.pid is not None}
        pids |= {GENERATOR: generator.pid} | ({"influxd": influx.pid} if influx else {})
        generator.say(where(linli.settings, fleet))
        phases, done = _watch(generator, Meter(pids), load, per_message)
        _require_unbroken(linli)
        arrived = min(done["acked"].values()) * load.per_message
        if "ingest" in load.consumers:
            arrived = min(arrived, rows(linli.settings, influx))
        lost = done["total"] * load.per_message - arrived
        store = f"InfluxDB {influx.version}" if influx else f"SQLite {sqlite3.sqlite_version}"
        return Outcome(phases, lost, done["resent"], store)


def generator_job(load: Load) -> dict[str, object]:
    """What the generator is told before it makes its messages."""
    return {
        "gateways": load.gateways,
        "devices": load.devices,
        "messages": load.messages,
        "per_message": load.per_message,
        "paced": load.paced,
        "rate": load.rate,
        "full_s": load.full_s,
        "consumers": list(load.consumers),
        "bootid": new_bootid(),
        "district": load.district,
    }


def where(settings: Settings, fleet: Fleet | District) -> dict[str, object]:
    """And what it is told before it sends them."""
    users = BrokerUsers(DataFolder(settings.data).secrets).all()
    mine = [users[gateway_user(fleet.gateway(number))] for number in range(fleet.gateways)]
    host, port = settings.broker_endpoint
    return {"host": host, "port": port, "users": [(user.name, user.password) for user in mine]}


@contextmanager
def _influx(load: Load, folder: Path, base: Settings) -> Iterator[Influx | None]:
    program = influxd.find()
    if not load.influx:
        yield None
    elif program is None:
        raise LinliError(Text("PATH 中没有 influxd", "no influxd is on the PATH"))
    else:
        with influxd.running(program, folder, base.influx_bucket) as influx:
            yield influx


@contextmanager
def linli_of(
    base: Settings, load: Load, fleet: Fleet | District, folder: Path, influx: Influx | None
) -> Iterator[PrivateLinli]:
    """Run broker and consumers, with the fleet registered, until the end of the block."""
    own = dict(PLAIN)
    if influx:
        own |= {"influx_url": influx.url, "influx_kind": "influx1"}
    if isinstance(fleet, District):
        own["rules"] = write_rules(fleet.all_rules, folder / "rules")
    parts = ("broker", *load.consumers)
    with private_linli(base, parts, before_start=lambda made: register(made, fleet), own=own, within=folder) as linli:
        yield linli


def register(settings: Settings, fleet: Fleet | District) -> None:
    """Put the fleet into the registry, and its gateways among the broker's users."""
    database = open_database(settings.app_database_url)
    try:
        with database.write() as connection:
            registry.save(connection, fleet.items())
        ensure_broker_users(settings, database)
    finally:
        database.close()


def _watch(generator: Helper, processes: Meter, load: Load, per_message: float) -> tuple[dict[str, Phase], Told]:
    """Read all processes at each mark of the generator. `per_message`: readings and events in a message, on the average."""
    begun: dict[str, meter.Reading] = {}
    phases: dict[str, Phase] = {}
    for line in generator.lines():
        now = processes.read(line["at"], min(line["acked"].values()) * per_message)
        if "done" in line:
            return phases, line
        name, _, border = line["mark"].partition(":")
        if border == "begin":
            begun[name] = now
        elif name in begun:
            phases[name] = Phase(
                rate=meter.rate(begun[name], now),
                costs=meter.costs(begun[name], now, processes.memory()),
                held_up=line["held_up"],
                others=meter.others(begun[name], now),
                offered=load.rate * per_message if name == "paced" else None,
            )
    raise LinliError(Text("发生器提前结束", "the generator ended too early"))


def _require_unbroken(linli: PrivateLinli) -> None:
    """LinliError if a process ended and was started anew: its CPU-seconds would be another's."""
    for part in linli.stack.states():
        if part.restarts:
            raise LinliError(
                Text(f"{part.name} 在测试中重启过：{part.reason.zh}", f"{part.name} was restarted: {part.reason.en}")
            )


def rows(settings: Settings, influx: Influx | None) -> int:
    """How many readings the store has."""
    if influx is not None:
        found = influx.query('SELECT count("value") FROM "readings"', settings.influx_bucket)
        return int(str(found[0][1])) if found else 0
    connection = sqlite3.connect(settings.readings_path)
    try:
        return int(connection.execute("SELECT count(*) FROM readings").fetchone()[0])
    finally:
        connection.close()
