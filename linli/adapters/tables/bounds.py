"""How much of a file is taken, and whether a zip keeps to it: looked at before anything of it is held in memory."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from linli.errors import Refused
from linli.i18n import Text

MIB = 1 << 20
MOST_BYTES = 512 * MIB
"""Of a file as it lies on the disk."""
MOST_SHEET = 256 * MIB
"""Of one sheet, or one CSV file."""
MOST_STRINGS = 64 * MIB
"""Of the table of texts of a workbook, which has to be held in memory as a whole."""
MOST_OTHER = 16 * MIB
"""Of each other part that is read (styles, names)."""
MOST_ROW = 2 * MIB
"""Of one row, or one line."""
MOST_PARTS = 2_000
MOST_ROWS = 1_048_576
"""Rows of a sheet of Excel."""
MOST_CELLS = 1_000
"""Cells of a row."""
MOST_MERGED = 1_000

_CHUNK = MIB
_TAIL = 256
_END = b"PK\x05\x06"
_ZIP64 = b"PK\x06\x07"
_DIRECTORY = 4 * MIB
_ROW = re.compile(rb"<(?:\w+:)?row\b(?:[^>]*?\sr=\"(\d+)\")?")
_FAR = re.compile(rb"<(?:\w+:)?c\b[^>]*?\sr=\"[A-Za-z]{4,}")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*?\sref=\"([A-Z]{1,3})(\d{1,7})(?::([A-Z]{1,3})(\d{1,7}))?\"")
_ENDED = re.compile(rb"</(?:\w+:)?sheetData>")
_DTD = (b"<!DOCTYPE", b"<!ENTITY", "<!DOCTYPE".encode("utf-16-le"), "<!DOCTYPE".encode("utf-16-be"))


@dataclass(frozen=True, slots=True)
class Merged:
    """Cells that are one: rows and columns, from 1, both ends included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


def refused(reason: str, zh: str, en: str) -> Refused:
    """A file that is not taken at all."""
    error = Refused(reason, en)
    error.text = Text(zh, en)
    return error


def too_big(what: str, size: int, most: int) -> Refused:
    """A part of a file that is larger than is taken."""
    return refused(
        "too_big",
        f"{what} 有 {size / MIB:.0f} MiB，最多 {most // MIB} MiB；请分成几个文件导入，或用 CSV",
        f"{what} has {size / MIB:.0f} MiB, and {most // MIB} MiB is the most: import it in several files, or as CSV",
    )


def check_size(file: Path) -> None:
    """Refused for a file that is too big, or empty."""
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise too_big(file.name, size, MOST_BYTES)
    if size == 0:
        raise refused("empty", f"{file.name} 是空文件", f"{file.name} is empty")


def open_zip(file: Path) -> zipfile.ZipFile:
    """The zip, once its directory is known to be small and its parts are neither secret nor too many."""
    with file.open("rb") as handle:
        _check_directory(handle, file.name)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
        raise _damaged(file.name) from None
    for part in archive.infolist():
        if part.flag_bits & 1 or part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            archive.close()
            raise refused(
                "secret",
                f"{file.name} 有密码或压缩方式特殊；请另存为普通文件",
                f"{file.name} has a password or is packed in a special way: save it without",
            )
    return archive


def _check_directory(handle: IO[bytes], name: str) -> None:
    """The list of parts is read as a whole by whoever opens a zip: so its size is looked at first."""
    handle.seek(0, 2)
    size = handle.tell()
    handle.seek(max(0, size - 66_000))
    tail = handle.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise _damaged(name)
    parts = int.from_bytes(tail[at + 10 : at + 12], "little")
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    if _ZIP64 in tail[max(0, at - 20) : at] or parts > MOST_PARTS or length > _DIRECTORY:
        raise refused(
            "too_many_parts",
            f"{name} 里的文件太多，不像是表格文件",
            f"{name} has too many parts to be a file of tables",
        )


def _damaged(name: str) -> Refused:
    return refused("damaged", f"{name} 已损坏，或不是 Excel/zip 文件", f"{name} is damaged, or is no Excel or zip file")


def check_workbook(archive: zipfile.ZipFile, name: str) -> dict[str, list[Merged]]:
    """The merged cells of each sheet, by its path in the archive. Refused for a part that is too big, for a row without end and
    for XML with a DTD (of which a few bytes can grow without bound)."""
    merged: dict[str, list[Merged]] = {}
    for part in archive.infolist():
        lower = part.filename.lower()
        if not lower.endswith((".xml", ".rels")):
            continue
        is_sheet = "/worksheets/" in f"/{lower}" and lower.endswith(".xml")
        most = MOST_SHEET if is_sheet else MOST_STRINGS if lower.endswith("sharedstrings.xml") else MOST_OTHER
        what = f"{name}: {part.filename}"
        if part.file_size > most:
            raise too_big(what, part.file_size, most)
        try:
            with archive.open(part) as handle:
                if is_sheet:
                    merged[part.filename] = _scan(_chunks(handle), what)
                else:
                    _check_dtd(handle.read(4096), what)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
            raise _damaged(name) from None
    return merged


def _chunks(handle: IO[bytes]) -> Iterator[bytes]:
    while chunk := handle.read(_CHUNK):
        yield chunk


def _check_dtd(beginning: bytes, what: str) -> None:
    if any(word in beginning for word in _DTD):
        raise refused("dtd", f"{what} 含有 DTD，不是 Excel 写出的文件", f"{what} has a DTD, which Excel never writes")


def _scan(chunks: Iterator[bytes], what: str) -> list[Merged]:
    merged: dict[Merged, None] = {}
    tail, before, row_at, ended = b"", 0, 0, False
    for chunk in chunks:
        if not before and not tail:
            _check_dtd(chunk[:4096], what)
        text = tail + chunk
        if _FAR.search(text):
            raise _too_wide(what)
        for row in _ROW.finditer(text):
            if row[1] is not None and int(row[1]) > MOST_ROWS:
                raise refused("too_long", f"{what} 的行号超出 Excel 的范围", f"{what} has rows beyond those of Excel")
            if before + row.start() - row_at > MOST_ROW:
                raise _too_wide(what)
            row_at = before + row.start()
        ended = ended or _ENDED.search(text) is not None
        if not ended and before + len(text) - row_at > MOST_ROW:
            raise _too_wide(what)
        for found in _MERGED.finditer(text):
            if len(merged) < MOST_MERGED:
                merged[_merged(found)] = None
        tail = text[-_TAIL:]
        before += len(text) - len(tail)
    return list(merged)


def _too_wide(what: str) -> Refused:
    return refused(
        "too_wide",
        f"{what} 有一行太宽（最多 {MOST_CELLS} 列）",
        f"{what} has a row that is too wide: {MOST_CELLS} columns are the most",
    )


def _merged(found: "re.Match[bytes]") -> Merged:
    column, row = _number(found[1]), int(found[2])
    if found[3] is None:
        return Merged(row, row, column, column)
    return Merged(row, int(found[4]), column, _number(found[3]))


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
