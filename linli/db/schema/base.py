"""What every area of the tables is made with."""

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Serial = BigInteger().with_variant(Integer, "sqlite")
"""Counts up by itself: SQLite does this for INTEGER keys only."""


def id_(name: str, *args: object, **kwargs: object) -> Column[str]:
    """A column for an id of `linli.ids`."""
    return Column(name, String(64), *args, **kwargs)  # type: ignore[arg-type]


def scoped_by(column: str) -> dict[str, Any]:
    """The `info` of a table whose rows belong each to the community that `column` names (see `linli.db.scoping`)."""
    return {"scope": column}


def scoped_through(column: str, table: str) -> dict[str, Any]:
    """The `info` of a table whose rows belong each to the community of the row of `table` whose id is in `column`."""
    return {"scope": (column, table)}


SHARED: dict[str, Any] = {"scope": None}
"""The `info` of a table whose rows everybody who is signed in may see."""

PLATFORM: dict[str, Any] = {"scope": "platform"}
"""The `info` of a table about Linli itself and its accounts: closed to whoever asks with a person's scope."""
