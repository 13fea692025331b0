"""An OpenID provider of the tests' own: real HTTP on loopback, real keys, discovery, JWKS, authorization and token endpoints.

It does what a provider does, PKCE and client authentication included. `forge` lets a test put another ID token in the place of
the right one; `signed` makes tokens with any key, header and claims.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from linli.clock import SECOND, SystemClock

CLIENT, SECRET = "linli", "the client's secret"


@dataclass
class Grant:
    """What was asked for when a code was given."""

    nonce: str
    challenge: str
    redirect: str


@dataclass
class Provider:
    """A provider at `issuer`, who vouches for `claims['sub']`."""

    issuer: str = ""
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "u-1", "name": "李雷", "preferred_username": "li.lei"}
    )
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}))
    forge: Callable[["Provider", dict[str, Any]], str] | None = None
    down: bool = False
    refuses: bool = False
    says_issuer: str | None = None
    published: list[RSAKey] | None = None
    codes: dict[str, Grant] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def standard(self, nonce: str) -> dict[str, Any]:
        """The claims of a right ID token."""
        now = SystemClock().now() // SECOND
        return {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce} | self.claims

    def signed(
        self, claims: Mapping[str, Any], key: Any = None, header: Mapping[str, Any] | None = None, alg: str = "RS256"
    ) -> str:
        """A token."""
        head = {"alg": alg, "kid": "k1", "typ": "JWT"} | dict(header or {})
        return jwt.encode(head, dict(claims), key or self.key, algorithms=[alg])

    def public_pem(self) -> bytes:
        """The public key, which everybody can have."""
        return self.key.as_pem(private=False)

    # --- what it answers ------------------------------------------------------------------------------------------

    def answer(self, handler: BaseHTTPRequestHandler, form: Mapping[str, str]) -> None:
        """One request."""
        address = urlsplit(handler.path)
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        self.asked.append(address.path)
        if self.down:
            handler.send_error(503)
        elif address.path == "/.well-known/openid-configuration":
            _json(handler, self.document())
        elif address.path == "/jwks":
            keys = self.published if self.published is not None else [self.key]
            _json(handler, KeySet(list(keys)).as_dict(private=False))
        elif address.path == "/authorize":
            self._authorize(handler, query)
        elif address.path == "/token":
            self._token(handler, form)
        else:
            handler.send_error(404)

    def document(self) -> dict[str, Any]:
        """Discovery."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "authorization_response_iss_parameter_supported": True,
        }

    def _authorize(self, handler: BaseHTTPRequestHandler, query: Mapping[str, str]) -> None:
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        said = {"state": query["state"], "iss": self.says_issuer or self.issuer}
        if self.refuses:
            said["error"] = "access_denied"
        else:
            said["code"] = secrets.token_urlsafe(16)
            self.codes[said["code"]] = Grant(query["nonce"], query["code_challenge"], query["redirect_uri"])
        handler.send_response(302)
        handler.send_header("location", f"{query['redirect_uri']}?{urlencode(said)}")
        handler.end_headers()

    def _token(self, handler: BaseHTTPRequestHandler, form: Mapping[str, str]) -> None:
        grant = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if handler.headers.get("authorization") != f"Basic {basic}":
            _json(handler, {"error": "invalid_client"}, 401)
        elif grant is None or grant.challenge != challenge or grant.redirect != form.get("redirect_uri"):
            _json(handler, {"error": "invalid_grant"}, 400)
        else:
            claims = self.standard(grant.nonce)
            token = self.forge(self, claims) if self.forge else self.signed(claims)
            _json(handler, {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": token})


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that answers until the end of the block."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.answer(self, {})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"])).decode()
            provider.answer(self, {name: values[-1] for name, values in parse_qs(text).items()})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def _json(handler: BaseHTTPRequestHandler, document: Mapping[str, Any], status: int = 200) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
