"""Webhooks: what goes to which, how it is signed, and when it is tried again. Decisions only; time is an argument.

Theory of operation. A webhook goes through the history of alerts (`alert_changes`, whose ids grow) with a position of its own:
the last change that it has dealt with. What it owes is what lies behind that position, so nothing has to be queued when an
alert changes, and a process that is killed goes on where the database says. The position passes a change once the receiver has
answered 2xx; what was sent and not yet noted when the process died is sent again, with the same `webhook-id`. One request at a
time, in order: a receiver never hears of a close before it hears of the opening.

So it is the receiver that fails, not a message: while it does, what follows waits too, and one back-off counts for all. The
Standard's example schedule spans days with gaps of up to 24 hours, for messages that are retried each by itself. Here nothing
would come for the rest of such a gap though the receiver is well again, so gaps grow to an hour and stay there. After FAILING_FOR
without a single success the webhook is turned off, with a note. A receiver that answers, but refuses one message as it is
(400, 413, 415, 422), gets past it after REFUSED_FOR: the message is set aside, in the log, to be replayed.

A replay is the same walk over a stretch of the past, with a position of its own, when nothing newer is owed.

Signed as Standard Webhooks 1.0 says (https://www.standardwebhooks.com): symmetric, 'v1', one signature for each secret that
holds, so that a receiver can change over within GRACE.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from linli.clock import DAY, SECOND
from linli.i18n import Text
from linli.model import Severity

PREFIX = "whsec_"
SECRET_BYTES = 32
GRACE = DAY
"""For how long the former secret signs too, after a rotation."""

RETRY_AFTER_S = (5, 30, 120, 300, 900, 1800, 3600)
"""Seconds from a failure to the next try, for the first failure in a row, the second, ...; the last for all further ones."""
JITTER = 0.2
MOST_RETRY_AFTER_S = 6 * 3600
"""A receiver that asks for more (Retry-After) is asked again after this."""
FAILING_FOR = 5 * DAY
REFUSED_FOR = DAY
REFUSALS = frozenset((400, 413, 415, 422))
GONE = 410


class Ended(StrEnum):
    """Why a webhook sends nothing any more."""

    BY_PERSON = "by_person"
    FAILING = "failing"
    GONE = "gone"
    OWNER_DISABLED = "owner_disabled"
    OWNER_MAY_NOT = "owner_may_not"


ENDED: dict[Ended, Text] = {
    Ended.BY_PERSON: Text("由人停用", "Turned off by a person"),
    Ended.FAILING: Text(
        "接收方连续 5 天没有成功应答，已停用；修好后请重新启用",
        "The receiver did not answer 2xx for 5 days, so it was turned off; mend it, then turn it on again",
    ),
    Ended.GONE: Text(
        "接收方应答 410，表示不再接收，已停用", "The receiver answered 410, that it wants no more, so it was turned off"
    ),
    Ended.OWNER_DISABLED: Text(
        "所有者的账号已停用，因此停止发送", "Its owner's account is disabled, so nothing is sent"
    ),
    Ended.OWNER_MAY_NOT: Text(
        "所有者的角色不再允许使用 webhook，因此停止发送",
        "Its owner's role may have no webhooks any more, so nothing is sent",
    ),
}


class Outcome(StrEnum):
    """What became of one request."""

    DELIVERED = "delivered"
    FAILED = "failed"
    SET_ASIDE = "set_aside"


ORIGINS = ("live", "replay", "test")
"""Why a request was sent."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which changes a webhook is for. An empty set leaves nothing out."""

    communities: frozenset[str] = frozenset()
    severities: frozenset[Severity] = frozenset()
    rules: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()

    def takes(self, *, community: str, severity: Severity, rule: str, kind: str) -> bool:
        """Whether such a change is for it."""
        return (
            _in(community, self.communities)
            and _in(severity, self.severities)
            and _in(rule, self.rules)
            and _in(kind, self.kinds)
        )


def _in(value: str, wanted: Collection[str]) -> bool:
    return not wanted or value in wanted


@dataclass(frozen=True, slots=True)
class Standing:
    """How a webhook stands with its receiver. `failures` in a row since `failing_since`; nothing is sent before `next_try_at`."""

    ended: Ended | None = None
    failures: int = 0
    failing_since: int | None = None
    next_try_at: int = 0

    @property
    def enabled(self) -> bool:
        """Whether it is to be sent at all."""
        return self.ended is None

    def due(self, now: int) -> bool:
        """Whether something may be sent now."""
        return self.ended is None and self.next_try_at <= now


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: the receiver's `status`, or an `error` word if there was none. `excerpt`: how its body began."""

    status: int | None = None
    error: str | None = None
    excerpt: str = ""
    retry_after_s: int | None = None

    @property
    def well(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


def after(standing: Standing, answer: Answer, now: int, chance: float) -> tuple[Standing, Outcome]:
    """How the webhook stands after this answer, and what became of the message. `chance`: uniform in [0, 1), for the jitter.

    DELIVERED and SET_ASIDE pass the message; FAILED leaves it to be sent again.
    """
    if answer.well:
        return Standing(), Outcome.DELIVERED
    since = now if standing.failing_since is None else standing.failing_since
    failures = standing.failures + 1
    failed = Standing(None, failures, since, now + _wait(failures, answer.retry_after_s, chance))
    if answer.status == GONE:
        return replace(failed, ended=Ended.GONE), Outcome.FAILED
    if now - since >= FAILING_FOR:
        return replace(failed, ended=Ended.FAILING), Outcome.FAILED
    if answer.status in REFUSALS and now - since >= REFUSED_FOR:
        return failed, Outcome.SET_ASIDE
    return failed, Outcome.FAILED


def _wait(failures: int, asked_s: int | None, chance: float) -> int:
    """Microseconds until the next try."""
    wait_s = RETRY_AFTER_S[min(failures, len(RETRY_AFTER_S)) - 1] * (1 - JITTER + 2 * JITTER * chance)
    if asked_s is not None:
        wait_s = max(wait_s, min(asked_s, MOST_RETRY_AFTER_S))
    return round(wait_s * SECOND)


# --- signing ----------------------------------------------------------------------------------------------------------


def new_secret() -> str:
    """A secret as the Standard writes it: 'whsec_' and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def message_id(webhook: str, change: int) -> str:
    """The `webhook-id` of a change: the same whenever it is sent, so that a receiver can tell a repeat. Holds no '.'."""
    return f"msg_{webhook}_{change}"


def signature(secret: str, message: str, timestamp_s: int, body: bytes) -> str:
    """'v1,' and the base64 of HMAC-SHA256 over '{message}.{timestamp_s}.{body}'."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join((message.encode(), str(timestamp_s).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(keys: Sequence[str], message: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of a request: who it is from, signed with each of the secrets that hold, the newest first."""
    return {
        "content-type": "application/json",
        "user-agent": "Linli-Webhooks/1",
        "webhook-id": message,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signature(key, message, timestamp_s, body) for key in keys),
    }
