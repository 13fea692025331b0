"""Who may do what, and see which community: one table and one function, which every method of `api.services` asks."""

from enum import StrEnum

from linli.db.people import Person
from linli.errors import NotAllowed
from linli.i18n import Text
from linli.model import Role


class Operation(StrEnum):
    """What can be asked of Linli."""

    SEE = "see"
    """Alerts, devices, facilities, readings and events of one's communities."""
    HANDLE_ALERTS = "handle_alerts"
    """Acknowledge, shelve and close alerts of one's communities."""
    COMMAND_SECURITY = "command_security"
    """Open doors, switch sirens and arm places of one's communities."""
    COMMAND_FACILITIES = "command_facilities"
    """Switch relays of one's communities."""
    SEE_PLATFORM = "see_platform"
    """How Linli itself is: each process, its counters, the metrics of all communities together."""
    ENROL = "enrol"
    """Invite a gateway: who has the code gets the gateway's credentials."""


_STAFF = frozenset((Operation.SEE, Operation.HANDLE_ALERTS, Operation.COMMAND_FACILITIES))

RIGHTS: dict[Role, frozenset[Operation]] = {
    Role.ADMINISTRATOR: frozenset(Operation),
    Role.SECURITY: _STAFF | {Operation.COMMAND_SECURITY},
    Role.PROPERTY: _STAFF,
}
"""What each role may do. What is not here is refused. Scope comes on top: `Person.sees`."""


def may(person: Person, operation: Operation) -> bool:
    """Whether the person's role allows the operation."""
    return operation in RIGHTS[person.role]


def demand(person: Person, operation: Operation) -> None:
    """NotAllowed unless the person's role allows the operation."""
    if not may(person, operation):
        raise NotAllowed(
            Text("您的角色不能进行此操作，请联系管理员", "your role may not do this; ask an administrator")
        )
