"""Alerts over REST: lists, one with its history, and what people do about them."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api import bodies
from api.alerts.filters import AlertFilters
from api.alerts.once import Once
from api.http.paging import Cursor, Limit, Page, following, read_cursor
from api.registry import person_bodies as forms
from api.registry.persons import Look
from api.routing import Signed, needs
from api.services import Services
from linli.roles import Operation

_LIST = "alerts"
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": bodies.ProblemBody, "description": "It is closed already, or not in that state"},
    503: {"model": bodies.ProblemBody, "description": "Rules is not answering; the act is stored"},
}


def add_routes(router: APIRouter, services: Services) -> None:
    """All of them."""
    _add_reading(router, services)
    _add_acts(router, services)


def _add_reading(router: APIRouter, services: Services) -> None:
    @router.get("/alerts", response_model=bodies.AlertsBody, **needs(Operation.SEE))
    def alerts(
        request: Request,
        person: Signed,
        asked: AlertFilters,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        """Alerts, the last opened first."""
        after = None if cursor is None else read_cursor(_LIST, cursor, (int, str))
        page = services.alert_page(person, asked, limit, after)
        return _answer(page, request)

    @router.get("/alerts/{alert_id}", **needs(Operation.SEE))
    def alert(
        alert_id: str,
        person: Signed,
        purpose: bodies.WhatFor = None,
        reason: forms.Reason = "",
        full: forms.Full = False,
    ) -> bodies.AlertDetailBody:
        """One alert with its evidence and history. What the evidence says of people (the card at a door) is masked, unless in full is
        asked for, with a purpose and a reason; that look is logged."""
        return bodies.alert_detail_body(services.alert(person, alert_id, Look(purpose or "", reason, full)))


def _add_acts(router: APIRouter, services: Services) -> None:
    @router.post("/alerts/{alert_id}/acknowledge", responses=_CONFLICT, **needs(Operation.HANDLE_ALERTS))
    def acknowledge(alert_id: str, body: bodies.AcknowledgeBody, person: Signed, once: Once) -> bodies.AlertBody:
        """Say that you have taken it up."""
        return bodies.alert_body(services.acknowledge(person, alert_id, body.comment, once))

    @router.post("/alerts/{alert_id}/close", responses=_CONFLICT, **needs(Operation.HANDLE_ALERTS))
    def close(alert_id: str, body: bodies.CloseBody, person: Signed, once: Once) -> bodies.AlertBody:
        """Close it, with the reason."""
        return bodies.alert_body(services.close(person, alert_id, body.reason, once))

    @router.post("/alerts/{alert_id}/shelve", responses=_CONFLICT, **needs(Operation.HANDLE_ALERTS))
    def shelve(alert_id: str, body: bodies.ShelveBody, person: Signed, once: Once) -> bodies.AlertBody:
        """Set it aside for a while, with the reason. 409 too for an alert of life safety, which cannot be shelved."""
        until = body.ends(services.clock.now())
        return bodies.alert_body(services.shelve(person, alert_id, until, body.reason, once))

    @router.post("/alerts/{alert_id}/unshelve", responses=_CONFLICT, **needs(Operation.HANDLE_ALERTS))
    def unshelve(alert_id: str, body: bodies.UnshelveBody, person: Signed, once: Once) -> bodies.AlertBody:
        """Take it up again before its time. 409 too for one that is not shelved."""
        return bodies.alert_body(services.unshelve(person, alert_id, body.comment, once))


def _answer(page: Page[bytes], request: Request) -> Response:
    """A page whose items are JSON already."""
    response = Response(media_type="application/json")
    cursor = following(_LIST, page, request, response)
    tail = b"null" if cursor is None else b'"' + cursor.encode() + b'"'
    response.body = b'{"items":[' + b",".join(page.items) + b'],"next":' + tail + b"}"
    response.headers["content-length"] = str(len(response.body))
    return response
