"""How many requests somebody may make: the decision, and the headers around it."""

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from api.http.gate import RequestCounts
from api.http.ratelimit import Decision, Limits, Policy, RateLimiter

POLICY = Policy(3, 60)
TOKEN, OTHER, DESK = 1, 2, "192.0.2.1"


def known(limits: Limits, credential: int) -> None:
    limits.learn(credential, proven=True, refused=False, now=0.0)


def test_each_token_has_its_own() -> None:
    """The quota at once, then one for each part of the window; another token is not held up by it."""
    limits = Limits(POLICY)
    known(limits, TOKEN)
    known(limits, OTHER)
    assert [limits.take(TOKEN, DESK, 0.0) for _ in range(3)] == [
        Decision(0.0, 2, 20.0),
        Decision(0.0, 1, 40.0),
        Decision(0.0, 0, 60.0),
    ]
    assert limits.take(TOKEN, DESK, 0.0) == Decision(20.0, 0, 60.0)
    assert limits.take(OTHER, DESK, 0.0).wait_s == 0
    assert limits.take(TOKEN, DESK, 20.0).wait_s == 0


def test_made_up_tokens_count_by_address() -> None:
    """However many somebody makes up; and that somebody's neighbours who are known do not wait."""
    limits = Limits(POLICY)
    known(limits, TOKEN)
    for number in range(100, 110):
        limits.take(number, DESK, 0.0)
        limits.learn(number, proven=False, refused=True, now=0.0)
    assert limits.take(999, DESK, 0.0).wait_s > 0
    assert limits.take(None, DESK, 0.0).wait_s > 0
    assert limits.take(999, "192.0.2.2", 0.0).wait_s == 0
    assert limits.take(TOKEN, DESK, 0.0).wait_s == 0


def test_a_token_that_ended_is_as_if_made_up() -> None:
    """From the first refusal on."""
    limits = Limits(POLICY)
    known(limits, TOKEN)
    limits.learn(TOKEN, proven=False, refused=True, now=0.0)
    for _ in range(3):
        limits.take(None, DESK, 0.0)
    assert limits.take(TOKEN, DESK, 0.0).wait_s > 0


def test_what_is_kept_is_bounded() -> None:
    """Whoever makes up addresses or tokens fills no memory."""
    limits = Limits(POLICY, most=10)
    for number in range(1000):
        limits.take(None, f"a{number}", 0.0)
        known(limits, number)
    assert (len(limits._known), len(limits._addresses)) == (10, 10)


class Still:
    """A clock that stands."""

    def now(self) -> int:
        return 0

    def monotonic(self) -> float:
        return 0.0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Knows the token 'good' and the session 's1'."""
    headers = dict(scope["headers"])
    shown = headers.get(b"authorization", b"") + headers.get(b"cookie", b"")
    if b"good" in shown or b"s1" in shown:
        scope.setdefault("state", {})["person"] = "somebody"
    await PlainTextResponse("ok", 200 if "person" in scope.get("state", {}) else 401)(scope, receive, send)


def ask(
    limiter: RateLimiter, path: str = "/api/v1/me", address: str = DESK, **headers: str
) -> tuple[int, dict[str, str]]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    class App:
        class state:
            language = "en"

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (address, 1),
        "app": App,
    }
    asyncio.run(limiter(scope, receive, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.fixture
def counts() -> RequestCounts:
    return RequestCounts()


@pytest.fixture
def limiter(counts: RequestCounts) -> RateLimiter:
    return RateLimiter(app, POLICY, Still(), "linli_session", counts)


def test_every_answer_says_what_is_left(limiter: RateLimiter) -> None:
    """As structured fields; the first request of a token counts for its address."""
    _, headers = ask(limiter, authorization="Bearer good")
    assert (headers["ratelimit-policy"], headers["ratelimit"]) == ('"requests";q=3;w=60', '"requests";r=2;t=20')
    remaining = [ask(limiter, authorization="Bearer good")[1]["ratelimit"] for _ in range(3)]
    assert [text.split(";")[1] for text in remaining] == ["r=2", "r=1", "r=0"]


def test_too_many_is_a_problem_that_says_when(limiter: RateLimiter) -> None:
    """429, Retry-After, and the same headers."""
    for _ in range(4):
        ask(limiter, cookie="a=b; linli_session=s1")
    status, headers = ask(limiter, cookie="linli_session=s1; other=changed")
    assert (status, headers["retry-after"], headers["content-type"]) == (429, "20", "application/problem+json")
    assert headers["ratelimit"] == '"requests";r=0;t=60'
    assert ask(limiter, cookie="__Host-linli_session=s2", address="192.0.2.9")[0] == 401


def test_what_is_refused_is_counted_by_whose_share_was_used_up(limiter: RateLimiter, counts: RequestCounts) -> None:
    """A token that is somebody's has its own; what shows nothing valid counts against its address. Granted ones do not count."""
    for _ in range(4):
        ask(limiter, authorization="Bearer good")
    assert counts.limited() == {"credential": 0, "address": 0}
    ask(limiter, authorization="Bearer good")
    assert counts.limited() == {"credential": 1, "address": 0}
    for _ in range(3):
        ask(limiter, authorization="Bearer wrong")
    assert counts.limited() == {"credential": 1, "address": 1}


def test_pages_and_the_console_are_not_counted(limiter: RateLimiter) -> None:
    """They have no token; what they ask for comes over one connection."""
    for _ in range(10):
        status, headers = ask(limiter, path="/login")
    assert (status, "ratelimit" in headers) == (401, False)
