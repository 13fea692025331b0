"""The audit log without its database: what an entry is, how it hangs on the one before, and whether a chain of them is whole.

Theory of operation. Each entry holds the SHA-256 of the one before, and its own is taken over all that it says, that included
(RFC 8785 JSON, so that anybody can recompute it with other tools). Whoever changes, removes, inserts or exchanges entries has to
make every later one anew, and then the last does not fit the head: number and hash of the newest entry, kept outside the
database (`linli.audithead`), which also shows that the end was cut off.

What may be about a person never enters the chain. A person is an id. A reason, an address, names that were changed are texts
beside it; the chain has an HMAC-SHA-256 of each under a random key of its own, which lies with the text. With both deleted
nothing can be told of the text, not even by trying, and no hash has changed.

When old entries go, a later one (`SHORTENED`) says up to which number, and the hash that the first one left hangs on.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from linli.i18n import Text

VERSION = 1
GENESIS = "0" * 64
"""What the first entry of all hangs on."""

KEY_BYTES = 16
MAX_IDS = 1000
MAX_TEXT = 20_000
_LENGTHS = {"actor": 100, "kind": 32, "community": 64, "purpose": 32, "credential": 64}

SHORTENED = "audit.shortened"
ERASED = "audit.erased"

REASON, ADDRESS, DETAILS = "reason", "address", "details"
TEXTS = (REASON, ADDRESS, DETAILS)
"""What is kept beside the chain: why somebody did it, from where, and what else of it may be about a person (JSON)."""

Fact = str | int | bool | None | Sequence["Fact"] | Mapping[str, "Fact"]


class Outcome(StrEnum):
    """What became of an act."""

    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts. `actor`: a person's id, 'cli:NAME' for who runs Linli's machine, 'system:PROCESS' for Linli itself, or
    'nobody'. `address`: the network address they came from; `credential`: the id of their session or token."""

    actor: str
    address: str = ""
    credential: str = ""


NOBODY = "nobody"
"""The actor of what somebody tried who is not known."""


def system(process: str) -> Who:
    """Linli itself, by one of its processes."""
    return Who(f"system:{process}")


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be written down: `who` did `verb` (a word of `linli.auditwords`) to the things `ids` of one `kind`.

    `purpose` is a word of a list, `reason` what somebody typed. `facts` enter the chain, so they hold nothing of a person but
    ids; `details` may, and are kept beside it.
    """

    verb: str
    who: Who
    kind: str = ""
    ids: tuple[str, ...] = ()
    community: str | None = None
    purpose: str = ""
    reason: str = ""
    outcome: Outcome = Outcome.DONE
    facts: Mapping[str, Fact] = field(default_factory=dict)
    details: Mapping[str, Fact] = field(default_factory=dict)

    def texts(self) -> dict[str, str]:
        """What of it is kept beside the chain."""
        details = canonical(self.details).decode() if self.details else ""
        found = {REASON: self.reason, ADDRESS: self.who.address, DETAILS: details}
        return {name: _storable(text)[:MAX_TEXT] for name, text in found.items() if text}


@dataclass(frozen=True, slots=True)
class Entry:
    """One link. `seq` counts from 1 without gaps, `at` is microseconds since 1970 UTC; `texts`: of each text beside it, the
    HMAC; `previous` and `hash` are 64 hexadecimal digits. What is not of its type makes `hash_of` raise."""

    seq: int
    at: int
    verb: str
    actor: str
    kind: str
    ids: tuple[str, ...]
    community: str | None
    purpose: str
    outcome: str
    credential: str
    facts: Mapping[str, Any]
    texts: Mapping[str, str]
    previous: str
    hash: str = ""

    def document(self) -> dict[str, Any]:
        """What the hash is taken over; with `hash` added, a line of an export."""
        return {
            "v": VERSION,
            "seq": self.seq,
            "at": self.at,
            "verb": self.verb,
            "actor": self.actor,
            "kind": self.kind,
            "ids": list(self.ids),
            "community": self.community,
            "purpose": self.purpose,
            "outcome": self.outcome,
            "credential": self.credential,
            "facts": self.facts,
            "texts": self.texts,
            "previous": self.previous,
        }


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry's number and hash; what is kept of it outside."""

    seq: int
    hash: str


EMPTY = Head(0, GENESIS)
"""The head of a log without entries."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A text beside the chain, with its key."""

    key: str
    text: str

    @property
    def commitment(self) -> str:
        """What the chain has of it."""
        return hmac.digest(bytes.fromhex(self.key), self.text.encode("utf-8", "surrogatepass"), "sha256").hex()


def canonical(value: object) -> bytes:
    """RFC 8785 of a value without floats: keys in order, no spaces, UTF-8. ValueError or TypeError for anything else.

    (Its order of keys is that of UTF-16; ours are ASCII, for which it is Python's.)
    """
    return _ENCODE(value).encode()


def hash_of(entry: Entry) -> str:
    """The hash that an entry of this content has. ValueError or TypeError if it cannot have one."""
    return hashlib.sha256(canonical(entry.document())).hexdigest()


def follow(head: Head, act: Act, at: int, keys: Iterable[bytes]) -> tuple[Entry, dict[str, Kept]]:
    """The entry of `act` behind `head`, and the texts to keep beside it. `keys`: as many random ones as it has texts."""
    if len(act.ids) > MAX_IDS:
        raise ValueError(f"an entry is about {MAX_IDS} things at most")
    kept = {name: Kept(key.hex(), text) for (name, text), key in zip(act.texts().items(), keys, strict=False)}
    entry = Entry(
        seq=head.seq + 1,
        at=at,
        verb=act.verb,
        actor=_short("actor", act.who.actor),
        kind=_short("kind", act.kind),
        ids=tuple(_storable(one)[:100] for one in act.ids),
        community=None if act.community is None else _short("community", act.community),
        purpose=_short("purpose", act.purpose),
        outcome=act.outcome.value,
        credential=_short("credential", act.who.credential),
        facts=json.loads(canonical(act.facts)),
        texts={name: text.commitment for name, text in kept.items()},
        previous=head.hash,
    )
    return _with_hash(entry), kept


def _with_hash(entry: Entry) -> Entry:
    values = {name: getattr(entry, name) for name in Entry.__slots__}
    return Entry(**values | {"hash": hash_of(entry)})


def _short(name: str, text: str) -> str:
    return _storable(text)[: _LENGTHS[name]]


def _storable(text: str) -> str:
    """Without what PostgreSQL (NUL) or UTF-8 (half a surrogate pair) cannot hold, which is written as an escape."""
    if "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text):
        return text
    return "".join(
        letter.encode("unicode_escape", "surrogatepass").decode()
        if letter == "\0" or "\ud800" <= letter <= "\udfff"
        else letter
        for letter in text
    )


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in the audit log")


# Made once: making it takes longer than using it.
_ENCODE = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), default=_plain
).encode


# --- is it whole? ---------------------------------------------------------------------------------------------------


class Broken(StrEnum):
    """What can be wrong with a link."""

    UNREADABLE = "unreadable"
    EDITED = "edited"
    MISSING = "missing"
    UNLINKED = "unlinked"
    BEGINNING = "beginning"
    CUT = "cut"
    REWRITTEN = "rewritten"
    TEXT_EDITED = "text_edited"
    TEXT_MISSING = "text_missing"
    INDEX = "index"
    SEAL = "seal"
    GUARD = "guard"


_WORDS: Mapping[Broken, Text] = {
    Broken.UNREADABLE: Text("第 {seq} 条无法读取", "entry {seq} cannot be read"),
    Broken.EDITED: Text("第 {seq} 条的内容被改过", "entry {seq} is not what it was when it was written"),
    Broken.MISSING: Text("第 {seq} 条不见了", "entry {seq} is missing"),
    Broken.UNLINKED: Text("第 {seq} 条与前一条接不上", "entry {seq} does not hang on the one before it"),
    Broken.BEGINNING: Text(
        "第 {seq} 条之前的被删除，而没有按期限删除的记录",
        "what was before entry {seq} is gone, and no entry says that it went by retention",
    ),
    Broken.CUT: Text("末尾被截去：第 {seq} 条起不见了", "the end is cut off: entry {seq} and what followed is missing"),
    Broken.REWRITTEN: Text(
        "第 {seq} 条与数据库之外保存的链头不符：链被整个重写过",
        "entry {seq} is not the one that the head outside the database names: the chain was made anew",
    ),
    Broken.TEXT_EDITED: Text("第 {seq} 条旁的文字被改过", "a text beside entry {seq} is not what it was"),
    Broken.TEXT_MISSING: Text(
        "第 {seq} 条旁的文字不见了，而没有删除的记录",
        "a text beside entry {seq} is gone, and no entry says that it was erased",
    ),
    Broken.INDEX: Text("第 {seq} 条的索引被改过", "the index of entry {seq} is not what the entry says"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where the log is not whole: the number of the entry, and in words what is wrong there."""

    kind: Broken
    seq: int
    text: Text


def fault(kind: Broken, seq: int) -> Fault:
    """The fault in its own words."""
    return Fault(kind, seq, _WORDS[kind].format(seq=seq))


MOST_FAULTS = 1000
"""After so many the rest are only counted."""


class ChainCheck:
    """Judges entries as they come, in the order of their numbers; memory does not grow with the chain."""

    def __init__(self, head: Head | None, *, whole: bool = True) -> None:
        """`head`: the one kept outside, None if there is none. `whole`: all entries come, not only the newest."""
        self._head = head
        self._whole = whole
        self._last: Head | None = None
        self._beginning: Entry | None = None
        self._anchored = False
        self._erased: dict[tuple[str, str], int] = {}
        self._without_text: list[tuple[int, frozenset[tuple[str, str]]]] = []
        self.entries = 0
        self.erased_texts = 0
        self.faults: list[Fault] = []
        self.fault_count = 0

    def take(self, entry: Entry, beside: Mapping[str, Kept] | None = None) -> None:
        """The next entry, with the texts that there are beside it; None: they are not looked at."""
        self.entries += 1
        wrong = _content(entry)
        self._link(entry, believed=wrong is None)
        if wrong is not None:
            self.add(wrong, entry.seq)
        else:
            self._remember(entry)
            if beside is not None:
                self._beside(entry, beside)
        self._against_head(entry)
        self._last = Head(entry.seq, entry.hash)

    def unreadable(self, seq: int) -> None:
        """In place of the next entry, one that is no entry any more; what follows is judged from its own beginning."""
        self.entries += 1
        self.add(Broken.UNREADABLE, seq)
        self._last = Head(seq, "")

    def finish(self) -> list[Fault]:
        """What is wrong, in the order of the entries."""
        if self._whole and self._beginning is not None and not self._anchored:
            self.add(Broken.BEGINNING, self._beginning.seq)
        if self._head is not None:
            last = 0 if self._last is None else self._last.seq
            if last < self._head.seq:
                self.add(Broken.CUT, last + 1)
        for seq, about in self._without_text:
            if not any(self._erased.get(one, 0) > seq for one in about):
                self.add(Broken.TEXT_MISSING, seq)
            else:
                self.erased_texts += 1
        self.faults.sort(key=lambda found: found.seq)
        return self.faults

    def _link(self, entry: Entry, *, believed: bool) -> None:
        """`believed`: the entry is what it was; else it is wrong already, and one fault is told once."""
        if self._last is None and entry.seq != 1:
            self._beginning = entry
        elif self._last is not None and entry.seq != self._last.seq + 1:
            self.add(Broken.MISSING, self._last.seq + 1)
        elif believed:
            before = GENESIS if self._last is None else self._last.hash
            if before and entry.previous != before:
                self.add(Broken.UNLINKED, entry.seq)

    def _remember(self, entry: Entry) -> None:
        if entry.verb == SHORTENED and self._beginning is not None:
            told = entry.facts.get("upto"), entry.facts.get("hash")
            self._anchored |= told == (self._beginning.seq - 1, self._beginning.previous)
        elif entry.verb == ERASED:
            self._erased.update((one, entry.seq) for one in _whose_texts_went(entry))

    def _beside(self, entry: Entry, beside: Mapping[str, Kept]) -> None:
        for name, commitment in entry.texts.items():
            kept = beside.get(name)
            if kept is None:
                self._without_text.append((entry.seq, _whose_texts(entry)))
            elif not _fits(kept, commitment):
                self.add(Broken.TEXT_EDITED, entry.seq)
        if not beside.keys() <= entry.texts.keys():
            self.add(Broken.TEXT_EDITED, entry.seq)

    def _against_head(self, entry: Entry) -> None:
        if self._head is not None and entry.seq == self._head.seq and entry.hash != self._head.hash:
            self.add(Broken.REWRITTEN, entry.seq)

    def add(self, kind: Broken, seq: int) -> None:
        """Something else that is wrong with that entry."""
        self.fault_count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault(kind, seq))


_ANY = ""
"""In place of a kind: until 24 November 2026 texts were erased by id, of whatever kind it was."""


def _whose_texts_went(erased: Entry) -> Iterator[tuple[str, str]]:
    """Kind and id of each whose texts that entry says were erased."""
    accounts = erased.facts.get("accounts")
    if not isinstance(accounts, list):
        yield from ((_ANY, one) for one in erased.ids)
        return
    yield from (("person", one) for one in erased.ids)
    yield from (("account", str(one)) for one in accounts)


def _whose_texts(entry: Entry) -> frozenset[tuple[str, str]]:
    """With whom the texts beside the entry may go."""
    of = {(entry.kind, one) for one in entry.ids} | {("account", entry.actor)}
    return frozenset(of | {(_ANY, one) for _, one in of})


def _content(entry: Entry) -> Broken | None:
    """What is wrong with the entry by itself."""
    try:
        return None if hash_of(entry) == entry.hash else Broken.EDITED
    except (TypeError, ValueError):
        return Broken.UNREADABLE


def _fits(kept: Kept, commitment: str) -> bool:
    try:
        return hmac.compare_digest(kept.commitment, commitment)
    except (TypeError, ValueError):  # a key that is no key any more
        return False
