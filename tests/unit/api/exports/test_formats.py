"""Rows as CSV and NDJSON: what a spreadsheet makes of them, and what a program reads back."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.exports.formats import BOM, FORMULA, Column, Format, Headings, Writer, inert
from linli.i18n import Text

Row = dict[str, object]

COLUMNS: list[Column[Row]] = [
    Column("id", Text("编号", "Id"), lambda row: row["id"]),
    Column("name", Text("名称", "Name"), lambda row: row["name"]),
    Column("kind", Text("类型", "Kind"), lambda row: row["kind"], {"door": Text("门", "Door")}),
    Column("count", Text("次数", "Count"), lambda row: row["count"]),
]
ROW: Row = {"id": "d1", "name": Text("大门", "Main door"), "kind": "door", "count": -5}


def write(rows: list[Row], form: Format = Format.CSV, language: str = "en", **more: object) -> bytes:
    writer: Writer[Row] = Writer(COLUMNS, form, language, **more)  # type: ignore[arg-type]
    return writer.begin() + writer.rows(rows)


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", [["Id", "Name", "Kind", "Count"], ["d1", "Main door", "Door", "-5"]]),
        ("zh", [["编号", "名称", "类型", "次数"], ["d1", "大门", "门", "-5"]]),
    ],
)
def test_csv_is_in_the_readers_language(language: str, expected: list[list[str]]) -> None:
    """Headings, texts and words; a negative number stays one."""
    assert read(write([ROW], language=language)) == expected


def test_csv_with_names_is_the_same_in_every_language() -> None:
    """For scripts that read CSV: words as in NDJSON."""
    lines = read(write([ROW], language="zh", headings=Headings.NAMES))
    assert lines == [["id", "name", "kind", "count"], ["d1", "大门", "door", "-5"]]


def test_csv_for_excel_begins_with_a_mark() -> None:
    """Only there, and only if asked for."""
    assert write([], bom=True).startswith(BOM + b"Id,")
    assert write([]).startswith(b"Id,")
    assert write([], Format.NDJSON, bom=True) == b""


def test_ndjson_has_names_and_both_languages() -> None:
    """An object on each line, each with its end."""
    data = write([ROW, ROW], Format.NDJSON)
    assert data.endswith(b"\n")
    assert [json.loads(line) for line in data.splitlines()] == [
        {"id": "d1", "name": {"zh": "大门", "en": "Main door"}, "kind": "door", "count": -5}
    ] * 2


def test_nothing_and_yes_and_no() -> None:
    """An empty cell, and the words of JSON; what is no plain value is JSON in its cell."""
    rows: list[Row] = [{"id": None, "name": True, "kind": False, "count": {"a": [1]}}]
    assert read(write(rows))[1] == ["", "true", "false", '{"a":[1]}']


@pytest.mark.parametrize(
    "text", ["=cmd()", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", '=HYPERLINK("http://x")']
)
def test_a_formula_is_text(text: str) -> None:
    """A device named so does nothing in a spreadsheet."""
    (_, cells) = read(write([ROW | {"id": text, "name": Text(text, text)}]))
    assert cells[0] == cells[1] == "'" + text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_whatever_is_in_a_cell_is_read_back(texts: list[str]) -> None:
    """Quotes, commas, line ends, NUL: one row for each, and no cell begins a formula."""
    rows: list[Row] = [ROW | {"id": text} for text in texts]
    lines = read(write(rows))
    assert len(lines) == 1 + len(texts)
    for text, cells in zip(texts, lines[1:], strict=True):
        assert len(cells) == len(COLUMNS)
        assert cells[0] == inert(text)
        assert cells[0][:1] not in FORMULA or cells[0] == ""


def test_lines_end_as_rfc_4180_says() -> None:
    """CR LF, also after the last; quotes doubled."""
    assert write([ROW | {"id": 'a"b'}]).endswith(b'\r\n"a""b",Main door,Door,-5\r\n')
