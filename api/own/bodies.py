"""The JSON of what a resident sees and says of themselves: what the OpenAPI document shows of it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.bodies import Moment, TextBody
from api.own.service import Home, Known, OwnFile, Standing
from linli.auditwords import purpose_name, verb_name
from linli.db.ownlooks import Looked
from linli.db.registryitems import Kept
from linli.i18n import Text
from linli.registry.inhabitants import (
    CONTACT_KINDS,
    CREDENTIAL_KINDS,
    PURPOSES,
    PURPOSES_MEAN,
    RELATIONS,
    Contact,
    Credential,
)

_Kind = Annotated[str, Field(pattern=f"^({'|'.join(CONTACT_KINDS)})$", description="What it is", examples=["mobile"])]
_Value = Annotated[
    str, Field(min_length=1, max_length=200, description="The number or address", examples=["13812345678"])
]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- in ---------------------------------------------------------------------------------------------------------------


class NewContactBody(_In):
    """Another way to reach you, tried after the others."""

    kind: _Kind
    value: _Value


class ContactChangeBody(_In):
    """How to reach you instead. The same once more confirms it. The lowest `position` is tried first; left out, it stays."""

    kind: _Kind
    value: _Value
    position: int | None = Field(None, ge=0, le=1000)


class SayBody(_In):
    """Whether you agree."""

    given: bool


# --- out --------------------------------------------------------------------------------------------------------------


class AgainstBody(_Out):
    """What another source says instead."""

    source: str
    value: Any


class KnownBody(_Out):
    """One thing that is known of you: the field of an item, whose word it is (`person`: staff; `resident`: yours; null: nobody is
    known to have said it), since when, and who says otherwise."""

    kind: str
    id: str
    field: str
    value: Any
    source: str | None
    at: Moment
    against: list[AgainstBody]


class HousemateBody(_Out):
    """Somebody who lives there too; of their name as much as a neighbour may read."""

    relation: TextBody
    name: str | None


class HomeBody(_Out):
    """Where you are registered; not `present`: where you were, and then nobody else is shown."""

    household: str
    kind: str
    address: TextBody
    relation: TextBody
    since: str | None
    until: str | None
    present: bool
    mates: list[HousemateBody]


class OwnContactBody(_Out):
    """A way to reach you. `verified_at`: when it was last known to work. A change names `revision` in `If-Match`, in quotes."""

    id: str
    kind: str
    value: str | None
    position: int
    verified_at: Moment | None
    revision: int
    changed_at: Moment


class StandingBody(_Out):
    """What you have said to a purpose. `at` null: nobody has asked you. `source`: how it was said; `resident`: here. A change names
    `revision` in `If-Match`, in quotes."""

    purpose: str = Field(examples=["notices"])
    name: TextBody
    means: TextBody
    given: bool
    at: Moment | None
    source: str | None
    revision: int


class OwnCredentialBody(_Out):
    """What opens doors for you: by `value` the readers know it. `since`, `until`: days; null: not known, and still yours."""

    id: str
    kind: str = Field(examples=["card"])
    name: TextBody
    value: str | None
    since: str | None
    until: str | None


class LookedBody(_Out):
    """Something that was done with your data: when, what, what for, and by whom: by role and organisation (null: not registered),
    never by name."""

    at: Moment
    did: str = Field(examples=["person.read"])
    did_name: TextBody
    purpose: str = Field(examples=["service"])
    purpose_name: TextBody
    role: str | None = Field(examples=["property"])
    who: TextBody
    organisation: TextBody | None
    own: bool


class OwnBody(_Out):
    """What is known of you. `looks`: the newest; `GET /own/looks` has all."""

    person: str
    community: str
    community_name: TextBody
    known: list[KnownBody]
    homes: list[HomeBody]
    contacts: list[OwnContactBody]
    consents: list[StandingBody]
    credentials: list[OwnCredentialBody]
    looks: list[LookedBody]


class OwnDataBody(_Out):
    """All that is kept of you: every record, also what was removed, every change, what each source said, what doors and cameras have
    of you (`swipes`, what `alerts` keep of these, `pictures` that belong to them), and who looked. Times within all but the last are microseconds since 1970 UTC, as they are kept."""

    records: list[dict[str, Any]]
    history: list[dict[str, Any]]
    statements: list[dict[str, Any]]
    swipes: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    pictures: list[dict[str, Any]]
    looks: list[LookedBody]


# --- made of what the service has ---------------------------------------------------------------------------------------


def own_body(file: OwnFile) -> OwnBody:
    """The file as JSON has it."""
    return OwnBody(
        person=file.own.person,
        community=file.own.community,
        community_name=_text(file.own.community_name),
        known=[known_body(one) for one in file.known],
        homes=[home_body(one) for one in file.homes],
        contacts=[contact_body(one) for one in file.contacts],
        consents=[standing_body(one) for one in file.consents],
        credentials=[credential_body(one) for one in file.credentials],
        looks=[looked_body(one) for one in file.looks],
    )


def data_body(found: Mapping[str, Any]) -> OwnDataBody:
    """What `OwnService.export` has as JSON has it."""
    return OwnDataBody.model_validate({**found, "looks": [looked_body(one) for one in found["looks"]]})


def known_body(known: Known) -> KnownBody:
    """One known thing as JSON has it."""
    against = [AgainstBody(source=source, value=value) for source, value in known.against.items()]
    values = {"kind": known.item.kind, "id": known.item.id, "field": known.field, "value": known.value}
    return KnownBody.model_validate(values | {"source": known.source, "at": known.at, "against": against})


def home_body(home: Home) -> HomeBody:
    """A home as JSON has it."""
    residence = home.residence
    mates = [HousemateBody(relation=_text(RELATIONS[one.relation]), name=one.name) for one in home.mates]
    return HomeBody(
        household=home.household.id,
        kind=home.household.kind,
        address=_text(home.address),
        relation=_text(RELATIONS[residence.relation]),
        since=residence.since,
        until=residence.until,
        present=home.present,
        mates=mates,
    )


def contact_body(kept: Kept) -> OwnContactBody:
    """A way to reach somebody as JSON has it."""
    item = kept.item
    assert isinstance(item, Contact)
    values = {name: getattr(item, name) for name in ("id", "kind", "value", "position", "verified_at")}
    return OwnContactBody.model_validate(values | {"revision": kept.revision, "changed_at": kept.changed_at})


def credential_body(kept: Kept) -> OwnCredentialBody:
    """What opens doors for somebody as JSON has it."""
    item = kept.item
    assert isinstance(item, Credential)
    values = {name: getattr(item, name) for name in ("id", "kind", "value", "since", "until")}
    return OwnCredentialBody.model_validate(values | {"name": _text(CREDENTIAL_KINDS[item.kind])})


def standing_body(standing: Standing) -> StandingBody:
    """What somebody has said to a purpose as JSON has it."""
    purpose, newest = standing.purpose, standing.newest
    values: dict[str, Any] = {"purpose": purpose, "given": standing.given, "revision": standing.revision}
    values |= {"at": None, "source": None} if newest is None else {"at": newest.at, "source": newest.source}
    return StandingBody.model_validate(
        values | {"name": _text(PURPOSES[purpose]), "means": _text(PURPOSES_MEAN[purpose])}
    )


def looked_body(looked: Looked) -> LookedBody:
    """A look as JSON has it."""
    return LookedBody.model_validate(
        {
            "at": looked.at,
            "did": looked.verb,
            "did_name": _text(verb_name(looked.verb)),
            "purpose": looked.purpose,
            "purpose_name": _text(purpose_name(looked.purpose)),
            "role": looked.role,
            "who": _text(looked.who),
            "organisation": None if looked.organisation is None else _text(looked.organisation),
            "own": looked.own,
        }
    )


def _text(text: Text) -> TextBody:
    return TextBody(zh=text.zh, en=text.en)
