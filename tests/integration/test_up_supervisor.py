"""The supervisor with small processes of its own: restart, reasons, stopping, and no orphans."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import psutil
import pytest

from linli.cli.restart import State
from linli.cli.supervisor import Answer, Part, PartStatus, Supervisor
from linli.errors import BrokerError, LinliError
from linli.i18n import Text
from tests.support import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

WAITS = "import sys; sys.stdin.read()"
IGNORES_SIGTERM = "import signal, sys; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); sys.stdin.read()"
DEAF_TO_ALL = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)\nwhile True: signal.pause()"

Build = Callable[..., Supervisor]


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


def part(name: str, program: str = WAITS, **more: object) -> Part:
    return Part(name, python(program), dict(os.environ), **more)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Build]:
    """Start a supervisor of these parts; stopped at the end."""
    started: list[Supervisor] = []

    def build(*parts: Part) -> Supervisor:
        supervisor = Supervisor(parts, tmp_path)
        started.append(supervisor)
        supervisor.start()
        return supervisor

    yield build
    for supervisor in started:
        supervisor.kill()
        supervisor.stop()


def only(supervisor: Supervisor) -> PartStatus:
    (status,) = supervisor.states()
    return status


def pid_of(supervisor: Supervisor) -> int:
    pid = only(supervisor).pid
    assert pid is not None
    return pid


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has, too: its parent is to blame)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_killed_process_is_back_and_its_end_is_told(run: Build) -> None:
    """New pid, one restart counted, the signal named until it answers again."""
    answers: list[bool] = [True]
    supervisor = run(part("a", probe=lambda _pid: Answer(answers[0])))
    assert supervisor.wait_ready(10)
    first = pid_of(supervisor)
    answers[0] = False
    os.kill(first, signal.SIGKILL)
    eventually(lambda: only(supervisor).state is State.STARTING, what="it is started again")
    status = only(supervisor)
    assert (status.restarts, status.reason.en) == (1, "ended by signal SIGKILL")
    assert status.pid != first
    answers[0] = True
    assert supervisor.wait_ready(10)
    assert only(supervisor).reason.en == ""


def test_what_a_process_said_last_is_the_reason(run: Build) -> None:
    """A configuration error is read in the live view, not searched for in a log."""
    supervisor = run(part("a", "import sys; print('first'); print('the port is taken'); sys.exit(2)"))
    eventually(lambda: only(supervisor).state is State.WAITING, what="it has ended")
    assert only(supervisor).reason == Text("the port is taken", "the port is taken")
    eventually(lambda: only(supervisor).restarts >= 2, what="it is tried again")


@pytest.mark.parametrize(
    "error", [BrokerError(Text("坏了", "damaged")), OSError(28, "disk full"), ValueError("damaged")]
)
def test_a_start_that_fails_is_told_and_ends_nothing_else(run: Build, error: Exception) -> None:
    """Every process dies with the thread that started it: an error before one of them must not end that thread."""
    errors: list[Exception] = []

    def before_a_start() -> None:
        for fault in errors:
            raise fault

    supervisor = run(part("a", prepare=before_a_start), part("b"))
    assert supervisor.wait_ready(10)
    first, other = (status.pid for status in supervisor.states())
    assert first is not None
    assert other is not None
    errors.append(error)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: supervisor.states()[0].restarts >= 2, what="it is tried again")
    said = supervisor.states()[0]
    assert said.reason.en == f"cannot be started: {'disk full' if isinstance(error, OSError) else 'damaged'}"
    assert not gone(other)
    errors.clear()
    assert supervisor.wait_ready(10)
    assert supervisor.states()[1].pid == other


def test_a_probe_that_fails_is_an_answer(run: Build) -> None:
    """Or the states on show would stay for ever what they were."""

    def probe(_pid: int) -> Answer:
        if broken:
            raise KeyError("counters")
        return Answer(True)

    broken: list[bool] = []
    supervisor = run(part("a", probe=probe))
    assert supervisor.wait_ready(10)
    broken.append(True)
    eventually(lambda: only(supervisor).state is State.SILENT, what="it is shown as not answering")
    assert only(supervisor).reason.en == "the probe failed: 'counters'"
    broken.clear()
    assert supervisor.wait_ready(10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_no_supervising_thread_is_not_shown_as_well(run: Build) -> None:
    """Should it end all the same: an error instead of the last states, and `stop` still ends what may be left."""

    def before_a_start() -> None:
        if ended:
            raise SystemExit  # ends a thread without a word

    ended: list[bool] = []
    supervisor = run(part("a", prepare=before_a_start), part("b", DEAF_TO_ALL, grace_s=0.5))
    assert supervisor.wait_ready(10)
    first, other = (status.pid for status in supervisor.states())
    assert first is not None
    assert other is not None
    ended.append(True)
    os.kill(first, signal.SIGKILL)

    def abandoned() -> bool:
        try:
            supervisor.states()
        except LinliError as error:
            return "supervising thread" in error.text.en
        return False

    eventually(abandoned, what="it is told")
    supervisor.stop()
    assert gone(other)


def test_a_program_that_is_not_there_is_told_and_tried_again(run: Build, tmp_path: Path) -> None:
    """As after an uninstall below a running Linli."""
    supervisor = run(Part("a", (str(tmp_path / "nothing"),), dict(os.environ)))
    eventually(lambda: only(supervisor).restarts >= 1, what="it is tried again")
    assert only(supervisor).state in (State.WAITING, State.STARTING)
    assert only(supervisor).reason.en


def test_ready_and_silent_follow_the_probe(run: Build) -> None:
    """A process that lives and does not answer is shown as such, with the reason; it is not restarted."""
    answer = [Answer(False, Text("端口未开", "port closed"))]
    supervisor = run(part("a", probe=lambda _pid: answer[0]))
    eventually(lambda: only(supervisor).reason.en == "port closed", what="the reason is shown")
    assert only(supervisor).state is State.STARTING
    assert supervisor.wait_ready(0.2) is False
    answer[0] = Answer(True, Text("磁盘将满", "disk nearly full"))
    eventually(lambda: only(supervisor).state is State.READY, what="it answers")
    assert only(supervisor).reason.en == "disk nearly full"
    answer[0] = Answer(False, Text("没有报告", "no report"))
    eventually(lambda: only(supervisor).state is State.SILENT, what="it falls silent")
    assert only(supervisor).restarts == 0


def test_who_hangs_for_long_is_killed_and_started_again(run: Build) -> None:
    """As after SIGSTOP: it would never end by itself. Why is told until the next one answers."""
    stopped: list[int] = []
    answers = [True]
    supervisor = run(
        part(
            "a",
            probe=lambda pid: Answer(False, Text("", ""), hung=True) if pid in stopped else Answer(answers[0]),
            hung_after_s=0.5,
        )
    )
    assert supervisor.wait_ready(10)
    first = pid_of(supervisor)
    answers[0] = False
    os.kill(first, signal.SIGSTOP)
    stopped.append(first)
    eventually(lambda: only(supervisor).pid not in (first, None), what="another is started")
    assert gone(first)
    assert only(supervisor).reason.en == "killed, since it had not answered for long"
    answers[0] = True
    assert supervisor.wait_ready(10)
    assert only(supervisor).restarts == 1


def test_parts_stop_in_the_reverse_order_of_their_start(run: Build, tmp_path: Path) -> None:
    """Each has ended before the next is told: who feeds ends before who is fed."""
    note = tmp_path / "order"
    program = (
        "import signal, sys\n"
        "def end(*_):\n"
        f"    open({str(note)!r}, 'a').write(sys.argv[1] + ' ')\n"
        "    sys.exit(0)\n"
        "signal.signal(15, end)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()"
    )
    parts = [Part(name, (*python(program), name), dict(os.environ)) for name in ("a", "b", "c")]
    supervisor = run(*parts)
    eventually(lambda: all((tmp_path / f"{p.name}.out").exists() for p in parts), what="output files")
    eventually(lambda: all("ready" in (tmp_path / f"{p.name}.out").read_text() for p in parts), what="all listen")
    supervisor.stop()
    assert note.read_text().split() == ["c", "b", "a"]
    assert {status.state for status in supervisor.states()} == {State.STOPPED}


def test_who_does_not_end_is_killed_after_its_grace(run: Build, tmp_path: Path) -> None:
    """Stopping takes a bounded time, whatever a process does."""
    supervisor = run(part("a", IGNORES_SIGTERM, grace_s=0.5))
    eventually(lambda: "deaf" in _output(tmp_path / "a.out"), what="it ignores SIGTERM")
    pid, before = pid_of(supervisor), monotonic()
    supervisor.stop()
    assert 0.4 < monotonic() - before < 3
    assert gone(pid)


def _output(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """Neither who watches its stdin nor who is deaf to everything: the kernel ends that one."""
    if sys.platform != "linux":
        pytest.skip("the kernel's death signal is Linux'")
    program = f"""
import os, sys
from pathlib import Path
from linli.cli.supervisor import Part, Supervisor
parts = [Part(name, (sys.executable, "-c", text), dict(os.environ)) for name, text in {{
    "leashed": {WAITS!r}, "deaf": {DEAF_TO_ALL!r}}}.items()]
supervisor = Supervisor(parts, Path({str(tmp_path)!r}))
supervisor.start()
supervisor.wait_ready(10)
print(*[status.pid for status in supervisor.states()], flush=True)
sys.stdin.read()
"""
    keeper = subprocess.Popen(python(program), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert keeper.stdout is not None
    pids = [int(word) for word in keeper.stdout.readline().split()]
    assert len(pids) == 2
    eventually(lambda: "deaf" in _output(tmp_path / "deaf.out"), what="it ignores SIGTERM")
    keeper.kill()
    keeper.communicate()
    eventually(lambda: all(gone(pid) for pid in pids), 5, "the children are gone")


def test_a_large_output_file_is_put_aside(run: Build, tmp_path: Path) -> None:
    """What a process prints does not fill the disk over months of restarts."""
    (tmp_path / "a.out").write_bytes(b"x" * 6_000_000)
    supervisor = run(part("a"))
    assert supervisor.wait_ready(10)
    assert (tmp_path / "a.out").stat().st_size < 1000
    assert (tmp_path / "a.out.1").stat().st_size == 6_000_000
