"""What `linli gateway` tells of the way to the broker: its address, TLS, and what else has to be set up."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.config import load_site
from linli.access import BrokerUsers, gateway_access, gateway_user
from linli.cli.app import app
from linli.cli.broker import exposure
from linli.cli.gateways import agent_config
from linli.cli.stack import prepare
from linli.datafolder import DataFolder
from linli.settings import Settings, load_settings

KEYS = ("ExecStartPre", "ExecStart")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    BrokerUsers(folder.secrets).ensure({gateway_user("gw1"): gateway_access("c1", "gw1")})
    return folder.root


def config(settings: Settings, folder: Path) -> Path:
    file = folder / "agent.yaml"
    file.write_text(agent_config(settings, "gw1", "c1"), "utf-8")
    return file


def test_the_file_of_a_gateway_speaks_tls_when_the_broker_does(data: Path, tmp_path: Path) -> None:
    """With the CA's file, which has to be copied, and the host that agents use."""
    settings = load_settings(
        data=data,
        broker_bind="0.0.0.0",
        broker_tls_certificate=Path("broker.pem"),
        broker_tls_key=Path("broker.key"),
        broker_tls_client_ca=Path("clients.pem"),
        broker_ca=Path("/etc/linli/ca.pem"),
        broker_public_host="mq.example",
    )
    file = config(settings, tmp_path)
    broker = load_site(file).broker
    assert (broker.host, broker.port, broker.tls) == ("mq.example", 8483, True)
    assert (broker.ca, broker.certificate) == (tmp_path / "ca.pem", tmp_path / "agent.pem")
    assert "/etc/linli/ca.pem" in file.read_text("utf-8")
    assert exposure(settings) is None, "with TLS nothing goes in clear"


def test_the_file_of_a_gateway_without_tls(data: Path, tmp_path: Path) -> None:
    """And the warning says with which settings to get it."""
    settings = load_settings(data=data, broker_bind="0.0.0.0")
    assert not load_site(config(settings, tmp_path)).broker.tls
    said = exposure(settings)
    assert said is not None
    for text in (said.zh, said.en):
        assert "LINLI_BROKER_TLS_CERTIFICATE" in text
        assert "LINLI_BROKER_TLS_KEY" in text
        assert "docs/agent" in text


def test_the_password_need_not_be_handed_on(data: Path) -> None:
    """The file tells of the other way."""
    assert "linli gateway invite gw1" in agent_config(load_settings(data=data), "gw1", "c1")


def test_an_unknown_compound_is_told_with_how_to_register_it(tmp_path: Path) -> None:
    """It is the first thing that a newcomer meets: compounds come from a file."""
    settings = load_settings(data=tmp_path / "data")
    prepare(settings)
    result = CliRunner().invoke(
        app, ["gateway", "add", "gw-c101", "--community", "c101", "--data", str(settings.data)], env={"COLUMNS": "200"}
    )
    assert result.exit_code == 2
    assert "linli registry load" in result.output


@pytest.mark.parametrize("service", ["ingest", "rules"])
def test_the_units_of_services_prepare_first(service: str) -> None:
    """Without it a fresh machine has no database, and an upgraded one an old one."""
    lines = (Path(__file__).parents[3] / "deploy" / f"linli-{service}@.service").read_text("utf-8").splitlines()
    before, start = (next(n for n, line in enumerate(lines) if line.startswith(f"{key}=")) for key in KEYS)
    assert before < start and lines[before] == "ExecStartPre=/opt/linli/bin/linli prepare"


@pytest.mark.parametrize("page", ["docs/agent.md", "docs/agent.zh-CN.md", "linli/db/database.py"])
def test_nobody_is_told_to_install_a_name_that_anybody_may_register(page: str) -> None:
    """Linli is not on PyPI."""
    said = (Path(__file__).parents[3] / page).read_text("utf-8")
    assert not re.search(r"pip install '?linli\b", said)
