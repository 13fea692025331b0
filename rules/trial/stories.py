"""The stories of a test file, line by line: what comes in becomes steps, what is expected is looked up."""

import itertools
from collections.abc import Callable, Collection, Iterator
from typing import Any, NoReturn, TypeVar

import msgspec

from linli.arming import MODES
from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from linli.model import DEVICE_HEARTBEAT_TYPE, ActionKind, Lane
from linli.vocabulary import EVENT_TYPES, QUANTITIES, quantity_of
from linli.yamlfile import Source
from rules.language.model import Rule
from rules.trial.faults import not_known
from rules.trial.plan import Act, Arming, Case, Change, Expected, GatewayChange, Report, Step, comes
from rules.trial.script import KINDS, Expect, Given, Script, moment, written
from rules.trial.series import expand

T = TypeVar("T")
Path = tuple[str | int, ...]

_KEYS = {field.encode_name for field in msgspec.structs.fields(Given)}
_KINDS_OF_LINE = ("device", "mode", "act", "gateway")
MOST_STEPS = 200_000
"""Steps that one test may have."""


class Stories:
    """The `tests` of a file. Every fault is a ConfigError."""

    def __init__(self, source: Source, script: Script, rules: tuple[Rule, ...], registry: RegistrySnapshot) -> None:
        self._source = source
        self._script = script
        self._registry = registry
        self._rules = {rule.id for rule in rules}
        declared = {word for rule in rules for word in rule.declares}
        self._types = {*EVENT_TYPES, *declared}
        self._quantities = {*QUANTITIES, *declared}
        self._subjects = {*registry.devices, *registry.places, *registry.gateways, *registry.communities}

    def cases(self) -> Iterator[Case]:
        """One for each test."""
        for number, story in enumerate(self._script.tests):
            path: Path = ("tests", number)
            until = self._moment(story.until, *path, "until")
            for index, kind in enumerate(story.only):
                self._one_of(Text("变化", "kind of change"), kind, KINDS, *path, "only", index)
            steps: list[Step] = []
            for index, line in enumerate(story.input):
                steps += self._steps(line, (*path, "input", index))
                if len(steps) > MOST_STEPS:
                    self._fault(Text(f"超过 {MOST_STEPS} 步", f"more than {MOST_STEPS} steps"), *path, "input", index)
            expected = tuple(self._expected(item, (*path, "expect", n)) for n, item in enumerate(story.expect))
            last = max([0, *map(comes, steps), *(item.at for item in expected)])
            if last > until:
                zh = f"测试只到 {story.until}，而有的内容在 {written(last)}：把 until 写得更晚"
                en = f"the test ends at {story.until}, and something in it is at {written(last)}: give a later until"
                self._fault(Text(zh, en), *path, "until")
            yield Case(
                self._name(story.name, *path, "name"),
                self._source.line(*path),
                tuple(sorted(steps, key=comes)),
                expected,
                frozenset(story.only),
                until,
            )

    # --- input ------------------------------------------------------------------------------------------------------

    def _steps(self, line: dict[str, Any], path: Path) -> Iterator[Step]:
        given = self._given(line, path)
        series = {key: value for key, value in line.items() if key not in _KEYS}
        kinds = [kind for kind in _KINDS_OF_LINE if getattr(given, kind) is not None]
        if len(kinds) != 1:
            said = " + ".join(kinds) or "-"
            self._fault(
                Text(
                    f"每一行只能是 device、mode、act、gateway 之一（现在是 {said}）",
                    f"a line is exactly one of device, mode, act, gateway (this one: {said})",
                ),
                *path,
            )
        if kinds != ["device"] and series:
            self._unknown(next(iter(series)), path)
        if kinds == ["device"]:
            yield from self._reports(given, series, path)
            return
        at = self._moment(self._needed(given.at, "at", path), *path, "at")
        if kinds == ["mode"]:
            place = self._needed(given.place, "place", path)
            self._one_of(Text("地点", "place"), place, self._registry.places, *path, "place")
            mode = str(given.mode)
            self._one_of(Text("布防模式", "mode"), mode, MODES, *path, "mode")
            yield Arming(at, place, mode)
        elif kinds == ["act"]:
            yield self._act(given, at, path)
        else:
            yield self._gateway(given, at, path)

    def _given(self, line: dict[str, Any], path: Path) -> Given:
        known = {key: value for key, value in line.items() if key in _KEYS}
        try:
            return msgspec.convert(known, type=Given)
        except msgspec.ValidationError as error:
            said, _, where = str(error).partition(" - at `$.")
            self._fault(Text(f"内容不符：{said}", said), *path, where.strip("`").partition("[")[0])

    def _reports(self, given: Given, series: dict[str, Any], path: Path) -> Iterator[Step]:
        device = str(given.device)
        self._one_of(Text("设备", "device"), device, self._registry.devices, *path, "device")
        if (given.event is None) == (not series):
            self._fault(
                Text("一台设备的一行要么有 event，要么有读数", "a line of a device has either an event or readings"),
                *path,
            )
        if given.event is not None:
            self._one_of(Text("事件类型", "event type"), given.event, self._types, *path, "event")
            for at in self._times(given, path):
                yield self._report(given, at, path, event=given.event, data=given.data)
            return
        columns = {name: self._values(name, value, path) for name, value in series.items()}
        longest = max(map(len, columns.values()))
        if longest > 1 and given.every is None:
            self._fault(
                Text("多个读数需要 every（间隔）", "several readings need `every`, the time between them"), *path
            )
        start, step = self._start(given, path), self._every(given, path)
        for number, row in enumerate(itertools.zip_longest(*columns.values())):
            readings = tuple(
                (name, value, given.unit or quantity_of(name).unit)
                for name, value in zip(columns, row, strict=True)
                if value is not None
            )
            if readings:
                yield self._report(given, start + number * step, path, readings=readings)

    def _report(self, given: Given, at: int, path: Path, **more: Any) -> Report:
        device = self._registry.devices[str(given.device)]
        slow = given.event in (None, DEVICE_HEARTBEAT_TYPE)
        lane = Lane.BULK if slow else Lane.URGENT
        if given.lane is not None:
            self._one_of(Text("通道", "lane"), given.lane, list(Lane), *path, "lane")
            lane = Lane(given.lane)
        arrives = at if given.arrives is None else self._moment(given.arrives, *path, "arrives")
        if arrives < at:
            self._fault(Text("arrives 早于 at", "it arrives before it is taken"), *path, "arrives")
        return Report(at, arrives, device.gateway, lane, device.id, historic=given.historic, **more)

    def _times(self, given: Given, path: Path) -> Iterator[int]:
        start, step = self._start(given, path), self._every(given, path)
        if not step:
            yield start
            return
        end = self._moment(self._needed(given.last, "to", path), *path, "to")
        yield from itertools.islice(range(start, end + 1, step), MOST_STEPS + 1)

    def _start(self, given: Given, path: Path) -> int:
        key = "from" if given.first is not None else "at"
        text = given.first if given.first is not None else given.at
        if text is None and given.every is not None:
            return 0
        return self._moment(self._needed(text, key, path), *path, key)

    def _every(self, given: Given, path: Path) -> int:
        if given.every is None:
            return 0
        step = self._moment(given.every, *path, "every")
        if step == 0:
            self._fault(Text("不能为零", "must be more than zero"), *path, "every")
        return step

    def _values(self, name: str, value: Any, path: Path) -> list[float | None]:
        if name not in self._quantities:
            self._unknown(name, path)
        if isinstance(value, bool | int | float):
            return [float(value)]
        if not isinstance(value, str):
            self._fault(Text("应是数，或数的序列", "is neither a number nor a series of them"), *path, name)
        try:
            values = expand(value)
        except ValueError as error:
            self._fault(
                Text(
                    f"“{error}”不是读数，例如 60、60+5x4、_、nan",
                    f"'{error}' is no reading such as 60, 60+5x4, _ or nan",
                ),
                *path,
                name,
            )
        return values

    def _act(self, given: Given, at: int, path: Path) -> Act:
        self._one_of(Text("操作", "act"), str(given.act), list(ActionKind), *path, "act")
        subject = self._needed(given.alert, "alert", path)
        self._one_of(Text("对象", "subject"), subject, self._subjects, *path, "alert")
        if given.rule is not None:
            self._one_of(Text("规则", "rule"), given.rule, self._rules, *path, "rule")
        kind = ActionKind(str(given.act))
        back = None if given.back is None else self._moment(given.back, *path, "back")
        if (kind is ActionKind.SHELVE) != (back is not None):
            self._fault(
                Text("shelve 要写 back（何时回来），别的不写", "shelve says when it is `back`, and no other act does"),
                *path,
            )
        return Act(at, kind, subject, given.rule, given.by or "guard", given.comment or "", back)

    def _gateway(self, given: Given, at: int, path: Path) -> GatewayChange:
        self._one_of(Text("网关变化", "change of a gateway"), str(given.gateway), list(Change), *path, "gateway")
        gateways = self._registry.gateways
        name = given.id if given.id is not None else next(iter(gateways))
        self._one_of(Text("网关", "gateway"), name, gateways, *path, "id")
        return GatewayChange(at, name, Change(str(given.gateway)))

    # --- expect -----------------------------------------------------------------------------------------------------

    def _expected(self, item: Expect, path: Path) -> Expected:
        kinds = [kind for kind in KINDS if getattr(item, kind) is not None]
        if len(kinds) != 1:
            said = " + ".join(kinds) or "-"
            self._fault(
                Text(
                    f"每一行只能写一种变化（现在是 {said}）：{'、'.join(KINDS)}",
                    f"a line has exactly one change (this one: {said}): {', '.join(KINDS)}",
                ),
                *path,
            )
        subject: str = getattr(item, kinds[0])
        self._one_of(Text("对象", "subject"), subject, self._subjects, *path, kinds[0])
        if item.rule is not None:
            self._one_of(Text("规则", "rule"), item.rule, self._rules, *path, "rule")
        return Expected(self._moment(item.at, *path, "at"), kinds[0], subject, item)

    # --- faults -----------------------------------------------------------------------------------------------------

    def _name(self, name: str | dict[str, str], *path: str | int) -> Text:
        if isinstance(name, str):
            return Text(name, name)
        if set(name) != {"zh", "en"}:
            self._fault(Text("name 须有 zh 和 en 两种", "name needs both zh and en"), *path)
        return Text(name["zh"], name["en"])

    def _moment(self, text: str, *path: str | int) -> int:
        return self._parsed(
            moment, text, Text("不是时间，例如 0s、90s、1h30m", "is no time such as 0s, 90s or 1h30m"), *path
        )

    def _parsed(self, parse: Callable[[str], T], text: str, said: Text, *path: str | int) -> T:
        try:
            return parse(text)
        except ValueError:
            self._fault(Text(f"“{text}”{said.zh}", f"{text!r} {said.en}"), *path)

    def _needed(self, value: str | None, key: str, path: Path) -> str:
        if value is None:
            self._fault(Text(f"缺少 {key}", f"{key} is missing"), *path)
        return value

    def _one_of(self, what: Text, word: str, words: Collection[str], *path: str | int) -> None:
        if word not in words:
            not_known(self._source, what, word, words, *path)

    def _unknown(self, key: str, path: Path) -> NoReturn:
        not_known(self._source, Text("键或测量量", "key or quantity"), key, {*_KEYS, *self._quantities}, *path, key)

    def _fault(self, text: Text, *path: str | int) -> NoReturn:
        raise self._source.fault(text, *path)
