"""The way to the OpenID provider and back: two addresses that a browser is sent to.

What a sign-in needs until it comes back (state, nonce, PKCE verifier) the browser keeps itself, in a sealed cookie: so it works
with several API processes, and over a restart.
"""

import asyncio
import dataclasses
import hashlib
import json
import logging
import re
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from api.accounts.oidc import (
    Began,
    NotVouched,
    Provider,
    ProviderDown,
    Vouched,
    begin,
    check_answer,
    communities_of,
    role_of,
    vouched,
)
from api.console.session import login_page
from api.console.visit import home, local_path
from api.http.session_cookie import browser_of, is_secure, session_token, set_session
from api.routing import caller
from api.services import Services
from linli.clock import MINUTE
from linli.datafolder import DataFolder
from linli.db.people import Changes, People, SignedIn
from linli.errors import Conflict, LinliError, NotFound, NotSignedIn, Refused
from linli.roles import ROLES, Reach
from linli.sealing import NotSealedHere, Seals
from linli.signin import Stage

MOST_TIME = 10 * MINUTE
"""How long somebody may take at the provider."""

CALLBACK = "/oidc/callback"
_COOKIE = "linli_oidc"
_WHOSE = "oidc"

_log = logging.getLogger(__name__)


class Identifying:
    """What becomes of somebody whom the provider has vouched for."""

    def __init__(self, people: People, provider: Provider) -> None:
        self._people = people
        self._provider = provider

    def enter(self, who: Vouched, address: str, browser: str, instead_of: str) -> SignedIn:
        """A session of the account that is linked, in place of the one that the browser has. NotSignedIn if there is none."""
        config = self._provider.config
        found = self._people.identities.find(config.issuer, who.subject)
        if found is None and config.add_accounts:
            self._add(who)
        elif found is not None and found[1].follows:
            self._follow(found[0].id, who)
        return self._people.sign_in_by_identity(
            config.issuer,
            who.subject,
            strongly=who.strongly,
            address=address,
            browser=browser,
            instead_of=instead_of,
        )

    def _add(self, who: Vouched) -> None:
        """An account for who has a role; for nobody else."""
        config = self._provider.config
        role = role_of(config, who.claims)
        if role is None:
            return
        person, _ = self._people.add(
            self._free_name(who), role, self._registered(who), display_name=_shown(who), by=_WHOSE
        )
        self._people.identities.link(person.id, config.issuer, who.subject, follows=True, by=_WHOSE)

    def _follow(self, user: str, who: Vouched) -> None:
        """Role and communities as the provider has them now. Who has no role any more is out, with sessions and tokens, until it gives
        them one again; and so is the last who manages accounts and is to do so no more, though their account stays."""
        people, role = self._people, role_of(self._provider.config, who.claims)
        if role is None:
            people.following.stop(user, by=_WHOSE)
            raise NotVouched("role")
        people.following.resume(user, by=_WHOSE)
        person = people.by_id(user)
        communities = self._registered(who) if ROLES[role].reach is Reach.COMMUNITIES else None
        if role is person.role and communities in (None, person.communities):
            return
        try:
            people.change(person.name, Changes(role=role, communities=communities), by=_WHOSE)
        except Conflict:
            people.following.stop(user, by=_WHOSE)
            raise

    def _registered(self, who: Vouched) -> frozenset[str]:
        """Those of the claim that there are: a provider may know more than this installation."""
        return self._people.registered(communities_of(self._provider.config, who.claims))

    def _free_name(self, who: Vouched) -> str:
        wanted = re.sub(r"[^a-z0-9._-]", "", str(who.claims.get("preferred_username", "")).casefold())[:40].lstrip(
            "._-"
        )
        mark = hashlib.sha256(who.subject.encode()).hexdigest()[:8]
        if wanted:
            try:
                self._people.get(wanted)
            except NotFound:
                return wanted
        return f"{wanted or 'oidc'}-{mark}"


def add_routes(app: FastAPI, services: Services, provider: Provider) -> None:
    """The two addresses."""
    people, seals = services.people, Seals(DataFolder(services.settings.data).secrets)
    identifying = Identifying(people, provider)

    def redirect_url(request: Request) -> str:
        return provider.config.redirect_url or str(request.url.replace(path=CALLBACK, query="", fragment=""))

    @app.get("/oidc/start", include_in_schema=False)
    async def start(request: Request) -> RedirectResponse:
        wanted = local_path(request.query_params.get("next", ""))
        began = begin(wanted, services.clock.now())
        try:
            address = await asyncio.to_thread(provider.address, began, redirect_url(request))
        except ProviderDown as error:
            _log.warning("%s", error)
            return login_page("provider", wanted)
        response = RedirectResponse(address, 303)
        sealed = await asyncio.to_thread(seals.seal, json.dumps(dataclasses.asdict(began)), _WHOSE)
        secure = is_secure(request)
        response.set_cookie(
            _cookie(request), sealed, max_age=600, path="/", httponly=True, samesite="lax", secure=secure
        )
        return response

    def finish(request: Request, began: Began) -> SignedIn:
        code = check_answer(provider.config, provider.metadata(), began, request.query_params)
        who = vouched(provider.claims(code, began, redirect_url(request)))
        return identifying.enter(who, caller(request), browser_of(request), session_token(request))

    @app.get(CALLBACK, include_in_schema=False)
    async def callback(request: Request) -> RedirectResponse:
        began = _opened(seals, request.cookies.get(_cookie(request), ""), services.clock.now())
        if began is None:
            return login_page("denied", "")
        try:
            signed = await asyncio.to_thread(finish, request, began)
        except (LinliError, Conflict, Refused) as error:
            _log.warning("a sign-in by the provider came to nothing: %s", error)
            response = login_page(_fault(error), began.wanted)
        else:
            complete = signed.stage is Stage.COMPLETE
            response = (
                RedirectResponse(began.wanted or home(signed.person), 303) if complete else login_page("", began.wanted)
            )
            set_session(request, response, signed, people.policy)
        response.delete_cookie(_cookie(request), path="/", httponly=True, samesite="lax", secure=is_secure(request))
        return response


def add_sign_out(app: FastAPI, provider: Provider) -> None:
    """The way to sign out at the provider too (OpenID Connect RP-Initiated Logout 1.0). A link, since a form may lead nowhere
    but here (`form-action` of the content policy)."""

    @app.get("/oidc/logout", include_in_schema=False)
    async def sign_out(request: Request) -> RedirectResponse:
        back = provider.config.redirect_url or str(request.url)
        back_to = urlsplit(back)._replace(path="/login", query="", fragment="").geturl()
        address = await asyncio.to_thread(provider.end_session_url, back_to)
        return RedirectResponse(address or "/login", 303)


def _opened(seals: Seals, sealed: str, now: int) -> Began | None:
    """What the browser brings back; None if it is not of ours, or too old."""
    try:
        began = Began(**json.loads(seals.open(sealed, _WHOSE)))
    except (NotSealedHere, ValueError, TypeError):
        return None
    return began if 0 <= now - began.at < MOST_TIME else None


def _cookie(request: Request) -> str:
    return f"__Host-{_COOKIE}" if is_secure(request) else _COOKIE


def _fault(error: LinliError) -> str:
    if isinstance(error, ProviderDown):
        return "provider"
    return "unlinked" if isinstance(error, NotSignedIn) and not isinstance(error, NotVouched) else "denied"


def _shown(who: Vouched) -> str:
    name = "".join(letter for letter in str(who.claims.get("name", "")) if letter.isprintable()).strip()
    return name[:200]
