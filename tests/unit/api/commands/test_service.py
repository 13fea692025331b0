"""Who may tell which device what, and how the outcome is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.commands.sending import CommandDesk
from api.commands.service import CommandService, outcome_of
from api.words import COMMAND_REASONS
from linli.commands.kinds import COMMANDS
from linli.commands.life import CommandState
from linli.db.commands import SqlCommands
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.db.people import Person
from linli.db.registry import save
from linli.errors import NotAllowed, NotFound, Refused
from linli.i18n import Text
from linli.model import Device, Role
from linli.roles import ROLES, Operation
from linli.testing import FakeBroker, ManualClock
from simulators.compound import COMMUNITY, GATEWAY, demo_registry
from tests.unit.api.seeing import sights_of

FAN = Device("c001-fan-01", COMMUNITY, GATEWAY, "relay", Text("风机", "Fan"), "c001-garage")
DOOR, SIREN, LIFT = "c001-door-08", "c001-siren-01", "c001-b1-lift-1"


ROOT = Person("p-root", "root", "root", Role.ADMINISTRATOR, None)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[CommandService]:
    database, clock = open_database(f"sqlite:///{tmp_path / 'linli.db'}"), ManualClock()
    upgrade(database)
    with database.write() as connection:
        save(connection, [*demo_registry(), FAN])
    commands, client = SqlCommands(database), FakeBroker().client()
    desk = CommandDesk(commands, clock, client)
    desk.start()
    yield CommandService(sights_of(database, clock), desk)
    desk.stop()
    database.close()


def person(role: Role, *communities: str) -> Person:
    everywhere = role is Role.ADMINISTRATOR
    return Person(f"u-{role}", role, role, role, None if everywhere else frozenset(communities or (COMMUNITY,)))


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, known in COMMANDS.items() for name in known])
def test_every_role_and_command(service: CommandService, role: Role, kind: str, name: str) -> None:
    """Doors and sirens take one who commands security; relays take one who commands facilities. What one may not do is
    not offered either."""
    device = {"door": DOOR, "siren": SIREN, "relay": FAN.id}[kind]
    who = person(role)
    needed = Operation.COMMAND_FACILITIES if kind == "relay" else Operation.COMMAND_SECURITY
    may = needed in ROLES[role].operations
    offered = {name for offer in service.offered(who, [device]) for name in offer.commands}
    assert (name in offered) == may
    if may:
        sent = service.send(who, device, name, {}, "test")
        assert service.get(who, sent.command.id).changes[0].actor == who.id
    else:
        with pytest.raises(NotAllowed):
            service.send(who, device, name, {}, "test")


def test_what_lies_outside_the_scope_is_not_there(service: CommandService) -> None:
    """By device, by command, in lists, and in what is offered."""
    root, stranger = person(Role.ADMINISTRATOR), person(Role.SECURITY, "c002")
    sent = service.send(root, DOOR, "lock", {}, "")
    for ask in (
        lambda: service.send(stranger, DOOR, "lock", {}, ""),
        lambda: service.get(stranger, sent.command.id),
        lambda: service.of_device(stranger, DOOR),
        lambda: service.get(root, "c404"),
        lambda: service.of_device(root, "nowhere"),
    ):
        with pytest.raises(NotFound):
            ask()
    assert service.of_devices(stranger, [DOOR]) == []
    assert service.offered(stranger, [DOOR, SIREN, "nowhere"]) == []
    assert [view.command.id for view in service.of_device(root, DOOR).items] == [sent.command.id]


def test_a_reason_is_asked_for_where_one_is_needed(service: CommandService) -> None:
    """By a refusal with a name that scripts can go by."""
    with pytest.raises(Refused) as refusal:
        service.send(person(Role.SECURITY), DOOR, "unlock", {}, "")
    assert refusal.value.reason == "no_reason"
    assert service.of_device(person(Role.SECURITY), DOOR).items == []


def test_an_alert_offers_its_own_device_first_and_those_of_its_building(service: CommandService) -> None:
    """A fire on floor 12 wants the entrance opened; what takes no commands is left out, and other buildings are."""
    assert service.near(ROOT, COMMUNITY, DOOR, "c001-b1") == [DOOR, "c001-door-03"]
    assert service.near(ROOT, COMMUNITY, "c001-b2-smoke-1", "c001-b2") == ["c001-b2-smoke-1", "c001-door-04"]
    assert service.near(ROOT, COMMUNITY, "c001-pump", "c001-pump") == [
        "c001-pump",
        "c001-door-06",
        "c001-door-07",
        FAN.id,
    ]
    assert service.near(ROOT, COMMUNITY, "gone", None) == ["gone"]
    assert service.near(ROOT, "c002", "x", "c001-b1") == ["x"]
    offered = service.offered(person(Role.SECURITY), ["c001-b2-smoke-1", "c001-door-04"])
    assert [offer.device.id for offer in offered] == ["c001-door-04"]


def test_the_outcome_in_words() -> None:
    """Each code that an agent or the server gives has its sentence; one of a newer gateway is shown as it is."""
    assert outcome_of(CommandState.DONE, "", "handed over") == Text("已执行", "Done")
    for code in COMMAND_REASONS:
        said = outcome_of(CommandState.REFUSED, code, "x")
        assert said.en.startswith("Not carried out: ")
        assert code not in said.en
    assert outcome_of(CommandState.FAILED, "on_fire", "smoke").en == "Failed; go and look: on_fire smoke"
