"""The client against a real API, and against servers that are busy, gone, or something else."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from linli.client import ApiProblem, ApiUnreachable, Client, Told
from linli.client import http as transport
from linli.clock import HOUR
from linli.errors import LinliError
from linli.model import Role
from tests.certificates import Authority
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, World, make_alert, running_world
from tests.support import eventually, free_port

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("client")
    with databases.new() as url, running_world(folder, url) as running:
        yield running


@pytest.fixture
def token(world: World) -> str:
    return world.services.people.new_token(f"{HOME}-{Role.SECURITY}", "client", 1)[1]


@pytest.fixture
def linli(world: World, token: str) -> Iterator[Client]:
    with Client(world.url, token) as client:
        yield client


def test_alerts_come_page_after_page(world: World, linli: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of one's own and nothing else, whatever fits on a page; filters are the API's."""
    monkeypatch.setattr("linli.client.client.PAGE", 2)
    for number in range(20, 25):
        world.change(make_alert(HOME, number, world.clock.now() - number * HOUR))
    found = [alert.id for alert in linli.alerts()]
    assert len(found) == len(set(found)) >= 7
    assert not any(FOREIGN in alert for alert in found)
    assert {alert.rule for alert in linli.alerts(rule=["door-forced-21"])} == {"door-forced-21"}


def test_an_alert_is_taken_up_and_closed(world: World, linli: Client) -> None:
    """With who did it; and what cannot be done is a problem with the server's words, type and status."""
    world.change(make_alert(HOME, 30, world.clock.now()))
    alert = f"a{HOME}0030"
    assert linli.acknowledge(alert, "on my way").acknowledged_by_name == linli.me().display_name
    assert linli.close_alert(alert, "false alarm").handling == "closed"
    assert [change.kind for change in linli.alert(alert).changes] == ["opened", "acknowledged", "closed"]
    with pytest.raises(ApiProblem) as problem:
        linli.close_alert(alert, "again")
    assert (problem.value.status, problem.value.type) == (409, "urn:linli:problem:conflict")
    assert "closed already" in str(problem.value)


def test_a_token_that_is_none_is_told(world: World) -> None:
    """In the language that was asked for."""
    with Client(world.url, "linli_wrong", "zh") as client, pytest.raises(ApiProblem, match="令牌") as problem:
        client.me()
    assert problem.value.status == 401


def test_the_stream_goes_on_where_it_broke(world: World, linli: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off by the server while things happen: nothing is missed, nothing comes twice."""
    monkeypatch.setattr("linli.client.client.COME_BACK_S", 0.01)
    told: list[Told] = []
    thread = threading.Thread(target=lambda: told.extend(_take(linli, 6)), daemon=True)
    thread.start()
    eventually(lambda: world.services.live.streams == 1)
    for number in range(40, 46):
        world.change(make_alert(HOME, number, world.clock.now()))
        if number in (41, 43):
            eventually(lambda: world.services.live.streams == 1)
            for subscription in world.services.live._current():
                subscription.end()
    thread.join(timeout=20)
    assert [one.change.alert.id for one in told if one.change] == [f"a{HOME}{number:04}" for number in range(40, 46)]


def _take(linli: Client, count: int) -> Iterator[Told]:
    for number, told in enumerate(linli.watch(), 1):
        yield told
        if number == count:
            return


@contextmanager
def _server(
    answers: list[tuple[int, dict[str, str], bytes]], context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that gives these answers one after the other; its address, and the headers of what was asked."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.do_GET()

        do_DELETE = do_POST

        def do_GET(self) -> None:
            asked.append({name.lower(): value for name, value in self.headers.items()})
            status, headers, body = answers[min(len(asked), len(answers)) - 1]
            self.send_response(status)
            for name, value in (headers | {"content-length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        address = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield address, asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def _refused(words: str, act: Callable[[], object], error: type[LinliError] = ApiProblem) -> None:
    with pytest.raises(error, match=words):
        act()


ME = b'{"id":"p","name":"n","display_name":"d","role":"security","communities":null,"may":[]}'


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that it names, or a little; and what comes then counts."""
    monkeypatch.setattr(transport, "FIRST_WAIT_S", 0.001)
    with _server([(status, {"retry-after": "0"}, b""), (200, {}, ME)]) as (url, asked), Client(url, "x") as client:
        assert client.me().name == "n"
    assert len(asked) == 2


def test_what_changes_something_is_sent_again_with_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the server does it once; and a server that stays busy is told of in the end."""
    monkeypatch.setattr(transport, "FIRST_WAIT_S", 0.001)
    with (
        _server([(503, {}, b'{"detail":"the database does not answer","action":"try later"}')]) as (url, asked),
        Client(url, "x") as client,
    ):
        _refused("does not answer; try later", lambda: client.acknowledge("a1"))
    assert len(asked) == transport.TRIES
    assert len({one["idempotency-key"] for one in asked}) == 1


def test_what_is_still_under_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent again because no answer came in time, while the first is being carried out: its answer is the answer."""
    monkeypatch.setattr(transport, "FIRST_WAIT_S", 0.001)
    under_way: tuple[int, dict[str, str], bytes] = (
        409,
        {"retry-after": "0"},
        b'{"type":"urn:linli:problem:idempotency-key-under-way"}',
    )
    answers = [*[under_way] * (transport.TRIES + 1), (204, {}, b"")]
    with _server(answers) as (url, asked), Client(url, "x") as client:
        client.remove_webhook("w1")
    assert len(asked) == len(answers)
    assert len({one["idempotency-key"] for one in asked}) == 1


def test_a_stream_is_taken_up_again_where_a_server_or_its_proxy_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy says 502 while Linli is started anew. Where there was nothing to begin with, somebody is told."""
    monkeypatch.setattr("linli.client.client.COME_BACK_S", 0.01)
    ready, resync = b"id: 4\nevent: ready\ndata: {}\n\n", b"id: 9\nevent: resync\ndata: {}\n\n"
    answers: list[tuple[int, dict[str, str], bytes]] = [
        (200, {}, ready),
        (502, {}, b""),
        (504, {}, b""),
        (200, {}, resync),
    ]
    with _server(answers) as (url, asked), Client(url, "x") as client:
        assert next(client.watch()) == Told(9, None)
    assert [one.get("last-event-id") for one in asked] == [None, "4", "4", "4"]
    with Client(f"http://127.0.0.1:{free_port()}", "x") as client:
        _refused("cannot be reached", lambda: next(client.watch()), ApiUnreachable)


def test_a_ca_of_ones_own_is_believed_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A district's server has a certificate that nobody else vouches for; without, what to do is said."""
    authority = Authority(tmp_path)
    context = authority.issue("server", "localhost").server_context()
    with _server([(200, {}, ME)], context) as (url, _):
        monkeypatch.delenv(transport.OWN_CA, raising=False)
        with Client(url, "x", tries=1) as client:
            _refused(f"not believed.*{transport.OWN_CA}", client.me, ApiUnreachable)
        monkeypatch.setenv(transport.OWN_CA, str(authority.file))
        with Client(url, "x", tries=1) as client:
            assert client.me().name == "n"


def test_what_is_refused_is_not_sent_again() -> None:
    """A 403 or a 409 will not be another one by asking."""
    with _server([(403, {}, b"no json at all")]) as (url, asked), Client(url, "x") as client:
        _refused("HTTP 403", client.me)
    assert len(asked) == 1


def test_something_else_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of another program, and nothing at all, are told apart from a Linli that refuses."""
    monkeypatch.setattr(transport, "FIRST_WAIT_S", 0.001)
    with _server([(200, {}, b"<html>")]) as (url, _), Client(url, "x") as client:
        _refused("does not answer as Linli's API", client.me, ApiUnreachable)
    with Client(f"http://127.0.0.1:{free_port()}", "x") as client:
        _refused("cannot be reached", client.me, ApiUnreachable)
