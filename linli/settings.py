"""Every value that can be set, in one frozen object.

Sources, the later wins: the default; `linli.toml` in the working folder (or the file that LINLI_CONFIG names); `.env`;
environment variables LINLI_<NAME>; an option of the command. Unknown names are refused, with the nearest known one.
Secrets are masked wherever Settings are shown. `docs/settings.md` lists them all (a test holds it to this class).

The edge agent does not use this: it runs on another machine, and has its own small file (`edge.config`).
"""

import difflib
import os
import re
import socket
import tomllib
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from linli.clock import DAY, HOUR, MINUTE, Clock, ScaledClock, SystemClock
from linli.egress import Allowed
from linli.errors import ConfigError
from linli.i18n import Language, Text, shell_language
from linli.keeping import CLASSES, NOTHING_GOES, Terms, too_short
from linli.retention import FOR_EVER, Retention
from linli.shards import MOST, Shard
from linli.signin import Lifetime, SignInPolicy, roles_by_value

PREFIX = "LINLI_"
BrokerKind = Literal["auto", "nats", "mosquitto", "external"]
StoreKind = Literal["auto", "influx1", "influx2", "influx3"]

_ENV_FILE = Path(".env")


class _DotEnv(DotEnvSettingsSource):
    """`.env`, which may serve other programs too: what has no LINLI_ name is none of ours."""

    def __call__(self) -> dict[str, Any]:
        return EnvSettingsSource.__call__(self)


class Settings(BaseSettings):
    """The server's settings. Field descriptions are what `docs/settings.md` says of each."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=_ENV_FILE, env_file_encoding="utf-8", frozen=True, extra="forbid"
    )

    data: Path = Field(Path("data"), description="Folder of everything Linli keeps: databases, secrets, logs.")
    host: str = Field("127.0.0.1", description="Address on which the API and the console listen.")
    port: int = Field(8480, ge=1, le=65535, description="Port of the API and the console.")
    tls_certificate: Path | None = Field(
        None,
        description="Certificate of the API and the console, with those between it and the CA; with it they speak HTTPS alone.",
    )
    tls_key: Path | None = Field(None, description="Its private key, without a passphrase.")
    tls_minimum: Literal["1.2", "1.3"] = Field("1.2", description="Lowest version of TLS that is spoken there.")
    language: Language = Field(
        default_factory=shell_language, description="Language of the terminal, and of a page nobody has chosen one for."
    )
    timezone: str = Field("Asia/Shanghai", description="Time zone of a community that states none.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    broker: BrokerKind = Field(
        "auto",
        description="Which MQTT broker `linli up` starts: nats (bundled), mosquitto (from the PATH), or external: none, "
        "the one at broker_host. auto: external if broker_host is set, else nats, else mosquitto.",
    )
    broker_host: str | None = Field(None, description="Host of a broker of your own.")
    broker_port: int | None = Field(
        None, ge=1, le=65535, description="Port of the broker. None: 8483 for the embedded one, 1883 for your own."
    )
    broker_bind: str = Field("127.0.0.1", description="Address on which the embedded broker listens.")
    broker_username: str | None = Field(None, description="User of Linli's services at a broker of your own.")
    broker_password: SecretStr | None = Field(None, description="Its password.")
    broker_tls: bool = Field(False, description="Speak TLS to a broker of your own.")
    broker_ca: Path | None = Field(
        None,
        description="Certificates to trust for the broker; none: the system's. Agents are given them when they enrol.",
    )
    broker_certificate: Path | None = Field(
        None, description="Client certificate of Linli's services, where the broker demands one."
    )
    broker_key: Path | None = Field(None, description="Its private key, without a passphrase.")
    broker_tls_certificate: Path | None = Field(
        None, description="Certificate of the embedded broker, with those between it and the CA; with it it speaks TLS."
    )
    broker_tls_key: Path | None = Field(None, description="Its private key, without a passphrase.")
    broker_tls_client_ca: Path | None = Field(
        None, description="CA of client certificates; with it the embedded broker lets in only who shows one."
    )
    broker_public_host: str | None = Field(
        None, description="Host under which agents reach the broker. None: broker_host, else that at which they enrol."
    )
    qos: int = Field(  # not Literal[0, 1]: a variable is text, and pydantic compares a Literal without converting
        0,
        ge=0,
        le=1,
        description="MQTT QoS of lanes and acknowledgements. Delivery is assured end to end at 0 too; see ADR 2.",
    )

    database_url: str | None = Field(
        None,
        repr=False,  # may hold a password
        description="SQLAlchemy URL of alerts, registry and people. None: SQLite in the data folder.",
    )
    influx_url: str | None = Field(
        None,
        repr=False,  # may hold a password
        description="URL of an InfluxDB for readings and events. None: SQLite.",
    )
    influx_kind: StoreKind = Field("auto", description="Its generation; auto: by what its /ping says.")
    influx_token: SecretStr | None = Field(None, description="Token (2.x, 3), or password of influx_username (1.x).")
    influx_username: str | None = Field(None, description="User of a 1.x with sign-in.")
    influx_org: str = Field("linli", description="Organisation (2.x).")
    influx_bucket: str = Field("linli", description="Bucket (2.x) or database (1.x, 3).")
    influx_timeout_s: float = Field(10.0, gt=0, description="Seconds until a request to InfluxDB is given up.")

    retention_raw_days: int = Field(30, ge=0, description="Days that readings are kept as they came; 0: for ever.")
    retention_minute_days: int = Field(400, ge=0, description="Days that 1 minute rollups are kept; 0: for ever.")
    retention_hour_days: int = Field(0, ge=0, description="Days that 1 hour rollups are kept; 0: for ever.")
    retention_events_days: int = Field(400, ge=0, description="Days that events are kept, 190 or more; 0: for ever.")
    retention_alerts_days: int = Field(
        730, ge=0, description="Days that alerts are kept once they are closed, with evidence and history; 0: for ever."
    )
    retention_commands_days: int = Field(
        400, ge=0, description="Days that commands to devices are kept, 190 or more; 0: for ever."
    )
    retention_audit_days: int = Field(
        400, ge=0, description="Days that the audit log is kept, 190 or more; 0: for ever. See audit.md."
    )
    retention_snapshots_days: int = Field(30, ge=0, description="Days that snapshots and video are kept; 0: for ever.")
    retention_drawings_days: int = Field(
        30, ge=0, description="Days that a floor plan's drawing is kept once it is nobody's any more; 0: for ever."
    )
    snapshots_gb: float = Field(
        10.0,
        gt=0,
        description="Gigabytes that snapshots may take, shared alike by the communities that have any; when they are full the "
        "oldest are deleted, of a community that is beyond its share.",
    )
    retention_persons_days: int = Field(
        365,
        ge=0,
        description="Days until somebody who was taken out of the registry is erased, with the history of them; 0: never by itself.",
    )
    retention_strangers_days: int = Field(
        30, ge=0, description="Days that an unknown device is remembered once it is silent; 0: for ever."
    )
    audit_head: Path | None = Field(
        None,
        description="File that names the newest entry of the audit log, best on another machine's share. None: audit/head.json "
        "in the data folder.",
    )

    second_factor: Literal["auto", "required", "optional"] = Field(
        "auto",
        description="Whether administrators must have a second factor (TOTP). auto: where host is not this machine alone; "
        "behind a proxy say required.",
    )
    session_days: float = Field(7.0, gt=0, le=90, description="Days after which everybody signs in again.")
    session_idle_hours: float = Field(
        24.0, gt=0, description="Hours without use, and without an open page, after which a session ends."
    )
    admin_session_hours: float = Field(
        12.0, gt=0, description="The same for who manages accounts: hours after which they sign in again."
    )
    admin_idle_minutes: float = Field(
        60.0, gt=0, description="Minutes without use after which their session ends; an open page is no use."
    )
    oidc_issuer: str | None = Field(
        None, description="Issuer of the OpenID provider by which people may sign in; none: passwords alone."
    )
    oidc_client_id: str | None = Field(None, description="What the provider calls Linli.")
    oidc_client_secret: SecretStr | None = Field(None, description="Linli's secret at the provider.")
    oidc_client_secret_file: Path | None = Field(None, description="File that holds it, instead.")
    oidc_redirect_url: str | None = Field(
        None,
        description="Where the provider sends people back, as registered there: https://.../oidc/callback. None: as reached.",
    )
    oidc_name: str | None = Field(None, description="What the sign-in page calls the provider.")
    oidc_role_claim: str | None = Field(
        None,
        description="Claim of the ID token that holds groups or roles; dots lead into objects: realm_access.roles.",
    )
    oidc_roles: str | None = Field(
        None,
        description="Role for each value of it, the first that fits counts: linli-admins=administrator, guards=security.",
    )
    oidc_communities_claim: str | None = Field(None, description="Claim that lists the ids of somebody's communities.")
    oidc_add_accounts: bool = Field(
        False, description="Add an account for whoever oidc_roles gives a role; it goes by the claims at each sign-in."
    )

    requests_per_minute: int = Field(
        3000,
        ge=0,
        description="Requests that each token and each session may make in a minute, and at once; 0: no limit.",
    )
    webhook_allowed: str | None = Field(
        None,
        description="Receivers of webhooks within your own networks, by name or network: hooks.example.gov, 10.8.0.0/16. None: only "
        "https out in the Internet.",
    )

    rules: Path | None = Field(None, description="Folder of rule files. None: the catalogue that comes with Linli.")
    rules_overrides: Path | None = Field(
        None,
        description="Folder of overrides of rules by community, place or device, besides `overrides/` in that of the rules.",
    )
    max_clock_error_years: float = Field(
        9.0, gt=0, description="A message whose time is further from now than this many years is a dead letter."
    )
    late_s: float = Field(60.0, gt=0, description="A message this many seconds behind its own lane is marked late.")
    deadletters_days: float = Field(90.0, gt=0, description="Dead letters older than this many days are deleted.")
    store_down_s: float = Field(
        30.0,
        gt=0,
        description="Seconds for which ingest cannot write, or says nothing, until that is an alert.",
    )

    shard: str = Field(
        "0/1",
        description="Which communities an ingest or rules worker serves: 2/8 is number 2 of 8 (0 to 7); auto/8 takes the number "
        "from the end of the host's name. --shard of the command says the same.",
    )
    shards: int = Field(
        1, ge=1, le=MOST, description="How many ingest and how many rules workers `linli up` runs, a shard each."
    )

    simulator: bool = Field(True, description="Whether `linli up` runs the simulated compound.")
    seed: int = Field(1, description="Seed of the simulated compound.")

    grafana_url: str | None = Field(None, description="URL of the Grafana that dashboards are published to.")
    grafana_token: SecretStr | None = Field(None, description="Its service account token.")

    clock_speed: float = Field(1.0, gt=0, description="How many times faster than real time the clock runs.")
    clock_origin: int | None = Field(
        None,
        description="What the clock showed at clock_real_origin, in microseconds since 1970 UTC (simulation only).",
    )
    clock_real_origin: int | None = Field(None, description="The real time of clock_origin, likewise.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command options, environment, .env, TOML, in this order of precedence."""
        toml = TomlConfigSettingsSource(settings_cls, _toml_file())
        return init_settings, env_settings, _DotEnv(settings_cls), toml

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, LookupError):  # a folder's name, an absolute path, no such zone
            raise ValueError("no such time zone; one is named like Asia/Shanghai") from None
        return name

    @field_validator("oidc_roles")
    @classmethod
    def _known_roles(cls, text: str | None) -> str | None:
        roles_by_value(text or "")
        return text

    @field_validator("shard")
    @classmethod
    def _known_shard(cls, text: str) -> str:
        Shard.parse(text, socket.gethostname())
        return text

    @field_validator("webhook_allowed")
    @classmethod
    def _hosts_and_networks(cls, text: str | None) -> str | None:
        Allowed.parse(_words(text))
        return text

    @property
    def webhooks_allowed(self) -> Allowed:
        """Where webhooks may go besides the Internet."""
        return Allowed.parse(_words(self.webhook_allowed))

    @field_validator("retention_audit_days", "retention_commands_days", "retention_events_days")
    @classmethod
    def _kept_long_enough(cls, days: int, info: ValidationInfo) -> int:
        why = too_short(info.field_name or "", days)
        if why is not None:
            raise ValueError(str(why))
        return days

    @property
    def own_shard(self) -> Shard:
        """The shard that `shard` names, on this host."""
        return Shard.parse(self.shard, socket.gethostname())

    def clock(self) -> Clock:
        """The clock that every process of this installation goes by."""
        if self.clock_origin is None or self.clock_real_origin is None:
            return SystemClock()
        return ScaledClock(self.clock_speed, self.clock_origin, self.clock_real_origin)

    @property
    def retention(self) -> Retention:
        """How long rows are kept. On a simulated clock for ever: its now is not the database server's."""
        if self.clock_origin is not None:
            return FOR_EVER
        return Retention(
            self.retention_raw_days, self.retention_minute_days, self.retention_hour_days, self.retention_events_days
        )

    @property
    def is_loopback(self) -> bool:
        """Whether the API and the console can be reached from this machine alone."""
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def sign_in_policy(self) -> SignInPolicy:
        """How long people stay signed in, and whether administrators must have a second factor."""
        return SignInPolicy(
            self.second_factor == "required" or (self.second_factor == "auto" and not self.is_loopback),
            Lifetime(round(self.session_days * DAY), round(self.session_idle_hours * HOUR)),
            Lifetime(round(self.admin_session_hours * HOUR), round(self.admin_idle_minutes * MINUTE)),
        )

    @property
    def terms(self) -> Terms:
        """How long each class of what is kept is kept."""
        if self.clock_origin is not None:
            return NOTHING_GOES
        return Terms({kept: getattr(self, one.setting) for kept, one in CLASSES.items() if one.setting})

    @property
    def audit_head_path(self) -> Path:
        """The file that names the newest entry of the audit log."""
        return self.audit_head or self.data / "audit" / "head.json"

    @property
    def broker_is_external(self) -> bool:
        """Whether the broker is somebody else's: Linli then neither starts nor configures one."""
        return self.broker == "external" or (self.broker == "auto" and self.broker_host is not None)

    @property
    def broker_endpoint(self) -> tuple[str, int]:
        """Host and port at which the broker is reached."""
        if self.broker_is_external:
            return self.broker_host or "127.0.0.1", self.broker_port or 1883
        return "127.0.0.1", self.broker_port or 8483

    @property
    def broker_speaks_tls(self) -> bool:
        """Whether connections to the broker, embedded or not, are TLS."""
        return self.broker_tls if self.broker_is_external else self.broker_tls_certificate is not None

    @property
    def app_database_url(self) -> str:
        """SQLAlchemy URL of alerts, registry and people."""
        return self.database_url or f"sqlite:///{(self.data / 'linli.db').resolve()}"

    @property
    def readings_path(self) -> Path:
        """SQLite file of readings and events."""
        return self.data / "readings.db"

    def environment(self) -> dict[str, str]:
        """These settings as LINLI_ variables, for a child process. Holds secrets: never log it."""
        out: dict[str, str] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            elif isinstance(value, Path):
                value = value.resolve()
            out[PREFIX + name.upper()] = str(value)
        return out


def _words(text: str | None) -> list[str]:
    return [word for word in re.split(r"[,\s]+", text or "") if word]


_OTHER_VARIABLES = {
    PREFIX + "CONFIG",
    PREFIX + "URL",
    PREFIX + "TOKEN",
    PREFIX + "LEASH",
    PREFIX + "TEST_REQUIRE_ALL",
    PREFIX + "FAILPOINT",
}


def load_settings(**options: Any) -> Settings:
    """Settings from all sources; an option that is None counts as not given. ConfigError says which value is wrong."""
    if PREFIX + "CONFIG" in os.environ and not _toml_file().is_file():
        raise ConfigError(
            Text(f"{PREFIX}CONFIG 指定的文件不存在", f"{PREFIX}CONFIG names this file, which is not there"),
            file=_toml_file(),
        )
    try:
        _refuse_unknown_variables()
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise _explain(error) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(Text(f"不是有效的 TOML：{error}", f"not valid TOML: {error}"), file=_toml_file()) from None
    except (UnicodeDecodeError, OSError) as error:  # .env or the TOML file is not UTF-8, or may not be read
        raise ConfigError(Text(f"设置文件有误：{error}", f"a settings file is wrong: {error}")) from None


def _toml_file() -> Path:
    return Path(os.environ.get(PREFIX + "CONFIG", "linli.toml"))


def _refuse_unknown_variables() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in _our_variables():
        if name.upper() not in known:  # pydantic-settings takes them in either case
            raise ConfigError(_unknown(name, sorted(known)))


def _our_variables() -> Iterator[str]:
    yield from (name for name in os.environ if name.startswith(PREFIX) and name not in _OTHER_VARIABLES)
    if _ENV_FILE.is_file():
        yield from (name for name in dotenv_values(_ENV_FILE) if name.upper().startswith(PREFIX))


def _unknown(name: str, known: list[str]) -> Text:
    near = difflib.get_close_matches(name, known, 1)
    zh = f"没有名为 {name} 的设置" + (f"，是否想写 {near[0]}？" if near else "，见 docs/settings.md")
    en = f"there is no setting {name}" + (f"; did you mean {near[0]}?" if near else "; see docs/settings.md")
    return Text(zh, en)


def _explain(error: ValidationError) -> ConfigError:
    fault = error.errors(include_url=False, include_context=False)[0]
    name = str(fault["loc"][0]) if fault["loc"] else "?"
    if fault["type"] == "extra_forbidden":
        return ConfigError(_unknown(name, list(Settings.model_fields)))
    shown = "***" if _secret(name) else repr(fault["input"])[:80]
    said = fault["msg"].removeprefix("Value error, ")
    return ConfigError(
        Text(
            f"设置 {name}（{PREFIX}{name.upper()}）的值 {shown} 不对：{said}",
            f"setting {name} ({PREFIX}{name.upper()}) has the wrong value {shown}: {said}",
        )
    )


def _secret(name: str) -> bool:
    field = Settings.model_fields.get(name)
    return field is not None and SecretStr in (field.annotation, *get_args(field.annotation))
