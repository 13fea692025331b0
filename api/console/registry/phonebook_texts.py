"""Every text of the page of organisations, gateways, the calendar and roles, in Chinese and English."""

from collections.abc import Mapping

from linli.i18n import Text
from linli.roles import Reach

PHONEBOOK = Text("通讯录与日历", "Contacts and calendar")
WHOM = Text("单位名称，或其管理的小区", "An organisation, or a compound that it manages")
ORGANISATIONS = Text("单位与人员", "Organisations and their people")
NO_ORGANISATIONS = Text(
    "还没有登记单位。可用表格导入。", "No organisations are registered. They can be imported from a file."
)
NOBODY_FOUND = Text("没有找到。请只输入名称的一部分。", "Nothing found: type part of a name.")
NEXT_ONES = Text("后一页", "Next page")
MANAGES = Text("管理：", "Manages:")
PAUSE = Text("、", ", ")
TEAM_OF = Text("班组 {name}（{n} 人）", "Team {name} ({n})")
GATEWAYS = Text("网关", "Gateways")
GATEWAYS_ARE = Text("共 {n} 个，其中 {away} 个不在线", "{n} in all, {away} of them not online")
ONLINE = Text("在线", "online")
OFFLINE = Text("离线", "offline")
NEVER_HEARD = Text("从未上线", "never heard of")
SINCE = Text("自 {when}", "since {when}")
DEVICES_ON = Text("{n} 台设备", "{n} devices")
CALENDAR = Text("{year} 年节假日", "Holidays of {year}")
CALENDAR_HELP = Text(
    "与星期不符的日子；规则的时段以此为准。可用表格导入，或用 linli holidays 命令。",
    "Days that are not what their weekday says: the hours of rules go by them. Imported from a file, or by the command linli holidays.",
)
NO_DAYS = Text("这一年没有登记。", "None are registered for this year.")
DAY_OFF = Text("休", "holiday")
DAY_ON = Text("班", "working day")
WHOLE_DISTRICT = Text("整个片区", "the whole district")
ROLES_ARE = Text("谁能做什么", "Who may do what")
REACHES: Mapping[Reach, Text] = {
    Reach.DISTRICT: Text("（所有小区）", "(every compound)"),
    Reach.COMMUNITIES: Text("（所属小区）", "(their compounds)"),
    Reach.OWN: Text("（仅本人）", "(themselves alone)"),
}
