"""For all tests: property tests are not judged by the clock, which on a busy machine says nothing. And databases.

A test that asks for `database` (open), `database_url` (a URL) or, to make several or for a fixture of module scope,
`databases` (`with databases.new() as url`) runs twice: on SQLite and on a real PostgreSQL, each time with a migrated database
of its own. `databases.kind` is 'sqlite' or 'postgresql', for what is only true of one. A test of PostgreSQL alone asks for
`postgres`, the server, and takes `with postgres.database() as url`.
"""

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, settings

from linli.db.database import Database, open_database
from tests import postgres as postgres_server
from tests.databases import Databases, PostgresDatabases, SqliteDatabases
from tests.postgres import PostgresServer

settings.register_profile("linli", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("linli")

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, started at the first test that asks for it."""
    with postgres_server.running() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """Files, copied from one that was migrated once."""
    return SqliteDatabases(tmp_path_factory.mktemp("databases"))


@pytest.fixture(scope="session")
def postgresql_databases(postgres: PostgresServer) -> PostgresDatabases:
    """Databases of that server, copied from one that was migrated once."""
    return PostgresDatabases(postgres)


@pytest.fixture(scope="module", params=KINDS)
def databases(request: pytest.FixtureRequest) -> Databases:
    """Makes databases; whatever asks for it runs on both kinds."""
    made: Databases = request.getfixturevalue(f"{request.param}_databases")
    return made


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """The URL of a migrated database of the test's own, on both kinds."""
    with databases.new() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, open."""
    with closing(open_database(database_url)) as opened:
        yield opened
