"""Many rows at once: laid ready beside all others, then written in one transaction, on both databases."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from sqlalchemy import insert, select

from linli.db import schema
from linli.db.bulk import Rows, Statement, Values
from linli.db.database import Database, open_database

_HOLIDAYS = schema.holidays
_ADD = Statement("insert", _HOLIDAYS, ("community_id", "day", "is_holiday", "name_zh", "name_en"))
_NAME = Statement("update", _HOLIDAYS, ("name_zh", "name_en"), ("day", "community_id"), "is_holiday = NOT is_holiday")
_REMOVE = Statement("delete", _HOLIDAYS, key=("day",))

Chunk = tuple[Statement, Sequence[Values]]


def day(number: int, name: str = "") -> tuple[str, str, bool, str, str]:
    """A day of the district's calendar."""
    return ("", f"2027-01-{number:02}", True, name, name)


def days(database: Database) -> dict[str, tuple[bool, str]]:
    """What the calendar has."""
    with database.read() as connection:
        rows = connection.execute(select(_HOLIDAYS.c.day, _HOLIDAYS.c.is_holiday, _HOLIDAYS.c.name_zh)).all()
    return {row.day[-2:]: (row.is_holiday, row.name_zh) for row in rows}


def add(database: Database, number: int) -> None:
    """A day in a transaction of its own, as people's are."""
    with database.write() as connection:
        connection.execute(insert(_HOLIDAYS), [dict(zip(_ADD.columns, day(number), strict=True))])


def left_behind(database: Database) -> int:
    """How many temporary tables there are on the connection."""
    with database.read() as connection:
        if connection.dialect.name != "sqlite":
            return 0
        return int(connection.exec_driver_sql("SELECT count(*) FROM temp.sqlite_master").scalar() or 0)


def test_chunks_are_executed_in_their_order(database: Database) -> None:
    """What goes makes room for what comes, and what comes may be changed, also where one statement occurs again."""
    chunks: list[Chunk] = [
        (_ADD, [day(1), day(2), day(3, 'it\'s "three"')]),
        (_NAME, [("两", "two", "2027-01-02", "")]),
        (_REMOVE, [("2027-01-01",), ("2027-01-03",)]),
        (_ADD, [day(1, "again"), day(4)]),
        (_NAME, [("四", "four", "2027-01-04", ""), ("新", "new", "2027-01-01", "")]),
    ]
    rows = Rows(lambda: chunks)
    with database.write_within(rows.laid) as connection:
        assert list(rows.execute(connection)) == [3, 1, 2, 2, 2]
    assert days(database) == {"02": (False, "两"), "04": (False, "四"), "01": (False, "新")}
    assert left_behind(database) == 0


def test_nobody_waits_while_rows_are_laid_ready(database: Database, database_url: str) -> None:
    """Another writer commits meanwhile, with hardly any patience; on SQLite the transaction begins only then."""
    with closing(open_database(database_url, patience_s=0.05)) as other:

        def chunks() -> Iterator[Chunk]:
            for number in range(1, 4):
                add(other, number + 10)
                yield _ADD, [day(number)]

        rows = Rows(chunks)
        with database.write_within(rows.laid) as connection:
            assert list(rows.execute(connection)) == [1, 1, 1]
    assert days(database).keys() == {"01", "02", "03", "11", "12", "13"}


@pytest.mark.parametrize("when", ["laying", "writing"])
def test_what_fails_leaves_nothing(database: Database, when: str) -> None:
    """Neither rows nor temporary tables, and the next write on the connection is as ever."""

    def chunks() -> Iterator[Chunk]:
        yield _ADD, [day(1)]
        if when == "laying":
            raise RuntimeError("no room")
        yield _ADD, [day(1)]

    rows = Rows(chunks)
    errors = (RuntimeError, database.engine.dialect.loaded_dbapi.IntegrityError)
    with pytest.raises(errors), database.write_within(rows.laid) as connection:
        list(rows.execute(connection))
    assert (days(database), left_behind(database)) == ({}, 0)
    add(database, 1)
    assert days(database).keys() == {"01"}
