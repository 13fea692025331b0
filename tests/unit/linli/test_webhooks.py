"""Webhooks: what is signed how, which change is for which, and when a receiver that fails is tried again."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from linli.clock import DAY, HOUR, SECOND, SystemClock
from linli.model import Severity
from linli.webhooks import (
    ENDED,
    FAILING_FOR,
    JITTER,
    MOST_RETRY_AFTER_S,
    REFUSED_FOR,
    RETRY_AFTER_S,
    Answer,
    Ended,
    Filter,
    Outcome,
    Standing,
    after,
    headers,
    message_id,
    new_secret,
    signature,
)

NOW = 1_800_000_000 * SECOND
BODY = '{"type":"alert.opened","data":{"title":"门被强行打开"}}'.encode()


def now_s() -> int:
    return SystemClock().now() // SECOND


def test_the_standards_own_library_takes_our_signature() -> None:
    """And refuses it for another body, another id, another secret, or when it is old."""
    secret = new_secret()
    sent = headers([secret], message_id("w1", 7), now_s(), BODY)
    receiver = Webhook(secret)
    assert receiver.verify(BODY, sent) == {"type": "alert.opened", "data": {"title": "门被强行打开"}}
    wrong = [
        (BODY + b" ", sent),
        (BODY, sent | {"webhook-id": message_id("w1", 8)}),
        (BODY, headers([new_secret()], message_id("w1", 7), now_s(), BODY)),
        (BODY, headers([secret], message_id("w1", 7), now_s() - 3600, BODY)),
    ]
    for body, changed in wrong:
        with pytest.raises(WebhookVerificationError):
            receiver.verify(body, changed)


def test_while_a_secret_is_changed_either_one_verifies() -> None:
    """Two signatures, the newest first."""
    new, old = new_secret(), new_secret()
    sent = headers([new, old], "msg_w1_1", now_s(), BODY)
    assert len(sent["webhook-signature"].split(" ")) == 2
    for secret in (new, old):
        Webhook(secret).verify(BODY, sent)


def test_the_standards_example() -> None:
    """A signature that their library makes, byte for byte."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime(2026, 11, 23, tzinfo=UTC)
    theirs = Webhook(secret).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}')
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", int(at.timestamp()), b'{"test": 2432232314}') == theirs


def test_a_secret_is_long_enough_and_new_each_time() -> None:
    """The Standard asks for 24 to 64 random bytes."""
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    for secret in made:
        prefix, _, key = secret.partition("_")
        assert prefix == "whsec"
        assert len(base64.b64decode(key, validate=True)) == 32


def test_an_id_is_the_same_each_time_and_holds_no_full_stop() -> None:
    """A receiver tells a repeat by it; a full stop could shift what is signed."""
    assert message_id("w0a", 12) == message_id("w0a", 12) == "msg_w0a_12"


CHANGE = {"community": "c1", "severity": Severity.HIGH, "rule": "r1", "kind": "opened"}


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (Filter(), True),
        (Filter(communities=frozenset({"c1", "c2"})), True),
        (Filter(communities=frozenset({"c2"})), False),
        (Filter(severities=frozenset({Severity.HIGH})), True),
        (Filter(severities=frozenset({Severity.LOW})), False),
        (Filter(rules=frozenset({"r2"})), False),
        (Filter(kinds=frozenset({"opened", "closed"})), True),
        (Filter(kinds=frozenset({"closed"})), False),
        (Filter(frozenset({"c1"}), frozenset({Severity.HIGH}), frozenset({"r1"}), frozenset({"closed"})), False),
    ],
)
def test_a_filter_leaves_out_what_any_part_of_it_does(wanted: Filter, takes: bool) -> None:
    """What is empty leaves nothing out."""
    assert wanted.takes(**CHANGE) is takes  # type: ignore[arg-type]


def fails(standing: Standing, now: int, answer: Answer | None = None, chance: float = 0.5) -> tuple[Standing, Outcome]:
    return after(standing, answer or Answer(503), now, chance)


def test_each_further_failure_waits_longer_up_to_an_hour() -> None:
    """By the schedule, in the middle of the jitter."""
    standing, now, waits = Standing(), NOW, []
    for _ in range(len(RETRY_AFTER_S) + 3):
        standing, outcome = fails(standing, now)
        assert outcome is Outcome.FAILED
        assert not standing.due(now)
        assert standing.due(standing.next_try_at)
        waits.append((standing.next_try_at - now) // SECOND)
        now = standing.next_try_at
    assert waits == [*RETRY_AFTER_S, 3600, 3600, 3600]


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 50))
def test_waits_are_spread(chance: float, failures: int) -> None:
    """So that many receivers behind one fault are not all asked at once."""
    standing, _ = fails(Standing(failures=failures, failing_since=NOW), NOW, chance=chance)
    middle = RETRY_AFTER_S[min(failures, len(RETRY_AFTER_S) - 1)] * SECOND
    assert (1 - JITTER) * middle - 1 <= standing.next_try_at - NOW <= (1 + JITTER) * middle + 1


def test_a_success_forgets_all_failures() -> None:
    """Any 2xx, and nothing else: a redirect is a failure."""
    failed, _ = fails(Standing(), NOW)
    for status in (200, 204, 299):
        assert after(failed, Answer(status), NOW, 0.5) == (Standing(), Outcome.DELIVERED)
    for status in (199, 301, 302, 308, 400, 404, 500):
        assert after(failed, Answer(status), NOW, 0.5)[1] is Outcome.FAILED
    assert after(failed, Answer(error="timeout"), NOW, 0.5)[1] is Outcome.FAILED


def test_a_receiver_that_asks_for_time_gets_it() -> None:
    """Retry-After, if it is longer than the wait would be, and no longer than some hours."""
    asked = [after(Standing(), Answer(429, retry_after_s=wish), NOW, 0.5)[0].next_try_at for wish in (1, 600, 10**8)]
    assert asked == [NOW + 5 * SECOND, NOW + 600 * SECOND, NOW + MOST_RETRY_AFTER_S * SECOND]


def test_after_days_without_a_success_it_is_turned_off() -> None:
    """And it is tried over a hundred times before."""
    standing, now, tries = Standing(), NOW, 0
    while standing.enabled:
        standing, _ = fails(standing, now)
        now, tries = standing.next_try_at, tries + 1
    assert standing.ended is Ended.FAILING
    assert FAILING_FOR <= now - NOW < FAILING_FOR + 3 * HOUR
    assert tries > 100


def test_who_is_gone_is_turned_off_at_once() -> None:
    """410 says that nothing is wanted any more."""
    assert fails(Standing(), NOW, Answer(410))[0].ended is Ended.GONE


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_message_that_is_refused_for_a_day_is_set_aside(status: int) -> None:
    """So that one message does not hold up all others for good. Other failures are the receiver's and pass nothing."""
    since = Standing(failures=9, failing_since=NOW - REFUSED_FOR)
    assert fails(since, NOW, Answer(status))[1] is Outcome.SET_ASIDE
    assert fails(Standing(failures=9, failing_since=NOW - REFUSED_FOR + 1), NOW, Answer(status))[1] is Outcome.FAILED
    for other in (401, 403, 404, 500, 503):
        assert fails(since, NOW, Answer(other))[1] is Outcome.FAILED


def test_every_reason_is_told_in_words() -> None:
    """In both languages."""
    assert set(ENDED) == set(Ended)
    assert DAY == REFUSED_FOR
