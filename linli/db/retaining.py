"""Retention in the database: what is older than its class allows is deleted, a slice at a time, each written down in the audit log
by the transaction that deletes.

Alerts and commands have a history that is sealed (`linli.auditseals`): what is left of the seals that are touched is sealed again.
Where a seal does not hold, nothing under it is deleted: that somebody changed it must not be forgotten by growing old. The audit
log itself goes from its beginning, up to what its head outside has passed, after the seals that go with it were made anew.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, func, select, tuple_

from linli.audit import SHORTENED, Act, Fact, Head, Who, system
from linli.auditseals import Seal, grouped
from linli.auditwords import RETENTION_RAN
from linli.clock import DAY, HOUR
from linli.commands.life import OPEN
from linli.db import schema
from linli.db.audit import append, hash_at, read_entry
from linli.db.auditseals import ROWS, SealBroken, reseal, resealed_last, standing_seals
from linli.db.database import Database
from linli.db.inhabitants import FORMER
from linli.db.turns import take_turn
from linli.keeping import Kept
from linli.ports import RowClass

SLICE = 500
"""Rows of a class that go in one transaction: others wait to write meanwhile."""

_SKEW = HOUR
"""The triggers that guard young entries go by the database's clock."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _WithHistory:
    """A table whose rows have a sealed history: `about` names the row in `history`, `besides` what else goes with it."""

    table: Table
    since: "ColumnElement[int]"
    over: "ColumnElement[bool]"
    history: Table
    about: "ColumnElement[str]"
    besides: "ColumnElement[str] | None" = None


_HISTORIES: Mapping[Kept, _WithHistory] = {
    Kept.ALERTS: _WithHistory(
        schema.alerts,
        schema.alerts.c.closed_at,
        schema.alerts.c.open_key.is_(None),
        schema.alert_changes,
        schema.alert_changes.c.alert_id,
        schema.actions.c.alert_id,
    ),
    Kept.COMMANDS: _WithHistory(
        schema.commands,
        schema.commands.c.settled_at,
        schema.commands.c.state.not_in([state.value for state in OPEN]),
        schema.command_changes,
        schema.command_changes.c.command_id,
    ),
}

_PLAIN: Mapping[Kept, "ColumnElement[int]"] = {
    Kept.SESSIONS: schema.sessions.c.expires_at,
    Kept.STRANGERS: schema.strangers.c.last_seen,
    Kept.DELIVERIES: schema.webhook_deliveries.c.at,
    Kept.IDEMPOTENCY: schema.idempotency_keys.c.created_at,
}
"""Tables that are only deleted from, and the time by which they go."""


class DatabaseKeeper:
    """Deletes what is due. `who`: the process that does it."""

    def __init__(self, database: Database, who: Who) -> None:
        self._database = database
        self._who = who
        self._broken: dict[Kept, set[tuple[int, int]]] = {}

    def held_back(self) -> int:
        """How many seals do not hold, so that what is under them stays."""
        return sum(len(found) for found in self._broken.values())

    def thin(self, kept: Kept, before: int, now: int) -> int:
        """Delete a slice of what was over before `before`; how many, 0 when nothing is left to delete.

        SQLAlchemyError when the database fails: nothing of the slice is gone then.
        """
        if kept in _HISTORIES:
            return self._thin_history(kept, _HISTORIES[kept], before, now)
        if kept in _PLAIN:
            return self._thin_plain(kept, _PLAIN[kept], before, now)
        raise ValueError(f"{kept} is not the database's to delete")

    def shorten(self, before: int, head: Head | None, now: int) -> int:
        """Delete entries of the audit log older than `before`, and only those that the head outside has passed; how many.

        The first that stays hangs on the last that goes, whose hash a new entry names. None go while a seal that would go with
        them does not hold.
        """
        upto = self._may_go(before - _SKEW, head)
        if upto is None or not self._carry_seals(upto, now):
            return 0
        with self._database.write() as connection:
            facts: dict[str, Fact] = {"upto": upto, "hash": hash_at(connection, upto), "before": before}
            append(connection, Act(SHORTENED, self._who, "audit", facts=facts), now)
            gone = _forget(connection, upto)
            _write_down(connection, self._who, Kept.AUDIT, gone, before, now)
        return gone

    def _may_go(self, before: int, head: Head | None) -> int | None:
        table = schema.audit_entries
        with self._database.read() as connection:
            stays = connection.execute(select(func.min(table.c.seq)).where(table.c.at >= before)).scalar()
            first = connection.execute(select(func.min(table.c.seq))).scalar()
        if first is None or stays is None or head is None:
            return None
        upto = min(stays - 1, head.seq - 1, first - 1 + SLICE * 10)
        return upto if upto >= first else None

    def _carry_seals(self, upto: int, now: int) -> bool:
        """Make seals anew whose entries go, as their rows stay; whether that is done for all."""
        with self._database.read() as connection:
            standing = standing_seals(connection)
        old = [
            group
            for name in standing.tables()
            for group in grouped([seal for seal in standing.of(name) if seal.seq <= upto], ROWS)
        ]
        for group in old:
            try:
                with self._database.write() as connection:
                    reseal(connection, [group], self._who, now)
            except SealBroken as error:
                _log.error("the audit log is not shortened: %s", error.text.en)
                self._broken.setdefault(Kept.AUDIT, set()).add((error.seal.first, error.seal.last))
                return False
        return True

    def _thin_history(self, kept: Kept, what: _WithHistory, before: int, now: int) -> int:
        name = what.history.name
        with self._database.read() as connection:
            seals, seen = standing_seals(connection, name).of(name), resealed_last(connection, name)
            items, touched = _choose(connection, what, before, seals, self._broken.get(kept, set()))
        if not items:
            return 0
        try:
            with self._database.write() as connection:
                take_turn(connection, schema.audit_entries)
                if resealed_last(connection, name) != seen:  # by another process, meanwhile
                    return 0
                reseal(connection, grouped(touched, ROWS), self._who, now, _deletion(connection, what, items))
                _write_down(connection, self._who, kept, len(items), before, now)
        except SealBroken as error:
            _log.error("retention holds back what is under a broken seal: %s", error.text.en)
            self._broken.setdefault(kept, set()).add((error.seal.first, error.seal.last))
            return self._thin_history(kept, what, before, now)
        return len(items)

    def _thin_plain(self, kept: Kept, time: "ColumnElement[int]", before: int, now: int) -> int:
        table = time.table
        assert isinstance(table, Table)
        keys = list(table.primary_key.columns)
        due = select(*keys).where(time < before).limit(SLICE * 10)
        with self._database.write() as connection:
            # The time once more: on PostgreSQL a row may have been used anew since it was chosen.
            gone = connection.execute(delete(table).where(tuple_(*keys).in_(due), time < before)).rowcount
            if gone and kept is not Kept.SESSIONS:
                _write_down(connection, self._who, kept, gone, before, now)
        return gone


def _choose(
    connection: Connection, what: _WithHistory, before: int, seals: Sequence[Seal], broken: set[tuple[int, int]]
) -> tuple[list[str], list[Seal]]:
    """The first items that may go, with the seals over their history: so many that not too much is to be sealed again."""
    query = select(what.table.c.id).where(what.over, what.since < before).order_by(what.since, what.table.c.id)
    # Those under a broken seal stay, and are met again each time: there are as many more to be looked at.
    found = list(connection.execute(query.limit(SLICE * (len(broken) + 1))).scalars())
    under = _seals_of(connection, what, found, seals)
    chosen: list[str] = []
    touched: set[int] = set()
    rows = 0
    for item in found:
        places = under.get(item, set())
        if any((seals[place].first, seals[place].last) in broken for place in places):
            continue
        more = sum(seals[place].rows for place in places - touched)
        if chosen and (rows + more > 2 * ROWS or len(chosen) == SLICE):
            break
        chosen.append(item)
        touched |= places
        rows += more
    return chosen, [seals[place] for place in sorted(touched)]


def _seals_of(
    connection: Connection, what: _WithHistory, items: Sequence[str], seals: Sequence[Seal]
) -> dict[str, set[int]]:
    """For each item, at which places of `seals` those over its history are."""
    number = next(iter(what.history.primary_key.columns))
    found: dict[str, set[int]] = {}
    for start in range(0, len(items), SLICE):
        some = items[start : start + SLICE]
        for item, row in connection.execute(select(what.about, number).where(what.about.in_(some))):
            place = bisect_left(seals, row, key=lambda seal: seal.last)
            if place < len(seals):
                found.setdefault(item, set()).add(place)
    return found


def _deletion(connection: Connection, what: _WithHistory, items: Sequence[str]) -> Callable[[], None]:
    def delete_them() -> None:
        connection.execute(delete(what.history).where(what.about.in_(items)))
        if what.besides is not None:
            other = what.besides.table
            assert isinstance(other, Table)
            connection.execute(delete(other).where(what.besides.in_(items)))
        connection.execute(delete(what.table).where(what.table.c.id.in_(items)))

    return delete_them


def _forget(connection: Connection, upto: int) -> int:
    """Delete the entries up to that number, and what is beside them. On PostgreSQL as the tables' owner: Linli's own role may
    have no right to."""
    if connection.dialect.name == "postgresql":
        return int(connection.execute(select(func.linli_audit_forget(upto))).scalar_one())
    for table in (schema.audit_texts, schema.audit_subjects):
        connection.execute(delete(table).where(table.c.seq <= upto))
    return connection.execute(delete(schema.audit_entries).where(schema.audit_entries.c.seq <= upto)).rowcount


def _write_down(connection: Connection, who: Who, kept: Kept, rows: int, before: int, now: int) -> None:
    append(connection, Act(RETENTION_RAN, who, "class", (kept.value,), facts={"rows": rows, "before": before}), now)


def write_down_thinning(
    database: Database, process: str, horizons: Mapping[RowClass, int], rows: int, now: int
) -> None:
    """That the store of readings let `rows` go, of the classes that have a horizon; it does not say how many of which."""
    classes = tuple(sorted(one.value for one in horizons))
    facts: dict[str, Fact] = {"rows": rows, "together": True}
    with database.write() as connection:
        append(connection, Act(RETENTION_RAN, system(process), "class", classes, facts=facts), now)


# --- what there is --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """What there is of a class: rows, and the time of the oldest by which it goes; what retention deleted last, of the day when it
    did so last. None: not known, or none."""

    rows: int | None = None
    oldest: int | None = None
    deleted: int | None = None
    deleted_at: int | None = None


_TIMES: Mapping[Kept, "ColumnElement[int]"] = {
    Kept.ALERTS: schema.alerts.c.closed_at,
    Kept.COMMANDS: schema.commands.c.settled_at,
    Kept.AUDIT: schema.audit_entries.c.at,
    Kept.SNAPSHOTS: schema.snapshots.c.stored_at,
    Kept.PERSONS: schema.persons.c.removed_at,
    Kept.DEAD_LETTERS: schema.dead_letters.c.received_at,
    **_PLAIN,
}


def held(connection: Connection) -> dict[Kept, Held]:
    """What there is of each class that lies in the database; of the others, what was deleted."""
    found: dict[Kept, Held] = {}
    for kept in Kept:
        rows, oldest = None, None
        if kept in _TIMES:
            time = _TIMES[kept]
            some = select(func.count(), func.min(time)).select_from(time.table)
            rows, oldest = connection.execute(some.where(*FORMER) if kept is Kept.PERSONS else some).one()
        deleted_at, deleted = _last_deletion(connection, kept)
        found[kept] = Held(rows, oldest, deleted, deleted_at)
    return found


def _last_deletion(connection: Connection, kept: Kept) -> tuple[int | None, int | None]:
    """When something of the class was deleted last, and how many rows within the day before that."""
    table, about = schema.audit_entries, schema.audit_subjects
    of_class = select(about.c.seq).where(about.c.kind == "class", about.c.item_id == kept.value)
    query: Select[tuple[object, ...]] = select(table).where(table.c.seq.in_(of_class), table.c.verb == RETENTION_RAN)
    last = connection.execute(query.order_by(table.c.seq.desc()).limit(1)).one_or_none()
    if last is None:
        return None, None
    rows = connection.execute(query.where(table.c.at > last.at - DAY)).all()
    return last.at, sum(int(read_entry(row).facts.get("rows", 0)) for row in rows)
