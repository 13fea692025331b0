"""Whether a person may do something."""

import pytest

from api.scope import demand, may
from linli.db.people import Person
from linli.errors import NotAllowed
from linli.model import Role
from linli.roles import ROLES, Operation, Reach


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("operation", Operation)
def test_what_is_not_in_the_table_is_refused(role: Role, operation: Operation) -> None:
    """For every role and operation, by the question and by the demand."""
    person = Person("p1", "x", "x", role, frozenset())
    allowed = operation in ROLES[role].operations
    assert may(person, operation) is allowed
    if allowed:
        demand(person, operation)
    else:
        with pytest.raises(NotAllowed):
            demand(person, operation)


@pytest.mark.parametrize("role", Role)
def test_a_token_never_adds_to_the_role(role: Role) -> None:
    """A token that lists everything may do what its owner's role may, and one that lists nothing may do nothing."""
    assert (
        Person("p1", "x", "x", role, frozenset(), limited_to=frozenset(Operation)).operations == ROLES[role].operations
    )
    assert Person("p1", "x", "x", role, frozenset(), limited_to=frozenset()).operations == frozenset()


def test_a_person_without_communities_sees_none() -> None:
    """No membership is nothing, not all."""
    assert not Person("p1", "x", "x", Role.SECURITY, frozenset()).sees("c001")


def test_only_these_roles_reach_the_whole_district() -> None:
    """Written out, because a slip here opens every compound."""
    assert {role for role, duty in ROLES.items() if duty.reach is Reach.DISTRICT} == {
        Role.ADMINISTRATOR,
        Role.DISTRICT_COMMAND,
        Role.AUDITOR,
    }
