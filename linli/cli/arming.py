"""`linli arm`: set the mode of a place, and see which places have one."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import print_columns
from linli.cli.existing import existing
from linli.i18n import Text

if TYPE_CHECKING:
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
        bool, typer.Option("--list", help=_t("列出有模式的地点", "list the places that have a mode"))
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help=_t("数据目录（设置 data）", "data folder (setting data)"))
    ] = None,
) -> None:
    """Set one place's mode; rules goes by it within a second."""
    from linli.arming import MODES, mode_name

    with existing(data) as (settings, database):
        if listed:
            _list(settings, database)
            return
        why = " ".join(reason.split())
        if not place or not mode or not why:
            modes = "|".join([*MODES, INHERIT])
            usage = f"linli arm PLACE {modes} --reason ..."
            typer.echo(
                Text(f"用法：{usage}（或 --list）", f"usage: {usage} (or --list)").of(settings.language), err=True
            )
            raise typer.Exit(2)
        found = _find(_registry(database), place)
        changed = _set(settings, database, found, None if mode == INHERIT else mode, why)
        said = Text("随上级地点", "as the place around it") if mode == INHERIT else mode_name(mode)
        told = Text(f"{found.name.zh}：{said.zh}", f"{found.name.en}: {said.en}")
        if not changed:
            told = Text(f"{told.zh}（原已如此）", f"{told.en} (it was already)")
        typer.echo(told.of(settings.language))


def _set(settings: "Settings", database: "Database", place: "Place", mode: str | None, reason: str) -> bool:
    from linli.db.arming import SqlArming

    return SqlArming(database).set(place.id, mode, f"cli:{getpass.getuser()}", reason, settings.clock().now())


def _list(settings: "Settings", database: "Database") -> None:
    from zoneinfo import ZoneInfo

    from linli.arming import mode_name
    from linli.clock import local_time
    from linli.db.arming import SqlArming
    from linli.db.people import People

    language, registry = settings.language, _registry(database)
    people = People(database, settings.clock()).display_names()
    rows = []
    for armed in sorted(SqlArming(database).all().values(), key=lambda armed: armed.place):
        place = registry.places.get(armed.place)
        zone = ZoneInfo(registry.communities[place.community].timezone if place else settings.timezone)
        rows.append(
            (
                armed.place,
                mode_name(armed.mode or "").of(language),
                local_time(armed.changed_at, zone).strftime("%Y-%m-%d %H:%M"),
                people.get(armed.changed_by, armed.changed_by),
                place.name.of(language) if place else "-",
                armed.reason or "-",
            )
        )
    if not rows:
        said = Text("没有地点设过模式；见 linli arm --help", "no place has a mode yet; see linli arm --help")
        typer.echo(said.of(language))
        return
    heads = ("地点", "PLACE"), ("模式", "MODE"), ("时间", "SINCE"), ("谁", "WHO"), ("名称", "NAME"), ("原因", "WHY")
    print_columns(tuple(Text(zh, en).of(language) for zh, en in heads), rows)


def _registry(database: "Database") -> "RegistrySnapshot":
    from linli.db.registry import read_registry

    with database.read() as connection:
        return read_registry(connection)


def _find(registry: "RegistrySnapshot", place: str) -> "Place":
    """The place, or NotFound with those whose id or name is like it."""
    from difflib import get_close_matches

    from linli.errors import NotFound

    found = registry.places.get(place)
    if found is not None:
        return found
    wanted = place.lower()
    near = get_close_matches(wanted, registry.places, n=3, cutoff=0.6)
    near += [one.id for one in registry.places.values() if wanted in f"{one.name.zh} {one.name.en}".lower()]
    there = ", ".join(dict.fromkeys(near[:5]))
    raise NotFound(
        Text(
            f"没有地点 {place:.64}" + (f"；是不是 {there}？" if there else ""),
            f"there is no place {place:.64}" + (f"; did you mean {there}?" if there else ""),
        )
    )
