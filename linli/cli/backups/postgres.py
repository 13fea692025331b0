"""PostgreSQL by its own tools: pg_dump at the instant of a transaction of ours, pg_restore as one transaction.

The tools get address and options as arguments and the password by the environment, which other users cannot read.
"""

import re
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from linli.backups import BackupError
from linli.cli.backups.programs import find_tool, run_tool
from linli.db.database import open_database
from linli.i18n import Text

_PASSWORD = "PGPASSWORD"  # noqa: S105  (the name of a variable)


class PinnedPostgres:
    """The database at an SQLAlchemy URL as it is now: a transaction of ours sees that instant, and so does the dump."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._database = open_database(url)
        self._connection: Connection | None = None
        try:
            self._connection = self._database.engine.connect().execution_options(isolation_level="REPEATABLE READ")
            self.snapshot = str(self._connection.execute(text("SELECT pg_export_snapshot()")).scalar_one())
            self._version = _server_version(self._connection)
        except SQLAlchemyError as error:
            self.close()
            raise _no_answer(error) from None

    @property
    def connection(self) -> Connection:
        """Sees the database as it was when this was made."""
        if self._connection is None:
            raise RuntimeError("closed")
        return self._connection

    def copy(self, target: Path) -> None:
        """Dump it to the new file `target`. BackupError if pg_dump is missing, too old, or fails."""
        tool = _tool("pg_dump", self._version)
        address, secrets = _address(self._url)
        options = ["--format=custom", "--no-owner", "--no-password", f"--snapshot={self.snapshot}"]
        run_tool([tool, *options, f"--file={target}", f"--dbname={address}"], secrets)

    def close(self) -> None:
        """Let go of it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._database.close()


def require_empty(url: str) -> int:
    """BackupError unless the database is there, and nothing in it; else the major version of its server."""
    database = open_database(url)
    try:
        with database.read() as connection:
            count = connection.execute(
                text(
                    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname"
                    " NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')"
                )
            ).scalar_one()
            version = _server_version(connection)
    except SQLAlchemyError as error:
        raise _no_answer(error) from None
    finally:
        database.close()
    if count:
        where = make_url(url).render_as_string(hide_password=True)
        raise BackupError(
            Text(
                f"数据库 {where} 不是空的：只恢复到空库中。请建一个新库（createdb），把 LINLI_DATABASE_URL 指向它；"
                "若其中只是上次恢复的结果，先删除再重建（dropdb、createdb）",
                f"the database {where} is not empty: a backup is restored into an empty one only. Make one (createdb) and let "
                "LINLI_DATABASE_URL name it; if what is in it came from a restore before, drop it and make it anew (dropdb, "
                "createdb)",
            )
        )
    return version


def restore(url: str, dump: Path, version: int) -> None:
    """Bring the dump into the empty database, all of it or nothing. BackupError if pg_restore is missing or fails."""
    tool = _tool("pg_restore", version)
    address, secrets = _address(url)
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-password"]
    run_tool([tool, *options, f"--dbname={address}", dump], secrets)


def read_through(dump: Path) -> None:
    """BackupError if pg_restore cannot read the dump to its end, or is not installed."""
    run_tool([find_tool("pg_restore", _TO_INSTALL), "--file=/dev/null", dump])


_TO_INSTALL = Text(
    "请安装 PostgreSQL 的客户端工具（Debian/Ubuntu：apt install postgresql-client）",
    "install the client tools of PostgreSQL (Debian/Ubuntu: apt install postgresql-client)",
)


def _tool(name: str, server: int) -> Path:
    """The tool, of the server's major version or a newer one; BackupError with what to install if there is none."""
    path = find_tool(name, _TO_INSTALL)
    said = run_tool([path, "--version"])
    major = re.search(r"(\d+)(?:\.\d+|devel|beta\d*|rc\d*)?", said)
    if major is None or int(major[1]) < server:
        raise BackupError(
            Text(
                f"{path} 的版本（{said.strip()}）比服务器（PostgreSQL {server}）旧：请安装版本 {server} 的客户端工具"
                f"（Debian/Ubuntu：apt install postgresql-client-{server}），并放在 PATH 的前面",
                f"{path} ({said.strip()}) is older than the server (PostgreSQL {server}): install the client tools of version "
                f"{server} (Debian/Ubuntu: apt install postgresql-client-{server}) and have them first on the PATH",
            )
        )
    return path


def _address(url: str) -> tuple[str, dict[str, str]]:
    """How libpq is told where the database is, and the password apart from it."""
    from psycopg.conninfo import make_conninfo

    parsed = make_url(url)
    facts = parsed.translate_connect_args(username="user", database="dbname") | dict(parsed.query)
    password = facts.pop("password", None)
    return make_conninfo(**facts), {} if password is None else {_PASSWORD: str(password)}


def _server_version(connection: Connection) -> int:
    return int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000


def _no_answer(error: SQLAlchemyError) -> BackupError:
    said = str(getattr(error, "orig", None) or error).partition("\n")[0]
    return BackupError(Text(f"数据库不能使用：{said}", f"the database cannot be used: {said}"))
