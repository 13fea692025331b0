"""Child processes that are started again when they die, as a supervisor does it, and what memory they take."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support import eventually

_LOOK_S = 0.05


@dataclass(slots=True)
class Life:
    """One process from its start to its end. `expected`: we have killed it, or armed it to die."""

    process: "subprocess.Popen[bytes]"
    expected: bool = False


@dataclass(slots=True)
class Memory:
    """Resident bytes, as sampled twice a second."""

    samples: list[int] = field(default_factory=list)

    @property
    def most(self) -> int:
        """The highest."""
        return max(self.samples, default=0)


class Child:
    """A process that is started again, unless `held`. `ready` says whether it can be used."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, ready: Callable[[], bool]
    ) -> None:
        self.name = name
        self.log = log
        self.ready = ready
        self.held = False
        self.kills = 0
        self.faults: list[str] = []
        self.memory = Memory()
        self._command = command
        self._environment = dict(environment)
        self._once: dict[str, str] = {}
        self._life: Life | None = None
        self._lock = threading.RLock()

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        with self._lock:
            life = self._life
            return None if life is None or life.process.poll() is not None else life.process.pid

    def start(self, **once: str) -> None:
        """Start it, with these variables this once."""
        with self._lock, self.log.open("ab") as log:
            log.write(f"--- {self.name} starts {once or ''}\n".encode())
            log.flush()
            process = subprocess.Popen(
                self._command,
                env=self._environment | once,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self._life = Life(process, expected=bool(once))

    def tend(self) -> None:
        """Start it again if it has died; a death that nobody wanted is a fault."""
        with self._lock:
            life = self._life
            if life is None or self.held:
                return
            code = life.process.poll()
            if code is None:
                with contextlib.suppress(psutil.Error):
                    self.memory.samples.append(psutil.Process(life.process.pid).memory_info().rss)
                return
            if not life.expected:
                self.faults.append(f"{self.name} ended by itself with {code}, see {self.log}")
            self.start()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it as `number` does; it comes back unless it is held."""
        with self._lock:
            if self._life is None or self._life.process.poll() is not None:
                return
            self._life.expected = True
            self.kills += 1
            os.kill(self._life.process.pid, number)
            process = self._life.process
        process.wait(30)

    def stop_once(self) -> None:
        """Stop it in an orderly way; it comes back."""
        self.kill(signal.SIGTERM)

    def hold(self) -> None:
        """Kill it and keep it down."""
        self.held = True
        self.kill()

    def release(self) -> None:
        """Let it come back."""
        self.held = False

    def arm(self, failpoint: str) -> int:
        """Kill it and start it so that it dies at this point; its pid."""
        with self._lock:
            self.kill()
            self.start(LINLI_FAILPOINT=failpoint)
            assert self._life is not None
            return self._life.process.pid

    def replaced(self, pid: int | None) -> bool:
        """Whether another process than `pid` runs, and is ready."""
        return self.pid not in (None, pid) and self.ready()

    def wait_ready(self, timeout: float = 20.0) -> None:
        """Return when it can be used."""
        eventually(self.ready, timeout, f"{self.name} is ready; its log: {self.log}")

    def end(self, patience_s: float = 10.0) -> None:
        """Stop it for good."""
        self.held = True
        with self._lock:
            life, self._life = self._life, None
        if life is None:
            return
        life.process.terminate()
        try:
            life.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            life.process.kill()
            life.process.wait()


class Nursery:
    """Tends children in a thread of its own."""

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nursery", daemon=True)

    def start(self) -> None:
        """Begin to tend."""
        self._thread.start()

    def stop(self) -> None:
        """Stop tending, and end all children, the last first."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        for child in reversed(self.children.values()):
            child.end()

    def faults(self) -> list[str]:
        """Every death that nobody wanted."""
        return [fault for child in self.children.values() for fault in child.faults]

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_S):
            for child in self.children.values():
                child.tend()
