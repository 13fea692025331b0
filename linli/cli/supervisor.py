"""Keeps processes running: starts them, starts them again when they end, and stops them in order.

One thread forks every process and lives as long as they do: the kernel's death signal (see `linli.cli.leash`) is bound to
the thread that forked. A second thread asks each part whether it answers, so that a slow answer delays no restart. The
decisions are in `linli.cli.restart`.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from linli.cli.restart import HAS_PROCESS, HUNG_AFTER_S, Backoff, Event, Patience, State, after
from linli.datafolder import OWNER_ALONE
from linli.errors import LinliError
from linli.i18n import Text
from linli.runtime import LEASH_VARIABLE

_log = logging.getLogger(__name__)

_LEASH = Path(__file__).with_name("leash.py")
_TICK_S = 0.05
_PROBE_EVERY_S = 0.3
_PROBE_READY_EVERY_S = 2.0
_MAX_OUTPUT_BYTES = 5_000_000
OK = Text("", "")
_HUNG = Text("长时间没有应答，已强行结束", "killed, since it had not answered for long")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe found: whether the part answers, and the reason if not (or what is degraded if so).

    `hung`: it is silent and nothing but the process itself can be the cause, so that killing it helps.
    """

    well: bool
    reason: Text = OK
    hung: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A process to keep running.

    `command`: program and arguments, no secrets among them. `probe` takes the pid, may take a second, and should
    not raise. `speaks_leash`: it ends by itself when its stdin ends (Linli's own processes). `prepare` runs before each start.
    `hung_after_s`: for so long its probe must find it hung before it is killed, to be started again.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    probe: Callable[[int], Answer] = lambda _pid: Answer(True)
    speaks_leash: bool = True
    prepare: Callable[[], None] = lambda: None
    grace_s: float = 5.0
    hung_after_s: float = HUNG_AFTER_S


@dataclass(frozen=True, slots=True)
class PartStatus:
    """How a part is now. `pid` and `up_s` are None while it has no process."""

    name: str
    state: State
    reason: Text
    pid: int | None
    up_s: float | None
    restarts: int


class Supervisor:
    """Runs `parts`, their output going to `logs`/<name>.out. Starting and stopping is done once each."""

    def __init__(self, parts: Sequence[Part], logs: Path) -> None:
        self._keepers = {part.name: _Keeper(part, logs / f"{part.name}.out") for part in parts}
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._hard = False
        self._threads = [
            threading.Thread(target=self._keep, name="supervisor", daemon=True),
            threading.Thread(target=self._probe, name="probes", daemon=True),
        ]

    def start(self) -> None:
        """Start every part, in the order given, and keep them running."""
        for thread in self._threads:
            thread.start()

    def states(self) -> list[PartStatus]:
        """How each part is, in the order given. LinliError if nobody keeps them running any more."""
        now = monotonic()
        if self._abandoned():
            raise LinliError(
                Text(
                    "监管线程已意外结束，各部分不再有人看管：请重新启动（原因见 logs/up.log）",
                    "the supervising thread has ended unexpectedly, and nothing keeps the parts running: start again "
                    "(logs/up.log may say why)",
                )
            )
        with self._lock:
            return [keeper.status(now) for keeper in self._keepers.values()]

    def wait_ready(self, timeout_s: float, names: Sequence[str] = ()) -> bool:
        """Wait until the named parts (or all) are ready; whether they were within `timeout_s`."""
        deadline = monotonic() + timeout_s
        wanted = set(names) or set(self._keepers)
        while not all(status.state is State.READY for status in self.states() if status.name in wanted):
            if monotonic() > deadline or self._ended.wait(_TICK_S):
                return False
        return True

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a part's process, if it has one."""
        with self._lock:
            self._keepers[name].signal(number)

    def stop(self, timeout_s: float = 9.0) -> None:
        """Stop the parts, the last started first, each after the one before has ended; kill what takes too long."""
        deadline = monotonic() + timeout_s
        for keeper in reversed(list(self._keepers.values())):
            with self._lock:
                keeper.stop()
            end = min(monotonic() + keeper.part.grace_s, deadline)
            while keeper.state is not State.STOPPED and keeper.pid is not None:
                if monotonic() > end or self._hard:
                    keeper.signal(signal.SIGKILL)
                if not self._threads[0].is_alive():
                    with self._lock:
                        keeper.tick(monotonic())
                self._ended.wait(0.02)
        self._ended.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=5)

    def kill(self) -> None:
        """Make a `stop` under way kill at once. For a signal handler: it only sets a flag."""
        self._hard = True

    def _abandoned(self) -> bool:
        keeping = self._threads[0]
        return keeping.ident is not None and not keeping.is_alive() and not self._ended.is_set()

    def _keep(self) -> None:
        said: dict[str, str] = {}
        while not self._ended.is_set():
            with self._lock:
                for name, keeper in self._keepers.items():
                    try:
                        keeper.tick(monotonic())
                    except Exception as error:  # noqa: BLE001  # every process ends with this thread: one fault must not end it
                        if said.get(name) != repr(error):  # it comes again 20 times a second
                            said[name] = repr(error)
                            _log.exception("%s cannot be looked after", name)
            self._ended.wait(_TICK_S)

    def _probe(self) -> None:
        asked: dict[str, float] = {}
        while not self._ended.wait(_PROBE_EVERY_S):
            for name, keeper in self._keepers.items():
                pid = keeper.pid
                rest_s = _PROBE_READY_EVERY_S if keeper.state is State.READY else 0.0
                if pid is not None and monotonic() - asked.get(name, 0.0) >= rest_s:
                    asked[name] = monotonic()
                    answer = _ask(keeper.part, pid)
                    with self._lock:
                        keeper.answered(pid, answer, monotonic())


class _Keeper:
    """One part and its process. `tick` is called by the supervisor's thread only, everything under its lock."""

    def __init__(self, part: Part, output: Path) -> None:
        self.part = part
        self.state = State.STOPPED
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._backoff = Backoff()
        self._patience = Patience(part.hung_after_s)
        self._given_up = False
        self._reason = OK
        self._wanted = True
        self._started_at = 0.0
        self._due_at = 0.0
        self._starts = 0

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        process = self._process
        return process.pid if process is not None else None

    def status(self, now: float) -> PartStatus:
        """How it is at `now`."""
        up = now - self._started_at if self._process is not None else None
        return PartStatus(self.part.name, self.state, self._reason, self.pid, up, max(0, self._starts - 1))

    def tick(self, now: float) -> None:
        """Notice an end, start what is due."""
        if self._process is not None and self._process.poll() is not None:
            self._ended(self._process.returncode, now)
        if self.state is State.STOPPED and self._wanted:
            self._step(Event.START)
            self._launch(now)
        elif self.state is State.WAITING and now >= self._due_at:
            self._step(Event.WAITED)
            self._launch(now)

    def answered(self, pid: int, answer: Answer, now: float) -> None:
        """Take in what a probe of process `pid` found; kill a process that has been hung for too long."""
        if pid != self.pid or self.state not in HAS_PROCESS or not self._wanted:
            return
        self._step(Event.ANSWERED if answer.well else Event.FELL_SILENT)
        if answer.well or answer.reason != OK:  # until it answers, why it ended stays on show
            self._reason = answer.reason
        if self._patience.is_over(answer.hung, now):
            self._given_up = True
            self.signal(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the process to end, and start it no more."""
        self._wanted = False
        self._reason = OK
        self._step(Event.STOP)
        self.signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _step(self, event: Event) -> None:
        self.state = after(self.state, event)

    def _launch(self, now: float) -> None:
        self._starts += 1
        self._started_at = now
        self._patience, self._given_up = Patience(self.part.hung_after_s), False
        try:
            self.part.prepare()
            self._process = _spawn(self.part, self._output)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is tried again, and the other parts go on
            said = _said(error)
            _log.error("%s cannot be started: %r", self.part.name, error)
            self._wait(Text(f"无法启动：{said.zh}", f"cannot be started: {said.en}"), now)

    def _ended(self, status: int, now: float) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(OSError):  # what it may have left behind in its own process group
                os.killpg(process.pid, signal.SIGKILL)
        if self.state is State.STOPPING:
            self._step(Event.EXITED)
            self._reason = OK
            return
        reason = _HUNG if self._given_up else _why(status, self._output)
        _log.warning("%s has ended: %s", self.part.name, reason.en)
        self._wait(reason, now)

    def _wait(self, reason: Text, now: float) -> None:
        self._step(Event.EXITED)
        self._reason = reason
        self._due_at = now + self._backoff.next(now - self._started_at)


def _spawn(part: Part, output: Path) -> "subprocess.Popen[bytes]":
    if output.exists() and output.stat().st_size > _MAX_OUTPUT_BYTES:
        output.replace(output.with_name(output.name + ".1"))
    command = list(part.command)
    if sys.platform == "linux" or not part.speaks_leash:
        last_word = signal.SIGKILL if part.speaks_leash else signal.SIGTERM
        command = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), str(int(last_word)), *command]
    with open(output, "ab", opener=_for_owner_alone) as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(part.environment) | {LEASH_VARIABLE: "1"},
            start_new_session=True,
            umask=OWNER_ALONE,
        )


def _for_owner_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _ask(part: Part, pid: int) -> Answer:
    """What the part's probe finds; a probe that fails is an answer, too: without probes every state would be an old one."""
    try:
        return part.probe(pid)
    except Exception as error:  # noqa: BLE001  # boundary of the probes' thread
        said = _said(error)
        return Answer(False, Text(f"探测失败：{said.zh}", f"the probe failed: {said.en}"))


def _said(error: Exception) -> Text:
    if isinstance(error, LinliError):
        return error.text
    said = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return Text(said, said)


def _why(status: int, output: Path) -> Text:
    """Why a process ended, for people: the signal, or what it said last."""
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
        return Text(f"被信号 {name} 终止", f"ended by signal {name}")
    said = _last_line(output) if status else ""
    if said:
        return Text(said, said)
    return Text(f"自行退出（状态 {status}）", f"ended by itself (status {status})")


def _last_line(output: Path) -> str:
    try:
        with output.open("rb") as file:
            file.seek(max(0, output.stat().st_size - 4096))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip()[:300] if lines else ""
