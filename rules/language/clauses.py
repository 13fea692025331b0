"""What types alone cannot say of a clause: which combinations make no sense, and what to write instead."""

from linli.arming import MODES
from linli.errors import Refused
from linli.i18n import Text
from linli.ids import check_type
from linli.vocabulary import EVENT_TYPES, FACILITY_KINDS, PLACE_KINDS
from rules.language.faults import Path, blame, known, lasts, not_empty, one_of, parsed, positive
from rules.language.model import (
    BY,
    BY_DATA,
    BY_DEVICE,
    DAYS,
    MIDNIGHT,
    UNSET,
    AllClause,
    Clause,
    During,
    EventClause,
    Happening,
    Match,
    MissingClause,
    ReadingClause,
    Repeated,
    Rule,
    StateClause,
    clock_time,
    data_field,
    duration,
)
from rules.language.readings import check_reading

PARTS = ("event", "state", "reading", "missing", "all")
MAX_REPEATED = 1000


def check_clause(rule: Rule, clause: Clause, path: Path, *, whole: bool = True) -> None:
    """Fault for the first thing that is wrong with a clause of `rule` that stands at `path`; not `whole` within `all`."""
    name = _only_part(clause, path)
    _by(clause, name, path)
    if clause.during is not None:
        _during(clause.during, (*path, "during"))
    for number, mode in enumerate(clause.armed):
        one_of(mode, (*MODES, UNSET), (*path, "armed", number))
    _only(rule, clause, path)
    part = clause.part
    if isinstance(part, AllClause):
        _all(rule, clause, part, (*path, name))
    elif isinstance(part, ReadingClause):
        check_reading(rule, part, clause.by, (*path, name), alone=whole)
    elif isinstance(part, EventClause):
        _event(rule, part, clause.by, (*path, name))
    elif isinstance(part, StateClause):
        _state(rule, part, clause.by, (*path, name))
    else:
        _missing(rule, part, (*path, name))


def _only_part(clause: Clause, path: Path) -> str:
    given = [name for name in PARTS if getattr(clause, name) is not None]
    if len(given) != 1:
        said = " + ".join(given) or "-"
        blame(
            f"每个条件只能是 {'、'.join(PARTS)} 之一（现在是 {said}）",
            f"a clause is exactly one of {', '.join(PARTS)} (this one: {said})",
            path,
        )
    return given[0]


def _by(clause: Clause, name: str, path: Path) -> None:
    path = (*path, "by")
    field = data_field(clause.by)
    if field is None:
        one_of(clause.by, (*BY, BY_DEVICE + "<field>", BY_DATA + "<field>"), path)
        return
    if not field:
        example = "device.point" if clause.by.startswith(BY_DEVICE) else "data.credential"
        blame(f"{clause.by} 后面要写字段名，例如 {example}", f"name the field, as in {example}", path)
    if name not in ("event", "state") and (name != "all" or clause.by.startswith(BY_DEVICE)):
        blame(
            f"{name} 没有数据字段，by 只能是 {'、'.join(BY)}",
            f"a {name} has no data; by is one of {', '.join(BY)}",
            path,
        )


def _only(rule: Rule, clause: Clause, path: Path) -> None:
    only, path = clause.only, (*path, "only")
    if only is None:
        return
    if not (only.device_kinds or only.facility_kinds or only.place_kinds):
        blame(
            "only 至少要写 device_kinds、facility_kinds、place_kinds 之一",
            "only has at least one of device_kinds, facility_kinds, place_kinds",
            path,
        )
    for number, kind in enumerate(only.device_kinds):
        one_of(kind, rule.applies_to.device_kinds, (*path, "device_kinds", number))
    for number, kind in enumerate(only.facility_kinds):
        words = rule.applies_to.facility_kinds or (*FACILITY_KINDS, *rule.declares)
        one_of(kind, words, (*path, "facility_kinds", number))
    for number, kind in enumerate(only.place_kinds):
        known(kind, PLACE_KINDS, rule.declares, (*path, "place_kinds", number))


def _all(rule: Rule, clause: Clause, part: AllClause, path: Path) -> None:
    lasts(part.hold, (*path, "for"))
    lasts(part.keep, (*path, "keep"))
    if len(part.of) < 2:
        blame("of 至少要有两个条件", "of has at least two clauses; one alone needs no all", (*path, "of"))
    for number, member in enumerate(part.of):
        here: Path = (*path, "of", number)
        if member.all is not None:
            blame("all 里不能再有 all，请把条件并到一起", "no all within all: put its clauses beside the others", here)
        if member.severity is not None:
            blame("severity 写在 all 外面", "severity stands beside all, not within it", (*here, "severity"))
        if member.by != "device":
            blame("by 写在 all 外面", "by stands beside all, not within it", (*here, "by"))
        check_clause(rule, _as_by(member, clause.by), here, whole=False)


def _as_by(member: Clause, by: str) -> Clause:
    """A member of `all` as it is judged: with the memory of the whole."""
    fields = {name: getattr(member, name) for name in member.__struct_fields__}
    return Clause(**fields | {"by": by})


def _state(rule: Rule, part: StateClause, by: str, path: Path) -> None:
    _happening(rule, part.begins, by, (*path, "begins"))
    if part.fades is not None:
        positive(part.fades, (*path, "fades"))
    elif not part.ends:
        blame(
            "ends 不能为空；没有结束事件时用 fades: 5m，或改用 event",
            "ends is empty; where no event ends it, say fades: 5m, or make it an event",
            (*path, "ends"),
        )
    for number, end in enumerate(part.ends):
        _match(rule, end, (*path, "ends", number))
        both = set(end.types) & set(part.begins.types)
        if both and not end.where and not part.begins.where:
            said = sorted(both)[0]
            blame(
                f"{said} 既是开始又是结束，用 where 区分",
                f"{said} both begins and ends it: tell them apart with where",
                (*path, "ends", number),
            )
    lasts(part.hold, (*path, "for"))
    lasts(part.keep, (*path, "keep"))


def _event(rule: Rule, part: EventClause, by: str, path: Path) -> None:
    _happening(rule, part, by, path)
    positive(part.quiet, (*path, "quiet"))


def _missing(rule: Rule, part: MissingClause, path: Path) -> None:
    _types(rule, part.types, (*path, "types"))
    positive(part.hold, (*path, "for"))


def _happening(rule: Rule, part: Happening, by: str, path: Path) -> None:
    _match(rule, part, path)
    if part.unless is not None:
        _match(rule, part.unless, (*path, "unless"))
        positive(part.unless.within, (*path, "unless", "within"))
    if part.after is not None:
        _match(rule, part.after, (*path, "after"))
        positive(part.after.within, (*path, "after", "within"))
        if part.after.without is not None:
            _match(rule, part.after.without, (*path, "after", "without"))
    _excuses(part, path)
    if part.repeated is not None:
        _repeated(rule, part, part.repeated, by, (*path, "repeated"))
    if part.during is not None:
        _during(part.during, (*path, "during"))


def _repeated(rule: Rule, part: Happening, often: Repeated, by: str, path: Path) -> None:
    positive(often.within, (*path, "within"))
    if not 2 <= often.times <= MAX_REPEATED:
        blame(f"times 应在 2 到 {MAX_REPEATED} 之间", f"times lies between 2 and {MAX_REPEATED}", (*path, "times"))
    if not 1 <= often.devices <= often.times:
        blame("devices 应在 1 到 times 之间", "devices lies between 1 and times", (*path, "devices"))
    if often.devices > 1 and (by == "device" or by.startswith(BY_DEVICE)):
        blame(
            f"by: {by} 时只有一台设备：在条件里加上 by: place（或 building、community）",
            f"with by: {by} there is one device only: put by: place (or building, community) beside it",
            (*path, "devices"),
        )
    if often.more_than is not None:
        _match(rule, often.more_than, (*path, "more_than"))
        positive(often.more_than.within, (*path, "more_than", "within"))
        for kind in set() if often.more_than.where else set(often.more_than.types) & set(part.types):
            blame(
                f"{kind} 不会比自己还多，条件永远不成立",
                f"there are never more {kind} than of itself, so that it never counts",
                (*path, "more_than", "types"),
            )


def _excuses(part: Happening, path: Path) -> None:
    """What can never count: an event whose condition is its excuse. (None is its own excuse: one may excuse the next.)"""
    unless, after, path = part.unless, part.after, (*path, "unless", "types")
    if unless is None or unless.where or after is None or duration(unless.within) < duration(after.within):
        return
    for kind in set(unless.types) & set(after.types):
        blame(
            f"{kind} 既是前提又是开脱，条件永远不成立",
            f"{kind} is both wanted before and an excuse, so that it never counts",
            path,
        )


def _during(part: During, path: Path) -> None:
    said = Text("不是时刻，例如 23:00", "is no time of day such as 23:00")
    start, end = (
        parsed(clock_time, text, said, (*path, key)) for key, text in (("from", part.start), ("to", part.end))
    )
    if part.start == MIDNIGHT:
        blame("时段从 00:00 开始，24:00 只能写在 to", "hours begin at 00:00; 24:00 is an end, for to", (*path, "from"))
    whole_day = (start, end) == (0, clock_time(MIDNIGHT))
    if start == end or (whole_day and not part.days):
        blame(
            "这就是全天：不写 during，或写明 days",
            "this is the whole day: leave out during, or say which days",
            path,
        )
    for number, day in enumerate(part.days):
        one_of(day, DAYS, (*path, "days", number))


def _match(rule: Rule, part: Match, path: Path) -> None:
    not_empty(part.types, (*path, "types"))
    _types(rule, part.types, (*path, "types"))
    for name, value in part.where.items():
        values = value if isinstance(value, list | tuple) else [value]
        if not values or any(isinstance(item, list | tuple | dict) for item in values):
            blame(
                f"where 的“{name}”应是单个值，或几个值的列表",
                f"where {name!r} is a single value, or a list of such",
                (*path, "where", name),
            )


def _types(rule: Rule, types: tuple[str, ...], path: Path) -> None:
    for number, kind in enumerate(types):
        if kind not in rule.declares:
            known(kind, EVENT_TYPES, (), (*path, number))
            continue
        try:
            check_type(kind)
        except Refused as error:
            blame(error.detail, error.detail, (*path, number))
