"""Test files of rules, read and checked: every fault is a ConfigError with file, line and what was probably meant."""

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from linli.clock import parse_time
from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from linli.ids import ID_PATTERN, is_id
from linli.model import Community, Device, Facility, Gateway, Place
from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS, PLACE_KINDS
from linli.yamlfile import Source, open_source
from rules.engine.gateways import GATEWAY_OFFLINE, gateway_rule
from rules.language.faults import Fault
from rules.language.filekinds import Written, require
from rules.language.load import load_rule
from rules.language.model import Override, Rule, Where
from rules.language.overrides import laid_over
from rules.trial.faults import not_known
from rules.trial.plan import COMMUNITY, Trial
from rules.trial.script import Script
from rules.trial.stories import Stories

FIRST_PLACE = "site"
"""The building that a file without places has."""

Kinds = Mapping[str, Collection[str]]
_KINDS: Kinds = {"places": PLACE_KINDS, "facilities": FACILITY_KINDS, "devices": DEVICE_KINDS}


def read_trial(file: Path, known: Mapping[str, Rule]) -> Trial:
    """The tests of `file`; `known`: the rules that it may name, by id. ConfigError for the first fault."""
    source = open_source(file)
    require(source, Written.TESTS)
    _timed(source)
    script = source.convert(Script)
    site = _Site(source, script)
    rules = _rules(source, script, known)
    registry = site.registry()
    return Trial(
        file,
        rules,
        _overrides(source, script, rules, registry),
        registry,
        site.start(),
        tuple(Stories(source, script, rules, registry).cases()),
    )


def _timed(source: Source) -> None:
    """Fault for a test that does not say how long it goes on."""
    tests = source.value.get("tests") if isinstance(source.value, dict) else None
    for number, test in enumerate(tests if isinstance(tests, list) else ()):
        if isinstance(test, dict) and "until" not in test:
            said = Text(
                "这项测试缺少 until：写明进行到何时，例如 until: 5m",
                "this test has no until: say how long it goes on, as in until: 5m",
            )
            raise source.fault(said, "tests", number)


def _rules(source: Source, script: Script, known: Mapping[str, Rule]) -> tuple[Rule, ...]:
    available = {**known, GATEWAY_OFFLINE: gateway_rule()}
    chosen: dict[str, Rule] = {}
    for number, name in enumerate(script.rules):
        if name not in available:
            not_known(source, Text("规则", "rule"), name, available, "rules", number)
        chosen[name] = available[name]
    for name in script.files:
        rule, _ = load_rule((source.file.parent / name).resolve())
        chosen[rule.id] = rule
    if not chosen:
        raise source.fault(
            Text(
                "没有要测试的规则：写 rules（id）或 files（文件）", "names no rule to test: write rules (ids) or files"
            ),
        )
    return tuple(chosen[name] for name in sorted(chosen))


def _overrides(
    source: Source, script: Script, rules: tuple[Rule, ...], registry: RegistrySnapshot
) -> tuple[Override, ...]:
    known = {rule.id: rule for rule in rules}
    for number, override in enumerate(script.overrides):
        path = ("overrides", number)
        if override.rule not in known:
            not_known(source, Text("规则", "rule"), override.rule, known, *path, "rule")
        _where(source, override.where, registry, *path, "where")
        try:
            laid_over(known[override.rule], override.change)
        except Fault as fault:
            raise source.fault(fault.text, *path, "change", *fault.path) from None
    return tuple(script.overrides)


def _where(source: Source, where: Where, registry: RegistrySnapshot, *path: str | int) -> None:
    given: dict[str, tuple[str | None, Collection[str]]] = {
        "community": (where.community, registry.communities),
        "place": (where.place, registry.places),
        "device": (where.device, registry.devices),
    }
    named = [(key, name, words) for key, (name, words) in given.items() if name is not None]
    if len(named) != 1:
        said = Text("where 只能是 community、place、device 之一", "where is exactly one of community, place, device")
        raise source.fault(said, *path)
    key, name, words = named[0]
    if name not in words:
        not_known(source, Text("对象", "such thing"), name, words, *path, key)


class _Site:
    """The small site that a file lays out, as the engine's registry."""

    def __init__(self, source: Source, script: Script) -> None:
        self._source = source
        self._script = script
        self._ids = {COMMUNITY}

    def start(self) -> int:
        """The instant that `start` is, in microseconds since 1970 UTC."""
        script = self._script
        try:
            zone = ZoneInfo(script.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise self._source.fault(
                Text(f"没有时区 {script.timezone}", f"there is no time zone {script.timezone}"), "timezone"
            ) from None
        try:
            local = datetime.strptime(script.start, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
        except ValueError:
            raise self._source.fault(
                Text(
                    f"“{script.start}”不是时间，例如 2026-03-02 22:50:00",
                    f"{script.start!r} is no time such as 2026-03-02 22:50:00",
                ),
                "start",
            ) from None
        return parse_time(local.isoformat())

    def registry(self) -> RegistrySnapshot:
        """All that the file lays out, in one community."""
        script = self._script
        places = self._places()
        facilities = {}
        for number, item in enumerate(script.facilities):
            self._entry("facilities", number, item.id, item.kind)
            place = self._place("facilities", number, item.place, places)
            facilities[item.id] = Facility(item.id, COMMUNITY, item.kind, self._name(item, "facilities", number), place)
        devices = self._devices(places, facilities)
        names = sorted({device.gateway for device in devices.values()})
        return RegistrySnapshot(
            1,
            {COMMUNITY: Community(COMMUNITY, Text("小区", "Community"), script.timezone)},
            places,
            {name: Gateway(name, COMMUNITY, Text(name, name)) for name in names},
            facilities,
            devices,
            {"": self._holidays()} if script.holidays else {},
        )

    def _places(self) -> dict[str, Place]:
        places: dict[str, Place] = {}
        for number, item in enumerate(self._script.places):
            self._entry("places", number, item.id, item.kind)
            if item.parent is not None and item.parent not in places:
                not_known(
                    self._source, Text("在它之前的地点", "place before it"), item.parent, places, "places", number, "in"
                )
            name = self._name(item, "places", number)
            places[item.id] = Place(item.id, COMMUNITY, item.kind, name, item.parent)
        if not places:
            places[FIRST_PLACE] = Place(FIRST_PLACE, COMMUNITY, "building", Text("楼栋", "Building"))
        return places

    def _devices(self, places: Mapping[str, Place], facilities: Mapping[str, Facility]) -> dict[str, Device]:
        devices = {}
        for number, item in enumerate(self._script.devices):
            self._entry("devices", number, item.id, item.kind)
            place = self._place("devices", number, item.place, places)
            if item.facility is not None and item.facility not in facilities:
                not_known(
                    self._source, Text("设施", "facility"), item.facility, facilities, "devices", number, "facility"
                )
            if item.gateway in self._ids or not is_id(item.gateway):
                self._bad_id(item.gateway, "devices", number, "gateway")
            devices[item.id] = Device(
                item.id,
                COMMUNITY,
                item.gateway,
                item.kind,
                self._name(item, "devices", number),
                place,
                item.facility,
                item.interval_s,
            )
        return devices

    def _place(self, part: str, number: int, place: str, places: Mapping[str, Place]) -> str:
        if place and place not in places:
            not_known(self._source, Text("地点", "place"), place, places, part, number, "place")
        return place or next(iter(places))

    def _entry(self, part: str, number: int, name: str, kind: str) -> None:
        if name in self._ids or not is_id(name):
            self._bad_id(name, part, number, "id")
        self._ids.add(name)
        if kind not in _KINDS[part]:
            not_known(self._source, Text("种类", "kind"), kind, _KINDS[part], part, number, "kind")

    def _bad_id(self, name: str, *path: str | int) -> NoReturn:
        if is_id(name):
            raise self._source.fault(Text(f"编号 {name} 已经用过", f"id {name} is used already"), *path)
        raise self._source.fault(
            Text(f"编号“{name}”不符合 {ID_PATTERN}", f"id {name!r} does not match {ID_PATTERN}"), *path
        )

    def _name(self, item: Any, part: str, number: int) -> Text:
        names: dict[str, str] = item.name
        if names and set(names) != {"zh", "en"}:
            raise self._source.fault(Text("name 须有 zh 和 en 两种", "name needs both zh and en"), part, number, "name")
        return Text(names.get("zh", item.id), names.get("en", item.id))

    def _holidays(self) -> dict[str, bool]:
        for day in self._script.holidays:
            try:
                datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007  (a day has no zone)
            except ValueError:
                raise self._source.fault(
                    Text(f"“{day}”不是日期，例如 2026-10-01", f"{day!r} is no day such as 2026-10-01"), "holidays", day
                ) from None
        return dict(self._script.holidays)
