"""Every text of the audit page, in Chinese and English."""

from linli.i18n import Text

AUDIT = Text("审计", "Audit")
AUDIT_TITLE = Text("审计日志", "Audit log")
AUDIT_HELP = Text(
    "谁做了什么、看了谁的信息。只能追加，任何人都不能修改；您的查看也会记下。",
    "Who did what, and who saw whose data. It is only added to, and nobody can change it; that you looked is in it too.",
)
WHOLE = Text("日志完整", "The log is whole")
NOT_WHOLE = Text("日志不完整：{fault}", "The log is not whole: {fault}")
VERIFY = Text("全部验证：linli audit verify", "To verify all of it: linli audit verify")
WHO = Text("谁", "Who")
WHO_HINT = Text("登录名或编号", "sign-in name or id")
WHAT = Text("做了什么", "What")
ABOUT = Text("关于", "About")
ABOUT_HINT = Text("人、设备、告警等的编号", "id of a person, a device, an alert")
SINCE = Text("从", "From")
UNTIL = Text("到", "To")
REFUSED_ONLY = Text("只看被拒绝的", "Refused only")
SEARCH = Text("查找", "Search")
EVERYTHING = Text("全部", "Everything")
REFUSED = Text("被拒绝", "Refused")
NOTHING = Text("没有符合条件的记录", "No entry matches")
OLDER = Text("更早的", "Older")
NEWEST = Text("最新的", "Newest")
NOBODY = Text("未登录者", "Nobody known")
LINLI_ITSELF = Text("Linli（{process}）", "Linli ({process})")
AT_MACHINE = Text("{name}（服务器命令行）", "{name} (command line)")
MORE_ITEMS = Text("，另有 {n} 项", ", and {n} more")
NUMBER = Text("编号", "Number")
WORD = Text("动作", "Verb")
FROM = Text("来自", "From")
SESSION = Text("会话或令牌", "Session or token")
COMMUNITY = Text("小区", "Compound")
PURPOSE = Text("目的", "Purpose")
REASON = Text("原因", "Reason")
FACTS = Text("事实", "Facts")
DETAILS = Text("详情", "Details")
ITEMS = Text("对象", "About")
ERASED = Text("依请求删除", "Erased on request")
HASH = Text("哈希", "Hash")
BAD_DATE = Text("日期不对，应如 2026-11-23", "That is no date; one is like 2026-11-23")

GROUPS = {
    "session.": Text("登录与退出", "Signing in and out"),
    "account.": Text("账号", "Accounts"),
    "token.": Text("令牌", "Tokens"),
    "person.": Text("个人信息", "Personal data"),
    "snapshot.": Text("抓拍", "Snapshots"),
    "alert.": Text("告警处置", "Handling of alerts"),
    "arming.": Text("布防撤防", "Arming"),
    "command.": Text("设备指令", "Commands to devices"),
    "registry.": Text("登记", "Registry"),
    "enrolment.": Text("网关加入", "Gateways joining"),
    "webhook.": Text("webhook", "Webhooks"),
    "deadletters.": Text("死信", "Dead letters"),
    "data.": Text("数据导出", "Exports"),
    "retention.": Text("按期限删除", "Retention"),
    "audit.": Text("审计日志本身", "The audit log itself"),
}
"""What can be chosen, by how the verbs begin."""
TEXTS = {"reason": REASON, "address": FROM, "details": DETAILS}
"""The texts beside an entry."""
