"""Exports over REST: whole lists as a file."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from api.alerts.filters import AlertFilters
from api.bodies import Id, When
from api.exports.formats import MEDIA, Column, Format, Headings, Writer
from api.exports.sources import ALERTS, DEVICES, EVENTS, alert_pages, device_pages, event_pages
from api.exports.streaming import ExportResponse, Exports
from api.http.problems import language_of
from api.routing import Signed, identify, needs
from api.services import Services
from linli.audit import Fact
from linli.clock import format_time
from linli.i18n import Language
from linli.roles import Operation

_R = TypeVar("_R")

MAX_QUERY = 500
"""Characters of what was asked for that are kept in the audit log."""

_Format = Annotated[Format, Query(alias="format", description="For people and spreadsheets, or for programs")]
_Bom = Annotated[bool, Query(description="Begin CSV with a byte order mark, by which Excel knows UTF-8")]
_Headings = Annotated[Headings, Query(description="CSV: headings and words in your language, or the names of NDJSON")]
_Lang = Annotated[Language | None, Query(description="Language of CSV; else that of Accept-Language, or yours")]
_FILES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {"text/csv": {}, "application/x-ndjson": {}}}
}


def add_routes(router: APIRouter, services: Services) -> None:
    """All of them."""
    exports = Exports(services.sights, services.database.whole(), services.clock)
    exporting = {"response_class": StreamingResponse, "responses": _FILES} | needs(Operation.EXPORT)
    _add_alerts(router, services, exports, exporting)
    _add_others(router, services, exports, exporting)


def _add_alerts(router: APIRouter, services: Services, exports: Exports, exporting: dict[str, Any]) -> None:
    @router.get("/exports/alerts", **exporting)
    def export_alerts(
        request: Request,
        person: Signed,
        asked: AlertFilters,
        file_format: _Format = Format.CSV,
        bom: _Bom = False,
        headings: _Headings = Headings.TEXT,
        lang: _Lang = None,
    ) -> StreamingResponse:
        """All alerts of a list as one file, the last opened first. The filters are those of `GET /alerts`."""
        wanted = services.wanted_alerts(person, asked)
        look = exports.look(person, lambda: identify(services, request, acting=False))
        writer = _writer(request, ALERTS, file_format, bom, headings, lang)
        return _answer("alerts", request, services, exports, writer, alert_pages(look, wanted))


def _add_others(router: APIRouter, services: Services, exports: Exports, exporting: dict[str, Any]) -> None:
    @router.get("/exports/devices", **exporting)
    def export_devices(
        request: Request,
        person: Signed,
        file_format: _Format = Format.CSV,
        bom: _Bom = False,
        headings: _Headings = Headings.TEXT,
        lang: _Lang = None,
        community: Id | None = None,
    ) -> StreamingResponse:
        """All registered devices as one file, by id."""
        wanted = frozenset(services.wanted_communities(person, community))
        look = exports.look(person, lambda: identify(services, request, acting=False))
        writer = _writer(request, DEVICES, file_format, bom, headings, lang)
        return _answer("devices", request, services, exports, writer, device_pages(look, wanted))

    @router.get("/exports/events", **exporting)
    def export_events(
        request: Request,
        person: Signed,
        start: Annotated[When, Query(alias="from")],
        end: Annotated[When, Query(alias="to")],
        file_format: _Format = Format.CSV,
        bom: _Bom = False,
        headings: _Headings = Headings.TEXT,
        lang: _Lang = None,
        community: Id | None = None,
        kind: Annotated[list[str], Query(alias="type", max_length=50)] = [],  # noqa: B006
        device: Id | None = None,
    ) -> StreamingResponse:
        """Discrete events in [from, to) as one file: community by community, in each the newest first."""
        wanted = services.wanted_events(person, start, end, community, device)
        look = exports.look(person, lambda: identify(services, request, acting=False))
        writer = _writer(request, EVENTS, file_format, bom, headings, lang)
        pages = event_pages(look, wanted, start, end, kind, device)
        return _answer("events", request, services, exports, writer, pages)


def _writer(
    request: Request,
    columns: Sequence[Column[_R]],
    file_format: Format,
    bom: bool,
    headings: Headings,
    lang: Language | None,
) -> Writer[_R]:
    return Writer(columns, file_format, lang or language_of(request), bom, headings)


def _answer(
    name: str,
    request: Request,
    services: Services,
    exports: Exports,
    writer: Writer[_R],
    pages: Iterator[Sequence[_R]],
) -> StreamingResponse:
    asked: dict[str, Fact] = {"list": name, "query": request.url.query[:MAX_QUERY]}
    export = exports.begin(request.state.person, asked, writer, pages)
    day = format_time(services.clock.now())[:10]
    headers = {
        "content-disposition": f'attachment; filename="linli-{name}-{day}.{writer.format}"',
        "x-accel-buffering": "no",
    }
    return ExportResponse(export.stream(), media_type=MEDIA[writer.format], headers=headers)
