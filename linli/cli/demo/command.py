"""`linli demo district`: makes the reference district, beside what is there or in a folder of its own."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.existing import operator
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.cli.demo.layout import Size
    from linli.db.database import Database
    from linli.registry.kinds import Item
    from linli.settings import Settings


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


SOURCE = "demo"
"""The source of every fact of it."""
_CONFIDENCE = 0.5

demo_app = typer.Typer(
    no_args_is_help=True,
    help=_t("虚构的演示数据，用来按实际规模试用。", "Invented data, to try Linli at its full size."),
)


@demo_app.callback()
def demo() -> None:
    """So that `district` is named, and others may come beside it."""


@demo_app.command(
    "district",
    help=_t(
        "生成参考片区：42 个村居、165 个小区、82,500 台设备、60,000 户及其居民；一切人名、电话均为虚构（来源 demo）。"
        "可重复运行；相同的种子与规模得到相同的内容。",
        "Make the reference district: 42 committees, 165 compounds, 82,500 devices, 60,000 households and who lives in them. Everybody "
        "is invented (source: demo). May be run again; the same seed and size give the same district.",
    ),
)
def district(
    seed: Annotated[int, typer.Option("--seed", help=_t("种子", "what it is drawn from"))] = 20_261_001,
    committees: Annotated[int, typer.Option("--committees", help=_t("村居数", "committees"))] = 42,
    compounds: Annotated[int, typer.Option("--compounds", help=_t("小区数", "compounds"))] = 165,
    resettled: Annotated[
        int | None,
        typer.Option(
            "--resettlement",
            help=_t("其中安置小区数（默认约四分之一）", "of which of resettlement (default: about a quarter)"),
            show_default=False,
        ),
    ] = None,
    devices: Annotated[
        int | None,
        typer.Option(
            "--devices",
            help=_t("设备数（默认每小区 500）", "devices (default: 500 for each compound)"),
            show_default=False,
        ),
    ] = None,
    households: Annotated[
        int | None,
        typer.Option(
            "--households",
            help=_t("住户数（默认每小区约 364）", "households (default: about 364 for each compound)"),
            show_default=False,
        ),
    ] = None,
    accounts: Annotated[
        bool,
        typer.Option(
            "--accounts",
            help=_t("为每种角色建一个账号，密码显示一次", "an account of each role, its password shown once"),
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_t("输出 JSON", "print JSON"))] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", help=_t("数据目录（设置 data）", "data folder (setting data)"), show_default=False),
    ] = None,
) -> None:
    """Make it, one compound after the other; what is there already as it is to be stays untouched."""
    from linli.cli.demo.layout import Size

    quarter = 40 if compounds == 165 else compounds // 4
    size = Size(
        committees,
        compounds,
        quarter if resettled is None else resettled,
        compounds * 500 if devices is None else devices,
        (60_000 if compounds == 165 else compounds * 364) if households is None else households,
    )
    size.check()
    with _opened(data) as (settings, database):
        counts = fill(settings, database, size, seed)
        made = _accounts(settings, database) if accounts else []
        language = settings.language
    if as_json:
        shown = [{"role": role, "name": name, "password": secret} for role, name, secret in made]
        typer.echo(json.dumps({"seed": seed, "items": counts, "accounts": shown}, ensure_ascii=False))
        return
    _show(counts, language)
    for role, name, secret in made:
        typer.echo(f"  {name:<12} {secret}  ({role})")
    if made:
        typer.echo(_t("请现在记下密码，之后不再显示", "note the passwords now: they are not shown again"))


@contextmanager
def _opened(data: Path | None) -> Iterator[tuple["Settings", "Database"]]:
    """The data folder's database, made if there is none yet."""
    from linli.cli.existing import existing
    from linli.cli.stack import prepare
    from linli.settings import load_settings

    settings = load_settings(data=data)
    if settings.database_url is not None or not (settings.data / "linli.db").exists():
        prepare(settings, accounts=False)
    with existing(data) as opened:
        yield opened


def fill(settings: "Settings", database: "Database", size: "Size", seed: int) -> dict[str, int]:
    """Register the district; how many of each kind it has. A transaction for each compound, so that nobody waits long.

    Conflict, with nothing changed, if what is there is in its way.
    """
    from linli.cli.collecting import seldom_collected
    from linli.cli.demo.district import portions
    from linli.cli.stack import ensure_broker_users
    from linli.db.registryfacts import record
    from linli.registry.changes import Origin
    from linli.registry.kinds import kind_of

    origin = Origin(settings.clock().now(), operator().actor, SOURCE, _CONFIDENCE)
    counts: Counter[str] = Counter()
    _make_room(database)
    with seldom_collected():
        for number, items in enumerate(portions(size, seed)):
            if number == 0:
                _check_free(database, items, size)
            with database.write() as connection:
                record(connection, items, origin)
            counts.update(map(kind_of, items))
            _tell(number, size.compounds)
    ensure_broker_users(settings, database)
    return dict(counts)


def _make_room(database: "Database") -> None:
    """SQLite keeps more in memory, so that a page is written once and not with each compound."""
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA cache_size=-131072")
            connection.exec_driver_sql("PRAGMA wal_autocheckpoint=65536")


def _check_free(database: "Database", items: Iterable["Item"], size: "Size") -> None:
    """Nothing of the district's ids is anything else's, nor of a district of another seed or size."""
    from sqlalchemy import func, select

    from linli.cli.demo.district import PREFIX
    from linli.db.registryitems import get_many
    from linli.db.registryrows import SHAPES
    from linli.errors import Conflict
    from linli.registry.model import Community
    from simulators.compound import COMMUNITY

    mine = {item.id: item for item in items if isinstance(item, Community)}
    table = SHAPES["community"].table
    with database.read() as connection:
        there = get_many(connection, "community", mine)
        query = select(func.count()).select_from(table).where(table.c.id.like(f"{PREFIX}%"))
        others = connection.execute(query).scalar() or 0
    wrong = [key for key, kept in there.items() if key != COMMUNITY and (kept.item != mine[key] or kept.removed_at)]
    if wrong or others > size.compounds - 1:
        said = Text(
            "已有另一个演示片区（种子或规模不同），或有人改动过它；请换一个数据目录（--data）",
            "there is a demo district of another seed or size, or one that was changed: choose another data folder (--data)",
        )
        raise Conflict(said)


def _accounts(settings: "Settings", database: "Database") -> list[tuple[str, str, str]]:
    """An account for each role that signs in and whose name is free: role, name and password."""
    from linli.db.accounts import Accounts
    from linli.model import Role
    from linli.roles import ROLES

    people = Accounts(database, settings.clock())
    taken = {person.name for person in people.all()}
    made: list[tuple[str, str, str]] = []
    for role in Role:
        name = f"demo-{role.value.replace('_', '-')}"
        if name in taken or ROLES[role].tokens_only:
            continue
        of = ["demo-committee-01"] if role is Role.COMMITTEE else []
        belongs = [] if of else ["c001", "demo002"]
        shown = f"{ROLES[role].name.zh} {ROLES[role].name.en}（演示）"
        _, secret = people.add(name, role, belongs, committees=of, display_name=shown, by=operator().actor)
        made.append((role.value, name, secret))
    return made


def _show(counts: dict[str, int], language: str) -> None:
    from linli.registry.kinds import KINDS

    for kind, count in counts.items():
        typer.echo(f"{count:>9,}  {KINDS[kind].name.of(language)}")
    typer.echo(
        Text(
            "演示片区已就绪（一切均为虚构）：linli up",
            "the demo district is there (all of it invented): linli up",
        ).of(language)
    )


def _tell(done: int, of: int) -> None:
    """How far it is, on a terminal."""
    import sys

    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done}/{of} " if done < of else "\r" + " " * 20 + "\r")
        sys.stderr.flush()
