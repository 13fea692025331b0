"""The REST API over HTTP: signing in, acting on alerts, reading, and every way in which it refuses."""

import threading
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from api.alerts import bulk as bulk_module
from linli.clock import DAY, HOUR, SECOND, format_time
from linli.db.throttle import BURST
from linli.errors import StoreUnavailable
from linli.i18n import Text
from linli.model import Role, Severity
from linli.roles import ROLES
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, make_alert, running_world
from tests.support import eventually

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("rest"), url) as running:
        yield running


@pytest.fixture
def guard(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-security") as client:
        yield client


def fresh(world: World, number: int, severity: Severity = Severity.HIGH) -> str:
    """A new open alert; its id."""
    alert = make_alert(HOME, number, world.clock.now(), severity)
    world.change(alert)
    return alert.id


# --- signing in -------------------------------------------------------------------------------------------------------


def test_signing_in_gives_a_cookie_that_scripts_cannot_read(world: World) -> None:
    """HttpOnly and SameSite=Lax; the answer says who and what they may do, and no secret."""
    with world.client() as client:
        answer = client.post("/api/v1/sessions", json={"name": f"{HOME}-property", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("linli_session=", "HttpOnly", "SameSite=lax", "Path=/"))
        assert client.cookies["linli_session"] not in answer.text
        me = client.get("/api/v1/me").json()
        assert me == answer.json()
        assert (me["role"], me["communities"], me["may"]) == (
            "property",
            [HOME],
            sorted(ROLES[Role.PROPERTY].operations),
        )


def test_signing_out_ends_the_session_for_good(world: World) -> None:
    """A copy of the cookie is worth nothing afterwards."""
    with world.client(f"{HOME}-security") as client:
        copy = client.cookies["linli_session"]
        assert client.delete("/api/v1/sessions/current").status_code == 204
        assert client.get("/api/v1/me").status_code == 401
    with world.client(cookie=f"linli_session={copy}") as client:
        assert client.get("/api/v1/me").status_code == 401


def test_a_disabled_account_is_out_at_once(world: World) -> None:
    """Session and token alike."""
    world.services.people.add("leaver", Role.SECURITY, [HOME], password=PASSWORD)
    _, secret = world.services.people.new_token("leaver", "script")
    with world.client("leaver") as client, world.client(authorization=f"Bearer {secret}") as script:
        assert client.get("/api/v1/me").status_code == script.get("/api/v1/me").status_code == 200
        world.services.people.set_enabled("leaver", False)
        assert client.get("/api/v1/me").status_code == script.get("/api/v1/me").status_code == 401


def test_a_token_acts_for_its_owner(world: World) -> None:
    """And one that is sent wrong is not made up for by a cookie."""
    _, secret = world.services.people.new_token(f"{HOME}-property", "script")
    with world.client(authorization=f"Bearer {secret}") as script:
        assert script.get("/api/v1/me").json()["name"] == f"{HOME}-property"
    with world.client(f"{HOME}-security") as client:
        for wrong in (f"Bearer {secret}x", f"Basic {secret}", secret, "Bearer"):
            assert client.get("/api/v1/me", headers={"authorization": wrong}).status_code == 401


def test_wrong_names_and_passwords_look_the_same_and_are_throttled(world: World) -> None:
    """Status, body and, after BURST tries, the refusal are the same for a name that somebody has and one nobody has."""
    world.services.people.add("known", Role.SECURITY, [HOME], password=PASSWORD)
    seen = []
    for name in ("known", "unknown"):
        with world.client() as client:
            answers = [
                client.post("/api/v1/sessions", json={"name": name, "password": "wrong"}) for _ in range(BURST + 1)
            ]
            seen.append([(answer.status_code, answer.json()["type"]) for answer in answers])
            assert answers[0].json()["detail"] == "the name or the password is wrong"
            assert int(answers[-1].headers["retry-after"]) > 0
    assert seen[0] == seen[1]
    assert [status for status, _ in seen[0]] == [401] * BURST + [429]


def test_tries_are_counted_by_the_address_that_asks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's wrong passwords are held against the stranger: somebody at another address signs in meanwhile."""
    monkeypatch.setattr(world.services.people._passwords._addresses, "size", 3)
    with world.client(**{"x-forwarded-for": "203.0.113.9"}) as stranger:
        answers = [
            stranger.post("/api/v1/sessions", json={"name": f"n{number}", "password": "wrong"}).status_code
            for number in range(4)
        ]
    assert answers == [401, 401, 401, 429]
    with world.client(f"{HOME}-security") as client:
        assert client.get("/api/v1/me").status_code == 200


# --- alerts -----------------------------------------------------------------------------------------------------------


def test_an_alert_with_its_evidence_and_history(world: World, guard: httpx.Client) -> None:
    """Names beside ids, both languages, times as RFC 3339."""
    alert = guard.get(f"/api/v1/alerts/a{HOME}0002").json()
    assert alert["subject_name"] == {"zh": "home door", "en": "home door"}
    assert alert["place_name"]["en"] == "home building"
    assert alert["evidence"][0]["what_name"] == {"zh": "门被强行打开", "en": "Door forced"}
    assert alert["evidence"][0]["data"] == {"near": HOME}
    assert [change["kind_name"]["en"] for change in alert["changes"]] == ["Opened"]
    assert alert["opened_at"].endswith("Z")


def test_acknowledging_says_who_and_when(world: World, guard: httpx.Client) -> None:
    """The answer is the alert after rules has applied the act; history has it too."""
    alert = fresh(world, 20)
    answer = guard.post(f"/api/v1/alerts/{alert}/acknowledge", json={"comment": "on my way\n马上到"})
    assert answer.status_code == 200
    body = answer.json()
    assert body["handling"] == "acknowledged"
    assert body["acknowledged_by_name"] == f"{HOME}-security"
    history = guard.get(f"/api/v1/alerts/{alert}").json()["changes"]
    assert [change["kind"] for change in history] == ["opened", "acknowledged"]
    assert history[1]["actor_name"] == f"{HOME}-security"


def test_closing_takes_a_reason_and_happens_once(world: World, guard: httpx.Client) -> None:
    """Blank is no reason; a closed alert cannot be closed or acknowledged."""
    alert = fresh(world, 21)
    for reason in ("", "   ", "\n\t"):
        assert guard.post(f"/api/v1/alerts/{alert}/close", json={"reason": reason}).status_code == 422
    assert guard.post(f"/api/v1/alerts/{alert}/close", json={"reason": "cleaner"}).json()["handling"] == "closed"
    for act, body in (("close", {"reason": "again"}), ("acknowledge", {})):
        answer = guard.post(f"/api/v1/alerts/{alert}/{act}", json=body)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:linli:problem:conflict")
    assert alert not in guard.get("/api/v1/alerts").text
    assert alert in guard.get("/api/v1/alerts", params={"open": False}).text


@pytest.mark.parametrize("comment", ["a\x00b", "a\x1b[2Jb", "x" * 2001, "\x7f"])
def test_comments_without_control_characters(world: World, guard: httpx.Client, comment: str) -> None:
    """They end up on terminals and in exports."""
    answer = guard.post(f"/api/v1/alerts/a{HOME}0001/acknowledge", json={"comment": comment})
    assert (answer.status_code, answer.json()["reason"]) == (422, "nul" if "\x00" in comment else "bad_comment")


def test_rules_that_does_not_answer(world: World, guard: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with the word that the act is stored; once rules is back it is applied without asking again."""
    alert = fresh(world, 22)
    monkeypatch.setattr(bulk_module, "ANSWER_WITHIN_S", 0.2)
    world.rules_stopped.set()
    answer = guard.post(f"/api/v1/alerts/{alert}/acknowledge", json={"comment": "x"})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:linli:problem:rules-not-answering")
    assert "stored" in answer.json()["detail"]
    world.rules_stopped.clear()
    rules = threading.Thread(target=world.apply_actions, daemon=True)
    rules.start()
    eventually(lambda: guard.get(f"/api/v1/alerts/{alert}").json()["handling"] == "acknowledged")


def test_paging_gives_every_alert_once(world: World, guard: httpx.Client) -> None:
    """By the cursor, whatever arrives in between; the last page says so."""
    at = world.clock.now() - 40 * DAY
    wanted = {f"a{HOME}{number:04}" for number in range(100, 107)}
    for number in range(100, 107):
        world.change(make_alert(HOME, number, at + number // 2))
    query: dict[str, str | int] = {"since": format_time(at), "until": format_time(at + HOUR), "limit": 3}
    got: list[str] = []
    while True:
        page = guard.get("/api/v1/alerts", params=query).json()
        got += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert len(got) == 7
    assert set(got) == wanted
    assert got == sorted(got, reverse=True)


def test_filters(world: World, guard: httpx.Client) -> None:
    """By severity, rule and subject, several of one kind together."""
    low, critical = fresh(world, 30, Severity.LOW), fresh(world, 31, Severity.CRITICAL)

    def ids(**query: object) -> set[str]:
        answer = guard.get("/api/v1/alerts", params=query)  # type: ignore[arg-type]
        return {item["id"] for item in answer.json()["items"]}

    assert ids(severity=["low", "critical"]) == {low, critical}
    assert ids(rule="door-forced-30") == {low}
    assert ids(subject=f"{HOME}-car") == set()
    assert {low, critical} <= ids(subject=f"{HOME}-door", community=HOME)


# --- facilities and the store -----------------------------------------------------------------------------------------


def test_a_facility_shows_its_values_with_their_age(world: World, guard: httpx.Client) -> None:
    """Words for a flag, seconds of age, and the state that follows from them."""
    world.store.failing = None
    detail = guard.get(f"/api/v1/facilities/{HOME}-lift").json()
    values = {value["quantity"]: value for value in detail["values"]}
    assert values["running"]["words"]["en"] == "running"
    assert values["position"]["words"] is None
    assert values["position"]["age_s"] > 0
    assert (detail["building"], detail["building_name"]["en"]) == (f"{HOME}-b1", "home building")
    age = values["position"]["age_s"]
    assert detail["state"] == ("ok" if age < 29 else "unknown")


def test_a_store_that_fails_makes_facilities_unknown_and_readings_503(
    world: World, guard: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is hidden, nothing is shown as ok, and alerts go on."""

    def failing(*_args: object) -> None:
        raise StoreUnavailable(Text("没有应答", "does not answer"))

    monkeypatch.setattr(world.store, "latest", failing)
    monkeypatch.setattr(world.store, "readings", failing)
    path = f"/api/v1/facilities/{HOME}-lift"
    eventually(lambda: "does not answer" in str(guard.get(path).json()["reasons"]))
    assert guard.get(path).json()["state"] == "unknown"
    answer = guard.get("/api/v1/readings", params=_series(world))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:linli:problem:store")
    assert guard.get("/api/v1/alerts").status_code == 200


def _series(world: World, **other: str | int) -> dict[str, str | int]:
    now = world.clock.now()
    own: dict[str, str | int] = {"from": format_time(now - HOUR), "to": format_time(now + SECOND)}
    return {"device": f"{HOME}-car", "quantity": "position"} | own | other


def test_readings_are_downsampled(world: World, guard: httpx.Client) -> None:
    """At most so many buckets, with mean and extremes."""
    buckets = guard.get("/api/v1/readings", params=_series(world, points=5)).json()
    assert [bucket["last"] for bucket in buckets] == [7.0]
    assert buckets[0]["start"].endswith("Z")


@pytest.mark.parametrize(
    "other",
    [
        {"to": "2020-01-01T00:00:00Z"},
        {"from": "2000-01-01T00:00:00Z"},
        {"from": "2026-01-01"},
        {"from": "2026-01-01T00:00:00"},
        {"from": "yesterday"},
        {"points": 0},
        {"points": 10**9},
        {"quantity": "a' OR '1'='1"},
        {"device": "../../etc/passwd"},
        {"quantity": ""},
    ],
)
def test_readings_that_cannot_be_asked_for(world: World, guard: httpx.Client, other: dict[str, str | int]) -> None:
    """422 with a problem document."""
    answer = guard.get("/api/v1/readings", params=_series(world, **other))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_zone_whose_plus_was_not_escaped(world: World, guard: httpx.Client) -> None:
    """'+08:00' arrives as ' 08:00' when somebody types it into an address; what is meant is clear."""
    answer = guard.get(f"/api/v1/alerts?since=2026-01-01T00:00:00+08:00&community={HOME}")
    assert answer.status_code == 200


# --- refusing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/api/nope", 404, "not-found"),
        ("GET", "/api/v1/nope", 404, "not-found"),
        ("GET", "/api/", 404, "not-found"),
        ("POST", "/api/v2/alerts", 404, "not-found"),
        ("PUT", "/api/v1/alerts", 405, "wrong-method"),
        ("GET", "/api/v1/alerts/x/close", 405, "wrong-method"),
        ("GET", "/api/v1/alerts/..%2f..%2fetc", 404, "not-found"),
        ("GET", "/api/v1/alerts/%00", 404, "not-found"),
        ("GET", "/api/v1/alerts/%F0%9F%94%A5", 404, "not-found"),
    ],
)
def test_what_is_not_there_is_a_problem_document(
    world: World, guard: httpx.Client, method: str, path: str, status: int, slug: str
) -> None:
    """Never a page of the console's, never a trace."""
    answer = guard.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:linli:problem:{slug}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("accept", "language"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB,en;q=0.9,zh;q=0.8", "en"), ("de", "en"), ("", "en"), ("*;q=x", "en")],
)
def test_problems_in_the_readers_language(world: World, accept: str, language: str) -> None:
    """What Accept-Language prefers, else the installation's language."""
    with world.client() as client:
        answer = client.get("/api/v1/me", headers={"accept-language": accept})
    assert answer.headers["content-language"] == language
    assert answer.json()["title"] == {"zh": "尚未登录", "en": "Not signed in"}[language]


def test_the_persons_language_where_the_browser_says_none(world: World) -> None:
    """As they chose it on the page."""
    person, _ = world.services.people.add("leser", Role.SECURITY, [HOME], password=PASSWORD, language="zh")
    with world.client(person.name, **{"accept-language": "de"}) as client:
        assert client.get("/api/v1/alerts/nope").json()["title"] == "没有找到"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "SELF"}, True),
    ],
)
def test_changes_from_another_site_are_refused(
    world: World, guard: httpx.Client, headers: dict[str, str], allowed: bool
) -> None:
    """Whatever cookie the browser sent along."""
    sent = {name: world.url if value == "SELF" else value for name, value in headers.items()}
    alert = f"a{HOME}0001"
    answer = guard.post(f"/api/v1/alerts/{alert}/acknowledge", json={"comment": "x"}, headers=sent)
    assert answer.status_code == (200 if allowed else 403)
    assert allowed or answer.json()["type"] == "urn:linli:problem:cross-origin"
    assert guard.get("/api/v1/me", headers=sent).status_code == 200, "reading is the browser's business"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[" * 60_000, 400),
        (b'{"comment": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", 400),
        (b'{"comment": NaN}', 422),
        (b'{"comment": 1e999}', 422),
        (b'{"comment": ' + b"9" * 5000 + b"}", 400),
        (b'{"comment": "\\ud800"}', 422),
        (b'{"comment": "\\u0000"}', 422),
        (b'{"comment": true}', 422),
        (b"\xff\xfe", 400),
        (b'"' + b"x" * 70_000 + b'"', 413),
    ],
)
def test_bodies_that_cannot_be_taken(world: World, guard: httpx.Client, content: bytes, status: int) -> None:
    """A 4xx each, with a problem document, without a trace; and the API goes on."""
    answer = guard.post(
        f"/api/v1/alerts/a{HOME}0001/acknowledge", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code in (status, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text
    assert guard.get("/api/v1/me").status_code == 200


def test_a_body_that_hides_its_length_is_cut_off(world: World, guard: httpx.Client) -> None:
    """Chunked, so without Content-Length: refused once it is too long, not read to the end."""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 10_000
            yield b"x" * 10_000

    with suppress(httpx.TransportError):  # the server may hang up while we are still sending
        assert guard.post(f"/api/v1/alerts/a{HOME}0001/acknowledge", content=endless()).status_code == 413
    assert sent < 50_000_000
    assert guard.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (RuntimeError("secret detail"), 500, "internal"),
        (OperationalError("SELECT secret", {}, Exception("secret detail")), 503, "database"),
    ],
)
def test_an_error_of_ours_shows_no_trace(
    world: World, guard: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, slug: str
) -> None:
    """A bug is a 500 that says where the details are, and no more; a database that fails is a 503."""

    def broken(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(world.services, "communities", broken)
    answer = guard.get("/api/v1/communities")
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:linli:problem:{slug}")
    assert "secret" not in answer.text


def test_one_device_is_as_the_list_has_it(world: World) -> None:
    """Whoever has its id, from an alert say, asks for no list. Another's is not there."""
    with world.client(f"{HOME}-security") as client:
        listed = client.get("/api/v1/devices").json()["items"]
        assert listed
        for device in listed:
            assert client.get(f"/api/v1/devices/{device['id']}").json() == device
        assert client.get(f"/api/v1/devices/{FOREIGN}-door").status_code == 404


def test_true_for_a_number_is_a_named_refusal(world: World) -> None:
    """It would be taken for 1: a minute, an hour, a day that nobody meant."""
    world.change(make_alert(HOME, 961, world.clock.now()))
    with world.client(f"{HOME}-security") as client:
        answer = client.post(f"/api/v1/alerts/a{HOME}0961/shelve", json={"minutes": True, "reason": "x"})
    assert (answer.status_code, answer.json()["reason"]) == (422, "flag_for_number")
    assert "minutes" in answer.json()["detail"]
