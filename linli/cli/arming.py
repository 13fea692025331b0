"""`linli arm`: set the mode of a place, and see which places have one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import print_columns
from linli.cli.existing import existing, operator
from linli.cli.finding import find, read_registry
from linli.i18n import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linli.db.arming import Armed
    from linli.db.database import Database
    from linli.db.registry import RegistrySnapshot
    from linli.model import Place
    from linli.settings import Settings

INHERIT = "inherit"
"""In place of a mode: the place gives up its own and goes by the place around it."""


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


HELP = _t("布防与撤防：设置地点的模式，或列出", "Arm and disarm: set a place's mode, or list them")
_MODES = "disarmed, home, away, night, care, leave"


def arm(
    place: Annotated[str, typer.Argument(metavar="PLACE", help=_t("地点编号", "the place's id"))] = "",
    mode: Annotated[
        str,
        typer.Argument(
            metavar="MODE", help=_t(f"{_MODES}；{INHERIT}：随上级地点", f"{_MODES}; {INHERIT}: as the place around it")
        ),
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help=_t("原因（记入审计）", "why; it is kept"))] = "",
    listed: Annotated[
        bool, typer.Option("--list", help=_t("列出各地点的模式", "list the places with their modes"))
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help=_t("数据目录（设置 data）", "data folder (setting data)"))
    ] = None,
) -> None:
    """Set one place's mode; rules goes by it within a second."""
    from linli.arming import mode_name

    with existing(data) as (settings, database):
        if listed:
            _list(settings, database)
            return
        why = " ".join(reason.split())
        if not place or not mode or not why:
            typer.echo(_missing(place, mode).of(settings.language), err=True)
            raise typer.Exit(2)
        found = find(Text("地点", "place"), place, read_registry(database).places, "linli arm --list")
        changed = _set(settings, database, found, None if mode == INHERIT else mode, why)
        said = Text("随上级地点", "as the place around it") if mode == INHERIT else mode_name(mode)
        told = Text(f"{found.name.zh}：{said.zh}", f"{found.name.en}: {said.en}")
        if not changed:
            told = Text(f"{told.zh}（原已如此）", f"{told.en} (it was already)")
        typer.echo(told.of(settings.language))


def _missing(place: str, mode: str) -> Text:
    """What is not given of place, mode and reason, and how it is written."""
    from linli.arming import MODES

    if not place or not mode:
        usage = f"linli arm {place or 'PLACE'} {'|'.join([*MODES, INHERIT])} --reason ..."
        return Text(f"用法：{usage}（或 --list）", f"usage: {usage} (or --list)")
    written = f'linli arm {place} {mode} --reason "..."'
    return Text(
        f"没有改动：要写明原因，它随这次改动留存。{written}",
        f"nothing is changed: give the reason, which is kept with the change: {written}",
    )


def _set(settings: "Settings", database: "Database", place: "Place", mode: str | None, reason: str) -> bool:
    from linli.db.arming import SqlArming

    return SqlArming(database).set(place.id, mode, operator().actor, reason, settings.clock().now())


def _list(settings: "Settings", database: "Database") -> None:
    """One line for each place: the mode that holds there, and who set it, or from where it is."""
    from linli.db.arming import SqlArming
    from linli.db.people import People

    language, registry = settings.language, read_registry(database)
    armed, people = SqlArming(database).all(), People(database, settings.clock()).display_names()
    rows = [
        (place.id, *_mode_of(place, armed, registry, people, language), place.name.of(language))
        for place in sorted(registry.places.values(), key=lambda place: place.id)
    ]
    if not rows:
        said = Text("还没有地点：linli registry load", "no places yet: linli registry load")
        typer.echo(said.of(language))
        return
    heads = ("地点", "PLACE"), ("模式", "MODE"), ("由来", "SET BY"), ("名称", "NAME")
    print_columns(tuple(Text(zh, en).of(language) for zh, en in heads), rows)


def _mode_of(
    place: "Place",
    armed: "Mapping[str, Armed]",
    registry: "RegistrySnapshot",
    people: "Mapping[str, str]",
    language: str,
) -> tuple[str, str]:
    from zoneinfo import ZoneInfo

    from linli.arming import holder, mode_name
    from linli.clock import local_time

    held = holder(place.id, armed, registry.places)
    if held is None:
        return "-", "-"
    mode = mode_name(armed[held].mode or "").of(language)
    if held != place.id:
        return mode, Text(f"随 {held}", f"as {held}").of(language)
    own, zone = armed[held], ZoneInfo(registry.communities[place.community].timezone)
    when = local_time(own.changed_at, zone).strftime("%Y-%m-%d %H:%M")
    return mode, f"{people.get(own.changed_by, own.changed_by)} · {when} · {own.reason}"
