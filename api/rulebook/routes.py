"""The routes of rules, and what they give as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from api.bodies import TextBody
from api.http.paging import Cursor, Limit, Listed, cut, listed, read_cursor
from api.routing import Signed, needs
from api.services import Services
from linli.model import Severity
from linli.roles import Operation

_Rule = Annotated[str, Path(max_length=64, examples=["pump-room-flooded"])]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class ClauseBody(_Out):
    """One way in which a rule comes true, in words, and how bad it is then."""

    words: TextBody
    severity: Severity


class RuleBody(_Out):
    """A rule. `device_kinds` and `facility_kinds` are what it watches, `subject` what an alert of it is about, `route` whom it is for,
    `also` what else becomes of its alerts (worse with many devices, confirmed, told again), `steps` what to
    do, one after the other; `open_alerts` counts those that you see."""

    id: str
    title: TextBody
    severity: Severity
    life_safety: bool
    latched: bool
    subject: str
    source: TextBody
    route: list[TextBody]
    device_kinds: list[TextBody]
    facility_kinds: list[TextBody]
    clauses: list[ClauseBody]
    also: list[TextBody]
    advice: TextBody
    steps: list[TextBody]
    open_alerts: int


class OverrideBody(_Out):
    """What the rule is like in one community or place, or for one device (`kind`; `where` is its id), with what is different
    around there too. `off`: it does not watch there; else `severity` and `clauses` is how it reads there, `also` what else is
    different there. `change` is what this override lays over the others; `passed_over` why it does not count for some device,
    where it makes no sense over those around it."""

    kind: str
    where: str
    where_name: TextBody
    off: bool
    change: dict[str, Any]
    severity: Severity
    clauses: list[ClauseBody]
    also: list[TextBody]
    reason: str
    passed_over: TextBody | None


class RulesBody(Listed[RuleBody]):
    """A page of rules."""


class RuleDetailBody(RuleBody):
    """A rule with what overrides it, and how many devices it watches, as far as you see them."""

    overrides: list[OverrideBody]
    device_count: int


def add_routes(router: APIRouter, services: Services) -> None:
    """Add them."""

    @router.get("/rules", response_model=RulesBody, **needs(Operation.SEE))
    def rules(request: Request, response: Response, person: Signed, limit: Limit = 100, cursor: Cursor = None) -> Any:
        """The rules in force, in words, the worst first."""
        after = None if cursor is None else read_cursor("rules", cursor, (int, str))
        page = cut(services.rules.all(person), limit, lambda rule: (rule.severity.rank, rule.id), after)
        return listed("rules", page, request, response)

    @router.get("/rules/{rule_id}", **needs(Operation.SEE))
    def rule(rule_id: _Rule, person: Signed) -> RuleDetailBody:
        """One rule, where it is different, and how many devices it watches."""
        detail = services.rules.get(person, rule_id)
        own: dict[str, object] = {name: getattr(detail.view, name) for name in RuleBody.model_fields}
        more = {"overrides": list(detail.overrides), "device_count": len(detail.devices)}
        return RuleDetailBody.model_validate(own | more)
