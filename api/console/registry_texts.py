"""Every text of the registry's page, in Chinese and English."""

from linli.i18n import Text

REGISTRY = Text("登记", "Registry")
REGISTRY_HELP = Text(
    "有上报但未登记的设备，以及需要有人核对的事实。",
    "Devices that report and are not registered, and facts that somebody should look at.",
)
UNKNOWN = Text("未登记的设备", "Unknown devices")
NO_UNKNOWN = Text("没有。上报的设备都已登记。", "None: every device that reports is registered.")
HEARD = Text("上报 {times} 次，最近 {when}", "heard {times} times, last {when}")
SENT = Text("上报内容：{what}", "what it sent: {what}")
BY_GATEWAY = Text("经网关 {gateway}", "by gateway {gateway}")
ADOPT = Text("登记", "Register")
ADOPT_TITLE = Text("登记这台设备", "Register this device")
ADOPT_HELP = Text(
    "沿用它上报的编号 {device}。登记后一秒内即生效，此前上报的内容会补存。",
    "It keeps the id that it reports, {device}. It counts within a second, and what it sent before is stored too.",
)
KIND = Text("种类", "Kind")
PLACE = Text("地点", "Place")
NAME_ZH = Text("中文名", "Name in Chinese")
NAME_EN = Text("英文名", "Name in English")
NAMES_MISSING = Text("请写中文名和英文名。", "Give it a name in both languages.")
PLACE_MISSING = Text("请选择地点。", "Choose a place.")
DISMISS = Text("忽略", "Dismiss")
DISMISSED_BACK = Text("再次上报时会重新列出", "listed again when it reports again")

TO_CHECK = Text("需要核对", "To check")
NOTHING_TO_CHECK = Text("没有矛盾，也没有过时的事实。", "Nothing is contradicted, and nothing is stale.")
CONTRADICTED = Text("说法不一", "contradicted")
STALE = Text("久未确认", "stale")
SAYS = Text("{source} 说：{value}", "{source} says {value}")
COUNTS = Text("以此为准", "this counts")
CONFIRM = Text("确认现值", "Confirm what stands")
MORE = Text("只列出最先的 {count} 项。", "Only the first {count} are listed.")
FIELDS = {
    "name": Text("名称", "Name"),
    "kind": Text("种类", "Kind"),
    "place": Text("地点", "Place"),
    "gateway": Text("网关", "Gateway"),
    "facility": Text("设施", "Facility"),
    "parent": Text("上级", "Hangs on"),
    "code": Text("号码", "Number"),
    "interval_s": Text("上报间隔（秒）", "Reports every (s)"),
    "serial": Text("序列号", "Serial number"),
    "model": Text("型号", "Model"),
    "in_service_since": Text("启用时间", "In service since"),
    "phone": Text("电话", "Telephone"),
    "duty": Text("职责", "Duty"),
    "account": Text("账号", "Account"),
    "committee": Text("村居", "Committee"),
    "manager": Text("物业公司", "Property company"),
}
"""What fields are called; any other is shown by its own name."""
