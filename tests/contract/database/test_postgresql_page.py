"""docs/postgresql.md: what it tells people to run makes a database that Linli runs on, and what it says of Linli is so."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from linli.db.database import open_database
from linli.db.migrate import current, head, upgrade
from tests.postgres import PostgresServer

pytestmark = pytest.mark.integration

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ["postgresql.md", "postgresql.zh-CN.md"]


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return (DOCS / name).read_text("utf-8")


@pytest.fixture
def url(page: str, postgres: PostgresServer) -> Iterator[str]:
    """The database that the page has an administrator make, under another name: Linli's role is there already."""
    (block,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    role, database = [line.replace("linli", "paged") for line in block.strip().splitlines()]
    address = postgres.url("postgres", "postgres").replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as administrator:
        administrator.execute(role.encode())
        administrator.execute(database.encode())
        yield f"postgresql+psycopg://paged:choose-a-long-one@127.0.0.1:{postgres.port}/paged"
        administrator.execute("DROP DATABASE paged WITH (FORCE)")
        administrator.execute("DROP ROLE paged")


def test_what_the_page_says_makes_a_database_for_linli(url: str) -> None:
    """By a role that is no superuser, up to the newest revision."""
    database = open_database(url)
    upgrade(database)
    assert current(database) == head()
    with database.read() as connection:
        assert connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar() is False
    database.close()


def test_what_the_page_says_that_linli_sets(page: str, url: str) -> None:
    """The bounds of waiting, the isolation of both kinds of transaction, the connections of a process."""
    database = open_database(url)

    def shown(what: str) -> tuple[str, str]:
        asked = text(f"SHOW {what}")
        with database.read() as reader, database.write() as writer:
            return str(reader.execute(asked).scalar()), str(writer.execute(asked).scalar())

    assert shown("transaction_isolation") == ("repeatable read", "read committed")
    assert shown("transaction_read_only") == ("on", "off")
    assert shown("lock_timeout") == ("15s", "15s")
    assert shown("idle_in_transaction_session_timeout") == ("5min", "5min")
    assert all(words in page for words in ("REPEATABLE READ", "READ COMMITTED", "`lock_timeout` 15", "5 "))
    pool = database.engine.pool
    assert f" {pool.size() + pool._max_overflow} " in page  # type: ignore[attr-defined]
    database.close()


def test_what_the_url_says_goes_before(url: str) -> None:
    """An administrator's own bounds."""
    database = open_database(f"{url}?options=-c%20lock_timeout%3D99&application_name=ours")
    with database.read() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "99ms"
        assert connection.execute(text("SHOW application_name")).scalar() == "ours"
    database.close()


def test_the_line_that_brings_an_installation_over_does(page: str, url: str, tmp_path: Path) -> None:
    """As it stands on the page, but for host, role and database; and back, with the audit log whole on both sides."""
    (line,) = re.findall(r"```text\n(PGPASSWORD=\S+ linli database copy .*?)\n```", page, re.DOTALL)
    line = line.replace("linli@db.example:5432/linli", url.replace(":choose-a-long-one", "").rpartition("//")[2])
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")}
    environment = clean | {"LINLI_DATA": str(tmp_path / "data"), "LINLI_LANGUAGE": "en"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"

    def run(words: str, **more: str) -> str:
        done = subprocess.run(
            ["bash", "-c", words], env=environment | more, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("linli prepare && linli user add li.wei --role auditor")
    assert "each table compared" in run(line)
    there = {"LINLI_DATABASE_URL": url}
    assert "li.wei" in run("linli prepare && linli user list && linli audit verify", **there)
    run("mv data/linli.db former.db && rm -f data/linli.db-*")
    run(next(iter(re.findall(r"`(linli database copy --to sqlite)`", page))), **there)
    assert "li.wei" in run("linli user list && linli audit verify")
