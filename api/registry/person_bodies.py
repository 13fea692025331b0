"""Persons as JSON: the nouns' own fields (`api.registry.bodies`), put together as a file of one person."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field, create_model

from api.bodies import Moment
from api.registry.bodies import OUT, In, Out, body_of, many
from api.registry.persons import File
from linli.auditwords import PURPOSES
from linli.db.registryitems import Kept

Purpose = Annotated[
    str, Query(pattern=f"^({'|'.join(PURPOSES)})$", description="What for: it is written into the audit log")
]
Reason = Annotated[
    str, Query(max_length=500, description="Why, in a sentence; needed for 'other' and for what is not masked")
]
Full = Annotated[bool, Query(description="Not masked; takes the right to it, and a reason")]

_FILE: dict[str, Any] = {
    "person": (OUT["person"], ...),
    "residents": (many("resident"), ...),
    "households": (many("household"), ...),
    "contacts": (many("contact"), ...),
    "consents": (many("consent"), ...),
    "credentials": (many("credential"), ...),
    "masked": (bool, ...),
}
PersonFileBody: type[BaseModel] = create_model(
    "PersonFileBody",
    __base__=Out,
    __doc__="A person with where they live, how to reach them, what they agreed to and what opens doors for them.",
    **_FILE,
)


class LookBody(Out):
    """Somebody looked at the person's data."""

    at: Moment
    actor: str
    verb: str
    purpose: str


class PersonDataBody(Out):
    """All that is kept of one person, and who looked at it. Times within are microseconds since 1970 UTC, as they are kept.

    `swipes`, `alerts`, `pictures`: what doors and cameras have of them, found by their credentials.
    """

    records: list[dict[str, Any]]
    history: list[dict[str, Any]]
    statements: list[dict[str, Any]]
    swipes: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    pictures: list[dict[str, Any]]
    looks: list[LookBody]


class EraseBody(In):
    """Why the person is erased. `sure` has to be true: it cannot be undone."""

    reason: str = Field(min_length=1, max_length=500)
    sure: bool


class ErasedBody(Out):
    """How many records were emptied."""

    records: int


def file_body(file: File) -> BaseModel:
    """The file as JSON has it."""

    def some(kind: str, kept: list[Kept]) -> list[BaseModel]:
        return [body_of(kind, one) for one in kept]

    return PersonFileBody(
        person=body_of("person", file.person),
        residents=some("resident", list(file.residents)),
        households=some("household", list(file.households)),
        contacts=some("contact", list(file.contacts)),
        consents=some("consent", list(file.consents)),
        credentials=some("credential", list(file.credentials)),
        masked=not file.full,
    )
