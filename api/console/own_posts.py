"""What the forms of a resident's own page post. Each answers with the way back to the page, which says what became of it. And the
file with everything that is kept of them."""

import asyncio
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError

from api.console import texts
from api.console.guard import posted
from api.console.session import login_page
from api.console.visit import OWN_PATH
from api.http.session_cookie import session_token
from api.own.bodies import data_body
from api.own.service import OwnService
from api.services import Services
from linli.db.people import Person
from linli.errors import Conflict, LinliError, NotFound, NotSignedIn, Outdated, Refused
from linli.registry.changes import Outdated as ChangedSince

_FAULTS: tuple[tuple[type[LinliError], str], ...] = (
    (Outdated, "late"),
    (ChangedSince, "late"),
    (NotFound, "gone"),
    (Refused, "bad"),
    (Conflict, "full"),
)
Form = dict[str, str]

_FILE = {"content-disposition": 'attachment; filename="my-data.json"', "cache-control": "no-store"}


def add_routes(app: FastAPI, services: Services) -> None:
    """The form posts, and the file."""
    posts = _Posts(services)
    _add_contacts(app, posts)

    @app.post(f"{OWN_PATH}/consents/{{purpose}}", include_in_schema=False)
    async def say(request: Request, purpose: str) -> RedirectResponse:
        def do(person: Person, form: Form) -> object:
            return posts.own.say(person, purpose, form.get("given") == "yes", _revision(form))

        return await posts.tried(request, do, "agreed")

    @app.get(f"{OWN_PATH}/my-data.json", include_in_schema=False)
    async def everything(request: Request) -> Response:
        try:
            body = await asyncio.to_thread(lambda: data_body(posts.own.export(posts.person(request))))
        except NotSignedIn:
            return login_page("ended", OWN_PATH)
        except LinliError:
            return RedirectResponse(OWN_PATH, 303)
        return Response(body.model_dump_json(indent=1), media_type="application/json", headers=_FILE)


def _add_contacts(app: FastAPI, posts: "_Posts") -> None:
    own, path = posts.own, f"{OWN_PATH}/contacts"

    @app.post(path, include_in_schema=False)
    async def add(request: Request) -> RedirectResponse:
        def do(person: Person, form: Form) -> object:
            return own.add_contact(person, form.get("kind", ""), form.get("value", ""))

        return await posts.tried(request, do, "added")

    @app.post(f"{path}/{{contact}}", include_in_schema=False)
    async def change(request: Request, contact: str) -> RedirectResponse:
        def do(person: Person, form: Form) -> object:
            kind, value = form.get("kind", ""), form.get("value", "")
            return own.change_contact(person, contact, kind, value, None, _revision(form))

        return await posts.tried(request, do, "changed")

    @app.post(f"{path}/{{contact}}/remove", include_in_schema=False)
    async def remove(request: Request, contact: str) -> RedirectResponse:
        def do(person: Person, form: Form) -> None:
            own.remove_contact(person, contact, _revision(form))

        return await posts.tried(request, do, "removed")


class _Posts:
    """What every form has in common: who posts, and what is said of what became of it."""

    def __init__(self, services: Services) -> None:
        self.own = OwnService(services.sights, services.database, services.clock)
        self._people = services.people

    def person(self, request: Request) -> Person:
        """Who asks; NotSignedIn."""
        person = self._people.by_session(session_token(request))
        if person is None:
            raise NotSignedIn(texts.SIGNED_OUT)
        return person

    async def tried(self, request: Request, do: Callable[[Person, Form], object], said: str) -> RedirectResponse:
        """Back to the page, once it is done, or with what was wrong."""
        form = await posted(request)
        try:
            await asyncio.to_thread(lambda: do(self.person(request), form))
        except NotSignedIn:
            return login_page("ended", OWN_PATH)
        except SQLAlchemyError:
            return _back("fault", "busy")
        except LinliError as error:
            return _back("fault", next((word for kind, word in _FAULTS if isinstance(error, kind)), "busy"))
        return _back("said", said)


def _revision(form: Form) -> int:
    """The one that the page was drawn with; none that there is for what nobody has drawn."""
    text = form.get("revision", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _back(name: str, word: str) -> RedirectResponse:
    return RedirectResponse(f"{OWN_PATH}?{name}={word}", 303)
