"""The audit log over REST."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.audit.service import AuditService, AuditView, build_audit
from api.bodies import Moment, TextBody, When
from api.http.paging import Cursor, Limit, following, read_cursor
from api.routing import Signed, needs
from api.services import Services
from linli.audit import Outcome
from linli.auditwords import kind_name, purpose_name, verb_name
from linli.db.audit import Search
from linli.ids import ID_PATTERN
from linli.roles import Operation

_LIST = "audit"
_Word = Annotated[str, Query(max_length=100)]


class AuditEntryBody(BaseModel):
    """Who did what to what, when, why and from where. `hash` is over what `linli audit export` has of it."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "id": 4021,
                    "at": "2026-11-23T08:15:00.000000Z",
                    "actor": "p4c7d2a91",
                    "actor_name": "王师傅",
                    "verb": "person.read",
                    "words": {"zh": "查看个人信息", "en": "Personal data looked at"},
                    "kind": "person",
                    "kind_words": {"zh": "个人", "en": "person"},
                    "items": ["r0012"],
                    "community": "c001",
                    "purpose": "emergency",
                    "purpose_words": {"zh": "处置告警或紧急情况", "en": "An alert or an emergency is being handled"},
                    "reason": "she pressed the panic button",
                    "address": "10.8.0.17",
                    "credential": "s8d1f02c7",
                    "outcome": "done",
                    "facts": {"fields": ["name", "phone"]},
                    "details": {},
                    "erased": [],
                    "previous": "9c1185a5c5e9fc54612808977ee8f548b2258d31aa1c4c3b8f2b7e8d1a0f6c2e",
                    "hash": "0f6c2e9c1185a5c5e9fc54612808977ee8f548b2258d31aa1c4c3b8f2b7e8d1a",
                }
            ]
        },
    )

    id: int
    at: Moment
    actor: str
    actor_name: str | None
    verb: str
    words: TextBody
    kind: str
    kind_words: TextBody
    items: list[str]
    community: str | None
    purpose: str | None
    purpose_words: TextBody | None
    reason: str | None
    address: str | None
    credential: str | None
    outcome: Outcome
    facts: dict[str, Any]
    details: dict[str, Any]
    erased: list[str] = Field(description="Texts that were there and were erased on somebody's request")
    previous: str
    hash: str


class AuditBody(BaseModel):
    """A page of the log, the newest first."""

    model_config = ConfigDict(frozen=True)

    items: list[AuditEntryBody]
    next: str | None


class AuditStandingBody(BaseModel):
    """Whether the newest entries hang together and fit the head outside the database; `fault`: what is wrong first."""

    model_config = ConfigDict(frozen=True)

    whole: bool
    fault: TextBody | None
    checked_at: Moment


def add_routes(router: APIRouter, services: Services) -> None:
    """All of them. There is none that changes anything."""
    audit = build_audit(services)
    _add_list(router, audit)

    @router.get("/audit/standing", **needs(Operation.READ_AUDIT))
    def standing(person: Signed) -> AuditStandingBody:
        """Whether the end of the log is whole, as of the last minute. `linli audit verify` looks at all of it."""
        found = audit.standing(person)
        said = None if found.fault is None else TextBody.model_validate(found.fault)
        return AuditStandingBody(whole=said is None, fault=said, checked_at=found.checked_at)  # type: ignore[arg-type]

    @router.get("/audit/{entry}", **needs(Operation.READ_AUDIT))
    def one(entry: Annotated[int, Path(ge=1, lt=2**63)], person: Signed) -> AuditEntryBody:
        """One entry of the log."""
        return body_of(audit.get(person, entry))


def _add_list(router: APIRouter, audit: AuditService) -> None:
    @router.get("/audit", **needs(Operation.READ_AUDIT))
    def log(
        request: Request,
        response: Response,
        person: Signed,
        actor: Annotated[
            _Word | None, Query(description="Who did it: an account's id, `cli:NAME`, `system:PROCESS`")
        ] = None,
        verb: Annotated[_Word | None, Query(description="`alert.closed`; `alert.` for all that begin so")] = None,
        kind: Annotated[_Word | None, Query(description="What kind of thing it is about")] = None,
        item: Annotated[
            _Word | None, Query(description="The id of what it is about, as of a person who was looked at")
        ] = None,
        community: Annotated[str | None, Query(pattern=f"^{ID_PATTERN}$", max_length=64)] = None,
        outcome: Outcome | None = None,
        since: Annotated[When | None, Query(description="At this time or later")] = None,
        until: Annotated[When | None, Query(description="Before this time")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> AuditBody:
        """The audit log, the newest first: who did what and who saw whose data. That you looked is written down."""
        before = None if cursor is None else int(read_cursor(_LIST, cursor, (int,))[0])
        search = Search(
            actor=actor,
            verb=verb,
            kind=kind,
            item=item,
            community=community,
            outcome=None if outcome is None else outcome.value,
            since=since,
            until=until,
        )
        page = audit.page(person, search, limit, before)
        return AuditBody(items=[body_of(view) for view in page.items], next=following(_LIST, page, request, response))


def body_of(view: AuditView) -> AuditEntryBody:
    """An entry as JSON."""
    entry = view.entry
    return AuditEntryBody(
        id=entry.seq,
        at=entry.at,  # type: ignore[arg-type]
        actor=entry.actor,
        actor_name=view.names.get(entry.actor),
        verb=entry.verb,
        words=TextBody.model_validate(verb_name(entry.verb)),
        kind=entry.kind,
        kind_words=TextBody.model_validate(kind_name(entry.kind)),
        items=list(entry.ids),
        community=entry.community,
        purpose=entry.purpose or None,
        purpose_words=TextBody.model_validate(purpose_name(entry.purpose)) if entry.purpose else None,
        reason=view.reason,
        address=view.address,
        credential=entry.credential or None,
        outcome=Outcome(entry.outcome),
        facts=dict(entry.facts),
        details=dict(view.details),
        erased=list(view.erased),
        previous=entry.previous,
        hash=entry.hash,
    )
