"""What a cell of an imported table means: what people and spreadsheets make of a value is understood, or told with what to do."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.registry.tables.cells import CLEARED, Odd, Raw, Value, localised, plain, value_of
from linli.registry.tables.columns import Column, Type
from linli.registry.tables.faults import BadCell, Faults, Level
from linli.registry.tables.headings import columns_of, table_called, unknown_table
from linli.registry.tables.inert import as_meant, made_inert
from linli.registry.tables.listed import TABLES


def column(kind: Type) -> Column:
    """Any column of that type."""
    return next(one for table in TABLES.values() for one in table.columns if one.type is kind)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (Type.TEXT, "  望湖苑　", "望湖苑"),
        (Type.TEXT, "\ufeff名", "名"),
        (Type.TEXT, "   ", None),
        (Type.TEXT, "'=cmd()", "=cmd()"),
        (Type.TEXT, 12, "12"),
        (Type.TEXT, "-", CLEARED),
        (Type.TEXT, "'-", "-"),
        (Type.CODE, "0101", "0101"),
        (Type.CODE, "１２０３", "1203"),
        (Type.CODE, 1203.0, "1203"),
        (Type.PHONE, 13800000000, "13800000000"),
        (Type.PHONE, "'+86 10000000000", "+86 10000000000"),
        (Type.PHONE, "０５１２－12345678", "0512-12345678"),
        (Type.NUMBER, "1,234.5", 1234.5),
        (Type.NUMBER, "１２", 12.0),
        (Type.NUMBER, 3, 3.0),
        (Type.WHOLE, "2.0", 2),
        (Type.YES, "是", True),
        (Type.YES, "No", False),
        (Type.YES, 1, True),
        (Type.DAY, datetime.fromisoformat("2026-10-01"), "2026-10-01"),
        (Type.DAY, date(2026, 10, 1), "2026-10-01"),
        (Type.DAY, 46296, "2026-10-01"),
        (Type.DAY, "46296", "2026-10-01"),
        (Type.DAY, "2026年10月1日", "2026-10-01"),
        (Type.DAY, "2026/10/1", "2026-10-01"),
        (Type.DAY, "20261001", "2026-10-01"),
        (Type.BORN, 1953, "1953"),
        (Type.BORN, "1953年7月", "1953-07"),
        (Type.BORN, "1953.7.21", "1953-07-21"),
        (Type.TIME, "2026-10-01T08:00:00+08:00", 1_790_812_800_000_000),
        (Type.TIME, "2026-10-01 08:00", "2026-10-01T08:00:00.000000"),
        (Type.TIME, "2026-10-01", "2026-10-01T00:00:00.000000"),
        (Type.MANY, "甲；乙、丙,甲", ["甲", "乙", "丙"]),
    ],
)
def test_what_people_write_is_understood(kind: Type, raw: Raw, value: Value) -> None:
    """Full width, blanks, BOM, dates as numbers, Chinese dates, thousands, signs made inert."""
    assert value_of(raw, column(kind)) == value


@pytest.mark.parametrize(
    ("kind", "raw", "reason", "advice"),
    [
        (Type.TEXT, Odd("formula", "=A1"), "formula", "paste as values"),
        (Type.TEXT, Odd("merged", ""), "merged", "unmerge"),
        (Type.TEXT, Odd("error", "#REF!"), "error", "write the value"),
        (Type.TEXT, "a\x07b", "bad_letters", "type it anew"),
        (Type.CODE, datetime.fromisoformat("2026-01-02"), "taken_for_a_date", "format the column as text"),
        (Type.CODE, 10**16, "digits_lost", "format the column as text"),
        (Type.CODE, "1.38E+10", "shortened", "format the column as text"),
        (Type.PHONE, 51212345678, "zeros_lost", "write 051212345678"),
        (Type.ID, "A B", "bad_id", "may be left out"),
        (Type.WORD, "nonsense", "unknown_word", "is none of"),
        (Type.NUMBER, "12 m", "no_number", "without a unit"),
        (Type.NUMBER, "nan", "no_number", "write it as 12.5"),
        (Type.NUMBER, True, "no_number", "write it as 12.5"),
        (Type.WHOLE, 1.5, "no_whole_number", "whole"),
        (Type.YES, "maybe", "no_yes", "yes or no"),
        (Type.DAY, "10/1/2026", "unclear_day", "2026-10-01"),
        (Type.DAY, "2026-02-30", "no_day", "2026-10-01"),
        (Type.TIME, "2026-10-01 25:00", "no_day", "2026-10-01"),
    ],
)
def test_what_is_not_understood_is_told_with_what_to_do(kind: Type, raw: Raw, reason: str, advice: str) -> None:
    """In both languages."""
    with pytest.raises(BadCell) as bad:
        value_of(raw, column(kind))
    assert bad.value.reason == reason
    assert advice in bad.value.text.en
    assert bad.value.text.zh != bad.value.text.en


def test_words_are_understood_in_both_languages_and_as_they_are_kept() -> None:
    kind = TABLES["device"].column("kind")
    assert {value_of(form, kind) for form in ("门", "DOOR", "door ", "Ｄｏｏｒ")} == {"door"}
    with pytest.raises(BadCell, match="did you mean Door"):
        value_of("dor", kind)


@given(st.text())
def test_a_text_made_inert_is_no_formula_and_comes_back(text: str) -> None:
    """Whatever it begins with, apostrophes too."""
    written = made_inert(text)
    assert as_meant(written) == text
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(
    st.one_of(st.none(), st.text(), st.floats(), st.integers(), st.booleans(), st.datetimes()), st.sampled_from(Type)
)
def test_no_cell_breaks_the_reading(raw: Raw, kind: Type) -> None:
    """It has a value, or is a BadCell."""
    try:
        value_of(raw, column(kind))
    except BadCell as bad:
        assert bad.reason
        assert bad.text.en


def test_a_time_without_a_zone_is_of_the_compound() -> None:
    assert localised("2026-10-01T08:00:00.000000", "Asia/Shanghai") == 1_790_812_800_000_000
    assert localised("2026-10-01T00:00:00.000000", "UTC") == 1_790_812_800_000_000


def test_headings_are_understood_in_both_languages_and_others_are_told() -> None:
    faults = Faults()
    table = TABLES["gateway"]
    cells = ["小区", "Chinese name *", "name_en", "标识", "# 备注", None, "Compund", "名称"]
    found = columns_of(table, "网关", cells, faults)
    assert [None if one is None else one.name for one in found] == [
        "community",
        "name_zh",
        "name_en",
        "id",
        None,
        None,
        None,
        None,
    ]
    told = [(fault.column, fault.reason) for fault in faults.of(Level.ERROR)]
    assert told == [("Compund", "unknown_heading"), ("名称", "heading_twice")]
    assert "did you mean “Compound”" in faults.of(Level.ERROR)[0].text.en


@pytest.mark.parametrize("name", ["设备", "Devices", "devices", "DEVICE", "设备 2", "devices_03", "Devices (2)"])
def test_sheets_are_known_by_any_of_their_names(name: str) -> None:
    found = table_called(name)
    assert found is not None
    assert found.kind == "device"


def test_an_unknown_sheet_is_told_with_what_was_probably_meant() -> None:
    assert table_called("Devvices") is None
    assert "did you mean Devices" in unknown_table("Devvices").text.en


def test_no_two_columns_or_tables_share_a_heading() -> None:
    """Else a file would say one thing and be read as another."""
    for table in TABLES.values():
        forms = [
            {plain(form) for form in (one.name, one.heading.zh, one.heading.en, *one.also)} for one in table.columns
        ]
        assert sum(map(len, forms)) == len(set().union(*forms)), table.kind
    names = [{plain(one.kind), plain(one.file), plain(one.sheet.zh), plain(one.sheet.en)} for one in TABLES.values()]
    assert sum(map(len, names)) == len(set().union(*names))
