"""Signing in over REST in all its steps, one's own account, and everybody's: with a session, with a token, with neither."""

from collections.abc import Iterator

import httpx
import pytest

from linli.db.people import People
from linli.db.throttle import BURST
from linli.model import Role
from linli.roles import ROLES
from linli.secondfactor import STEP_S, code_at
from linli.signin import SignInPolicy
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, running_world

pytestmark = pytest.mark.integration

NEW = "violet harbour 42 tin"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("accounts")
    (folder / "secrets").mkdir()
    with databases.new() as url, running_world(folder, url) as running:
        yield running


@pytest.fixture
def people(world: World) -> People:
    return world.services.people


@pytest.fixture
def root(world: World) -> Iterator[httpx.Client]:
    with world.client("root") as client:
        yield client


def post(client: httpx.Client, path: str, **body: object) -> httpx.Response:
    return client.post(f"/api/v1{path}", json=body)


def account_of(root: httpx.Client, name: str, role: str = "security", **more: object) -> tuple[str, str]:
    """A new account, and its password."""
    made = post(root, "/accounts", name=name, role=role, **more)
    assert made.status_code == 201, made.text
    return made.json()["account"]["id"], made.json()["password"]


# --- signing in -------------------------------------------------------------------------------------------------------


def test_a_new_account_chooses_its_password_first(world: World, root: httpx.Client) -> None:
    """Until then the cookie opens nothing, and says of nobody who they are."""
    _, made = account_of(root, "zhao", communities=[HOME])
    with world.client() as client:
        answer = post(client, "/sessions", name="zhao", password=made)
        assert (answer.status_code, answer.json()) == (202, {"wants": "password"})
        assert client.get("/api/v1/me").status_code == client.get("/api/v1/alerts").status_code == 401
        weak = client.put("/api/v1/me/password", json={"present": made, "new": "password1234"})
        assert (weak.status_code, weak.json()["reason"]) == (422, "bad_password")
        waiting = client.cookies["linli_session"]
        chosen = client.put("/api/v1/me/password", json={"present": made, "new": NEW})
        assert (chosen.status_code, chosen.json()["name"]) == (200, "zhao")
        assert client.cookies["linli_session"] != waiting
        assert client.get("/api/v1/me").json()["communities"] == [HOME]


def test_a_second_factor_over_rest(world: World, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up, asked for, lost, and reset by another administrator; demanded of administrators where that is set."""
    monkeypatch.setattr(people, "policy", SignInPolicy(second_factor=True))
    people.add("chief", Role.ADMINISTRATOR, password=PASSWORD)
    with world.client() as client:
        assert post(client, "/sessions", name="chief", password=PASSWORD).json() == {"wants": "enrolment"}
        offer = post(client, "/me/second-factor").json()
        assert offer["uri"].startswith("otpauth://totp/")
        assert post(client, "/me/second-factor/confirm", code="000000").status_code == 401
        done = post(client, "/me/second-factor/confirm", code=code_at(offer["secret"], world.clock.now()))
        codes = done.json()["recovery_codes"]
        assert client.get("/api/v1/me").json()["name"] == "chief"
        state = client.get("/api/v1/me/second-factor").json()
        assert (state["recovery_codes"], state["required"]) == (10, True)
        assert post(client, "/me/second-factor/off", password=PASSWORD).status_code == 409
    with world.client() as client:
        assert post(client, "/sessions", name="chief", password=PASSWORD).json() == {"wants": "code"}
        assert client.get("/api/v1/me").status_code == 401
        assert post(client, "/me/second-factor", password=PASSWORD).status_code == 401, "not before the code"
        assert post(client, "/sessions/current/code", code="000000").status_code == 401
        assert post(client, "/sessions/current/code", code=codes[0]).status_code == 201
        assert client.get("/api/v1/me").status_code == 200
        later = code_at(offer["secret"], world.clock.now() + STEP_S * 1_000_000)
        assert post(client, "/sessions/current/code", code=later).status_code == 401, "it waits for none"
        assert len(post(client, "/me/recovery-codes", password=PASSWORD).json()["recovery_codes"]) == 10
        monkeypatch.setattr(people, "policy", SignInPolicy())
        with world.client("root") as other:
            chief = next(one for one in other.get("/api/v1/accounts?q=chief").json()["items"] if one["name"] == "chief")
            assert chief["second_factor"]
            assert post(other, f"/accounts/{chief['id']}/reset-second-factor").status_code == 204
        assert client.get("/api/v1/me").status_code == 401


def test_codes_and_passwords_are_throttled_over_rest(world: World, people: People) -> None:
    """With Retry-After."""
    people.add("target", Role.SECURITY, [HOME], password=PASSWORD)
    with world.client("target") as client:
        for number in range(BURST + 1):
            answer = client.put("/api/v1/me/password", json={"present": "wrong", "new": NEW})
            assert answer.status_code == (409 if number < BURST else 429)
        assert int(answer.headers["retry-after"]) > 0


def test_under_tls_the_cookie_is_bound_to_the_host(world: World, people: People) -> None:
    """Named so that no neighbour can set it, and one that was set without TLS does not count."""
    people.add("tls", Role.SECURITY, [HOME], password=PASSWORD)
    with world.client(**{"x-forwarded-proto": "https"}) as client:
        answer = post(client, "/sessions", name="tls", password=PASSWORD)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-linli_session=")
        assert all(word in cookie for word in ("Secure", "HttpOnly", "Path=/", "SameSite=lax"))
        assert "Domain" not in cookie
        value = cookie.partition("=")[2].partition(";")[0]
    for name, status in (("__Host-linli_session", 200), ("linli_session", 401)):
        with world.client(**{"x-forwarded-proto": "https", "cookie": f"{name}={value}"}) as client:
            assert client.get("/api/v1/me").status_code == status


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_one_sees_and_ends_ones_sessions(world: World, people: People) -> None:
    """The one that asks is marked; nobody else's are there; the ids are no cookies."""
    people.add("li", Role.SECURITY, [HOME], password=PASSWORD)
    agent = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0 Safari/537.36"}
    with world.client("li", **agent) as desk, world.client("li") as lost, world.client("li") as third:
        listed = desk.get("/api/v1/me/sessions").json()["items"]
        assert [one["current"] for one in listed].count(True) == 1
        current = next(one for one in listed if one["current"])
        assert current["browser"]["en"] == "Chrome · Windows"
        assert current["address"] == "127.0.0.1"
        cookies = {client.cookies["linli_session"] for client in (desk, lost, third)}
        assert not cookies & {one["id"] for one in listed}
        gone = next(one["id"] for one in lost.get("/api/v1/me/sessions").json()["items"] if one["current"])
        assert desk.delete(f"/api/v1/me/sessions/{gone}").status_code == 204
        assert [client.get("/api/v1/me").status_code for client in (desk, lost, third)] == [200, 401, 200]
        assert desk.delete(f"/api/v1/me/sessions/{gone}").status_code == 404
        assert desk.delete("/api/v1/me/sessions").status_code == 204
        assert [client.get("/api/v1/me").status_code for client in (desk, third)] == [200, 401]


def test_an_administrator_sees_and_ends_anybodys(world: World, root: httpx.Client, people: People) -> None:
    """And nobody else does."""
    user = people.add("wang", Role.SECURITY, [HOME], password=PASSWORD)[0].id
    with world.client("wang") as client, world.client("wang") as other:
        (first, _) = root.get(f"/api/v1/accounts/{user}/sessions").json()["items"]
        assert client.get(f"/api/v1/accounts/{user}/sessions").status_code == 403
        assert root.delete(f"/api/v1/accounts/{user}/sessions/{first['id']}").status_code == 204
        assert sorted(one.get("/api/v1/me").status_code for one in (client, other)) == [200, 401]
        assert root.delete(f"/api/v1/accounts/{user}/sessions").status_code == 204
        assert [one.get("/api/v1/me").status_code for one in (client, other)] == [401, 401]


def everything_token(people: People, name: str, role: Role = Role.ADMINISTRATOR) -> tuple[str, str]:
    """Id and secret of a token that may do all that its owner may, managing accounts by name."""
    people.add(name, role, password=PASSWORD)
    return people.tokens.make(people.get(name), "x", operations=ROLES[role].operations)


def test_a_token_decides_nothing_about_its_owner(world: World, people: People) -> None:
    """It neither changes passwords nor sees or ends sessions nor sets up factors, whatever it may do else."""
    _, secret = everything_token(people, "boss")
    with world.client(authorization=f"Bearer {secret}") as script, world.client("boss") as owner:
        assert script.get("/api/v1/me").status_code == 200
        session = owner.get("/api/v1/me/sessions").json()["items"][0]["id"]
        for method, path, body in (
            ("PUT", "/me/password", {"present": PASSWORD, "new": NEW}),
            ("GET", "/me/second-factor", None),
            ("POST", "/me/second-factor", {"password": PASSWORD}),
            ("POST", "/me/second-factor/confirm", {"code": "123456"}),
            ("POST", "/me/second-factor/off", {"password": PASSWORD}),
            ("POST", "/me/recovery-codes", {"password": PASSWORD}),
            ("GET", "/me/sessions", None),
            ("DELETE", "/me/sessions", None),
            ("DELETE", f"/me/sessions/{session}", None),
            ("DELETE", "/sessions/current", None),
        ):
            assert script.request(method, f"/api/v1{path}", json=body).status_code == 403, path
        assert owner.get("/api/v1/me").status_code == 200


def test_a_leaked_token_makes_itself_no_account(world: World, people: People) -> None:
    """It may manage accounts, and sees them; nobody gets in by its word, and nobody is put out."""
    _, secret = everything_token(people, "leaky")
    victim, _ = people.add("victim", Role.SECURITY, [HOME], password=PASSWORD)
    path = f"/accounts/{victim.id}"
    with world.client(authorization=f"Bearer {secret}") as script, world.client("victim") as owner:
        session = owner.get("/api/v1/me/sessions").json()["items"][0]["id"]
        assert script.get(f"/api/v1{path}").json()["name"] == "victim"
        before = len(people.all()), len(people.tokens.all())
        for method, address, body in (
            ("POST", "/accounts", {"name": "mine", "role": "administrator"}),
            ("PATCH", path, {"role": "administrator"}),
            ("PATCH", path, {"enabled": False}),
            ("POST", f"{path}/reset-password", None),
            ("POST", f"{path}/reset-second-factor", None),
            ("PUT", f"{path}/identity", {"subject": "me"}),
            ("DELETE", f"{path}/identity", None),
            ("GET", f"{path}/sessions", None),
            ("DELETE", f"{path}/sessions", None),
            ("DELETE", f"{path}/sessions/{session}", None),
            ("POST", "/tokens", {"account": "leaky", "name": "another"}),
        ):
            answer = script.request(method, f"/api/v1{address}", json=body)
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:linli:problem:not-allowed"), address
        assert (len(people.all()), len(people.tokens.all())) == before
        assert owner.get("/api/v1/me").json()["role"] == "security"


def test_a_token_lists_and_revokes_itself_alone(world: World, people: People) -> None:
    """Neither its owner's other tokens nor, of an administrator's, anybody's; its owner revokes it as ever."""
    number, secret = everything_token(people, "keeper")
    other, _ = people.tokens.make(people.get("keeper"), "other")
    with world.client(authorization=f"Bearer {secret}") as script, world.client("keeper") as owner:
        assert [one["id"] for one in script.get("/api/v1/tokens").json()["items"]] == [number]
        assert script.delete(f"/api/v1/tokens/{other}").status_code == 404
        assert {number, other} <= {one["id"] for one in owner.get("/api/v1/tokens?limit=1000").json()["items"]}
        assert script.delete(f"/api/v1/tokens/{number}").status_code == 204
        assert script.get("/api/v1/me").status_code == 401
        assert owner.delete(f"/api/v1/tokens/{other}").status_code == 204


# --- accounts ---------------------------------------------------------------------------------------------------------


def test_accounts_are_added_changed_and_disabled(world: World, root: httpx.Client) -> None:
    """What is left out of a change stays; what cannot be changes nothing."""
    user, _ = account_of(root, "sun", display_name="孙", communities=[HOME])
    path = f"/api/v1/accounts/{user}"
    read = root.get(path)
    tag = {"if-match": read.headers["etag"]}
    assert root.patch(path, json={"role": "property"}).status_code == 428
    first = root.patch(path, json={"role": "property", "communities": [HOME, FOREIGN]}, headers=tag)
    changed = first.json()
    assert root.patch(path, json={"display_name": "another's"}, headers=tag).status_code == 412, "changed meanwhile"
    tag = {"if-match": first.headers["etag"]}
    assert (changed["role"], changed["reaches"], changed["display_name"]) == ("property", [HOME, FOREIGN], "孙")
    assert root.patch(path, json={"communities": ["nowhere"]}, headers=tag).status_code == 404
    assert root.patch(path, json={"role": "auditor", "communities": [HOME]}, headers=tag).status_code == 409
    assert root.get(path).json() == changed
    assert root.patch(path, json={"enabled": False}, headers=tag).json()["enabled"] is False
    assert post(root, "/accounts", name="sun", role="security").status_code == 409
    assert post(root, "/accounts", name="Sun", role="security").status_code == 422
    assert post(root, "/accounts", name="x1", role="security", password="mine").status_code == 422
    assert root.get("/api/v1/accounts/nobody").status_code == 404
    reset = post(root, f"/accounts/{user}/reset-password")
    assert reset.status_code == 201
    assert root.get(path).json()["one_time_until"] is not None
    assert root.put(f"{path}/identity", json={"subject": "u-1"}).status_code == 404, "no provider is set"


def test_accounts_are_listed_and_found(world: World, root: httpx.Client, people: People) -> None:
    """Page by page, each once; by role, and by words: parts of names, a role in either language, a place."""
    for number in range(5):
        people.add(f"page-{number}", Role.MAINTAINER, [FOREIGN], display_name=f"Fixer {number}")
    got: list[str] = []
    query: dict[str, str | int] = {"role": "maintainer", "limit": 2}
    while True:
        page = root.get("/api/v1/accounts", params=query).json()
        got += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert [name for name in got if name.startswith("page-")] == [f"page-{number}" for number in range(5)]
    assert len(got) == len(set(got))

    def found(words: str) -> set[str]:
        return {item["name"] for item in root.get("/api/v1/accounts", params={"q": words}).json()["items"]}

    assert found("FIXER 3") == {"page-3"}
    assert {"page-0", "page-4"} <= found("维保")
    assert {"page-0", "page-4"} <= found(f"{FOREIGN} maintainer")
    assert found(f"{HOME} fixer") == found("%") == found("' OR 1=1") == set()
    assert root.get("/api/v1/accounts", params={"cursor": "x"}).status_code == 422


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_nobody_makes_themselves_an_administrator(world: World, root: httpx.Client, people: People, role: Role) -> None:
    """Nor sees an account, whatever their role."""
    name = f"try-{role}".replace("_", "-")
    person, _ = people.add(name, role, password=None if role is Role.INTEGRATOR else PASSWORD)
    headers = {}
    if role is Role.INTEGRATOR:
        headers = {"authorization": f"Bearer {people.tokens.make(person, 'x')[1]}"}
    with world.client(None if headers else name, **headers) as client:
        path = f"/api/v1/accounts/{person.id}"
        answers = [
            client.get("/api/v1/accounts"),
            client.get(path),
            client.patch(path, json={"role": "administrator"}),
            post(client, "/accounts", name="mine", role="administrator"),
            post(client, f"/accounts/{person.id}/reset-password"),
            post(client, "/tokens", account="root", name="x"),
        ]
        assert [answer.status_code for answer in answers] == [403] * 6
    assert people.get(name).role is role


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_tokens_over_rest(world: World, root: httpx.Client, people: People) -> None:
    """Made by an administrator, shown once, limited, listed without the secret, revoked by owner or administrator."""
    account_of(root, "hub", "integrator", communities=[HOME, FOREIGN])
    made = post(root, "/tokens", account="hub", name="nightly", operations=["see"], communities=[HOME])
    assert made.status_code == 201
    secret, number = made.json()["secret"], made.json()["token"]["id"]
    with world.client(authorization=f"Bearer {secret}") as script:
        me = script.get("/api/v1/me").json()
        assert (me["may"], me["communities"]) == (["see"], [HOME])
        assert FOREIGN not in script.get("/api/v1/alerts").text
        assert post(script, f"/alerts/a{HOME}0001/acknowledge").status_code == 403
        assert secret not in script.get("/api/v1/tokens").text
        (own,) = script.get("/api/v1/tokens").json()["items"]
        assert (own["id"], own["operations"], own["communities"]) == (number, ["see"], [HOME])
        assert own["last_used_at"] is not None
        with world.client(f"{HOME}-security") as guard:
            assert guard.get("/api/v1/tokens").json() == {"items": [], "next": None}
            assert guard.delete(f"/api/v1/tokens/{number}").status_code == 404
        assert root.delete(f"/api/v1/tokens/{number}").status_code == 204
        assert script.get("/api/v1/me").status_code == 401
    wrongs: list[dict[str, object]] = [
        {"operations": ["enrol"]},
        {"days": 400},
        {"days": 0},
        {"operations": []},
        {"communities": ["x"]},
    ]
    for wrong in wrongs:
        assert post(root, "/tokens", account="hub", name="x", **wrong).status_code in (404, 422), wrong


def test_an_integrator_gets_no_password(world: World, root: httpx.Client) -> None:
    """And signs in with none."""
    made = post(root, "/accounts", name="hub2", role="integrator")
    assert made.json()["password"] is None
    assert post(root, f"/accounts/{made.json()['account']['id']}/reset-password").status_code == 409
    with world.client() as client:
        assert post(client, "/sessions", name="hub2", password="").status_code == 401
