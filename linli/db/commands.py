"""Commands to devices in the database: each with how far it is, and the history that says who, when, what, why and how it
ended. Several processes may write: the table of `linli.commands.life` decides within the transaction, so an answer that two of
them hear changes it once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from linli.audit import Act, Fact
from linli.auditwho import who_of
from linli.commands.life import OPEN, CommandEvent, CommandState, after
from linli.db import schema
from linli.db.audit import append
from linli.db.database import Database
from linli.db.turns import take_turn


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """A command as it is now. Times are microseconds since 1970 UTC.

    `actor`: a person's id, or 'cli:NAME' for who runs Linli's machine. `code` and `detail`: why it ended as it did, empty for
    what is done or open. `settled_at` is None while it is open.
    """

    id: str
    community: str
    device: str
    gateway: str
    kind: str
    name: str
    arguments: Mapping[str, int]
    reason: str
    actor: str
    asked_at: int
    expires_at: int
    state: CommandState = CommandState.PENDING
    code: str = ""
    detail: str = ""
    settled_at: int | None = None

    @property
    def open(self) -> bool:
        """Whether somebody waits for its end."""
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class CommandChange:
    """One step of a command's life. `actor` is None for what no person did."""

    id: int
    at: int
    state: CommandState
    actor: str | None
    code: str
    detail: str


class SqlCommands:
    """The tables `commands` and `command_changes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, command: StoredCommand, *, at_most: int, since: int) -> bool:
        """Keep a new command; False, and nothing kept, if its actor has asked for `at_most` from `since` on."""
        table = schema.commands
        mine = select(func.count()).where(table.c.actor == command.actor, table.c.asked_at >= since)
        with self._database.write() as connection:
            take_turn(connection, table)
            if connection.execute(mine).scalar_one() >= at_most:
                return False
            connection.execute(insert(table).values(_values(command)))
            _append(connection, command, command.asked_at, command.actor)
            append(connection, _act(command), command.asked_at)
        return True

    def apply(
        self,
        command: str,
        event: CommandEvent,
        at: int,
        *,
        code: str = "",
        detail: str = "",
        gateway: str | None = None,
    ) -> StoredCommand | None:
        """Let `event` happen to it; the command as it is then, or None if that changed nothing.

        `gateway`: who says so; what one gateway says of another's command is not heard.
        """
        table = schema.commands
        with self._database.write() as connection:
            row = connection.execute(select(table).where(table.c.id == command).with_for_update()).one_or_none()
            if row is None or (gateway is not None and row.gateway_id != gateway):
                return None
            old = _read(row)
            state = after(old.state, event)
            if state is None:
                return None
            settled_at = None if state in OPEN else at
            new = replace(old, state=state, code=code, detail=detail, settled_at=settled_at)
            connection.execute(update(table).where(table.c.id == command).values(_values(new)))
            _append(connection, new, at, None)
        return new

    def get(self, command: str) -> StoredCommand | None:
        """The command, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(schema.commands).where(schema.commands.c.id == command)).one_or_none()
        return None if row is None else _read(row)

    def of_device(self, device: str, limit: int) -> list[StoredCommand]:
        """The device's commands, the last asked first."""
        return self.of_devices((device,), limit)

    def of_devices(
        self, devices: Sequence[str], limit: int, before: tuple[int, str] | None = None
    ) -> list[StoredCommand]:
        """These devices' commands, the last asked first. `before`: the (asked_at, id) of the last of the page before."""
        table = schema.commands
        wanted = select(table).where(table.c.device_id.in_(devices))
        if before is not None:
            at, last = before
            wanted = wanted.where(or_(table.c.asked_at < at, and_(table.c.asked_at == at, table.c.id > last)))
        wanted = wanted.order_by(table.c.asked_at.desc(), table.c.id)
        with self._database.read() as connection:
            rows = connection.execute(wanted.limit(limit)).all()
        return [_read(row) for row in rows]

    def open(self) -> list[StoredCommand]:
        """Those that have not ended, the first asked first."""
        table = schema.commands
        wanted = select(table).where(table.c.state.in_([state.value for state in OPEN]))
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(table.c.asked_at, table.c.id)).all()
        return [_read(row) for row in rows]

    def changes(self, command: str) -> list[CommandChange]:
        """The command's history, oldest first."""
        table = schema.command_changes
        wanted = select(table).where(table.c.command_id == command).order_by(table.c.id)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return [CommandChange(row.id, row.at, CommandState(row.state), row.actor, row.code, row.detail) for row in rows]


def _act(command: StoredCommand) -> Act:
    facts: dict[str, Fact] = {"command": command.id, "name": command.name, "arguments": dict(command.arguments)}
    who, ids = who_of(command.actor), (command.device, command.id)
    return Act("command.asked", who, "device", ids, command.community, reason=command.reason, facts=facts)


def _append(connection: Connection, command: StoredCommand, at: int, actor: str | None) -> None:
    # Rows are sealed up to the newest that can be seen (linli.db.auditseals): none with a lower number may come later.
    take_turn(connection, schema.command_changes)
    connection.execute(
        insert(schema.command_changes).values(
            command_id=command.id,
            community_id=command.community,
            at=at,
            state=command.state.value,
            actor=actor,
            code=command.code,
            detail=command.detail,
        )
    )


def _values(command: StoredCommand) -> dict[str, object]:
    return {
        "id": command.id,
        "community_id": command.community,
        "device_id": command.device,
        "gateway_id": command.gateway,
        "kind": command.kind,
        "name": command.name,
        "arguments": dict(command.arguments),
        "reason": command.reason,
        "actor": command.actor,
        "asked_at": command.asked_at,
        "expires_at": command.expires_at,
        "state": command.state.value,
        "code": command.code,
        "detail": command.detail,
        "settled_at": command.settled_at,
    }


def _read(row: Row[tuple[object, ...]]) -> StoredCommand:
    return StoredCommand(
        id=row.id,
        community=row.community_id,
        device=row.device_id,
        gateway=row.gateway_id,
        kind=row.kind,
        name=row.name,
        arguments=row.arguments,
        reason=row.reason,
        actor=row.actor,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        state=CommandState(row.state),
        code=row.code,
        detail=row.detail,
        settled_at=row.settled_at,
    )
