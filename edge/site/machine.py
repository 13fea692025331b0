"""What the machine itself can be wrong about, before any connection: files, the outbox, the clock."""

import shutil
import sqlite3
import tempfile
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

from edge.config import AgentFile, Site
from edge.site.findings import Finding, State
from linli import yamlfile
from linli.clock import SECOND, Clock, format_time
from linli.i18n import Text
from linli.tls import client_context

CLOCK_LIMIT = 60 * SECOND
"""A clock further off than this puts events into the wrong minute, and certificates out of their time."""

_HTTP_S = 5.0
_LEAST_FREE = 20_000_000
_SET_SINCE = 1_735_689_600 * SECOND
"""2025: a clock that shows less has not been set since the machine was switched on."""


def check_secrets(config: Path) -> Iterator[Finding]:
    """Files that others may read and should not."""
    written, _ = yamlfile.load(config, AgentFile)
    entries = [entry for entry in (written.broker, written.device_broker) if entry is not None]
    names = [name for entry in entries for name in (entry.password_file, entry.key) if name is not None]
    files = [config.parent / name for name in names]
    files += [config] if any(entry.password is not None for entry in entries) else []
    for file in dict.fromkeys(files):
        if file.exists() and file.stat().st_mode & 0o077:
            yield Finding(
                "secrets",
                State.MIND,
                Text(f"{file} 里有密码或私钥，其他用户也能读", f"{file} holds a secret, and other users may read it"),
                Text(f"执行 chmod 600 {file}", f"run chmod 600 {file}"),
            )


def check_outbox(site: Site) -> Generator[Finding, None, bool | None]:
    """The outbox's folder and file; returns whether an agent runs on it (None: it cannot be used). Makes nothing: a folder
    that is made here might not be the agent's user's."""
    folder = site.agent.outbox
    above = existing_part(folder)
    try:
        with tempfile.TemporaryFile(dir=above) as probe:
            probe.write(b"x" * 4096)
            probe.flush()
        free = shutil.disk_usage(above).free
    except OSError as error:
        said = error.strerror or str(error)
        yield Finding(
            "outbox",
            State.WRONG,
            Text(f"发件箱目录 {folder} 不可写：{said}", f"the outbox folder {folder} cannot be written: {said}"),
            Text(
                "把目录交给运行边缘代理的用户（chown），或在 outbox 中另写一个；磁盘满则先清理",
                "give the folder to the user that runs the agent (chown), or name another in outbox; a full disk has to be "
                "cleared first",
            ),
        )
        return None
    running, fault = _state_of(folder / "outbox.db")
    if fault is not None:
        yield fault
    else:
        yield _space(folder, free, site.agent.outbox_bytes, running)
    return running


def existing_part(folder: Path) -> Path:
    """The folder, or that above it which is there."""
    return next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())


def _state_of(file: Path) -> tuple[bool, Finding | None]:
    """Whether an agent has it open; and what is wrong with it."""
    if not file.exists():
        return False, None
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=0.5)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return True, None
        return False, Finding(
            "outbox",
            State.WRONG,
            Text(f"发件箱 {file} 打不开：{error}", f"the outbox {file} cannot be opened: {error}"),
            Text("检查文件的所有者与权限（chown）", "check whose file it is, and its permissions (chown)"),
        )
    except sqlite3.DatabaseError as error:
        return False, Finding(
            "outbox",
            State.MIND,
            Text(f"发件箱 {file} 已损坏：{error}", f"the outbox {file} is damaged: {error}"),
            Text(
                "边缘代理启动时会把它放到一旁，另建一个；磁盘可能在坏，请检查",
                "the agent puts it aside when it starts and begins another; the disk may be failing: have a look at it",
            ),
        )
    return False, None


def _space(folder: Path, free: int, wanted: int, running: bool) -> Finding:
    zh, en = (
        ("，一个边缘代理正在使用它", ", an agent runs on it")
        if running
        else ("，没有边缘代理在使用它", ", no agent runs on it")
    )
    if not folder.exists():
        zh, en = "；它还不存在，边缘代理启动时会建立", "; it is not there yet, the agent makes it when it starts"
    said = Text(
        f"发件箱目录 {folder} 可写，余 {free // 1_000_000} MB{zh}",
        f"the outbox folder {folder} can be written, {free // 1_000_000} MB are free{en}",
    )
    clear = Text("清理磁盘，或减小 outbox_bytes", "clear the disk, or make outbox_bytes smaller")
    if free < _LEAST_FREE:
        return Finding("outbox", State.WRONG, said, clear)
    return Finding("outbox", State.MIND if free < wanted else State.OK, said, clear if free < wanted else None)


# --- the clock --------------------------------------------------------------------------------------------------------


def server_offset(site: Site, clock: Clock) -> int | None:
    """By how much this clock is ahead of the server's page, in microseconds, to a second; None if nobody says."""
    if site.server is None or not site.server.startswith(("http://", "https://")):
        return None
    request = urllib.request.Request(f"{site.server.rstrip('/')}/api/v1/health", method="HEAD")  # noqa: S310  (http only)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=client_context()))
    try:
        with opener.open(request, timeout=_HTTP_S) as answer:
            date = answer.headers.get("date")
    except urllib.error.HTTPError as error:
        date = error.headers.get("date")
        error.close()
    except (OSError, ValueError):
        return None
    try:
        return clock.now() - int(parsedate_to_datetime(date or "").timestamp()) * SECOND
    except (TypeError, ValueError):
        return None


def check_clock(offset: int | None, clock: Clock) -> Iterator[Finding]:
    """What can be said of the clock now: that it was never set, or, where `offset` is known, how far off it is."""
    now = clock.now()
    if now < _SET_SINCE:
        yield Finding(
            "clock",
            State.WRONG,
            Text(
                f"本机时钟显示 {format_time(now)}，还没有校准过",
                f"this machine's clock shows {format_time(now)}: it is not set",
            ),
            Text("打开时间同步：timedatectl set-ntp true", "turn time synchronisation on: timedatectl set-ntp true"),
        )
    elif offset is not None:
        yield judged_clock(offset)


def judged_clock(offset: int) -> Finding:
    """Whether a clock that is `offset` microseconds ahead of the server's is right enough."""
    if abs(offset) > CLOCK_LIMIT:
        return Finding("clock", State.WRONG, clock_words(offset))
    seconds = abs(offset) / SECOND
    return Finding(
        "clock",
        State.OK,
        Text(
            f"本机时钟与服务器相差不超过 {seconds:.0f} 秒",
            f"this machine's clock is within {seconds:.0f} s of the server's",
        ),
    )


def unknown_clock() -> Finding:
    """That nobody said what time it is."""
    return Finding(
        "clock",
        State.UNKNOWN,
        Text(
            "本机时钟无从核对：服务器没有应答，也没有收到确认",
            "there is nothing to compare this machine's clock with: no answer from the server, and no acknowledgement",
        ),
    )


def clock_words(offset: int) -> Text:
    """That this machine's clock is `offset` microseconds ahead of the server's, and what to do."""
    seconds = abs(offset) // SECOND
    zh, en = ("快", "ahead of") if offset > 0 else ("慢", "behind")
    return Text(
        f"本机时钟比服务器{zh} {seconds} 秒：请打开时间同步（timedatectl set-ntp true）",
        f"this machine's clock is {seconds} s {en} the server's: turn time synchronisation on (timedatectl set-ntp true)",
    )
