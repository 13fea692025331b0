"""What people may tell devices, and what became of it: right and scope first, as in `api.services`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.commands.sending import CommandDesk
from api.directory import Names
from api.http.paging import Page, page_of
from api.scope import demand, may
from api.sight import Sight, Sights
from api.words import COMMAND_REASONS, COMMAND_STATES
from linli.commands.kinds import CommandKind, command_kind, command_name, commands_of
from linli.commands.life import CommandState
from linli.db.commands import CommandChange, StoredCommand
from linli.db.people import Person
from linli.errors import NotFound, Refused
from linli.i18n import Text
from linli.model import Device
from linli.roles import Operation

MAX_LISTED = 200


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command with names. `outcome` says in a sentence how far it is."""

    command: StoredCommand
    device_name: Text
    command_name: Text
    actor_name: str
    outcome: Text


@dataclass(frozen=True, slots=True)
class CommandDetail:
    """A command with its history, oldest first."""

    view: CommandView
    changes: tuple[CommandChange, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """A device, and what this person may tell it, by name."""

    device: Device
    commands: Mapping[str, CommandKind]


class CommandService:
    """Commands as people give them. `desk` is to be started and stopped by who serves."""

    def __init__(self, sights: Sights, desk: CommandDesk) -> None:
        self._sights = sights
        self.desk = desk

    def send(self, person: Person, device: str, name: str, arguments: Mapping[str, int], reason: str) -> CommandView:
        """Tell a device to do something. It is on its way when this returns; `get` says how it ended, within seconds.

        `reason` is tidy already. NotFound outside the scope; NotAllowed by role; Refused for what the device cannot be told,
        'no_reason' where one is needed; else as `CommandDesk.send`.
        """
        found, sight = self._device(person, device)
        kind = command_kind(found.kind, name)
        demand(person, operation_of(kind))
        if kind.needs_reason and not reason:
            raise no_reason(kind)
        sent = self.desk.send(person.id, found, name, dict(arguments), reason)
        return view_of(sent, sight.names)

    def get(self, person: Person, command: str) -> CommandDetail:
        """One command with its history; NotFound outside the scope."""
        demand(person, Operation.SEE)
        sight = self._sights.of(person)
        found = sight.commands.get(command)
        if found is None:
            raise NotFound(Text(f"没有命令 {command:.64}", f"there is no command {command:.64}"))
        return CommandDetail(view_of(found, sight.names), tuple(sight.commands.changes(command)))

    def of_device(
        self, person: Person, device: str, limit: int = 50, before: tuple[int, str] | None = None
    ) -> Page[CommandView]:
        """What the device was told, the last first; NotFound outside the scope. `before`: the key where the page before ended."""
        found, sight = self._device(person, device)
        known = sight.commands.of_devices([found.id], limit + 1, before)
        page = page_of(known, limit, lambda command: (command.asked_at, command.id))
        return Page([view_of(command, sight.names) for command in page.items], page.following)

    def of_devices(self, person: Person, devices: Sequence[str], limit: int = 50) -> list[CommandView]:
        """What these devices were told, the last first, as far as the person sees it."""
        demand(person, Operation.SEE)
        sight = self._sights.of(person)
        known = sight.commands.of_devices(devices, max(1, min(limit, MAX_LISTED)))
        return [view_of(command, sight.names) for command in known]

    def offered(self, person: Person, devices: Sequence[str]) -> list[Offered]:
        """What the person may tell each of these devices; those with nothing to tell, or out of scope, are left out."""
        known = self._sights.of(person).names.registry.devices
        offers = []
        for device in (known[name] for name in devices if name in known):
            allowed = {name: kind for name, kind in commands_of(device.kind).items() if may(person, operation_of(kind))}
            if allowed:
                offers.append(Offered(device, allowed))
        return offers

    def near(self, person: Person, community: str, subject: str, place: str | None) -> list[str]:
        """The devices that an alert of this subject and place is about, and those of the same building that take commands."""
        names = self._sights.of(person).names
        building = names.building(place) if place is not None else None
        beside = [
            device.id
            for device in sorted(names.registry.devices.values(), key=lambda device: device.id)
            if device.community == community
            and device.id != subject
            and building is not None
            and names.building(device.place) == building
            and commands_of(device.kind)
        ]
        return [subject, *beside]

    def _device(self, person: Person, device: str) -> tuple[Device, Sight]:
        demand(person, Operation.SEE)
        sight = self._sights.of(person)
        found = sight.names.registry.devices.get(device)
        if found is None:
            raise NotFound(Text(f"没有设备 {device:.64}", f"there is no device {device:.64}"))
        return found, sight


def operation_of(kind: CommandKind) -> Operation:
    """The right that it takes to give this command."""
    return Operation.COMMAND_SECURITY if kind.guarded else Operation.COMMAND_FACILITIES


def no_reason(kind: CommandKind) -> Refused:
    """That a reason has to be given, and for what."""
    error = Refused("no_reason", f"'{kind.name.en}' takes a reason")
    error.text = Text(f"“{kind.name.zh}”须写明原因", f"'{kind.name.en}' takes a reason")
    return error


def view_of(command: StoredCommand, names: Names) -> CommandView:
    """The command with names."""
    return CommandView(
        command,
        names.device(command.device),
        command_name(command.kind, command.name),
        names.person(command.actor) or command.actor,
        outcome_of(command.state, command.code, command.detail),
    )


def outcome_of(state: CommandState, code: str, detail: str) -> Text:
    """In a sentence, how far a command is and why. A code that this version does not know is shown with its detail."""
    said = COMMAND_STATES[state]
    if state not in (CommandState.REFUSED, CommandState.FAILED):
        return said
    unknown = f"{code} {detail}".strip()
    why = COMMAND_REASONS.get(code) or Text(unknown, unknown)
    return Text(f"{said.zh}：{why.zh}", f"{said.en}: {why.en}")
