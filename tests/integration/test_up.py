"""`linli up` as a person runs it: all five processes, killed in every way."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support import eventually, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

LINLI = Path(sys.executable).with_name("linli")
PARTS = ("broker", "ingest", "rules", "api", "simulator")


@dataclass
class Up:
    """A `linli up` that runs, and what it has printed."""

    process: "subprocess.Popen[bytes]"
    said: Path
    environment: dict[str, str]

    def text(self) -> str:
        return self.said.read_text()

    def wait_for(self, words: str, count: int = 1, timeout: float = 60) -> None:
        def there() -> bool:
            assert self.process.poll() is None, self.text()
            return self.text().count(words) >= count

        eventually(there, timeout, f"{words!r} in: {self.text()}")

    def children(self) -> dict[str, psutil.Process]:
        """The processes by part."""
        modules = {"simulators": "simulator", "ingest": "ingest", "rules": "rules", "api": "api"}
        found: dict[str, psutil.Process] = {}
        for child in psutil.Process(self.process.pid).children():
            command = child.cmdline()
            name = modules[command[command.index("-m") + 1]] if "-m" in command else "broker"
            found[name] = child
        return found

    def end(self, number: int = signal.SIGINT, timeout: float = 20) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout)


Start = Callable[..., Up]


def linli(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command, run to its end."""
    return subprocess.run([LINLI, *arguments], env=environment, capture_output=True, text=True, check=False)


def options(data: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("LINLI_")},
        "LINLI_DATA": str(data),
        "LINLI_PORT": str(free_port()),
        "LINLI_BROKER_PORT": str(free_port()),
        "LINLI_LANGUAGE": "en",
    }


def starter(folder: Path) -> Iterator[Start]:
    begun: list[Up] = []

    def start(environment: dict[str, str], *arguments: str, ready: bool = True) -> Up:
        said = folder / f"said{len(begun)}.txt"
        with said.open("wb") as out:
            process = subprocess.Popen(
                [LINLI, "up", *arguments],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        begun.append(Up(process, said, environment))
        if ready:
            begun[-1].wait_for("All parts run")
        return begun[-1]

    try:
        yield start
    finally:
        for up in begun:
            if up.process.poll() is None:
                up.process.kill()
                up.process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starter(tmp_path)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One that the tests of this module share, on its first run."""
    folder = tmp_path_factory.mktemp("up")
    for start in starter(folder):
        yield start(options(folder / "data"))


def gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_first_run_prints_address_accounts_and_how_to_stop(running: Up) -> None:
    """Each role has an account, with a password that can be read off the screen."""
    text = running.text()
    assert f"http://127.0.0.1:{running.environment['LINLI_PORT']}" in text
    for role, name in (("Administrator", "admin"), ("Security", "guard"), ("Property manager", "manager")):
        assert re.search(rf"{role} +{name} +[a-z0-9]{{5}}(-[a-z0-9]{{5}}){{2}}\n", text), text
    assert "Ctrl-C" in text
    assert "\x1b[" not in text, "no colours or cursor moves where the output is no terminal"
    assert "5 of 5 parts well" in text


@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_is_back_within_10_seconds(running: Up, name: str) -> None:
    """Killed with -9 at any time, each of the five comes back and answers."""
    before = running.children()
    ready = f"{name}: running"
    count = running.text().count(ready)
    before[name].kill()
    running.wait_for(ready, count + 1, timeout=10)
    after = running.children()
    assert after.keys() == before.keys()
    assert after[name].pid != before[name].pid
    assert "ended by signal SIGKILL" in running.text()


def test_status_says_how_it_is_in_words(running: Up) -> None:
    """Exit status 0 while every part is well."""

    def well() -> bool:
        done = linli(running.environment, "status")
        return done.returncode == 0 and all(
            re.search(rf"^{name} +(ok|reachable) ", done.stdout, re.M) for name in PARTS
        )

    eventually(well, 20, "all is well again")


def test_no_secret_is_on_a_command_line(running: Up) -> None:
    """Anybody on the machine may read those."""
    secrets = set(re.findall(r'"password": "([^"]+)"', (_data(running) / "secrets" / "broker.json").read_text()))
    assert secrets
    for child in running.children().values():
        assert not any(secret in word for word in child.cmdline() for secret in secrets)


def test_a_second_one_on_the_same_folder_is_refused(running: Up) -> None:
    """It says which process has the folder, and where its page is."""
    done = linli(running.environment, "up")
    assert done.returncode == 2
    assert f"process {running.process.pid}" in done.stderr
    assert running.environment["LINLI_PORT"] in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("setting", "remedy"), [("LINLI_PORT", "--port"), ("LINLI_BROKER_PORT", "LINLI_BROKER_PORT")])
def test_a_port_that_is_taken_names_its_process(running: Up, tmp_path: Path, setting: str, remedy: str) -> None:
    """Exit status 2, who has it and what to do; nothing is made, so no password is lost."""
    own = options(tmp_path / "data") | {setting: running.environment[setting]}
    done = linli(own, "up")
    assert done.returncode == 2
    holder = running.children()["api" if setting == "LINLI_PORT" else "broker"]
    assert f"process {holder.pid} " in done.stderr
    assert remedy in done.stderr
    assert not (tmp_path / "data").exists()


def _data(up: Up) -> Path:
    return Path(up.environment["LINLI_DATA"])


def test_ctrl_c_leaves_nothing_and_a_second_run_goes_on(start: Start, tmp_path: Path) -> None:
    """All in order within about 10 s; then the same accounts and data, and no new password."""
    environment = options(tmp_path / "data")
    first = start(environment)
    children = first.children()
    assert set(children) == set(PARTS)
    assert first.end() == 0
    assert "All stopped." in first.text()
    assert all(gone(child) for child in children.values())
    assert not _with_folder_on_the_command_line(tmp_path)
    users = linli(environment, "user", "list").stdout
    second = start(environment)
    assert "Accounts: admin, guard, manager" in second.text()
    assert not re.search(r"[a-z0-9]{5}-[a-z0-9]{5}-[a-z0-9]{5}", second.text())
    assert second.end(signal.SIGTERM) == 0
    again = linli(environment, "user", "list").stdout
    assert again == users


def _with_folder_on_the_command_line(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline", "pid"]):
        if any(str(folder) in word for word in process.info["cmdline"] or ()):
            found.append(process.info["pid"])
    return found


def test_children_do_not_outlive_a_killed_linli_up(start: Start, tmp_path: Path) -> None:
    """And the next one starts, although their ports may be free only a moment later."""
    environment = options(tmp_path / "data")
    first = start(environment)
    children = first.children()
    first.process.kill()
    first.process.wait()
    second = start(environment, ready=False)
    eventually(lambda: all(gone(child) for child in children.values()), 5, "the children have ended")
    second.wait_for("All parts run")
    assert second.end() == 0


def test_a_second_ctrl_c_kills_at_once(start: Start, tmp_path: Path) -> None:
    """Also a process that does not listen any more (stopped here by SIGSTOP)."""
    up = start(options(tmp_path / "data"), "--no-simulator")
    children = up.children()
    assert set(children) == set(PARTS) - {"simulator"}
    children["api"].suspend()
    up.process.send_signal(signal.SIGINT)
    up.wait_for("api: stopping")
    assert up.end(timeout=3) == 0
    assert all(gone(child) for child in children.values())


def test_without_its_supervising_thread_it_ends_with_an_error(tmp_path: Path) -> None:
    """Nothing would be started again any more: better no Linli than one that looks well. Nothing is left behind."""
    program = """
import sys
from linli.cli import main, supervisor
spawn, begun = supervisor._spawn, set()
def spawn_once(part, output):
    if part.name in begun:
        raise SystemExit
    begun.add(part.name)
    return spawn(part, output)
supervisor._spawn = spawn_once
sys.argv = ["linli", "up", "--no-simulator"]
main.run()
"""
    said = tmp_path / "said.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", program], env=options(tmp_path / "data"), stdout=out, stderr=subprocess.STDOUT
        )
    up = Up(process, said, {})
    try:
        up.wait_for("All parts run")
        children = up.children()
        children["rules"].kill()
        assert process.wait(20) == 2
        assert "supervising thread" in up.text()
        assert all(gone(child) for child in children.values())
    finally:
        process.kill()
        process.wait()


def test_without_the_simulator_there_is_an_administrator_alone(start: Start, tmp_path: Path) -> None:
    """No demo compound is registered, so there is nothing that others could belong to."""
    environment = options(tmp_path / "data")
    up = start(environment, "--no-simulator")
    assert re.search(r"Administrator +admin +\S+\n", up.text())
    assert "guard" not in up.text()
    listed = linli(environment, "gateway", "list")
    assert "no gateway yet" in listed.stdout


def test_a_newer_data_folder_is_refused(tmp_path: Path) -> None:
    """What a newer Linli wrote is not touched."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "VERSION").write_text("99\n")
    done = linli(options(tmp_path / "data"), "up")
    assert done.returncode == 2
    assert "'99'" in done.stderr
    assert "upgrade" in done.stderr
    assert not (tmp_path / "data" / "linli.db").exists()


def test_messages_come_in_the_language_of_the_shell(tmp_path: Path) -> None:
    """LINLI_LANGUAGE, else LANG."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "VERSION").write_text("99\n")
    own = options(tmp_path / "data") | {"LINLI_LANGUAGE": "zh"}
    done = linli(own, "up")
    assert "请升级 Linli" in done.stderr
