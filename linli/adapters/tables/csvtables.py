"""Tables as CSV: UTF-8 with or without BOM, UTF-16, or GB18030, which Excel writes in China; commas, semicolons or tabs."""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from linli.adapters.tables.bounds import MOST_CELLS, MOST_ROW, MOST_ROWS, MOST_SHEET, refused, too_big
from linli.registry.tables.cells import Odd, Raw
from linli.registry.tables.faults import Unreadable

_CHUNK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_QUOTED = re.compile(r'="([^"]*)"')
"""How some write a text that Excel is to leave alone."""


@dataclass(frozen=True, slots=True)
class CsvSheet:
    """One table. `opened`: opens its bytes, from the beginning, each time it is called."""

    name: str
    opened: Callable[[], AbstractContextManager[IO[bytes]]]

    def rows(self) -> Iterator[tuple[int, Sequence[Raw]]]:
        """Each row, with its number as a spreadsheet counts; Unreadable where it is no CSV."""
        with self.opened() as stream:
            encoding = _encoding(stream)
        with self.opened() as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
            lines = _lines(text)
            first = next(lines, "")
            separator = _separator(first)
            at = 0
            try:
                for at, row in enumerate(csv.reader(_again(first, lines), delimiter=separator, strict=True), 1):
                    if len(row) > MOST_CELLS or at > MOST_ROWS * 10:
                        raise Unreadable(at, "too_wide", f"最多 {MOST_CELLS} 列", f"{MOST_CELLS} columns are the most")
                    yield at, [_cell(cell) for cell in row]
            except csv.Error as error:
                raise Unreadable(
                    at + 1,
                    "no_csv",
                    f"引号没有配对或内容过长（{error}）；请用表格软件另存为 CSV",
                    f"has a quotation mark without its other half, or a cell without end ({error}): save it as CSV anew",
                ) from None


def files_of(folder: Path) -> list[CsvSheet]:
    """The CSV files of a folder. Refused if there is none."""
    found = [csv_file(file) for file in sorted(folder.iterdir()) if file.suffix.lower() == ".csv"]
    if not found:
        raise refused("empty", f"{folder} 中没有 .csv 文件", f"there is no .csv file in {folder}")
    return found


def csv_file(file: Path, name: str | None = None) -> CsvSheet:
    """One file, which is called as the table, or `name`. Refused if it is too big."""
    if file.stat().st_size > MOST_SHEET:
        raise too_big(file.name, file.stat().st_size, MOST_SHEET)
    return CsvSheet(name or file.stem, lambda: file.open("rb"))


def files_in(archive: zipfile.ZipFile, name: str) -> list[CsvSheet]:
    """The CSV files of a zip. Refused if there is none, or one that is too big."""
    found: list[CsvSheet] = []
    for part in archive.infolist():
        path = PurePosixPath(_name_of(part))
        if part.is_dir() or path.suffix.lower() != ".csv" or "__MACOSX" in path.parts:
            continue
        if part.file_size > MOST_SHEET:
            raise too_big(f"{name}: {path.name}", part.file_size, MOST_SHEET)
        found.append(CsvSheet(path.stem, lambda part=part: archive.open(part)))  # type: ignore[misc]
    if not found:
        raise refused("empty", f"{name} 中没有 .csv 文件", f"there is no .csv file in {name}")
    return found


def _name_of(part: zipfile.ZipInfo) -> str:
    """Its name: what does not say that it is UTF-8 was written in China."""
    if part.flag_bits & 0x800:
        return part.filename
    try:
        return part.filename.encode("cp437").decode("gb18030")
    except ValueError:
        return part.filename


def _encoding(stream: IO[bytes]) -> str:
    beginning = stream.read(4)
    for bom, encoding in _BOMS:
        if beginning.startswith(bom):
            return encoding
    decoders = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8", "gb18030")}
    chunk, ended = beginning, False
    while not ended:
        if b"\0" in chunk:
            raise Unreadable(0, "no_text", "不是文本文件；请用表格软件另存为 CSV", "is no text: save it as CSV")
        for name, decoder in [*decoders.items()]:
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError:
                del decoders[name]
        ended = not chunk
        chunk = stream.read(_CHUNK)
    for name in decoders:
        return name
    raise Unreadable(
        0,
        "unknown_encoding",
        "编码无法识别；请另存为“CSV UTF-8”",
        "is neither UTF-8 nor GB18030: save it as “CSV UTF-8”",
    )


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MOST_ROW):
        if len(line) >= MOST_ROW:
            raise Unreadable(0, "too_wide", "有一行太长", "has a line that is too long")
        yield line


def _separator(heading: str) -> str:
    return max((",", ";", "\t"), key=heading.count)


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _cell(text: str) -> Raw:
    if not text:
        return None
    if text[0] == "=":
        quoted = _QUOTED.fullmatch(text.strip())
        return quoted[1] if quoted else Odd("formula", text)
    return text
