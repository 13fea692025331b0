"""One POST over real sockets: where it goes, where it never goes, and that nothing a receiver does keeps it."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import pytest

from api.webhooks.posting import EXCERPT, Poster
from linli.egress import Allowed, Target, read_target
from linli.webhooks import Answer
from tests.certificates import Authority
from tests.integration.receivers import receiving, talking

pytestmark = pytest.mark.integration

HERE = Allowed.parse(["127.0.0.0/8"])
NAME = "hooks.example.org"


class Names:
    """Looks up `NAME`: each time another answer, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


def post(poster: Poster, target: Target | str, deadline_s: float = 10.0, body: bytes = b"{}") -> Answer:
    found = read_target(target) if isinstance(target, str) else target
    return asyncio.run(poster.post(found, {"webhook-id": "msg_1"}, body, deadline_s))


def test_what_is_sent_arrives() -> None:
    """The body, the headers, the path with its query, and the Host of the name."""
    with receiving() as receiver:
        receiver.replies = lambda _request: (200, {}, "好的\x1b[2J\n".encode())
        answer = post(Poster(HERE), receiver.url + "?a=b", body=b'{"x":1}')
        (request,) = receiver.requests
    assert (request.path, request.body, request.headers["webhook-id"]) == ("/hook?a=b", b'{"x":1}', "msg_1")
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert answer == Answer(200, excerpt="好的\N{REPLACEMENT CHARACTER}[2J\n")


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:{port}/", "https://[::1]:{port}/", "http://169.254.169.254/latest/meta-data/"]
)
def test_what_is_within_is_refused_before_a_connection_is_made(url: str) -> None:
    """This machine by either address, and the address where clouds keep credentials."""
    connected: list[socket.socket] = []
    with talking(lambda connection, _ended: connected.append(connection)) as port:
        assert post(Poster(Allowed()), url.format(port=port)) == Answer(error="private_address")
    assert connected == []


def test_localhost_by_its_name_is_refused() -> None:
    """By the system's own look-up."""
    connected: list[socket.socket] = []
    with talking(lambda connection, _ended: connected.append(connection)) as port:
        assert post(Poster(Allowed()), f"https://localhost:{port}/") == Answer(error="private_address")
    assert connected == []


def test_a_redirect_is_not_followed() -> None:
    """Neither to another receiver that might be reached, nor within."""
    with receiving() as within, receiving("127.0.0.2") as receiver:
        receiver.replies = lambda _request: (302, {"location": within.url}, b"")
        assert post(Poster(Allowed.parse(["127.0.0.2"])), receiver.url).status == 302
        receiver.replies = lambda _request: (308, {"location": within.url}, b"")
        assert post(Poster(HERE), receiver.url).status == 308
        assert within.requests == []


def test_a_name_that_leads_elsewhere_when_it_is_looked_up_again() -> None:
    """DNS rebinding: it is looked up once, and what was judged is what is connected to, under the name."""
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    with receiving("127.0.0.2") as receiver:
        poster = Poster(Allowed.parse(["127.0.0.2"]), resolve=names)
        target = Target(False, NAME, receiver.port, "/hook")
        assert post(poster, target).status == 204
        assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"
        assert names.asked == [NAME]
        assert post(poster, target) == Answer(error="private_address")
        assert len(receiver.requests) == 1


def test_of_several_addresses_only_those_that_may_be_reached_are() -> None:
    """Whatever their order; with none left nothing is."""
    with receiving("127.0.0.1") as within, receiving("127.0.0.2") as receiver:
        allowed = Allowed.parse(["127.0.0.2"])
        both = Poster(allowed, resolve=Names(["127.0.0.1", "127.0.0.2"]))
        assert post(both, Target(False, NAME, receiver.port, "/")).status == 204
        none = Poster(allowed, resolve=Names(["127.0.0.1", "::1"]))
        assert post(none, Target(False, NAME, within.port, "/")).error == "private_address"
        assert within.requests == []


def test_an_address_that_does_not_answer_gives_way_to_the_next() -> None:
    """A receiver with two addresses, one of which is down."""
    with receiving("127.0.0.2") as receiver:
        poster = Poster(HERE, resolve=Names(["127.0.0.3", "127.0.0.2"]))
        assert post(poster, Target(False, NAME, receiver.port, "/")).status == 204


def test_the_certificate_is_that_of_the_name(tmp_path: Path) -> None:
    """Though the connection goes to an address; another's, or one that nobody vouches for, is refused."""
    authority = Authority(tmp_path)
    trust = ssl.create_default_context(cafile=str(authority.file))
    poster = Poster(HERE, trust, Names(["127.0.0.1"]))
    asked: list[str | None] = []
    context = authority.issue("right", NAME).server_context()
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with receiving(tls=context) as receiver:
        assert post(poster, Target(True, NAME, receiver.port, "/")).status == 204
        assert post(poster, Target(True, "other.example.org", receiver.port, "/")).error == "certificate"
        assert (
            post(Poster(HERE, resolve=Names(["127.0.0.1"])), Target(True, NAME, receiver.port, "/")).error
            == "certificate"
        )
        assert len(receiver.requests) == 1
    assert asked[0] == NAME


def quiet(_connection: socket.socket, ended: threading.Event) -> None:
    ended.wait()


def dripping(connection: socket.socket, ended: threading.Event) -> None:
    """A byte of a header now and then: each one arrives within any time-out that counts from the last."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not ended.wait(0.02):
        connection.sendall(b"a")


def endless(connection: socket.socket, ended: threading.Event) -> None:
    """200 at once, and then a body without end."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not ended.is_set():
        connection.sendall(b"x" * 65536)


@pytest.mark.parametrize("say", [quiet, dripping])
def test_a_receiver_that_keeps_the_line_is_left_in_time(say: object) -> None:
    """One that says nothing, and one that says a little all the time."""
    with talking(say) as port:  # type: ignore[arg-type]
        began = monotonic()
        assert post(Poster(HERE), f"http://127.0.0.1:{port}/", deadline_s=0.4) == Answer(error="timeout")
        assert monotonic() - began < 3


def test_an_answer_counts_once_its_status_is_there() -> None:
    """Of a body without end the beginning is kept."""
    with talking(endless) as port:
        answer = post(Poster(HERE), f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.excerpt) == (200, "x" * EXCERPT)


def test_a_header_without_end_is_refused() -> None:
    """It does not fill the memory."""

    def say(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not ended.is_set():
            connection.sendall(b"a" * 65536)

    with talking(say) as port:
        assert post(Poster(HERE), f"http://127.0.0.1:{port}/") == Answer(error="not_http")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"220 mail.example.org ESMTP\r\n", Answer(error="not_http")),
        (b"", Answer(error="no_connection")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Answer(204)),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", Answer(503, retry_after_s=120)),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", Answer(429)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Answer(200)),
    ],
)
def test_whatever_a_receiver_says(said: bytes, answer: Answer) -> None:
    """Is an answer or an error by name; nothing is raised."""

    def say(connection: socket.socket, _ended: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(said)

    with talking(say) as port:
        assert post(Poster(HERE), f"http://127.0.0.1:{port}/") == answer


def test_nobody_there() -> None:
    """A port that nothing listens on, and a name that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert post(Poster(HERE), f"http://127.0.0.1:{port}/").error == "no_connection"
    assert post(Poster(HERE), "https://nobody.invalid/").error == "no_such_name"
