"""The alerts in the database: rules writes them, everybody else reads. People's acts go the other way.

What an input of the rules engine changes is one `Effects`, under the journal position of that input. Effects up to the
position that the table has already are skipped, so writing the same again, after a kill, changes nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from linli.audit import Act
from linli.auditwho import who_of
from linli.db import schema
from linli.db.alertlist import Wanted, newest, within
from linli.db.alertrows import alert_of, values_of
from linli.db.audit import append
from linli.db.database import Database
from linli.db.tallies import RulesTally, rules_tallies, save_rules_tallies
from linli.db.turns import take_turn
from linli.model import Action, ActionKind, Alert, Handling, Severity, TallyKey
from linli.shards import WHOLE, Shard

OUTCOME_DONE = "done"

_VERBS = {
    ActionKind.ACKNOWLEDGE: "alert.acknowledged",
    ActionKind.SHELVE: "alert.shelved",
    ActionKind.UNSHELVE: "alert.unshelved",
    ActionKind.CLOSE: "alert.closed",
}
"""What the audit log calls each act. Whether it could be done is for rules to say, in the alert's history."""


@dataclass(frozen=True, slots=True)
class Change:
    """`alert` as it is after the change `kind` (opened, occurred, escalated, confirmed, reminded, resolved, acknowledged,
    commented, shelved, unshelved, closed) at the time `at`. `actor` is the person who did it, None if the rule did."""

    alert: Alert
    kind: str
    at: int
    actor: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a person's act: 'done', or a reason such as 'already_closed' or 'not_found'."""

    action: str
    outcome: str
    at: int


@dataclass(frozen=True, slots=True)
class Effects:
    """All that the input at journal position `position` changed."""

    position: int
    changes: tuple[Change, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertChange:
    """One row of an alert's history; `id` grows, and orders the live stream."""

    id: int
    alert: str
    community: str
    at: int
    kind: str
    actor: str | None
    comment: str | None
    severity: Severity
    handling: Handling


@dataclass(frozen=True, slots=True)
class PendingAction:
    """An act that rules has not applied yet, with the number that orders acts."""

    seq: int
    action: Action


class SqlAlerts:
    """Alerts, their history and the acts on them. `shard` concerns the rules: whose position, and which acts."""

    def __init__(self, database: Database, shard: Shard = WHOLE) -> None:
        self._database = database
        self.shard = shard

    # --- rules writes ---------------------------------------------------------------------------------------------

    def position(self) -> int:
        """The journal position whose effects are all here; 0 at first."""
        with self._database.read() as connection:
            return _position(connection, self.shard)

    def apply(self, effects: Sequence[Effects]) -> list[Change]:
        """Write effects, in the order of their positions, and the last position, in one transaction.

        Returns the changes written now: those that were here before are left out. Raises SQLAlchemyError when the
        database fails, and then nothing is written.
        """
        if not effects:
            return []
        with self._database.write() as connection:
            here = _position(connection, self.shard)
            fresh = [effect for effect in effects if effect.position > here]
            changes = [change for effect in fresh for change in effect.changes]
            _write_alerts(connection, changes)
            for outcome in (outcome for effect in fresh for outcome in effect.outcomes):
                _write_outcome(connection, outcome)
            if fresh:
                _write_position(connection, self.shard, fresh[-1].position)
        return changes

    def restore(self, alerts: Iterable[Alert], position: int) -> None:
        """Make these open alerts' rows what the engine says they are, and the position `position`: for a journal that is older
        than the database."""
        with self._database.write() as connection:
            for alert in alerts:
                _upsert(connection, alert)
            _write_position(connection, self.shard, position)

    def replace_open(self, alerts: Iterable[Alert], position: int, at: int) -> int:
        """Make these the open alerts of this shard, and the position `position`; how many others were open, and are closed now,
        with the time `at` (microseconds since 1970 UTC) and nobody's name, since what became of them is not known.

        For a database that is older than the journal's snapshot (restored from a backup). An alert that is another shard's there,
        whose device has moved since, stays that shard's.
        """
        here = self.open_alerts()
        others = {(alert.rule, alert.subject) for alert in here if not self.shard.covers(alert.community)}
        ours = {alert.id: alert for alert in alerts if (alert.rule, alert.subject) not in others}
        gone = [alert for alert in here if self.shard.covers(alert.community) and alert.id not in ours]
        closed = [replace(alert, handling=Handling.CLOSED, closed_at=at, updated_at=at) for alert in gone]
        with self._database.write() as connection:
            _write_alerts(connection, [Change(alert, "closed", at) for alert in closed])
            for alert in ours.values():
                _upsert(connection, alert)
            _write_position(connection, self.shard, position)
        return len(closed)

    def save_tallies(self, tallies: Mapping[TallyKey, RulesTally]) -> None:
        """Write what rules counted, absolute numbers; SQLAlchemyError when the database fails."""
        with self._database.write() as connection:
            save_rules_tallies(connection, tallies)

    def tallies(self) -> dict[TallyKey, RulesTally]:
        """What rules counted in this shard's communities, as far as it was written."""
        return {key: tally for key, tally in rules_tallies(self._database).items() if self.shard.covers(key.community)}

    def pending_actions(self, after: int = 0, limit: int = 500) -> list[PendingAction]:
        """The acts of this shard not applied yet with a number above `after`, oldest first.

        An act is the shard's of its alert's community; on an alert that there is not, of the shard that covers its id.
        """
        found: list[PendingAction] = []
        while len(found) < limit:
            page = self._pending(after, limit)
            found += [act for act, community in page if self.shard.covers(community or act.action.alert)]
            if len(page) < limit:
                break
            after = page[-1][0].seq
        return found[:limit]

    def _pending(self, after: int, limit: int) -> list[tuple[PendingAction, str | None]]:
        table, alerts = schema.actions, schema.alerts
        query = (
            select(table, alerts.c.community_id)
            .select_from(table.outerjoin(alerts, alerts.c.id == table.c.alert_id))
            .where(table.c.applied_at.is_(None), table.c.seq > after)
            .order_by(table.c.seq)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            (
                PendingAction(
                    row.seq,
                    Action(row.id, row.alert_id, ActionKind(row.kind), row.actor, row.comment, row.at, row.until),
                ),
                row.community_id,
            )
            for row in rows
        ]

    # --- the API writes -------------------------------------------------------------------------------------------

    def add_action(self, action: Action) -> bool:
        """Keep a person's act for rules to apply; False if its id is here already (a repeat has no effect)."""
        return self.add_actions([action]) == 1

    def add_actions(self, actions: Sequence[Action]) -> int:
        """Keep several together; how many of them were not here already."""
        with self._database.write() as connection:
            take_turn(connection, schema.actions)
            return sum(_add_action(connection, action) for action in actions)

    # --- everybody reads ------------------------------------------------------------------------------------------

    def action_outcome(self, action: str) -> str | None:
        """What became of the act: 'done' or a reason; None while it is not applied, or not known."""
        table = schema.actions
        with self._database.read() as connection:
            return connection.execute(select(table.c.outcome).where(table.c.id == action)).scalar()

    def action_outcomes(self, actions: Sequence[str]) -> dict[str, str]:
        """The same of several, of those that are applied."""
        table = schema.actions
        query = select(table.c.id, table.c.outcome).where(table.c.id.in_(actions), table.c.outcome.is_not(None))
        with self._database.read() as connection:
            return {row.id: row.outcome for row in connection.execute(query)}

    def get(self, alert: str) -> Alert | None:
        """The alert with its evidence, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(schema.alerts).where(schema.alerts.c.id == alert)).one_or_none()
        return None if row is None else alert_of(row)

    def find(
        self,
        communities: frozenset[str] | None = None,
        *,
        open_only: bool = False,
        severities: Collection[Severity] = (),
        rules: Collection[str] = (),
        subject: str | None = None,
        since: int | None = None,
        until: int | None = None,
        limit: int = 100,
        before: tuple[int, str] | None = None,
    ) -> list[Alert]:
        """Alerts, the last opened first. `communities` None: of all. `since` <= opened_at < `until`.

        For the next page pass as `before` the (opened_at, id) of the last one got.
        """
        wanted = Wanted(communities, open_only, tuple(severities), tuple(rules), subject, since, until)
        with self._database.read() as connection:
            return [alert_of(row) for row in newest(connection, select(schema.alerts), wanted, limit, before)]

    def open_alerts(self, communities: frozenset[str] | None = None) -> list[Alert]:
        """Every open alert, the last opened first."""
        return self.find(communities, open_only=True, limit=1_000_000)

    def open_by_subject(self, communities: frozenset[str] | None = None) -> dict[str, list[Alert]]:
        """The open alerts of each device or place that has any, worst first."""
        found: dict[str, list[Alert]] = {}
        for alert in self.open_alerts(communities):
            found.setdefault(alert.subject, []).append(alert)
        return {subject: sorted(alerts, key=lambda alert: alert.severity.rank) for subject, alerts in found.items()}

    def count_open(self, communities: frozenset[str] | None = None) -> dict[Severity, int]:
        """How many alerts are open, for every severity (0 too)."""
        table = schema.alerts
        query = select(table.c.severity, func.count()).where(table.c.open_key.is_not(None)).group_by(table.c.severity)
        with self._database.read() as connection:
            counted = {row[0]: int(row[1]) for row in connection.execute(within(query, communities))}
        return {severity: counted.get(severity.value, 0) for severity in Severity}

    def count_open_by_rule(self, communities: frozenset[str] | None = None) -> dict[str, int]:
        """How many alerts are open of each rule that has any."""
        table = schema.alerts
        query = select(table.c.rule, func.count()).where(table.c.open_key.is_not(None)).group_by(table.c.rule)
        with self._database.read() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(within(query, communities))}

    def changes(self, alert: str) -> list[AlertChange]:
        """The alert's history, oldest first."""
        table = schema.alert_changes
        with self._database.read() as connection:
            query = select(table).where(table.c.alert_id == alert).order_by(table.c.id)
            return [_change(row) for row in connection.execute(query)]

    def changes_after(
        self, last: int, limit: int = 500, communities: frozenset[str] | None = None
    ) -> list[AlertChange]:
        """Changes with an id above `last`, oldest first: what a live stream has not told yet."""
        table = schema.alert_changes
        query = select(table).where(table.c.id > last).order_by(table.c.id).limit(limit)
        if communities is not None:
            query = query.where(table.c.community_id.in_(sorted(communities)))
        with self._database.read() as connection:
            return [_change(row) for row in connection.execute(query)]

    def last_change(self) -> int:
        """The id of the newest change; 0 if there is none."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(schema.alert_changes.c.id))).scalar() or 0


# Made once and given values as they are executed: making them takes longer than the database does.
_POSITION = select(schema.rules_positions.c.position).where(schema.rules_positions.c.shard == bindparam("which"))
_MOVE_POSITION = update(schema.rules_positions).where(schema.rules_positions.c.shard == bindparam("which"))
_INSERT_CHANGE = insert(schema.alert_changes)
_PUT_ALERT = {
    name: put.on_conflict_do_update(
        index_elements=["id"],
        set_={column.name: column for column in put.excluded if column.name not in ("id", "revision")}
        | {"revision": schema.alerts.c.revision + 1},
    )
    for name, put in (("sqlite", sqlite.insert(schema.alerts)), ("postgresql", postgresql.insert(schema.alerts)))
}


def _add_action(connection: Connection, action: Action) -> bool:
    table = schema.actions
    if connection.execute(select(table.c.seq).where(table.c.id == action.id)).first() is not None:
        return False
    connection.execute(
        insert(table).values(
            id=action.id,
            alert_id=action.alert,
            kind=action.kind.value,
            actor=action.actor,
            comment=action.comment,
            at=action.at,
            until=action.until,
        )
    )
    alerts = schema.alerts
    community = connection.execute(select(alerts.c.community_id).where(alerts.c.id == action.alert)).scalar()
    who, facts = who_of(action.actor), {"action": action.id, "until": action.until}
    verb = _VERBS[action.kind]
    act = Act(verb, who, "alert", (action.alert,), community, reason=action.comment, facts=facts)
    append(connection, act, action.at)
    return True


def _position(connection: Connection, shard: Shard) -> int:
    return connection.execute(_POSITION, {"which": str(shard)}).scalar() or 0


def _write_position(connection: Connection, shard: Shard, position: int) -> None:
    changed = connection.execute(_MOVE_POSITION, {"which": str(shard), "position": position})
    if changed.rowcount == 0:
        connection.execute(insert(schema.rules_positions).values(shard=str(shard), position=position))


def _write_alerts(connection: Connection, changes: Sequence[Change]) -> None:
    last = {change.alert.id: change.alert for change in changes}
    # What is closed goes first: it frees the open_key that a later alert of the same rule and subject takes.
    for alert in sorted(last.values(), key=lambda alert: alert.open):
        _upsert(connection, alert)
    rows = [
        {
            "alert_id": change.alert.id,
            "community_id": change.alert.community,
            "at": change.at,
            "kind": change.kind,
            "actor": change.actor,
            "comment": change.comment,
            "severity": change.alert.severity.value,
            "handling": change.alert.handling.value,
        }
        for change in changes
    ]
    if rows:
        take_turn(connection, schema.alert_changes)
        connection.execute(_INSERT_CHANGE, rows)


def _write_outcome(connection: Connection, outcome: Outcome) -> None:
    table = schema.actions
    connection.execute(
        update(table)
        .where(table.c.id == outcome.action, table.c.applied_at.is_(None))
        .values(applied_at=outcome.at, outcome=outcome.outcome)
    )


def _upsert(connection: Connection, alert: Alert) -> None:
    connection.execute(_PUT_ALERT[connection.dialect.name], {"id": alert.id} | values_of(alert))


def _change(row: Row[Any]) -> AlertChange:
    return AlertChange(
        id=row.id,
        alert=row.alert_id,
        community=row.community_id,
        at=row.at,
        kind=row.kind,
        actor=row.actor,
        comment=row.comment,
        severity=Severity(row.severity),
        handling=Handling(row.handling),
    )
