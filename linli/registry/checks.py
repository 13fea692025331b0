"""Whether an item is one: its words are of the lists, its numbers within their bounds. No I/O; what only the other items can
tell (that a reference leads somewhere) is checked where they are (`linli.db.registryreferences`)."""

import difflib
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from linli.errors import Refused
from linli.i18n import Text
from linli.ids import ID_PATTERN, is_id
from linli.registry.address import code_of
from linli.registry.changes import BadItem, Key
from linli.registry.inhabitants import CONTACT_KINDS, CREDENTIAL_KINDS, HOUSEHOLD_KINDS, PURPOSES, RELATIONS, SEXES
from linli.registry.kinds import Item, kind_of
from linli.registry.model import COMMITTEE_KINDS, COMMUNITY_KINDS, ORGANISATION_KINDS, Community, Equipment, Place
from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS, PLACE_KINDS

T = TypeVar("T")

_BUILT_IN = re.compile(r"linli-(platform|server|worker-.*)")
"""The names of `linli.platform`: what is called so is Linli itself, and concerns administrators alone."""

_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_BORN = re.compile(r"(18|19|20)\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{2,30}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PLAIN_FILE = re.compile(r"[^/\\\x00-\x1f]{1,255}")

_WORDS: Mapping[tuple[str, str], Collection[str]] = {
    ("committee", "kind"): COMMITTEE_KINDS,
    ("community", "kind"): COMMUNITY_KINDS,
    ("organisation", "kind"): ORGANISATION_KINDS,
    ("place", "kind"): PLACE_KINDS,
    ("facility", "kind"): FACILITY_KINDS,
    ("device", "kind"): DEVICE_KINDS,
    ("household", "kind"): HOUSEHOLD_KINDS,
    ("person", "sex"): SEXES,
    ("resident", "relation"): RELATIONS,
    ("contact", "kind"): CONTACT_KINDS,
    ("consent", "purpose"): PURPOSES,
    ("credential", "kind"): CREDENTIAL_KINDS,
}
"""The words that a field may have."""

_LENGTHS: Mapping[tuple[str, str], int] = {
    ("equipment", "serial"): 100,
    ("equipment", "model"): 100,
    ("staff", "name"): 100,
    ("staff", "duty"): 100,
    ("person", "name"): 100,
    ("person", "needs"): 2_000,
    ("contact", "value"): 200,
    ("consent", "source"): 64,
    ("credential", "value"): 200,
    ("floor_plan", "file"): 255,
    ("staff", "account"): 64,
}
_NAME_LENGTH = 200

_PATTERNS: Mapping[tuple[str, str], tuple[re.Pattern[str], Text]] = {
    ("organisation", "phone"): (_PHONE, Text("不是电话号码", "is no telephone number")),
    ("staff", "phone"): (_PHONE, Text("不是电话号码", "is no telephone number")),
    ("person", "born"): (_BORN, Text("须写成 1953、1953-07 或 1953-07-21", "is written 1953, 1953-07 or 1953-07-21")),
    ("resident", "since"): (_DAY, Text("须写成 2026-10-01", "is written 2026-10-01")),
    ("resident", "until"): (_DAY, Text("须写成 2026-10-01", "is written 2026-10-01")),
    ("credential", "since"): (_DAY, Text("须写成 2026-10-01", "is written 2026-10-01")),
    ("credential", "until"): (_DAY, Text("须写成 2026-10-01", "is written 2026-10-01")),
    ("floor_plan", "file"): (
        _PLAIN_FILE,
        Text("须为不带目录的文件名", "has to be the name of a file, without a folder"),
    ),
}

_REACHED_BY: Mapping[str, re.Pattern[str]] = {"mobile": _PHONE, "phone": _PHONE, "sms": _PHONE, "email": _EMAIL}


def _by_kind(table: Mapping[tuple[str, str], T]) -> Mapping[str, Sequence[tuple[str, T]]]:
    """The same by kind: an import looks at each of its items."""
    found: dict[str, list[tuple[str, T]]] = {}
    for (kind, name), value in table.items():
        found.setdefault(kind, []).append((name, value))
    return found


_WORDS_OF, _LENGTHS_OF, _PATTERNS_OF = _by_kind(_WORDS), _by_kind(_LENGTHS), _by_kind(_PATTERNS)


def check_item(item: Item) -> None:
    """BadItem, with what to do, unless the item is sound by itself."""
    kind = kind_of(item)
    check_id_of(item)
    for name, words in _WORDS_OF.get(kind, ()):
        value = getattr(item, name)
        if value is not None and value not in words:
            near = difflib.get_close_matches(value, list(words), 1) or sorted(words)
            _fault(
                item,
                "unknown_word",
                name,
                f"不认识 {value}，可用：{'、'.join(near)}",
                f"{value} is none of: {', '.join(near)}",
            )
    for name, longest in _LENGTHS_OF.get(kind, ()):
        _check_text(item, name, getattr(item, name), longest)
    for name, (pattern, said) in _PATTERNS_OF.get(kind, ()):
        value = getattr(item, name)
        if value is not None and pattern.fullmatch(value) is None:
            _fault(item, "bad_form", name, f"{value:.40} {said.zh}", f"{value:.40} {said.en}")
    names = getattr(item, "name", None)
    if isinstance(names, Text):
        for language, name in (("zh", names.zh), ("en", names.en)):
            if not name.strip():
                _fault(item, "no_name", "name", f"缺少名称（{language}）", f"has no name in {language}")
            _check_text(item, "name", name, _NAME_LENGTH)
    special = _SPECIAL.get(kind)
    if special is not None:
        special(item)


def check_id_of(item: Item) -> None:
    """BadItem for an id that is none, or that is Linli's own."""
    if not is_id(item.id):
        _fault(
            item, "bad_id", "id", f"{item.id!r:.80} 不符合 {ID_PATTERN}", f"{item.id!r:.80} does not match {ID_PATTERN}"
        )
    if _BUILT_IN.fullmatch(item.id) is not None:
        error = BadItem(
            "reserved_id",
            Key(kind_of(item), item.id),
            "id",
            Text(
                f"标识 {item.id} 由邻里平台自用，请换一个", f"{item.id} is reserved for Linli itself; choose another id"
            ),
        )
        raise error


def _check_text(item: Item, name: str, value: str | None, longest: int) -> None:
    if value is None:
        return
    if len(value) > longest:
        _fault(item, "too_long", name, f"最多 {longest} 个字符", f"has at most {longest} characters")
    if not value.isprintable() and any(
        (ord(letter) < 32 and letter != "\n") or letter == "\x7f" or "\ud800" <= letter <= "\udfff" for letter in value
    ):
        _fault(item, "bad_letters", name, "含有不可显示的字符", "has letters that cannot be shown")


def _check_place(place: Place) -> None:
    if place.code is None:
        return
    try:
        plain = code_of(place.kind, place.code)
    except Refused as refusal:
        _fault(place, "bad_code", "code", refusal.text.zh, refusal.text.en)
    if plain != place.code:
        _fault(place, "bad_code", "code", f"请写成 {plain}", f"is written {plain}")


def _check_equipment(equipment: Equipment) -> None:
    latitude, longitude = equipment.latitude, equipment.longitude
    if (latitude is None) != (longitude is None):
        _fault(equipment, "half_a_position", "latitude", "经度与纬度须同时给出", "latitude and longitude go together")
    if latitude is not None and longitude is not None and not (abs(latitude) <= 90 and abs(longitude) <= 180):
        said_zh = "纬度在 -90 与 90、经度在 -180 与 180 之间"
        _fault(equipment, "off_the_earth", "latitude", said_zh, "latitude is -90 to 90 degrees, longitude -180 to 180")
    point = (equipment.plan, equipment.x_m, equipment.y_m)
    if any(part is None for part in point) != all(part is None for part in point):
        _fault(equipment, "half_a_position", "plan", "平面图、x_m 与 y_m 须同时给出", "plan, x_m and y_m go together")
    for name in ("x_m", "y_m"):
        value = getattr(equipment, name)
        if value is not None and not (math.isfinite(value) and value >= 0):
            _fault(equipment, "off_the_plan", name, "须为不小于 0 的米数", "is metres, 0 or more")


def _check_positive(item: Item, *names: str) -> None:
    for name in names:
        value = getattr(item, name)
        if value is not None and not (math.isfinite(value) and value > 0):
            _fault(item, "not_positive", name, "须大于 0", "must be above 0")


def _check_timezone(community: Community) -> None:
    try:
        ZoneInfo(community.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zh, en = f"没有时区 {community.timezone:.40}", f"there is no time zone {community.timezone:.40}"
        _fault(community, "unknown_word", "timezone", zh, en)


def _check_contact(contact: Any) -> None:
    pattern = _REACHED_BY.get(contact.kind)
    if pattern is not None and contact.value is not None and pattern.fullmatch(contact.value) is None:
        _fault(contact, "bad_form", "value", "不是号码或地址", f"is no {contact.kind} number or address")


def _check_days(item: Any) -> None:
    for name in ("since", "until"):
        day = getattr(item, name)
        try:
            if day is not None and not 1800 <= date.fromisoformat(day).year < 3000:
                raise ValueError(day)
        except ValueError:
            _fault(item, "no_such_day", name, f"没有 {day} 这一天", f"there is no day {day}")
    if item.since is not None and item.until is not None and item.until < item.since:
        _fault(item, "over_before", "until", "早于开始的一天", "is before the day on which it began")


_SPECIAL: Mapping[str, Callable[[Any], None]] = {
    "community": _check_timezone,
    "place": _check_place,
    "equipment": _check_equipment,
    "contact": _check_contact,
    "credential": _check_days,
    "resident": _check_days,
    "device": lambda item: _check_positive(item, "interval_s"),
    "floor_plan": lambda item: _check_positive(item, "width_m", "height_m"),
}


def _fault(item: Item, reason: str, name: str, zh: str, en: str) -> NoReturn:
    raise BadItem(reason, Key(kind_of(item), item.id), name, Text(zh, en))
