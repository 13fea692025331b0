"""The headers that tell a browser what it may do with our answers: one place, for every answer (OWASP ASVS 5.0, V3).

What an API answers is never a page: its policy allows nothing. The console's policy is as strict as NiceGUI runs with
(docs/adr/0017): scripts from this host alone or with the nonce of this very answer, and no other site anywhere.
"""

import secrets
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import Scope

NONCE = "csp_nonce"
"""Under this name the nonce of an answer is in its request's state: `api.console.nonces` puts it into the page."""

YEAR_S = 365 * 24 * 3600
HSTS = f"max-age={YEAR_S}; includeSubDomains"

_EVERYWHERE: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": ", ".join(
        (
            "autoplay=(self)",  # an alert's sound
            *(
                f"{feature}=()"
                for feature in (
                    "accelerometer",
                    "browsing-topics",
                    "camera",
                    "display-capture",
                    "geolocation",
                    "gyroscope",
                    "hid",
                    "magnetometer",
                    "microphone",
                    "midi",
                    "payment",
                    "publickey-credentials-get",
                    "serial",
                    "usb",
                )
            ),
        )
    ),
}

API_POLICY = (
    "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)
"""For what is data: opened in a browser by itself it may load nothing, run nothing and be framed by nobody."""


def page_policy(nonce: str) -> str:
    """The Content-Security-Policy of a page whose own scripts carry `nonce`."""
    return "; ".join(
        (
            "default-src 'none'",
            # NiceGUI sends what a page is to do as code, and Vue compiles templates: both are eval (docs/adr/0017).
            f"script-src 'self' 'nonce-{nonce}' 'unsafe-eval'",
            "script-src-attr 'none'",
            f"style-src 'self' 'nonce-{nonce}'",
            "style-src-attr 'none'",
            "img-src 'self' data:",
            "font-src 'self'",
            "media-src 'self'",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def is_api(path: str) -> bool:
    """Whether what lies there is data and no page."""
    return path == "/api" or path.startswith("/api/")


def new_nonce(scope: Scope) -> str:
    """A nonce for the answer to this request, kept in the request's state for whoever writes the page."""
    nonce = secrets.token_urlsafe(18)
    scope.setdefault("state", {})[NONCE] = nonce
    return nonce


def harden(headers: MutableHeaders, scope: Scope, nonce: str) -> None:
    """Put all of them on an answer to `scope`. HSTS only where the request came by TLS: elsewhere browsers ignore it."""
    data = is_api(scope["path"])
    for name, value in _EVERYWHERE.items():
        headers[name] = value
    headers["content-security-policy"] = API_POLICY if data else page_policy(nonce)
    if scope.get("scheme") == "https":
        headers["strict-transport-security"] = HSTS
    if data:
        headers.setdefault("cache-control", "no-store")
