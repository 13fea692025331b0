"""What an agent has to know: its place, its outbox, its consumers; and the YAML file that says so on a site."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from edge.mapping import SourceEntry, bad_id, check_sources, load_mapping
from edge.outbox.outbox import DEFAULT_BYTES
from linli import yamlfile
from linli.i18n import Text
from linli.ids import check_id, is_id
from linli.model import Consumer

DEFAULT_CONSUMERS = (Consumer.INGEST.value, Consumer.RULES.value)
_LEAST_BYTES = 2_000_000
"""Room for a few of the largest messages."""


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """One agent. `outbox` is a folder of its own; `consumers` are those that must acknowledge before anything is deleted.

    Refused 'bad_id' for a name that is none.
    """

    community: str
    gateway: str
    outbox: Path
    outbox_bytes: int = DEFAULT_BYTES
    consumers: tuple[str, ...] = DEFAULT_CONSUMERS
    qos: int = 0

    def __post_init__(self) -> None:
        for name in (self.community, self.gateway, *self.consumers):
            check_id(name, "name in the agent's configuration")


class BrokerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a broker is and how to sign in. `topics` is for the devices' broker only; empty: what the sources need.

    With `tls`: `ca`, certificates to trust (None: the system's); `certificate` and `key`, what to show if it asks.
    """

    host: str
    port: int = 1883
    username: str | None = None
    password: str | None = None
    password_file: str | None = None
    tls: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    topics: list[str] = []


class AgentFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The agent's file as it is written. Paths are relative to the file's folder.

    `server` is the address of Linli's page, which only `linli agent check` asks (for the time).
    """

    community: str
    gateway: str
    outbox: str
    broker: BrokerEntry
    server: str | None = None
    device_broker: BrokerEntry | None = None
    mappings: list[str] = []
    sources: list[SourceEntry] = []
    consumers: list[str] = msgspec.field(default_factory=lambda: list(DEFAULT_CONSUMERS))
    qos: Literal[0, 1] = 0
    outbox_bytes: int = DEFAULT_BYTES
    log_level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker to connect to, with the password read."""

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    tls: bool
    ca: Path | None
    certificate: Path | None = None
    key: Path | None = None
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """All that `python -m edge` needs: the file with everything it refers to."""

    agent: AgentConfig
    broker: Broker
    device_broker: Broker | None
    sources: tuple[SourceEntry, ...]
    log_level: str
    server: str | None = None


def load_site(file: Path) -> Site:
    """Read the agent's file, its mappings and passwords. ConfigError with file, line and what to write instead."""
    written, source = yamlfile.load(file, AgentFile)
    _check(written, source)
    folder = file.parent
    check_sources(written.sources, source)
    sources = list(written.sources)
    for mapping in written.mappings:
        sources += load_mapping(folder / mapping)
    devices = written.device_broker
    return Site(
        AgentConfig(
            written.community,
            written.gateway,
            folder / written.outbox,
            written.outbox_bytes,
            tuple(written.consumers),
            written.qos,
        ),
        _broker(written.broker, "broker", folder, source),
        None if devices is None else _broker(devices, "device_broker", folder, source),
        tuple(sources),
        written.log_level,
        written.server,
    )


def _check(written: AgentFile, source: yamlfile.Source) -> None:
    for key, value in (("community", written.community), ("gateway", written.gateway)):
        if not is_id(value):
            raise bad_id(source, value, key)
    for number, consumer in enumerate(written.consumers):
        if not is_id(consumer):
            raise bad_id(source, consumer, "consumers", number)
    if not written.consumers or len(set(written.consumers)) < len(written.consumers):
        raise source.fault(
            Text(
                "consumers 至少要有一个，且不得重复，例如 [ingest, rules]",
                "consumers needs at least one, each once; for example [ingest, rules]",
            ),
            "consumers",
        )
    if written.outbox_bytes < _LEAST_BYTES:
        raise source.fault(
            Text(f"outbox_bytes 至少为 {_LEAST_BYTES}", f"outbox_bytes must be at least {_LEAST_BYTES}"), "outbox_bytes"
        )
    if written.device_broker is None and (written.mappings or written.sources):
        raise source.fault(
            Text(
                "有 sources 却没有 device_broker：设备的消息从哪里来？",
                "there are sources but no device_broker: where do devices publish?",
            ),
            "sources" if written.sources else "mappings",
        )


def _broker(entry: BrokerEntry, key: str, folder: Path, source: yamlfile.Source) -> Broker:
    if not 1 <= entry.port <= 65535:
        raise source.fault(
            Text(
                f"端口 {entry.port} 不在 1 到 65535 之间，MQTT 通常是 1883",
                f"port {entry.port} is not within 1 to 65535; MQTT's is 1883",
            ),
            key,
            "port",
        )
    if entry.topics and key == "broker":
        raise source.fault(
            Text("topics 只能写在 device_broker 下", "topics belongs under device_broker only"), key, "topics"
        )
    password = entry.password
    if entry.password_file is not None:
        if password is not None:
            raise source.fault(
                Text("password 与 password_file 只能写一个", "give password or password_file, not both"),
                key,
                "password",
            )
        try:
            password = (folder / entry.password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            said = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise source.fault(
                Text(
                    f"读不了密码文件 {entry.password_file}：{said}",
                    f"cannot read the password file {entry.password_file}: {said}",
                ),
                key,
                "password_file",
            ) from None
    _check_tls(entry, key, source)
    ca, certificate, private = (_path(folder, name) for name in (entry.ca, entry.certificate, entry.key))
    return Broker(
        entry.host, entry.port, entry.username, password, entry.tls, ca, certificate, private, tuple(entry.topics)
    )


def _path(folder: Path, name: str | None) -> Path | None:
    return None if name is None else folder / name


def _check_tls(entry: BrokerEntry, key: str, source: yamlfile.Source) -> None:
    for name, value in (("ca", entry.ca), ("certificate", entry.certificate), ("key", entry.key)):
        if value is not None and not entry.tls:
            raise source.fault(Text(f"有 {name} 却没有 tls: true", f"there is {name} but no tls: true"), key, name)
    if entry.key is not None and entry.certificate is None:
        raise source.fault(
            Text("有 key 却没有它的 certificate", "there is a key but no certificate that it belongs to"), key, "key"
        )
