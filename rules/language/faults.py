"""What is wrong with a rule: where, in both languages, and what was probably meant. The file and line come from who read it."""

import difflib
from collections.abc import Callable, Collection
from typing import NoReturn

from linli.i18n import Text
from rules.language.model import duration

LONGEST = "400d"
"""No duration of a rule is longer: what is remembered for so long is bounded."""

Path = tuple[str | int, ...]
"""Keys and indexes from the top of a rule to one of its parts."""


class Fault(Exception):
    """A rule says what cannot be meant. `path` leads to it; `text` says why, and what to do."""

    def __init__(self, text: Text, path: Path = ()) -> None:
        super().__init__(text.en)
        self.text = text
        self.path = path


def blame(zh: str, en: str, path: Path) -> NoReturn:
    """Raise the Fault."""
    raise Fault(Text(zh, en), path)


def near(word: str, words: Collection[str]) -> Text:
    """', did you mean ...?', or nothing if no word is near."""
    found = difflib.get_close_matches(word, list(words), 1)
    return Text(f"，是否想写“{found[0]}”？", f"; did you mean {found[0]!r}?") if found else Text("", "")


def one_of(word: str, words: Collection[str], path: Path) -> None:
    """Refuse a word that is none of `words`."""
    if word in words:
        return
    meant = near(word, words)
    listed = Text(f"，可用：{'、'.join(words)}", f"; one of {', '.join(words)}")
    hint = meant if meant.en else listed
    blame(f"不认识“{word}”{hint.zh}", f"{word!r} is not known{hint.en}", path)


def known(word: str, words: Collection[str], declared: Collection[str], path: Path) -> None:
    """Like `one_of`, for words that `declares` may add to."""
    if word in declared or word in words:
        return
    hint = near(word, words)
    blame(
        f"不认识“{word}”{hint.zh}（确有此名时写入 declares）",
        f"{word!r} is not known{hint.en} (if it is right, list it under declares)",
        path,
    )


def not_empty(items: Collection[object], path: Path) -> None:
    """Refuse an empty list."""
    if not items:
        blame(f"{path[-1]} 不能为空", f"{path[-1]} is empty", path)


def parsed(parse: Callable[[str], int], text: str, said: Text, path: Path) -> int:
    """What `parse` makes of the text; where it raises ValueError, the Fault says that the text `said`."""
    try:
        return parse(text)
    except ValueError:
        blame(f"“{text}”{said.zh}", f"{text!r} {said.en}", path)


def lasts(text: str, path: Path) -> int:
    """Microseconds of a duration of LONGEST at most."""
    us = parsed(duration, text, Text("不是时长，例如 30s、5m、24h", "is no duration such as 30s, 5m or 24h"), path)
    if us > duration(LONGEST):
        blame(f"“{text}”太长，最长 {LONGEST}", f"{text!r} is too long: {LONGEST} at most", path)
    return us


def positive(text: str, path: Path) -> int:
    """Microseconds of a duration that must not be zero."""
    us = lasts(text, path)
    if us == 0:
        blame("不能为零", "must be more than zero", path)
    return us
