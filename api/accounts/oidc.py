"""Signing in by way of an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0; RFC 7636; RFC 9207; RFC 9700).

The provider vouches for who somebody is; who may do what here is still Linli's to say. What is accepted as its word is decided
in `checked_claims`, without I/O: signed by a key of the provider with an algorithm of two keys, made for us, for this very
sign-in, just now, and an ID token and nothing else.
"""

import hmac
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import RequestException

from linli.clock import SECOND, Clock
from linli.errors import ConfigError, LinliError, NotSignedIn
from linli.i18n import Text
from linli.model import Role
from linli.settings import Settings
from linli.signin import roles_by_value

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Those with a private and a public key. With HS256 the public key would do for a secret; 'none' proves nothing."""
LEEWAY_S = 30
MOST_AGE_S = 600
"""A token that was issued longer ago is somebody's old one."""
TIMEOUT_S = 5.0
AT_ONCE = 8
"""Requests to it under way together: a provider that hangs must not take the console's threads."""
_KNOWN_FOR_S = 3600.0
_DOWN_FOR_S = 5.0
_AGAIN_AFTER_S = 30.0
_STRONG = frozenset(("mfa", "otp", "hwk", "swk", "fpt", "face", "iris", "sc"))
"""What of RFC 8176 says that there was more than a password."""


class ProviderDown(LinliError):
    """The provider does not answer, or not as a provider does. Signing in with a password goes on."""


class NotVouched(NotSignedIn):
    """The provider did not let somebody in, or what came is not its word. `why` is for the log: a stable code."""

    def __init__(self, why: str) -> None:
        super().__init__(Text(f"统一身份没有通过（{why}）", f"the provider did not vouch for you ({why})"))
        self.why = why


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """What an installation has settled with its provider."""

    issuer: str
    client_id: str
    client_secret: str | None
    redirect_url: str | None
    role_claim: str | None
    roles: tuple[tuple[str, Role], ...]
    communities_claim: str | None
    add_accounts: bool


@dataclass(frozen=True, slots=True)
class Began:
    """A sign-in under way: what the browser keeps, sealed, until it comes back."""

    state: str
    nonce: str
    verifier: str
    wanted: str
    at: int


@dataclass(frozen=True, slots=True)
class Vouched:
    """What the provider says of somebody. `strongly`: it saw more than a password."""

    subject: str
    claims: Mapping[str, Any]
    strongly: bool


def read_config(settings: Settings) -> OidcConfig | None:
    """What is set; None without an issuer. ConfigError for what cannot be."""
    issuer = settings.oidc_issuer
    if issuer is None:
        return None
    parts = urlsplit(issuer)
    if parts.scheme != "https" and (parts.scheme, parts.hostname) not in (("http", "127.0.0.1"), ("http", "localhost")):
        raise ConfigError(Text("oidc_issuer 必须是 https 地址", "oidc_issuer must be an https address"))
    if settings.oidc_client_id is None:
        raise ConfigError(Text("有 oidc_issuer 时须设置 oidc_client_id", "oidc_issuer needs oidc_client_id"))
    secret = None if settings.oidc_client_secret is None else settings.oidc_client_secret.get_secret_value()
    if settings.oidc_client_secret_file is not None:
        try:
            secret = settings.oidc_client_secret_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            text = Text("oidc_client_secret_file 无法读取", "oidc_client_secret_file cannot be read")
            raise ConfigError(text, file=settings.oidc_client_secret_file) from None
    return OidcConfig(
        issuer,
        settings.oidc_client_id,
        secret,
        settings.oidc_redirect_url,
        settings.oidc_role_claim,
        roles_by_value(settings.oidc_roles or ""),
        settings.oidc_communities_claim,
        settings.oidc_add_accounts,
    )


def begin(wanted: str, now: int) -> Began:
    """A new sign-in."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Began(state, nonce, verifier, wanted, now)


def check_answer(config: OidcConfig, metadata: Mapping[str, Any], began: Began, answer: Mapping[str, str]) -> str:
    """The code in what the browser brings back; NotVouched if the provider refused, or it is not the answer to `began`.

    `iss` is checked so that another provider's answer is not taken for this one's (RFC 9207).
    """
    if not hmac.compare_digest(answer.get("state", "").encode(), began.state.encode()):
        raise NotVouched("state")
    issuer = answer.get("iss")
    demanded = metadata.get("authorization_response_iss_parameter_supported") is True
    if issuer != config.issuer and (issuer is not None or demanded):
        raise NotVouched("iss")
    if "error" in answer or not answer.get("code"):
        raise NotVouched("error")
    return answer["code"]


def checked_claims(token: str, keys: KeySet, config: OidcConfig, nonce: str, now: int) -> Mapping[str, Any]:
    """The claims of an ID token (OpenID Connect Core, 3.1.3.7); NotVouched for anything that is not one for this sign-in."""
    try:
        header = jws.extract_compact(token.encode()).headers()
        if str(header.get("typ", "JWT")).upper() not in ("JWT", "APPLICATION/JWT"):
            raise NotVouched("typ")  # an access token or a logout token, signed by the same key
        if "kid" not in header and len(keys.keys) != 1:
            raise NotVouched("kid")
        claims = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
        rules = jwt.JWTClaimsRegistry(
            now=now // SECOND,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": config.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": config.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        rules.validate(claims)
    except NotVouched:
        raise
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotVouched(getattr(error, "error", "") or "token") from None
    _check_addressed(claims, config, now)
    return claims


def vouched(claims: Mapping[str, Any]) -> Vouched:
    """What checked claims say."""
    amr = claims.get("amr")
    methods = {str(one) for one in amr} if isinstance(amr, list) else set()
    return Vouched(str(claims["sub"]), claims, bool(methods & _STRONG))


def role_of(config: OidcConfig, claims: Mapping[str, Any]) -> Role | None:
    """The role that the claims give: the first of the mapping that fits; None for none."""
    values = _values(claims, config.role_claim)
    return next((role for value, role in config.roles if value in values), None)


def communities_of(config: OidcConfig, claims: Mapping[str, Any]) -> frozenset[str]:
    """The communities that the claims give."""
    return frozenset(_values(claims, config.communities_claim))


class Provider:
    """The provider over HTTP. Safe to call from several threads. What it says of itself is believed for an hour."""

    def __init__(self, config: OidcConfig, clock: Clock) -> None:
        self.config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._failed_at: float | None = None
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def metadata(self) -> Mapping[str, Any]:
        """Its discovery document; ProviderDown if it cannot be had, or is another issuer's."""
        with self._lock:
            known, now = self._metadata, self._clock.monotonic()
            if known is None or now - known[0] >= _KNOWN_FOR_S:
                found = self._get(self.config.issuer.rstrip("/") + "/.well-known/openid-configuration")
                if found.get("issuer") != self.config.issuer:
                    raise _down(f"issuer {found.get('issuer')!r:.200}")
                known = self._metadata = (now, found)
            return known[1]

    def address(self, began: Began, redirect_url: str) -> str:
        """Where to send the browser."""
        with self._session(redirect_url) as session:
            address, _ = session.create_authorization_url(
                self._endpoint("authorization_endpoint"),
                state=began.state,
                nonce=began.nonce,
                code_verifier=began.verifier,
            )
        return str(address)

    def claims(self, code: str, began: Began, redirect_url: str) -> Mapping[str, Any]:
        """What the provider says of who came back with `code`; NotVouched, ProviderDown."""
        try:
            with self._room(), self._session(redirect_url) as session:
                answer = session.fetch_token(
                    self._endpoint("token_endpoint"),
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=began.verifier,
                    timeout=TIMEOUT_S,
                )
        except OAuthError as error:
            raise NotVouched(f"code: {error.error}"[:80]) from None
        except (RequestException, ValueError) as error:
            raise _down(error) from None
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotVouched("no id_token")
        return self._checked(token, began.nonce)

    def end_session_url(self, back_to: str) -> str | None:
        """Where somebody signs out at the provider too; None where it does not say, or does not answer."""
        try:
            endpoint = self.metadata().get("end_session_endpoint")
        except ProviderDown:
            return None
        if not isinstance(endpoint, str):
            return None
        asked = {"client_id": self.config.client_id, "post_logout_redirect_uri": back_to}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def _checked(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims; with a key that is not known yet the keys are read again, for providers change them."""
        try:
            return checked_claims(token, self._key_set(_KNOWN_FOR_S), self.config, nonce, self._clock.now())
        except NotVouched as error:
            if error.why not in ("bad_signature", "invalid_key_id", "kid", "missing_key", "token"):
                raise
        return checked_claims(token, self._key_set(_AGAIN_AFTER_S), self.config, nonce, self._clock.now())

    def _key_set(self, at_most_s: float) -> KeySet:
        address = self._endpoint("jwks_uri")
        with self._lock:
            known, now = self._keys, self._clock.monotonic()
            if known is None or now - known[0] >= at_most_s:
                try:
                    keys = KeySet.import_key_set(self._get(address))  # type: ignore[arg-type]
                except (JoseError, ValueError, TypeError, KeyError) as error:
                    raise _down(error) from None
                known = self._keys = (now, keys)
            return known[1]

    def _endpoint(self, name: str) -> str:
        found = self.metadata().get(name)
        if not isinstance(found, str):
            raise _down(f"no {name}")
        return found

    def _get(self, address: str) -> Mapping[str, Any]:
        """A document of the provider. One that did not come is not asked for again at once."""
        now = self._clock.monotonic()
        if self._failed_at is not None and now - self._failed_at < _DOWN_FOR_S:
            raise _down("it did not a moment ago")
        try:
            with self._room(), OAuth2Session(self.config.client_id) as session:
                answer = session.get(address, timeout=TIMEOUT_S, allow_redirects=False, withhold_token=True)
                answer.raise_for_status()
                found = answer.json()
        except (RequestException, ValueError) as error:
            self._failed_at = now
            raise _down(error) from None
        self._failed_at = None
        if not isinstance(found, dict):
            raise _down(address)
        return found

    @contextmanager
    def _room(self) -> Iterator[None]:
        if not self._free.acquire(blocking=False):
            raise _down("too many are signing in at once")
        try:
            yield
        finally:
            self._free.release()

    def _session(self, redirect_url: str) -> OAuth2Session:
        secret = self.config.client_secret
        known = self.metadata().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        by_header = "client_secret_basic" in known
        return OAuth2Session(
            self.config.client_id,
            secret,
            token_endpoint_auth_method=("client_secret_basic" if by_header else "client_secret_post")
            if secret
            else "none",
            scope="openid profile",
            redirect_uri=redirect_url,
            code_challenge_method="S256",
        )


def _check_addressed(claims: Mapping[str, Any], config: OidcConfig, now: int) -> None:
    """What the library leaves to us: several audiences, and a token that is old though it has not expired."""
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != config.client_id:
        raise NotVouched("azp")
    if claims.get("azp", config.client_id) != config.client_id:
        raise NotVouched("azp")
    if now // SECOND - int(claims["iat"]) > MOST_AGE_S:
        raise NotVouched("iat")
    if not isinstance(claims["sub"], str) or not 1 <= len(claims["sub"]) <= 255:
        raise NotVouched("sub")


def _values(claims: Mapping[str, Any], path: str | None) -> Sequence[str]:
    """What a claim holds, as words: of 'realm_access.roles' what is in there."""
    found: Any = claims if path else None
    for step in (path or "").split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return [found]
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _down(error: object) -> ProviderDown:
    return ProviderDown(
        Text(f"统一身份服务没有应答：{error!s:.300}", f"the OpenID provider does not answer: {error!s:.300}")
    )
