"""Signing in, under attack over HTTP: as somebody would who has a password, an old cookie, a leaked token or an open page."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from linli.clock import SECOND
from linli.db import schema
from linli.db.people import Changes, People
from linli.model import Role
from linli.roles import ROLES, Operation
from linli.secondfactor import STEP_S, code_at
from linli.signin import FACTOR_FRESH_FOR
from tests.databases import Databases
from tests.integration.api_world import HOME, PASSWORD, World, running_world

pytestmark = pytest.mark.integration

NEW = "violet harbour 42 tin"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("signin")
    (folder / "secrets").mkdir()
    with databases.new() as url, running_world(folder, url) as running:
        yield running


@pytest.fixture
def people(world: World) -> People:
    return world.services.people


def next_code(world: World, secret: str) -> str:
    """A code that the phone has not shown yet, and that is taken all the same: its clock may be ahead."""
    return code_at(secret, world.clock.now() + STEP_S * SECOND)


def post(client: httpx.Client, path: str, **body: object) -> httpx.Response:
    return client.post(f"/api/v1{path}", json=body)


def enrolled(world: World, name: str) -> tuple[str, list[str]]:
    """Secret and recovery codes of a new guard who has set a second factor up."""
    world.services.people.add(name, Role.SECURITY, [HOME], password=PASSWORD)
    with world.client(name) as client:
        secret = post(client, "/me/second-factor", password=PASSWORD).json()["secret"]
        done = post(client, "/me/second-factor/confirm", code=code_at(secret, world.clock.now()))
        assert done.status_code == 201, done.text
        return secret, done.json()["recovery_codes"]


@pytest.mark.parametrize("of", ["phone", "paper"])
def test_one_code_lets_one_in_whoever_sends_it_at_the_same_time(world: World, of: str) -> None:
    """A code that was looked at over a shoulder, sent at the very moment at which its owner sends it."""
    secret, recovery = enrolled(world, f"race-{of}")
    with ExitStack() as stack, ThreadPoolExecutor(5) as threads:
        clients = [stack.enter_context(world.client()) for _ in range(4)]
        for client in clients:
            assert post(client, "/sessions", name=f"race-{of}", password=PASSWORD).json() == {"wants": "code"}
        code = next_code(world, secret) if of == "phone" else recovery[0]
        answers = list(threads.map(lambda client: post(client, "/sessions/current/code", code=code), clients))
    assert sorted(answer.status_code for answer in answers) == [201, 401, 401, 401]


def test_the_password_alone_gets_past_no_second_factor(world: World) -> None:
    """The session that waits is good for the code, and for nothing else: not for another factor, password or way in."""
    enrolled(world, "factor")
    with world.client() as thief:
        assert post(thief, "/sessions", name="factor", password=PASSWORD).status_code == 202
        for method, path, body in (
            ("POST", "/me/second-factor", {"password": PASSWORD}),
            ("POST", "/me/second-factor/confirm", {"code": "123456"}),
            ("POST", "/me/second-factor/off", {"password": PASSWORD}),
            ("POST", "/me/recovery-codes", {"password": PASSWORD}),
            ("PUT", "/me/password", {"present": PASSWORD, "new": NEW}),
            ("DELETE", "/me/sessions", None),
            ("GET", "/me/sessions", None),
            ("GET", "/me", None),
            ("GET", "/tokens", None),
            ("GET", "/alerts", None),
        ):
            assert thief.request(method, f"/api/v1{path}", json=body).status_code == 401, path


def test_an_open_page_and_the_password_change_no_second_factor(world: World, people: People) -> None:
    """The present one is asked for, once it was not given just now; and a wrong one is refused."""
    secret, recovery = enrolled(world, "open-page")
    with world.client() as client:
        post(client, "/sessions", name="open-page", password=PASSWORD)
        assert post(client, "/sessions/current/code", code=recovery[0]).status_code == 201
        long_ago = world.clock.now() - FACTOR_FRESH_FOR
        with world.database.write() as connection:
            connection.execute(
                schema.sessions.update().where(schema.sessions.c.factor_at.is_not(None)).values(factor_at=long_ago)
            )
        for path in ("/me/second-factor", "/me/second-factor/off", "/me/recovery-codes"):
            assert post(client, path, password=PASSWORD).status_code == 409, path
            assert post(client, path, password=PASSWORD, code="00000-00000").status_code == 401, path
        offer = post(client, "/me/second-factor", password=PASSWORD, code=next_code(world, secret))
        assert offer.status_code == 201, offer.text


def test_signing_in_again_ends_the_session_before(world: World, people: People) -> None:
    """Of whomever it was: a cookie that somebody put there, or took, opens nothing more. One that waits counts too; a wrong
    password ends nothing."""
    people.add("first", Role.SECURITY, [HOME], password=PASSWORD)
    people.add("second", Role.SECURITY, [HOME], password=PASSWORD)
    with world.client("first") as client:
        before = client.cookies["linli_session"]
        post(client, "/sessions", name="second", password="wrong")
        assert client.get("/api/v1/me").json()["name"] == "first"
        assert post(client, "/sessions", name="second", password=PASSWORD).json()["name"] == "second"
        assert client.cookies["linli_session"] != before
    with world.client(cookie=f"linli_session={before}") as thief:
        assert thief.get("/api/v1/me").status_code == 401
    assert people.sessions.of(people.get("first").id) == []


def test_a_cookie_that_was_planted_is_never_anybodys(world: World, people: People) -> None:
    """Whatever a browser brings when somebody signs in, they leave with another (session fixation)."""
    people.add("planted", Role.SECURITY, [HOME], password=PASSWORD)
    with world.client(cookie="linli_session=planted") as client:
        answer = post(client, "/sessions", name="planted", password=PASSWORD)
        assert "linli_session=planted" not in answer.headers["set-cookie"]
    with world.client(cookie="linli_session=planted") as thief:
        assert thief.get("/api/v1/me").status_code == 401


def test_a_token_has_what_its_owner_has_now(world: World, people: People) -> None:
    """Role, communities and whether they may sign in, from one request to the next."""
    people.add("owner", Role.COMMITTEE, [HOME], password=PASSWORD)
    every = ROLES[Role.COMMITTEE].operations
    secret = people.tokens.make(people.get("owner"), "x", operations=every)[1]
    with world.client(authorization=f"Bearer {secret}") as script:
        assert script.get("/api/v1/exports/devices").status_code == 200
        assert HOME in script.get("/api/v1/alerts").text
        people.set_communities("owner", [])
        assert HOME not in script.get("/api/v1/alerts").text
        people.set_communities("owner", [HOME])
        people.change("owner", Changes(role=Role.SECURITY))
        assert script.get("/api/v1/exports/devices").status_code == 403
        people.set_enabled("owner", False)
        assert script.get("/api/v1/me").status_code == 401


def test_an_open_page_of_an_administrators_lets_nobody_in_for_good(world: World) -> None:
    """By resetting what is their own: that is for another administrator, or for showing it."""
    with world.client("root") as client:
        me = client.get("/api/v1/me").json()["id"]
        for method, path, body in (
            ("POST", "reset-password", None),
            ("POST", "reset-second-factor", None),
            ("PUT", "identity", {"subject": "mine"}),
        ):
            assert client.request(method, f"/api/v1/accounts/{me}/{path}", json=body).status_code == 409, path
        assert client.get("/api/v1/me").status_code == 200


def test_a_key_of_somebody_elses_answers_nothing(world: World, people: People) -> None:
    """`Idempotency-Key`: what one was answered is for them alone, and what a session was answered for no token of theirs."""
    people.add("keys", Role.ADMINISTRATOR, password=PASSWORD)
    every = ROLES[Role.ADMINISTRATOR].operations
    secret = people.tokens.make(people.get("keys"), "x", operations=every)[1]
    headers, body = {"idempotency-key": "k1"}, {"name": "made-once", "role": "security"}
    with world.client("keys") as client, world.client("root") as other:
        made = client.post("/api/v1/accounts", json=body, headers=headers)
        again = client.post("/api/v1/accounts", json=body, headers=headers)
        assert (made.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        assert made.json() == again.json()
        assert other.post("/api/v1/accounts", json=body, headers=headers).status_code == 409, "the name is taken"
    with world.client(authorization=f"Bearer {secret}") as script:
        leaked = script.post("/api/v1/accounts", json=body, headers=headers)
        assert leaked.status_code in (403, 422)
        assert made.json()["password"] not in leaked.text


def test_the_operations_that_decide_who_gets_in_are_one(world: World) -> None:
    """No other operation leads into the routes of accounts: who may grant it may grant all."""
    with world.client() as client:
        document = client.get("/api/v1/openapi.json").json()
    needed = {
        operation["x-linli-operation"]
        for path, item in document["paths"].items()
        for operation in item.values()
        if path.startswith("/api/v1/accounts")
    }
    assert needed == {Operation.MANAGE_ACCOUNTS.value}
