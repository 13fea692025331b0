"""The audit log in the database: `append` in the transaction of the act itself, so that an act without its entry does not exist.

Entries are written one after the other: on SQLite a writing transaction is alone anyhow, on PostgreSQL `append` takes the turn
of the log (`linli.db.turns`) until its transaction ends. So append last, just before the end of the block: who holds the log's
turn waits for nobody else, and others wait for it as short as can be.

Whoever writes here may do so with any person's scope: the log is Linli's own, and only reading it is confined.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, or_, select

from linli.audit import DETAILS, ERASED, GENESIS, KEY_BYTES, TEXTS, Act, Entry, Fact, Head, Kept, Who, canonical, follow
from linli.auditwords import KINDS, PERSON_READ, PURPOSES, VERBS, not_said
from linli.db import schema
from linli.db.database import Database, at_the_end
from linli.db.scoping import unconfined
from linli.db.turns import take_turn
from linli.errors import Refused
from linli.i18n import Text

_AT_ONCE = 500

_NEWEST = (
    select(schema.audit_entries.c.seq, schema.audit_entries.c.hash).order_by(schema.audit_entries.c.seq.desc()).limit(1)
)


def append(connection: Connection, act: Act, now: int) -> Entry:
    """Write down what is done in this transaction, at `now` (microseconds since 1970 UTC); the entry.

    ValueError for a verb, kind or purpose that there is no word for: a mistake of ours.
    """
    _check_words(act)
    take_turn(connection, schema.audit_entries)
    entry, kept = follow(head_of(connection), act, now, (secrets.token_bytes(KEY_BYTES) for _ in TEXTS))
    _execute(connection, insert(schema.audit_entries), [_values(entry)])
    belongs = {"seq": entry.seq, "community_id": entry.community}
    about = [{"kind": entry.kind, "item_id": one, **belongs} for one in dict.fromkeys(entry.ids)]
    _execute(connection, insert(schema.audit_subjects), about)
    beside = [{"name": name, "key": text.key, "text": text.text, **belongs} for name, text in kept.items()]
    _execute(connection, insert(schema.audit_texts), beside)
    return entry


def append_last(connection: Connection, act: Act, now: int) -> None:
    """Write it down at the end of the transaction (`Database.write`): where much is still to come, so that nobody else's act has to
    wait for it."""
    _check_words(act)
    at_the_end(connection, lambda at_last: append(at_last, act, now))


def person_read(
    connection: Connection,
    who: Who,
    persons: Sequence[str],
    purpose: str,
    now: int,
    *,
    reason: str = "",
    community: str | None = None,
    fields: Sequence[str] = (),
) -> Entry:
    """Write down that `who` is given data of these persons (ids, 1000 at most), for a purpose of `PURPOSES`.

    In the transaction that reads them, before anything is handed over. `fields`: names of what was shown, where it was not all.
    Refused for a purpose that there is not, and for 'other' without a reason.
    """
    fault = not_said(purpose, reason)
    if fault is not None:
        raise _refused(*fault)
    facts: dict[str, Fact] = {"fields": sorted(fields)} if fields else {}
    act = Act(PERSON_READ, who, "person", tuple(persons), community, purpose, reason, facts=facts)
    return append(connection, act, now)


def erase_texts(
    connection: Connection,
    who: Who,
    persons: Sequence[str],
    now: int,
    reason: str = "",
    *,
    accounts: Sequence[str] = (),
) -> int:
    """Delete every text beside entries that are about these persons or accounts (ids), or that one of the accounts did, with its
    key, and write that down; how many. What is of another kind and has the same id keeps its texts.

    The chain stays as it is. Where somebody else looked at them or changed them, from which address stays: it is not theirs.
    """
    take_turn(connection, schema.audit_entries)
    texts, about, entries = schema.audit_texts, schema.audit_subjects, schema.audit_entries
    theirs = select(entries.c.seq).where(entries.c.actor.in_(accounts))
    them = or_(
        and_(about.c.kind == "person", about.c.item_id.in_(persons)),
        and_(about.c.kind == "account", about.c.item_id.in_(accounts)),
    )
    of_them = select(about.c.seq).where(them)
    gone = 0
    for condition in (texts.c.seq.in_(theirs), texts.c.seq.in_(of_them) & (texts.c.name != "address")):
        gone += connection.execute(delete(texts).where(condition), execution_options=unconfined()).rowcount
    facts: dict[str, Fact] = {"texts": gone, "accounts": list(accounts)}
    append(connection, Act(ERASED, who, "person", tuple(persons), reason=reason, facts=facts), now)
    return gone


def head_of(connection: Connection) -> Head:
    """Number and hash of the newest entry; those of no entry if there is none."""
    row = connection.execute(_NEWEST, execution_options=unconfined()).one_or_none()
    return Head(0, GENESIS) if row is None else Head(row.seq, row.hash)


def hash_at(connection: Connection, seq: int) -> str | None:
    """The hash of that entry, or None."""
    table = schema.audit_entries
    found: str | None = connection.execute(
        select(table.c.hash).where(table.c.seq == seq), execution_options=unconfined()
    ).scalar()
    return found


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries are meant: those to which all of it applies. `since` <= at < `until`. `verb`: the word itself, or, with a
    dot at its end, every word that begins so. `item`: an id that the entry is about; `items`: one of several."""

    actor: str | None = None
    verb: str | None = None
    kind: str | None = None
    item: str | None = None
    items: tuple[str, ...] = ()
    community: str | None = None
    outcome: str | None = None
    purpose: str | None = None
    since: int | None = None
    until: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for SQL."""
        table, about = schema.audit_entries, schema.audit_subjects
        same = {"actor": self.actor, "kind": self.kind, "outcome": self.outcome, "purpose": self.purpose}
        same["community_id"] = self.community
        found = [table.c[name] == value for name, value in same.items() if value is not None]
        if self.verb is not None:
            begins = self.verb.endswith(".")
            found.append(table.c.verb.startswith(self.verb, autoescape=True) if begins else table.c.verb == self.verb)
        if self.item is not None:
            found.append(table.c.seq.in_(select(about.c.seq).where(about.c.item_id == self.item)))
        if self.items:
            found.append(table.c.seq.in_(select(about.c.seq).where(about.c.item_id.in_(self.items))))
        if self.since is not None:
            found.append(table.c.at >= self.since)
        if self.until is not None:
            found.append(table.c.at < self.until)
        return found


EVERYTHING = Search()


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry with the texts that there still are beside it."""

    entry: Entry
    texts: Mapping[str, str]

    def details(self) -> Mapping[str, Any]:
        """What else was written down of it; empty if nothing was, or it was erased."""
        found: Mapping[str, Any] = json.loads(self.texts.get(DETAILS, "{}"))
        return found

    def erased(self) -> list[str]:
        """The texts that were there once."""
        return [name for name in self.entry.texts if name not in self.texts]


class SqlAudit:
    """The log, for who may read it. Confined as the database is that it is given."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, search: Search = EVERYTHING, limit: int = 100, before: int | None = None) -> list[Shown]:
        """Those meant with a number below `before`, the newest first, `limit` at most."""
        table = schema.audit_entries
        query = select(table).where(*search.conditions())
        if before is not None:
            query = query.where(table.c.seq < before)
        return self._shown(query.order_by(table.c.seq.desc()).limit(limit))

    def get(self, seq: int) -> Shown | None:
        """The entry of that number, or None."""
        found = self._shown(select(schema.audit_entries).where(schema.audit_entries.c.seq == seq))
        return found[0] if found else None

    def all(self, search: Search = EVERYTHING) -> Iterator[Shown]:
        """Those meant, the oldest first, as they are read: memory does not grow with them."""
        table, after = schema.audit_entries, 0
        while True:
            query = select(table).where(table.c.seq > after, *search.conditions())
            page = self._shown(query.order_by(table.c.seq).limit(_AT_ONCE))
            yield from page
            if len(page) < _AT_ONCE:
                return
            after = page[-1].entry.seq

    def count(self, search: Search = EVERYTHING) -> int:
        """How many are meant."""
        query = select(func.count()).select_from(schema.audit_entries).where(*search.conditions())
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def span(self) -> tuple[int | None, int | None]:
        """The times of the first and of the last entry."""
        table = schema.audit_entries
        with self._database.read() as connection:
            oldest, newest = connection.execute(select(func.min(table.c.at), func.max(table.c.at))).one()
        return oldest, newest

    def _shown(self, query: Select[Any]) -> list[Shown]:
        with self._database.read() as connection:
            entries = [read_entry(row) for row in connection.execute(query)]
            beside = texts_of(connection, [entry.seq for entry in entries])
        return [
            Shown(entry, {name: kept.text for name, kept in beside.get(entry.seq, {}).items()}) for entry in entries
        ]


def texts_of(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, Kept]]:
    """The texts beside these entries, by number and name."""
    table = schema.audit_texts
    found: dict[int, dict[str, Kept]] = {}
    for row in connection.execute(select(table).where(table.c.seq.in_(numbers))) if numbers else ():
        found.setdefault(row.seq, {})[row.name] = Kept(row.key, row.text)
    return found


def read_entry(row: Row[Any]) -> Entry:
    """The entry of a row. ValueError for one that is none, as somebody may have made it."""
    ids, facts, texts = json.loads(row.ids), json.loads(row.facts), json.loads(row.texts)
    if not isinstance(ids, list) or not isinstance(facts, dict) or not isinstance(texts, dict):
        raise ValueError("not an entry of the audit log")
    return Entry(
        seq=row.seq,
        at=row.at,
        verb=row.verb,
        actor=row.actor,
        kind=row.kind,
        ids=tuple(ids),
        community=row.community_id,
        purpose=row.purpose,
        outcome=row.outcome,
        credential=row.credential,
        facts=facts,
        texts=texts,
        previous=row.previous,
        hash=row.hash,
    )


def _values(entry: Entry) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(entry, name) for name in Entry.__slots__}
    values["community_id"] = values.pop("community")
    return values | {name: canonical(values[name]).decode() for name in ("ids", "facts", "texts")}


def _execute(connection: Connection, statement: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows, execution_options=unconfined())


def _check_words(act: Act) -> None:
    if act.verb not in VERBS or act.kind not in KINDS or not (act.purpose in PURPOSES or act.purpose == ""):
        raise ValueError(f"no such word in linli.auditwords: {act.verb} {act.kind} {act.purpose}")


def _refused(reason: str, text: Text) -> Refused:
    error = Refused(reason, text.en)
    error.text = text
    return error
