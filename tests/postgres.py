"""A real PostgreSQL for tests: on a free port of loopback, with its own folder, ended with the block.

One server serves all tests of a process (a worker of pytest-xdist is one); each test has a database of its own there, copied
from one that was migrated once. The server never runs as root: root starts it as user postgres, anybody else as themselves.
Its collation is a linguistic one, as an installation's is, not that of bytes: an order that Python and SQLite agree on by
chance is found here. Linli's role is no superuser and owns its databases, as docs say it should.
"""

import itertools
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from linli.db.database import open_database
from linli.db.migrate import upgrade
from tests.support import eventually, free_port, missing

ROLE = "linli"
_BINARIES = Path("/usr/lib/postgresql/15/bin")
_EMPTY, _MIGRATED = "template0", "migrated"
_QUICK = {
    "fsync": "off",  # a machine that loses power in the middle of a test has lost the test too
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "fatal",
}


@dataclass
class PostgresServer:
    """A server with all it keeps in `folder`, run by `user`. `password` is that of both roles, the superuser postgres and
    Linli's."""

    folder: Path
    user: str | None
    port: int
    password: str
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _process: "subprocess.Popen[bytes] | None" = None

    def url(self, database: str, role: str = ROLE) -> str:
        """The address of a database for SQLAlchemy, and for LINLI_DATABASE_URL."""
        return f"postgresql+psycopg://{role}:{self.password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a database of the caller's own, gone after the block with whoever is connected to it still.

        That nobody is, is seen to: a connection left open here would be found in whichever test comes next.
        """
        name = f"test{next(self._numbers)}"
        self._run("CREATE DATABASE {} OWNER {} TEMPLATE {}", name, ROLE, _MIGRATED if migrated else _EMPTY)
        try:
            yield self.url(name)
            eventually(lambda: self.connected(name) == 0, what=f"nobody is connected to {name}")
        finally:
            self._run("DROP DATABASE {} WITH (FORCE)", name)

    def connected(self, name: str) -> int:
        """How many sessions there are in a database."""
        with self._administrator() as connection:
            counted = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [name]).fetchone()
        assert counted is not None
        return int(str(counted[0]))

    def prepare(self) -> None:
        """Linli's role, and the migrated database that others are copied from."""
        with self._administrator() as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(self.password))
            )
        self._run("CREATE DATABASE {} OWNER {} TEMPLATE template0", _MIGRATED, ROLE)
        database = open_database(self.url(_MIGRATED))
        upgrade(database)
        database.close()

    def start(self) -> None:
        """Start it, also after it was killed; it answers then."""
        command = [*_leash(), str(_need("postgres")), "-D", str(self.folder / "data"), "-p", str(self.port)]
        for name, value in _QUICK.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **_as(self.user))
        eventually(self.answers, timeout=30, what="PostgreSQL answers")

    def end(self, number: signal.Signals = signal.SIGINT) -> None:
        """Have it end at once: SIGINT ends its sessions in order, SIGQUIT as if the machine had failed."""
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def run_as_superuser(self, url: str, statements: str) -> None:
        """Run SQL in the database of that URL, with every right."""
        name = url.rpartition("/")[2]
        address = f"host=127.0.0.1 port={self.port} user=postgres dbname={name} connect_timeout=10"
        with psycopg.connect(address, password=self.password, autocommit=True) as connection:
            connection.execute(statements.encode())

    def answers(self) -> bool:
        """Whether it takes connections by now."""
        try:
            self._administrator().close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, statement: str, *names: str) -> None:
        with self._administrator() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _administrator(self) -> "psycopg.Connection[tuple[object, ...]]":
        address = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres connect_timeout=10"
        return psycopg.connect(address, password=self.password, autocommit=True)


@contextmanager
def running() -> Iterator[PostgresServer]:
    """Start a server with all it keeps in a new folder; skips (fails, if all are required) without PostgreSQL 15."""
    initdb, user = _need("initdb"), _user()
    folder = Path(tempfile.mkdtemp(prefix="linli-postgres-"))  # pytest's folders are closed to user postgres
    server = PostgresServer(folder, user, free_port(), secrets.token_urlsafe(16))
    try:
        if user is not None:
            shutil.chown(folder, user, user)
        _initialise(initdb, folder, server.password, user)
        server.start()
        server.prepare()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder)


def _initialise(initdb: Path, folder: Path, password: str, user: str | None) -> None:
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o600)
    if user is not None:
        shutil.chown(secret, user, user)
    command = [str(initdb), "-D", str(folder / "data"), "--username=postgres", f"--pwfile={secret}", "--no-sync"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
    command += ["--locale-provider=icu", "--icu-locale=zh-CN"]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, **_as(user))


def _need(program: str) -> Path:
    """Debian keeps them out of the PATH, one folder for each version."""
    found = shutil.which(program, path=_BINARIES) or shutil.which(program)
    if found is None:
        missing(f"PostgreSQL's {program} is not installed (Debian package postgresql-15)")
    return Path(found)


def _user() -> str | None:
    """Whom to run the server as; None: as who runs the tests."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        missing("root cannot run PostgreSQL, and there is no user postgres (Debian package postgresql-15)")


def _leash() -> list[str]:
    """What ends the server when the tests were killed and cannot; where there is none, it stays."""
    program = shutil.which("setpriv")
    return [] if program is None else [program, "--pdeathsig", "INT"]


def _as(user: str | None) -> dict[str, Any]:
    """What makes a subprocess run as `user`, and with no group of root's."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
