"""Every text of a resident's own page, in Chinese and English; and what the accounts' pages say of residents."""

from collections.abc import Mapping

from linli.i18n import Text
from linli.registry.changes import PERSON, RESIDENT
from linli.registry.facts import RECORDED

MY_DATA = Text("我的信息", "My data")
MY_DATA_HELP = Text(
    "这里是登记的关于您的全部信息。联系方式和同意可以自己修改；其他内容有误，请告诉居委会或物业。",
    "This is what is registered of you. You can change how you are reached and what you agree to; if anything else is wrong, "
    "tell your committee or property manager.",
)
EXPORT = Text("下载全部信息", "Download everything")
NOT_LINKED = Text(
    "您的账号还没有与居民登记关联，所以这里还没有内容。请联系居委会或物业，他们核对身份后会为您关联。",
    "Your account is not linked to the register of residents yet, so there is nothing here. Ask your committee or property "
    "manager: they link it once they know that it is you.",
)

# --- what is known ----------------------------------------------------------------------------------------------------

KNOWN = Text("登记的信息", "What is known")
NOTHING_KNOWN = Text("没有登记其他信息", "Nothing else is registered")
FIELDS: Mapping[tuple[str, str], Text] = {
    ("person", "name"): Text("姓名", "Name"),
    ("person", "sex"): Text("性别", "Sex"),
    ("person", "born"): Text("出生", "Born"),
    ("person", "needs"): Text("需要帮助者须知", "What helpers need to know"),
    ("resident", "relation"): Text("与户的关系", "In the household"),
    ("resident", "since"): Text("入住", "Since"),
    ("resident", "until"): Text("至", "Until"),
    ("contact", "kind"): Text("联系方式", "Way to reach you"),
    ("contact", "value"): Text("号码或地址", "Number or address"),
}
SOURCES: Mapping[str, Text] = {
    PERSON: Text("工作人员登记", "entered by staff"),
    RESIDENT: Text("您本人填写", "said by you"),
    RECORDED: Text("原有登记", "registered before"),
}
SOURCE_FILE = Text("来源：{source}", "source: {source}")
NO_SOURCE = Text("来源不详", "source not known")
SAID_AT = Text("{source}，{when}", "{source}, {when}")
ELSE_SAYS = Text("另一说法：{value}（{source}）", "Another source says: {value} ({source})")
NO_VALUE = Text("无", "nothing")
HOMES = Text("住址", "Where you live")
FORMER = Text("以前的住址", "Former address")
LIVES_THERE_TOO = Text("同住", "With you")
NO_HOME = Text("没有登记住址", "No address is registered")

# --- how to reach somebody --------------------------------------------------------------------------------------------

CONTACTS = Text("联系方式", "How to reach you")
CONTACTS_HELP = Text(
    "按顺序联系。改动立即生效；与工作人员登记的不一致时，他们会看到两种说法。",
    "Tried in this order. A change counts at once; where staff hold something else, they see both.",
)
KIND = Text("种类", "Kind")
VALUE = Text("号码或地址", "Number or address")
VERIFIED = Text("{when} 核实可用", "known to work on {when}")
SAVE = Text("保存", "Save")
REMOVE = Text("删除", "Remove")
ADD = Text("添加", "Add")
ADD_CONTACT = Text("添加联系方式", "Another way to reach you")
CREDENTIALS = Text("门禁卡等", "What opens doors for you")
CREDENTIALS_HELP = Text(
    "刷卡记录凭号码归于您，在“导出我的信息”里。有误或遗失请联系物业。",
    "By the number a swipe is known to be yours; “export my data” has them. If one is wrong or lost, tell the property manager.",
)
NO_CREDENTIALS = Text("没有登记", "None is registered")
USED_SINCE = Text("{since} 起", "since {since}")
USED_UNTIL = Text("至 {until}", "until {until}")
NO_CONTACTS = Text("没有登记联系方式", "No way to reach you is registered")

# --- consent ----------------------------------------------------------------------------------------------------------

CONSENTS = Text("同意", "What you agree to")
CONSENTS_HELP = Text("每一项都可以随时改变，立即生效。", "You can change each of these at any time; it counts at once.")
AGREED = Text("同意", "Yes")
NOT_AGREED = Text("不同意", "No")
NEVER_ASKED = Text("还没有问过您", "You have not been asked yet")
SAID_WHEN = Text("{when} 起，{source}", "since {when}, {source}")
BY_FORM = Text("来自{source}", "from {source}")

# --- who looked -------------------------------------------------------------------------------------------------------

LOOKS = Text("谁看过您的信息", "Who looked at your data")
LOOKS_HELP = Text(
    "每次查看都有记录，写明目的。您自己的查看不列出。",
    "Every look is written down, with what it was for. Your own are left out.",
)
NO_LOOKS = Text("还没有人查看", "Nobody has looked yet")
ONLY_NEWEST = Text("只列出最近 {n} 次，全部见下载的文件。", "Only the newest {n} are listed; the download has all.")
ON_THEIR_PAGE = Text("在其本人的页面上看到您的姓（已遮挡）", "Your name, masked, on their own page")
OF_ORGANISATION = Text("{who}（{organisation}）", "{who}, {organisation}")

# --- what became of it ------------------------------------------------------------------------------------------------

SAID: Mapping[str, Text] = {
    "added": Text("已添加。", "Added."),
    "changed": Text("已保存。", "Saved."),
    "removed": Text("已删除。", "Removed."),
    "agreed": Text("已记下您的决定。", "Your decision is noted."),
}
FAULTS: Mapping[str, Text] = {
    "bad": Text("号码或地址不对，没有保存。", "That is no number or address of this kind; nothing was saved."),
    "full": Text("联系方式太多，请先删除一种。", "There are too many ways to reach you: remove one first."),
    "late": Text(
        "刚才有人改动过，请看一下现在的内容再改。",
        "Somebody has changed it meanwhile: look at it as it is now, then change it.",
    ),
    "gone": Text("它已经不在了。", "It is not there any more."),
    "busy": Text("现在无法保存，请稍后再试。", "It cannot be saved now. Please try again later."),
}

# --- for who manages accounts -----------------------------------------------------------------------------------------

PERSON_ID = Text("居民编号", "Id in the register of residents")
PERSON_ID_HELP = Text(
    "此人在居民登记中的编号，“住户”页中写在姓名下面。请先核对来人身份。留空则看不到任何信息。",
    "The person's id in the registry: it stands below the name under Residents. Be sure that it is they who ask. Left empty, they "
    "see nothing.",
)
LINKED_TO = Text("本人：{person}", "Themselves: {person}")
LINKED_TO_NOBODY = Text("没有关联居民", "Linked to nobody")
