"""What the forms of one's own account post. Each answers with the way to a page that says what became of it."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from api.accounts.service import AccountService
from api.console import texts
from api.console.guard import posted
from api.console.handover import Handover
from api.console.session import RECOVERY_PATH, fault_word, login_page
from api.console.visit import home
from api.http.session_cookie import session_token, set_session
from api.routing import caller
from api.services import Services
from linli.db.people import People, Person
from linli.errors import LinliError, NotSignedIn

_ACCOUNT = "/account"


def add_routes(app: FastAPI, services: Services, handover: Handover) -> None:
    """The form posts."""
    _add_password(app, services.people)
    _add_factor(app, services.people, handover)
    _add_sessions(app, services)


def _add_password(app: FastAPI, people: People) -> None:
    @app.post("/account/password", include_in_schema=False)
    async def change_password(request: Request) -> RedirectResponse:
        form, token = await posted(request), session_token(request)
        if form.get("new", "") != form.get("again", ""):
            return _back(fault="differ")

        async def then() -> RedirectResponse:
            signed = await asyncio.to_thread(
                people.change_password, token, form.get("present", ""), form.get("new", ""), caller(request)
            )
            response = _back(said="password")
            set_session(request, response, signed, people.policy)
            return response

        return await _trying(then)


def _add_factor(app: FastAPI, people: People, handover: Handover) -> None:
    async def proofs_of(request: Request) -> tuple[str, str, str, str]:
        form = await posted(request)
        return session_token(request), form.get("password", ""), caller(request), form.get("code", "").strip()

    @app.post("/account/second-factor", include_in_schema=False)
    async def offer(request: Request) -> RedirectResponse:
        proofs = await proofs_of(request)

        async def then() -> RedirectResponse:
            await asyncio.to_thread(people.offer_factor, *proofs)
            return RedirectResponse("/account/second-factor", 303)

        return await _trying(then)

    @app.post("/account/second-factor/confirm", include_in_schema=False)
    async def confirm(request: Request) -> RedirectResponse:
        token, code = session_token(request), (await posted(request)).get("code", "")

        async def then() -> RedirectResponse:
            signed, codes = await asyncio.to_thread(people.enrol_factor, token, code, caller(request))
            handover.put(signed.token, codes, _ACCOUNT)
            response = RedirectResponse(RECOVERY_PATH, 303)
            set_session(request, response, signed, people.policy)
            return response

        return await _trying(then, "/account/second-factor")

    @app.post("/account/second-factor/off", include_in_schema=False)
    async def drop(request: Request) -> RedirectResponse:
        proofs = await proofs_of(request)

        async def then() -> RedirectResponse:
            await asyncio.to_thread(people.drop_factor, *proofs)
            return _back(said="off")

        return await _trying(then)

    @app.post("/account/recovery-codes", include_in_schema=False)
    async def new_codes(request: Request) -> RedirectResponse:
        proofs = await proofs_of(request)

        async def then() -> RedirectResponse:
            handover.put(proofs[0], await asyncio.to_thread(people.new_recovery_codes, *proofs), _ACCOUNT)
            return RedirectResponse(RECOVERY_PATH, 303)

        return await _trying(then)

    @app.post(RECOVERY_PATH, include_in_schema=False)
    async def kept(request: Request) -> RedirectResponse:
        token = session_token(request)
        person = await asyncio.to_thread(people.by_session, token)
        if person is None:
            return login_page("ended", "")
        shown = handover.get(token)
        handover.forget(token)
        return RedirectResponse(home(person) if shown is None else shown.then, 303)


def _add_sessions(app: FastAPI, services: Services) -> None:
    people = services.people
    accounts = AccountService(people, services.database.whole(), services.settings.oidc_issuer)

    async def signed_in(request: Request) -> tuple[Person, str]:
        entered = await asyncio.to_thread(people.sessions.enter, session_token(request))
        person = await asyncio.to_thread(people.by_session, session_token(request))
        if person is None or entered is None:
            raise NotSignedIn(texts.SIGNED_OUT)
        return person, entered.session.id

    @app.post("/account/sessions/end", include_in_schema=False)
    async def end_session(request: Request) -> RedirectResponse:
        session = (await posted(request)).get("session", "")

        async def then() -> RedirectResponse:
            person, _ = await signed_in(request)
            await asyncio.to_thread(lambda: people.sessions.end(person.id, [session], by=person.id))
            return _back(said="ended")

        return await _trying(then)

    @app.post("/account/sessions/end-others", include_in_schema=False)
    async def end_others(request: Request) -> RedirectResponse:
        async def then() -> RedirectResponse:
            person, own = await signed_in(request)
            await asyncio.to_thread(lambda: people.sessions.end_others(person.id, own, by=person.id))
            return _back(said="others")

        return await _trying(then)

    @app.post("/account/tokens/revoke", include_in_schema=False)
    async def revoke(request: Request) -> RedirectResponse:
        token = (await posted(request)).get("token", "")

        async def then() -> RedirectResponse:
            person, _ = await signed_in(request)
            await asyncio.to_thread(accounts.revoke_token, person, token)
            return _back(said="revoked")

        return await _trying(then)


async def _trying(then: Callable[[], Awaitable[RedirectResponse]], page: str = _ACCOUNT) -> RedirectResponse:
    """What `then` answers, or the way back to `page` with what was wrong."""
    try:
        return await then()
    except NotSignedIn as error:
        word = fault_word(error)
        return login_page(word, "") if word == "ended" else _back(page, fault=word)
    except LinliError as error:
        return _back(page, fault=fault_word(error))


def _back(page: str = _ACCOUNT, *, said: str = "", fault: str = "") -> RedirectResponse:
    return RedirectResponse(f"{page}?fault={fault}" if fault else f"{page}?said={said}", 303)
