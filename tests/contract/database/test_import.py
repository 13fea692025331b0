"""Tables in files, into the registry and out of it, on both databases."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from linli.adapters.tables.files import sheets_of
from linli.adapters.tables.spool import Spools
from linli.adapters.tables.writers import written
from linli.audit import Who
from linli.db import schema
from linli.db.database import Database, open_database
from linli.db.registryfacts import facts_of, record
from linli.db.registryimport import Doing, Plan, carry_out, plan, take_in
from linli.db.registryitems import get_many
from linli.db.registrypreparing import Overtaken
from linli.db.registrytables import SqlRegistered, missing, read_names, remove_all, still_needed, table_rows
from linli.errors import Conflict
from linli.i18n import Text
from linli.registry.changes import Key, Origin
from linli.registry.inhabitants import Consent, Contact, Household, Person, Resident
from linli.registry.kinds import Item
from linli.registry.model import (
    Committee,
    Community,
    Device,
    District,
    Equipment,
    Facility,
    FloorPlan,
    Gateway,
    Holiday,
    Organisation,
    Place,
    Staff,
    Team,
)
from linli.registry.tables.cells import Odd, Raw
from linli.registry.tables.faults import Fault, Level
from linli.registry.tables.importing import Checked, Checking, Sheet
from linli.registry.tables.listed import TABLES
from linli.registry.tables.show import Shown
from tests.contract.database.generated import registries
from tests.databases import Databases

NOW = 1_790_000_000_000_000
DAY = 86_400_000_000


@dataclass(frozen=True)
class Listed:
    """A sheet of rows as they are written here."""

    name: str
    cells: Sequence[Sequence[Raw]]

    def rows(self) -> Iterator[tuple[int, Sequence[Raw]]]:
        """From 1."""
        yield from enumerate(self.cells, 1)


def origin(source: str = "file", confidence: float = 0.8, at: int = NOW) -> Origin:
    return Origin(at, "cli:test", source, confidence)


def checked(
    database: Database, sheets: Mapping[str, Sequence[Sequence[Raw]]], of: Origin | None = None, *, put: bool = False
) -> Checked:
    """What the sheets would do; with `put` it is done if nothing is wrong."""
    with Spools() as spools:
        made = planned(database, spools, [Listed(name, rows) for name, rows in sheets.items()], of)
        if put and not made.errors:
            carry_out(doing(database), made, "file", NOW)
        return made.checked


def doing(database: Database) -> Doing:
    """As the command does it."""
    return Doing(database, database, Who("cli:test"))


def planned(database: Database, spools: Spools, sheets: Sequence[Sheet], of: Origin | None = None) -> Plan:
    return plan(doing(database), sheets, of or origin(), spools.new)


def errors(found: Checked) -> list[tuple[str, int, str, str]]:
    """Where each error is, and its code."""
    return [(fault.sheet, fault.row, fault.column, fault.reason) for fault in found.faults.of(Level.ERROR)]


def counts(found: Checked) -> dict[str, tuple[int, int, int]]:
    return {kind: (one.added, one.changed, one.same) for kind, one in found.counts.items() if one.rows}


def shown(connection: Connection, language: str = "zh") -> dict[str, list[list[Shown]]]:
    """The whole registry as rows."""
    names = read_names(connection, language)
    return {kind: list(table_rows(connection, kind, names, None)) for kind in TABLES}


HAND: Mapping[str, Sequence[Sequence[Raw]]] = {
    "片区": [["中文名称"], ["望湖区"]],
    "村居": [["中文名称", "种类"], ["湖滨", "居委会"]],
    "单位": [["名称", "种类", "电话"], ["安邦物业", "物业公司", "0512-12345678"]],
    "小区": [["村居", "名称", "种类", "物业"], ["湖滨", "望湖苑", "商品房小区", "安邦物业"]],
    "地点": [
        ["小区", "楼栋", "单元", "房号", "种类", "名称"],
        ["望湖苑", "12号楼", "1单元", "0101", "住户", "0101室"],
        ["望湖苑", "12", "1", None, "单元", "1单元"],
        ["望湖苑", 12, None, None, "楼栋", "12号楼"],
        ["望湖苑", None, None, None, "区域", "地下车库"],
    ],
    "网关": [["名称"], ["望湖苑网关"]],
    "设施": [["地点", "种类", "名称"], ["地下车库", "车库通风", "车库通风"]],
    "设备": [
        ["楼栋", "单元", "地点", "种类", "名称", "设施", "上级设备", "序列号"],
        ["12", "1", None, "门", "单元门", None, "车库交换机", "0001"],
        [None, None, "地下车库", "交换机", "车库交换机", "车库通风", None, "0002"],
    ],
    "住户": [["楼栋", "单元", "房号", "种类"], ["12", "1", "0101", "业主自住"]],
    "居民": [["姓名", "性别", "出生"], ["张伟", "男", 1953], ["张伟", "男", "1988-07"], ["李芳", "女", None]],
    "住户成员": [
        ["楼栋", "单元", "房号", "居民", "居民出生", "关系", "入住"],
        ["12", "1", "0101", "张伟", "1953", "户主", 45000],
        ["12", "1", "0101", "李芳", None, "配偶", "2023年3月15日"],
    ],
    "联系方式": [["居民", "居民出生", "种类", "号码或地址"], ["张伟", "1953", "手机", 10000000001]],
    "同意": [["居民", "目的", "同意", "时间", "来源"], ["李芳", "紧急联络", "是", "2026-01-02 08:00", "纸质表"]],
    "节假日": [["日期", "放假", "名称"], [date(2026, 10, 1), "是", "国庆节"]],
}
"""A district as people write it: no ids, in Chinese, children before parents, numbers as numbers."""


def test_a_file_without_ids_is_known_by_address_and_name(database: Database) -> None:
    """And is the same when it comes again: nothing changes, and the history gets no row."""
    first = checked(database, HAND, put=True)
    assert errors(first) == []
    assert first.counts["place"].added == 4
    with database.read() as connection:
        history = connection.execute(select(func.count()).select_from(schema.registry_history)).scalar()
        before = shown(connection)
    again = checked(database, HAND, put=True)
    assert errors(again) == []
    assert {kind: (one[0], one[1]) for kind, one in counts(again).items()} == dict.fromkeys(counts(again), (0, 0))
    assert [list(spool) for spool in again.items] == []
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.registry_history)).scalar() == history
        assert shown(connection) == before


def test_what_was_imported_is_what_was_written(database: Database) -> None:
    """Parents by address, a reference to what comes later in the file, namesakes told apart, days as numbers."""
    checked(database, HAND, put=True)
    with database.read() as connection:
        rows = shown(connection)
        room = connection.execute(select(schema.places).where(schema.places.c.room == "0101")).one()
        door, switch = connection.execute(select(schema.devices).order_by(schema.devices.c.serial)).all()
        contact = connection.execute(select(schema.contacts)).one()
        person = connection.execute(select(schema.persons).where(schema.persons.c.id == contact.person_id)).one()
        history = connection.execute(select(schema.registry_history)).all()
    assert (room.building, room.unit, room.code) == ("12", "1", "0101")
    assert door.parent_id == switch.id
    assert (door.serial, switch.serial) == ("0001", "0002")
    assert (person.name, person.born, contact.value) == ("张伟", "1953", "10000000001")
    assert {row[-2] for row in rows["resident"]} == {None}
    assert {row[-3] for row in rows["resident"]} == {"2023-03-15"}
    assert {(row.actor, row.source) for row in history if row.kind != "holiday"} == {("cli:test", "file")}


def test_english_headings_and_ids_do_as_well(database: Database) -> None:
    sheets: Mapping[str, Sequence[Sequence[Raw]]] = {
        "Compounds": [["Chinese name", "English name", "Id"], ["望湖苑", "Lakeview Court", "lakeview"]],
        "Gateways": [["Compound", "Chinese name", "Id"], ["Lakeview Court", "网关", "gw-1"]],
    }
    assert errors(checked(database, sheets, put=True)) == []
    with database.read() as connection:
        assert get_many(connection, "gateway", ["gw-1"])["gw-1"].item == Gateway(
            "gw-1", "lakeview", Text("网关", "网关")
        )


PLACES = ["小区", "楼栋", "单元", "房号", "种类", "名称", "位于", "标识"]


@pytest.mark.parametrize(
    ("sheet", "rows", "where", "said"),
    [
        ("地点", [PLACES, ["望湖院", "1", None, None, "楼栋", "1号楼"]], (2, "小区", "unknown_reference"), "望湖苑"),
        ("地点", [PLACES, ["望湖苑", "13", "1", None, "单元", "1单元"]], (2, "楼栋", "unknown_address"), "12"),
        ("地点", [PLACES, ["望湖苑", "1", None, None, "搂栋", "1号楼"]], (2, "种类", "unknown_word"), "楼栋"),
        ("地点", [PLACES, ["望湖苑", "1", "2", None, "楼栋", "1号楼"]], (2, "单元", "too_deep"), "须为空"),
        ("地点", [PLACES, ["望湖苑", "1*", None, None, "楼栋", "x"]], (2, "楼栋", "bad_code"), "门牌号"),
        ("地点", [PLACES, ["望湖苑", None, None, None, None, "x"]], (2, "种类", "missing"), "种类"),
        (
            "地点",
            [PLACES, ["望湖苑", "7", None, None, "楼栋", "a"], ["望湖苑", "7", None, None, "楼栋", "b"]],
            (3, "", "twice"),
            "第 2 行",
        ),
        (
            "地点",
            [PLACES, *(["望湖苑", None, None, None, "区域", one, two] for one, two in ("ab", "ba"))],
            (2, "位于", "ring"),
            "回到自己",
        ),
        (
            "地点",
            [PLACES, ["望湖苑", "12", None, None, "楼栋", "x", None, "b99"]],
            (2, "房号", "address_taken"),
            "已属于",
        ),
        ("设备", [["种类", "名称"], ["门", "新门"]], (2, "地点", "missing"), "须填写"),
        (
            "设备",
            [["楼栋", "种类", "名称", "设施"], ["12", "门", "新门", "车裤通风"]],
            (2, "设施", "unknown_reference"),
            "车库通风",
        ),
        (
            "设备",
            [["楼栋", "单元", "种类", "名称", "序列号"], ["12", "1", "门", "单元门", 1]],
            (2, "序列号", "zeros_lost"),
            "0001",
        ),
        (
            "设备",
            [["楼栋", "种类", "名称", "纬度"], ["12", "门", "新门", 31.0]],
            (2, "纬度", "half_a_position"),
            "经度",
        ),
        ("住户", [["楼栋", "单元", "房号", "种类"], ["12", "1", 101, "租户"]], (2, "房号", "unknown_address"), "0101"),
        ("居民", [["姓名", "出生"], ["张伟", None]], (2, "", "several"), "标识"),
        ("联系方式", [["居民", "种类", "号码或地址"], ["张伟", "手机", "1"]], (2, "居民", "several"), "标识"),
        ("联系方式", [["居民", "种类", "号码或地址"], ["李芳", "手机", "abc"]], (2, "号码或地址", "bad_form"), "号码"),
        ("网关", [["名称"], [Odd("formula", "=A1")]], (2, "名称", "formula"), "粘贴为数值"),
        ("网关", [["名称", "标识"], ["-", "gw-9"]], (2, "名称", "not_cleared"), "--source person"),
        ("网关", [["名字的"], ["x"]], (1, "名字的", "unknown_heading"), "可用"),
        ("网管", [["名称"], ["x"]], (0, "", "unknown_table"), "网关"),
        ("节假日", [["日期", "放假"], ["10/1/2026", "是"]], (2, "日期", "unclear_day"), "2026-10-01"),
    ],
)
def test_a_fault_is_told_by_sheet_row_and_column_with_what_to_do(
    database: Database, sheet: str, rows: Sequence[Sequence[Raw]], where: tuple[int, str, str], said: str
) -> None:
    checked(database, HAND, put=True)
    found = checked(database, {sheet: rows})
    told = found.faults.of(Level.ERROR)
    assert (told[0].sheet, told[0].row, told[0].column, told[0].reason) == (sheet, *where)
    assert said in told[0].text.zh, told[0]
    assert told[0].text.en


def test_all_faults_are_told_and_nothing_is_written(database: Database) -> None:
    """Not the first alone; the good rows neither."""
    rows: Mapping[str, Sequence[Sequence[Raw]]] = {
        "网关": [["名称"], ["好的"], ["坏\x07的"]],
        "设备": [["种类", "名称", "上报间隔（秒）"], ["们", "a", "很久"], ["门", "b", 1]],
        "地点": [["种类", "名称"], [None, "x"]],
    }
    checked(database, {"小区": [HAND["小区"][0], [None, "望湖苑", None, None]]}, put=True)
    with database.read() as connection:
        before = shown(connection)
    found = checked(database, rows, put=True)
    assert [fault[:4] for fault in errors(found)] == [
        ("地点", 2, "种类", "missing"),
        ("网关", 3, "名称", "bad_letters"),
        ("设备", 2, "种类", "unknown_word"),
        ("设备", 2, "上报间隔（秒）", "no_number"),
        ("设备", 3, "地点", "missing"),
    ]
    with database.read() as connection:
        assert shown(connection) == before


def test_numbers_that_lost_their_zeros_show_beside_those_that_did_not(database: Database) -> None:
    """A column with 0101 and 102 in it."""
    checked(database, HAND, put=True)
    rooms: list[list[Raw]] = [["望湖苑", "12", "1", room, "住户", "x"] for room in ("0201", 202, "1101")]
    found = checked(database, {"地点": [PLACES[:6], *rooms]})
    assert errors(found) == [("地点", 3, "房号", "zeros_lost")]


def test_what_two_sources_say_otherwise_is_told_and_both_are_kept(database: Database) -> None:
    """The surer one counts, whichever comes last; the dry run says what the import then does."""
    checked(database, HAND, origin("survey", 0.9), put=True)
    other: Mapping[str, Sequence[Sequence[Raw]]] = {"单位": [["名称", "电话"], ["安邦物业", "0512-87654321"]]}
    found = checked(database, other, origin("hearsay", 0.3, NOW + DAY), put=True)
    assert counts(found) == {"organisation": (0, 0, 1)}
    (told,) = found.faults.of(Level.CONTRADICTION)
    assert (told.sheet, told.row, told.column, told.value) == ("单位", 2, "电话", "0512-12345678")
    assert "hearsay" in told.text.zh
    assert "0512-87654321" in told.text.zh
    with database.read() as connection:
        (row,) = connection.execute(select(schema.organisations)).all()
        fact = facts_of(connection, Key("organisation", row.id))["phone"]
    assert row.phone == "0512-12345678"
    assert fact.against["hearsay"].value == "0512-87654321"


def test_what_a_source_says_anew_replaces_what_it_said(database: Database) -> None:
    """It is no contradiction to correct one's own file."""
    checked(database, HAND, put=True)
    other: Mapping[str, Sequence[Sequence[Raw]]] = {"单位": [["名称", "电话"], ["安邦物业", "0512-87654321"]]}
    found = checked(database, other, origin(at=NOW + DAY), put=True)
    assert counts(found) == {"organisation": (0, 1, 0)}
    assert [(one.field, one.before, one.after) for one in found.changes] == [
        ("phone", "0512-12345678", "0512-87654321")
    ]
    assert found.faults.of(Level.CONTRADICTION) == []


def test_an_empty_cell_leaves_what_is_there_and_a_person_may_clear_it(database: Database) -> None:
    checked(database, HAND, put=True)
    empty: Mapping[str, Sequence[Sequence[Raw]]] = {"单位": [["名称", "种类", "电话"], ["安邦物业", None, None]]}
    assert counts(checked(database, empty, put=True)) == {"organisation": (0, 0, 1)}
    cleared: Mapping[str, Sequence[Sequence[Raw]]] = {"单位": [["名称", "电话"], ["安邦物业", "-"]]}
    assert counts(checked(database, cleared, origin("person", 1.0, NOW + DAY), put=True)) == {"organisation": (0, 1, 0)}
    with database.read() as connection:
        assert connection.execute(select(schema.organisations.c.phone)).scalar() is None


def test_what_the_file_does_not_have_stays_unless_it_is_told_to_go(database: Database) -> None:
    """Of the tables and compounds of the file; not if something that stays refers to it."""
    checked(database, HAND, put=True)
    fewer = checked(database, {"居民": HAND["居民"][:3]}, put=True)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.persons)).scalar() == 3
        (gone,) = missing(connection, fewer)
        assert gone.kind == "person"
        assert {key.kind for _, key in still_needed(connection, [gone])} == {"resident", "consent"}
    days = checked(database, {"节假日": [["日期", "放假", "名称"], [date(2026, 10, 2), "是", "国庆节"]]}, put=True)
    with database.write() as connection:
        going = missing(connection, days)
        assert going == [Key("holiday", "/2026-10-01")]
        remove_all(connection, going, origin())
        assert connection.execute(select(schema.holidays.c.day)).scalars().all() == ["2026-10-02"]


def test_what_was_changed_since_it_was_planned_is_not_overwritten(database: Database) -> None:
    """The plan is not carried out, and nothing of it is written; made anew it meets what is there now, by sheet and row."""
    checked(database, HAND, put=True)
    more = [Listed("地点", [PLACES, ["望湖苑", "12", "2", None, "单元", "2单元", None, "u-new"]])]
    others = 0

    def somebody_else() -> None:
        with database.write() as connection:
            building = connection.execute(select(schema.places.c.id).where(schema.places.c.kind == "building")).scalar()
            community = connection.execute(select(schema.communities.c.id)).scalar()
            assert building is not None and community is not None
            record(connection, [Place("u-2", community, "unit", Text("二", "2"), building, "2")], origin("other"))

    def make() -> Plan:
        nonlocal others
        made = planned(database, spools, more)
        others += 1
        if others == 1:
            somebody_else()
        return made

    with Spools() as spools:
        made, items = take_in(make, lambda made: carry_out(doing(database), made, "file", NOW), lambda: None)
    assert (others, items) == (2, 0)
    assert [(row, reason) for _, row, _, reason in errors(made.checked)] == [(2, "address_taken")]
    with database.read() as connection:
        assert get_many(connection, "place", ["u-new"]) == {}


def test_a_plan_that_is_overtaken_again_and_again_is_given_up(database: Database) -> None:
    """Also where what somebody else did says nothing new: of what is said of a thing there is no version to compare."""
    checked(database, HAND, put=True)
    told: list[None] = []

    def make() -> Plan:
        made = planned(database, spools, [Listed("网关", [["名称"], ["另一个网关"]])])
        with database.write() as connection:
            record(connection, [District("d-1", Text("甲", "A"))], origin("other"))
        return made

    with Spools() as spools, pytest.raises(Overtaken):
        take_in(make, lambda made: carry_out(doing(database), made, "file", NOW), lambda: told.append(None))
    assert len(told) == 2
    with database.read() as connection:
        gateways = connection.execute(select(schema.gateways.c.name_zh)).scalars().all()
    assert gateways == ["望湖苑网关"]


def test_two_things_that_cannot_be_together_are_told_and_nothing_is_written(database: Database) -> None:
    """What no check has seen, the database refuses: said in words, and the next import is as ever."""
    with Spools() as spools:
        made = planned(database, spools, [Listed(name, rows) for name, rows in HAND.items()])
        assert made.prepared is not None
        for data in list(made.prepared.rows):
            made.prepared.rows.append(data)
        with pytest.raises(Conflict, match="cannot be together"):
            carry_out(doing(database), made, "file", NOW)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.registry_history)).scalar() == 0
    checked(database, HAND, put=True)


# --- out, and in again ----------------------------------------------------------------------------------------------


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(items=registries(), language=st.sampled_from(["zh", "en"]), suffix=st.sampled_from([".zip", ".xlsx", ""]))
def test_a_registry_exported_and_imported_is_the_same(
    databases: Databases, tmp_path: Path, items: list[Item | Holiday], language: str, suffix: str
) -> None:
    """Into an empty one, all of it; into itself, without a change."""
    file = tmp_path / f"out{suffix}"
    things = [item for item in items if not isinstance(item, Holiday)]
    with (
        databases.new() as first,
        databases.new() as second,
        closing(open_database(first)) as here,
        closing(open_database(second)) as there,
    ):
        with here.write() as connection:
            record(connection, things, origin())
            from linli.db.registrywriting import save

            save(connection, [item for item in items if isinstance(item, Holiday)], NOW)
        exported(here, file, language)
        again = imported(here, file)
        assert [fault.told().en for fault in again.faults.of(Level.ERROR)] == []
        assert again.news == 0, again.changes
        fresh = imported(there, file)
        assert [fault.told().en for fault in fresh.faults.of(Level.ERROR)] == []
        with here.read() as mine, there.read() as theirs:
            for kind in ("zh", "en"):
                assert shown(mine, kind) == shown(theirs, kind)
            for item in things:
                kind = next(name for name, table in _NOUNS.items() if table is type(item))
                assert get_many(theirs, kind, [item.id])[item.id].item == item


_NOUNS: Mapping[str, type] = {
    "district": District, "committee": Committee, "organisation": Organisation, "community": Community, "place": Place,
    "floor_plan": FloorPlan, "gateway": Gateway, "facility": Facility, "device": Device, "equipment": Equipment,
    "staff": Staff, "team": Team, "household": Household, "person": Person, "resident": Resident, "contact": Contact,
    "consent": Consent,
}  # fmt: skip


def exported(database: Database, file: Path, language: str) -> None:
    """As the command does it."""
    with database.read() as connection, written(file, language) as out:
        names = read_names(connection, language)
        for table in TABLES.values():
            out.begin(table, [column.heading.of(language) for column in table.columns])
            for row in table_rows(connection, table.kind, names, None):
                out.row(row)


def imported(database: Database, file: Path) -> Checked:
    """As the command does it."""
    with Spools() as spools, sheets_of(file) as sheets:
        made = planned(database, spools, sheets)
        if not made.errors:
            carry_out(doing(database), made, file.name, NOW)
        return made.checked


def test_an_export_of_a_scope_has_no_other_compound_in_it(database: Database) -> None:
    checked(database, HAND, put=True)
    more: Mapping[str, Sequence[Sequence[Raw]]] = {
        "小区": [["名称"], ["别处"]],
        "网关": [["小区", "名称"], ["别处", "别处网关"]],
    }
    checked(database, more, put=True)
    with database.read() as connection:
        names = read_names(connection, "zh")
        (other,) = (key for key, zh in names.words["community"].items() if zh == "别处")
        rows = {kind: list(table_rows(connection, kind, names, {other})) for kind in TABLES}
    assert {kind: len(found) for kind, found in rows.items() if found} == {"community": 1, "gateway": 1, "holiday": 1}


def test_personal_tables_are_refused_where_they_may_not_be_imported(database: Database) -> None:
    with database.read() as connection, Spools() as spools:
        checking = Checking(SqlRegistered(connection), origin(), spools.new, personal=False)
        found = checking.check([Listed("居民", HAND["居民"])])
    assert [fault.reason for fault in found.faults] == ["not_allowed"]
    assert found.items == []


def test_a_fault_as_people_read_it() -> None:
    fault = Fault(Level.ERROR, "设备", 12, "房号", "101", "unknown_address", Text("没有", "is not there"))
    assert fault.told() == Text("设备，第 12 行，“房号” '101'：没有", "设备, row 12, “房号” '101': is not there")
