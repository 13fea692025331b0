"""What a browser says it is, in words that somebody recognises their own machine by. Only shown; nothing is decided by it."""

from linli.i18n import Text

_PROGRAMS = (
    ("MicroMessenger/", Text("微信", "WeChat")),
    ("DingTalk/", Text("钉钉", "DingTalk")),
    ("Edg/", Text("Edge", "Edge")),
    ("OPR/", Text("Opera", "Opera")),
    ("Firefox/", Text("Firefox", "Firefox")),
    ("HeadlessChrome/", Text("Chrome", "Chrome")),
    ("Chrome/", Text("Chrome", "Chrome")),
    ("Safari/", Text("Safari", "Safari")),
    ("curl/", Text("curl", "curl")),
    ("python", Text("Python 脚本", "a Python script")),
)
"""Who names another one too, for old pages' sake, stands before it."""

_MACHINES = (
    ("HarmonyOS", Text("鸿蒙", "HarmonyOS")),
    ("OpenHarmony", Text("鸿蒙", "HarmonyOS")),
    ("iPhone", Text("iPhone", "iPhone")),
    ("iPad", Text("iPad", "iPad")),
    ("Android", Text("安卓", "Android")),
    ("Windows", Text("Windows", "Windows")),
    ("Macintosh", Text("Mac", "Mac")),
    ("Linux", Text("Linux", "Linux")),
)
_UNKNOWN = Text("未知的浏览器", "an unknown browser")


def browser_words(agent: str) -> Text:
    """'Chrome · Windows', of a User-Agent header."""
    program = next((words for mark, words in _PROGRAMS if mark in agent), None)
    machine = next((words for mark, words in _MACHINES if mark in agent), None)
    if program is None or machine is None:
        return program or machine or _UNKNOWN
    return Text(f"{program.zh} · {machine.zh}", f"{program.en} · {machine.en}")
