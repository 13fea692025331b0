"""`linli device`: which devices there are, tell one to do something, and see what it was told.

Works beside a Linli that runs: through its database and its broker, as who is signed in to the machine ('cli:NAME').
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import print_columns
from linli.cli.existing import existing, operator
from linli.cli.finding import find, read_registry
from linli.i18n import Text

if TYPE_CHECKING:
    from api.commands.sending import CommandDesk
    from linli.db.commands import SqlCommands, StoredCommand
    from linli.db.database import Database
    from linli.db.registry import RegistrySnapshot
    from linli.model import Device
    from linli.settings import Settings

CONNECT_WITHIN_S = 5.0
STATUS_WITHIN_S = 1.0
LOOK_EVERY_S = 0.05


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


device_app = typer.Typer(
    no_args_is_help=True,
    help=_t("设备：列出、下达命令、查看命令记录", "Devices: list, command, see what was commanded"),
)
_DATA = typer.Option("--data", help=_t("数据目录（设置 data）", "data folder (setting data)"))
_Device = Annotated[str, typer.Argument(metavar="DEVICE", help=_t("设备编号", "the device's id"))]


@device_app.command("list", help=_t("列出设备及其能接受的命令", "List devices, and what each can be told"))
def list_devices(
    community: Annotated[str, typer.Option("--community", help=_t("只看该小区", "only of this compound"))] = "",
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """One line for each device."""
    from linli.commands.kinds import commands_of
    from linli.vocabulary import DEVICE_KINDS, kind_name

    with existing(data) as (_settings, database):
        devices = read_registry(database).devices
    rows = [
        (
            device.id,
            str(kind_name(DEVICE_KINDS, device.kind)),
            device.gateway,
            " ".join(commands_of(device.kind)) or "-",
            str(device.name),
        )
        for device in sorted(devices.values(), key=lambda device: device.id)
        if community in ("", device.community)
    ]
    if not rows:
        typer.echo(_t("还没有设备：linli registry load", "no devices yet: linli registry load"))
        return
    print_columns(
        (_t("编号", "ID"), _t("类型", "KIND"), _t("网关", "GATEWAY"), _t("命令", "COMMANDS"), _t("名称", "NAME")), rows
    )


@device_app.command(
    "command",
    help=_t(
        "让设备做一件事，等到结果：0 已执行，1 未执行或没有应答，2 没有发出",
        "Tell a device to do something and wait for the outcome: 0 done, 1 not done or no answer, 2 not sent",
    ),
)
def command(
    device: _Device,
    name: Annotated[
        str,
        typer.Argument(
            metavar="COMMAND", help=_t("命令，如 unlock；见 linli device list", "such as unlock; see linli device list")
        ),
    ],
    seconds: Annotated[
        int | None, typer.Option("--seconds", help=_t("持续秒数", "for how many seconds"), show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help=_t("原因（记入审计）", "why; it is kept"))] = "",
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """Send one command and say what became of it."""
    from api.commands.service import no_reason, outcome_of
    from linli.commands.kinds import command_kind, complete
    from linli.commands.life import CommandState

    with existing(data) as (settings, database):
        found = _find(read_registry(database), device)
        kind = command_kind(found.kind, name)
        why = " ".join(reason.split())
        if kind.needs_reason and not why:
            refusal = no_reason(kind)
            refusal.text = Text(f"{refusal.text.zh}：--reason", f"{refusal.text.en}: --reason")
            raise refusal
        arguments = complete(found.kind, name, {} if seconds is None else {"seconds": seconds})
        ended = _carry_out(settings, database, found, name, arguments, why)
    said = outcome_of(ended.state, ended.code, ended.detail)
    typer.echo(f"{found.name} · {kind.name}: {said}")
    raise typer.Exit(0 if ended.state is CommandState.DONE else 1)


@device_app.command(
    "commands",
    help=_t("该设备接受过的命令：谁、何时、为何、结果", "What a device was told: who, when, why, and how it ended"),
)
def commands(
    device: _Device,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help=_t("最多几条", "at most so many"))] = 20,
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """The device's commands, the last first."""
    from zoneinfo import ZoneInfo

    from api.commands.service import outcome_of
    from linli.clock import local_time
    from linli.commands.kinds import command_name
    from linli.db.commands import SqlCommands
    from linli.db.people import People

    with existing(data) as (settings, database):
        registry = read_registry(database)
        found = _find(registry, device)
        zone = ZoneInfo(registry.communities[found.community].timezone)
        known = SqlCommands(database).of_device(found.id, limit)
        people = People(database, settings.clock()).display_names()
    rows = [
        (
            local_time(told.asked_at, zone).strftime("%Y-%m-%d %H:%M:%S"),
            str(command_name(told.kind, told.name)),
            people.get(told.actor, told.actor),
            str(outcome_of(told.state, told.code, told.detail)),
            told.reason or "-",
        )
        for told in known
    ]
    if not rows:
        typer.echo(_t(f"{found.id} 没有接受过命令", f"{found.id} was never told anything"))
        return
    print_columns(
        (_t("时间", "TIME"), _t("命令", "COMMAND"), _t("谁", "WHO"), _t("结果", "OUTCOME"), _t("原因", "WHY")), rows
    )


def _find(registry: "RegistrySnapshot", device: str) -> "Device":
    return find(Text("设备", "device"), device, registry.devices, "linli device list")


def _carry_out(
    settings: "Settings", database: "Database", device: "Device", name: str, arguments: Mapping[str, int], reason: str
) -> "StoredCommand":
    """Send it, and the command as it has ended."""
    from api.commands.sending import CommandDesk
    from linli.adapters.connect import service_client
    from linli.db.commands import SqlCommands
    from linli.topics import GatewayTopic, Leaf

    stored = SqlCommands(database)
    place = GatewayTopic(device.community, device.gateway, Leaf.COMMAND)
    desk = CommandDesk(stored, settings.clock(), service_client(settings, "api"), place)
    desk.start()
    try:
        _wait_connected(desk, device.gateway)
        sent = desk.send(operator().actor, device, name, dict(arguments), reason)
        return _wait_ended(stored, sent)
    finally:
        desk.stop()


def _wait_connected(desk: "CommandDesk", gateway: str) -> None:
    """Until the connection stands and the broker has said how the gateway is, or it takes too long."""
    pause = threading.Event()
    for _ in range(round(CONNECT_WITHIN_S / LOOK_EVERY_S)):
        if desk.connected:
            break
        pause.wait(LOOK_EVERY_S)
    for _ in range(round(STATUS_WITHIN_S / LOOK_EVERY_S)):
        if not desk.connected or desk.online(gateway) is not None:
            return
        pause.wait(LOOK_EVERY_S)


def _wait_ended(stored: "SqlCommands", sent: "StoredCommand") -> "StoredCommand":
    """The desk times it out, so this ends."""
    pause, now = threading.Event(), sent
    while now.open:
        pause.wait(LOOK_EVERY_S)
        now = stored.get(sent.id) or now
    return now
