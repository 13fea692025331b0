"""Accounts and tokens over REST: for who manages accounts, but for one's own tokens. What decides who gets in is for a session
alone; a token sees accounts where it may, and itself."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.accounts import bodies
from api.accounts.service import AccountService
from api.bodies import ProblemBody
from api.http.paging import DEFAULT_LIMIT, Cursor, Limit, Listed, cut, following, read_cursor
from api.http.preconditions import STALE, demand_match, etag_of
from api.routing import Signed, for_signed_in, needs
from api.services import Services
from linli.db.people import Changes
from linli.model import Role
from linli.roles import Operation

_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ProblemBody, "description": "Not possible: the name is taken, or nobody would be left to manage"}
}


def add_routes(router: APIRouter, services: Services) -> None:
    """The routes over these services."""
    accounts = AccountService(services.people, services.database.whole(), services.settings.oidc_issuer)
    _add_accounts(router, accounts)
    _add_proofs(router, accounts)
    _add_sessions(router, accounts)
    _add_tokens(router, accounts)


def _add_accounts(router: APIRouter, accounts: AccountService) -> None:
    sees, decides = needs(Operation.MANAGE_ACCOUNTS), needs(Operation.MANAGE_ACCOUNTS, by_session=True)

    @router.get("/accounts", **sees)
    def list_accounts(
        request: Request,
        response: Response,
        person: Signed,
        role: Role | None = None,
        q: Annotated[str, Query(max_length=100, description="Words, each a part of a name, a role or a place")] = "",
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Listed[bodies.AccountBody]:
        """Every account, by name."""
        after = None if cursor is None else str(read_cursor("accounts", cursor, (str,))[0])
        page = accounts.find(person, role=role, sought=q, after=after, limit=limit)
        items = [bodies.account_body(account) for account in page.items]
        return Listed(items=items, next=following("accounts", page, request, response))

    @router.post("/accounts", status_code=201, responses=_CONFLICT, **decides)
    def add_account(body: bodies.NewAccountBody, person: Signed) -> bodies.AddedBody:
        """Add an account. The answer has its password, which must be changed when it is first used."""
        account, password = accounts.add(
            person,
            body.name,
            body.role,
            display_name=body.display_name,
            communities=body.communities,
            committees=body.committees,
            registered_as=body.person,
        )
        return bodies.AddedBody(account=bodies.account_body(account), password=password)

    @router.get("/accounts/{account_id}", response_model=bodies.AccountBody, **sees)
    def account(account_id: str, person: Signed, response: Response) -> Any:
        """One account. Its `ETag` is of what an administrator changes: signing in makes no other."""
        found = accounts.get(person, account_id)
        response.headers["etag"] = etag_of(found.edition)
        return bodies.account_body(found)

    @router.patch("/accounts/{account_id}", response_model=bodies.AccountBody, responses=_CONFLICT | STALE, **decides)
    def change_account(
        account_id: str, body: bodies.AccountChangeBody, person: Signed, request: Request, response: Response
    ) -> Any:
        """Change an account, with `If-Match`, all at once or not at all. Another role, or disabling it, ends its sessions."""
        read = accounts.get(person, account_id).edition
        demand_match(request, etag_of(read))
        changes = Changes(
            body.display_name,
            body.role,
            None if body.communities is None else frozenset(body.communities),
            None if body.committees is None else frozenset(body.committees),
            body.enabled,
            body.is_now,
        )
        changed = accounts.change(person, account_id, changes, read)
        response.headers["etag"] = etag_of(changed.edition)
        return bodies.account_body(changed)


def _add_proofs(router: APIRouter, accounts: AccountService) -> None:
    decides = needs(Operation.MANAGE_ACCOUNTS, by_session=True)

    @router.post("/accounts/{account_id}/reset-password", status_code=201, responses=_CONFLICT, **decides)
    def reset_password(account_id: str, person: Signed) -> bodies.OneTimePasswordBody:
        """For who has forgotten theirs: a password to be changed when it is first used. Their sessions end."""
        return bodies.OneTimePasswordBody(password=accounts.reset_password(person, account_id))

    @router.post("/accounts/{account_id}/reset-second-factor", status_code=204, **decides)
    def reset_second_factor(account_id: str, person: Signed) -> None:
        """For who has lost it: take it away. Their sessions end."""
        accounts.reset_factor(person, account_id)

    @router.put("/accounts/{account_id}/identity", status_code=204, responses=_CONFLICT, **decides)
    def link_identity(account_id: str, body: bodies.IdentityBody, person: Signed) -> None:
        """Let whoever the OpenID provider says is `subject` sign in as this account."""
        accounts.link(person, account_id, body.subject)

    @router.delete("/accounts/{account_id}/identity", status_code=204, **decides)
    def unlink_identity(account_id: str, person: Signed) -> None:
        """Let nobody sign in as this account by way of a provider."""
        accounts.unlink(person, account_id)


def _add_sessions(router: APIRouter, accounts: AccountService) -> None:
    decides = needs(Operation.MANAGE_ACCOUNTS, by_session=True)

    @router.get("/accounts/{account_id}/sessions", **decides)
    def account_sessions(account_id: str, person: Signed) -> Listed[bodies.SessionBody]:
        """Where somebody is signed in, the one used last first: all on one page, for there are fifty at most."""
        found = accounts.sessions(person, account_id)
        return Listed(items=[bodies.session_body(session, None) for session in found], next=None)

    @router.delete("/accounts/{account_id}/sessions", status_code=204, **decides)
    def end_account_sessions(account_id: str, person: Signed) -> None:
        """Sign somebody out everywhere."""
        accounts.end_sessions(person, account_id)

    @router.delete("/accounts/{account_id}/sessions/{session_id}", status_code=204, **decides)
    def end_account_session(account_id: str, session_id: str, person: Signed) -> None:
        """End one of somebody's sessions."""
        accounts.end_session(person, account_id, session_id)


def _add_tokens(router: APIRouter, accounts: AccountService) -> None:
    @router.get("/tokens", **for_signed_in())
    def tokens(
        request: Request, response: Response, person: Signed, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Listed[bodies.TokenBody]:
        """One's own tokens; all of them for who manages accounts. Those revoked or expired too; the oldest first. A token that
        asks is shown itself alone."""
        after = None if cursor is None else read_cursor("tokens", cursor, (int, str))
        page = cut(accounts.tokens(person), limit, lambda token: (token.created_at, token.id), after)
        items = [bodies.token_body(token) for token in page.items]
        return Listed(items=items, next=following("tokens", page, request, response))

    @router.post("/tokens", status_code=201, **needs(Operation.MANAGE_ACCOUNTS, by_session=True))
    def make_token(body: bodies.NewTokenBody, person: Signed) -> bodies.MadeTokenBody:
        """Make a token for an account, an integrator's as a rule. The answer has its secret."""
        token, secret = accounts.make_token(
            person, body.account, body.name, body.days, body.operations, body.communities
        )
        return bodies.MadeTokenBody(token=bodies.token_body(token), secret=secret)

    @router.delete("/tokens/{token_id}", status_code=204, **for_signed_in())
    def revoke_token(token_id: str, person: Signed) -> None:
        """Refuse a token from now on: one's own; anybody's for who manages accounts. A token revokes itself at most."""
        accounts.revoke_token(person, token_id)
