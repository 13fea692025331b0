"""Tables as an Excel workbook (.xlsx), read row by row."""

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from linli.adapters.tables.bounds import MOST_CELLS, Merged, check_workbook, open_zip, refused
from linli.registry.tables.cells import Odd, Raw
from linli.registry.tables.faults import Unreadable

_OLD = b"\xd0\xcf\x11\xe0"
_ZEROS = re.compile(r"0+")
_BAD_XML = (ParseError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile, zlib.error, EOFError)


@dataclass(frozen=True, slots=True)
class ExcelSheet:
    """One sheet of a workbook that is open. `merged`: its cells that are one."""

    name: str
    sheet: Any
    merged: Sequence[Merged] = field(default=())

    def rows(self) -> Iterator[tuple[int, Sequence[Raw]]]:
        """Each row with its number; Unreadable where the file is damaged."""
        self.sheet.reset_dimensions()  # what the file says of its size may be wrong
        at = 0
        try:
            with _quiet():
                for at, cells in enumerate(self.sheet.iter_rows(), 1):
                    if len(cells) > MOST_CELLS:
                        cells = _trimmed(cells, at)  # noqa: PLW2901
                    row: list[Raw] = [_value(cell) if cell.value is not None else None for cell in cells]
                    yield at, self._marked(at, row) if self.merged else row
        except _BAD_XML as error:
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(
                at + 1,
                "damaged",
                "文件从这里起已损坏；请用表格软件重新保存",
                "is damaged from here on: save it anew with the spreadsheet",
            ) from None

    def _marked(self, at: int, row: list[Raw]) -> list[Raw]:
        """The row, with what is merged with other cells said so."""
        for one in self.merged:
            if one.first_row <= at <= one.last_row:
                last = min(one.last_column, MOST_CELLS)
                row += [None] * (last - len(row))
                for column in range(one.first_column - 1, last):
                    value = row[column]
                    row[column] = Odd("merged", "" if value is None else str(value))
        return row


def _trimmed(cells: Sequence[Any], at: int) -> Sequence[Any]:
    used = max((number for number, cell in enumerate(cells, 1) if cell.value is not None), default=0)
    if used > MOST_CELLS:
        raise Unreadable(at, "too_wide", f"最多 {MOST_CELLS} 列", f"{MOST_CELLS} columns are the most")
    return cells[:used]


def _value(cell: Any) -> Raw:
    value = cell.value
    kind = cell.data_type
    if kind == "f":
        return Odd("formula", str(getattr(value, "text", value)))
    if kind == "e":
        return Odd("error", str(value))
    if kind == "n" and isinstance(value, int):
        shown = cell.number_format
        if len(shown) > 1 and _ZEROS.fullmatch(shown):
            return str(value).zfill(len(shown))  # as people see it
    elif isinstance(value, datetime) and "d" not in cell.number_format.lower():
        return f"{value:%Y-%m}"  # a month, to which the spreadsheet has added a day
    return value  # type: ignore[no-any-return]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings about what openpyxl leaves out, such as pictures and coloured rules."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def workbook(file: Path) -> Iterator[list[ExcelSheet]]:
    """The sheets of a workbook, open until the end of the block. Refused if it is none, is protected, or is too big."""
    with file.open("rb") as handle:
        if handle.read(4) == _OLD:
            raise refused(
                "old_excel",
                f"{file.name} 是旧的 .xls 格式，或有打开密码；请另存为 .xlsx（不加密码）",
                f"{file.name} is in the old .xls format, or has a password: save it as .xlsx, without one",
            )
    with open_zip(file) as archive:
        merged = check_workbook(archive, file.name)
    try:
        with _quiet():
            book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
    except (*_BAD_XML, InvalidFileException, OSError, AttributeError):
        raise refused(
            "damaged", f"{file.name} 已损坏，或不是 Excel 文件", f"{file.name} is damaged, or is no Excel file"
        ) from None
    try:
        yield [ExcelSheet(sheet.title, sheet, merged.get(_path(sheet), ())) for sheet in book.worksheets]
    finally:
        book.close()


def _path(sheet: Any) -> str:
    """Where in the archive the sheet lies: openpyxl knows, and has no public word for it."""
    path: str = getattr(sheet, "_worksheet_path", "")
    return path
