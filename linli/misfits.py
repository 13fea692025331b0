"""Values that are not of the kind they should be, said so that whoever wrote them knows what to write instead. No I/O."""

import difflib
import itertools
import math
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, TypeVar

import msgspec

from linli.i18n import Text

T = TypeVar("T")

Steps = list[str | int]

_PATH = re.compile(r" - at `\$?([^`]*)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_ENUM = re.compile(r"Invalid enum value '([^']*)'")
_TYPE = re.compile(r"Expected `([^`]*)`, got `([^`]*)`$")
_KINDS = {
    "str": Text("文字", "a text"),
    "int": Text("整数", "a whole number"),
    "float": Text("数", "a number"),
    "bool": Text(" true 或 false", "true or false"),
    "array": Text("列表", "a list"),
    "object": Text("一组键和值", "keys with values"),
    "null": Text("空的", "nothing"),
}
_DURATIONS = frozenset(
    "for keep within fades quiet settle remind remind_every learn fresh at after every until lasts".split()  # noqa: SIM905
)
"""Keys whose texts are durations in every file that people write."""
_HOURS = frozenset(["from", "to"])
_TRUTHS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


class Misfit(ValueError):
    """A value that is not of the kind it should be: what is wrong (`text`), and the `path` to it as far as it is known."""

    def __init__(self, text: Text, path: Steps) -> None:
        super().__init__(text.en)
        self.text = text
        self.path = path


def convert(value: Any, kind: type[T]) -> T:
    """`value` (what JSON has) as a `kind`; Misfit says where it does not fit, and what was probably meant."""
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error), value, kind) from None


def _explain(said: str, value: Any, kind: type[Any]) -> Misfit:
    match = _PATH.search(said)
    path: list[str | int | None] = []
    if match:
        path = [int(index) if index else key or None for key, index in _STEP.findall(match.group(1))]
        said = said[: match.start()]
    if unknown := _UNKNOWN.search(said):
        key = unknown.group(1)
        return Misfit(_unknown(key, kind), _find(value, [*path, key]) or _certain(path))
    here = _find(value, path) or _certain(path)
    if missing := _MISSING.search(said):
        return Misfit(_missing(missing.group(1), here), here)
    if enum := _ENUM.search(said):
        return Misfit(_no_choice(enum.group(1), kind), here)
    if wrong := _TYPE.search(said):
        return Misfit(_wrong_type(wrong.group(1), wrong.group(2), here, _at(value, here)), here)
    return Misfit(Text(f"内容不符：{said}", said), here)


def _unknown(key: str, kind: type[Any]) -> Text:
    if key.endswith(")") and "(" not in key:
        return Text(
            '花括号里含逗号的表达式要加引号，例如 {value: "avg(co, 15m)"}',
            'an expression with a comma needs quotes within braces, as in {value: "avg(co, 15m)"}',
        )
    owners = sorted({name for name, field, _ in _fields(kind) if key in _keys_of(field)})
    if owners and key in {name for name, _, _ in _fields(kind)}:
        return Text(
            f"“{key}”不能写在这里，它属于 {'、'.join(owners)}",
            f"{key!r} does not belong here, but in {', '.join(owners)}",
        )
    near = difflib.get_close_matches(key, sorted({name for name, _, _ in _fields(kind)}), 1)
    return Text(
        f"不认识的键“{key}”" + (f"，是否想写“{near[0]}”？" if near else ""),
        f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
    )


def _missing(key: str, path: Steps) -> Text:
    whose = _written(path)
    if not whose:
        return Text(f"缺少 {key}", f"there is no {key}: it is required")
    return Text(f"{whose} 缺少 {key}", f"{whose} has no {key}")


def _no_choice(word: str, kind: type[Any]) -> Text:
    choices = [str(item.value) for _, _, enum in _fields(kind) if enum is not None for item in enum]
    near = difflib.get_close_matches(word, choices, 1)
    if near:
        return Text(f"不认识“{word}”，是否想写“{near[0]}”？", f"{word!r} is not known; did you mean {near[0]!r}?")
    listed = list(dict.fromkeys(choices))
    return Text(f"不认识“{word}”，可用：{'、'.join(listed)}", f"{word!r} is not known; one of {', '.join(listed)}")


def _wrong_type(wanted: str, given: str, path: Steps, value: Any) -> Text:
    kinds = [kind for name in wanted.split("|") if (kind := name.strip()) != "null"] or ["null"]
    names = ["float"] if set(kinds) == {"int", "float"} else kinds
    whats = [_KINDS.get(name, Text(name, name)) for name in names]
    what = Text("或".join(each.zh for each in whats), " or ".join(each.en for each in whats))
    got = Text("小数", "one with decimals") if given == "float" else _KINDS.get(given, Text(given, given))
    whose, hint = _written(path), _instead(kinds, path, value)
    zh = f"{whose or '这里'} 应是{what.zh}，现在是{got.zh}"
    en = f"{whose or 'this'} is to be {what.en}, not {got.en}"
    return Text(f"{zh}：写 {hint}", f"{en}: write {hint}") if hint else Text(zh, en)


def _instead(kinds: list[str], path: Steps, value: Any) -> str:
    """What to write instead of `value`; '' where nothing is near."""
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    if "str" in kinds and isinstance(value, int | float) and not isinstance(value, bool):
        if key in _HOURS and isinstance(value, int):
            return f'"{value:02}:00"'
        return f"{value}s" if key in _DURATIONS else f'"{value}"'
    if {"int", "float"} & set(kinds) and isinstance(value, str):
        return _number(value)
    if "bool" in kinds and isinstance(value, str):
        return _TRUTHS.get(value.lower(), "")
    return f"[{value}]" if kinds[0] == "array" and isinstance(value, str | int | float) else ""


def _number(text: str) -> str:
    """The number that a text in quotes says; '' if it says none."""
    try:
        number = float(text)
    except ValueError:
        return ""
    return f"{number:g}" if math.isfinite(number) else ""


def _written(path: Steps) -> str:
    """'when[1].reading.above': items are counted from 1, as people do."""
    text = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _at(value: Any, path: Steps) -> Any:
    for step in path:
        value = value[step]
    return value


def _certain(path: list[str | int | None]) -> Steps:
    """The path as far as it is known: msgspec does not tell under which key of a mapping it was (None here)."""
    return list(itertools.takewhile(lambda step: step is not None, path))  # type: ignore[arg-type]


def _find(value: Any, path: list[str | int | None]) -> Steps | None:
    """The first path in `value` that fits, with any key for None; None if there is none."""
    if not path:
        return []
    head, *rest = path
    for step in list(value) if head is None and isinstance(value, dict) else [head]:
        try:
            found = _find(value[step], rest)
        except (LookupError, TypeError):
            continue
        if found is not None and step is not None:
            return [step, *found]
    return None


def _fields(kind: type[Any]) -> Iterator[tuple[str, Any, type[Enum] | None]]:
    """Every field in `kind` and the structs below it: its name, its type, and the enumeration that it is (None if none)."""
    queue: list[Any] = [kind]
    seen: dict[int, Any] = {}  # the items too: the id of one that is gone may be another's
    while queue:
        item = queue.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        if isinstance(item, type) and issubclass(item, msgspec.Struct):
            for field in msgspec.structs.fields(item):
                yield field.encode_name, field.type, _enum(field.type)
                queue.append(field.type)
        queue.extend(getattr(item, "__args__", ()))


def _enum(kind: Any) -> type[Enum] | None:
    kinds = (kind, *getattr(kind, "__args__", ()))
    return next((each for each in kinds if isinstance(each, type) and issubclass(each, Enum)), None)


def _keys_of(kind: Any) -> set[str]:
    """The keys of the structs that a field's type names."""
    kinds = (kind, *getattr(kind, "__args__", ()))
    structs = [each for each in kinds if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    return {field.encode_name for each in structs for field in msgspec.structs.fields(each)}
