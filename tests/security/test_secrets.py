"""No secret in logs, errors, process lists or the repository; every file for its owner alone; and rotation."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from linli.access import SERVICES, BrokerUsers, service_user
from linli.cli.private import PrivateLinli, private_linli
from linli.cli.stack import page_address
from linli.clock import SystemClock
from linli.datafolder import DataFolder
from linli.db.database import open_database
from linli.db.people import People
from linli.model import Role
from linli.settings import load_settings
from linli.snapshotfiles import LinkKey
from simulators.compound import COMMUNITY
from tests.postgres import PostgresServer
from tests.support import eventually, free_port

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
LINLI = Path(sys.executable).with_name("linli")
SET = {
    "grafana_token": "graf-5f0c9e1b7a",
    "oidc_client_secret": "oidc-8842aa01ff",
    "influx_token": "influx-0d9be73c55",
}
"""Settings that are secret, with values that are nowhere else."""


@dataclass(frozen=True)
class Running:
    linli: PrivateLinli
    secrets: dict[str, str]
    token: str

    @property
    def data(self) -> Path:
        return self.linli.settings.data


@pytest.fixture(scope="module")
def running(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """All of Linli after a demo run, on PostgreSQL by a URL with a password, with an agent, sign-ins and refusals."""
    folder = tmp_path_factory.mktemp("secrets")
    with postgres.database() as url:
        own = {"database_url": url} | SET
        parts = ("broker", "ingest", "rules", "api", "simulator")
        with private_linli(load_settings(), parts, own=own, within=folder) as linli:
            database = open_database(url)
            people = People(database, SystemClock())
            robot, _ = people.add("robot", Role.INTEGRATOR, [COMMUNITY])
            _, token = people.tokens.make(robot, "test")
            database.close()
            users = BrokerUsers(DataFolder(linli.settings.data).secrets).all()
            secrets = SET | {name: user.password for name, user in users.items()}
            secrets |= {f"account {made.name}": made.password for made in linli.made.accounts}
            secrets |= {"token": token, "database": postgres.password, "typed password": "typed-and-wrong-31"}
            _misbehave(page_address(linli.settings), token, linli.made.accounts[0].name)
            yield Running(linli, secrets, token)


def _misbehave(url: str, token: str, name: str) -> None:
    """Requests that go wrong in all the ways in which a secret might be repeated."""
    with httpx.Client(base_url=url, timeout=20) as client:
        assert client.get("/api/v1/alerts", headers={"authorization": f"Bearer {token}"}).status_code == 200
        client.get("/api/v1/alerts", params={"cursor": token}, headers={"authorization": f"Bearer {token}"})
        client.post("/api/v1/sessions", json={"name": name, "password": "typed-and-wrong-31"})
        client.post("/api/v1/sessions", json={"name": name, "password": ["typed-and-wrong-31"]})
        client.post("/api/v1/sessions", content=b'{"password":"typed-and-wrong-31"')
        client.post("/login", data={"name": name, "password": "typed-and-wrong-31"})
        client.post("/api/v1/enrolments/redeem", json={"code": token, "attempt": "typed-and-wrong-31"})


def _found_in(text: str, secrets: dict[str, str]) -> list[str]:
    return [name for name, secret in secrets.items() if secret in text]


def test_no_log_has_a_secret(running: Running) -> None:
    """Of any process, at the level at which they log as a rule."""
    logs = [file for file in (running.data / "logs").rglob("*") if file.is_file()]
    assert {"api.log", "ingest.log", "rules.log", "simulator.log"} <= {file.name for file in logs}
    for file in logs:
        assert _found_in(file.read_text(errors="replace"), running.secrets) == [], file.name


def test_no_command_line_has_a_secret_and_the_broker_is_told_none_by_its_environment(running: Running) -> None:
    """What anybody on the machine can read; and the one program that is not ours gets its secrets by a file alone."""
    processes = psutil.Process().children(recursive=True)
    lines = [" ".join(process.cmdline()) for process in processes]
    assert sum("-m api" in line for line in lines) >= 1
    assert _found_in("\n".join(lines), running.secrets) == []
    broker = [process for process in processes if process.name().startswith(("nats-server", "mosquitto"))]
    assert broker
    for process in broker:
        assert _found_in(repr(process.environ()), running.secrets) == []


def test_no_error_answer_has_a_secret_or_a_trace(running: Running) -> None:
    """Whatever is wrong with a request: no value of it comes back, no line of Python, no path of the server."""
    url, headers = page_address(running.linli.settings), {"authorization": f"Bearer {running.token}"}
    with httpx.Client(base_url=url, timeout=20) as client:
        answers = [
            client.get("/api/v1/none", headers=headers),
            client.get("/api/v1/alerts", params={"limit": running.token}, headers=headers),
            client.post("/api/v1/sessions", json={"name": "x", "password": ["typed-and-wrong-31"]}),
            client.post("/api/v1/sessions", content=b'{"password":"typed-and-wrong-31"'),
            client.get("/api/v1/alerts", headers={"authorization": f"Bearer {running.token}x"}),
            client.get("/no/such/page"),
            client.post("/login", content=b"\xff"),
        ]
    for answer in answers:
        assert answer.status_code >= 400
        assert _found_in(answer.text, running.secrets) == [], answer.url
        for leak in ("Traceback", 'File "', ".py", str(running.data)):
            assert leak not in answer.text


def test_every_file_is_for_its_owner_alone(running: Running) -> None:
    """Whatever the umask of whoever starts Linli, and whatever library makes the file: 600, folders 700, over all of it."""
    eventually(lambda: any((running.data / "agents").iterdir()))
    wrong = [
        f"{stat.S_IMODE(path.lstat().st_mode):o} {path.relative_to(running.data)}"
        for path in (running.data, *running.data.rglob("*"))
        if not path.is_socket() and path.lstat().st_mode & 0o077
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["api", "ingest", "rules"])
def test_a_database_that_cannot_be_reached_is_told_without_its_password(module: str, tmp_path: Path) -> None:
    """On the terminal and in the log."""
    DataFolder(tmp_path / "data").prepare()
    BrokerUsers(DataFolder(tmp_path / "data").secrets).ensure(
        {service_user(name): access for name, access in SERVICES.items()}
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")} | {
        "LINLI_DATA": str(tmp_path / "data"),
        "LINLI_DATABASE_URL": f"postgresql+psycopg://linli:hidden-77aa31@127.0.0.1:{free_port()}/linli?connect_timeout=1",
        "LINLI_PORT": str(free_port()),
        "LINLI_LOG_LEVEL": "debug",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", module], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said, _ = process.communicate(timeout=8)
    except subprocess.TimeoutExpired:  # it tries again and again
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert "hidden-77aa31" not in said
    assert said


def test_what_is_secret_is_masked_wherever_settings_are_shown() -> None:
    """In a trace, in a log, on a terminal."""
    settings = load_settings(**SET, database_url="postgresql://u:hidden-77aa31@h/d", influx_url="http://u:hidden-99@h")
    for shown in (repr(settings), str(settings), f"{settings!r}"):
        assert _found_in(shown, SET | {"database": "hidden-77aa31", "influx": "hidden-99"}) == []


# --- rotation -------------------------------------------------------------------------------------------------------


def _linli(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"LINLI_LANGUAGE": "en"}
    command = [str(LINLI), *words, "--data", str(data)]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)


def test_rotation_changes_keys_and_passwords(tmp_path: Path) -> None:
    """Each is another one afterwards, and still for its owner alone."""
    data = tmp_path / "data"
    assert _linli(data, "prepare").returncode == 0
    secrets = DataFolder(data).secrets
    link, users = LinkKey(secrets).get(), BrokerUsers(secrets).all()
    done = _linli(data, "secrets", "rotate")
    assert done.returncode == 0, done.stderr
    assert LinkKey(secrets).get() != link
    assert BrokerUsers(secrets).all() == users
    done = _linli(data, "secrets", "rotate", "services")
    assert done.returncode == 0, done.stderr
    after = BrokerUsers(secrets).all()
    assert after.keys() == users.keys()
    for name in map(service_user, SERVICES):
        assert after[name].password != users[name].password
        assert after[name].access == users[name].access
        assert after[name].password not in done.stdout
    assert all(not file.stat().st_mode & 0o077 for file in secrets.iterdir())


def test_the_passwords_of_processes_that_run_are_not_changed(running: Running) -> None:
    """They would be locked out; the command says what to do."""
    before = BrokerUsers(DataFolder(running.data).secrets).all()
    environment = {"LINLI_DATABASE_URL": running.linli.settings.database_url or ""}
    command = [str(LINLI), "secrets", "rotate", "services", "--data", str(running.data)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | environment, timeout=60
    )
    assert done.returncode == 2
    assert BrokerUsers(DataFolder(running.data).secrets).all() == before


# --- the repository -------------------------------------------------------------------------------------------------

PATTERNS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*\n[A-Za-z0-9+/=\s]{40,}"),
    "AWS key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    "Linli token": re.compile(r"\blinli_[A-Za-z0-9_-]{40,}\b"),
    "JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    "webhook secret": re.compile(r"\bwhsec_[A-Za-z0-9+/=]{24,}"),
    "password in a URL": re.compile(r"\b[a-z+]+://[^\s/:@\"'{}<>]+:(?!\*)[^\s/:@\"'{}<>$]{8,}@(?!host|h/)"),
}
EXAMPLES = {
    "postgresql+psycopg://linli:choose-a-long-one@",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",  # of the test vector that Standard Webhooks publish
}
"""What looks like a secret, and is an example that is public."""


def test_no_secret_is_in_the_repository() -> None:
    """In any tracked file; tests/ may hold what they made up for themselves, but for keys and tokens of others."""
    named = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    found = []
    for name in filter(None, named.split("\0")):
        file = ROOT / name
        if not file.is_file() or file.suffix in (".png", ".gz", ".db"):
            continue
        text = file.read_text(errors="replace")
        for what, pattern in PATTERNS.items():
            ours = name.startswith("tests/") and what == "password in a URL"
            found += [f"{name}: {what}" for hit in pattern.findall(text) if hit not in EXAMPLES and not ours]
    assert found == []


def test_nothing_that_holds_secrets_can_be_committed() -> None:
    """The data folder and the files of settings are left out by .gitignore."""
    for path in ("data/secrets/broker.json", "data/linli.db", ".env", "linli.toml"):
        ignored = subprocess.run(["git", "check-ignore", "-q", path], check=False, cwd=ROOT)
        assert ignored.returncode == 0, path
