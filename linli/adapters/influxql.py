"""InfluxQL, the query language that InfluxDB 1.x, 2.x and 3 all answer: questions to text, answers to rows. No I/O."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from linli.adapters.line_protocol import EVENTS, POSITIONS, READINGS, TALLIES

EVENT_FIELDS = ("bootid", "data", "gateway", "historic", "lane", "late", "received", "sequence", "time_source")
DUE = "linli_due"
Row = Mapping[str, Any]

_CALLS = ", ".join(f'{call}("value") AS "{call}"' for call in ("count", "min", "max", "last", "sum"))
_SUMMED_CALLS = ", ".join(
    f'{call}("{field}") AS "{field}"'
    for call, field in (("sum", "count"), ("min", "min"), ("sum", "sum"), ("max", "max"), ("last", "last"))
)


class Answered(Exception):
    """The server took the query and answered with an error instead of rows."""


def literal(text: str) -> str:
    """`text` as a string literal. Callers pass on what people typed, so nothing may end the literal but its end."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def name(text: str) -> str:
    """`text` as an identifier."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def latest(community: str, since: str | None = None) -> str:
    """The newest point of each series of a community. `last` alone, without a stretch of time, is a look at the end of
    each series on 1.x and 2.x. On 3, which looks into files, `since` ('3d') bounds how many."""
    bound = f" AND time > now() - {since}" if since else ""
    return (
        f'SELECT last("value") AS "value", "received", "unit" FROM "{READINGS}"'  # noqa: S608  (quoted)
        f' WHERE "community" = {literal(community)}{bound} GROUP BY "device", "quantity"'
    )


def raw(community: str, device: str, quantity: str, start: int, end: int, limit: int) -> str:
    """The readings of a series in [start, end), oldest first."""
    where = _between({"community": community, "device": device, "quantity": quantity}, start, end)
    return f'SELECT "value" FROM "{READINGS}"{where} ORDER BY time LIMIT {limit}'  # noqa: S608  (quoted)


def buckets(
    community: str, device: str, quantity: str, start: int, end: int, width: int, origin: int, table: str = READINGS
) -> str:
    """A series in [start, end) in buckets of `width`, one of which begins at `origin` (all microseconds).

    GROUP BY time aligns to multiples of the width since 1970, plus the offset: origin modulo width.
    """
    where = _between({"community": community, "device": device, "quantity": quantity}, start, end)
    calls = _CALLS if table == READINGS else _SUMMED_CALLS
    return f'SELECT {calls} FROM "{table}"{where} GROUP BY time({width}u, {origin % width}u) fill(none)'  # noqa: S608


def community_buckets(community: str, start: int, end: int, width: int) -> str:
    """Every series of a community in [start, end) in buckets of `width`, as rollups are made of."""
    where = _between({"community": community}, start, end)
    return f'SELECT {_CALLS} FROM "{READINGS}"{where} GROUP BY time({width}u), "device", "quantity" fill(none)'  # noqa: S608


def due(before: int) -> str:
    """The marks of hours that began before `before` and are not summed up as last marked."""
    return (
        f'SELECT "touched", "rolled", "community" FROM "{DUE}"'  # noqa: S608
        f' WHERE time < {before * 1000} AND "touched" != "rolled"'
    )


def unsummed(community: str, start: int, end: int) -> str:
    """The same of one community in [start, end)."""
    where = _between({"community": community}, start, end)
    return f'SELECT "touched", "rolled" FROM "{DUE}"{where} AND "touched" != "rolled"'  # noqa: S608


def pattern(pieces: Sequence[str]) -> str:
    """A regular expression (RE2) that finds any of these pieces, as they are."""
    return "/" + "|".join(_PUNCTUATION.sub(r"\\\g<0>", piece) for piece in pieces) + "/"


_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def events(
    community: str,
    start: int,
    end: int,
    types: Sequence[str],
    device: str | None,
    limit: int,
    containing: Sequence[str] = (),
) -> str:
    """Events of a community in [start, end), newest first. `limit` 0: all."""
    tags = {"community": community} | ({} if device is None else {"device": device})
    where = _between(tags, start, end)
    if types:
        where += " AND (" + " OR ".join(f'"type" = {literal(kind)}' for kind in types) + ")"
    if containing:
        where += f' AND "data" =~ {pattern(containing)}'
    fields = ", ".join(f'"{field}"' for field in (*EVENT_FIELDS, "community", "device", "type"))
    cut = f" LIMIT {limit}" if limit else ""
    return f'SELECT {fields} FROM "{EVENTS}"{where} ORDER BY time DESC{cut}'  # noqa: S608


def positions(call: str, since: str | None = None) -> str:
    """The `max` of each lane's positions, which only grow: where it is, also where the clock went back. Or the `last`."""
    bound = f" WHERE time > now() - {since}" if since else ""
    return (
        f'SELECT {call}("upto") AS "upto" FROM "{POSITIONS}"{bound}'  # noqa: S608
        ' GROUP BY "bootid", "community", "gateway", "lane"'
    )


def tallies(since: str | None = None) -> str:
    """What is known of each outbox and day. The numbers only grow, so the greatest is the last, whatever a clock did."""
    bound = f" WHERE time > now() - {since}" if since else ""
    return (
        f'SELECT max("dead") AS "dead", max("stored") AS "stored" FROM "{TALLIES}"{bound}'  # noqa: S608
        ' GROUP BY "bootid", "community", "day", "gateway"'
    )


def rows(answer: object) -> Iterator[Row]:
    """Each row of a /query answer: its columns and the tags of its group. Answered if the answer is an error."""
    return itertools.chain.from_iterable(results(answer))


def results(answer: object) -> list[list[Row]]:
    """The rows of each statement of a /query answer. Answered if it, or one of them, is an error.

    An answer that is not of that shape (a proxy's page, say) is an error too.
    """
    found = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise Answered(str(answer)[:200])
    return [list(_rows(result)) for result in found]


def _rows(result: Mapping[str, Any]) -> Iterator[Row]:
    if "error" in result:
        raise Answered(str(result["error"]))
    for series in result.get("series", ()):
        tags, columns = series.get("tags", {}), series["columns"]
        for values in series.get("values", ()):
            yield {**tags, **dict(zip(columns, values, strict=True))}


def _between(tags: Mapping[str, str], start: int, end: int) -> str:
    conditions = [f'"{tag}" = {literal(value)}' for tag, value in tags.items()]
    conditions += [f"time >= {start * 1000}", f"time < {end * 1000}"]
    return " WHERE " + " AND ".join(conditions)
