"""Words that several commands say: how a part is, and for how long."""

from linli.cli.restart import State
from linli.cli.supervisor import PartStatus
from linli.i18n import Text

STATE_WORDS: dict[State, Text] = {
    State.STOPPED: Text("已停止", "stopped"),
    State.STARTING: Text("启动中", "starting"),
    State.READY: Text("运行中", "running"),
    State.SILENT: Text("无响应", "not answering"),
    State.WAITING: Text("等待重启", "restarting"),
    State.STOPPING: Text("停止中", "stopping"),
}


def state_word(part: PartStatus) -> Text:
    """How a part is, in a word. A part that runs and has something to complain of is degraded."""
    if part.state is State.READY and part.reason.en:
        return Text("有异常", "degraded")
    return STATE_WORDS[part.state]


def duration(seconds: float) -> Text:
    """A stretch of time, in two units at most: '3 min 20 s', '2 h 05 min', '4 d 3 h'."""
    whole = int(seconds)
    if whole < 60:
        return Text(f"{whole} 秒", f"{whole} s")
    if whole < 3600:
        return Text(f"{whole // 60} 分 {whole % 60:02} 秒", f"{whole // 60} min {whole % 60:02} s")
    if whole < 86400:
        hours, minutes = whole // 3600, whole % 3600 // 60
        return Text(f"{hours} 小时 {minutes:02} 分", f"{hours} h {minutes:02} min")
    return Text(f"{whole // 86400} 天 {whole % 86400 // 3600} 小时", f"{whole // 86400} d {whole % 86400 // 3600} h")
