"""The form posts that change who is looking or in which language.

They are plain posts, so that the session cookie stays out of reach of scripts (HttpOnly) and a browser's password manager
understands the page. The cookie is SameSite=Lax: no other site can post in somebody's name.
"""

import asyncio
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from api.console.consoles import Consoles
from api.console.guard import posted
from api.console.visit import LANGUAGE_COOKIE, SESSION_COOKIE, home, local_path
from api.routing import caller
from api.services import Services
from linli.clock import SECOND
from linli.db.people import SESSION_FOR
from linli.errors import NotSignedIn, TooMany
from linli.i18n import Language

_LANGUAGE_FOR_S = 365 * 24 * 3600


def add_routes(app: FastAPI, services: Services, consoles: Consoles) -> None:
    """The form posts of the console."""

    @app.post("/login", include_in_schema=False)
    async def sign_in(request: Request) -> RedirectResponse:
        form = await posted(request)
        wanted = local_path(form.get("wanted", ""))
        try:
            person, token = await asyncio.to_thread(
                services.people.sign_in, form.get("name", "").strip(), form.get("password", ""), caller(request)
            )
        except (NotSignedIn, TooMany) as error:
            fault = "busy" if isinstance(error, TooMany) else "wrong"
            return RedirectResponse(f"/login?fault={fault}&next={quote(wanted)}", 303)
        response = RedirectResponse(wanted or home(person), 303)
        response.set_cookie(
            SESSION_COOKIE,
            token,
            max_age=SESSION_FOR // SECOND,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    @app.post("/logout", include_in_schema=False)
    async def sign_out(request: Request) -> RedirectResponse:
        token = request.cookies.get(SESSION_COOKIE, "")
        await asyncio.to_thread(services.people.sign_out, token)
        consoles.end(token)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(SESSION_COOKIE)
        return response

    @app.post("/language/{language}", include_in_schema=False)
    async def switch_language(request: Request, language: Language) -> RedirectResponse:
        back = (await posted(request)).get("back", "")
        token = request.cookies.get(SESSION_COOKIE, "")
        person = await asyncio.to_thread(services.people.by_session, token) if token else None
        if person is not None:
            await asyncio.to_thread(services.people.set_language, person, language)
        response = RedirectResponse(local_path(back) or "/", 303)
        response.set_cookie(LANGUAGE_COOKIE, language.value, max_age=_LANGUAGE_FOR_S, samesite="lax")
        return response
