"""`linli devices`: what is registered and how it is, over the REST API."""

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import print_columns, printable
from linli.cli.remote.completing import device_ids
from linli.cli.remote.connection import connected
from linli.cli.remote.shown import as_json, local, print_facts
from linli.i18n import Text, shell_language

if TYPE_CHECKING:
    from linli.client import Client, Device, DeviceRecord, Installation


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


devices_app = typer.Typer(
    no_args_is_help=True,
    help=_t(
        "查看设备、登记更换（通过 REST 接口，先 linli login）",
        "See devices, and register what was replaced (over the REST API: linli login first)",
    ),
)
Id = Annotated[str, typer.Argument(metavar="ID", help=_t("设备编号", "id of the device"), autocompletion=device_ids)]
Json = Annotated[bool, typer.Option("--json", help=_t("输出 JSON，供脚本使用", "JSON, for scripts"))]


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
    json_out: Json = False,
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


@devices_app.command(
    "show",
    help=_t(
        "一台设备的登记、状态，以及这里先后装过什么",
        "One device: as it is registered, how it is, and what stood there before",
    ),
)
def show(device: Id, json_out: Json = False) -> None:
    """One device."""
    with connected() as linli:
        record, stood = linli.device(device), linli.installations(device)
        now = _as_it_is(linli, record)
    if json_out:
        as_json({"registered": record, "now": now, "installations": stood})
        return
    _show(record, now)
    _show_installations(stood)


@devices_app.command(
    "replace",
    help=_t(
        "登记更换：同一位置换了新设备，编号、位置与历史不变",
        "Register that the equipment was replaced: same place, new serial; id, place and history stay",
    ),
)
def replace(
    device: Id,
    reason: Annotated[str, typer.Option("--reason", help=_t("原因", "why"))],
    serial: Annotated[str | None, typer.Option("--serial", help=_t("新的序列号", "the new serial number"))] = None,
    model: Annotated[
        str | None, typer.Option("--model", help=_t("新的型号（不写则未知）", "the new model (else: not known)"))
    ] = None,
    json_out: Json = False,
) -> None:
    """What stands there now, if nobody else changes the record meanwhile."""
    if serial is None and model is None:
        raise typer.BadParameter(_t("写出 --serial 或 --model", "say what stands there now: --serial, --model or both"))
    with connected() as linli:
        before = linli.device(device)
        after = linli.replace_device(device, before.etag, reason, serial=serial, model=model)
        stood = linli.installations(device)
    if json_out:
        as_json(after)
        return
    _show(after, None)
    _show_installations(stood)


def _as_it_is(linli: "Client", record: "DeviceRecord") -> "Device | None":
    """How the device is now; None if the server does not say, as of one that was removed."""
    from linli.client import ApiProblem

    try:
        return linli.device_now(record.id)
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        return None


def _show(record: "DeviceRecord", now: "Device | None") -> None:
    language = shell_language().value
    facts = [
        (_t("编号", "id"), record.id),
        (_t("名称", "name"), record.name.of(language)),
        (_t("种类", "kind"), record.kind if now is None else f"{now.kind_name.of(language)} ({record.kind})"),
        (_t("小区", "community"), _named(record.community, None if now is None else now.community_name.of(language))),
        (_t("位置", "place"), _named(record.place, None if now is None else now.place_name.of(language))),
        (_t("网关", "gateway"), record.gateway),
    ]
    facts += [
        (name, value)
        for name, value in ((_t("设施", "facility"), record.facility), (_t("上级设备", "hangs on"), record.parent))
        if value is not None
    ]
    if now is not None:
        facts.append((_t("状态", "state"), _state(now)))
        facts.append((_t("最近上报", "last heard"), local(now.last_time) if now.last_time else "-"))
    facts.append((_t("登记修改", "record changed"), local(record.changed_at)))
    print_facts(facts)


def _show_installations(stood: "list[Installation]") -> None:
    if not stood:
        return
    heads = (
        _t("序列号", "SERIAL"),
        _t("型号", "MODEL"),
        _t("从", "SINCE"),
        _t("到", "UNTIL"),
        _t("原因", "REASON"),
    )
    rows = [
        (
            printable(one.serial or "-"),
            printable(one.model or "-"),
            "-" if one.since is None else local(one.since),
            _t("现在", "now") if one.until is None else local(one.until),
            printable(one.reason or "-"),
        )
        for one in stood
    ]
    print_columns(heads, rows)


def _named(key: str, name: str | None) -> str:
    return key if name is None else f"{name} ({key})"


def _row(device: "Device") -> tuple[str, ...]:
    language = shell_language().value
    where = f"{device.name.of(language)} · {device.place_name.of(language)} ({device.community_name.of(language)})"
    heard = local(device.last_time) if device.last_time else "-"
    return (device.id, printable(device.kind_name.of(language)), _state(device), heard, printable(where))


def _state(device: "Device") -> str:
    if device.gateway_online is False:
        return _t("网关离线", "gateway offline")
    return _t("该报未报", "silent") if device.stale else _t("正常", "well")
