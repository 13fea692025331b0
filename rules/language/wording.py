"""A clause in words, in both languages: what `rules show` prints, and what an alert says of the clause that came true.

    temperature above 70 °C for 30 s, until below 65 °C
    温度高于 70 °C，持续 30 秒，直到低于 65 °C

How bad it is, what it is called and what to do about it are the rule's, and said beside it.
"""

from collections.abc import Iterator, Sequence

from linli.arming import mode_name
from linli.i18n import Text
from linli.model import JsonValue
from linli.units import plain_number, scale_of
from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS, PLACE_KINDS, data_name, data_value, event_name, kind_name
from rules.language.amounts import EXACT, in_sentence, number_name, spoken_text, symbol_of, with_unit
from rules.language.model import (
    BY_DEVICE,
    MIDNIGHT,
    UNSET,
    AllClause,
    Clause,
    During,
    EventClause,
    Happening,
    Match,
    MissingClause,
    Only,
    ReadingClause,
    Repeated,
    StateClause,
    data_field,
    duration,
)

_BY = {
    "place": Text("同一处的设备合在一起", "the devices of one place together"),
    "building": Text("同一楼栋的设备合在一起", "the devices of one building together"),
    "community": Text("同一小区的设备合在一起", "the devices of one compound together"),
}
_DAYS = {
    "mon": Text("周一", "Monday"),
    "tue": Text("周二", "Tuesday"),
    "wed": Text("周三", "Wednesday"),
    "thu": Text("周四", "Thursday"),
    "fri": Text("周五", "Friday"),
    "sat": Text("周六", "Saturday"),
    "sun": Text("周日", "Sunday"),
    "workday": Text("工作日", "workdays"),
    "holiday": Text("休息日", "holidays"),
}
_LIMITS = {
    "above": Text("高于 {limit}", "above {limit}"),
    "at_least": Text("达到 {limit}", "at least {limit}"),
    "below": Text("低于 {limit}", "below {limit}"),
    "at_most": Text("不高于 {limit}", "at most {limit}"),
}
_USUAL = Text(
    "最近 {time}的平均值超过 {sigmas} 个标准差",
    "its average of the last {time} by more than {sigmas} standard deviations",
)
_USUAL_HOURLY = Text(
    "最近 {time}同一时段的平均值超过 {sigmas} 个标准差",
    "its average of the last {time} at that hour by more than {sigmas} standard deviations",
)
_EACH = Text("按每个{field}分别计", "for each {field} by itself")
_EACH_OF_DEVICE = Text("按每台设备的每个{field}分别计", "for each {field} of a device by itself")
_UNSET = Text("未设置", "unset")


def describe(clause: Clause) -> Text:
    """What the clause waits for, with all that limits it."""
    return _sentence([*_part(clause), *_limits(clause)])


def _part(clause: Clause) -> list[Text]:
    part = clause.part
    if isinstance(part, EventClause):
        return [
            *_happening(part),
            Text("直到 {time}内没有再发生", "until not again for {time}").format(time=spoken_text(part.quiet)),
        ]
    if isinstance(part, StateClause):
        said, *conditions = _happening(part.begins)
        return [_with_hold(said, part.hold), *conditions, *_state_end(part)]
    if isinstance(part, ReadingClause):
        return [_reading(part), *_reading_end(part)]
    if isinstance(part, MissingClause):
        return [_missing(part)]
    return _all(part)


# --- events -----------------------------------------------------------------------------------------------------------


def _happening(part: Happening) -> list[Text]:
    """What happens, then each of its conditions."""
    said = _match(part)
    if part.repeated is not None:
        often = Text("{time}内{said} {times} 次", "{said} {times} times within {time}")
        said = often.format(said=said, times=part.repeated.times, time=spoken_text(part.repeated.within))
    clauses = [said, *(_compared(part.repeated) if part.repeated is not None else ())]
    if part.after is not None:
        since = Text("在{what}之后 {time}内", "within {time} after {what}")
        clauses.append(since.format(what=_match(part.after), time=spoken_text(part.after.within)))
        if part.after.without is not None:
            clauses.append(Text("其间没有{what}", "with no {what} since").format(what=_match(part.after.without)))
    if part.unless is not None:
        excused = Text("除非 {time}内有{what}", "unless there is {what} within {time}")
        clauses.append(excused.format(what=_match(part.unless), time=spoken_text(part.unless.within)))
    if part.during is not None:
        clauses.append(_hours(part.during))
    return clauses


def _compared(often: Repeated) -> Iterator[Text]:
    if often.devices > 1:
        yield Text("至少来自 {n} 台设备", "from {n} devices or more").format(n=often.devices)
    if often.more_than is not None:
        more = Text("且多于 {time}内的{what}", "and more often than {what} within {time}")
        yield more.format(what=_match(often.more_than), time=spoken_text(often.more_than.within))


def _match(match: Match) -> Text:
    names = _either([in_sentence(event_name(kind)) for kind in match.types])
    if not match.where:
        return names
    facts = [
        Text("{name}：{value}", "{name}: {value}").format(name=data_name(key), value=_value(value))
        for key, value in match.where.items()
    ]
    listed = Text("，".join(fact.zh for fact in facts), ", ".join(fact.en for fact in facts))
    return Text("{names}（{facts}）", "{names} ({facts})").format(names=names, facts=listed)


def _value(value: JsonValue) -> Text:
    if isinstance(value, list):
        return _either([data_value(item) for item in value])
    return data_value(value)


def _state_end(part: StateClause) -> list[Text]:
    ends = []
    if part.ends:
        ends.append(Text("直到{what}", "until {what}").format(what=_either([_match(end) for end in part.ends])))
    return _until(ends, part.keep, part.fades)


# --- readings ---------------------------------------------------------------------------------------------------------


def _reading(part: ReadingClause) -> Text:
    what, limit = number_name(part), _limit(part)
    gap = " " if what.zh[-1:].isascii() else ""
    said = Text(f"{what.zh}{gap}{limit.zh}", f"{what.en} {limit.en}")
    if part.samples > 1:
        often = Text("{said}，至少 {times} 次读数", "{said}, {times} readings or more")
        said = often.format(said=said, times=part.samples)
    return _with_hold(said, part.hold)


def _limit(part: ReadingClause) -> Text:
    if part.normal is not None:
        off = Text("偏离{usual}", "off {usual}")
        return off.format(usual=limit_name(part))
    if part.outside is not None:
        return Text("超出 {limit}", "outside {limit}").format(limit=limit_name(part))
    given = next(key for key in _LIMITS if getattr(part, key) is not None)
    return _LIMITS[given].format(limit=limit_name(part))


def limit_name(part: ReadingClause) -> Text:
    """The limit by itself: '70 °C', '198 to 235 V', 'its average of the last 14 d at that hour by more than 3 standard deviations'."""
    if part.normal is not None:
        usual = _USUAL_HOURLY if part.normal.by == "hour" else _USUAL
        return usual.format(time=spoken_text(part.normal.learn), sigmas=f"{part.normal.sigmas:g}")
    if part.outside is not None:
        return _range(part.outside, symbol_of(part))
    return Text("{limit}", "{limit}").format(limit=with_unit(part.threshold, symbol_of(part)))


def _reading_end(part: ReadingClause) -> list[Text]:
    symbol, ends = symbol_of(part), []
    if part.reset_below is not None:
        ends.append(Text("直到低于 {limit}", "until below {limit}").format(limit=with_unit(part.reset_below, symbol)))
    if part.reset_above is not None:
        ends.append(Text("直到高于 {limit}", "until above {limit}").format(limit=with_unit(part.reset_above, symbol)))
    if part.reset_inside is not None:
        back = Text("直到回到 {range}", "until back within {range}")
        ends.append(back.format(range=_range(part.reset_inside, symbol)))
    return _until(ends, part.keep, part.fades)


def _range(pair: tuple[float, float], symbol: str) -> Text:
    scale = scale_of("", symbol, max(map(abs, pair)))
    low, high = (
        plain_number(scale.of(pair[0]), EXACT),
        f"{plain_number(scale.of(pair[1]), EXACT)} {scale.symbol}".strip(),
    )
    return Text(f"{low}–{high}", f"{low} to {high}")


# --- missing and all --------------------------------------------------------------------------------------------------


def _missing(part: MissingClause) -> Text:
    if not part.types:
        return Text("{time}没有任何上报", "no report at all for {time}").format(time=spoken_text(part.hold))
    names = _either([in_sentence(event_name(kind)) for kind in part.types])
    return Text("{time}没有{what}", "no {what} for {time}").format(what=names, time=spoken_text(part.hold))


def _all(part: AllClause) -> list[Text]:
    several = [describe(one) for one in part.of]
    numbered = [Text(f"（{number}）{one.zh}", f"({number}) {one.en}") for number, one in enumerate(several, 1)]
    together = Text("；".join(one.zh for one in numbered), "; ".join(one.en for one in numbered))
    said = [Text("同时满足：{of}", "at once: {of}").format(of=together)]
    if duration(part.hold):
        said.append(Text("全部持续 {time}", "all of them for {time}").format(time=spoken_text(part.hold)))
    return [*said, *_until([], part.keep, None)]


# --- what limits any clause -------------------------------------------------------------------------------------------


def _limits(clause: Clause) -> list[Text]:
    said = []
    if clause.during is not None:
        said.append(_hours(clause.during))
    if clause.armed:
        modes = _either([_UNSET if mode == UNSET else in_sentence(mode_name(mode)) for mode in clause.armed])
        said.append(Text("当该处模式为{modes}", "while the place's mode is {modes}").format(modes=modes))
    field = data_field(clause.by)
    if field is not None:
        each = _EACH_OF_DEVICE if clause.by.startswith(BY_DEVICE) else _EACH
        name = data_name(field)
        said.append(each.format(field=Text(f" {name.zh} " if name.zh.isascii() else name.zh, name.en)))
    elif clause.by in _BY:
        said.append(_BY[clause.by])
    if clause.only is not None:
        said.append(_only(clause.only))
    return said


def _hours(during: During) -> Text:
    said = Text(f"{during.start} 至 {during.end}", f"between {during.start} and {during.end}")
    if not during.days:
        return said
    days = [_DAYS.get(day, Text(day, day)) for day in during.days]
    if (during.start, during.end) == ("00:00", MIDNIGHT):
        return Text("、".join(day.zh for day in days), f"on {', '.join(day.en for day in days)}")
    return Text(f"{'、'.join(day.zh for day in days)} {said.zh}", f"{said.en} on {', '.join(day.en for day in days)}")


def _only(only: Only) -> Text:
    kinds = (
        (only.device_kinds, DEVICE_KINDS, Text("{kinds}", "{kinds}")),
        (only.facility_kinds, FACILITY_KINDS, Text("属于{kinds}", "part of {kinds}")),
        (only.place_kinds, PLACE_KINDS, Text("位于{kinds}", "in a place of kind {kinds}")),
    )
    said = [
        text.format(kinds=_either([in_sentence(kind_name(known, kind)) for kind in wanted]))
        for wanted, known, text in kinds
        if wanted
    ]
    return Text("仅限：{of}", "only: {of}").format(of=_sentence(said))


# --- putting together -------------------------------------------------------------------------------------------------


def _with_hold(said: Text, hold: str) -> Text:
    if not duration(hold):
        return said
    return Text("{said}，持续 {time}", "{said} for {time}").format(said=said, time=spoken_text(hold))


def _until(ends: list[Text], keep: str, fades: str | None) -> list[Text]:
    """How it ends: `ends`, lasting for `keep`; or when it has faded."""
    if duration(keep):
        lasting = Text("{end}，并保持 {time}", "{end} for {time}")
        end = ends[0] if ends else Text("直到恢复", "until back")
        ends = [lasting.format(end=end, time=spoken_text(keep))]
    if fades is not None:
        gone = Text("直到 {time}内没有再出现", "until not seen again for {time}")
        ends = [*ends, gone.format(time=spoken_text(fades))]
    return [_either(ends)] if ends else []


def _either(texts: Sequence[Text]) -> Text:
    return Text("或".join(text.zh for text in texts), " or ".join(text.en for text in texts))


def _sentence(texts: Sequence[Text]) -> Text:
    return Text("，".join(text.zh for text in texts), ", ".join(text.en for text in texts))
