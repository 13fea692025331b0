"""Scenarios: what happens to which device when, and the alerts that it must cause, by when. YAML files that people write.

    title: {zh: 撬门, en: Forced door}
    about: {zh: ..., en: ...}
    starts_at: "02:30"              # local time at which a private run begins; optional
    only_between: ["23:00", "05:00"]  # a live run makes sense in this local time only; optional
    lasts: 30s                      # until when alerts are awaited
    steps:
      - {at: 5s, device: c001-door-02, event: access.door.opened, data: {}}
      - {at: 5s, device: c001-b1-cable-1, hold: {temperature: 78}, for: 60s}
      - {at: 5s, device: c001-cam-03, silent_for: 4m}
    expect:
      - {rule: door-forced, subject: c001-door-02, severity: high, after: 5s, within: 5s}

`at` and `after` count from the start of the scenario. Nothing but what is expected may be raised.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from linli import yamlfile
from linli.clock import HOUR, MINUTE, SECOND, local_time
from linli.errors import NotFound, Refused
from linli.i18n import Text
from linli.ids import check_id, check_type
from linli.model import JsonValue, Severity

FOLDER = Path(__file__).parent / "scenarios"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)
_DURATION_UNITS = {"ms": 1000, "s": SECOND, "m": MINUTE, "h": HOUR}
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in both languages, as a file writes it."""

    zh: str
    en: str

    @property
    def text(self) -> Text:
        """As the rest of Linli has it."""
        return Text(self.zh, self.en)


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that happens to one device: exactly one of `event`, `hold` and `silent_for`."""

    at: str
    device: str
    event: str | None = None
    data: dict[str, str | int | float | bool | None] = {}
    hold: dict[str, float] | None = None
    hold_for: str | None = msgspec.field(default=None, name="for")
    silent_for: str | None = None

    @property
    def begins(self) -> int:
        """Microseconds after the scenario's start."""
        return duration(self.at)

    @property
    def ends(self) -> int:
        """When it is over: at once for an event."""
        return self.begins + duration(self.hold_for or self.silent_for or "0s")

    @property
    def facts(self) -> Mapping[str, JsonValue]:
        """The event's data."""
        return dict(self.data)


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alert that must be told of. `change` is the word of the notice ('opened', 'confirmed', ...)."""

    rule: str
    subject: str
    severity: Severity
    after: str
    within: str
    change: str = "opened"


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole scenario."""

    title: Words
    about: Words
    lasts: str
    steps: tuple[Step, ...]
    expect: tuple[Expectation, ...]
    starts_at: str | None = None
    only_between: tuple[str, str] | None = None

    @property
    def length(self) -> int:
        """Microseconds from the start until nothing more is awaited."""
        return duration(self.lasts)

    @property
    def devices(self) -> frozenset[str]:
        """The devices that something happens to."""
        return frozenset(step.device for step in self.steps)

    def check(self) -> None:
        """Refused for an id, a type or a duration that is none (a file is checked by `load`, which tells the line)."""
        duration(self.lasts)
        for step in self.steps:
            check_id(step.device, "device")
            for text in (step.at, step.hold_for or "0s", step.silent_for or "0s"):
                duration(text)
            if step.event is not None:
                check_type(step.event)

    def fits(self, now: int, zone: ZoneInfo) -> bool:
        """Whether it makes sense to play it live at this time of day."""
        if self.only_between is None:
            return True
        start, end = (minute_of_day(text) for text in self.only_between)
        moment = local_time(now, zone)
        minute = moment.hour * 60 + moment.minute
        return start <= minute < end if start <= end else minute >= start or minute < end


def duration(text: str) -> int:
    """Microseconds of '500ms', '5s', '2m' or '1h'; Refused 'bad_duration' for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise Refused("bad_duration", f"{text[:40]!r} is not a duration such as 500ms, 5s, 2m or 1h")
    return round(float(match[1]) * _DURATION_UNITS[match[2]])


def minute_of_day(text: str) -> int:
    """Minutes since midnight of '23:30'; Refused 'bad_time' for anything else."""
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None:
        raise Refused("bad_time", f"{text[:40]!r} is not a time of day such as 23:30")
    return int(match[1]) * 60 + int(match[2])


def load(file: Path) -> Scenario:
    """The scenario in a file. ConfigError, with file and line, for what is wrong with it."""
    scenario, source = yamlfile.load(file, Scenario)
    _check_times(scenario, source)
    for index, step in enumerate(scenario.steps):
        _check_step(step, index, source)
    for index, wanted in enumerate(scenario.expect):
        _checked(source, _is_id, wanted.rule, "expect", index, "rule")
        _checked(source, _is_id, wanted.subject, "expect", index, "subject")
        _checked(source, duration, wanted.after, "expect", index, "after")
        _checked(source, duration, wanted.within, "expect", index, "within")
        if duration(wanted.after) + duration(wanted.within) > scenario.length:
            said = Text("在 lasts 之后才到期", "is due only after `lasts`")
            raise source.fault(said, "expect", index, "within")
    return scenario


def known() -> dict[str, Path]:
    """The scenarios that come with Linli, by name."""
    return {file.stem: file for file in sorted(FOLDER.glob("*.yaml"))}


def find(wanted: str) -> Scenario:
    """The scenario of a known name, or in a file at a path. NotFound names the nearest known one."""
    names = known()
    if wanted in names:
        return load(names[wanted])
    if wanted.endswith((".yaml", ".yml")) or "/" in wanted:
        return load(Path(wanted))
    near = difflib.get_close_matches(wanted, names, 1)
    zh = f"没有名为“{wanted}”的场景" + (f"，是否想写“{near[0]}”？" if near else "。")
    en = f"there is no scenario {wanted!r}" + (f"; did you mean {near[0]!r}?" if near else ".")
    all_names = ", ".join(["day", *names])
    raise NotFound(Text(f"{zh} 已有的场景：{all_names}", f"{en} Known ones: {all_names}"))


def _check_times(scenario: Scenario, source: yamlfile.Source) -> None:
    _checked(source, duration, scenario.lasts, "lasts")
    if scenario.starts_at is not None:
        _checked(source, minute_of_day, scenario.starts_at, "starts_at")
    for text in scenario.only_between or ():
        _checked(source, minute_of_day, text, "only_between")


def _check_step(step: Step, index: int, source: yamlfile.Source) -> None:
    here = ("steps", index)
    _checked(source, _is_id, step.device, *here, "device")
    _checked(source, duration, step.at, *here, "at")
    if [step.event, step.hold, step.silent_for].count(None) != 2:
        zh, en = "每一步恰好写 event、hold、silent_for 之一", "a step needs exactly one of event, hold and silent_for"
        raise source.fault(Text(zh, en), *here)
    if step.event is not None:
        _checked(source, check_type, step.event, *here, "event")
    elif step.data:
        raise source.fault(Text("data 只用于 event", "data goes with event only"), *here, "data")
    if (step.hold is None) != (step.hold_for is None):
        raise source.fault(Text("hold 与 for 要一起写", "hold and for go together"), *here)
    for quantity in step.hold or ():
        _checked(source, _is_id, quantity, *here, "hold", quantity)
    _checked(source, duration, step.hold_for or "0s", *here, "for")
    _checked(source, duration, step.silent_for or "0s", *here, "silent_for")


def _is_id(value: str) -> str:
    return check_id(value, "it")


def _checked(source: yamlfile.Source, check: Callable[[str], object], value: str, *path: str | int) -> None:
    """Run a check of a value and blame its line for what it refuses."""
    try:
        check(value)
    except Refused as refusal:
        raise source.fault(Text(f"不对：{refusal.detail}", refusal.detail), *path) from None
