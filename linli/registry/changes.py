"""A change of the registry: of what, by whom, from what source, and why it is not made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from linli import errors
from linli.errors import Conflict, Refused
from linli.i18n import Text
from linli.registry.kinds import KINDS

PERSON = "person"
"""The source of what somebody settled: it goes over whatever was said before."""

RESIDENT = "resident"
"""The source of what somebody says of themselves (`api.own`)."""

PEOPLE = (PERSON, RESIDENT)
"""Sources that are somebody who says so now: from them that there is nothing is a word too, and to say a thing again is to say it
anew."""

LONGEST_SOURCE = 64

_SHOWN = 5


class Key(NamedTuple):
    """Names an item: a kind (`linli.registry.kinds`) and the id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change comes from. `at`: microseconds since 1970 UTC; `actor`: the account that made it; `source`: what it was
    known by (PERSON, or the name of a file, a system, a survey); `confidence`: how sure that source is, from 0 to 1.

    Refused for a source that is empty, longer than LONGEST_SOURCE or not printable, and for another confidence.
    """

    at: int
    actor: str | None = None
    source: str | None = None
    confidence: float = 1.0

    def __post_init__(self) -> None:
        source = self.source
        if source is not None and not (0 < len(source) <= LONGEST_SOURCE and source.isprintable()):
            raise _refused(
                "bad_source",
                Text(
                    f"来源须为 1 到 {LONGEST_SOURCE} 个可显示的字符",
                    f"a source is 1 to {LONGEST_SOURCE} printable characters",
                ),
            )
        if not 0 <= self.confidence <= 1:
            raise _refused("bad_confidence", Text("可信度在 0 与 1 之间", "a confidence is between 0 and 1"))


def _refused(reason: str, text: Text) -> Refused:
    error = Refused(reason, text.en)
    error.text = text
    return error


@dataclass(frozen=True, slots=True)
class Written:
    """What became of items that were to be written."""

    added: tuple[Key, ...] = ()
    changed: tuple[Key, ...] = ()
    same: tuple[Key, ...] = ()


class NeededBy(Conflict):
    """It cannot be removed, for these refer to it."""

    def __init__(self, key: Key, needed_by: Sequence[Key]) -> None:
        listed = _listed(needed_by)
        super().__init__(
            Text(
                f"{name_of(key).zh}不能移除：还有 {len(needed_by)} 项引用它（{listed.zh}）；请先移除或改动这些，或一并移除",
                f"{name_of(key).en} cannot be removed: {len(needed_by)} refer to it ({listed.en}); "
                "remove or change those first, or remove them along with it",
            )
        )
        self.key = key
        self.needed_by = tuple(needed_by)


class Outdated(errors.Outdated):
    """Somebody else has changed it since: it has another revision than the one that was expected."""

    def __init__(self, key: Key, expected: int, revision: int) -> None:
        super().__init__(
            Text(
                f"{name_of(key).zh}已被他人修改（现为第 {revision} 版，而非第 {expected} 版）；请重新读取后再改",
                f"{name_of(key).en} was changed by somebody else (revision {revision}, not {expected}); "
                "read it again, then change it",
            )
        )
        self.key = key
        self.revision = revision


class AlreadyThere(Conflict):
    """It is to be registered, and is there."""

    def __init__(self, key: Key, revision: int) -> None:
        super().__init__(
            Text(
                f"{name_of(key).zh}已登记（现为第 {revision} 版）；要修改请先读取",
                f"{name_of(key).en} is registered already (revision {revision}); to change it, read it first",
            )
        )
        self.key = key
        self.revision = revision


class BadItem(Refused):
    """An item is not taken. `key`: which; `field`: what of it is wrong; `text` says what to do."""

    def __init__(self, reason: str, key: Key, field: str, text: Text) -> None:
        super().__init__(reason, f"{key.kind} {key.id}, {field}: {text.en}")
        word = name_of(key)
        self.text = Text(f"{word.zh}，{field}：{text.zh}", f"{word.en}, {field}: {text.en}")
        self.key = key
        self.field = field
        self.advice = text


def name_of(key: Key) -> Text:
    """The kind in words, with the id."""
    kind = KINDS[key.kind].name if key.kind in KINDS else Text(key.kind, key.kind)
    return Text(f"{kind.zh} {key.id}", f"{kind.en.lower()} {key.id}")


def _listed(keys: Sequence[Key]) -> Text:
    words = [name_of(key) for key in keys[:_SHOWN]]
    more = "…" if len(keys) > _SHOWN else ""
    return Text("、".join(word.zh for word in words) + more, ", ".join(word.en for word in words) + more)
