"""Addresses: the key by which people, files and departments name a place.

    district / committee / compound / building / unit / room

The first three are names (in one language) or ids; the others are the numbers that people use, without the words around
them. In its canonical text every number has its word, so that a missing part (a building without units) is simply not there:

    望湖区 / 湖滨居委会 / 望湖苑 / 12号楼 / 1单元 / 1203室
    Lakeside / Hubin / Lakeview Court / Building 12 / Unit 1 / Room 1203
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from linli.errors import Refused
from linli.i18n import Language, Text

LEVEL_OF: Mapping[str, str] = {"building": "building", "unit": "unit", "room": "room", "dwelling": "room"}
"""Kinds of place that are part of an address, and which part. Floors and zones may lie between and are none."""

LEVELS = ("building", "unit", "room")
_WORDS = {"building": ("号楼", "Building "), "unit": ("单元", "Unit "), "room": ("室", "Room ")}
_BEFORE: Mapping[str, tuple[str, ...]] = {
    "building": ("BUILDING", "BLDG.", "BLDG", "BLOCK", "NO."),
    "unit": ("UNIT",),
    "room": ("ROOM", "RM.", "FLAT"),
    "floor": ("FLOOR",),
}
_AFTER: Mapping[str, tuple[str, ...]] = {
    "building": ("号楼", "楼", "幢", "栋", "座", "#"),
    "unit": ("单元",),
    "room": ("号房", "室"),
    "floor": ("层", "楼"),
}
"""What people write around a number."""

_CODE = re.compile(r"(?:[A-Z0-9._-]|(?![楼幢栋座单元室房号层])[\u3400-\u9fff]){1,32}")
_NAME_LENGTH = 200


def _refused(what: str, text: Text) -> Refused:
    error = Refused("bad_address", f"{what}: {text.en}")
    error.text = text
    return error


def code_of(kind: str, text: str) -> str:
    """The number of a place of that kind as it is kept: '12' of '12号楼', '１２幢' and 'Building 12'. Refused for none."""
    code, before = unicodedata.normalize("NFKC", text).strip().upper(), ""
    level = LEVEL_OF.get(kind, kind)
    while code != before:
        before = code
        for word in _AFTER.get(level, ()):
            code = code.removesuffix(word).strip() or code
        for word in _BEFORE.get(level, ()):
            code = code.removeprefix(word).strip() or code
    if _CODE.fullmatch(code) is None:
        raise _refused(
            "code",
            Text(
                f"{text:.40} 不是门牌号：只用字母、数字、汉字和 . _ -，例如 12、1-A、1203",
                f"{text:.40} is no number of a place: letters, digits and . _ - only, such as 12, 1-A or 1203",
            ),
        )
    return code


def _name(text: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or "/" in name or len(name) > _NAME_LENGTH or not name.isprintable():
        said = Text(f"名称 {text:.40} 不能为空，不能有 /", f"the name {text!r:.40} must not be empty or have a / in it")
        raise _refused("name", said)
    return name


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is; '' for a part that it does not have. Make one with `of` or `parse`, which bring it into shape."""

    district: str
    committee: str
    compound: str
    building: str = ""
    unit: str = ""
    room: str = ""

    @classmethod
    def of(
        cls, district: str, committee: str, compound: str, building: str = "", unit: str = "", room: str = ""
    ) -> "Address":
        """The address of parts as people write them. Refused 'bad_address' for what is none."""
        given = {"building": building, "unit": unit, "room": room}
        codes = {level: code_of(level, text) if text.strip() else "" for level, text in given.items()}
        return cls(_name(district), _name(committee), _name(compound), **codes)

    @classmethod
    def parse(cls, text: str) -> "Address":
        """The address of a text such as `printed` makes, in either language. Refused 'bad_address' for any other."""
        parts = text.split("/")
        if len(parts) < 3:
            raise _refused(
                "text",
                Text(
                    "地址须写成：片区 / 村居 / 小区 / 12号楼 / 1单元 / 1203室",
                    "an address is written as: district / committee / compound / Building 12 / Unit 1 / Room 1203",
                ),
            )
        codes: dict[str, str] = {}
        for part in parts[3:]:
            level = _level(part)
            if level is None or level in codes or any(level_after in codes for level_after in _below(level)):
                said = Text(
                    f"看不懂 {part.strip():.40}", f"{part.strip():.40} is no building, unit or room in its place"
                )
                raise _refused("text", said)
            codes[level] = part
        return cls.of(*parts[:3], **codes)

    def printed(self, language: str) -> str:
        """The canonical text, in the language that its names are in."""
        zh, en = 0, 1
        word = en if language == Language.EN else zh
        codes = [
            f"{code}{_WORDS[level][zh]}" if word == zh else f"{_WORDS[level][en]}{code}"
            for level in LEVELS
            if (code := getattr(self, level))
        ]
        return " / ".join((self.district, self.committee, self.compound, *codes))


def _level(part: str) -> str | None:
    """Which part of an address a text is, by its word; None if it has none."""
    plain = unicodedata.normalize("NFKC", part).strip().upper()
    for level, (suffix, prefix) in _WORDS.items():
        if plain.endswith(suffix) or plain.startswith(prefix.upper()):
            return level
    return "building" if re.search(r"[楼幢栋座]$", plain) else None


def _below(level: str) -> tuple[str, ...]:
    return LEVELS[LEVELS.index(level) + 1 :]


def address_key(community: str, building: str, unit: str, room: str) -> str:
    """What is unique of the place with this address: the community's id and its numbers."""
    return "/".join((community, building, unit, room))
