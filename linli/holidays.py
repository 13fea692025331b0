"""Calendars as people write them: the days that are not what their weekday says, one by one or as a table from Excel."""

import csv
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path

from linli.errors import ConfigError, Refused
from linli.i18n import Text
from linli.model import Holiday

COLUMNS = ("day", "holiday", "name_zh", "name_en", "community")
"""The first row of a file; `community` may be left out or be empty: the whole district."""

HOLIDAY = Text("节假日", "Holiday")
WORKDAY = Text("调休上班", "Working day made up")
"""What a day is called that has no name of its own."""

_YES = frozenset(("yes", "true", "1", "holiday", "是", "休"))
_NO = frozenset(("no", "false", "0", "workday", "否", "班"))
_SHOWN = 10


def holiday_of(day: str, is_holiday: bool, zh: str, en: str, community: str, known: Collection[str]) -> Holiday:
    """The day of that community's calendar ('' for the whole district); what has no name gets a plain one.

    Refused for what is no day, and for a community that is not among the `known` ones.
    """
    if community and community not in known:
        raise _refused(
            Text(
                f"没有小区 {community:.64}；留空表示整个片区",
                f"there is no compound {community:.64}; leave it empty for the whole district",
            )
        )
    plain = HOLIDAY if is_holiday else WORKDAY
    name = Text(zh.strip() or en.strip() or plain.zh, en.strip() or zh.strip() or plain.en)
    return Holiday(community, check_day(day), is_holiday, name)


def check_day(text: str) -> str:
    """The day as '2026-10-01'; Refused if it is none. Slashes and missing zeros, as tables have them, are taken."""
    try:
        year, month, day = (int(part) for part in text.strip().replace("/", "-").split("-"))
        return date(year, month, day).isoformat()
    except ValueError:
        raise _refused(
            Text(f"{text:.40} 不是日期，请写成 2026-10-01", f"{text:.40} is no day; write it as 2026-10-01")
        ) from None


def read_table(file: Path, known: Collection[str]) -> list[Holiday]:
    """The days of a CSV file with the columns COLUMNS; `known`: the communities there are.

    ConfigError that names every bad row by its line, with what to do: then nothing of the file is to be taken.
    """
    found: dict[str, Holiday] = {}
    faults: list[tuple[int, Text]] = []
    for line, row in _rows(file):
        try:
            holiday = _from_row(row, known)
            if holiday.id in found:
                raise _refused(Text(f"{holiday.day} 写了两次，请删去一行", f"{holiday.day} is given twice; delete one"))
            found[holiday.id] = holiday
        except Refused as refusal:
            faults.append((line, refusal.text))
    if faults:
        raise _all_faults(file, faults)
    return list(found.values())


def _from_row(row: Mapping[str, str], known: Collection[str]) -> Holiday:
    word = row["holiday"].strip().lower()
    if word not in _YES | _NO:
        raise _refused(
            Text(
                f"holiday 一列须写 yes（休）或 no（班），不是 {word:.20}",
                f"holiday has to be yes (a day off) or no (a working day), not {word:.20}",
            )
        )
    names = row.get("name_zh", ""), row.get("name_en", "")
    return holiday_of(row["day"], word in _YES, *names, row.get("community", "").strip(), known)


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    """Each row that is not empty, by column, with its line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        said = error.strerror or str(error)
        raise ConfigError(Text(f"读不了：{said}", f"cannot be read: {said}"), file=file) from None
    except UnicodeDecodeError:
        said_zh = "不是 UTF-8 文本；在 Excel 中请另存为“CSV UTF-8”"
        raise ConfigError(Text(said_zh, "is not UTF-8 text; in Excel save it as 'CSV UTF-8'"), file=file) from None
    reader = csv.reader(text.splitlines())
    heads = [head.strip().lower() for head in next(reader, [])]
    if not {"day", "holiday"} <= set(heads) <= set(COLUMNS):
        wanted = ",".join(COLUMNS)
        raise ConfigError(
            Text(f"第一行须是列名：{wanted}", f"the first row has to name the columns: {wanted}"), file=file, line=1
        )
    blank = dict.fromkeys(heads, "")
    return [
        (reader.line_num, blank | dict(zip(heads, row, strict=False))) for row in reader if any(map(str.strip, row))
    ]


def _all_faults(file: Path, faults: list[tuple[int, Text]]) -> ConfigError:
    """One error for all; the first `_SHOWN` in full."""
    (line, first), *more = faults[:_SHOWN]
    left = len(faults) - len(more) - 1

    def lines(language: str) -> list[str]:
        return [first.of(language), *(f"{file}:{number}: {text.of(language)}" for number, text in more)]

    zh, en = lines("zh"), lines("en")
    if left:
        zh.append(f"还有 {left} 行不对")
        en.append(f"{left} more rows are wrong")
    return ConfigError(Text("\n".join(zh), "\n".join(en)), file=file, line=line)


def _refused(text: Text) -> Refused:
    error = Refused("bad_holiday", text.en)
    error.text = text
    return error
