"""All of Linli on one machine: made ready (`prepare`), and run as separate processes (`Stack`).

`linli up`, `linli simulate`, the benches and the tests run the same thing through here.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from linli.access import SERVICES, Access, BrokerUsers, gateway_access, gateway_user, service_user
from linli.adapters.store import build_store
from linli.cli import ports
from linli.cli.broker import EmbeddedBroker, check_certificates, find_program
from linli.cli.lock import FolderLock, Runs, bare_address
from linli.cli.probes import broker_probe, http_probe, worker_probe
from linli.cli.supervisor import Part, PartStatus, Supervisor
from linli.datafolder import DataFolder, for_owner_alone
from linli.db import migrate, registry, schema, shards
from linli.db.database import Database, open_database
from linli.db.people import People, make_demo_accounts
from linli.errors import BrokerError, PortTaken
from linli.i18n import Text
from linli.model import Role
from linli.settings import PREFIX, Settings
from linli.shards import WHOLE, Shard, service_of, shards_of
from rules.language.load import load_book

_log = logging.getLogger(__name__)

PARTS = ("broker", "ingest", "rules", "api", "simulator")
"""Every part, in the order in which they are started; they stop in the reverse of it."""

_MODULES = {"ingest": "ingest", "rules": "rules", "api": "api", "simulator": "simulators"}
SHARDED = ("ingest", "rules")
"""The parts that run once for each shard."""

_PORT_PATIENCE_S = 5.0
_RELOAD_CHECK_S = 1.0


@dataclass(frozen=True, slots=True)
class Account:
    """An account made just now. Its password is nowhere else in clear."""

    role: Role
    name: str
    password: str


@dataclass(frozen=True, slots=True)
class FirstRun:
    """What `prepare` had to make: `accounts` that are new (none as a rule), `compound` if the demo one was registered."""

    accounts: tuple[Account, ...] = ()
    compound: bool = False


def prepare(settings: Settings, *, accounts: bool = True) -> FirstRun:
    """Make the data folder, databases, first accounts and broker passwords, or bring what is there to this version.

    Without `accounts` neither these nor the demo compound are made. Raises DataFolderError if the folder is newer, not writable, or in use by another Linli. Doing it again is harmless.
    """
    with for_owner_alone():
        return _prepare(settings, accounts)


def _prepare(settings: Settings, accounts: bool) -> FirstRun:
    folder = DataFolder(settings.data)
    folder.prepare()
    lock = FolderLock(folder.run)
    lock.take()
    try:
        database = open_database(settings.app_database_url)
        try:
            migrate.upgrade(database)
            made = _fill(settings, database) if accounts else FirstRun()
            ensure_broker_users(settings, database)
        finally:
            database.close()
        if settings.influx_url is None:
            store = build_store(settings)
            store.check()  # makes or migrates its file
            store.close()
        return made
    finally:
        lock.release(crashed=lock.crashed)


def _fill(settings: Settings, database: Database) -> FirstRun:
    with database.write() as connection:
        compound = settings.simulator and not _communities(connection)
        if compound:
            from simulators.compound import demo_registry

            registry.save(connection, demo_registry(), settings.clock().now())
        communities = _communities(connection)
    people = People(database, settings.clock())
    accounts = _first_accounts(people, communities, demo=compound, one_time=not settings.is_loopback)
    return FirstRun(tuple(accounts), compound)


def _communities(connection: Connection) -> list[str]:
    """The ids of those that are registered. Not the whole registry: of a district that takes seconds."""
    table = schema.communities
    return [*connection.execute(select(table.c.id).where(table.c.removed_at.is_(None)).order_by(table.c.id)).scalars()]


def _first_accounts(people: People, communities: Sequence[str], demo: bool, one_time: bool) -> list[Account]:
    """Accounts for who has none yet: one for each role, or an administrator where there is nothing to belong to.

    `demo`: the demo compound was registered just now; then also for roles that nobody has, after a first run without it.
    `one_time`: where strangers can reach the page, who signs in first chooses a password that was never on a terminal.
    """
    if communities:
        return [Account(*made) for made in make_demo_accounts(people, communities, complete=demo, one_time=one_time)]
    if people.all():
        return []
    person, password = people.add("admin", Role.ADMINISTRATOR, display_name="管理员 Administrator", one_time=one_time)
    return [Account(person.role, person.name, password)]


def ensure_broker_users(settings: Settings, database: Database) -> None:
    """See to it that every service and every registered gateway has a user at the embedded broker, and no other gateway.

    A broker that runs takes new ones within about a second (the supervisor sees the file change). BrokerError if the file
    is gone below a Linli that runs: new passwords would lock out its processes, which have the old ones.
    """
    if settings.broker_is_external:
        return
    folder = DataFolder(settings.data)
    users = BrokerUsers(folder.secrets)
    holder = FolderLock(folder.run).holder()
    if holder is not None and holder.pid != os.getpid() and not users.file.exists():
        raise BrokerError(
            Text(
                f"{users.file} 不存在，而 Linli 正在运行：停止它（kill {holder.pid}）并重新启动，会重新生成密码",
                f"{users.file} is gone while Linli runs: stop it (kill {holder.pid}) and start it again, "
                "and it makes new passwords",
            )
        )

    users.follow(lambda: _wanted_users(database))


def _wanted_users(database: Database) -> dict[str, Access]:
    table = schema.gateways
    query = select(table.c.id, table.c.community_id).where(table.c.removed_at.is_(None)).order_by(table.c.id)
    with database.read() as connection:
        gateways = connection.execute(query).all()
    services = {service_user(service): access for service, access in SERVICES.items()}
    return services | {gateway_user(name): gateway_access(community, name) for name, community in gateways}


class _Gateways:
    """Those that have a user at the embedded broker, kept as the registry says whoever changes it: the console, a script, an
    import. One that is removed is let in no more."""

    def __init__(self, settings: Settings) -> None:
        self._database = open_database(settings.app_database_url)
        self._users = BrokerUsers(DataFolder(settings.data).secrets)
        self._known: int | None = None
        self._said = ""

    def look(self) -> None:
        """Follow if the registry has changed. What fails is tried again; a table that is gone is left so, as its passwords are."""
        try:
            with self._database.read() as connection:
                version = registry.read_version(connection)
            if self._known not in (None, version):
                self._users.follow(lambda: _wanted_users(self._database), make=False)
        except (SQLAlchemyError, BrokerError, OSError) as error:
            if str(error) != self._said:
                self._said = str(error)
                _log.error("the broker does not follow the registry: who was removed is let in still: %s", error)
            return
        self._known, self._said = version, ""

    def close(self) -> None:
        """Let the database go."""
        self._database.close()


def workers_of(settings: Settings) -> list[str]:
    """The names of all parts in the order of PARTS, where shards are several each of them."""
    every = shards_of(settings.shards)
    return [shard.worker(part) for part in PARTS for shard in (every if part in SHARDED else [WHOLE])]


def page_address(settings: Settings) -> str:
    """Where the console is opened on this machine."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host
    scheme = "http" if settings.tls_certificate is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


class Stack:
    """Linli's processes over a prepared data folder. `start` once, `stop` once.

    `parts`: which of PARTS to run. The simulator runs only if the settings say so, the broker only if it is not external.
    """

    def __init__(self, settings: Settings, parts: Sequence[str] = PARTS) -> None:
        self.settings = settings
        self._folder = DataFolder(settings.data.resolve())
        self._lock = FolderLock(self._folder.run)
        self._database = open_database(settings.app_database_url)
        self._broker: EmbeddedBroker | None = None
        self._names = [name for name in workers_of(settings) if service_of(name)[0] in parts and self._runs(name)]
        self._supervisor: Supervisor | None = None
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch_users, name="broker-users", daemon=True)

    def check(self) -> None:
        """Find out what would keep it from starting, before `prepare` makes anything. Raises as `start` does."""
        self._lock.require_free()
        if self._wanted(["rules"]):
            load_book(self.settings.rules, self.settings.rules_overrides)
            self._require_shards()
        if "broker" in self._names:
            find_program(self.settings)
            check_certificates(self.settings)
        if "api" in self._names:
            from api.http.tls import build_port

            build_port(self.settings)
        self._require_ports()

    def start(self) -> None:
        """Start every part. Raises DataFolderError (in use), PortTaken, ConfigError or BrokerError, with nothing started."""
        with for_owner_alone():
            self._begin()

    def _begin(self) -> None:
        runs = Runs(bare_address(self.settings.influx_url), self.settings.shards, "simulator" in self._names)
        page = page_address(self.settings) if "api" in self._names else ""
        self._lock.take(page, self.settings.broker_endpoint, runs)
        try:
            self._require_ports()
            if "broker" in self._names:
                self._broker = EmbeddedBroker(self.settings, find_program(self.settings))
                self._broker.write_config()
        except BaseException:
            self._lock.release()
            raise
        self._supervisor = Supervisor([self._part(name) for name in self._names], self._folder.logs)
        self._supervisor.start()
        if self._broker is not None:
            self._watcher.start()

    def wait_ready(self, timeout_s: float = 30.0, parts: Sequence[str] = ()) -> bool:
        """Wait until these parts (or all) answer; whether they did within `timeout_s`."""
        return self._running().wait_ready(timeout_s, self._wanted(parts))

    def states(self) -> list[PartStatus]:
        """How each part is, in the order of PARTS."""
        return self._running().states()

    def stop(self, timeout_s: float = 9.0) -> None:
        """Stop all, in order: simulator, api, rules, ingest, broker. Kills what has not ended by then."""
        self._stopped.set()
        if self._supervisor is not None:
            self._supervisor.stop(timeout_s)
        if self._watcher.is_alive():
            self._watcher.join(timeout=5)
        self._database.close()
        self._lock.release()

    def kill(self) -> None:
        """Make a `stop` under way kill at once; may be called from a signal handler."""
        if self._supervisor is not None:
            self._supervisor.kill()

    def _wanted(self, parts: Sequence[str]) -> list[str]:
        """Those that run of these parts, each with all of its shards."""
        return [name for name in self._names if name in parts or service_of(name)[0] in parts]

    def _require_shards(self) -> None:
        """DataFolderError if the rules' state is that of another number of shards. A database that is not there knows none."""
        if self.settings.database_url is None and not (self._folder.root / "linli.db").exists():
            return
        try:
            shards.require(self._database, Shard(0, self.settings.shards))
        except SQLAlchemyError as error:
            _log.debug("the database says nothing of shards yet: %s", error)

    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise RuntimeError("the stack has not been started")
        return self._supervisor

    def _runs(self, name: str) -> bool:
        if name == "broker":
            return not self.settings.broker_is_external
        return name != "simulator" or self.settings.simulator

    def _part(self, name: str) -> Part:
        host, port = self.settings.broker_endpoint
        if name == "broker":
            if self._broker is None:
                raise BrokerError(Text("没有内嵌消息服务器", "there is no embedded broker"))
            return Part(
                name,
                self._broker.command,
                _clean_environment(),
                broker_probe(host, port, self._broker.client_context if self._broker.speaks_tls else None),
                speaks_leash=False,
                prepare=self._broker.renew_config,
            )
        probe = worker_probe(self._database, name)
        if name == "api":
            probe = http_probe(self.settings.host, self.settings.port, probe)
        # -P: a folder of the same name where the command was typed must not be taken for the package.
        service, shard = service_of(name)
        command = (sys.executable, "-P", "-m", _MODULES[service])
        environment = _clean_environment() | self.settings.environment() | {f"{PREFIX}SHARD": str(shard)}
        return Part(name, command, environment, probe)

    def _require_ports(self) -> None:
        wanted = []
        if "api" in self._names:
            wanted.append((self.settings.host, self.settings.port, ports.API))
        if "broker" in self._names:
            wanted.append((self.settings.broker_bind, self.settings.broker_endpoint[1], ports.BROKER))
        # After a kill of the supervisor its children may take a moment to end.
        deadline = monotonic() + (_PORT_PATIENCE_S if self._lock.crashed else 0.0)
        for host, port, use in wanted:
            _require_free(host, port, use, deadline)

    def _watch_users(self) -> None:
        """Tell the broker of changed users, and of a certificate that was renewed. What cannot be used is logged once, and
        read again until it can."""
        certificate = (self.settings.broker_tls_certificate, self.settings.broker_tls_key)
        files = [self._folder.secrets / "broker.json", *(file for file in certificate if file is not None)]
        seen, said, gateways = [_stamp(file) for file in files], "", _Gateways(self.settings)
        try:
            gateways.look()
            while not self._stopped.wait(_RELOAD_CHECK_S):
                gateways.look()
                now = [_stamp(file) for file in files]
                if now == seen or self._broker is None:
                    continue
                try:
                    check_certificates(self.settings)  # between the one file and the other they do not fit
                    if self._broker.refresh() or now[1:] != seen[1:]:
                        self._running().signal("broker", signal.SIGHUP)
                except Exception as error:  # noqa: BLE001  # the broker goes on with what it has
                    if str(error) != said:
                        said = str(error)
                        _log.error("the broker keeps the users it has: %s", error)
                else:
                    seen, said = now, ""
        finally:
            gateways.close()


def _require_free(host: str, port: int, use: ports.Use, deadline: float) -> None:
    pause = threading.Event()
    while True:
        try:
            ports.require_free(host, port, use)
        except PortTaken:
            if monotonic() > deadline:
                raise
            pause.wait(0.1)
        else:
            return


def _stamp(file: Path) -> tuple[int, int]:
    try:
        stat = file.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_ino


def _clean_environment() -> dict[str, str]:
    """The shell's environment without LINLI_ variables: a child is told Linli's settings by us alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
