"""What Linli keeps, by class, and for how long: one table of all of it, wherever it lies. No I/O.

`linli.retention` decides for the store of readings, whose rows are deleted by ingest; what lies in the database and in the data
folder goes by the terms here, deleted by the API's keeper (`api.audit.keeping`). `linli retention` shows the whole table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from linli.clock import DAY, HOUR
from linli.i18n import Text

LEAST_AUDIT_DAYS = 190
"""Logs of who did what and who saw what are kept at least half a year (Cybersecurity Law of China, article 21), and a little."""


class Kept(StrEnum):
    """A class of what is kept."""

    RAW = "raw"
    MINUTE = "minute"
    HOUR = "hour"
    EVENTS = "events"
    ALERTS = "alerts"
    COMMANDS = "commands"
    AUDIT = "audit"
    SNAPSHOTS = "snapshots"
    DRAWINGS = "drawings"
    PERSONS = "persons"
    STRANGERS = "strangers"
    DEAD_LETTERS = "deadletters"
    DELIVERIES = "deliveries"
    IDEMPOTENCY = "idempotency"
    SESSIONS = "sessions"


@dataclass(frozen=True, slots=True)
class KeptClass:
    """One line of the table. `setting`: its days; '' where they are not a matter of settings, but `fixed` (0: it says itself when it
    ends). `least`: fewer days are refused (but 0, which is for ever, where `least` is not 0 or the setting says so)."""

    name: Text
    what: Text
    setting: str
    least: int = 0
    fixed: int = 0


CLASSES: Mapping[Kept, KeptClass] = {
    Kept.RAW: KeptClass(Text("原始读数", "Readings"), Text("设备报来的读数", "as they came"), "retention_raw_days"),
    Kept.MINUTE: KeptClass(
        Text("1 分钟汇总", "1 minute rollups"), Text("读数的汇总", "of readings"), "retention_minute_days"
    ),
    Kept.HOUR: KeptClass(
        Text("1 小时汇总", "1 hour rollups"), Text("读数的汇总", "of readings"), "retention_hour_days"
    ),
    Kept.EVENTS: KeptClass(
        Text("事件", "Events"),
        Text("谁开门、报警等", "who went in, alarms and so on"),
        "retention_events_days",
        LEAST_AUDIT_DAYS,
    ),
    Kept.ALERTS: KeptClass(
        Text("告警", "Alerts"),
        Text("关闭之后：告警、证据、经过、处置", "from when they are closed, with evidence, history and acts"),
        "retention_alerts_days",
    ),
    Kept.COMMANDS: KeptClass(
        Text("指令", "Commands"),
        Text("谁为何让设备做了什么", "what devices were told to do, by whom and why"),
        "retention_commands_days",
        LEAST_AUDIT_DAYS,
    ),
    Kept.AUDIT: KeptClass(
        Text("审计日志", "Audit log"),
        Text("谁做了什么、看了谁的信息", "who did what, and who saw whose data"),
        "retention_audit_days",
        LEAST_AUDIT_DAYS,
    ),
    Kept.SNAPSHOTS: KeptClass(
        Text("抓拍", "Snapshots"), Text("图片与视频", "pictures and video"), "retention_snapshots_days"
    ),
    Kept.DRAWINGS: KeptClass(
        Text("平面图的图纸", "Drawings"),
        Text(
            "平面图移除，或图纸被换下、删除之后",
            "from when their floor plan was removed, or they were replaced or removed",
        ),
        "retention_drawings_days",
    ),
    Kept.PERSONS: KeptClass(
        Text("已移除的居民", "Former residents"),
        Text("从登记中移除之后，其信息被删除", "erased so long after they were taken out of the registry"),
        "retention_persons_days",
    ),
    Kept.STRANGERS: KeptClass(
        Text("未知设备", "Unknown devices"),
        Text("最后一次上报之后", "from when they were heard last"),
        "retention_strangers_days",
    ),
    Kept.DEAD_LETTERS: KeptClass(
        Text("死信", "Dead letters"), Text("被拒收的输入", "inputs that were refused"), "deadletters_days"
    ),
    Kept.DELIVERIES: KeptClass(
        Text("webhook 发送记录", "Webhook deliveries"),
        Text("发出的请求及其应答", "requests that were sent, and what was answered"),
        "",
        fixed=30,
    ),
    Kept.IDEMPOTENCY: KeptClass(
        Text("幂等键", "Idempotency keys"), Text("及其回答", "with what was answered"), "", fixed=1
    ),
    Kept.SESSIONS: KeptClass(Text("登录会话", "Sessions"), Text("到期即删", "deleted once they have expired"), ""),
}
"""Every class."""

FIXED: Mapping[Kept, int] = {kept: one.fixed for kept, one in CLASSES.items() if one.fixed}
"""Days of the classes whose days are no setting. They are many short-lived rows, so that they go by whole hours: each deletion is an
entry in the audit log."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Days that each class is kept, by settings or `fixed`; 0 is for ever. Of a class that is not named, too."""

    days: Mapping[Kept, float]
    fixed: Mapping[Kept, int] = field(default_factory=lambda: FIXED)

    def horizon(self, kept: Kept, now: int) -> int | None:
        """What is older may go, in microseconds since 1970 UTC; None: nothing may."""
        if kept in self.fixed:
            return (now - self.fixed[kept] * DAY) // HOUR * HOUR
        days = self.days.get(kept, 0)
        return now - round(days * DAY) if days else None

    def due(self, kept: Kept, oldest: int | None) -> int | None:
        """When the first of the class is to go, if the oldest is of that time; None: never, or there is none."""
        days = self.days.get(kept, self.fixed.get(kept, 0))
        return oldest + round(days * DAY) if days and oldest is not None else None


NOTHING_GOES = Terms({}, {})
"""Everything for ever: on a simulated clock, whose now is nobody else's."""


def too_short(setting: str, days: float) -> Text | None:
    """Why that setting cannot have so few days; None if it can."""
    for kept in CLASSES.values():
        if kept.setting == setting and 0 < days < kept.least:
            return Text(
                f"{kept.name.zh}至少保存 {kept.least} 天（网络安全法第二十一条：日志不少于六个月）；0 表示永久",
                f"{kept.name.en} are kept {kept.least} days at least, as logs of who did what have to be (half a year by law); "
                "0: for ever",
            )
    return None
