"""The cookie that says who is signed in, the same for the console and for REST.

HttpOnly, so that no script reads it; SameSite=Lax, so that no other site's form comes with it (and `api.http.gate` refuses such
requests besides); under TLS Secure and named `__Host-`, so that no neighbour under the same domain can set one (RFC 6265bis,
4.1.3). Lax and not Strict: who follows a link to an alert from a message would else meet the sign-in page.
"""

from fastapi import Request
from starlette.responses import Response

from linli.clock import SECOND
from linli.db.people import SignedIn
from linli.signin import PENDING_FOR, SignInPolicy, Stage

COOKIE = "linli_session"
_SECURE = f"__Host-{COOKIE}"


def session_token(request: Request) -> str:
    """What the session cookie holds; '' if there is none. Under TLS no cookie from without counts."""
    return request.cookies.get(_name(request), "")


def set_session(request: Request, response: Response, entered: SignedIn, policy: SignInPolicy) -> None:
    """Let the browser keep the session for as long as it can last."""
    whole = policy.lifetime(entered.person.role).whole if entered.stage is Stage.COMPLETE else PENDING_FOR
    response.set_cookie(
        _name(request),
        entered.token,
        max_age=whole // SECOND,
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )


def clear_session(request: Request, response: Response) -> None:
    """Let the browser forget it."""
    response.delete_cookie(_name(request), path="/", httponly=True, samesite="lax", secure=is_secure(request))


def browser_of(request: Request) -> str:
    """What the browser says it is."""
    return request.headers.get("user-agent", "")[:300]


def is_secure(request: Request) -> bool:
    """Whether the browser came by TLS, to us or to a proxy before us."""
    return request.url.scheme == "https"


def _name(request: Request) -> str:
    return _SECURE if is_secure(request) else COOKIE
