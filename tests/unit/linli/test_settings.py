"""Settings: where they come from, what is refused, and that secrets stay secret."""

import os
from pathlib import Path

import pytest

from linli.clock import ScaledClock, SystemClock
from linli.errors import ConfigError
from linli.i18n import Language
from linli.settings import PREFIX, Settings, load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and no LINLI_ variables."""
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(**options: object) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_settings(**options)
    return caught.value


def test_the_defaults_are_enough() -> None:
    """Nothing has to be set."""
    settings = load_settings()
    assert settings.port == 8480
    assert settings.broker_endpoint == ("127.0.0.1", 8483)
    assert not settings.broker_is_external
    assert settings.app_database_url == f"sqlite:///{(Path.cwd() / 'data' / 'linli.db')}"
    assert settings.readings_path == Path("data/readings.db")
    assert settings.language is Language.EN
    assert isinstance(settings.clock(), SystemClock)


def test_the_later_source_wins(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Default, TOML, .env, variable, option."""
    (elsewhere / "linli.toml").write_text("port = 1\nseed = 1\nqos = 1\nlate_s = 1.5\n")
    (elsewhere / ".env").write_text("LINLI_PORT=2\nLINLI_SEED=2\nLINLI_HOST=a\n")
    assert (load_settings().port, load_settings().qos, load_settings().late_s) == (2, 1, 1.5)
    monkeypatch.setenv("LINLI_PORT", "3")
    monkeypatch.setenv("LINLI_SEED", "3")
    settings = load_settings(port=4, host=None)
    assert (settings.port, settings.seed, settings.host) == (4, 3, "a")


def test_another_toml_file_by_linli_config(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It replaces the one in the working folder."""
    (elsewhere / "linli.toml").write_text("port = 1\n")
    (elsewhere / "other.toml").write_text("seed = 9\n")
    monkeypatch.setenv("LINLI_CONFIG", "other.toml")
    assert (load_settings().port, load_settings().seed) == (8480, 9)
    monkeypatch.setenv("LINLI_CONFIG", "missing.toml")
    assert refusal().file == Path("missing.toml")


@pytest.mark.parametrize("name", ["LINLI_PROT", "LINLI_BROKER_PORTS"])
def test_an_unknown_variable_is_refused_with_the_nearest(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing mistake that is silently ignored is worse than one that stops the start."""
    monkeypatch.setenv(name, "1")
    text = refusal().text
    assert name in text.en
    assert "LINLI_PORT" in text.en or "LINLI_BROKER_PORT?" in text.en
    assert "是否想写" in text.zh


def test_an_unknown_variable_unlike_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the page that lists them all is named."""
    monkeypatch.setenv("LINLI_XYZZY_QQQ", "1")
    assert "docs/settings.md" in refusal().text.en


def test_an_unknown_name_in_dotenv(elsewhere: Path) -> None:
    """Likewise; names that are not ours belong to other programs."""
    (elsewhere / ".env").write_text("COMPOSE_PROJECT_NAME=x\nPORT=1\nLINLI_PROT=1\n")
    assert "LINLI_PORT" in refusal().text.en
    (elsewhere / ".env").write_text("COMPOSE_PROJECT_NAME=x\nPORT=1\nlinli_seed=5\n")
    assert (load_settings().port, load_settings().seed) == (8480, 5)


def test_an_unknown_toml_key(elsewhere: Path) -> None:
    """By its own name and with the nearest."""
    (elsewhere / "linli.toml").write_text("influx_ulr = 'http://x'\n")
    text = refusal().text.en
    assert "influx_ulr" in text
    assert "influx_url" in text


@pytest.mark.parametrize("content", [b"port = [", b"port = 1\nport = 2", b"\xff\xfe"])
def test_a_broken_toml_file(content: bytes, elsewhere: Path) -> None:
    """A ConfigError, whatever is wrong with it."""
    (elsewhere / "linli.toml").write_bytes(content)
    assert refusal().text.zh != refusal().text.en


def test_a_broken_toml_file_is_named_with_the_line(elsewhere: Path) -> None:
    """So that somebody can open it."""
    (elsewhere / "linli.toml").write_text("port = 1\nhost = [\n")
    error = refusal()
    assert error.file == Path("linli.toml")
    assert "line" in error.text.en or "end of document" in error.text.en


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "0"),
        ("port", "65536"),
        ("port", "x"),
        ("qos", "2"),
        ("broker", "rabbit"),
        ("language", "fr"),
        ("timezone", "Mars/Base"),
        ("timezone", "/etc/passwd"),
        ("timezone", ""),
        ("influx_timeout_s", "0"),
        ("clock_speed", "-1"),
        ("simulator", "maybe"),
        ("log_level", "loud"),
    ],
)
def test_a_wrong_value_names_its_setting(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the variable and as the name, with what was given."""
    monkeypatch.setenv(PREFIX + name.upper(), value)
    text = refusal().text
    for sentence in (text.en, text.zh):
        assert f"{PREFIX}{name.upper()}" in sentence
        assert repr(value) in sentence


def test_secrets_are_masked_wherever_settings_are_shown(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a wrong value's error, in repr and str, and the URLs that may hold a password."""
    (elsewhere / "linli.toml").write_text("broker_password = ['geheim']\n")
    assert "geheim" not in refusal().text.en + refusal().text.zh
    assert "***" in refusal().text.en
    (elsewhere / "linli.toml").unlink()
    for name in ("BROKER_PASSWORD", "INFLUX_TOKEN", "GRAFANA_TOKEN"):
        monkeypatch.setenv(PREFIX + name, "geheim")
    monkeypatch.setenv("LINLI_DATABASE_URL", "postgresql+psycopg://u:geheim@h/d")
    monkeypatch.setenv("LINLI_INFLUX_URL", "http://u:geheim@h")
    settings = load_settings()
    assert "geheim" not in f"{settings!r} {settings}"
    assert settings.influx_token is not None
    assert settings.influx_token.get_secret_value() == "geheim"


def test_settings_reach_a_child_process_whole(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """environment() read back gives the same settings, each of them with a value that is not its default."""
    settings = load_settings(
        data=Path("d"),
        host="0.0.0.0",
        port=1,
        language="zh",
        timezone="Europe/Berlin",
        log_level="debug",
        broker="nats",
        broker_host="b",
        broker_port=2,
        broker_bind="0.0.0.0",
        broker_username="u",
        broker_password="p w'\"\\",
        broker_tls=True,
        broker_ca=Path("ca.pem"),
        broker_certificate=Path("own.pem"),
        broker_key=Path("own.key"),
        broker_tls_certificate=Path("broker.pem"),
        broker_tls_key=Path("broker.key"),
        broker_tls_client_ca=Path("clients.pem"),
        broker_public_host="mq.example",
        qos=1,
        database_url="postgresql+psycopg://u:p@h/d",
        influx_url="http://i",
        influx_kind="influx2",
        influx_token="t",
        influx_username="iu",
        influx_org="o",
        influx_bucket="桶",
        influx_timeout_s=1.25,
        rules=Path("r"),
        rules_overrides=Path("o"),
        max_clock_error_years=1.5,
        late_s=2.5,
        deadletters_days=30,
        retention_raw_days=7,
        retention_minute_days=60,
        retention_hour_days=900,
        retention_events_days=193,
        retention_alerts_days=100,
        retention_commands_days=191,
        retention_audit_days=192,
        retention_snapshots_days=9,
        retention_drawings_days=11,
        retention_persons_days=12,
        retention_strangers_days=8,
        audit_head=Path("h"),
        store_down_s=3.5,
        requests_per_minute=600,
        webhook_allowed="hooks.example.gov, 10.8.0.0/16",
        tls_certificate=Path("page.pem"),
        tls_key=Path("page.key"),
        tls_minimum="1.3",
        snapshots_gb=2.5,
        second_factor="required",
        session_days=3,
        session_idle_hours=5,
        admin_session_hours=6,
        admin_idle_minutes=7,
        oidc_issuer="https://id.example.gov",
        oidc_client_id="linli",
        oidc_client_secret="os",
        oidc_client_secret_file=Path("oidc.secret"),
        oidc_redirect_url="https://linli.example.gov/oidc/callback",
        oidc_name="District",
        oidc_role_claim="roles",
        oidc_roles="guard=security",
        oidc_communities_claim="compounds",
        oidc_add_accounts=True,
        shard="2/8",
        shards=8,
        simulator=False,
        seed=7,
        grafana_url="http://g",
        grafana_token="gt",
        clock_speed=60.0,
        clock_origin=1,
        clock_real_origin=2,
    )
    untouched = [name for name in Settings.model_fields if name not in settings.model_fields_set]
    assert untouched == []
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir("/")
    again = load_settings()
    files = {
        "data": "d",
        "rules": "r",
        "rules_overrides": "o",
        "broker_ca": "ca.pem",
        "broker_certificate": "own.pem",
        "broker_key": "own.key",
        "broker_tls_certificate": "broker.pem",
        "broker_tls_key": "broker.key",
        "broker_tls_client_ca": "clients.pem",
        "audit_head": "h",
        "tls_certificate": "page.pem",
        "tls_key": "page.key",
        "oidc_client_secret_file": "oidc.secret",
    }
    paths = set(files)
    assert again.model_dump(exclude=paths) == settings.model_dump(exclude=paths)
    assert {name: getattr(again, name) for name in files} == {name: elsewhere / file for name, file in files.items()}


def test_the_defaults_reach_a_child_process_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is None is not passed on, and everything else can be read back."""
    settings = load_settings()
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    again = load_settings()
    assert again.model_dump(exclude={"data"}) == settings.model_dump(exclude={"data"})


def test_which_broker() -> None:
    """A host of one's own makes it external, unless a kind is named."""
    assert load_settings(broker_host="h").broker_endpoint == ("h", 1883)
    assert load_settings(broker_host="h", broker_port=8883).broker_endpoint == ("h", 8883)
    assert load_settings(broker="external").broker_endpoint == ("127.0.0.1", 1883)
    assert load_settings(broker="nats", broker_port=5).broker_endpoint == ("127.0.0.1", 5)


def test_a_simulated_clock() -> None:
    """Both origins make it a scaled one."""
    settings = load_settings(clock_speed=10.0, clock_origin=1, clock_real_origin=2)
    assert isinstance(settings.clock(), ScaledClock)
    assert isinstance(load_settings(clock_speed=10.0).clock(), SystemClock)


def test_settings_do_not_change() -> None:
    """Frozen: what a process started with is what it runs with."""
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 5


def test_an_option_with_a_wrong_name() -> None:
    """Also a mistake of ours is told in words."""
    assert "prot" in refusal(prot=1).text.en


@pytest.mark.parametrize("entry", ["http://x", "10.0.0.1/8", "a b/c"])
def test_a_receiver_that_is_allowed_is_a_host_or_a_network(elsewhere: Path, entry: str) -> None:
    """A mistake there is told at the start."""
    with pytest.raises(ConfigError, match="webhook_allowed"):
        load_settings(webhook_allowed=entry)
    assert load_settings(webhook_allowed="a.example, 10.8.0.0/16").webhooks_allowed.names("a.example")
