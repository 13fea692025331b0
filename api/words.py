"""What the words of the model are called on a page, in both languages."""

from api.views import FacilityStatus
from linli.commands.life import CommandState
from linli.i18n import Text
from linli.model import Condition, Handling, Severity

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
    "reminded": Text("再次提醒", "Reminded"),
    "acknowledged": Text("确认", "Acknowledged"),
    "commented": Text("备注", "Commented"),
    "shelved": Text("搁置", "Shelved"),
    "unshelved": Text("恢复处理", "No longer shelved"),
    "closed": Text("关闭", "Closed"),
}

OUTCOMES: dict[str, Text] = {
    "not_allowed": Text("生命安全告警不能搁置", "an alert of life safety cannot be shelved"),
    "already_shelved": Text("这条告警已经搁置，请先恢复处理", "this alert is shelved; take it up again first"),
    "not_shelved": Text("这条告警没有搁置", "this alert is not shelved"),
    "until_required": Text("搁置的时间已过", "the time to shelve it until has passed"),
    "reason_required": Text("须写明原因", "it takes a reason"),
}
"""Why rules did not do what a person wanted."""

FACILITY_STATES: dict[FacilityStatus, Text] = {
    FacilityStatus.OK: Text("正常", "OK"),
    FacilityStatus.DEGRADED: Text("异常", "Degraded"),
    FacilityStatus.FAULT: Text("告警", "Alarm"),
    FacilityStatus.UNKNOWN: Text("未知", "Unknown"),
}

COMMAND_STATES: dict[CommandState, Text] = {
    CommandState.PENDING: Text("正在发出", "On its way"),
    CommandState.SENT: Text("已发出，等待网关应答", "Sent, waiting for the gateway's answer"),
    CommandState.DONE: Text("已执行", "Done"),
    CommandState.REFUSED: Text("没有执行", "Not carried out"),
    CommandState.FAILED: Text("执行失败，请查看现场", "Failed; go and look"),
    CommandState.TIMED_OUT: Text(
        "网关没有应答，不清楚是否已执行，请查看现场",
        "No answer from the gateway: it may have happened or not; go and look",
    ),
}

COMMAND_REASONS: dict[str, Text] = {
    "expired": Text("送达时已过有效时间", "it arrived after its time was up"),
    "not_yet_due": Text("网关的时钟慢了，请校准", "the gateway's clock is behind; set it right"),
    "unknown_device": Text("该设备在网关上没有配置命令", "its gateway has no commands for this device"),
    "unknown_command": Text("网关上没有为该设备配置此命令", "its gateway has not this command for the device"),
    "bad_arguments": Text("网关不接受其中的参数", "the gateway does not take the arguments"),
    "id_reused": Text("网关已用过这个命令编号", "the gateway knows the id from another command"),
    "log_failed": Text("网关无法写盘（磁盘满？）", "the gateway cannot write its disk (full?)"),
    "log_lost": Text(
        "网关的命令记录损坏，约一分钟后可重试", "the gateway lost its log of commands; try again in a minute"
    ),
    "device_broker_down": Text("网关与设备侧断开", "the gateway has no connection to its devices"),
    "device_busy": Text("设备没有及时接受", "the device did not take it in time"),
    "device_failed": Text("设备报错", "the device reported an error"),
    "interrupted": Text("执行中网关重启", "the gateway was restarted in the middle of it"),
    "no_broker": Text("与消息服务器没有连接", "there was no connection to the broker"),
    "gateway_offline": Text("网关离线", "the gateway is offline"),
}
"""Why a command was not carried out, or failed: the codes of gateways (docs/wire.md) and of the server."""


def change_name(kind: str) -> Text:
    """What a kind of change is called, or the word itself."""
    return CHANGES.get(kind, Text(kind, kind))
