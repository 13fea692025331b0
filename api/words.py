"""What the words of the model are called on a page, in both languages."""

from api.views import FacilityStatus
from linli.i18n import Text
from linli.model import Condition, Handling, Role, Severity

SEVERITIES: dict[Severity, Text] = {
    Severity.CRITICAL: Text("紧急", "Critical"),
    Severity.HIGH: Text("重要", "High"),
    Severity.MEDIUM: Text("一般", "Medium"),
    Severity.LOW: Text("提示", "Low"),
}

CONDITIONS: dict[Condition, Text] = {
    Condition.INACTIVE: Text("未触发", "Inactive"),
    Condition.PENDING: Text("待确认", "Pending"),
    Condition.FIRING: Text("持续中", "Firing"),
    Condition.RESOLVED: Text("已恢复", "Resolved"),
    Condition.NO_DATA: Text("无数据", "No data"),
    Condition.ERROR: Text("无法判断", "Error"),
}

HANDLINGS: dict[Handling, Text] = {
    Handling.UNACKNOWLEDGED: Text("未确认", "Unacknowledged"),
    Handling.ACKNOWLEDGED: Text("已确认", "Acknowledged"),
    Handling.RETURNED_UNACKNOWLEDGED: Text("已恢复，未确认", "Returned, unacknowledged"),
    Handling.SHELVED: Text("暂时搁置", "Shelved"),
    Handling.SUPPRESSED: Text("已抑制", "Suppressed"),
    Handling.OUT_OF_SERVICE: Text("停用", "Out of service"),
    Handling.CLOSED: Text("已关闭", "Closed"),
}

CHANGES: dict[str, Text] = {
    "opened": Text("产生", "Opened"),
    "occurred": Text("再次发生", "Occurred again"),
    "escalated": Text("升级", "Escalated"),
    "confirmed": Text("已证实", "Confirmed"),
    "resolved": Text("恢复", "Resolved"),
    "acknowledged": Text("确认", "Acknowledged"),
    "commented": Text("备注", "Commented"),
    "closed": Text("关闭", "Closed"),
}

FACILITY_STATES: dict[FacilityStatus, Text] = {
    FacilityStatus.OK: Text("正常", "OK"),
    FacilityStatus.DEGRADED: Text("异常", "Degraded"),
    FacilityStatus.FAULT: Text("告警", "Alarm"),
    FacilityStatus.UNKNOWN: Text("未知", "Unknown"),
}

ROLES: dict[Role, Text] = {
    Role.ADMINISTRATOR: Text("管理员", "Administrator"),
    Role.SECURITY: Text("安保", "Security"),
    Role.PROPERTY: Text("物业", "Property"),
}


def change_name(kind: str) -> Text:
    """What a kind of change is called, or the word itself."""
    return CHANGES.get(kind, Text(kind, kind))
