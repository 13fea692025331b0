"""The schema of the SQLite file of readings: its number, and the way to it from any older one (Alembic)."""

import sqlite3
from pathlib import Path

from linli.clock import MINUTE
from linli.errors import DataFolderError
from linli.i18n import Text

HEAD = "0004"
"""The revision that this version of Linli reads and writes (a test holds it to the newest script)."""

SPAN = 10 * MINUTE
"""The rows of a series lie together for this long, and then those of the next: see revision 0004."""

MIGRATIONS = Path(__file__).parent / "readings_migrations"


def ensure(file: Path) -> None:
    """Make the file, or migrate it, unless it is at HEAD already: then this is one query, and Alembic is not loaded.

    Several processes may call this at once: the write lock lets one migrate while the others wait. DataFolderError if a
    newer Linli wrote the file; sqlite3.Error, or SQLAlchemy's, if it cannot be read or written.
    """
    if current(file) != HEAD:
        migrate(file)


def current(file: Path) -> str | None:
    """The revision of the file; None if it is not there yet or is empty."""
    if not file.exists():
        return None
    connection = sqlite3.connect(file, timeout=15)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return None
    finally:
        connection.close()
    return None if row is None else str(row[0])


def migrate(file: Path, revision: str = "head") -> None:
    """Bring the file up to `revision`, in one transaction."""
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from linli.db.database import open_database

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    database = open_database(f"sqlite:///{file.resolve()}")
    try:
        with database.write() as connection:
            now = MigrationContext.configure(connection).get_current_revision()
            if now is not None and now not in known:
                raise DataFolderError(
                    Text(
                        f"{file} 由更新版本的 Linli 写成（{now}），请升级 Linli 后再启动",
                        f"{file} was written by a newer Linli ({now}); upgrade Linli, then start again",
                    )
                )
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        database.close()
