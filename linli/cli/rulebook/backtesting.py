"""`linli rules backtest`: what a rule would have told of stored data, beside its current version."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from linli.cli.existing import existing
from linli.cli.rulebook.found import Found, document
from linli.cli.spans import moment
from linli.clock import local_time
from linli.errors import ConfigError, NotFound
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.database import Database
    from linli.db.registry import RegistrySnapshot
    from linli.ports import ReadingStore
    from linli.settings import Settings
    from rules.language.load import RuleBook
    from rules.language.model import Override, Rule
    from rules.trial.backtest import Episode
    from rules.trial.burden import Load
    from rules.trial.past import Past


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


HELP = _t(
    "用存下的原始数据回放一条规则：每天会有多少告警、谁最吵、与现行版本有何不同。",
    "Replay stored raw data through a rule: how many alerts a day, what is noisiest, and how it differs from the current "
    "version.",
)

_NAMED = 5

Wanted = Annotated[
    str, typer.Argument(metavar="RULE|FILE", help=_t("规则 id，或一个规则文件", "the id of a rule, or a rule file"))
]
Since = Annotated[
    str, typer.Option(help=_t("从何时：30d、2026-11-01", "since when: 30d, 2026-11-01"), show_default=True)
]
Until = Annotated[str, typer.Option(help=_t("到何时；不写为现在", "until when; none: now"), show_default=False)]
Community = Annotated[
    list[str] | None,
    typer.Option("--community", help=_t("只看此小区（可多次）", "only this compound (may be repeated)")),
]
Folder = Annotated[Path | None, typer.Option("--rules", help=_t("现行规则的目录", "folder of the current rules"))]
Data = Annotated[Path | None, typer.Option(help=_t("数据目录（设置 data）", "data folder (setting data)"))]
AsJson = Annotated[bool, typer.Option("--json", help=_t("输出 JSON", "write JSON"))]


def backtest(
    wanted: Wanted,
    since: Since = "30d",
    until: Until = "0s",
    community: Community = None,
    rules: Folder = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Exit status 2 for a rule, file, compound or time that makes no sense, or a store that does not answer."""
    from linli.adapters.store import build_store
    from linli.cli.rulebook.burdens import show
    from rules.language.load import CATALOGUE, load_book

    with existing(data) as (settings, database):
        book = load_book(rules or settings.rules or CATALOGUE, settings.rules_overrides)
        rule, before, written = _versions(wanted, book)
        now = settings.clock().now()
        start, end = (moment(text, now, settings.timezone) for text in (since, until))
        if start >= end:
            raise ConfigError(Text("--since 要早于 --until", "--since has to be before --until"))
        with closing(build_store(settings)) as store:
            store.check()
            found = _found(settings, database, store, (rule, before, book.overrides), (start, end), community)
        if written:
            found.limits[:0] = _masking(rule, book.overrides)
    if as_json:
        typer.echo(json.dumps(document(found), ensure_ascii=False, indent=2))
    else:
        show(found)


def _versions(wanted: str, book: "RuleBook") -> "tuple[Rule, Rule | None, bool]":
    """The rule to look at, its current version where that is another one, and whether it is from a file of its own."""
    from rules.language.load import load_rule
    from rules.trial.faults import no_rule

    known = {rule.id: rule for rule in book.rules}
    if wanted in known:
        return known[wanted], None, False
    if not wanted.endswith((".yaml", ".yml")) and not Path(wanted).is_file():
        raise NotFound(no_rule(wanted, known))
    rule, _ = load_rule(Path(wanted))
    current = known.get(rule.id)
    return rule, None if current == rule else current, True


def _found(
    settings: "Settings",
    database: "Database",
    store: "ReadingStore",
    what: "tuple[Rule, Rule | None, Sequence[Override]]",
    span: tuple[int, int],
    wanted: list[str] | None,
) -> Found:
    from rules.trial.backtest import Rerun, compare

    rule, current, overrides = what
    past, limits = _past(settings, database, store, [rule, *([current] if current else [])], overrides, span, wanted)
    rerun = Rerun(rule, overrides)
    before = Rerun(current, overrides) if current else None
    began = perf_counter()
    with _progress(past) as show_progress:
        for batch in past.batches():
            rerun.feed(batch)
            if before is not None:
                before.feed(batch)
            show_progress()
    took_s = perf_counter() - began
    registry = past.registries[-1][1]
    names = {item.id: item.name for item in registry.items()}
    return Found(
        rule,
        past,
        rerun,
        before,
        _loads(settings, database, past, rerun.episodes),
        compare(before.episodes, rerun.episodes) if before else None,
        [*_unfitting(rule, overrides, registry), *limits, *_data_limits(settings, past)],
        names,
        ZoneInfo(settings.timezone),
        took_s,
    )


@contextmanager
def _progress(past: "Past") -> "Iterator[Callable[[], None]]":
    """What shows on a terminal how far it is; nothing anywhere else."""
    from rich.console import Console
    from rich.progress import Progress

    start, until = past.span.start, past.span.until
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(_t("回放", "replaying"), total=until - start)
        shown = 0

        def show() -> None:
            nonlocal shown
            if past.seen.upto != shown:
                shown = past.seen.upto
                progress.update(task, completed=shown - start)

        yield show


def _past(
    settings: "Settings",
    database: "Database",
    store: "ReadingStore",
    rules: "Sequence[Rule]",
    overrides: "Sequence[Override]",
    span: tuple[int, int],
    wanted: list[str] | None,
) -> "tuple[Past, list[Text]]":
    """What to replay, and what of registry and arming is not known."""
    from linli.db.arming import SqlArming
    from linli.db.registryhistory import RegistryHistory
    from rules.trial.past import Past, Span
    from rules.trial.reach import needs, variants

    start, end = span
    history = RegistryHistory(database)
    registries = [(start, history.at(start)), *history.changes(start, end)]
    known = registries[-1][1].communities
    for name in wanted or ():
        if name not in known:
            raise NotFound(Text(f"没有小区 {name}", f"there is no compound {name}"))
    reached = [item for _, registry in registries for rule in rules for item in variants(rule, overrides, registry)]
    watched = {device.id: device for device, _, _ in reached if not wanted or device.community in wanted}
    communities = tuple(sorted({device.community for device in watched.values()}))
    modes = [(0, {}), *SqlArming(database).changes(end)]
    kept = {id(rule): rule for _, rule, _ in reached}
    limits = []
    since = history.known_since()
    if since is not None and since > start:
        when = _day(since, settings)
        limits.append(
            Text(
                f"登记的历史从 {when} 开始：此前按当时的登记计算",
                f"the registry's history begins at {when}: before that it is taken to have been as it was then",
            )
        )
    past = Past(store, Span(start, end, communities), needs(kept.values()), registries, modes, watched)
    return past, limits


def _loads(settings: "Settings", database: "Database", past: "Past", episodes: "Sequence[Episode]") -> "list[Load]":
    from linli.db.people import People
    from linli.model import Role
    from rules.trial.burden import load

    staff = [
        person
        for person in People(database, settings.clock()).all()
        if person.enabled and person.role is Role.SECURITY and person.communities
    ]
    span = (past.seen.since(past.needs) or past.span.start, past.span.until)
    registry = past.registries[-1][1]
    return [
        load(
            name,
            episodes,
            sum(name in (person.communities or ()) for person in staff),
            span,
            ZoneInfo(registry.communities[name].timezone),
        )
        for name in past.span.communities
    ]


def _masking(rule: "Rule", overrides: "Sequence[Override]") -> Iterator[Text]:
    """Overrides in force that go over a version from a file too."""
    from rules.language.remarks import where_of

    mine = [override for override in overrides if override.rule == rule.id]
    if not mine:
        return
    shown = mine[:_NAMED]
    more = len(mine) - len(shown)
    zh = "、".join(f"{where_of(each)}（{'关闭' if each.off else '，'.join(_values(each.change))}）" for each in shown)
    en = ", ".join(f"{where_of(each)} ({'off' if each.off else ', '.join(_values(each.change))})" for each in shown)
    zh, en = (f"{zh}等 {len(mine)} 处", f"{en} and {more} more") if more else (zh, en)
    yield Text(
        f"现行的覆盖也盖在这个文件上，在这些地方以覆盖的值为准：{zh}",
        f"the overrides in force are laid over this file too, and count there instead of what it says: {en}",
    )


def _values(change: "Mapping[str, Any]", above: str = "") -> Iterator[str]:
    """'when.1.reading.above: 60'."""
    for key, value in change.items():
        if isinstance(value, dict) and value:
            yield from _values(value, f"{above}{key}.")
        else:
            yield f"{above}{key}: {json.dumps(value, ensure_ascii=False)}"


def _unfitting(rule: "Rule", overrides: "Sequence[Override]", registry: "RegistrySnapshot") -> Iterator[Text]:
    """Overrides in force that this version of the rule cannot take."""
    from rules.language.overrides import clashes
    from rules.language.remarks import where_of

    for override, why in clashes([rule], [override for override in overrides if override.rule == rule.id], registry):
        name = where_of(override)
        yield Text(
            f"{name} 的覆盖与这个版本说不通，被略过：{why.zh}",
            f"the override at {name} makes no sense for this version and is passed over: {why.en}",
        )


def _data_limits(settings: "Settings", past: "Past") -> Iterator[Text]:
    """Where the data ends, and what nobody kept."""
    from linli.ports import RowClass

    horizons = settings.retention.horizons(settings.clock().now())
    for rows, what in ((RowClass.RAW, Text("原始读数", "raw readings")), (RowClass.EVENTS, Text("事件", "events"))):
        horizon = horizons.get(rows, 0)
        if horizon > past.span.start and (past.needs.quantities if rows is RowClass.RAW else past.needs.types):
            when = _day(horizon, settings)
            yield Text(
                f"{what.zh}只保留到 {when}（retention_{rows.value}_days），此前的算不了；汇总数据不用来代替",
                f"{what.en} are kept since {when} only (retention_{rows.value}_days), what was before cannot be judged; "
                "rollups are no substitute",
            )
    yield Text(
        "不知道：读数和事件到达的先后（按事件时间回放）、各包读数的划分（按 10 秒一包）",
        "not known: in which order readings and events arrived (replayed in event time), how readings were packed "
        "(taken as packets of 10 s)",
    )
    yield Text(
        "不知道：人会怎样处理（假定 10 秒内确认，需人关闭的在恢复后立即关闭）；布防在有记录之前一律视为没有",
        "not known: what people would have done (taken to acknowledge within 10 s, and to close what only people close once "
        "it is over); arming before its history begins (taken as none)",
    )


def _day(time: int, settings: "Settings") -> str:
    return local_time(time, ZoneInfo(settings.timezone)).strftime("%Y-%m-%d %H:%M")
