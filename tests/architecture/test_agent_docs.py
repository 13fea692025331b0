"""The pages of the agent say what its file takes and its commands do; the systemd units start what there is."""

import configparser
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from edge.config import AgentFile, BrokerEntry, load_site
from linli.settings import Settings
from linli.shards import Shard
from linli.tls import client_context
from tests.support import need

ROOT = Path(__file__).parents[2]
PAGES = ["agent.md", "agent.zh-CN.md"]
UNITS = sorted((ROOT / "deploy").glob("*.service"))


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def keys(text: str) -> dict[str, str]:
    """The default by key, of each row of a table of keys."""
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text, re.MULTILINE))


@pytest.mark.parametrize("name", PAGES)
def test_every_key_of_the_file_is_on_the_page(name: str) -> None:
    """With its default; and no other key."""
    section = re.split(r"\n## ", page(name))[-1]
    agent, broker = section.split("\n`broker`")
    for kind, table in ((AgentFile, agent), (BrokerEntry, broker)):
        found = keys(table)
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        assert found.keys() == fields.keys()
        for key, default in found.items():
            field = fields[key]
            if field.required:
                assert default == "-", key
            elif field.default_factory is not msgspec.NODEFAULT:
                value = field.default_factory()
                assert default == (f"`[{', '.join(value)}]`" if value else "none" if name == PAGES[0] else "无"), key
            elif field.default is None:
                assert default in ("none", "无"), key
            else:
                assert default == f"`{str(field.default).lower()}`", key


@pytest.mark.parametrize("name", PAGES)
def test_every_setting_that_is_named_is_one(name: str) -> None:
    """LINLI_ and a name that Settings has."""
    named = set(re.findall(r"LINLI_([A-Z_]+)", page(name)))
    assert named
    assert {setting.lower() for setting in named} <= set(Settings.model_fields)


def test_the_pages_show_the_same_commands() -> None:
    """In both languages, but for what is said behind a '#'."""
    blocks = [re.findall(r"```sh\n(.*?)```", page(name), re.DOTALL) for name in PAGES]
    plain = [[re.sub(r"\s*#.*", "", block) for block in shown] for shown in blocks]
    assert plain[0] == plain[1]
    assert len(plain[0]) >= 6


def test_the_commands_for_certificates_make_ones_that_fit(tmp_path: Path) -> None:
    """A CA, a broker's and an agent's certificate, each with its key."""
    need("openssl")
    for block in re.findall(r"```sh\n(openssl .*?)```", page("agent.md"), re.DOTALL):
        for line in block.splitlines():
            subprocess.run(shlex.split(line), cwd=tmp_path, check=True, capture_output=True, timeout=30)
    for name in ("broker", "agent"):
        client_context(tmp_path / "ca.pem", tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        checked = subprocess.run(
            ["openssl", "verify", "-CAfile", "ca.pem", f"{name}.pem"], cwd=tmp_path, capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stdout
    shown = subprocess.run(
        ["openssl", "x509", "-in", "broker.pem", "-noout", "-ext", "subjectAltName"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "DNS:linli.example" in shown.stdout


def test_the_example_is_a_file_that_the_agent_takes() -> None:
    """With the mapping and the password beside it."""
    assert load_site(ROOT / "edge" / "examples" / "agent.yaml").sources


@pytest.mark.parametrize("unit", UNITS, ids=[unit.name for unit in UNITS])
def test_a_unit_starts_what_there_is(unit: Path, tmp_path: Path) -> None:
    """A module of ours, restarted always, as a user of its own without rights; systemd finds no fault, where it is."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read(unit)
    service = parser["Service"]
    command = shlex.split(service["ExecStart"])
    assert command[:3] == ["/opt/linli/bin/python", "-P", "-m"]
    assert importlib.util.find_spec(f"{command[3]}.__main__") is not None
    if "--shard" in command:
        assert command[-1] == "%i"
        assert str(Shard.parse("2-8")) == "2/8"
    assert (service["Restart"], service["NoNewPrivileges"], service["ProtectSystem"]) == ("always", "yes", "strict")
    assert service["User"] == "linli"
    assert parser["Unit"]["StartLimitIntervalSec"] == "0"
    program = shutil.which("systemd-analyze")
    if program is not None:
        here = unit.read_text().replace(command[0], sys.executable).replace("/opt/linli/bin/linli", sys.executable)
        here = re.sub(r"^(User|Group)=.*$", r"\1=root", here, flags=re.MULTILINE)  # there is no user linli here
        copy = tmp_path / unit.name.replace("@", "@2-8")
        copy.write_text(here)
        done = subprocess.run(
            [program, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False, timeout=60
        )
        faults = [line for line in done.stderr.splitlines() if copy.name in line and "Unknown key 'Restart" not in line]
        assert (done.returncode, faults) == (0, [])


def test_there_are_units_for_the_agent_and_both_workers() -> None:
    """One of each."""
    assert [unit.name for unit in UNITS] == [
        "linli-agent@.service",
        "linli-ingest@.service",
        "linli-rules@.service",
    ]
