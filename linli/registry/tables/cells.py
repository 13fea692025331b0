"""What a cell means, by the type of its column. Adapters hand in what stands there as they read it (`Raw`)."""

import difflib
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from linli.i18n import Text
from linli.ids import ID_PATTERN, is_id
from linli.registry.tables.columns import CLEAR, Column, Type
from linli.registry.tables.faults import BadCell
from linli.registry.tables.inert import as_meant


@dataclass(frozen=True, slots=True)
class Odd:
    """A cell that holds no value: 'formula', 'error' or 'merged'; `shown`: what stands there."""

    what: str
    shown: str


Raw = None | str | int | float | bool | datetime | date | time | timedelta | Odd
"""What an adapter reads: None for nothing."""


class _Cleared:
    def __repr__(self) -> str:
        return CLEAR


CLEARED: Final = _Cleared()
"""The value of a cell that says that there is to be none."""

Value = str | int | float | bool | list[str] | _Cleared | None
"""What `value_of` makes of it; None: the cell says nothing."""

_BLANKS = " \t\r\n\u3000\u00a0\ufeff\u200b"
_SHORTENED = re.compile(r"\d(\.\d+)?[eE]\+\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?|(\d{4})(\d\d)(\d\d)")
_DAY_LAST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}")
_MONTH = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*月?")
_YEAR = re.compile(r"(\d{4})\s*年?")
_TIME = re.compile(
    r"(.{8,12}?)[T ]\s*(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)
_BETWEEN = re.compile(r"[;；,，、\n]")
_YES = frozenset(("yes", "y", "true", "1", "是", "有", "√", "✓"))
_NO = frozenset(("no", "n", "false", "0", "否", "无", "×"))
_EXACT = 10**15
"""Whole numbers from here on have lost digits in a spreadsheet."""
_DAYS_FROM, _DAYS_TO = 10_000, 80_000
"""Days since 1899-12-30, as spreadsheets count them: from 1927 to 2119."""
_EPOCH = date(1899, 12, 30)

_ODD: Mapping[str, Text] = {
    "formula": Text("是公式；请改为它的结果（复制，选择性粘贴为数值）", "is a formula: put its result there (copy, paste as values)"),
    "error": Text("是计算错误；请写上值", "is an error of the spreadsheet: write the value"),
    "merged": Text("是合并单元格；请取消合并，并在每一行写上值", "is merged with others: unmerge the cells and fill in each row"),
}  # fmt: skip


def shown(raw: Raw) -> str:
    """What stands in the cell, as a fault tells it."""
    text = raw.shown if isinstance(raw, Odd) else "" if raw is None else str(raw)
    return text if len(text) <= 60 else f"{text[:59]}…"


def plain(text: str) -> str:
    """The text as names are compared: in one form, without the difference of width, case and blanks."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def value_of(raw: Raw, column: Column) -> Value:
    """What the cell says; None if it says nothing, CLEARED if it says that there is nothing. BadCell with what to do."""
    if raw is None:
        return None
    if isinstance(raw, Odd):
        said = _ODD[raw.what]
        raise BadCell(raw.what, said.zh, said.en)
    if isinstance(raw, str):
        text = raw.replace("\r\n", "\n").strip(_BLANKS) if raw[:1] != "\t" else raw
        if not text:
            return None
        if text in (CLEAR, "－"):
            return CLEARED
        raw = as_meant(text)
        if not raw.isprintable():
            _check_letters(raw)
    return _READERS[column.type](raw, column)


def number_was_text(raw: Raw) -> bool:
    """Whether the cell holds a number where text is meant, so that leading zeros would be lost."""
    return isinstance(raw, int | float) and not isinstance(raw, bool)


def localised(value: str, zone: str) -> int:
    """Microseconds since 1970 UTC of a TIME without a zone ('2026-10-01T08:00:00.000000'), by the clocks of `zone`."""
    moment = datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(zone))
    return _micros(moment)


def _micros(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _check_letters(text: str) -> None:
    if any(
        (ord(letter) < 32 and letter != "\n") or "\ud800" <= letter <= "\udfff" or letter == "\x7f" for letter in text
    ):
        raise BadCell("bad_letters", "含有不可显示的字符；请重新输入", "has letters that cannot be shown: type it anew")


def _text(raw: Any, _column: Column) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "TRUE" if raw else "FALSE"
    if isinstance(raw, int | float):
        return _digits(raw)
    raise _taken_for_a_date()


def _digits(raw: float) -> str:
    return str(int(raw)) if isinstance(raw, int) or raw.is_integer() else repr(raw)


def _taken_for_a_date() -> BadCell:
    return BadCell(
        "taken_for_a_date",
        "被表格软件当成了日期；请把该列设为文本格式后重新输入",
        "was taken for a date by the spreadsheet: format the column as text, then type it again",
    )


def _code(raw: Any, column: Column) -> str:
    if isinstance(raw, int | float) and not isinstance(raw, bool) and abs(raw) >= _EXACT:
        raise BadCell(
            "digits_lost",
            "数字太长，表格软件已丢掉末尾几位；请把该列设为文本格式后重新输入",
            "is so long that the spreadsheet has lost its last digits: format the column as text, then type it again",
        )
    text = _text(raw, column)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.strip()
    if "+" in text and _SHORTENED.fullmatch(text):
        raise BadCell(
            "shortened",
            "被表格软件缩写了；请把该列设为文本格式后重新输入",
            "was shortened by the spreadsheet: format the column as text, then type it again",
        )
    return text


def _phone(raw: Any, column: Column) -> str:
    text = _code(raw, column)
    if number_was_text(raw) and 9 <= len(text) <= 11 and not _begins_without_zero(text):
        raise BadCell(
            "zeros_lost",
            f"像是丢了开头的 0：请写成 0{text}，并把该列设为文本格式",
            f"seems to have lost its leading 0: write 0{text}, and format the column as text",
        )
    return text


def _begins_without_zero(digits: str) -> bool:
    """Mobile numbers and those of services are whole without."""
    return (len(digits) == 11 and digits[0] == "1") or digits[:3] in ("400", "800")


def _id(raw: Any, column: Column) -> str:
    text = _code(raw, column)
    if not is_id(text):
        raise BadCell(
            "bad_id",
            f"不是标识：须符合 {ID_PATTERN}；也可以不填",
            f"is no id: it has to match {ID_PATTERN}; it may be left out",
        )
    return text


def _word(raw: Any, column: Column) -> str:
    words = column.words or _NO_WORDS
    known = _forms(words)
    text = _text(raw, column)
    found = known.get(text) or known.get(text := plain(text))
    if found is not None:
        return found
    near = [known[form] for form in difflib.get_close_matches(text, known, 1)]
    some = [words[word] for word in near or words]
    if near:
        zh, en = (
            f"不认识；是否想写 {some[0].zh}（{near[0]}）？",
            f"is not known; did you mean {some[0].en} ({near[0]})?",
        )
    else:
        zh, en = (
            f"不认识；可用：{'、'.join(one.zh for one in some)}",
            f"is none of: {', '.join(one.en for one in some)}",
        )
    raise BadCell("unknown_word", zh, en)


_NO_WORDS: Mapping[str, Text] = {}
_FORMS: dict[int, tuple[Mapping[str, Text], Mapping[str, str]]] = {}
"""By the identity of a column's words, which are kept with it: the same few columns are read a million times."""


def _forms(words: Mapping[str, Text]) -> Mapping[str, str]:
    """The words, by each form of them."""
    found = _FORMS.get(id(words))
    if found is None:
        forms = {plain(form): word for word, name in words.items() for form in (word, name.zh, name.en)}
        found = _FORMS[id(words)] = (words, forms)
    return found[1]


def _number(raw: Any, _column: Column) -> float:
    found: float | None = None
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        found = raw
    elif isinstance(raw, str):
        text = unicodedata.normalize("NFKC", raw).strip()
        if _THOUSANDS.fullmatch(text):
            text = text.replace(",", "")
        try:
            found = float(text)
        except ValueError:
            found = None
    if found is None or not math.isfinite(found):
        raise BadCell("no_number", "不是数；请写成 12.5，不带单位", "is no number: write it as 12.5, without a unit")
    return float(found)


def _whole(raw: Any, column: Column) -> int:
    number = _number(raw, column)
    if not number.is_integer() or abs(number) > 1_000_000_000:
        raise BadCell("no_whole_number", "须为整数", "has to be a whole number")
    return int(number)


def _yes(raw: Any, _column: Column) -> bool:
    if isinstance(raw, bool):
        return raw
    text = plain(_digits(raw) if isinstance(raw, int | float) else str(raw))
    if text in _YES or text in _NO:
        return text in _YES
    raise BadCell("no_yes", "请写“是”或“否”", "write yes or no")


def _day_in(text: str) -> str | None:
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups() if part is not None)
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _no_day(text: str) -> BadCell:
    if _DAY_LAST.fullmatch(text):
        return BadCell(
            "unclear_day",
            "看不出哪个是月、哪个是日；请写成 2026-10-01",
            "does not say which is the month: write it as 2026-10-01",
        )
    return BadCell("no_day", "不是日期；请写成 2026-10-01", "is no day: write it as 2026-10-01")


def _day(raw: Any, _column: Column) -> str:
    if isinstance(raw, datetime):
        return raw.date().isoformat()
    if isinstance(raw, date):
        return raw.isoformat()
    text = unicodedata.normalize("NFKC", _digits(raw) if isinstance(raw, int | float) else str(raw)).strip()
    counted = _counted(text)
    found = _day_in(text) if counted is None else counted
    if found is None:
        raise _no_day(text)
    return found


def _counted(text: str) -> str | None:
    """The day that a spreadsheet shows as a plain number, once its format is lost."""
    if len(text) == 5 and text.isdecimal() and _DAYS_FROM <= int(text) <= _DAYS_TO:
        return (_EPOCH + timedelta(days=int(text))).isoformat()
    return None


def _born(raw: Any, column: Column) -> str:
    if not isinstance(raw, datetime | date):
        text = unicodedata.normalize("NFKC", _digits(raw) if isinstance(raw, int | float) else str(raw)).strip()
        if year := _YEAR.fullmatch(text):
            return year[1]
        if (month := _MONTH.fullmatch(text)) and 1 <= int(month[2]) <= 12:
            return f"{month[1]}-{int(month[2]):02}"
    return _day(raw, column)


def _time(raw: Any, column: Column) -> int | str:
    """Microseconds since 1970 UTC, or, of a time without a zone, its text as `localised` takes it."""
    if isinstance(raw, datetime):
        return raw.isoformat(timespec="microseconds")
    if isinstance(raw, str):
        found = _TIME.fullmatch(unicodedata.normalize("NFKC", raw).strip())
        day = _day_in(found[1].strip()) if found else None
        if found and day:
            return _moment(day, found)
    return f"{_day(raw, column)}T00:00:00.000000"


def _moment(day: str, found: "re.Match[str]") -> int | str:
    _, hour, minute, second, fraction, zone = found.groups()
    text = f"{day}T{int(hour):02}:{minute}:{second or '00'}.{(fraction or '').ljust(6, '0')}"
    try:
        moment = datetime.fromisoformat(text + (zone or "").upper().replace("Z", "+00:00"))
    except ValueError:
        raise _no_day(day) from None
    return text if moment.tzinfo is None else _micros(moment)


def _one(raw: Any, column: Column) -> str:
    return _text(raw, column)


def _many(raw: Any, column: Column) -> list[str]:
    parts = (part.strip(_BLANKS) for part in _BETWEEN.split(_text(raw, column)))
    return list(dict.fromkeys(part for part in parts if part))


_READERS: Mapping[Type, Callable[[Any, Column], Value]] = {
    Type.TEXT: _text,
    Type.CODE: _code,
    Type.PHONE: _phone,
    Type.ID: _id,
    Type.WORD: _word,
    Type.NUMBER: _number,
    Type.WHOLE: _whole,
    Type.YES: _yes,
    Type.DAY: _day,
    Type.BORN: _born,
    Type.TIME: _time,
    Type.ONE: _one,
    Type.MANY: _many,
}
