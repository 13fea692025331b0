"""`linli rules show`: a rule in words, where it is different, which devices it watches, and how it stands with each."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from linli.cli.columns import print_columns
from linli.cli.rulebook.listing import AsJson, Data, Folder, installation, summary, tell_remarks
from linli.clock import SECOND, format_time, local_time
from linli.errors import NotFound
from linli.i18n import Text
from linli.model import Condition

if TYPE_CHECKING:
    from linli.cli.rulebook.standing import State
    from linli.db.registry import RegistrySnapshot
    from linli.model import Device
    from linli.settings import Settings
    from rules.language.model import Clause, Override, Rule
    from rules.trial.standing import Standing


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


HELP = _t(
    "显示一条规则：用文字说明、在哪里有不同、监视哪些设备、各设备现在的状态。",
    "Show a rule: in words, where it is different, which devices it watches, and how it stands with each.",
)
_CONDITIONS = {
    Condition.FIRING: Text("告警中", "firing"),
    Condition.PENDING: Text("计时中", "pending"),
}
_INACTIVE = Text("未触发", "inactive")
_NO_DATA = Text("没有数据", "no data")
_UNKNOWN = Text("未知", "not known")
_SHOWN = 30

RuleId = Annotated[str, typer.Argument(metavar="ID", help=_t("规则的 id", "the rule's id"))]
DeviceId = Annotated[str | None, typer.Option("--device", help=_t("只看此设备", "only this device"))]
Every = Annotated[
    bool, typer.Option("--all", help=_t(f"列出全部设备，不止 {_SHOWN} 台", f"all devices, not only {_SHOWN}"))
]


@dataclass(frozen=True, slots=True)
class Reached:
    """A device that the rule watches, the rule as it is there, and how it stands: None where nobody knows."""

    device: "Device"
    there: "Rule"
    overridden: bool
    standings: "tuple[Standing, ...] | None"
    heard: int | None
    """When a reading that the rule looks at was last taken; None if none ever was, or it looks at none."""
    silent: bool
    """It looks at readings, and there is none."""


def show(
    rule_id: RuleId,
    device: DeviceId = None,
    rules: Folder = None,
    data: Data = None,
    every: Every = False,
    as_json: AsJson = False,
) -> None:
    """NotFound for a rule or device that there is not."""
    from linli.cli.rulebook.standing import state_or_none
    from rules.trial.faults import no_rule

    settings, book, registry = installation(rules, data)
    rule = next((rule for rule in book.rules if rule.id == rule_id), None)
    if rule is None:
        raise NotFound(no_rule(rule_id, [rule.id for rule in book.rules]))
    overrides = [override for override in book.overrides if override.rule == rule_id]
    state = None if registry is None else state_or_none(settings)
    reached = [] if registry is None else _reached(settings, rule, overrides, registry, state)
    if device is not None:
        reached = [item for item in reached if item.device.id == device]
        if not reached:
            raise NotFound(Text(f"规则不监视设备 {device}", f"the rule does not watch a device {device}"))
    if as_json:
        typer.echo(json.dumps(_document(rule, overrides, registry, reached, state), ensure_ascii=False, indent=2))
        return
    _print_rule(rule, overrides, registry)
    tell_remarks(book, registry, rule.id)
    if registry is None:
        typer.echo(
            _t(
                "这里没有安装数据，不知道它监视哪些设备",
                "nothing is installed here: which devices it watches is not known",
            )
        )
        return
    _print_devices(settings, reached, state, every=every or device is not None)


def _reached(
    settings: "Settings",
    rule: "Rule",
    overrides: "list[Override]",
    registry: "RegistrySnapshot",
    state: "State | None",
) -> list[Reached]:
    from rules.trial.reach import needs, variants

    found = list(variants(rule, overrides, registry))
    wanted = needs(there for _, there, _ in found).quantities
    newest = _newest(settings, {device.community for device, _, _ in found}, wanted) if wanted else {}
    standing = None if state is None else state.rule(rule.id)
    return [
        Reached(
            device,
            there,
            bool(chain),
            None if standing is None else standing(device),
            newest.get(device.id),
            bool(wanted) and device.id not in newest,
        )
        for device, there, chain in found
    ]


def _newest(settings: "Settings", communities: set[str], quantities: frozenset[str]) -> dict[str, int]:
    """When each device last reported one of the quantities; nothing if the store does not answer."""
    from contextlib import closing

    from linli.adapters.store import build_store
    from linli.errors import StoreError

    found: dict[str, int] = {}
    try:
        with closing(build_store(settings)) as store:
            for latest in (item for community in sorted(communities) for item in store.latest(community)):
                if latest.quantity in quantities:
                    found[latest.device] = max(latest.time, found.get(latest.device, 0))
    except StoreError as error:
        typer.echo(str(error), err=True)
    return found


def _print_rule(rule: "Rule", overrides: "list[Override]", registry: "RegistrySnapshot | None") -> None:
    from api.words import SEVERITIES
    from linli.vocabulary import route_name

    typer.echo(f"{rule.id}  {rule.title.text}")
    route = _t("、", ", ").join(str(route_name(whom)) for whom in rule.route)
    typer.echo(f"  {SEVERITIES[rule.severity]} · {route} · {rule.source_text}")
    for number, clause in enumerate(rule.when, 1):
        typer.echo(f"  {number}. {_worded(rule, number, clause)}")
    for override, there in _there(rule, overrides, registry):
        _print_override(rule, override, there)


def _worded(rule: "Rule", number: int, clause: "Clause") -> Text:
    """A clause (by its number from 1) with how bad it is."""
    from api.words import SEVERITIES
    from rules.language.wording import describe

    said = Text("{severity}：{words}", "{severity}: {words}")
    return said.format(severity=SEVERITIES[rule.severity_of(number - 1)], words=describe(clause))


def _print_override(rule: "Rule", override: "Override", there: "Rule | None") -> None:
    from api.rulebook.words import different_words
    from rules.language.remarks import where_of

    name = where_of(override)
    off = "" if there is not None else _t("关闭", " off")
    typer.echo(_t(f"  在 {name}：", f"  at {name}:") + off + _because(override))
    if there is None:
        return
    for number, clause in enumerate(there.when, 1):
        if (clause,) != rule.when[number - 1 : number]:
            typer.echo(f"    {number}. {_worded(there, number, clause)}")
    for said in different_words(rule, there):
        typer.echo(f"    {said}")


def _there(
    rule: "Rule", overrides: "list[Override]", registry: "RegistrySnapshot | None"
) -> "list[tuple[Override, Rule | None]]":
    """The rule under each of its overrides and those around it; None where it is off."""
    from linli.db.registry import RegistrySnapshot
    from rules.language.overrides import Overrides, effective

    index, known = Overrides(overrides), registry or RegistrySnapshot()
    return [(override, effective(rule, index.under(override, known))) for override in overrides]


def _because(override: "Override") -> str:
    return _t(f"（{override.reason}）", f" ({override.reason})") if override.reason else ""


def _print_devices(settings: "Settings", reached: list[Reached], state: "State | None", *, every: bool) -> None:
    zone = ZoneInfo(settings.timezone)
    counts = Counter(str(_condition(item)) for item in reached)
    said = ", ".join(f"{word} {count}" for word, count in counts.most_common())
    typer.echo(_t(f"监视 {len(reached)} 台设备", f"watches {len(reached)} devices") + (f": {said}" if said else ""))
    typer.echo(_asof(settings, state, zone))
    shown = sorted(reached, key=lambda item: (_rank(item), item.device.id))[: None if every else _SHOWN]
    if shown:
        heads = (
            _t("设备", "DEVICE"),
            _t("名称", "NAME"),
            _t("状态", "STATE"),
            _t("自", "SINCE"),
            _t("到时", "DUE"),
            "",
        )
        print_columns(heads, [_row(item, zone) for item in shown])
    if len(shown) < len(reached):
        typer.echo(_t(f"还有 {len(reached) - len(shown)} 台：--all", f"{len(reached) - len(shown)} more: --all"))


def _asof(settings: "Settings", state: "State | None", zone: ZoneInfo) -> str:
    if state is None:
        return _t("规则进程没有留下状态：它还没有运行过", "the rules process has left no state: it has not run yet")
    if state.asof is None:
        return _t("规则进程还没有收到过时钟", "the rules process has not been told the time yet")
    ago = max(0, settings.clock().now() - state.asof) // SECOND
    when = local_time(state.asof, zone).strftime("%Y-%m-%d %H:%M:%S")
    return _t(f"状态截至 {when}（{ago} 秒前）", f"as of {when} ({ago} s ago)")


def _condition(item: Reached) -> Text:
    from rules.trial.standing import worst

    if item.standings is None:
        return _UNKNOWN
    found = worst(item.standings)
    if found is not None and found.condition in _CONDITIONS:
        return _CONDITIONS[found.condition]
    return _NO_DATA if item.silent else _INACTIVE


def _rank(item: Reached) -> int:
    order = [_CONDITIONS[Condition.FIRING], _CONDITIONS[Condition.PENDING], _NO_DATA, _UNKNOWN, _INACTIVE]
    return order.index(_condition(item))


def _row(item: Reached, zone: ZoneInfo) -> tuple[str, ...]:
    from rules.trial.standing import worst

    found = worst(item.standings or ())
    began = _clock(found.began if found else None, zone)
    due = _clock(found.due if found else None, zone)
    note = _t("另有规定", "overridden") if item.overridden else ""
    return (item.device.id, str(item.device.name), str(_condition(item)), began, due, note)


def _clock(time: int | None, zone: ZoneInfo) -> str:
    return "" if time is None else local_time(time, zone).strftime("%m-%d %H:%M:%S")


def _document(
    rule: "Rule",
    overrides: "list[Override]",
    registry: "RegistrySnapshot | None",
    reached: list[Reached],
    state: "State | None",
) -> dict[str, Any]:
    import msgspec

    from rules.trial.reach import parts

    return summary(rule, parts(rule), len(reached)) | {
        "clauses": _clauses(rule),
        "overrides": [
            msgspec.to_builtins(override) | {"clauses": None if there is None else _clauses(there)}
            for override, there in _there(rule, overrides, registry)
        ],
        "asof": None if state is None or state.asof is None else format_time(state.asof),
        "watched": [_device(item) for item in reached],
    }


def _clauses(rule: "Rule") -> list[dict[str, Any]]:
    import msgspec

    from rules.language.wording import describe

    return [
        {"severity": rule.severity_of(number).value, "words": msgspec.to_builtins(describe(clause))}
        for number, clause in enumerate(rule.when)
    ]


def _device(item: Reached) -> dict[str, Any]:
    return {
        "device": item.device.id,
        "state": _condition(item).en,
        "overridden": item.overridden,
        "heard": None if item.heard is None else format_time(item.heard),
        "clauses": [
            {
                "clause": standing.clause + 1,
                "condition": standing.condition.value,
                "began": None if standing.began is None else format_time(standing.began),
                "due": None if standing.due is None else format_time(standing.due),
            }
            for standing in item.standings or ()
        ],
    }
