"""Whether a person may do something: their role's operations (`linli.roles`), less what their token leaves out."""

from linli.db.people import Person
from linli.errors import NotAllowed
from linli.i18n import Text
from linli.roles import Operation


def may(person: Person, operation: Operation) -> bool:
    """Whether the person may do it at all. Where is another question: their queries are confined to what they reach."""
    return operation in person.operations


def demand(person: Person, operation: Operation) -> None:
    """NotAllowed unless the person may do it."""
    if not may(person, operation):
        raise NotAllowed(
            Text("您的角色不能进行此操作，请联系管理员", "your role may not do this; ask an administrator")
        )
