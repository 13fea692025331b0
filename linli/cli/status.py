"""`linli status`: how Linli is, in words."""

from linli.datafolder import DataFolder
from linli.db.database import Database, open_database
from linli.errors import DataFolderError
from linli.i18n import Text
from linli.settings import Settings


def open_existing(settings: Settings) -> Database:
    """The database of a data folder that was prepared before; DataFolderError if there is none yet."""
    if settings.database_url is None and not (settings.data / "linli.db").exists():
        raise DataFolderError(
            Text(
                f"数据目录 {settings.data} 里还没有数据：请先运行 linli up，或用 --data 指定目录",
                f"there is nothing in the data folder {settings.data} yet: run linli up first, or name it with --data",
            )
        )
    DataFolder(settings.data).prepare()
    return open_database(settings.app_database_url)


def say_status(settings: Settings) -> int:
    """Print it; 0 if all is well, else 1."""
    open_existing(settings).close()
    return 0
