"""`linli audit`: who did what and who saw whose data, and whether the log of it is whole."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linli.cli.auditshown import Progress, document, facts_of, print_entries, report_json, tell
from linli.cli.columns import printable
from linli.cli.existing import existing, operator
from linli.cli.spans import moment
from linli.errors import ConfigError, NotFound
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.audit import Search
    from linli.db.database import Database
    from linli.settings import Settings


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


audit_app = typer.Typer(
    help=_t("审计日志：查看、导出、验证是否完整", "The audit log: list, export, and verify that it is whole"),
    no_args_is_help=True,
)

Data = Annotated[
    Path | None,
    typer.Option("--data", help=_t("数据目录（默认按设置）", "Data folder (default: as set)"), show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help=_t("输出 JSON", "print JSON"))]
Actor = Annotated[
    str | None,
    typer.Option("--actor", help=_t("谁做的：登录名或编号", "who did it: sign-in name or id"), show_default=False),
]
Verb = Annotated[
    str | None,
    typer.Option(
        "--verb",
        help=_t(
            "做了什么：account.disabled；account. 表示以此开头的", "what: account.disabled; account. for all of them"
        ),
        show_default=False,
    ),
]
About = Annotated[
    str | None,
    typer.Option("--about", help=_t("关于谁、什么：编号", "about whom or what: an id"), show_default=False),
]
Community = Annotated[
    str | None, typer.Option("--community", help=_t("只限此小区的", "only those of this community"), show_default=False)
]
Refused = Annotated[bool, typer.Option("--refused", help=_t("只限被拒绝的", "only what was refused"))]
Since = Annotated[
    str | None,
    typer.Option("--since", help=_t("此后的：2h、3d、2026-11-20", "since: 2h, 3d, 2026-11-20"), show_default=False),
]
Until = Annotated[
    str | None, typer.Option("--until", help=_t("此前的，同上", "until, written likewise"), show_default=False)
]


@audit_app.command("list", help=_t("列出最新的记录", "List the newest entries"))
def list_entries(
    actor: Actor = None,
    verb: Verb = None,
    about: About = None,
    community: Community = None,
    refused: Refused = False,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help=_t("最多几条", "at most this many"))] = 50,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List those to which all of the options apply, the newest last, next to the prompt."""
    from linli.db.audit import SqlAudit

    with existing(data) as (settings, database):
        search = _search(settings, database, actor, verb, about, community, since, until, refused=refused)
        found = SqlAudit(database).newest(search, limit)[::-1]
        _written_down(settings, database, "audit.read", search, len(found))
        names = _names(settings, database)
    if as_json:
        typer.echo(json.dumps([document(shown) for shown in found], ensure_ascii=False, indent=1))
    elif not found:
        typer.echo(_t("没有这样的记录", "there are no such entries"))
    else:
        print_entries(settings, found, names)


@audit_app.command("show", help=_t("显示一条记录的全部", "Show all of one entry"))
def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help=_t("编号", "Its number"))],
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Everything that is kept of it; what was erased is named as such."""
    from linli.db.audit import Search, SqlAudit

    with existing(data) as (settings, database):
        shown = SqlAudit(database).get(number)
        if shown is None:
            raise NotFound(Text(f"没有第 {number} 条记录", f"there is no entry {number}"))
        _written_down(settings, database, "audit.read", Search(), 1)
        names = _names(settings, database)
    if as_json:
        typer.echo(json.dumps(document(shown), ensure_ascii=False, indent=1))
        return
    facts = facts_of(settings, shown, names)
    from rich.cells import cell_len, set_cell_size

    width = max(cell_len(name) for name, _ in facts)
    for name, value in facts:
        typer.echo(f"{set_cell_size(name, width)}  {printable(value)}")


@audit_app.command(
    "export",
    help=_t(
        "导出为 NDJSON：每行一条，可用其他工具重算哈希（见 docs/audit.zh-CN.md）",
        "Export as NDJSON, an entry a line, whose hashes other tools can recompute (see docs/audit.md)",
    ),
)
def export(
    actor: Actor = None,
    verb: Verb = None,
    about: About = None,
    community: Community = None,
    refused: Refused = False,
    since: Since = None,
    until: Until = None,
    to: Annotated[
        Path | None, typer.Option("--to", help=_t("写入此文件（默认标准输出）", "file to write (default: stdout)"))
    ] = None,
    data: Data = None,
) -> None:
    """Write them out, the oldest first, in flat memory. A file is made for the owner alone, and is there once it is whole."""
    from linli.db.audit import SqlAudit

    with existing(data) as (settings, database):
        search = _search(settings, database, actor, verb, about, community, since, until, refused=refused)
        log = SqlAudit(database)
        _written_down(settings, database, "audit.exported", search, log.count(search))
        lines = (json.dumps(document(shown), ensure_ascii=False) + "\n" for shown in log.all(search))
        if to is None:
            for line in lines:
                sys.stdout.write(line)
        else:
            _write_file(to, lines)


@audit_app.command(
    "verify",
    help=_t(
        "验证整条链：指出第一处断裂；有问题时退出码为 1",
        "Verify all of the chain: names the first broken link, and ends with status 1 if there is one",
    ),
)
def verify(
    rows: Annotated[
        bool,
        typer.Option(
            "--rows/--no-rows",
            help=_t(
                "也核对被封存的告警、指令、登记、布防记录",
                "the sealed rows of alerts, commands, registry and arming too",
            ),
        ),
    ] = True,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Read everything once; exit status 0 if it is whole and guarded, 1 if not."""
    from linli.audithead import HeadFile
    from linli.db.auditcheck import check_log

    with existing(data) as (settings, database):
        progress = Progress()
        report = check_log(database, HeadFile(settings.audit_head_path), rows=rows, told=progress)
        progress.clear()
    if as_json:
        typer.echo(json.dumps(report_json(report), ensure_ascii=False, indent=1))
    else:
        tell(settings, report)
    raise typer.Exit(0 if report.whole else 1)


@audit_app.command(
    "reanchor",
    help=_t(
        "恢复备份之后：从现有的末尾继续，并永久记下此事",
        "After a restored backup: go on from the end that there is, and have that on record for good",
    ),
)
def reanchor_command(
    reason: Annotated[str, typer.Option("--reason", help=_t("原因（记入日志）", "why; it is kept"))] = "",
    data: Data = None,
) -> None:
    """Accept the end of the log as it is."""
    from linli.audithead import HeadFile
    from linli.db.auditcheck import reanchor

    with existing(data) as (settings, database):
        why = _reason(reason)
        entry = reanchor(database, HeadFile(settings.audit_head_path), operator(), why, settings.clock().now())
    typer.echo(
        _t(f"已记为第 {entry.seq} 条，链头从此开始", f"on record as entry {entry.seq}; the head goes on from there")
    )


@audit_app.command(
    "guard",
    help=_t(
        "恢复拒绝改动日志的触发器（缺了时），并永久记下此事",
        "Bring back the triggers that refuse changes of the log, where they are missing, and have that on record for good",
    ),
)
def guard_command(
    reason: Annotated[str, typer.Option("--reason", help=_t("原因（记入日志）", "why; it is kept"))] = "",
    data: Data = None,
) -> None:
    """Make them anew."""
    from sqlalchemy.exc import ProgrammingError

    from linli.db.auditguards import guard_again

    with existing(data) as (settings, database):
        why = _reason(reason)
        try:
            entry = guard_again(database, operator(), why, settings.clock().now())
        except ProgrammingError:  # PostgreSQL: the log is another role's
            raise ConfigError(
                Text(
                    "Linli 的数据库角色无权恢复；请由超级用户执行：linli audit grants | sudo -u postgres psql -v "
                    "ON_ERROR_STOP=1 -d 数据库",
                    "Linli's database role has no right to: have a superuser run linli audit grants | sudo -u postgres psql "
                    "-v ON_ERROR_STOP=1 -d DATABASE, which brings them back too",
                )
            ) from None
    if entry is None:
        typer.echo(_t("都在，没有要恢复的", "They are all there: nothing to bring back"))
        return
    names = ", ".join(map(str, entry.facts["guards"]))
    typer.echo(
        _t(f"已恢复：{names}；已记为第 {entry.seq} 条", f"brought back: {names}; on record as entry {entry.seq}")
    )


def _reason(reason: str) -> str:
    why = " ".join(reason.split())
    if not why:
        raise ConfigError(Text("请用 --reason 说明原因", "say why, with --reason"))
    return why


@audit_app.command(
    "grants",
    help=_t(
        "PostgreSQL：输出收回 Linli 自身改动日志权限的 SQL，由超级用户执行",
        "PostgreSQL: print the SQL that takes from Linli's own role the right to change the log, for a superuser to run",
    ),
)
def grants_command(
    owner: Annotated[
        str, typer.Option("--owner", help=_t("日志归哪个角色所有", "role that is to own the log"))
    ] = "linli_owner",
    data: Data = None,
) -> None:
    """Print it; nothing is changed."""
    from linli.db.auditgrants import grants

    with existing(data) as (_settings, database), database.read() as connection:
        if connection.dialect.name != "postgresql":
            raise ConfigError(
                Text(
                    "SQLite 没有角色：能写文件的人什么都能改，改动由链和链头发现",
                    "SQLite has no roles: who may write the file may change all of it, which the chain and its head show",
                )
            )
        typer.echo(grants(connection, owner), nl=False)


# --- what is meant --------------------------------------------------------------------------------------------------


def _search(
    settings: "Settings",
    database: "Database",
    actor: str | None,
    verb: str | None,
    about: str | None,
    community: str | None,
    since: str | None,
    until: str | None,
    *,
    refused: bool,
) -> "Search":
    from linli.auditwords import VERBS
    from linli.db.audit import Search

    now, zone = settings.clock().now(), settings.timezone
    if verb is not None and not any(known == verb or (verb[-1:] == "." and known.startswith(verb)) for known in VERBS):
        raise ConfigError(
            Text(f"没有动作 {verb:.64}；见 docs/audit.zh-CN.md", f"there is no verb {verb:.64}; see docs/audit.md")
        )
    ids = {name: one for one, name in _names(settings, database).items()}
    return Search(
        actor=None if actor is None else ids.get(actor, actor),
        verb=verb,
        item=None if about is None else ids.get(about, about),
        community=community,
        outcome="refused" if refused else None,
        since=None if since is None else moment(since, now, zone),
        until=None if until is None else moment(until, now, zone),
    )


def _names(settings: "Settings", database: "Database") -> dict[str, str]:
    """The sign-in name of each account, by its id."""
    from linli.db.people import People

    return {person.id: person.name for person in People(database, settings.clock()).all()}


def _written_down(settings: "Settings", database: "Database", verb: str, search: "Search", number: int) -> None:
    """That somebody looked: who watches is watched."""
    from linli.audit import Act
    from linli.db.audit import append

    asked = {name: value for name in search.__slots__ if (value := getattr(search, name)) is not None}
    act = Act(verb, operator(), "audit", facts={"entries": number}, details=asked)
    with database.write() as connection:
        append(connection, act, settings.clock().now())


def _write_file(path: Path, lines: Any) -> None:
    import os

    fresh = path.with_name(f".{path.name}.part")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(lines)
        fresh.replace(path)
    except OSError as error:
        said = error.strerror or str(error)
        raise ConfigError(Text(f"无法写入 {path}：{said}", f"cannot write {path}: {said}")) from None
