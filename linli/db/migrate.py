"""Bring a database to the schema of this version, from whichever older one it has (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, table
from sqlalchemy.exc import OperationalError

from linli.db.database import Database
from linli.db.turns import take_turn
from linli.db.unfinished import require_finished
from linli.errors import DataFolderError
from linli.i18n import Text

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSIONS = table("alembic_version")


def config() -> Config:
    """Alembic's configuration, without an alembic.ini: the place of the scripts is all it needs."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    return settings


def current(database: Database) -> str | None:
    """The revision that the database has; None if it is empty."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The revision of this version."""
    return str(ScriptDirectory.from_config(config()).get_current_head())


def upgrade(database: Database, revision: str = "head") -> None:
    """Migrate up to `revision`, in one transaction. DataFolderError if the database is of a newer Linli, or cannot be used.

    Of two that begin at once, the second finds it done.
    """
    try:
        _upgrade(database, revision)
    except OperationalError as error:
        said = str(error.orig).partition("\n")[0]
        raise DataFolderError(Text(f"数据库不能使用：{said}", f"the database cannot be used: {said}")) from error


def _upgrade(database: Database, revision: str) -> None:
    if revision == "head" and current(database) == head():
        with database.read() as connection:
            require_finished(connection)
        return  # altering nothing would look at each reference of a district all the same
    with database.alter() as connection:
        require_finished(connection)
        upgrade_within(connection, revision)


def upgrade_within(connection: Connection, revision: str = "head") -> None:
    """The same within a transaction of the caller's (`Database.alter`)."""
    script = ScriptDirectory.from_config(config())
    take_turn(connection, _VERSIONS)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {step.revision for step in script.walk_revisions()}:
        raise DataFolderError(
            Text(
                f"数据库由更新版本的 Linli 写成（{current}），请升级 Linli 后再启动",
                f"the database was written by a newer Linli ({current}); upgrade Linli, then start again",
            )
        )
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, revision)


def downgrade(database: Database, revision: str) -> None:
    """Migrate down to `revision`."""
    with database.alter() as connection:
        take_turn(connection, _VERSIONS)
        settings = config()
        settings.attributes["connection"] = connection
        command.downgrade(settings, revision)
