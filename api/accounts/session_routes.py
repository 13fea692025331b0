"""Signing in and out over REST, and what people do about their own account.

A session is a cookie. `POST /sessions` answers 201 when that was all, 202 when more is wanted: the session then waits, and is
good for giving what it `wants` and for nothing else. Whatever decides who gets in is for a session alone, never for a token.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.accounts import bodies
from api.bodies import PersonBody, ProblemBody, SignInBody, person_body
from api.http.paging import Listed
from api.http.session_cookie import browser_of, clear_session, session_token, set_session
from api.routing import Own, Signed, caller, for_everybody, for_session, for_signed_in
from api.services import Services
from linli.db.people import SignedIn
from linli.errors import NotFound
from linli.i18n import Text
from linli.signin import Stage

_WAITS: dict[int | str, dict[str, Any]] = {
    202: {"model": bodies.WaitingBody, "description": "More is wanted before the session is good for anything else"},
    429: {"model": ProblemBody, "description": "Too many tries; see Retry-After"},
}
_OWN: dict[int | str, dict[str, Any]] = {
    403: {"model": ProblemBody, "description": "Not with a token: sign in"},
    409: {
        "model": ProblemBody,
        "description": "The present password is wrong, the present code is wanted, or this is not possible now",
    },
    429: {"model": ProblemBody, "description": "Too many tries; see Retry-After"},
}


def add_routes(router: APIRouter, services: Services) -> None:
    """The routes over these services."""
    _add_signing_in(router, services)
    _add_own_sessions(router, services)
    _add_own_proofs(router, services)


def _add_signing_in(router: APIRouter, services: Services) -> None:
    people = services.people

    def entered(request: Request, signed: SignedIn, status: int) -> Response:
        complete = signed.stage is Stage.COMPLETE
        body = person_body(signed.person) if complete else bodies.WaitingBody(wants=signed.stage)
        response = JSONResponse(body.model_dump(mode="json"), status if complete else 202)
        set_session(request, response, signed, people.policy)
        return response

    @router.post("/sessions", status_code=201, response_model=PersonBody, responses=_WAITS, **for_everybody())
    def sign_in(body: SignInBody, request: Request) -> Response:
        """Sign in with name and password: sets the session cookie. A session that it stood for before ends."""
        before = session_token(request)
        signed = people.sign_in(body.name, body.password, caller(request), browser_of(request), before)
        return entered(request, signed, 201)

    @router.post(
        "/sessions/current/code", status_code=201, response_model=PersonBody, responses=_WAITS, **for_session()
    )
    def give_code(body: bodies.CodeBody, request: Request, token: Own) -> Response:
        """Give the code of one's phone, or a recovery code, where the session waits for it."""
        return entered(request, people.give_code(token, body.code, caller(request)), 201)

    @router.put("/me/password", response_model=PersonBody, responses=_OWN | _WAITS, **for_session())
    def change_password(body: bodies.PasswordBody, request: Request, token: Own) -> Response:
        """Change one's password; all other sessions end. Also where a session waits for it."""
        return entered(request, people.change_password(token, body.present, body.new, caller(request)), 200)

    @router.delete("/sessions/current", status_code=204, **for_session())
    def sign_out(request: Request, response: Response, token: Own) -> None:
        """Sign out: ends the session of the cookie."""
        people.sign_out(token)
        clear_session(request, response)


def _add_own_sessions(router: APIRouter, services: Services) -> None:
    people = services.people

    def own_id(token: str) -> str | None:
        found = people.sessions.enter(token)
        return None if found is None else found.session.id

    @router.get("/me", **for_signed_in())
    def me(person: Signed) -> PersonBody:
        """Who is signed in."""
        return person_body(person)

    @router.get("/me/sessions", **for_signed_in(by_session=True))
    def own_sessions(person: Signed, token: Own) -> Listed[bodies.SessionBody]:
        """Where one is signed in, the one used last first: all on one page, for there are fifty at most."""
        current = own_id(token)
        found = people.sessions.of(person.id)
        return Listed(items=[bodies.session_body(session, current) for session in found], next=None)

    @router.delete("/me/sessions", status_code=204, responses=_OWN, **for_signed_in(by_session=True))
    def end_other_sessions(person: Signed, token: Own) -> None:
        """End all of one's sessions but the one that asks."""
        people.sessions.end_others(person.id, own_id(token), by=person.id)

    @router.delete("/me/sessions/{session_id}", status_code=204, responses=_OWN, **for_signed_in(by_session=True))
    def end_own_session(session_id: str, person: Signed) -> None:
        """End one of one's sessions."""
        people.sessions.end(person.id, [session_id], by=person.id)


def _add_own_proofs(router: APIRouter, services: Services) -> None:
    people = services.people

    @router.get("/me/second-factor", **for_signed_in(by_session=True))
    def second_factor(person: Signed) -> bodies.FactorBody:
        """Whether one has a second factor, and must."""
        return bodies.factor_body(people.factors.state(person.id), people.policy.demands_factor(person.role))

    @router.post("/me/second-factor", status_code=201, responses=_OWN, **for_session())
    def offer_second_factor(body: bodies.OwnProofsBody, request: Request, token: Own) -> bodies.OfferBody:
        """Begin to set up a second factor, or another one. It counts once its first code was given."""
        offered = people.offer_factor(token, body.password, caller(request), body.code)
        return bodies.OfferBody(secret=offered.secret, uri=offered.uri)

    @router.post("/me/second-factor/confirm", status_code=201, responses=_OWN, **for_session())
    def confirm_second_factor(
        body: bodies.CodeBody, request: Request, response: Response, token: Own
    ) -> bodies.RecoveryBody:
        """Give the first code; the answer has the recovery codes. All other sessions end."""
        signed, codes = people.enrol_factor(token, body.code, caller(request))
        set_session(request, response, signed, people.policy)
        return bodies.RecoveryBody(recovery_codes=codes)

    @router.post("/me/second-factor/off", status_code=204, responses=_OWN, **for_signed_in(by_session=True))
    def drop_second_factor(body: bodies.OwnProofsBody, request: Request, person: Signed, token: Own) -> None:
        """Do without a second factor. 409 for a role that must have one."""
        if not people.factors.state(person.id).on:
            raise NotFound(Text("没有设置双重验证", "there is no second factor"))
        people.drop_factor(token, body.password, caller(request), body.code)

    @router.post("/me/recovery-codes", status_code=201, responses=_OWN, **for_signed_in(by_session=True))
    def new_recovery_codes(
        body: bodies.OwnProofsBody, request: Request, _person: Signed, token: Own
    ) -> bodies.RecoveryBody:
        """Make other recovery codes; those from before are worth nothing."""
        codes = people.new_recovery_codes(token, body.password, caller(request), body.code)
        return bodies.RecoveryBody(recovery_codes=codes)
