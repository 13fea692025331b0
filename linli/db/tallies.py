"""What rules made of the observations of each gateway, outbox and day (table `rules_tallies`), for `linli reconcile`."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from linli.db import schema
from linli.db.database import Database
from linli.model import TallyKey


class RulesTally(NamedTuple):
    """Observations that rules evaluated, and that it refused; an event is one, a packet as many as it has readings."""

    evaluated: int
    refused: int


def save_rules_tallies(connection: Connection, tallies: Mapping[TallyKey, RulesTally]) -> None:
    """Write these absolute numbers over what is there, in the caller's transaction. Writing them again changes nothing."""
    if not tallies:
        return
    table = schema.rules_tallies
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = make(table)
    statement = insert.on_conflict_do_update(
        index_elements=["community_id", "gateway_id", "bootid", "day"],
        set_={"evaluated": insert.excluded.evaluated, "refused": insert.excluded.refused},
    )
    rows = [
        {
            "community_id": key.community,
            "gateway_id": key.gateway,
            "bootid": key.bootid,
            "day": key.day,
            "evaluated": tally.evaluated,
            "refused": tally.refused,
        }
        for key, tally in tallies.items()
    ]
    connection.execute(statement, rows)


def rules_tallies(database: Database, since_day: int = 0) -> dict[TallyKey, RulesTally]:
    """All that was written for days from `since_day` (days since 1970) on."""
    table = schema.rules_tallies
    with database.read() as connection:
        rows = connection.execute(select(table).where(table.c.day >= since_day)).all()
    return {
        TallyKey(row.community_id, row.gateway_id, row.bootid, row.day): RulesTally(row.evaluated, row.refused)
        for row in rows
    }


def forget_days_before(connection: Connection, day: int) -> None:
    """Delete what agents and rules counted for days before `day`."""
    for table in (schema.rules_tallies, schema.gateway_days):
        connection.execute(delete(table).where(table.c.day < day))
