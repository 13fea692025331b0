"""Every text of the residents' pages, in Chinese and English."""

from linli.i18n import Text

PERSONS = Text("住户", "Residents")
PERSONS_HELP = Text(
    "姓名与联系方式默认脱敏。每次查看都连同目的记入审计日志，本人可以查询。",
    "Names and contacts are masked. Each look is written into the audit log with its purpose, and the person may ask for it.",
)
PURPOSE = Text("查看目的", "What for")
CHOOSE = Text("请选择", "Choose one")
REASON = Text("原因（一句话）", "Why, in a sentence")
PURPOSE_MISSING = Text("请选择查看目的。", "Say what for.")
REASON_MISSING = Text("请写明原因。", "Say why, in a sentence.")
COMMUNITY = Text("小区", "Compound")
EVERY_COMMUNITY = Text("全部", "All")
BUILDING = Text("楼栋", "Building")
UNIT = Text("单元", "Unit")
ROOM = Text("房号", "Room")
SEARCH = Text("姓名或联系方式（须写原因）", "Within names and contacts (takes a reason)")
REMOVED_ONES = Text("已移除的", "Those removed")
SHOW = Text("查看", "Show")
NOBODY = Text("没有符合的住户。", "Nobody matches.")
MORE = Text("更多", "More")
COMMUNITY_FIRST = Text("按房号查找须先选小区。", "Choose the compound to find a room.")
ROOM_AT = Text("{address}", "{address}")
NO_HOME = Text("这里还没有登记住户。", "Nobody is registered here yet.")
ADD_HOME = Text("登记一户", "Register a household")
HOME = Text("住户（户）", "Household")
HOME_KIND = Text("种类", "Kind")
HAS_NEEDS = Text("有需要照顾的情况", "There is something that helpers have to know")
BORN_IN = Text("{born} 年生", "born {born}")

BACK = Text("返回住户", "Back to residents")
NO_SUCH = Text("没有这个住户，或您无权查看。", "There is no such resident, or you may not see them.")
SAY_WHY = Text("查看前请说明目的", "Before you look, say what for")
LOOKING = Text("查看目的：{purpose}", "Looked at for: {purpose}")
MASKED = Text("已脱敏", "Masked")
IN_FULL = Text("未脱敏", "In full")
WAS_REMOVED = Text("已移除", "Removed")
UNMASK = Text("显示完整信息", "Show in full")
UNMASK_HELP = Text(
    "完整信息显示两分钟后自动隐藏。目的与原因记入审计日志。",
    "It is shown for two minutes and hidden again. What for and why are written into the audit log.",
)
HIDE = Text("隐藏", "Hide")
LEFT = Text("{n} 秒后自动隐藏", "hidden again in {n} s")
FACTS = Text("基本信息", "What is known")
NAME = Text("姓名", "Name")
SEX = Text("性别", "Sex")
BORN = Text("出生（年、年-月或年-月-日）", "Born (year, month or day)")
BORN_SHORT = Text("出生", "Born")
NEEDS = Text("需要照顾", "What helpers have to know")
NOT_KNOWN = Text("不详", "not known")
STILL_THERE = Text("仍在此居住", "still there")
STILL_THEIRS = Text("仍在使用", "still theirs")
HOMES = Text("住处", "Homes")
CONTACTS = Text("联系方式", "How to reach them")
CREDENTIALS = Text("门禁卡等凭证", "What opens doors for them")
NUMBER = Text("号码（与读卡器上报的一致）", "Number, as the readers report it")
NUMBER_SHORT = Text("号码", "Number")
USED_SINCE = Text("启用", "Since")
USED_UNTIL = Text("停用", "Until")
ADD_CREDENTIAL = Text("添加凭证", "Add a credential")
CONSENTS = Text("同意", "What they agreed to")
NONE = Text("没有。", "None.")
SINCE = Text("入住", "Since")
UNTIL = Text("迁出", "Until")
RELATION = Text("与户主关系", "To the household")
ORDER = Text("次序（小的先联系）", "Order (the lowest is tried first)")
BAD_ORDER = Text("次序须为 0 到 999 的整数", "The order is a whole number, 0 to 999")
ORDER_SHORT = Text("次序", "Order")
KIND = Text("种类", "Kind")
VALUE = Text("号码或地址", "Number or address")
VERIFIED = Text("核实", "Verified")
NOT_VERIFIED = Text("未核实", "not verified")
VERIFIED_NOW = Text("刚刚核实有效", "It was found to work just now")
GIVEN = Text("同意", "Agreed")
WITHDRAWN = Text("不再同意", "No longer")
CONSENT_FOR = Text("用途", "For")
AT = Text("时间", "When")
HOW_SAID = Text("如何表示的（表格、当面……）", "How they said so (a form, in person ...)")
SAID_BY = Text("{source}，{when}，可信度 {sure}", "{source}, {when}, {sure} sure")
AGAINST = Text("另有说法：{value}（{source}）", "contradicted: {value} ({source})")
SOURCES = {
    "person": Text("人工核定", "settled by a person"),
    "resident": Text("本人填写", "said by themselves"),
    "registry": Text("原有登记", "as it was registered"),
}

EDIT = Text("修改", "Edit")
SAVE = Text("保存", "Save")
ADD_CONTACT = Text("添加联系方式", "Add a contact")
ADD_CONSENT = Text("记录同意", "Record consent")
ADD_MEMBER = Text("登记成员", "Register a member")
REMOVE = Text("移除", "Remove")
REMOVE_CONTACT_HELP = Text("从登记中移除，历史保留。", "It is taken out; its history stays.")
REMOVE_HELP = Text(
    "连同住处、联系方式和同意一并移出登记；可以恢复。",
    "With homes, contacts and what they agreed to. They can be brought back.",
)
BRING_BACK = Text("恢复", "Bring back")
BRING_BACK_HELP = Text("连同一起移除的内容一并恢复。", "With what was removed along with them.")
MERGE = Text("合并重复的人", "Merge a duplicate")
MERGE_HELP = Text(
    "把另一条记录并入此人：住处、联系方式、同意和各来源的说法都转过来。",
    "The other record becomes part of this one: homes, contacts, consents and what was said move over.",
)
DUPLICATE = Text("重复记录的编号", "Id of the duplicate")
ID = Text("编号", "Id")
HISTORY = Text("变更历史", "History")
HISTORY_HELP = Text("历史为完整信息，须写明原因。", "It is in full, and takes a reason.")
HISTORY_OF = Text("历史", "Changes")
LOOKS = Text("谁看过", "Who has looked")
NO_LOOKS = Text("还没有人看过。", "Nobody yet.")
EXPORT = Text("导出其全部信息", "Export all that is known")
EXPORT_HELP = Text(
    "得到一个文件，交给本人。输入此人的编号确认。",
    "You get a file, to be handed to the person. Type their id to confirm.",
)
ERASE = Text("彻底删除", "Erase")
ERASE_HELP = Text(
    "只留下“曾有此人”，不能撤销。输入此人的编号确认。",
    "Nothing stays but that there was somebody. It cannot be undone. Type their id to confirm.",
)
ERASED = Text("已删除，清空 {n} 条记录。", "Erased: {n} records are empty now.")
CONFIRM_ID = Text("输入编号 {id}", "Type the id {id}")
WRONG_ID = Text("编号不一致。", "That is not the id.")
RIGHTS = Text("本人的权利", "The person's own rights")
MEMBERS = Text("成员", "Members")
NO_MEMBERS = Text("没有登记成员。", "Nobody is registered.")
REMOVE_HOME_HELP = Text("成员须先迁出或移除。", "Its members have to be moved or removed first.")
FIELD_MISSING = Text("请填写{name}。", "Fill in: {name}.")
CHANGED_BY = Text("{when} · {who}", "{when} · {who}")
GONE = Text("移除", "removed")
EMPTY = Text("（空）", "(empty)")

FIELDS = {
    "name": NAME,
    "sex": SEX,
    "born": BORN_SHORT,
    "needs": NEEDS,
    "kind": KIND,
    "value": VALUE,
    "position": ORDER_SHORT,
    "verified_at": VERIFIED,
    "relation": RELATION,
    "since": SINCE,
    "until": UNTIL,
    "household": HOME,
    "purpose": CONSENT_FOR,
    "given": GIVEN,
    "at": AT,
    "source": HOW_SAID,
}

FIELDS_OF = {
    ("credential", "value"): NUMBER_SHORT,
    ("credential", "since"): USED_SINCE,
    ("credential", "until"): USED_UNTIL,
}
"""Where a field of a kind is called otherwise."""
