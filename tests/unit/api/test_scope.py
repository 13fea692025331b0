"""The table of rights."""

import pytest

from api.scope import RIGHTS, Operation, demand, may
from linli.db.people import Person
from linli.errors import NotAllowed
from linli.model import Role


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("operation", Operation)
def test_every_role_and_operation(role: Role, operation: Operation) -> None:
    """All see and handle what is theirs and switch relays; doors and sirens are for security and administrators; only an
    administrator sees the platform and invites gateways."""
    person = Person("p1", "x", "x", role, frozenset())
    allowed = operation not in (Operation.SEE_PLATFORM, Operation.ENROL) or role is Role.ADMINISTRATOR
    allowed &= operation is not Operation.COMMAND_SECURITY or role is not Role.PROPERTY
    assert may(person, operation) is allowed
    if allowed:
        demand(person, operation)
    else:
        with pytest.raises(NotAllowed):
            demand(person, operation)


def test_no_role_is_forgotten() -> None:
    """A role that is not in the table would be an error at its first request."""
    assert RIGHTS.keys() == set(Role)


def test_a_person_without_communities_sees_none() -> None:
    """No membership is nothing, not all."""
    assert not Person("p1", "x", "x", Role.SECURITY, frozenset()).sees("c001")
