"""`linli registry`: what there is - compounds, places, gateways, facilities, devices - from a file, and shown."""

from pathlib import Path
from typing import Annotated

import typer

from linli.cli import registryfiles
from linli.cli.existing import existing, operator
from linli.i18n import Text

registry_app = typer.Typer(
    no_args_is_help=True,
    help=str(
        Text(
            "登记表：片区、小区、房屋、住户、设备……，用 Excel、CSV 或 YAML 导入，可导出。",
            "The registry: district, compounds, rooms, households, devices ..., imported from Excel, CSV or YAML, and exported.",
        )
    ),
)
_DATA = typer.Option("--data", help=str(Text("数据目录（设置 data）", "data folder (setting data)")))


@registry_app.command(
    "load",
    help=str(
        Text(
            "登记文件中的全部内容，已有的按编号更新；有一处错误则什么也不改。示例见 edge/examples/registry.yaml。",
            "Register all that is in the file, replacing what has the same id; with one fault in it, nothing is changed. "
            "An example: edge/examples/registry.yaml.",
        )
    ),
)
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=str(Text("YAML 文件", "YAML file")))],
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """Read the file, check it against what is registered, and save it in one transaction."""
    from linli.cli.stack import ensure_broker_users
    from linli.db import registry
    from linli.db.registryfacts import settle_as_they_are
    from linli.db.registryitems import all_of
    from linli.db.registrywriting import put
    from linli.model import Holiday
    from linli.registry.changes import Origin
    from linli.registryfile import KINDS, load_registry

    with existing(data) as (settings, database):
        with database.write() as connection:
            there = [*all_of(connection, KINDS), *registry.read_holidays(connection)]
            items = load_registry(file, there)
            have = {(type(item), item.id): item for item in there}
            changed = [item for item in items if have.get((type(item), item.id)) != item]
            now = settings.clock().now()
            things = [item for item in changed if not isinstance(item, Holiday)]
            origin = Origin(now, operator().actor, file.name[:64])
            put(connection, things, origin, revive=True)
            settle_as_they_are(connection, things, origin)
            registry.save(connection, [item for item in changed if isinstance(item, Holiday)], now, origin.actor)
        ensure_broker_users(settings, database)
    same = len(items) - len(changed)
    said = Text(
        f"已登记或更新 {len(changed)} 项，{same} 项没有变化", f"registered or replaced {len(changed)}, {same} unchanged"
    )
    typer.echo(said.of(settings.language))


@registry_app.command(
    "show", help=str(Text("列出小区、网关、设施与设备。", "List compounds, gateways, facilities and devices."))
)
def show(data: Annotated[Path | None, _DATA] = None) -> None:
    """One line for each item but places, grouped by compound."""
    from linli.db import registry
    from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS, kind_name

    with existing(data) as (settings, database), database.read() as connection:
        snapshot = registry.read_registry(connection)
    language = settings.language
    gateway_word = Text("网关", "gateway").of(language)
    for community in snapshot.communities.values():
        typer.echo(f"{community.id}  {community.name.of(language)}  {community.timezone}")
        for gateway in snapshot.gateways.values():
            if gateway.community == community.id:
                typer.echo(f"  {gateway.id}  {gateway_word}  {gateway.name.of(language)}")
        for facility in snapshot.facilities.values():
            if facility.community == community.id:
                kind = kind_name(FACILITY_KINDS, facility.kind).of(language)
                typer.echo(f"  {facility.id}  {kind}  {facility.name.of(language)}")
        for device in snapshot.devices.values():
            if device.community == community.id:
                kind = kind_name(DEVICE_KINDS, device.kind).of(language)
                typer.echo(f"  {device.id}  {kind}  {device.name.of(language)}  <- {device.gateway}")
    if not snapshot.communities:
        typer.echo(Text("还没有登记任何小区", "no compound is registered yet").of(language))


registry_app.command("import", help=registryfiles.IMPORT_HELP)(registryfiles.import_file)
registry_app.command("export", help=registryfiles.EXPORT_HELP)(registryfiles.export)
registry_app.command("template", help=registryfiles.TEMPLATE_HELP)(registryfiles.write_template)
