"""What test files say of a word that they do not know. No I/O."""

import difflib
from collections.abc import Collection
from typing import NoReturn

from linli.i18n import Text
from linli.yamlfile import Source

_SHOWN = 12


def not_known(source: Source, what: Text, word: str, words: Collection[str], *path: str | int) -> NoReturn:
    """Raise a ConfigError: there is no such thing, with the nearest that there is, else what there is."""
    known = [str(known) for known in words]
    near = difflib.get_close_matches(word, known, 1)
    zh, en = f"没有{what.zh}“{word}”", f"there is no {what.en} {word!r}"
    if near:
        zh, en = f"{zh}，是否想写“{near[0]}”？", f"{en}; did you mean {near[0]!r}?"
    elif known:
        some = sorted(known)[:_SHOWN]
        zh, en = f"{zh}，可用：{'、'.join(some)}", f"{en}; there are {', '.join(some)}"
    raise source.fault(Text(zh, en), *path)


def no_rule(name: str, known: Collection[str]) -> Text:
    """There is no such rule; with the nearest that there is."""
    near = difflib.get_close_matches(name, list(known), 1)
    hint = Text(f"，是否想写 {near[0]}？", f"; did you mean {near[0]}?") if near else Text("", "")
    return Text(f"没有规则 {name}{hint.zh}", f"there is no rule {name}{hint.en}")
