"""Files of tables as people and spreadsheets write them, and as somebody writes them who wants to do harm."""

import codecs
import io
import tracemalloc
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from linli.adapters.tables import bounds
from linli.adapters.tables.files import sheets_of
from linli.adapters.tables.writers import template, written
from linli.errors import Refused
from linli.registry.tables.cells import Odd, Raw
from linli.registry.tables.faults import Faults, Unreadable
from linli.registry.tables.headings import columns_of, left_out, table_called
from linli.registry.tables.listed import TABLES

TEXT = '小区,名称\r\n望湖苑,"大门, ""东"""\r\n望湖苑,第二\r\n'
ROWS = [["小区", "名称"], ["望湖苑", '大门, "东"'], ["望湖苑", "第二"]]


def read(file: Path) -> dict[str, list[list[Raw]]]:
    """All sheets of a file."""
    with sheets_of(file) as sheets:
        return {sheet.name: [_without_end(row) for _, row in sheet.rows()] for sheet in sheets}


def _without_end(row: Sequence[Raw]) -> list[Raw]:
    """A row up to its last cell that is not empty."""
    return [*row[: max((at for at, cell in enumerate(row, 1) if cell is not None), default=0)]]


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("gb18030"),
        TEXT.encode("utf-16"),
        TEXT.replace(",", ";").replace("门;", "门,").encode("gb18030"),
        TEXT.replace(",", "\t").replace("门\t", "门,").encode("utf-16"),
        TEXT.replace("\r\n", "\n").encode(),
    ],
    ids=["utf-8", "bom", "gb18030", "utf-16", "semicolons", "unicode text of Excel", "lf"],
)
def test_csv_is_read_in_what_excel_writes_in_china_and_elsewhere(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "网关.csv"
    file.write_bytes(data)
    assert read(file) == {"网关": ROWS}


def test_formulas_of_csv_are_no_text_and_texts_that_are_kept_from_excel_are(tmp_path: Path) -> None:
    file = tmp_path / "gateways.csv"
    file.write_text('=1+1,"=""0101""",\'=x,-3\n')
    assert read(file)["gateways"] == [[Odd("formula", "=1+1"), "0101", "'=x", "-3"]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xff\xff,\x80\n", "unknown_encoding"),
        (b"a,b\0c\n", "no_text"),
        (b'a,b\n"c,d\n' + b"x" * 200_000, "no_csv"),
        (b"a" * (bounds.MOST_ROW + 1), "too_wide"),
        (b"a," * 600_000 + b"\n", "too_wide"),
        (b"," * 1_000_000 + b"\n", "too_wide"),
    ],
    ids=["no encoding", "binary", "open quote", "one long line", "600,000 columns", "1,000,000 columns"],
)
def test_what_is_no_csv_is_told_where_it_stops_being_one(tmp_path: Path, data: bytes, reason: str) -> None:
    file = tmp_path / "gateways.csv"
    file.write_bytes(data)
    with pytest.raises(Unreadable) as bad:
        read(file)
    assert bad.value.reason == reason
    assert bad.value.text.zh != bad.value.text.en


def test_a_zip_from_a_chinese_windows_has_its_names(tmp_path: Path) -> None:
    """They are GB18030, and the zip does not say so."""
    file = tmp_path / "some.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/devices.csv", "a\n")
        archive.writestr("__MACOSX/devices.csv", "b\n")
        archive.writestr("readme.txt", "c\n")
        part = zipfile.ZipInfo("AAAA.csv")
        archive.writestr(part, "d\n")
    raw = file.read_bytes().replace(b"AAAA.csv", "网关".encode("gb18030") + b".csv")
    file.write_bytes(raw)
    assert read(file) == {"devices": [["a"]], "网关": [["d"]]}


def test_a_folder_has_its_files_as_tables(tmp_path: Path) -> None:
    (tmp_path / "devices.csv").write_text("a\n")
    (tmp_path / "notes.txt").write_text("b\n")
    assert read(tmp_path) == {"devices": [["a"]]}


def test_a_workbook_is_read_as_people_see_it(tmp_path: Path) -> None:
    """Zeros that a format shows, months, formulas, errors, merged cells; gaps are empty."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "设备"
    sheet.append(["房号", "出生", "公式", "错误", None, "日期"])
    sheet.append(
        [101, datetime.fromisoformat("1953-07-01"), "=A1", "#REF!", None, datetime.fromisoformat("2026-10-01")]
    )
    sheet["A2"].number_format = "0000"
    sheet["B2"].number_format = "yyyy-mm"
    sheet["F2"].number_format = "yyyy-mm-dd"
    sheet["A4"] = "x"
    sheet.merge_cells("A4:B5")
    book.save(file := tmp_path / "a.xlsx")
    assert read(file) == {
        "设备": [
            ["房号", "出生", "公式", "错误", None, "日期"],
            [
                "0101",
                "1953-07",
                Odd("formula", "=A1"),
                Odd("error", "#REF!"),
                None,
                datetime.fromisoformat("2026-10-01"),
            ],
            [],
            [Odd("merged", "x"), Odd("merged", "")],
            [Odd("merged", ""), Odd("merged", "")],
        ]
    }


def workbook_of(file: Path, sheet: bytes, **others: bytes) -> Path:
    """A workbook whose only sheet is that XML."""
    book = Workbook()
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        parts = {part.filename: archive.read(part) for part in archive.infolist()}
    parts["xl/worksheets/sheet1.xml"] = sheet
    parts |= {name.replace("__", "/") + ".xml": data for name, data in others.items()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file


_BEGIN = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
_END = b"</sheetData></worksheet>"


@pytest.mark.parametrize(
    ("sheet", "reason"),
    [
        (_BEGIN + b" " * (300 << 20) + _END, "too_big"),
        (_BEGIN + b'<row r="1">' + b'<c r="A1"><v>1</v></c>' * 1_000_000 + b"</row>" + _END, "too_wide"),
        (_BEGIN + b'<row r="1"><c r="ZZZZ1"><v>1</v></c></row>' + _END, "too_wide"),
        (_BEGIN + b'<row r="999999999"><c r="A999999999"><v>1</v></c></row>' + _END, "too_long"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>' + _BEGIN + _END, "dtd"),
    ],
    ids=["300 MB", "1,000,000 cells", "beyond the columns", "beyond the rows", "entities"],
)
def test_a_workbook_that_would_take_all_memory_is_refused_before_it_does(
    tmp_path: Path, sheet: bytes, reason: str
) -> None:
    """In memory of a few megabytes."""
    file = workbook_of(tmp_path / "bomb.xlsx", sheet)
    del sheet
    tracemalloc.start()
    with pytest.raises(Refused) as refused:
        read(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.reason == reason
    assert peak < 30 << 20


def test_a_table_of_texts_that_is_too_big_is_refused(tmp_path: Path) -> None:
    """It is the one part of a workbook that has to be held in memory as a whole."""
    file = workbook_of(tmp_path / "a.xlsx", _BEGIN + _END, xl__sharedStrings=b" " * (bounds.MOST_STRINGS + 1))
    with pytest.raises(Refused, match="64 MiB is the most"):
        read(file)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("old.xls", b"\xd0\xcf\x11\xe0" + b"\0" * 100, "old_excel"),
        ("secret.xlsx", b"\xd0\xcf\x11\xe0" + b"\0" * 100, "old_excel"),
        ("text.xlsx", b"a,b\n", "damaged"),
        ("cut.xlsx", b"PK\x03\x04" + b"\0" * 100, "damaged"),
        ("none.zip", b"PK\x05\x06" + b"\0" * 18, "empty"),
        ("empty.csv", b"", "empty"),
        ("page.pdf", b"%PDF", "unknown_file"),
    ],
)
def test_what_is_no_file_of_tables_is_refused_with_what_to_do(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(Refused) as refused:
        read(file)
    assert refused.value.reason == reason
    assert name in refused.value.text.en


def test_a_zip_with_a_password_or_countless_parts_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("devices.csv", "a\n")
    raw = bytearray(file.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(raw)
    with pytest.raises(Refused, match="password"):
        read(file)
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(bounds.MOST_PARTS + 1):
            archive.writestr(f"{number}.csv", "")
    with pytest.raises(Refused, match="too many parts"):
        read(file)


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no file"):
        read(tmp_path / "no.csv")
    with pytest.raises(Refused, match=r"there is no \.csv file"):
        read(tmp_path)


@pytest.mark.parametrize("suffix", [".xlsx", ".zip", ""])
def test_texts_that_look_like_formulas_are_written_inert(tmp_path: Path, suffix: str) -> None:
    """And an export that fails leaves the old file."""
    file = tmp_path / f"out{suffix}"
    table = TABLES["gateway"]
    with written(file, "en") as out:
        out.begin(table, [column.heading.en for column in table.columns])
        out.row([None, None, "=cmd()", "@x", "0101", 12])
    (rows,) = read(file).values()
    assert rows[1][2:] == ["'=cmd()", "'@x", "0101", 12 if suffix == ".xlsx" else "12"]
    before = file.read_bytes() if suffix else b""

    class Broken(Exception):
        """Of the test."""

    with pytest.raises(Broken), written(file, "en") as out:
        out.begin(table, ["x"] * len(table.columns))
        raise Broken
    assert not suffix or file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_template_has_every_table_with_words_to_choose_from(tmp_path: Path, language: str) -> None:
    """What it has for headings is understood; its list of words is not for import."""
    template(file := tmp_path / "t.xlsx", language)
    with sheets_of(file) as sheets:
        found: dict[str, Sequence[Raw]] = {}
        for sheet in sheets:
            table = table_called(sheet.name)
            assert table is not None or left_out(sheet.name)
            if table is not None:
                _, found[table.kind] = next(sheet.rows())
    assert list(found) == list(TABLES)
    for kind, cells in found.items():
        faults = Faults()
        assert columns_of(TABLES[kind], kind, cells, faults) == list(TABLES[kind].columns)
        assert not faults.errors
    book = load_workbook(file)
    devices = book[TABLES["device"].sheet.of(language)]
    assert {str(rule.sqref).split(":")[0] for rule in devices.data_validations.dataValidation} == {"H2"}
    assert devices["H1"].comment is not None


def test_the_same_rows_make_the_same_zip(tmp_path: Path) -> None:
    """Byte for byte, whenever it is written."""
    made = []
    for name in ("a.zip", "b.zip"):
        with written(tmp_path / name, "zh") as out:
            out.begin(TABLES["district"], ["x", "y", "z"])
            out.row(["望湖区", "Lakeside", "d"])
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert zipfile.ZipFile(io.BytesIO(made[0])).namelist() == ["districts.csv"]
