"""The form posts that change who is looking or in which language.

They are plain posts, so that the session cookie stays out of reach of scripts (HttpOnly) and a browser's password manager
understands the page. The cookie is SameSite=Lax: no other site can post in somebody's name.

Signing in may take several steps (`linli.signin`). The session waits meanwhile, and the sign-in page shows what for.
"""

import asyncio
from collections.abc import Callable
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from api.console.consoles import Consoles
from api.console.guard import posted
from api.console.handover import Handover
from api.console.visit import LANGUAGE_COOKIE, home, local_path
from api.http.session_cookie import browser_of, clear_session, session_token, set_session
from api.routing import caller
from api.services import Services
from linli.db.people import FactorWanted, PasswordOver, SamePassword, SignedIn, WrongCode, WrongPresent
from linli.errors import Conflict, LinliError, NotFound, NotSignedIn, Refused, TooMany
from linli.i18n import Language
from linli.signin import Stage

_LANGUAGE_FOR_S = 365 * 24 * 3600
RECOVERY_PATH = "/account/recovery"
_FAULTS = (
    (WrongCode, "code"),
    (FactorWanted, "code"),
    (PasswordOver, "over"),
    (TooMany, "busy"),
    (WrongPresent, "present"),
    (SamePassword, "same"),
    (NotFound, "gone"),
)


def add_routes(app: FastAPI, services: Services, consoles: Consoles, handover: Handover) -> None:
    """The form posts of the console."""
    _add_signing_in(app, services)
    _add_steps(app, services, handover)

    @app.post("/logout", include_in_schema=False)
    async def sign_out(request: Request) -> RedirectResponse:
        token = session_token(request)
        entered = await asyncio.to_thread(services.people.sessions.enter, token)
        await asyncio.to_thread(services.people.sign_out, token)
        consoles.end(token)
        elsewhere = entered is not None and entered.session.way == "oidc"
        response = RedirectResponse("/login?out=provider" if elsewhere else "/login", 303)
        clear_session(request, response)
        return response

    @app.post("/language/{language}", include_in_schema=False)
    async def switch_language(request: Request, language: Language) -> RedirectResponse:
        back = (await posted(request)).get("back", "")
        token = session_token(request)
        person = await asyncio.to_thread(services.people.by_session, token) if token else None
        if person is not None:
            await asyncio.to_thread(services.people.set_language, person, language)
        response = RedirectResponse(local_path(back) or "/", 303)
        response.set_cookie(
            LANGUAGE_COOKIE,
            language.value,
            max_age=_LANGUAGE_FOR_S,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response


def _add_signing_in(app: FastAPI, services: Services) -> None:
    people = services.people

    @app.post("/login", include_in_schema=False)
    async def sign_in(request: Request) -> RedirectResponse:
        form = await posted(request)

        def enter() -> SignedIn:
            name, password = form.get("name", "").strip(), form.get("password", "")
            return people.sign_in(name, password, caller(request), browser_of(request), session_token(request))

        return await _step(services, request, form, enter, nobody="wrong")


def _add_steps(app: FastAPI, services: Services, handover: Handover) -> None:
    people = services.people

    @app.post("/login/code", include_in_schema=False)
    async def give_code(request: Request) -> RedirectResponse:
        form, token = await posted(request), session_token(request)
        return await _step(
            services, request, form, lambda: people.give_code(token, form.get("code", ""), caller(request))
        )

    @app.post("/login/password", include_in_schema=False)
    async def choose_password(request: Request) -> RedirectResponse:
        form, token = await posted(request), session_token(request)
        if form.get("new", "") != form.get("again", ""):
            return login_page("differ", form.get("wanted", ""))

        def change() -> SignedIn:
            return people.change_password(token, form.get("present", ""), form.get("new", ""), caller(request))

        return await _step(services, request, form, change)

    @app.post("/login/enrol", include_in_schema=False)
    async def enrol(request: Request) -> RedirectResponse:
        form, token = await posted(request), session_token(request)

        def confirm() -> SignedIn:
            signed, codes = people.enrol_factor(token, form.get("code", ""), caller(request))
            handover.put(signed.token, codes, local_path(form.get("wanted", "")) or home(signed.person))
            return signed

        return await _step(services, request, form | {"wanted": RECOVERY_PATH}, confirm, form.get("wanted", ""))


async def _step(
    services: Services,
    request: Request,
    form: dict[str, str],
    step: Callable[[], SignedIn],
    back_to: str | None = None,
    nobody: str = "ended",
) -> RedirectResponse:
    """Take a step of signing in: on to what was wanted, or back to the sign-in page for the next or with what was wrong."""
    wanted = local_path(form.get("wanted", ""))
    try:
        signed = await asyncio.to_thread(step)
    except (NotSignedIn, TooMany, Conflict, Refused) as error:
        return login_page(fault_word(error, nobody), wanted if back_to is None else back_to)
    if signed.stage is Stage.COMPLETE:
        response = RedirectResponse(wanted or home(signed.person), 303)
    else:
        response = login_page("", wanted)
    set_session(request, response, signed, services.people.policy)
    return response


def login_page(fault: str, wanted: str) -> RedirectResponse:
    """To the sign-in page, which says what was wrong and remembers where somebody wanted to go."""
    said = {name: value for name, value in (("fault", fault), ("next", local_path(wanted))) if value}
    return RedirectResponse("/login" + (f"?{urlencode(said)}" if said else ""), 303)


def fault_word(error: LinliError, nobody: str = "ended") -> str:
    """What was wrong, in the word that the pages know it by. `nobody`: that of NotSignedIn."""
    if isinstance(error, Refused):
        return "guessed" if error.reason == "bad_password" else "refused"
    other = nobody if isinstance(error, NotSignedIn) else "late"
    return next((word for kind, word in _FAULTS if isinstance(error, kind)), other)
