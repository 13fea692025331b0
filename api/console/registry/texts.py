"""Every text of the pages of places, devices and floor plans, in Chinese and English."""

from collections.abc import Mapping

from linli.i18n import Text

# --- around ---
TO_DO = Text("待办", "To do")
PLACES = Text("地点与设备", "Places and devices")
REGISTRY_PARTS = Text("登记的各部分", "Parts of the registry")
TRAIL = Text("所在位置", "Where you are")
DISTRICT = Text("全部", "All")
NOT_THERE = Text("没有这一项，或不在您的范围内。", "There is no such thing, or it is outside your communities.")
SEARCH = Text("搜索", "Search")
SEARCH_WORDS = Text("地址、名称、编号或序列号", "Address, name, number, id or serial")
SEARCH_HELP = Text(
    "例如：望湖苑 12号楼 1单元 1203室，12-1-1203，SN-2041",
    "For example: Lakeview Court / Building 12 / Room 1203, 12-1-1203, SN-2041",
)
FOUND_FOR = Text("“{words}”的搜索结果", "Found for “{words}”")
NOTHING_FOUND = Text(
    "没有找到。请核对地址，或只输入名称、编号的一部分。",
    "Nothing found. Check the address, or type part of a name or number.",
)
FIRST_FOUND = Text(
    "每类只列出前 {count} 项，请输入得更具体。", "Only the first {count} of each kind are listed: type more."
)
COMPOUNDS = Text("小区", "Compounds")
FACILITIES = Text("设施", "Facilities")
DEVICES = Text("设备", "Devices")
NEXT = Text("后一页", "Next page")
FIRST = Text("回到开头", "Back to the first")
SAVE = Text("保存", "Save")
MORE_OF = Text("只列出前 {count} 项。", "Only the first {count} are listed.")

# --- the tree ---
TREE_HELP = Text(
    "从片区到房间逐级打开；链接可以转发。", "From the district down to a room, level by level. Links can be passed on."
)
STRAY = Text("未归属村居的小区", "Compounds of no committee")
EMPTY_LEVEL = Text("其中没有登记任何地点。", "No places are registered in it.")
LIES_IN = Text("其中的地点", "What lies in it")
INSIDE: Mapping[str, Text] = {
    "district": Text("{count} 个村居", "{count} committees"),
    "committee": Text("{count} 个小区", "{count} compounds"),
    "community": Text("{count} 处", "{count} places"),
    "place": Text("{count} 处", "{count} places"),
}
DEVICES_IN = Text("{count} 台设备", "{count} devices")
ADDRESS = Text("地址", "Address")
NO_DEVICES_HERE = Text("此处没有直接登记的设备。", "No devices are registered right here.")
DEVICES_HERE = Text("此处的设备", "Devices here")
FACILITIES_HERE = Text("此处的设施", "Facilities here")
SHOW_REMOVED = Text("查看已移除的", "Show what was removed")
SHOW_THERE = Text("查看现有的", "Show what is there")
NOTHING_REMOVED = Text("没有移除过什么。", "Nothing was removed.")
REMOVED_AT = Text("已于 {when} 移除", "removed {when}")

# --- changing places ---
EDIT = Text("修改", "Edit")
EDIT_NAMES = Text("修改名称", "Edit names")
EDIT_NAMES_HELP = Text("编号不变，告警、读数和历史照旧。", "Its id stays, and with it alerts, readings and history.")
ADD_BELOW = Text("新增下级", "Add one in it")
ADD_HELP: Mapping[str, Text] = {
    "district": Text("为这个片区新增一个村居。", "A committee of this district."),
    "committee": Text("为这个村居新增一个小区。", "A compound of this committee."),
    "community": Text(
        "新增楼栋、出入口、区域等。填写号码后即可按地址查找。",
        "A building, a gate, a zone ... With a number it is found by its address.",
    ),
    "place": Text(
        "新增其中的单元、楼层、房间等。填写号码后即可按地址查找。",
        "A unit, a floor, a room ... With a number it is found by its address.",
    ),
}
NUMBER = Text("号码（如 12、1203）", "Number (12, 1203)")
KIND = Text("种类", "Kind")
NAME_ZH = Text("中文名", "Name in Chinese")
NAME_EN = Text("英文名", "Name in English")
NAMES_MISSING = Text("请写中文名和英文名。", "Give it a name in both languages.")
REMOVE = Text("移除", "Remove")
REMOVE_HELP = Text(
    "移除后不再出现在列表里，编号不会给别的东西；可以恢复。",
    "It is in no list any more, and its id is never given to another; it can be brought back.",
)
ALONG = Text("连同其中的一切一并移除", "Together with everything that belongs to it")
BRING_BACK = Text("恢复", "Bring back")
BRING_BACK_HELP = Text("恢复后与移除前一样。", "It will be as it was before it was removed.")

# --- a device ---
DEVICE = Text("设备", "Device")
WHAT_IT_IS = Text("登记信息", "What it is")
GATEWAY = Text("网关", "Gateway")
GATEWAY_ONLINE = Text("在线", "online")
GATEWAY_OFFLINE = Text("离线", "offline")
HANGS_ON = Text("接在", "Hangs on")
ONLY_GATEWAY = Text("只接在网关上", "its gateway alone")
FACILITY = Text("设施", "Facility")
INTERVAL = Text("上报间隔", "Reports every")
SECONDS = Text("{count} 秒", "{count} s")
SERIAL = Text("序列号", "Serial number")
MODEL = Text("型号", "Model")
IN_SERVICE = Text("启用时间", "In service since")
COORDINATES = Text("坐标（WGS 84）", "Coordinates (WGS 84)")
UNKNOWN = Text("未知", "not known")
ALERTS_NOW = Text("当前告警", "Alerts now")
NO_ALERTS = Text("没有未关闭的告警。", "No open alerts.")
READINGS = Text("最新读数", "Newest readings")
NO_READINGS = Text("还没有读数。", "No readings yet.")
STORE_SILENT = Text("读数库没有应答。", "The store of readings does not answer.")
TO_CURVES = Text("在设施页看曲线", "Curves on the facility's page")
HANGING = Text("接在它上面的", "What hangs on it")
NOTHING_HANGS = Text("没有设备接在它上面。", "Nothing hangs on it.")
MERGED_INTO = Text("已并入", "merged into")

# --- facts, history ---
FACTS = Text("事实与来源", "Facts and their sources")
NO_FACTS = Text("没有人说明过来源。", "Nobody has said where these are from.")
FACTS_HELP = Text(
    "说法不一时，两种说法并列，由人确定。", "Where two sources disagree both stand here, until somebody settles it."
)
SOURCE = Text("{source}，{when}，可信度 {confidence}", "{source}, {when}, confidence {confidence}")
BY_PERSON = Text("人工确认", "settled by a person")
FROM_REGISTRY = Text("原登记", "the registry of old")
AGAINST = Text(
    "{source} 说：{value}（{when}，可信度 {confidence}）", "{source} says {value} ({when}, confidence {confidence})"
)
CONTRADICTED = Text("说法不一", "contradicted")
STALE = Text("久未确认", "stale")
CONFIRM = Text("确认现值", "Confirm what stands")
TAKE = Text("采用 {value}", "Take {value}")
HISTORY = Text("变更历史", "History")
NO_HISTORY = Text("没有变更记录。", "Nothing is recorded.")
REGISTERED = Text("登记", "Registered")
CHANGED = Text("修改", "Changed")
REMOVED = Text("移除", "Removed")
FROM_TO = Text("{field}：{before} → {after}", "{field}: {before} → {after}")
BY = Text("{who} · {when}", "{who} · {when}")
SOURCE_OF = Text("来源：{source}", "source: {source}")
NOBODY = Text("系统", "Linli")
STOOD = Text("装机记录", "What stood here")
STANDS_SINCE = Text("{since} 至今", "since {since}")
STOOD_FROM = Text("{since} 至 {until}", "{since} to {until}")
WHEN_UNKNOWN = Text("何时不详", "nobody knows when")
NO_SERIAL = Text("序列号未知", "serial not known")

# --- changing devices ---
EDIT_DEVICE = Text("修改设备", "Edit the device")
MOVE = Text("移到别处", "Move")
MOVE_HELP = Text(
    "同一小区内的另一个地点。编号、读数和历史不变。",
    "Another place of the same compound. Id, readings and history stay.",
)
WHERE_TO = Text("移到", "To")
PLACE_MISSING = Text("请选择地点。", "Choose a place.")
REPLACE = Text("更换", "Replace")
REPLACE_TITLE = Text("换上另一台", "Put another in its place")
REPLACE_HELP = Text(
    "位置、编号、读数和历史不变；旧序列号留在装机记录里。",
    "Place, id, readings and history stay; the old serial is kept below what stood here.",
)
NEW_SERIAL = Text("新序列号", "New serial number")
REASON = Text("原因", "Reason")
SERIAL_MISSING = Text("请填写新序列号。", "Give the new serial number.")
REASON_MISSING = Text("请填写原因。", "Say why.")
MERGE = Text("合并重复", "Merge a duplicate")
MERGE_HELP = Text(
    "选出与本设备重复的那条记录：它会被移除，指向它的一切改为指向本设备。",
    "Choose the record that is this device once more: it goes, and what refers to it refers to this one.",
)
DUPLICATE = Text("重复的记录", "The duplicate")
DUPLICATE_MISSING = Text("请选择重复的记录。", "Choose the duplicate.")
INTERVAL_S = Text("上报间隔（秒，可空）", "Reports every (seconds; empty: no promise)")
SINCE_DAY = Text("启用日期（如 2026-10-01，可空）", "In service since (2026-10-01; may be empty)")
LATITUDE = Text("纬度（可空）", "Latitude (may be empty)")
LONGITUDE = Text("经度（可空）", "Longitude (may be empty)")
NO_NUMBER = Text("{field}：{value} 不是数", "{field}: {value} is no number")
NO_DAY = Text("启用日期须写成 2026-10-01", "In service since is written 2026-10-01")
SEEK = Text("输入名称、号码或编号", "Type a name, number or id")
CHOOSE_NONE = Text("（无）", "(none)")
NOTHING_LIKE = Text("没有符合的。", "Nothing like that.")

# --- floor plans ---
FLOOR_PLAN = Text("平面图", "Floor plan")
FLOOR_PLANS = Text("平面图", "Floor plans")
NO_PLANS = Text("还没有平面图。", "No floor plans yet.")
ADD_PLAN = Text("新增平面图", "Add a floor plan")
ADD_PLAN_HELP = Text(
    "PNG、JPEG 或 WebP，最大 8 MB。SVG 可能带有脚本，不接受；请先导出为图片。",
    "PNG, JPEG or WebP, 8 MB at most. SVG can carry scripts and is not taken: export it as a picture first.",
)
PLAN_WIDTH = Text("图的总宽对应的实际宽度（米）", "How wide the drawing is in reality (metres)")
PLAN_HEIGHT = Text("总高对应的实际高度（米）", "How high it is in reality (metres)")
DRAWING_FILE = Text("图纸文件", "File of the drawing")
UPLOAD = Text("上传", "Upload")
UPLOAD_OTHER = Text("换一张图", "Upload another drawing")
NO_FILE = Text("请选择图纸文件。", "Choose the file of the drawing.")
WIDTH_MISSING = Text("请填写实际宽度，须大于 0。", "Give the width in metres, more than 0.")
NO_DRAWING = Text("还没有图。", "It has no drawing yet.")
NO_DRAWING_GUARD = Text("有权限的人上传后会显示在这里。", "It appears here once somebody who may has uploaded it.")
UPLOADING = Text("正在上传……", "Uploading …")
UPLOAD_FAILED = Text("没有上传成功，请检查网络后再试。", "The upload failed: check the connection, then try again.")
DRAWN_OF = Text("{name}的平面图，{count} 台设备", "Floor plan of {name}, {count} devices")
PLAN_SIZE = Text("{width} × {height} 米", "{width} x {height} m")
DEVICES_ON_IT = Text("图上的设备", "Devices on it")
NOT_ON_IT = Text("还没有放到图上的", "Not on a plan yet")
MORE_WAITING = Text(
    "只列出前 {count} 台；其余可从设备页放到图上。",
    "Only the first {count} are listed: place any other from its own page.",
)
NO_DEVICES_ON_IT = Text("图上还没有设备。", "No devices on it yet.")
ALL_ON_IT = Text("这里的设备都已在图上。", "All devices of this place are on a plan.")
PLACE_IT = Text("放到图上", "Place it")
MOVE_IT = Text("移动", "Move")
TAKE_OFF = Text("从图上取下", "Take it off")
TAKE_OFF_HELP = Text(
    "设备仍在登记里，只是不再显示在图上。", "The device stays in the registry; it is only not on the drawing any more."
)
PLACING = Text("正在放置：{name}", "Placing: {name}")
PRESS_HERE = Text(
    "在图上点一下它的位置，或填写两个数，然后保存。",
    "Press where it is on the drawing, or fill in the two numbers, then save.",
)
FROM_LEFT = Text("距左边（%）", "From the left (%)")
FROM_TOP = Text("距上边（%）", "From the top (%)")
SPOT_MISSING = Text(
    "请在图上点一下，或填写 0 到 100 之间的两个数。", "Press on the drawing, or give two numbers from 0 to 100."
)
CANCEL_PLACING = Text("取消", "Cancel")
PROPORTIONS = Text(
    "图的宽高比与登记的米数不符（差 {percent}%），距离会有偏差；可在“修改”中改正。",
    "The drawing's proportions are not those of its metres (off by {percent}%), so distances are: mend that under Edit.",
)
REMOVE_DRAWING = Text("删除图纸", "Remove the drawing")
REMOVE_DRAWING_HELP = Text(
    "平面图和设备的位置保留，只删除图片。", "The plan and where devices are on it stay: only the picture goes."
)
REMOVE_PLAN = Text("移除平面图", "Remove the plan")
ON_PLAN = Text("在平面图上的位置", "Where it is on a floor plan")
ON_NO_PLAN = Text("不在任何平面图上。", "On no floor plan.")
SEE_PLAN = Text("打开平面图", "Open the floor plan")
PLACE_ON = Text("放到“{name}”上", "Place it on “{name}”")
LEGEND = Text("图例", "Legend")

# --- fields and names ---
MORE_FIELDS: Mapping[str, Text] = {
    "community": Text("小区", "Compound"),
    "timezone": Text("时区", "Time zone"),
    "latitude": Text("纬度", "Latitude"),
    "longitude": Text("经度", "Longitude"),
    "plan": Text("平面图", "Floor plan"),
    "x_m": Text("距图左边（米）", "From the plan's left (m)"),
    "y_m": Text("距图上边（米）", "From the plan's top (m)"),
    "file": Text("文件", "File"),
    "width_m": Text("宽（米）", "Width (m)"),
    "height_m": Text("高（米）", "Height (m)"),
}
"""What fields are called, besides `registry_texts.FIELDS`."""

NAMED: Mapping[str, Text] = {
    "building": Text("{code}号楼", "Building {code}"),
    "unit": Text("{code}单元", "Unit {code}"),
    "floor": Text("{code}层", "Floor {code}"),
    "room": Text("{code}室", "Room {code}"),
    "dwelling": Text("{code}室", "Room {code}"),
}
"""What a place with a number is called, if nobody says otherwise."""
