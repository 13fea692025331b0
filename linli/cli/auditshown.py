"""How `linli audit` shows entries of the log, and what a verification found; for people, and as JSON for scripts."""

import json
import sys
from typing import TYPE_CHECKING, Any

import typer

from linli.cli.columns import print_columns, printable
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.audit import Shown
    from linli.db.auditcheck import Report
    from linli.settings import Settings


FAULTS_SHOWN = 10


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


def document(shown: "Shown") -> dict[str, Any]:
    """An entry for scripts: what its hash is taken over, the hash, and the texts that there still are beside it."""
    return shown.entry.document() | {"hash": shown.entry.hash, "beside": dict(shown.texts)}


def print_entries(settings: "Settings", found: "list[Shown]", names: dict[str, str]) -> None:
    """In columns; `names`: the sign-in name of each account."""
    from linli.auditwords import verb_name

    heads = (
        _t("编号", "NO."),
        _t("时间", "TIME"),
        _t("谁", "WHO"),
        _t("做了什么", "WHAT"),
        _t("对象", "ABOUT"),
        _t("原因", "WHY"),
    )
    rows = [
        (
            str(shown.entry.seq),
            _time(settings, shown.entry.at),
            names.get(shown.entry.actor, shown.entry.actor),
            verb_name(shown.entry.verb).of(settings.language) + _outcome(shown),
            _about(shown, names),
            _why(settings, shown),
        )
        for shown in found
    ]
    print_columns(heads, [tuple(printable(cell) for cell in row) for row in rows])
    typer.echo(_t("看其中一条：linli audit show 编号", "to see one: linli audit show NUMBER"))


def _outcome(shown: "Shown") -> str:
    return _t("（被拒绝）", " (refused)") if shown.entry.outcome == "refused" else ""


def _about(shown: "Shown", names: dict[str, str]) -> str:
    entry = shown.entry
    some = [names.get(one, one) for one in entry.ids[:3]]
    more = f" +{len(entry.ids) - 3}" if len(entry.ids) > 3 else ""
    return f"{entry.kind} {', '.join(some)}{more}".strip() or "-"


def _why(settings: "Settings", shown: "Shown") -> str:
    from linli.auditwords import purpose_name

    purpose = purpose_name(shown.entry.purpose).of(settings.language)
    return " · ".join(part for part in (purpose, shown.texts.get("reason", "")) if part) or "-"


def facts_of(settings: "Settings", shown: "Shown", names: dict[str, str]) -> list[tuple[str, str]]:
    """Everything that is kept of an entry, by what it is called."""
    from linli.auditwords import kind_name, purpose_name, verb_name

    entry, language = shown.entry, settings.language

    def named(one: str) -> str:
        return f"{one} ({names[one]})" if one in names else one

    return [
        (_t("编号", "number"), str(entry.seq)),
        (_t("时间", "time"), _time(settings, entry.at)),
        (_t("谁", "who"), named(entry.actor)),
        (_t("做了什么", "what"), f"{verb_name(entry.verb).of(language)} ({entry.verb}){_outcome(shown)}"),
        (_t("对象", "about"), f"{kind_name(entry.kind).of(language)} {', '.join(map(named, entry.ids))}".strip()),
        (_t("小区", "community"), entry.community or "-"),
        (_t("目的", "purpose"), purpose_name(entry.purpose).of(language) or "-"),
        (_t("原因", "reason"), shown.texts.get("reason", "-")),
        (_t("来自", "from"), " ".join(part for part in (shown.texts.get("address"), entry.credential) if part) or "-"),
        (_t("事实", "facts"), json.dumps(entry.facts, ensure_ascii=False) if entry.facts else "-"),
        (_t("详情", "details"), shown.texts.get("details", "-")),
        (_t("已删除的文字", "erased"), ", ".join(shown.erased()) or "-"),
        (_t("前一条", "previous"), entry.previous),
        (_t("哈希", "hash"), entry.hash),
    ]


def _time(settings: "Settings", at: int) -> str:
    from zoneinfo import ZoneInfo

    from linli.clock import local_time

    return local_time(at, ZoneInfo(settings.timezone)).strftime("%Y-%m-%d %H:%M:%S")


class Progress:
    """How many entries are done, on stderr; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()

    def __call__(self, done: int) -> None:
        """Show it."""
        if self._on:
            typer.echo(f"\r{done:,} ", nl=False, err=True)

    def clear(self) -> None:
        """Take it away."""
        if self._on:
            typer.echo("\r\x1b[K", nl=False, err=True)


def tell(settings: "Settings", report: "Report") -> None:
    """What a verification found, in words."""
    if report.faults:
        found = report.faults[0].text
        typer.echo(_t(f"不完整。第一处断裂：{found.zh}", f"NOT whole. The first broken link: {found.en}"))
        for fault in report.faults[1:FAULTS_SHOWN]:
            typer.echo(f"  {fault.text}")
        if report.fault_count > FAULTS_SHOWN:
            typer.echo(_t(f"  共 {report.fault_count} 处", f"  {report.fault_count} in all"))
    if report.head_trouble is not None:
        typer.echo(str(report.head_trouble))
    if report.unchanged:
        typer.echo(_t("完整：没有一条被改过、删过或插过", "Whole: nothing was edited, removed or put in"))
    head = "-" if report.head is None else str(report.head.seq)
    typer.echo(
        _t(
            f"{report.entries:,} 条（第 {report.first} 至 {report.last.seq} 条），数据库之外的链头在第 {head} 条"
            f"（{settings.audit_head_path}）",
            f"{report.entries:,} entries, {report.first} to {report.last.seq}; the head outside the database is at {head} "
            f"({settings.audit_head_path})",
        )
    )
    for name, sealed in report.sealed.items():
        waiting = report.open.get(name, 0)
        typer.echo(
            _t(
                f"封存 {name}：{sealed:,} 行，{waiting} 行尚待封存",
                f"sealed, {name}: {sealed:,} rows; {waiting} wait to be",
            )
        )
    if report.erased_texts:
        typer.echo(_t(f"依请求删除的文字 {report.erased_texts} 段", f"texts erased on request: {report.erased_texts}"))
    _tell_guards(report)


def _tell_guards(report: "Report") -> None:
    """What should refuse changes and does not; and what a superuser could still take away."""
    from linli.db.auditguards import Rights

    if report.unguarded:
        typer.echo(_t("没有守住：改动不会被拒绝", "NOT guarded: changes are not refused"))
        for fault in report.unguarded:
            typer.echo(f"  {fault.text}")
    if report.rights in (Rights.OWN, Rights.OLD):
        typer.echo(
            _t(
                "注意：Linli 的数据库角色有权改动日志；收回：linli audit grants",
                "note: Linli's database role may change the log; to take that away: linli audit grants",
            )
        )


def report_json(report: "Report") -> dict[str, Any]:
    """The same for scripts."""
    faults = [{"kind": fault.kind.value, "entry": fault.seq, "text": fault.text.en} for fault in report.faults]
    return {
        "whole": report.whole,
        "unchanged": report.unchanged,
        "unguarded": [fault.text.en for fault in report.unguarded],
        "rights": report.rights.value,
        "entries": report.entries,
        "first": report.first,
        "last": report.last.seq,
        "hash": report.last.hash,
        "head": None if report.head is None else {"entry": report.head.seq, "hash": report.head.hash},
        "head_trouble": None if report.head_trouble is None else report.head_trouble.en,
        "first_broken": faults[0] if faults else None,
        "faults": faults,
        "fault_count": report.fault_count,
        "erased_texts": report.erased_texts,
        "sealed": dict(report.sealed),
        "unsealed": dict(report.open),
    }
