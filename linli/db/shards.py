"""How many shards the rules run as, as the database knows it: one row of `rules_positions` for each, all of one count.

The rows are what decides: a worker of another count is refused, and resharding takes effect with the transaction that
replaces them.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, insert, select, text

from linli.db import schema
from linli.db.database import Database
from linli.errors import DataFolderError
from linli.i18n import Text
from linli.shards import WHOLE, Shard

_BEFORE_0005 = "1/1"
"""What the whole was called in a database that this version has not migrated yet."""

_table = schema.rules_positions


def known(database: Database) -> dict[Shard, int]:
    """Every shard of the rules that has run, and its journal position; SQLAlchemyError if the database fails."""
    with database.read() as connection:
        return _known(connection)


def require(database: Database, shard: Shard) -> None:
    """DataFolderError if the rules have run as another number of shards: their state has to be brought over first."""
    _require(known(database), shard)


def _known(connection: Connection) -> dict[Shard, int]:
    rows = connection.execute(select(_table)).all()
    return {WHOLE if row.shard == _BEFORE_0005 else Shard.parse(row.shard): row.position for row in rows}


def _require(known: Iterable[Shard], shard: Shard) -> None:
    others = sorted({other.count for other in known if other.count != shard.count})
    if others:
        was, wanted = others[0], shard.count
        raise DataFolderError(
            Text(
                f"规则的状态分为 {was} 个分片，现在要按 {wanted} 个运行：先停止全部规则进程，运行 linli rules reshard {was} {wanted}，"
                "再启动",
                f"the rules' state is in {was} shards and this would run as one of {wanted}: stop all rules workers, run "
                f"linli rules reshard {was} {wanted}, then start",
            )
        )


def claim(database: Database, shard: Shard) -> int:
    """Have the shard among those known, from its first start on; its position. DataFolderError as `require`.

    One transaction: of two first starts with different numbers one is refused.
    """
    with database.write() as connection:
        if connection.dialect.name == "postgresql":  # SQLite has the write lock already
            connection.execute(text(f"LOCK TABLE {_table.name} IN SHARE ROW EXCLUSIVE MODE"))
        there = _known(connection)
        _require(there, shard)
        if shard not in there:
            connection.execute(insert(_table).values(shard=str(shard), position=0))
        return there.get(shard, 0)


def replace(database: Database, positions: Mapping[Shard, int]) -> None:
    """Make these the shards there are, in one transaction, and forget the reports of workers that there are no more."""
    workers = schema.workers
    names = {shard.worker(service) for shard in known(database) for service in ("ingest", "rules")}
    kept = {shard.worker(service) for shard in positions for service in ("ingest", "rules")}
    with database.write() as connection:
        connection.execute(delete(_table))
        connection.execute(
            insert(_table), [{"shard": str(shard), "position": position} for shard, position in positions.items()]
        )
        connection.execute(delete(workers).where(workers.c.name.in_(sorted(names - kept))))
