"""Signing in by an OpenID provider, against a real one of the tests' own: what is taken as its word, and what is not."""

import base64
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from joserfc.jwk import RSAKey

from api.accounts import oidc, oidc_routes
from api.app import build_app
from api.services import Services, build_services
from linli.clock import SystemClock
from linli.db.audit import Search, Shown, SqlAudit
from linli.db.database import open_database
from linli.db.registry import save
from linli.errors import ConfigError, NotSignedIn
from linli.i18n import Text
from linli.model import Community, Role
from linli.roles import Operation
from linli.settings import Settings, load_settings
from linli.testing import FakeBroker, MemoryStore
from tests.oidc_provider import CLIENT, SECRET, Provider, running_provider
from tests.support import eventually

pytestmark = pytest.mark.integration

PASSWORD = "violet harbour 42 tin"


class World:
    """Linli on a free port, with the provider that it believes."""

    def __init__(self, services: Services, provider: Provider, url: str) -> None:
        self.services = services
        self.people = services.people
        self.provider = provider
        self.url = url

    def client(self) -> httpx.Client:
        """A browser: it follows where it is sent to, by hand."""
        return httpx.Client(base_url=self.url, timeout=10)

    def sign_in(self, client: httpx.Client) -> httpx.Response:
        """To the provider and back; what Linli answers to what the browser brings."""
        to_provider = client.get("/oidc/start?next=/rules").headers["location"]
        if not to_provider.startswith("http"):
            return httpx.Response(303, headers={"location": to_provider})
        return client.get(httpx.get(to_provider).headers["location"])

    def log(self, verb: str) -> list[Shown]:
        """What the audit log has of such acts."""
        return SqlAudit(self.services.database.whole()).newest(Search(verb=verb))

    def enters(self) -> bool:
        """Whether a browser gets in."""
        with self.client() as client:
            self.sign_in(client)
            return client.get("/api/v1/me").status_code == 200


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


def settings_for(folder: Path, provider: Provider, **more: Any) -> Settings:
    told = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    return load_settings(data=folder, **(told | more))


@pytest.fixture
def world(tmp_path: Path, provider: Provider, database_url: str, request: pytest.FixtureRequest) -> Iterator[World]:
    told = getattr(request, "param", {})
    settings = settings_for(tmp_path, provider, database_url=database_url, **told)
    (tmp_path / "secrets").mkdir()
    database = open_database(database_url)
    with database.write() as connection:
        save(connection, [Community(name, Text(name, name)) for name in ("c001", "c002")])
    broker, clock = FakeBroker(), SystemClock()
    services = build_services(settings, database, MemoryStore(), clock, broker.client(), broker.client())
    config = oidc.read_config(settings)
    assert config is not None

    def routes(app: FastAPI, services: Services) -> None:
        provider = oidc.Provider(config, clock)
        oidc_routes.add_routes(app, services, provider)
        oidc_routes.add_sign_out(app, provider)

    server = uvicorn.Server(uvicorn.Config(build_app(services, routes), host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    yield World(services, provider, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    services.live.stop()
    server.should_exit = True
    thread.join(timeout=10)
    database.close()


def link(world: World, role: Role = Role.SECURITY) -> str:
    """An account that the provider's person is linked to."""
    person, _ = world.people.add("li", role, ["c001"] if role is Role.SECURITY else (), password=PASSWORD)
    world.people.identities.link(person.id, world.provider.issuer, "u-1")
    return person.id


def test_who_is_linked_gets_in(world: World) -> None:
    """To the page they wanted, as the account that an administrator linked; the session says by which way, and can be ended."""
    link(world)
    with world.client() as client:
        assert world.sign_in(client).headers["location"] == "/rules"
        me = client.get("/api/v1/me").json()
        assert (me["name"], me["communities"]) == ("li", ["c001"])
        (session,) = client.get("/api/v1/me/sessions").json()["items"]
        assert (session["way"], session["current"]) == ("oidc", True)
        assert client.delete("/api/v1/sessions/current").status_code == 204
        assert client.get("/api/v1/me").status_code == 401


def test_signing_out_at_the_provider_too(world: World) -> None:
    """By its own page, and back; where it is down, only here."""
    with world.client() as client:
        there = urlsplit(client.get("/oidc/logout").headers["location"])
        assert f"{there.scheme}://{there.netloc}{there.path}" == f"{world.provider.issuer}/logout"
        assert parse_qs(there.query) == {"client_id": [CLIENT], "post_logout_redirect_uri": [f"{world.url}/login"]}


def test_who_is_not_linked_stays_out(world: World) -> None:
    """No account is made by itself; nor is one found by a name that is the same."""
    world.people.add("li.lei", Role.ADMINISTRATOR, password=PASSWORD)
    with world.client() as client:
        assert world.sign_in(client).headers["location"] == "/login?fault=unlinked&next=%2Frules"
        assert client.get("/api/v1/me").status_code == 401
    assert [person.name for person in world.people.all()] == ["li.lei"]
    (refused,) = world.log("session.identity.refused")
    assert (refused.entry.actor, refused.entry.ids) == ("nobody", ())


def test_who_links_an_account_is_written_down(world: World) -> None:
    """And who takes the link away, over REST; nobody gets in by it any more."""
    root, _ = world.people.add("root", Role.ADMINISTRATOR, password=PASSWORD)
    person, _ = world.people.add("li", Role.SECURITY, ["c001"])
    with world.client() as client:
        assert client.post("/api/v1/sessions", json={"name": "root", "password": PASSWORD}).status_code == 201
        path = f"/api/v1/accounts/{person.id}/identity"
        assert client.put(path, json={"subject": "u-1"}).status_code == 204
        assert world.enters()
        assert client.delete(path).status_code == 204
        assert not world.enters()
    for verb in ("account.identity.linked", "account.identity.unlinked"):
        assert [(one.entry.actor, one.entry.ids) for one in world.log(verb)] == [(root.id, (person.id,))], verb


def test_a_disabled_account_stays_out(world: World) -> None:
    """Whatever the provider says."""
    link(world)
    world.people.set_enabled("li", False)
    assert not world.enters()


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def none_alg(provider: Provider, claims: dict[str, Any]) -> str:
    return f"{encoded({'alg': 'none', 'kid': 'k1', 'typ': 'JWT'})}.{encoded(claims)}."


def public_key_as_secret(provider: Provider, claims: dict[str, Any]) -> str:
    """By hand: libraries refuse to sign so."""
    signed = f"{encoded({'alg': 'HS256', 'kid': 'k1', 'typ': 'JWT'})}.{encoded(claims)}"
    mark = hmac.digest(provider.public_pem(), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def somebody_elses_key(provider: Provider, claims: dict[str, Any]) -> str:
    return provider.signed(claims, RSAKey.generate_key(2048))


def key_in_the_header(provider: Provider, claims: dict[str, Any]) -> str:
    own = RSAKey.generate_key(2048)
    return provider.signed(claims, own, {"jwk": own.as_dict(private=False)})


def tampered(provider: Provider, claims: dict[str, Any]) -> str:
    head, _, signature = provider.signed(claims).split(".")
    return f"{head}.{encoded(claims | {'sub': 'u-2'})}.{signature}"


def saying(**changes: Any) -> Callable[[Provider, dict[str, Any]], str]:
    return lambda provider, claims: provider.signed(
        {name: value for name, value in (claims | changes).items() if value is not None}
    )


def typed(kind: str) -> Callable[[Provider, dict[str, Any]], str]:
    return lambda provider, claims: provider.signed(claims, header={"typ": kind})


FORGED: dict[str, Callable[[Provider, dict[str, Any]], str]] = {
    "alg none": none_alg,
    "HS256 with the public key": public_key_as_secret,
    "another key": somebody_elses_key,
    "a key of its own in the header": key_in_the_header,
    "tampered": tampered,
    "not a token": lambda _provider, _claims: "abc",
    "another audience": saying(aud="somebody-else"),
    "several audiences, for another": saying(aud=[CLIENT, "other"], azp="other"),
    "several audiences, for nobody": saying(aud=[CLIENT, "other"]),
    "no audience": saying(aud=None),
    "another issuer": saying(iss="https://evil.example"),
    "expired": saying(exp=1_700_000_000),
    "without an end": saying(exp=None),
    "issued long ago": saying(iat=1_700_000_000),
    "from the future": saying(iat=99_999_999_999),
    "another nonce": saying(nonce="replayed"),
    "without a nonce": saying(nonce=None),
    "without a subject": saying(sub=None),
    "an access token": typed("at+jwt"),
    "a logout token": typed("logout+jwt"),
}


@pytest.mark.parametrize("forged", list(FORGED))
def test_what_is_not_the_providers_word_is_refused(world: World, forged: str) -> None:
    """Each differs in one thing from a token that lets somebody in."""
    link(world)
    world.provider.forge = FORGED[forged]
    with world.client() as client:
        assert world.sign_in(client).headers["location"] == "/login?fault=denied&next=%2Frules"
        assert client.get("/api/v1/me").status_code == 401
    world.provider.forge = None
    assert world.enters(), "the same with nothing forged"


def test_an_answer_to_another_question_is_refused(world: World) -> None:
    """A state that is not this browser's (somebody sends a link to be signed in as them), one used twice, none, another issuer."""
    link(world)
    with world.client() as client, world.client() as other, world.client() as third:
        back = httpx.get(client.get("/oidc/start").headers["location"]).headers["location"]
        other.get("/oidc/start")
        for browser, address in ((other, back), (third, back), (client, back.replace("state=", "state=x"))):
            assert "fault=denied" in browser.get(address).headers["location"]
        back = httpx.get(client.get("/oidc/start").headers["location"]).headers["location"]
        assert client.get(back).headers["location"] == "/"
        assert "fault=denied" in client.get(back).headers["location"]
        world.provider.says_issuer = "https://evil.example"
        assert "fault=denied" in world.sign_in(client).headers["location"]
        world.provider.says_issuer = None
        world.provider.refuses = True
        assert "fault=denied" in world.sign_in(client).headers["location"]


def test_a_code_is_bound_to_the_browser_that_asked(world: World) -> None:
    """PKCE: a code that somebody caught opens nothing with another verifier."""
    link(world)
    with world.client() as victim, world.client() as thief:
        caught = httpx.get(victim.get("/oidc/start").headers["location"]).headers["location"]
        own = httpx.get(thief.get("/oidc/start").headers["location"]).headers["location"]
        code, state = (parse_qs(urlsplit(one).query) for one in (caught, own))
        address = own.replace(state["code"][0], code["code"][0])
        assert "fault=denied" in thief.get(address).headers["location"]
        assert thief.get("/api/v1/me").status_code == 401


def test_a_way_back_never_leaves_the_site(world: World) -> None:
    """Whatever a link to the sign-in says."""
    link(world)
    with world.client() as client:
        back = client.get("/oidc/start?next=//evil.example").headers["location"]
        assert client.get(httpx.get(back).headers["location"]).headers["location"] == "/"


def test_a_provider_that_is_down_keeps_nobody_out(world: World) -> None:
    """It is said so, and passwords go on."""
    link(world)
    world.provider.down = True
    with world.client() as client:
        assert world.sign_in(client).headers["location"] == "/login?fault=provider&next=%2Frules"
        body = {"name": "li", "password": PASSWORD}
        assert client.post("/api/v1/sessions", json=body).status_code == 201


def test_keys_that_were_changed_are_read_again(world: World) -> None:
    """Providers rotate theirs; the old one is worth nothing once it is not published."""
    link(world)
    assert world.enters()
    old, world.provider.key = world.provider.key, RSAKey.generate_key(2048, {"kid": "k2", "use": "sig"})
    world.provider.forge = lambda provider, claims: provider.signed(claims, header={"kid": "k2"})
    oidc._AGAIN_AFTER_S, before = 0.0, oidc._AGAIN_AFTER_S
    try:
        assert world.enters()
        world.provider.forge = lambda provider, claims: provider.signed(claims, old)
        assert not world.enters()
    finally:
        oidc._AGAIN_AFTER_S = before


MAPPED = {
    "oidc_role_claim": "realm_access.roles",
    "oidc_roles": "linli-admins=administrator, guards=security",
    "oidc_communities_claim": "compounds",
    "oidc_add_accounts": True,
}


@pytest.mark.parametrize("world", [MAPPED], indirect=True)
def test_accounts_by_mapping(world: World) -> None:
    """Where that is set: added for who has a role, in the communities that there are, and following what the provider says."""
    provider = world.provider
    provider.claims |= {"realm_access": {"roles": ["staff", "guards"]}, "compounds": ["c001", "c999"]}
    assert world.enters()
    person = world.people.get("li.lei")
    assert (person.role, person.communities, person.display_name) == (Role.SECURITY, frozenset({"c001"}), "李雷")
    provider.claims["compounds"] = ["c002"]
    assert world.enters()
    assert world.people.get("li.lei").communities == frozenset({"c002"})
    provider.claims["realm_access"] = {"roles": ["linli-admins"]}
    assert world.enters()
    assert world.people.get("li.lei").role is Role.ADMINISTRATOR
    world.people.add("root", Role.ADMINISTRATOR)
    provider.claims["realm_access"] = {"roles": []}
    assert not world.enters()
    provider.claims["sub"] = "u-2"
    assert not world.enters(), "nobody is added without a role"
    provider.claims["realm_access"] = {"roles": ["guards"]}
    assert world.enters()
    assert len([one for one in world.people.all() if one.name.startswith("li.lei-")]) == 1, "the name was taken"


def answers(world: World, secret: str, path: str = "/me") -> int:
    """What Linli answers to a token."""
    return httpx.get(f"{world.url}/api/v1{path}", headers={"authorization": f"Bearer {secret}"}).status_code


@pytest.mark.parametrize("world", [MAPPED], indirect=True)
def test_a_role_taken_away_at_the_provider_takes_the_tokens_along(world: World) -> None:
    """A lesser role is what they can do from then on; with none they are revoked, and neither a password nor the role given
    again brings them back."""
    provider, people = world.provider, world.people
    people.add("root", Role.ADMINISTRATOR)
    provider.claims["realm_access"] = {"roles": ["linli-admins"]}
    assert world.enters()
    owner = people.get("li.lei")
    _, secret = people.tokens.make(owner, "script", operations=[Operation.SEE, Operation.READ_AUDIT])
    assert (answers(world, secret), answers(world, secret, "/audit")) == (200, 200)
    provider.claims |= {"realm_access": {"roles": ["guards"]}, "compounds": ["c001"]}
    assert world.enters()
    assert (answers(world, secret), answers(world, secret, "/audit")) == (200, 403)
    people.reset_password("li.lei", PASSWORD)
    provider.claims["realm_access"] = {"roles": []}
    assert not world.enters()
    assert answers(world, secret) == 401
    with pytest.raises(NotSignedIn):
        people.sign_in("li.lei", PASSWORD)
    assert not world.enters(), "and again"
    provider.claims["realm_access"] = {"roles": ["guards"]}
    assert world.enters()
    assert answers(world, secret) == 401


@pytest.mark.parametrize("world", [MAPPED], indirect=True)
def test_whom_an_administrator_disabled_no_provider_enables(world: World) -> None:
    """Neither where it had stopped them before, nor where it never had."""
    provider, people = world.provider, world.people
    provider.claims["realm_access"] = {"roles": ["guards"]}
    assert world.enters()
    for roles in (["guards"], []):
        people.set_enabled("li.lei", True)
        provider.claims["realm_access"] = {"roles": roles}
        assert world.enters() is bool(roles)
        people.set_enabled("li.lei", False)
        provider.claims["realm_access"] = {"roles": ["guards"]}
        assert not world.enters()


@pytest.mark.parametrize("world", [MAPPED], indirect=True)
@pytest.mark.parametrize("roles", [["guards"], []])
def test_the_last_administrator_is_put_out_and_can_be_let_in(world: World, roles: list[str]) -> None:
    """Nobody else could enable the account: it stays, without sessions and tokens, until the provider says what it did before."""
    provider, people = world.provider, world.people
    provider.claims["realm_access"] = {"roles": ["linli-admins"]}
    with world.client() as client:
        world.sign_in(client)
        assert client.get("/api/v1/me").status_code == 200
        _, secret = people.tokens.make(people.get("li.lei"), "script")
        provider.claims["realm_access"] = {"roles": roles}
        assert not world.enters()
        assert (client.get("/api/v1/me").status_code, answers(world, secret)) == (401, 401)
    provider.claims["realm_access"] = {"roles": ["linli-admins"]}
    assert world.enters()


@pytest.mark.parametrize("world", [{"second_factor": "required"}], indirect=True)
def test_an_administrator_proves_a_second_factor_somewhere(world: World) -> None:
    """At the provider, if it says so; else here."""
    link(world, Role.ADMINISTRATOR)
    with world.client() as client:
        assert world.sign_in(client).headers["location"] == "/login?next=%2Frules"
        assert client.get("/api/v1/me").status_code == 401
    world.provider.claims["amr"] = ["pwd", "otp"]
    assert world.enters()


@pytest.mark.parametrize(
    "wrong",
    [
        {"oidc_issuer": "http://provider.example"},
        {"oidc_client_id": None},
        {"oidc_client_secret_file": Path("/nowhere/secret")},
        {"oidc_roles": "guards=boss"},
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, provider: Provider, wrong: dict[str, Any]) -> None:
    """Said at the start, not when somebody signs in."""
    with pytest.raises(ConfigError):
        oidc.read_config(settings_for(tmp_path, provider, **wrong))


def test_the_secret_from_a_file(tmp_path: Path, provider: Provider) -> None:
    """So that no variable holds it; neither shows in the settings."""
    file = tmp_path / "secret"
    file.write_text("kept apart\n")
    settings = settings_for(tmp_path, provider, oidc_client_secret_file=file)
    config = oidc.read_config(settings)
    assert config is not None
    assert config.client_secret == "kept apart"
    assert SECRET not in repr(settings)
