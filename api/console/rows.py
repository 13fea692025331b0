"""Alerts as the list in the browser draws them: plain values in one language, ready to show. Decides only."""

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

import orjson

from api import words
from api.console import texts
from api.views import AlertChange, AlertView
from linli.clock import DAY, HOUR, MINUTE, SECOND, local_time
from linli.i18n import Text
from linli.model import Handling

Row = dict[str, str | int | bool | list[str]]

_CALLING = ("escalated", "confirmed", "unshelved")
"""Changes that ask for somebody who has seen the alert already."""

_UNHANDLED = (Handling.UNACKNOWLEDGED, Handling.RETURNED_UNACKNOWLEDGED)


def to_do(view: AlertView) -> bool:
    """Whether somebody has yet to acknowledge it."""
    return view.alert.handling in _UNHANDLED


def row(view: AlertView, language: str, zone: ZoneInfo, now: int, several: bool = False) -> Row:
    """One alert for `alert_list.js` and `live.js`. Times are microseconds since 1970 UTC, `now` too.

    `several`: whether the reader sees more than one community, and so wants to know which.
    """
    alert = view.alert
    return {
        "id": alert.id,
        "rev": alert.updated_at,
        "severity": alert.severity.value,
        "severity_word": words.SEVERITIES[alert.severity].of(language),
        "title": alert.title.of(language),
        "sentence": alert.sentence.of(language),
        "where": where(view, language, several),
        "opened_at": alert.opened_at,
        "opened_text": moment(alert.opened_at, zone, now),
        "handling": alert.handling.value,
        "state_word": words.HANDLINGS[alert.handling].of(language),
        "who": handled_by(view, zone, now).of(language),
        "open": alert.open,
        "live": not alert.historic,
        "todo": to_do(view),
        "shelved": alert.handling is Handling.SHELVED,
        "tags": _tags(view, language, zone, now),
    }


def calls(changes: Sequence[AlertChange]) -> Text:
    """What of the changes to one alert, oldest first, asks for somebody, although the alert was there before; empty if nothing
    does. Whoever acknowledged or shelved it since has heard; a reminder is for them too."""
    view = changes[-1].view
    if view.alert.handling is Handling.SHELVED or not view.alert.open:
        return Text("", "")
    kinds = [change.kind for change in changes]
    if "reminded" in kinds:
        return words.change_name("reminded")
    if not to_do(view):
        return Text("", "")
    found = next((kind for kind in reversed(kinds) if kind in _CALLING), None)
    if found is None and "acknowledged" in kinds:  # and it is to be acknowledged all the same: it happened again since
        found = "occurred"
    return Text("", "") if found is None else words.change_name(found)


def where(view: AlertView, language: str, several: bool) -> str:
    """Where it is: the community if the reader sees `several`, then place and subject, without saying a thing twice."""
    place = view.place_name.of(language) if view.place_name is not None else ""
    subject = view.subject_name.of(language)
    parts = [subject] if not place or subject.startswith(place) else [place, subject]
    if several:
        parts.insert(0, view.community_name.of(language))
    return " · ".join(parts)


def handled_by(view: AlertView, zone: ZoneInfo, now: int) -> Text:
    """Until when it is shelved, else who closed or acknowledged it, and when; empty if nobody did."""
    alert = view.alert
    if alert.handling is Handling.SHELVED and alert.shelved_until is not None:
        return texts.SHELVED_UNTIL.format(when=moment(alert.shelved_until, zone, now))
    if alert.closed_at is not None:
        who = view.closed_by_name or texts.BY_RULE
        return texts.CLOSED_BY.format(who=who, when=moment(alert.closed_at, zone, now))
    if alert.acknowledged_at is not None:
        who = view.acknowledged_by_name or texts.BY_RULE
        return texts.ACKNOWLEDGED_BY.format(who=who, when=moment(alert.acknowledged_at, zone, now))
    return Text("", "")


def moment(at: int, zone: ZoneInfo, now: int) -> str:
    """The wall time in `zone`: '10:23:05' on the day that it is there, else with the date (and the year if another)."""
    then, today = local_time(at, zone), local_time(now, zone)
    if then.date() == today.date():
        return then.strftime("%H:%M:%S")
    return then.strftime("%m-%d %H:%M" if then.year == today.year else "%Y-%m-%d %H:%M")


def full_moment(at: int, zone: ZoneInfo) -> str:
    """Date and time to the second in `zone`."""
    return local_time(at, zone).strftime("%Y-%m-%d %H:%M:%S")


def ago(age: int) -> Text:
    """How long ago, for an age in microseconds (an age below 0, from clocks that differ, counts as 0)."""
    if age < 5 * SECOND:
        return texts.JUST_NOW
    for limit, unit, text in (
        (MINUTE, SECOND, texts.SECONDS_AGO),
        (HOUR, MINUTE, texts.MINUTES_AGO),
        (DAY, HOUR, texts.HOURS_AGO),
    ):
        if age < limit:
            return text.format(n=age // unit)
    return texts.DAYS_AGO.format(n=age // DAY)


def push_code(rows: Iterable[Row]) -> str:
    """JavaScript that hands `rows` to the page. JSON is JavaScript (ES2019), so nothing in a name can leave its string."""
    return f"window.linli?.push({orjson.dumps(list(rows)).decode()})"


def _tags(view: AlertView, language: str, zone: ZoneInfo, now: int) -> list[str]:
    alert = view.alert
    tags = []
    if alert.occurrences > 1:
        tags.append(texts.TIMES.format(n=alert.occurrences, when=moment(alert.last_seen, zone, now)))
    if alert.confirmed:
        tags.append(texts.CONFIRMED_MARK)
    if alert.historic:
        tags.append(texts.HISTORIC_MARK)
    return [tag.of(language) for tag in tags]
