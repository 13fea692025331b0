"""Every text of the console that is not in `api.words`, in Chinese and English. Pages hold none of their own (a test
looks)."""

from linli.i18n import Language, Text

BRAND = Text("邻里", "Linli")
TAGLINE = Text("小区安全与设施值守", "Safety and facilities of the compound")
ALERTS = Text("告警", "Alerts")
FACILITIES = Text("设施", "Facilities")
ARMING = Text("布防", "Arming")
RULES = Text("规则", "Rules")
SIGN_OUT = Text("退出登录", "Sign out")
OTHER_LANGUAGE = Text("English", "中文")
"""Names the language that a press of the switch gives, in that language."""
SKIP = Text("跳到正文", "Skip to content")
MAIN_NAVIGATION = Text("主导航", "Main navigation")
MORE_PAGES = Text("更多", "More")
MORE_PAGES_HERE = Text("更多（当前：{page}）", "More (here: {page})")

# --- sign-in --------------------------------------------------------------------------------------------------------

SIGN_IN = Text("登录", "Sign in")
NAME = Text("用户名", "Name")
PASSWORD = Text("密码", "Password")
WRONG_PASSWORD = Text(
    "用户名或密码不对。忘记密码请联系管理员重置。",
    "Wrong name or password. An administrator can reset a lost password.",
)
TOO_MANY_TRIES = Text("尝试次数过多，请稍等一分钟再试。", "Too many tries. Wait a minute, then try again.")
SIGNED_OUT = Text("登录已失效，请重新登录。", "You have been signed out. Please sign in again.")

# --- alerts ---------------------------------------------------------------------------------------------------------

OPEN_ALERTS = Text("未关闭", "Open")
ALL_ALERTS = Text("全部", "All")
FILTER_BY_SEVERITY = Text("按级别筛选", "Filter by severity")
FILTER_BY_STATE = Text("按状态筛选", "Filter by state")
NOTHING_OPEN = Text("当前没有未关闭的告警", "No open alerts")
NOTHING_OPEN_MORE = Text("有新告警会立刻出现在这里，并发出声音。", "A new alert appears here at once, with a sound.")
NOTHING_MATCHES = Text("没有符合筛选条件的告警", "No alert matches the filter")
ACKNOWLEDGE = Text("确认", "Acknowledge")
ACKNOWLEDGE_TITLE = Text("确认告警", "Acknowledge alert")
ACKNOWLEDGE_HELP = Text("确认表示由您来处理。", "Acknowledging means that you take care of it.")
COMMENT = Text("备注（可不填）", "Comment (optional)")
CANCEL = Text("取消", "Cancel")
TIMES = Text("{n} 次，最近 {when}", "{n} times, last {when}")
CONFIRMED_MARK = Text("已证实", "Confirmed")
HISTORIC_MARK = Text("历史", "Historic")
LATCHED_MARK = Text("须人工关闭", "A person must close it")
ACKNOWLEDGED_BY = Text("{who} · {when}", "{who} · {when}")
CLOSED_BY = Text("{who} 关闭 · {when}", "closed by {who} · {when}")
BY_RULE = Text("系统", "System")

BACK_TO_ALERTS = Text("返回告警列表", "Back to alerts")
WHY = Text("原因", "Why")
WHAT_TO_DO = Text("处置建议", "What to do")
EVIDENCE = Text("证据", "Evidence")
SNAPSHOT_OF = Text("{device} 的抓拍", "Picture taken by {device}")
NO_EVIDENCE = Text("没有保存证据", "No evidence is kept")
HISTORY = Text("处理记录", "History")
PLACE = Text("位置", "Where")
OPENED = Text("发生时间", "Opened")
LAST_SEEN = Text("最近一次", "Last seen")
OCCURRENCES = Text("次数", "Occurrences")
STATE = Text("状态", "State")
TIME = Text("时间", "Time")
DEVICE = Text("设备", "Device")
OBSERVATION = Text("观测", "Observation")
VALUE = Text("数值", "Value")
LIST_COMMA = Text("，", ", ")
LIST_PAUSE = Text("、", ", ")
LIST_SEMICOLON = Text("；", "; ")
COLON = Text("：", ": ")
YES = Text("是", "yes")
NO = Text("否", "no")
CLOSE = Text("关闭告警", "Close alert")
CLOSE_HELP = Text("说明怎么处理的、结果如何；这条记录会保留。", "Say what was done and how it ended; this is kept.")
REASON = Text("关闭原因（必填）", "Reason (required)")
REASON_MISSING = Text("请填写关闭原因", "Please give a reason")
SHELVE = Text("搁置", "Shelve")
SHELVE_TITLE = Text("搁置告警", "Shelve alert")
SHELVE_HELP = Text(
    "到时间会自动恢复；期间不再催人处理，但仍列在告警里。",
    "It comes back by itself. Until then it asks for nobody, and is still listed.",
)
SHELVE_FOR = Text("搁置多久", "For how long")
SHELVE_REASON = Text("搁置原因（必填）", "Reason (required)")
SHELVE_REASON_MISSING = Text("请填写搁置原因", "Please give a reason")
UNSHELVE = Text("恢复处理", "Take up again")
UNSHELVE_HELP = Text("不等到时间，现在就恢复处理。", "Take it up again now, before its time.")
SHELVED_UNTIL = Text("到 {when}", "until {when}")
SHELVED_NOTE = Text("已搁置到 {when}", "Shelved until {when}")
CLAUSE = Text("触发条件", "What it waits for")
BEGAN = Text("条件成立", "True since")
HELD = Text("持续", "Held for")
FIRED = Text("触发", "Fired at")
RULE = Text("规则", "Rule")
NO_SUCH_ALERT = Text("没有这条告警，或您无权查看。", "There is no such alert, or you may not see it.")


# --- facilities -----------------------------------------------------------------------------------------------------

SINCE = Text("自 {when} 起", "since {when}")
AND_MORE = Text("另有 {n} 条", "and {n} more")
SHOW_ALERT = Text("查看告警", "Show the alert")
NO_FACILITIES = Text("没有您可以查看的设施", "There are no facilities that you may see")
BACK_TO_FACILITIES = Text("返回设施", "Back to facilities")
NO_SUCH_FACILITY = Text("没有这个设施，或您无权查看。", "There is no such facility, or you may not see it.")
LATEST_VALUES = Text("最新数值", "Latest values")
LAST_24_HOURS = Text("最近 24 小时", "Last 24 hours")
STALE_AGE = Text("已过时 · {age}", "stale · {age}")
NEVER = Text("从未上报", "Never reported")
UNREADABLE = Text("现在读不到：读数库没有应答", "Cannot be read now: the store of readings does not answer")
NO_READINGS = Text("这段时间没有读数", "No readings in this time")
MEAN = Text("平均", "Mean")
RANGE = Text("最小至最大", "Minimum to maximum")

# --- rules ----------------------------------------------------------------------------------------------------------

RULES_HELP = Text(
    "系统按这些规则产生告警。规则写在文件里，由管理员修改。",
    "Alerts come from these rules. They are written in files, which an administrator changes.",
)
NO_RULES = Text("读不到任何规则，请通知管理员。", "No rules can be read. Please tell an administrator.")
RULES_FAULTY = Text(
    "规则文件有误，改动没有生效，仍按原来的规则告警：{fault}",
    "There is a fault in the rule files: what was changed does not count, and the rules as before stay in force: {fault}",
)
NO_SUCH_RULE = Text("没有这条规则。", "There is no such rule.")
BACK_TO_RULES = Text("返回规则", "Back to rules")
OPEN_OF_RULE = Text("{n} 条未关闭", "{n} open")
CLAUSES = Text("什么时候告警", "When it raises an alert")
ANY_OF = Text("满足其中一条即告警：", "Any one of these:")
SOURCE = Text("依据", "Source")
LIFE_SAFETY = Text("生命安全", "Life safety")
WATCHES = Text("监视", "Watches")
WATCHED_IN = Text("{devices}（位于 {facilities}）", "{devices} (in {facilities})")
ABOUT = Text("告警对象", "Alerts are about")
FOR_WHOM = Text("通知", "For")
ABOUT_WHAT = {
    "device": Text("设备", "the device"),
    "place": Text("楼栋", "the building"),
    "community": Text("小区", "the compound"),
}
DIFFERENT = Text("各处的不同", "Where it is different")
OFF_HERE = Text("不启用", "Switched off")
PASSED_OVER = Text(
    "与外层的覆盖合在一起说不通，在此被略过：{why}", "Makes no sense over those around it, and is passed over: {why}"
)
OPEN_HERE = Text("未关闭的告警", "Open alerts")
NONE_OPEN = Text("当前没有", "None now")
WATCHED_DEVICES = Text("监视的设备（{n}）", "Devices that it watches ({n})")
NO_DEVICES = Text("没有您可以查看的设备", "None that you may see")

# --- arming ---------------------------------------------------------------------------------------------------------

NO_PLACES = Text("没有您可以查看的地点", "There are no places that you may see")
ARMING_HELP = Text(
    "没有单独设置的地点，随它所在的上级地点。", "A place without a mode of its own goes by the place that it lies in."
)
ONLY_SOME_PLACES = Text(
    "地点较多，只列出楼栋和单独设置过的地点。",
    "There are many places: only buildings, and those with a mode of their own, are listed.",
)
BY_COMPOUND = Text(
    "小区较多：点开一个小区查看其地点；下面先列出单独设置过的地点。",
    "There are many compounds: open one for its places. Places with a mode of their own come first.",
)
PLACES_OF = Text("{count} 个地点，{own} 个单独设置", "{count} places, {own} with a mode of their own")
ALL_COMPOUNDS = Text("全部小区", "All compounds")
ONLY_SOME_FACILITIES = Text(
    "设施较多，只列出最需要看的 {count} 个。",
    "There are many facilities: the {count} that most need a look are listed.",
)
NO_MODE = Text("未设置", "No mode")
AS_AROUND = Text("随 {place}", "as {place}")
SET_MODE = Text("设置", "Set mode")
MODE = Text("模式", "Mode")
INHERIT = Text("随上级地点", "As the place around it")
INHERIT_OF = Text("随 {place}", "As {place}")
MODE_MEANS = {
    "disarmed": Text("有人出入是正常的，有人活动不告警。", "People come and go: that somebody moves raises no alert."),
    "home": Text("有人在家，有人活动不告警。", "Somebody is at home: that somebody moves raises no alert."),
    "away": Text("没有人在，任何时候有人活动都告警。", "Nobody is there: at any hour, whoever moves raises an alert."),
    "night": Text(
        "收工、关门以后，任何时候有人活动都告警。", "Closed for the night: at any hour, whoever moves raises an alert."
    ),
    "care": Text(
        "已征得同意：长时间既没有用水也没有开门就告警。",
        "As was agreed: no water and no door for long raises an alert.",
    ),
    "leave": Text(
        "住户长期不在，没有动静不告警。", "The residents are away for long: that nothing moves raises no alert."
    ),
}
"""What each mode is for, in one line, by the rules that come with Linli."""
UNSET_MEANS = Text(
    "不单独设置；上级也没有设置时，只在夜里有人活动才告警。",
    "No mode of its own; where there is none around it either, whoever moves raises an alert by night alone.",
)
MODE_HELP = Text("操作人、时间和原因都会留下记录。", "Who did it, when and why is kept.")
MODE_REASON = Text("原因（必填）", "Reason (required)")
MODE_REASON_MISSING = Text("请填写原因", "Please give a reason")

# --- commands -------------------------------------------------------------------------------------------------------

CONTROLS = Text("操作", "Controls")
RECENT_COMMANDS = Text("最近的操作", "What was done lately")
NEVER_COMMANDED = Text("还没有操作过", "Nothing was done yet")
COMMAND_HELP = Text("操作人、时间、原因和结果都会留下记录。", "Who did it, when, why and how it ended is kept.")
COMMAND_REASON = Text("原因（必填）", "Reason (required)")
COMMAND_REASON_OPTIONAL = Text("原因（可不填）", "Reason (optional)")
COMMAND_REASON_MISSING = Text("请填写原因", "Please give a reason")
BOUNDS = Text("{name}（{least} 到 {most}，到时自动恢复）", "{name} ({least} to {most}), then it ends by itself")
NO_NUMBER = Text("请填写整数", "Please give a whole number")

# --- live feed, sound, health ---------------------------------------------------------------------------------------

CONNECTION_LOST = Text(
    "与服务器的连接已断开，正在重连。此刻看到的可能不是最新情况。",
    "The connection to the server is lost; reconnecting. What you see may be out of date.",
)
FEED_STOPPED = Text(
    "规则引擎没有在运行，新告警暂时不会出现。", "The rules are not running: new alerts do not appear for now."
)
FEED_DOUBTFUL = Text(
    "{parts}运行异常，新告警可能晚到或不出现。", "Not running well: {parts}. New alerts may come late, or not at all."
)
SOUND_ON = Text("声音已开", "Sound on")
SOUND_OFF = Text("已静音", "Muted")
TEST_SOUND = Text("试听", "Test sound")
SOUND_BLOCKED = Text(
    "浏览器要先点一下页面才能出声。点这里开启声音", "The browser wants a click before it plays sound. Click here"
)
ALL_RUNNING = Text("各部分运行正常", "All parts running")
NOT_RUNNING = Text("运行异常：{parts}", "Not running well: {parts}")
TELL_AN_ADMINISTRATOR = Text(
    "{parts}运行异常，请通知管理员。", "Not running well: {parts}. Please tell an administrator."
)
HEALTH_UNKNOWN = Text("运行状态未知", "Health unknown")
TRY_AGAIN = Text("暂时做不到，请再试一次。", "That did not work. Please try again.")

# --- time -----------------------------------------------------------------------------------------------------------

JUST_NOW = Text("刚刚", "just now")
SECONDS_AGO = Text("{n} 秒前", "{n} s ago")
MINUTES_AGO = Text("{n} 分钟前", "{n} min ago")
HOURS_AGO = Text("{n} 小时前", "{n} h ago")
DAYS_AGO = Text("{n} 天前", "{n} d ago")

# --- errors ---------------------------------------------------------------------------------------------------------

NO_SUCH_PAGE = Text("没有这个页面", "There is no such page")
SERVER_FAILED = Text("服务器出错了，请稍后再试", "The server failed. Please try again later")
HOME = Text("返回首页", "Home page")


def other(language: str) -> Language:
    """The language that a press of the switch gives."""
    return Language.ZH if language == Language.EN else Language.EN


REGISTERED_AS = Text("登记信息", "In the registry")
DEVICES = Text("设备", "Devices")


def words(language: str, **texts: Text) -> dict[str, str]:
    """Texts for a component that runs in the browser, in one language."""
    return {name: text.of(language) for name, text in texts.items()}
