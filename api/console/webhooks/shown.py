"""Webhooks in words: how one stands, what it sends, what came of a request. Decides only."""

from collections.abc import Mapping

from api.console.rows import moment
from api.console.texts import LIST_PAUSE
from api.console.visit import Visit
from api.console.webhooks import texts
from api.words import SEVERITIES, change_name
from linli.db.webhookrows import Delivery, Webhook
from linli.i18n import Text
from linli.webhooks import ENDED, Filter


def standing_words(webhook: Webhook) -> tuple[Text, str]:
    """How it stands, and the class of the sign that says so."""
    standing = webhook.standing
    if standing.ended is not None:
        return texts.OFF, "unknown"
    if standing.failures:
        return texts.FAILING, "fault"
    return (texts.WAITING, "unknown") if webhook.last_success_at is None else (texts.SENDING, "ok")


def ended_words(webhook: Webhook) -> Text | None:
    """Why it is turned off; None if it is not."""
    return None if webhook.standing.ended is None else ENDED[webhook.standing.ended]


def filter_words(wanted: Filter, communities: Mapping[str, Text]) -> list[tuple[Text, Text]]:
    """What is sent, line by line; a line for each thing that is narrowed."""
    narrowed = (
        (texts.COMMUNITIES, [communities.get(one, Text(one, one)) for one in sorted(wanted.communities)]),
        (texts.SEVERITIES, [SEVERITIES[one] for one in sorted(wanted.severities, key=lambda one: one.rank)]),
        (texts.RULES, [Text(one, one) for one in sorted(wanted.rules)]),
        (texts.KINDS, [change_name(one) for one in sorted(wanted.kinds)]),
    )
    return [(name, _listed(some)) for name, some in narrowed if some]


def _listed(some: list[Text]) -> Text:
    return Text(LIST_PAUSE.zh.join(one.zh for one in some), LIST_PAUSE.en.join(one.en for one in some))


def answer_words(line: Delivery) -> Text:
    """What the receiver answered, or what went wrong."""
    if line.status is not None:
        return texts.ANSWERED.format(status=line.status)
    word = line.error or "-"
    return texts.ERRORS.get(word, Text(word, word))


def kind_words(line: Delivery) -> Text:
    """What was sent."""
    return texts.A_TEST if line.change is None else change_name(line.kind.removeprefix("alert."))


def when(at: int | None, visit: Visit, now: int) -> str:
    """A time as the reader has it; '' for none."""
    return "" if at is None else moment(at, visit.zone(""), now)
