"""What is known of each snapshot, in the database."""

from dataclasses import dataclass

from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from linli.db import schema
from linli.db.database import Database
from linli.db.turns import take_turn
from linli.errors import Conflict
from linli.i18n import Text
from linli.snapshots import Kind

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A picture of a device. Times are microseconds since 1970 UTC; `size` is bytes, `sha256` of the file, in hexadecimal."""

    device: str
    id: str
    community: str
    taken_at: int
    stored_at: int
    kind: Kind
    size: int
    width: int
    height: int
    sha256: str
    file: str
    stored_by: str


class SqlSnapshots:
    """The table `snapshots`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, snapshot: Snapshot) -> Snapshot:
        """Add it; what is kept under its name, which is another one if there was one already.

        Conflict if that one is of another community: the device was there before.
        """
        try:
            return self._add(snapshot)
        except IntegrityError:
            raise Conflict(Text("这个名字已被使用", "this name is taken")) from None

    def _add(self, snapshot: Snapshot) -> Snapshot:
        table = schema.snapshots
        with self._database.write() as connection:
            take_turn(connection, table)
            query = select(table).where(table.c.device_id == snapshot.device, table.c.id == snapshot.id)
            row = connection.execute(query).one_or_none()
            if row is not None:
                return snapshot_of(row)
            connection.execute(
                insert(table).values(
                    device_id=snapshot.device,
                    id=snapshot.id,
                    community_id=snapshot.community,
                    taken_at=snapshot.taken_at,
                    stored_at=snapshot.stored_at,
                    kind=snapshot.kind.value,
                    size=snapshot.size,
                    width=snapshot.width,
                    height=snapshot.height,
                    sha256=snapshot.sha256,
                    file=snapshot.file,
                    stored_by=snapshot.stored_by,
                )
            )
        return snapshot

    def get(self, device: str, snapshot: str) -> Snapshot | None:
        """That one, or None."""
        table = schema.snapshots
        query = select(table).where(table.c.device_id == device, table.c.id == snapshot)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else snapshot_of(row)

    def bytes(self) -> dict[str, int]:
        """How much the pictures of each community take, of those that have any."""
        table = schema.snapshots
        query = select(table.c.community_id, func.sum(table.c.size)).group_by(table.c.community_id)
        with self._database.read() as connection:
            return {community: int(size) for community, size in connection.execute(query)}

    def oldest(
        self, before: int | None = None, limit: int = _AT_ONCE, *, community: str | None = None
    ) -> list[Snapshot]:
        """Those stored first, before `before` if that is given, of `community` if that is."""
        table = schema.snapshots
        query = select(table).order_by(table.c.stored_at, table.c.device_id, table.c.id).limit(limit)
        if before is not None:
            query = query.where(table.c.stored_at < before)
        if community is not None:
            query = query.where(table.c.community_id == community)
        with self._database.read() as connection:
            return [snapshot_of(row) for row in connection.execute(query)]

    def remove(self, snapshots: list[Snapshot]) -> None:
        """Delete what is known of these."""
        table = schema.snapshots
        with self._database.write() as connection:
            for one in snapshots:
                connection.execute(delete(table).where(table.c.device_id == one.device, table.c.id == one.id))


def snapshot_of(row: Row[tuple[object, ...]]) -> Snapshot:
    """The picture that a row of all columns is."""
    return Snapshot(
        row.device_id,
        row.id,
        row.community_id,
        row.taken_at,
        row.stored_at,
        Kind(row.kind),
        row.size,
        row.width,
        row.height,
        row.sha256,
        row.file,
        row.stored_by,
    )
