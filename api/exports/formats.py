"""Rows as CSV and as NDJSON. No I/O.

CSV is RFC 4180 in UTF-8, for people: headings and words in their language, with a byte order mark if Excel is to read it. A cell
that a spreadsheet would take for a formula (OWASP: CSV injection) has an apostrophe before it, and so is text. NDJSON is for
programs: a JSON object on each line, names and values as the API has them elsewhere.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

import orjson

from linli.i18n import Text

_R = TypeVar("_R")

BOM = b"\xef\xbb\xbf"
FORMULA = "=+-@\t\r\n＝＋－＠"
"""What a cell may not begin with. Spreadsheets of East Asian settings take the wide forms too."""


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    NDJSON = "ndjson"


class Headings(StrEnum):
    """What stands in the first line of a CSV file, and for words like a severity."""

    TEXT = "text"
    """In the reader's language."""
    NAMES = "names"
    """As in NDJSON: the same in every language."""


MEDIA = {Format.CSV: "text/csv; charset=utf-8; header=present", Format.NDJSON: "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Column(Generic[_R]):
    """A column: its `name` in NDJSON, its heading, its value in a row (a text in both languages is a Text). `words`: what people
    call a value that is a word of the API."""

    name: str
    heading: Text
    of: Callable[[_R], Any]
    words: Mapping[Any, Text] | None = None


@dataclass(frozen=True, slots=True)
class Writer(Generic[_R]):
    """Writes rows of some columns in one format, for a reader of `language`."""

    columns: Sequence[Column[_R]]
    format: Format
    language: str
    bom: bool = False
    headings: Headings = Headings.TEXT

    def begin(self) -> bytes:
        """What stands before the first row."""
        if self.format is Format.NDJSON:
            return b""
        plain = self.headings is Headings.NAMES
        names = [column.name if plain else column.heading.of(self.language) for column in self.columns]
        return (BOM if self.bom else b"") + _lines([names])

    def rows(self, rows: Iterable[_R]) -> bytes:
        """These rows."""
        if self.format is Format.NDJSON:
            return b"".join(orjson.dumps(self._object(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        return _lines([self._cell(column, column.of(row)) for column in self.columns] for row in rows)

    def _object(self, row: _R) -> dict[str, Any]:
        values = {column.name: column.of(row) for column in self.columns}
        return {name: _both(value) if isinstance(value, Text) else value for name, value in values.items()}

    def _cell(self, column: Column[_R], value: Any) -> Any:
        if value is None:
            return ""
        if column.words is not None and self.headings is Headings.TEXT:
            value = column.words.get(value, value)
        if isinstance(value, Text):
            value = value.of(self.language)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return inert(value)
        return value if isinstance(value, int | float) else inert(orjson.dumps(value).decode())


def inert(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] and text[0] in FORMULA else text


def _both(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode("utf-8", "replace")
