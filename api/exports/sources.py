"""What can be exported: its columns, and its rows in pages.

Rows are read a page at a time by their key, on both databases: between two pages nothing is held, so that a reader who is slow
keeps no transaction open (a long one holds up the writing-back of SQLite's log, and PostgreSQL's clean-up; PostgreSQL's is ended
after five minutes, too). A key never changes, so each row comes once, and what arrives meanwhile is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from api.exports.formats import Column
from api.sight import Sight
from api.views import EventView
from api.words import CONDITIONS, HANDLINGS, SEVERITIES
from linli.clock import format_time
from linli.db import schema
from linli.db.alertlist import Wanted, newest
from linli.i18n import Text
from linli.model import Device
from linli.vocabulary import DEVICE_KINDS, kind_name

PAGE = 2000
EVENTS_PAGE = 1000

Look = Callable[[], Sight]
"""What the person sees now: asked for before each page, and an error once they may see no more."""


class AlertRow(NamedTuple):
    """An alert's row with the names in sight."""

    row: Row[Any]
    sight: Sight


class DeviceRow(NamedTuple):
    """A device with the names in sight."""

    device: Device
    sight: Sight


class EventRow(NamedTuple):
    """An event as it is shown, masked, with the names in sight."""

    event: EventView
    sight: Sight


def alert_pages(look: Look, wanted: Wanted) -> Iterator[Sequence[AlertRow]]:
    """Alerts, the last opened first."""
    after: tuple[int, str] | None = None
    while True:
        sight = look()
        with sight.database.read() as connection:
            rows = newest(connection, select(*_ALERT_COLUMNS), wanted, PAGE, after)
        yield [AlertRow(row, sight) for row in rows]
        if len(rows) < PAGE:
            return
        after = (rows[-1].opened_at, rows[-1].id)


def device_pages(look: Look, communities: frozenset[str]) -> Iterator[Sequence[DeviceRow]]:
    """The registered devices of these communities, by id."""
    known = look().names.registry.devices
    ids = sorted(name for name, device in known.items() if device.community in communities)
    for start in range(0, max(len(ids), 1), PAGE):
        sight = look()
        devices = sight.names.registry.devices
        yield [DeviceRow(devices[name], sight) for name in ids[start : start + PAGE] if name in devices]


def event_pages(
    look: Look, communities: Sequence[str], start: int, end: int, types: Sequence[str], device: str | None
) -> Iterator[Sequence[EventRow]]:
    """Events in [start, end): community by community, in each the newest first."""
    for community in communities:
        before = None
        while True:
            sight = look()
            events = sight.store.events(
                community, start, end, types=types, device=device, limit=EVENTS_PAGE, before=before
            )
            yield [EventRow(sight.names.event(event), sight) for event in events]
            if len(events) < EVENTS_PAGE:
                break
            before = events[-1].key


def _plain(name: str, heading: Text) -> Column[AlertRow]:
    return Column(name, heading, lambda item: item.row._mapping[name])


def _time(name: str, heading: Text) -> Column[AlertRow]:
    return Column(name, heading, lambda item: _shown(item.row._mapping[name]))


def _shown(at: int | None) -> str | None:
    return None if at is None else format_time(at)


def _subject(item: AlertRow) -> Text:
    names, row = item.sight.names, item.row
    return names.place(row.subject) if row.subject_kind == "place" else names.device(row.subject)


_table = schema.alerts.c
_ALERT_COLUMNS = (
    _table.id,
    _table.rule,
    _table.severity,
    _table.condition,
    _table.handling,
    _table.community_id,
    _table.subject,
    _table.subject_kind,
    _table.place_id,
    _table.title_zh,
    _table.title_en,
    _table.sentence_zh,
    _table.sentence_en,
    _table.occurrences,
    _table.opened_at,
    _table.last_seen,
    _table.acknowledged_at,
    _table.acknowledged_by,
    _table.acknowledge_comment,
    _table.resolved_at,
    _table.closed_at,
    _table.closed_by,
    _table.close_reason,
    _table.historic,
)

ALERTS: Sequence[Column[AlertRow]] = (
    _plain("id", Text("编号", "Id")),
    _time("opened_at", Text("产生时间", "Opened at")),
    Column("severity", Text("级别", "Severity"), lambda item: item.row.severity, SEVERITIES),
    Column("title", Text("标题", "Title"), lambda item: Text(item.row.title_zh, item.row.title_en)),
    Column("sentence", Text("说明", "What happened"), lambda item: Text(item.row.sentence_zh, item.row.sentence_en)),
    Column("community", Text("小区编号", "Community id"), lambda item: item.row.community_id),
    Column("community_name", Text("小区", "Community"), lambda item: item.sight.names.community(item.row.community_id)),
    _plain("subject", Text("对象编号", "Subject id")),
    Column("subject_name", Text("对象", "Subject"), _subject),
    Column("place", Text("位置编号", "Place id"), lambda item: item.row.place_id),
    Column(
        "place_name",
        Text("位置", "Place"),
        lambda item: None if item.row.place_id is None else item.sight.names.place(item.row.place_id),
    ),
    _plain("rule", Text("规则", "Rule")),
    Column("condition", Text("状况", "Condition"), lambda item: item.row.condition, CONDITIONS),
    Column("handling", Text("处置", "Handling"), lambda item: item.row.handling, HANDLINGS),
    _plain("occurrences", Text("次数", "Occurrences")),
    _time("last_seen", Text("最后出现", "Last seen")),
    _time("acknowledged_at", Text("确认时间", "Acknowledged at")),
    Column(
        "acknowledged_by_name",
        Text("确认人", "Acknowledged by"),
        lambda item: item.sight.names.person(item.row.acknowledged_by),
    ),
    _plain("acknowledge_comment", Text("确认备注", "Comment")),
    _time("resolved_at", Text("恢复时间", "Resolved at")),
    _time("closed_at", Text("关闭时间", "Closed at")),
    Column("closed_by_name", Text("关闭人", "Closed by"), lambda item: item.sight.names.person(item.row.closed_by)),
    _plain("close_reason", Text("关闭原因", "Why it was closed")),
    _plain("historic", Text("历史", "Historic")),
)

DEVICES: Sequence[Column[DeviceRow]] = (
    Column("id", Text("编号", "Id"), lambda item: item.device.id),
    Column("name", Text("名称", "Name"), lambda item: item.device.name),
    Column("kind", Text("类型", "Kind"), lambda item: item.device.kind),
    Column("kind_name", Text("类型名称", "Kind in words"), lambda item: kind_name(DEVICE_KINDS, item.device.kind)),
    Column("community", Text("小区编号", "Community id"), lambda item: item.device.community),
    Column("community_name", Text("小区", "Community"), lambda item: item.sight.names.community(item.device.community)),
    Column("gateway", Text("网关", "Gateway"), lambda item: item.device.gateway),
    Column("place", Text("位置编号", "Place id"), lambda item: item.device.place),
    Column("place_name", Text("位置", "Place"), lambda item: item.sight.names.place(item.device.place)),
    Column("facility", Text("设施编号", "Facility id"), lambda item: item.device.facility),
    Column("interval_s", Text("上报间隔（秒）", "Interval (s)"), lambda item: item.device.interval_s),
)

EVENTS: Sequence[Column[EventRow]] = (
    Column("time", Text("时间", "Time"), lambda item: format_time(item.event.time)),
    Column("type", Text("事件", "Event"), lambda item: item.event.type),
    Column("type_name", Text("事件名称", "Event in words"), lambda item: item.event.type_name),
    Column("community", Text("小区编号", "Community id"), lambda item: item.event.community),
    Column("community_name", Text("小区", "Community"), lambda item: item.sight.names.community(item.event.community)),
    Column("device", Text("设备编号", "Device id"), lambda item: item.event.device),
    Column("device_name", Text("设备", "Device"), lambda item: item.event.device_name),
    Column("data", Text("内容", "Data"), lambda item: dict(item.event.data)),
    Column("received_at", Text("收到时间", "Received at"), lambda item: format_time(item.event.received_at)),
    Column("time_source", Text("时间来源", "Whose time"), lambda item: item.event.time_source),
    Column("historic", Text("历史", "Historic"), lambda item: item.event.historic),
    Column("late", Text("迟到", "Late"), lambda item: item.event.late),
)
