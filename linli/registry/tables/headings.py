"""Which table a sheet is, and which column each heading: in Chinese or English, as the templates have them."""

import difflib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from linli.i18n import Text
from linli.registry.tables.cells import Odd, Raw, plain, shown
from linli.registry.tables.columns import LEFT_OUT, Column, Table
from linli.registry.tables.faults import Fault, Faults, Level
from linli.registry.tables.listed import TABLES

MOST_COLUMNS = 200
"""More headings than these are no table of ours."""


@lru_cache(1)
def _tables() -> dict[str, Table]:
    found: dict[str, Table] = {}
    for table in TABLES.values():
        for form in (table.kind, table.file, table.sheet.zh, table.sheet.en):
            found[plain(form)] = table
    return found


def table_called(name: str) -> Table | None:
    """The table of a sheet or file of that name; a number after it ('设备 2', 'devices 2') is another part of the same."""
    text = plain(name)
    shorter = text.rstrip("0123456789()（）_- ")
    return _tables().get(text) or _tables().get(text.replace(" ", "_")) or _tables().get(shorter)


def left_out(name: str) -> bool:
    """Whether a sheet or heading is not for Linli."""
    return plain(name).startswith(LEFT_OUT)


def unknown_table(name: str) -> Fault:
    """The fault of a sheet that is no table."""
    near = difflib.get_close_matches(plain(name), list(_tables()), 1)
    zh = "、".join(table.sheet.zh for table in TABLES.values())
    en = ", ".join(table.sheet.en for table in TABLES.values())
    if near:
        meant = _tables()[near[0]].sheet
        zh, en = f"不认识这个表；是否想写 {meant.zh}？", f"is no table; did you mean {meant.en}?"
    else:
        zh = f"不认识这个表；可用：{zh}。不需导入的表，名称以 # 开头"
        en = f"is no table, which are: {en}. One that is not to be imported begins with #"
    return Fault(Level.ERROR, name, 0, "", "", "unknown_table", Text(zh, en))


def columns_of(table: Table, sheet: str, cells: Sequence[Raw], faults: Faults) -> list[Column | None]:
    """The column of each cell of the heading row; None for what is left out or wrong."""
    known = {
        plain(form): column
        for column in table.columns
        for form in (column.name, column.heading.zh, column.heading.en, *column.also)
    }
    found: list[Column | None] = []
    for cell in cells:
        column = _column(known, sheet, cell, faults)
        if column is not None and column in found:
            faults.add(
                Fault(
                    Level.ERROR, sheet, 1, shown(cell), "", "heading_twice", Text("这一列出现了两次", "is there twice")
                )
            )
            column = None
        found.append(column)
    if not any(found) and not faults.errors:
        listed = headings(table.columns)
        said = Text(f"第一行须为列名：{listed.zh}", f"the first row has to be the headings: {listed.en}")
        faults.add(Fault(Level.ERROR, sheet, 1, "", "", "no_headings", said))
    return found


def _column(known: dict[str, Column], sheet: str, cell: Raw, faults: Faults) -> Column | None:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    text = plain(shown(cell)).rstrip("*").strip()
    if isinstance(cell, Odd) or text not in known:
        if not left_out(text):
            faults.add(Fault(Level.ERROR, sheet, 1, shown(cell), "", "unknown_heading", _unknown(known, text)))
        return None
    return known[text]


def _unknown(known: dict[str, Column], text: str) -> Text:
    near = difflib.get_close_matches(text, known, 1)
    listed = headings(dict.fromkeys(known.values()))
    if near:
        meant = known[near[0]].heading
        zh, en = f"不认识这一列；是否想写“{meant.zh}”？", f"is no column; did you mean “{meant.en}”?"
    else:
        zh, en = f"不认识这一列；可用：{listed.zh}", f"is no column, which are: {listed.en}"
    return Text(f"{zh}不需导入的列，列名以 # 开头", f"{en} One that is not to be imported begins with #")


def headings(columns: Iterable[Column]) -> Text:
    """The headings of these columns in a row."""
    mine = list(columns)
    return Text(
        "、".join(column.heading.zh for column in mine) + "。", ", ".join(column.heading.en for column in mine) + "."
    )
