"""Every text of the console that is not in `api.words`, in Chinese and English. Pages hold none of their own (a test
looks)."""

from linli.i18n import Language, Text

BRAND = Text("邻里", "Linli")
TAGLINE = Text("小区安全与设施值守", "Safety and facilities of the compound")
ALERTS = Text("告警", "Alerts")
FACILITIES = Text("设施", "Facilities")
SIGN_OUT = Text("退出登录", "Sign out")
OTHER_LANGUAGE = Text("English", "中文")
"""Names the language that a press of the switch gives, in that language."""
SKIP = Text("跳到正文", "Skip to content")
MAIN_NAVIGATION = Text("主导航", "Main navigation")

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
DATA_NAMES = {
    "floor": Text("楼层", "floor"),
    "door_zone": Text("在平层区", "at a landing"),
    "occupied": Text("有人", "occupied"),
    "pressed": Text("按下", "pressed"),
    "credential": Text("凭证", "credential"),
    "zone": Text("区域", "zone"),
    "confidence": Text("置信度", "confidence"),
    "contact": Text("门磁", "contact"),
    "command": Text("命令", "command"),
    "seconds": Text("秒数", "seconds"),
}
"""What the data of discrete events is called."""
CLOSE = Text("关闭告警", "Close alert")
CLOSE_HELP = Text("说明怎么处理的、结果如何；这条记录会保留。", "Say what was done and how it ended; this is kept.")
REASON = Text("关闭原因（必填）", "Reason (required)")
REASON_MISSING = Text("请填写关闭原因", "Please give a reason")
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


def words(language: str, **texts: Text) -> dict[str, str]:
    """Texts for a component that runs in the browser, in one language."""
    return {name: text.of(language) for name, text in texts.items()}
