"""InfluxDB 1.x by its own tool, `influxd backup -portable`, which asks the server at its own port for that (8088).

Databases are copied shard by shard, so what is stored meanwhile may be in the copy or not; all that was stored before is.
"""

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

from linli.adapters.influx_buckets import bucket_names
from linli.adapters.influx_http import InfluxConfig, InfluxHttp
from linli.backups import BackupError
from linli.cli.backups.programs import find_tool, run_tool
from linli.clock import SystemClock
from linli.errors import StoreError
from linli.i18n import Text
from linli.settings import Settings

_PORT = 8088
_PATIENCE_S = 5.0
_TO_INSTALL = Text(
    "请安装 InfluxDB 1.x（Debian/Ubuntu：apt install influxdb），或用 --without-readings 不备份读数",
    "install InfluxDB 1.x (Debian/Ubuntu: apt install influxdb), or leave the readings out with --without-readings",
)


def kind_of(settings: Settings) -> str:
    """Which InfluxDB it is: 'influx1', 'influx2' or 'influx3'. BackupError if it does not answer."""
    if settings.influx_kind != "auto":
        return settings.influx_kind
    token = settings.influx_token
    config = InfluxConfig(
        url=settings.influx_url or "",
        bucket=settings.influx_bucket,
        token=token.get_secret_value() if token else None,
        username=settings.influx_username,
        timeout_s=settings.influx_timeout_s,
    )
    http = InfluxHttp(config, SystemClock().monotonic)
    try:
        return http.server.kind
    except StoreError as error:
        raise BackupError(error.text) from None
    finally:
        http.close()


def copy(settings: Settings, rpc: str | None, folder: Path) -> None:
    """Each of Linli's databases into a folder of its own below `folder`. BackupError if the tool is missing or fails."""
    tool, where = find_tool("influxd", _TO_INSTALL), _rpc(settings, rpc)
    for name in bucket_names(settings.influx_bucket).values():
        run_tool([tool, "backup", "-portable", "-db", name, "-host", where, folder / name])


def restore(settings: Settings, rpc: str | None, folder: Path) -> None:
    """Bring the databases below `folder` into the server, which must not have them yet. BackupError if it does, or fails: it says
    which are there by then."""
    tool, where, done = find_tool("influxd", _TO_INSTALL), _rpc(settings, rpc), list[str]()
    for each in filter(_has_rows, sorted(folder.iterdir())):
        try:
            run_tool([tool, "restore", "-portable", "-db", each.name, "-host", where, each])
        except BackupError as error:
            there = ", ".join(done) or "-"
            raise BackupError(
                Text(
                    f"读数库 {each.name} 没有恢复成：{error.text.zh}\n库已存在时，换一台空的 InfluxDB，或先删除它（DROP DATABASE）。"
                    f"此次已恢复、重来前要删除的：{there}",
                    f"the database {each.name} of the readings was not restored: {error.text.en}\nIf it is there already, use an "
                    f"empty InfluxDB, or drop it first (DROP DATABASE). Restored by now, to be dropped before you try again: {there}",
                )
            ) from None
        done.append(each.name)


def _rpc(settings: Settings, rpc: str | None) -> str:
    """Where influxd takes backups. BackupError if nobody listens there: its tool would try for minutes."""
    host, _, port = (rpc or f"{urlsplit(settings.influx_url or '').hostname}:{_PORT}").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S).close()
    except (OSError, ValueError) as error:
        raise BackupError(
            Text(
                f"influxd 在 {host}:{port} 上没有应答备份请求（{error}）：用 --influx-rpc 主机:端口 指明它的 bind-address"
                "（influxdb.conf 开头，默认 127.0.0.1:8088）；或用 --without-readings 不备份读数",
                f"influxd does not take backups at {host}:{port} ({error}): say where its bind-address is (influxdb.conf, at its top; "
                "127.0.0.1:8088 by default) with --influx-rpc HOST:PORT, or leave the readings out with --without-readings",
            )
        ) from None
    return f"{host}:{port}"


def _has_rows(database: Path) -> bool:
    """Whether anything was in it: influxd restores nothing that was empty, and Linli makes what is missing when it starts."""
    return any(json.loads(manifest.read_bytes())["files"] for manifest in database.glob("*.manifest"))


def not_ours(kind: str) -> BackupError:
    """What to do about an InfluxDB that no tool of ours copies."""
    tool = "influx backup" if kind == "influx2" else "its object store"
    return BackupError(
        Text(
            f"读数在 {kind} 中，linli backup 不能复制它：请用它自己的工具备份（{tool}），并给 linli backup 加上 "
            "--without-readings，其余的照常备份",
            f"the readings are in {kind}, which linli backup cannot copy: save them with its own tool ({tool}), and run linli "
            "backup with --without-readings for all the rest",
        )
    )
