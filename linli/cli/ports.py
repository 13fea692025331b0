"""Is a port free, and if not, who has it: said so that the reader knows what to do."""

import errno
import itertools
import socket
from dataclasses import dataclass
from pathlib import Path

from linli.errors import ConfigError, PortTaken
from linli.i18n import Text


@dataclass(frozen=True, slots=True)
class Use:
    """What a port is wanted for: its name, how to choose another, and whether it is the one with the page."""

    name: Text
    remedy: Text
    page: bool = False


API = Use(Text("网页与接口", "page and API"), Text("用 --port 换一个端口", "choose another with --port"), page=True)
BROKER = Use(
    Text("MQTT 消息服务器", "MQTT broker"),
    Text("用环境变量 LINLI_BROKER_PORT 换一个端口", "choose another with LINLI_BROKER_PORT"),
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who listens on a port."""

    pid: int
    name: str
    linli: bool


def is_open(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def require_free(host: str, port: int, use: Use) -> None:
    """Return if Linli can listen on `host`:`port`.

    Raises PortTaken naming the process that has it and what to do, or ConfigError if the address cannot be listened on at
    all.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _taken(host, port, use) from None
        said = error.strerror or str(error)
        raise ConfigError(
            Text(
                f"{use.name.zh}无法在 {host}:{port} 监听：{said}。{use.remedy.zh}",
                f"the {use.name.en} cannot listen on {host}:{port}: {said}; {use.remedy.en}",
            )
        ) from None


def _taken(host: str, port: int, use: Use) -> PortTaken:
    holder = find_holder(port)
    if holder is None:
        who = Text("另一个进程（没有权限查看是哪个）", "another process (not one that you may look at)")
        stop = Text("停止它", "stop it")
    else:
        who = Text(f"进程 {holder.pid}（{holder.name}）", f"process {holder.pid} ({holder.name})")
        stop = Text(f"停止它（kill {holder.pid}）", f"stop it (kill {holder.pid})")
    zh = f"端口 {port}（{use.name.zh}）已被{who.zh}占用。"
    en = f"port {port} ({use.name.en}) is taken by {who.en}."
    if holder is not None and holder.linli and use.page:
        zh += (
            f"那是已在运行的 Linli：请打开 http://{host}:{port}；要再启动一个，{use.remedy.zh}，并用 --data 另选目录。"
        )
        en += (
            f" That is a Linli already running: open http://{host}:{port}."
            f" To run a second one, {use.remedy.en} and another folder with --data."
        )
    else:
        zh += f"请{stop.zh}，或{use.remedy.zh}。"
        en += f" Either {stop.en}, or {use.remedy.en}."
    return PortTaken(Text(zh, en), port=port, pid=holder.pid if holder else None)


def find_holder(port: int) -> Holder | None:
    """The process that listens on TCP `port`, or None where the system does not tell."""
    import psutil

    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        pid = next((c.pid for c in listening if c.laddr and c.laddr[1] == port and c.pid), None)
        if pid is None:
            return None
        process = psutil.Process(pid)
        command = process.cmdline()
        return Holder(pid, _shown(process.name(), command), _is_linli(command))
    except psutil.Error:
        return None


def _shown(name: str, command: list[str]) -> str:
    """The program's name; for Python also what it runs. Not the whole command line: it may hold somebody's secret."""
    if not name.startswith("python"):
        return name
    if "-m" in command[:-1]:
        return f"{name} -m {command[command.index('-m') + 1]}"
    script = next((word for word in command[1:] if not word.startswith("-")), "")
    return f"{name} {Path(script).name[:40]}".strip() if script.endswith(".py") or "/" in script else name


def _is_linli(command: list[str]) -> bool:
    return any(pair == ("-m", "api") for pair in itertools.pairwise(command))
