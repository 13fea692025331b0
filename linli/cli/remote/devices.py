"""`linli devices`: what is registered and how it is, over the REST API."""

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import print_columns, printable
from linli.cli.remote.connection import connected
from linli.cli.remote.shown import as_json, local
from linli.i18n import Text, shell_language

if TYPE_CHECKING:
    from linli.client import Device


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


devices_app = typer.Typer(
    no_args_is_help=True,
    help=_t("查看设备（通过 REST 接口，先 linli login）", "See devices (over the REST API: linli login first)"),
)


@devices_app.command("list", help=_t("列出设备与其状态", "List devices and how they are"))
def list_devices(
    community: Annotated[
        str | None, typer.Option("--community", help=_t("只限此小区", "only of this community"))
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help=_t("只限此种类，如 door", "only of this kind, such as door"))
    ] = None,
    silent: Annotated[
        bool, typer.Option("--silent", help=_t("只列出该报未报的", "only those that should have reported"))
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help=_t("最多几台", "at most so many"))] = 100,
    json_out: Annotated[bool, typer.Option("--json", help=_t("输出 JSON，供脚本使用", "JSON, for scripts"))] = False,
) -> None:
    """List devices."""
    with connected() as linli:
        found = (device for device in linli.devices(community=community, kind=kind) if device.stale or not silent)
        devices = list(islice(found, limit + 1))
    if json_out:
        as_json(devices[:limit])
        return
    if not devices:
        typer.echo(_t("没有这样的设备", "no such devices"))
        return
    heads = (
        _t("编号", "ID"),
        _t("种类", "KIND"),
        _t("状态", "STATE"),
        _t("最近上报", "LAST HEARD"),
        _t("名称", "NAME"),
    )
    print_columns(heads, [_row(device) for device in devices[:limit]])
    if len(devices) > limit:
        typer.echo(_t(f"还有更多：--limit {limit * 10}", f"there are more: --limit {limit * 10}"), err=True)


def _row(device: "Device") -> tuple[str, ...]:
    language = shell_language().value
    where = f"{device.name.of(language)} · {device.place_name.of(language)} ({device.community_name.of(language)})"
    heard = local(device.last_time) if device.last_time else "-"
    return (device.id, printable(device.kind_name.of(language)), _state(device), heard, printable(where))


def _state(device: "Device") -> str:
    if device.gateway_online is False:
        return _t("网关离线", "gateway offline")
    return _t("该报未报", "silent") if device.stale else _t("正常", "well")
