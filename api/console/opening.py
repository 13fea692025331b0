"""How every page of the console opens: somebody who is signed in and may see it, the alerts that their browser counts from now on,
and the frame around what the page draws.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse
from nicegui import Client, ui

from api.console.consoles import Console, Consoles
from api.console.layout import Known, frame
from api.console.visit import Visit, enter, home
from api.scope import may
from api.services import Services
from linli.db.alertlist import AlertLists
from linli.db.people import Person
from linli.i18n import Text
from linli.roles import Operation

MOST_KNOWN = 1000
PATIENCE_S = 20.0
"""So long a page may take on a busy machine, just started, over a whole district; instead of NiceGUI's three seconds."""

Answer = RedirectResponse | None
"""Where else to go, or None for the page that was drawn."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A page that opens, for somebody who may see it. What it reads from now on misses nothing: its console listens already."""

    services: Services
    console: Console
    known: Known

    @property
    def visit(self) -> Visit:
        """Who looks, and in which language."""
        return self.console.visit

    @property
    def person(self) -> Person:
        """Who looks."""
        return self.console.visit.person

    def frame(self, title: Text, active: str, *, toasting: bool = True) -> AbstractContextManager[None]:
        """The page around what is drawn within: `layout.frame`."""
        return frame(self.services, self.console, title=title, known=self.known, active=active, toasting=toasting)


class Pages:
    """The console's pages, as each room adds its own. `needs` is what each of them needs, by path; None: to be signed in."""

    def __init__(self, services: Services, consoles: Consoles) -> None:
        self.services = services
        self.consoles = consoles
        self.needs: dict[str, Operation | None] = {}

    def page(self, path: str, needs: Operation | None) -> Callable[[Callable[..., Awaitable[Answer]]], None]:
        """Make a page of a function. It is called with `Opened` and with what it names of the path and the query, once somebody
        who may do `needs` asks for it; everybody else is sent to the sign-in page, or to where their own work is."""

        def add(draw: Callable[..., Awaitable[Answer]]) -> None:
            async def opening(request: Request, client: Client, **asked: Any) -> Answer:
                opened = await self._open(request, client, needs)
                return opened if isinstance(opened, RedirectResponse) else await draw(opened, **asked)

            _, *asked = inspect.signature(draw).parameters.values()
            own = [_named("request", Request), _named("client", Client)]
            opening.__signature__ = inspect.Signature([*own, *asked])  # type: ignore[attr-defined]  # what is asked of FastAPI
            opening.__name__ = draw.__name__
            ui.page(path, response_timeout=PATIENCE_S)(opening)
            self.needs[path] = needs

        return add

    async def _open(self, request: Request, client: Client, needs: Operation | None) -> Opened | RedirectResponse:
        visit = await enter(self.services, request)
        if isinstance(visit, RedirectResponse):
            return visit
        if needs is not None and not may(visit.person, needs):
            return RedirectResponse(home(visit.person), 303)
        console = self.consoles.open(client, visit)
        return Opened(self.services, console, await asyncio.to_thread(_known, self.services, visit.person))


def _named(name: str, kind: type) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=kind)


def _known(services: Services, person: Person) -> Known:
    """The open alerts within sight: what `live.js` counts, and needs to tell what is new, or asks for somebody again."""
    if not may(person, Operation.SEE):
        return {}
    heads = AlertLists(services.sights.of(person).database).open_heads(MOST_KNOWN)
    return {head.id: {"severity": head.severity, "handling": head.handling} for head in heads}
