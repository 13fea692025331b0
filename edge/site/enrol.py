"""Getting onto a site: a one-time code is exchanged for the gateway's credentials, and the agent's files are written.

Everything that can be found out before is found out before the code is used up: the code's own letters, the folder, files
that are there already. An answer that is lost on the way is asked for again, and the server gives it again.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from edge.site.redeem import Credentials, EnrolError, Server, read_server, redeem
from linli.access import gateway_access, write_secret
from linli.clock import Clock
from linli.i18n import Text
from linli.ids import new_secret


@dataclass(frozen=True, slots=True)
class Files:
    """What enrolling writes, side by side."""

    config: Path

    @property
    def password(self) -> Path:
        """The broker password, mode 600."""
        return self.config.with_suffix(".password")

    @property
    def ca(self) -> Path:
        """Certificates to trust for the broker."""
        return self.config.with_name(f"{self.config.stem}-ca.pem")

    def require_place(self, *, force: bool) -> None:
        """EnrolError if they cannot be written, or are there already and `force` is not given. Makes the folder."""
        there = [file.name for file in (self.config, self.password, self.ca) if file.exists()]
        if there and not force:
            names = ", ".join(there)
            raise EnrolError(
                Text(
                    f"{self.config.parent} 中已有 {names}：请换一个文件名，或用 --force 覆盖",
                    f"there is {names} in {self.config.parent} already: choose another file, or overwrite with --force",
                )
            )
        probe = self.config.with_name(f".{self.config.name}.{new_secret()}")
        try:
            self.config.parent.mkdir(parents=True, exist_ok=True)
            write_secret(probe, "x" * 4096)
            probe.unlink()
        except OSError as error:
            raise self._unwritable(error) from None

    def write(self, server: Server, given: Credentials) -> None:
        """Write them, the one that names the others last. EnrolError if that fails."""
        broker = given.broker
        try:
            if broker.password is not None:
                write_secret(self.password, f"{broker.password}\n")
            if broker.ca is not None:
                write_secret(self.ca, broker.ca)
            write_secret(self.config, agent_file(server, given, self))
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> EnrolError:
        said = error.strerror or str(error)
        folder = self.config.parent
        return EnrolError(
            Text(
                f"目录 {folder} 不可写：{said}。请用 --config 指定可写的位置，或换用有权限的用户",
                f"cannot write to the folder {folder}: {said}. Choose another place with --config, or another user",
            )
        )


def agent_file(server: Server, given: Credentials, files: Files) -> str:
    """The text of `agent.yaml` for these credentials; `edge.config` reads it."""
    broker = given.broker
    lines = [
        _comment(
            "由 linli agent enroll 写成；各键见 docs/agent.zh-CN.md",
            "Written by linli agent enroll; keys: docs/agent.md",
        ),
        f"community: {given.community}",
        f"gateway: {given.gateway}",
        f"server: {json.dumps(str(server))}",
        "outbox: outbox",
        "broker:",
        f"  host: {json.dumps(broker.host or server.host)}",
        f"  port: {broker.port}",
    ]
    if broker.tls:
        lines.append("  tls: true")
        lines += [f"  ca: {json.dumps(files.ca.name)}"] if broker.ca is not None else []
        lines += _certificate_lines() if broker.client_certificate else []
    if broker.username is None:
        lines += _foreign_broker(given)
    else:
        lines += [
            f"  username: {json.dumps(broker.username)}",
            f"  password_file: {json.dumps(files.password.name)}",
        ]
    lines += [f"qos: {given.qos}"] if given.qos in (0, 1) and given.qos else []
    lines += [
        "",
        _comment(
            "设备的消息来自哪里：去掉 # 并填写；例子见 edge/examples",
            "Where devices publish: fill in; see edge/examples",
        ),
        "# device_broker: {host: 127.0.0.1, port: 1883}",
        "# mappings: [mapping.yaml]",
    ]
    return "\n".join(lines) + "\n"


def _certificate_lines() -> list[str]:
    return [
        _comment("  消息服务器要求客户端证书：", "  The broker demands a client certificate:"),
        "  # certificate: agent.pem",
        "  # key: agent.key",
    ]


def _foreign_broker(given: Credentials) -> list[str]:
    """For a broker that is not Linli's: what its administrator has to grant."""
    access = gateway_access(given.community, given.gateway)
    return [
        _comment(
            "  请消息服务器的管理员为它建一个用户，权限如下：",
            "  Have the broker's administrator make a user for it with these rights:",
        ),
        *(f"  #   publish {topic}" for topic in access.publish),
        *(f"  #   subscribe {topic}" for topic in access.subscribe),
        "  # username:",
        f"  # password_file: {given.gateway}.password",
    ]


def _comment(zh: str, en: str) -> str:
    text = str(Text(zh, en))
    indent = len(text) - len(text.lstrip())
    return f"{' ' * indent}# {text.lstrip()}"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How it went. `clock_offset`: microseconds by which this machine's clock is ahead of the server's."""

    given: Credentials
    files: Files
    clock_offset: int


def enrol(
    server: str, code: str, config: Path, clock: Clock, *, ca: Path | None = None, allow_http: bool, force: bool
) -> Enrolled:
    """Exchange the code and write the files. EnrolError or ConfigError says what is wrong, in words."""
    address, files = read_server(server, allow_http=allow_http), Files(config)
    files.require_place(force=force)
    given = redeem(address, code, ca, new_secret())
    offset = clock.now() - given.at
    files.write(address, given)
    return Enrolled(given, files, offset)
