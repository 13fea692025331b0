"""The last status of each gateway in the database: written by ingest, read by whoever shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, select
from sqlalchemy.dialects import postgresql, sqlite

from linli.db import schema
from linli.db.database import Database
from linli.i18n import Text
from linli.model import Gateway


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """`since`: microseconds since 1970 UTC at which the server first heard this state of this outbox."""

    gateway: str
    community: str
    online: bool
    since: int
    version: str
    bootid: str


class SqlGatewayStatuses:
    """The table `gateway_status`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, statuses: Sequence[GatewayStatus]) -> None:
        """Write each over the gateway's last one, in one transaction. Hearing the same state again leaves `since`."""
        if not statuses:
            return
        table = schema.gateway_status
        make = postgresql.insert if self._database.engine.dialect.name == "postgresql" else sqlite.insert
        insert = make(table)
        new = {name: insert.excluded[name] for name in ("community_id", "online", "version", "bootid")}
        since = case((table.c.online == insert.excluded.online, table.c.since), else_=insert.excluded.since)
        rows = [
            {
                "gateway_id": status.gateway,
                "community_id": status.community,
                "online": status.online,
                "since": status.since,
                "version": status.version,
                "bootid": status.bootid,
            }
            for status in sorted(statuses, key=lambda status: status.gateway)  # all writers in one order: no deadlock
        ]
        put = insert.on_conflict_do_update(index_elements=["gateway_id"], set_=new | {"since": since})
        with self._database.write() as connection:
            connection.execute(put, rows)

    def registered(self) -> list[Gateway]:
        """Every gateway of the registry, heard of or not, by id."""
        table = schema.gateways
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(table.c.removed_at.is_(None)).order_by(table.c.id)).all()
        return [Gateway(row.id, row.community_id, Text(row.name_zh, row.name_en)) for row in rows]

    def all(self) -> list[GatewayStatus]:
        """The last status of each gateway, by id."""
        table = schema.gateway_status
        with self._database.read() as connection:
            rows = connection.execute(select(table).order_by(table.c.gateway_id)).all()
        return [
            GatewayStatus(row.gateway_id, row.community_id, row.online, row.since, row.version, row.bootid)
            for row in rows
        ]
