"""Tables written as a workbook, a folder or a zip of CSV. Text that a spreadsheet would take for a formula is made inert."""

import csv
import io
import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from openpyxl import Workbook
from openpyxl.cell.cell import WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from linli.adapters.tables.bounds import MOST_ROWS, refused
from linli.i18n import Text
from linli.registry.tables.columns import LEFT_OUT, Column, Table, Type
from linli.registry.tables.inert import made_inert
from linli.registry.tables.listed import TABLES

Cell = str | int | float | None

_AS_TEXT = (Type.TEXT, Type.CODE, Type.PHONE, Type.ID, Type.DAY, Type.BORN, Type.TIME, Type.ONE, Type.MANY)
_SAME_DAY = (2020, 1, 1, 0, 0, 0)
"""What a zip says of when its files were made: the same registry gives the same bytes."""


class Writer(Protocol):
    """Takes tables one after the other."""

    def begin(self, table: Table, headings: Sequence[str]) -> None:
        """From here on the rows are of this table."""

    def row(self, cells: Sequence[Cell]) -> None:
        """One row."""


class WorkbookWriter:
    """An Excel workbook, row by row."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._book = Workbook(write_only=True)
        self._sheet: Any = None
        self._rows = 0

    def begin(self, table: Table, headings: Sequence[str]) -> None:
        """One more sheet, its headings held in place, its texts kept as text."""
        self._sheet = self._book.create_sheet(table.sheet.of(self._language))
        self._sheet.freeze_panes = "A2"
        for number, (column, heading) in enumerate(zip(table.columns, headings, strict=True), 1):
            dimension = self._sheet.column_dimensions[get_column_letter(number)]
            dimension.width = max(10, min(40, 2 * len(heading) + 2))
            if column.type in _AS_TEXT:
                dimension.number_format = "@"
        self._sheet.append([_bold(self._sheet, heading) for heading in headings])
        self._rows = 1

    def row(self, cells: Sequence[Cell]) -> None:
        """One row."""
        self._rows += 1
        if self._rows > MOST_ROWS:
            raise refused(
                "too_long",
                "Excel 的一个表放不下这么多行；请导出为 CSV",
                "has more rows than a sheet of Excel: export it as CSV",
            )
        self._sheet.append([_inert(cell) for cell in cells])

    def save(self, file: IO[bytes]) -> None:
        """All of it."""
        self._book.save(file)
        self._sheet = None

    def close(self) -> None:
        """Also if it was not saved: what was written lies in temporary files."""
        if self._sheet is not None:
            for sheet in self._book.worksheets:
                sheet.close()


def _bold(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, text)
    cell.font = Font(bold=True)
    return cell


def _inert(cell: Cell) -> Cell:
    """Excel keeps 15 digits of a number: one with more goes as text, and is read as a number again."""
    if isinstance(cell, str):
        return made_inert(cell)
    return repr(cell) if isinstance(cell, float) and float(f"{cell:.15g}") != cell else cell


class CsvWriter:
    """CSV files, each opened when its table begins. With a BOM, without which Excel takes UTF-8 for something else."""

    def __init__(self, opened: "CsvFolder | CsvZip") -> None:
        self._opened = opened
        self._text: io.TextIOWrapper | None = None
        self._rows: Any = None

    def begin(self, table: Table, headings: Sequence[str]) -> None:
        """One more file."""
        self.close()
        self._text = io.TextIOWrapper(self._opened.open(table), "utf-8-sig", newline="")
        self._rows = csv.writer(self._text)
        self._rows.writerow(headings)

    def row(self, cells: Sequence[Cell]) -> None:
        """One row."""
        self._rows.writerow([made_inert(cell) if isinstance(cell, str) else cell for cell in cells])

    def close(self) -> None:
        """The last file is whole."""
        if self._text is not None:
            self._text.close()
            self._text = None


class CsvFolder:
    """A folder with one file for each table."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, table: Table) -> IO[bytes]:
        """The file of a table, readable by its owner alone."""
        handle = os.open(self._folder / f"{table.file}.csv", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        return os.fdopen(handle, "wb")


class CsvZip:
    """A zip with one file for each table."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def open(self, table: Table) -> IO[bytes]:
        """The file of a table."""
        part = zipfile.ZipInfo(f"{table.file}.csv", _SAME_DAY)
        part.compress_type = zipfile.ZIP_DEFLATED
        return self._archive.open(part, "w", force_zip64=True)


@contextmanager
def written(file: Path, language: str) -> Iterator[Writer]:
    """Writes into `file`, by what it is called: .xlsx, .zip (of CSV), or else a folder of CSV. A file is replaced at the end of
    the block, and only if it came that far. It is readable by its owner alone: it may hold personal data."""
    suffix = file.suffix.lower()
    if suffix not in (".xlsx", ".zip"):
        if suffix or (file.exists() and not file.is_dir()):
            raise refused(
                "unknown_file",
                f"{file.name}：请写 .xlsx、.zip 或文件夹名",
                f"{file.name}: name an .xlsx, a .zip or a folder",
            )
        file.mkdir(parents=True, exist_ok=True)
        with closing(CsvWriter(CsvFolder(file))) as folder:
            yield folder
        return
    with _replacing(file) as out:
        if suffix == ".xlsx":
            with closing(WorkbookWriter(language)) as book:
                yield book
                book.save(out)
        else:
            with zipfile.ZipFile(out, "w") as archive, closing(CsvWriter(CsvZip(archive))) as zipped:
                yield zipped


@contextmanager
def _replacing(file: Path) -> Iterator[IO[bytes]]:
    if not file.parent.is_dir():
        raise refused("no_folder", f"没有文件夹 {file.parent}", f"there is no folder {file.parent}")
    handle, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".new", dir=file.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        fresh.replace(file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def template(file: Path, language: str) -> None:
    """An empty workbook: headings that say what belongs below them, and lists of words to choose from."""
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    words = book.create_sheet(f"{LEFT_OUT} {Text('词表', 'words').of(language)}")
    for table in TABLES.values():
        sheet: Any = book.create_sheet(table.sheet.of(language))
        sheet.freeze_panes = "A2"
        for number, column in enumerate(table.columns, 1):
            _heading(sheet, number, column, language)
            if column.words is not None:
                _choice(sheet, number, words, [name.of(language) for name in column.words.values()])
    book.move_sheet(words, len(book.sheetnames))
    words.sheet_state = "hidden"
    with _replacing(file) as out:
        book.save(out)


def _heading(sheet: Any, number: int, column: Column, language: str) -> None:
    letter = get_column_letter(number)
    cell = sheet.cell(1, number, column.heading.of(language) + (" *" if column.required else ""))
    cell.font = Font(bold=True)
    cell.comment = Comment(f"{column.note.zh}\n{column.note.en}", "Linli", width=320)
    sheet.column_dimensions[letter].width = max(12, 2 * len(column.heading.of(language)) + 4)
    if column.type in _AS_TEXT:
        sheet.column_dimensions[letter].number_format = "@"


def _choice(sheet: Any, number: int, words: Any, choices: Sequence[str]) -> None:
    at = 1 if words.cell(1, 1).value is None else words.max_column + 1
    for row, choice in enumerate(choices, 1):
        words.cell(row, at, choice)
    letter, below = get_column_letter(at), get_column_letter(number)
    listed = f"'{words.title}'!${letter}$1:${letter}${len(choices)}"
    rule = DataValidation(type="list", formula1=listed, allow_blank=True, showErrorMessage=True)
    rule.add(f"{below}2:{below}{MOST_ROWS}")
    sheet.add_data_validation(rule)
