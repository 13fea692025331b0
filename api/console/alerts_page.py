"""The alert list: worst first, kept up to date by the live feed."""

import asyncio
import logging

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments
from sqlalchemy.exc import SQLAlchemyError

from api import words
from api.console import texts
from api.console.dialogs import ActDialog, acknowledging
from api.console.opening import MOST_KNOWN, Answer, Opened, Pages
from api.console.rows import Row, row
from api.console.visit import Visit, person_now
from api.services import Services
from api.views import AlertView
from linli.errors import LinliError, NotSignedIn
from linli.roles import Operation

_log = logging.getLogger(__name__)

RECENT = 200
"""How many alerts 'all' shows."""


class AlertList(Element, component="static/alert_list.js"):
    """The list itself: `alert_list.js` says what it does."""


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page("/", Operation.SEE)
    async def alerts(opened: Opened) -> Answer:
        visit = opened.visit
        views = await asyncio.to_thread(services.alerts, visit.person, open_only=True, limit=MOST_KNOWN)
        with opened.frame(texts.ALERTS, "/", toasting=False):
            _board(services, visit, views)
        return None


def _board(services: Services, visit: Visit, views: list[AlertView]) -> None:
    dialog = ActDialog(services, visit, acknowledging(services))
    board = AlertList()
    board.props["words"] = _words(visit.language)
    board.props["names"] = {severity.value: text.of(visit.language) for severity, text in words.SEVERITIES.items()}
    board.props["all"] = False
    board.props["rows"] = _rows(services, visit, views)

    async def show(event: GenericEventArguments) -> None:
        everything = bool(event.args.get("all"))
        try:
            found = await asyncio.to_thread(_read, services, visit, everything)
        except NotSignedIn:
            ui.navigate.to("/login?fault=ended")
            return
        except (LinliError, SQLAlchemyError) as error:
            _log.warning("cannot read the list of alerts: %s", error)
            ui.notify(texts.TRY_AGAIN.of(visit.language))
            return
        board.props["all"] = everything
        board.props["rows"] = _rows(services, visit, found)
        board.update()

    board.on("acknowledge", lambda event: dialog.ask(str(event.args["id"]), str(event.args["title"])))
    board.on("show", show)


def _read(services: Services, visit: Visit, everything: bool) -> list[AlertView]:
    limit = RECENT if everything else MOST_KNOWN
    return services.alerts(person_now(services, visit), open_only=not everything, limit=limit)


def _rows(services: Services, visit: Visit, views: list[AlertView]) -> list[Row]:
    now = services.clock.now()
    return [row(view, visit.language, visit.zone(view.alert.community), now, visit.several) for view in views]


def _words(language: str) -> dict[str, str]:
    return texts.words(
        language,
        alerts=texts.ALERTS,
        open=texts.OPEN_ALERTS,
        all=texts.ALL_ALERTS,
        filter_severity=texts.FILTER_BY_SEVERITY,
        filter_state=texts.FILTER_BY_STATE,
        nothing=texts.NOTHING_OPEN,
        nothing_more=texts.NOTHING_OPEN_MORE,
        nothing_matches=texts.NOTHING_MATCHES,
        acknowledge=texts.ACKNOWLEDGE,
        just_now=texts.JUST_NOW,
        seconds_ago=texts.SECONDS_AGO,
        minutes_ago=texts.MINUTES_AGO,
        hours_ago=texts.HOURS_AGO,
        days_ago=texts.DAYS_AGO,
    )
