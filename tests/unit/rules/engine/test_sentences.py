"""The sentence of an alert: what happened, for every part, in both languages."""

from pathlib import Path

import msgspec
import pytest

from linli.clock import HOUR
from linli.i18n import Text
from linli.model import Evidence, Lane
from rules.engine.book import Transition
from rules.engine.inputs import RegistryIn, RulesIn
from rules.engine.sentences import sentence, subject_name
from rules.engine.why import fingerprint
from rules.language.load import load_rules
from rules.language.model import Words
from tests.unit.rules.world import Bench, registry, rule_of

SAYS = "{device}|{subject}|{place}|{community}|{event}|{quantity}|{value}|{threshold}|{for}"


def bench_of(folder: Path, when: str, more: str = "") -> Bench:
    """A rule whose sentence says all that there is to say."""
    (rule,) = rule_of(folder, when, more=more)
    return Bench([msgspec.structs.replace(rule, sentence=Words(zh=SAYS, en=SAYS))])


def said(bench: Bench, quantity: str, *values: float) -> str:
    """The English sentence after readings of the cable, one each second."""
    for second, value in enumerate(values):
        bench.put(bench.feed.reading(second, "cable", quantity, value))
    return bench.alert("test-rule").sentence.en


CABLE = "Main cable|Main cable|Building 1|Compound"


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ("quantity: temperature, above: 70, for: 1s", f"{CABLE}|Temperature|Temperature|75 °C|70 °C|1 s"),
        ("quantity: temperature, outside: [10, 30]", f"{CABLE}|Temperature|Temperature|71 °C|10 to 30 °C|0 s"),
        (
            'value: "highest(temperature, 5s) * 2", above: 145',
            f"{CABLE}|the highest temperature of 5 s × 2|the highest temperature of 5 s × 2|150|145|0 s",
        ),
        (
            'value: "change(temperature, 1s)", at_least: 4',
            f"{CABLE}|the change of temperature in 1 s|the change of temperature in 1 s|4 °C|4 °C|0 s",
        ),
    ],
)
def test_a_number_beyond_its_limit(tmp_path: Path, reading: str, expected: str) -> None:
    """The number that the clause looks at, which is not always a reading, in its unit."""
    bench = bench_of(tmp_path, f"  - reading: {{{reading}}}\n")
    assert said(bench, "temperature", 71, 75) == expected


def test_an_event_a_state_and_a_silence(tmp_path: Path) -> None:
    """The event that began it; of a silence the last that was heard."""
    event = bench_of(tmp_path, "  - event: {types: [access.denied]}\n")
    event.put(event.feed.event(1, "door", "access.denied"))
    happened = "|".join(["拒绝通行"] * 4)
    assert (
        event.alert("test-rule").sentence.zh == f"Front door 中|Front door 中|Building 1 中|Compound 中|{happened}|0 秒"
    )
    missing = bench_of(tmp_path, "  - missing: {types: [device.heartbeat], for: 60s}\n")
    missing.put(missing.feed.alive(0), *(missing.feed.beat(second, Lane.BULK) for second in range(0, 70, 10)))
    told = {change.alert.subject: change.alert for change in missing.outputs if isinstance(change, Transition)}
    heard = "|".join(["Device heartbeat"] * 4)
    assert told["cam"].sentence.en == f"Lobby camera|Lobby camera|Building 1|Compound|{heard}|1 min"


def test_of_what_was_never_heard_it_says_what_was_waited_for() -> None:
    """There is nothing else to say: no evidence, no number, no limit."""
    (rule,) = (each for each in load_rules() if each.id == "camera-offline")
    rule = msgspec.structs.replace(
        rule, sentence=Words(zh="{event}|{value}|{threshold}", en="{event}|{value}|{threshold}")
    )
    known = registry()
    text = sentence(rule, 0, known.devices["cam"], known, 0, ())
    assert text.en == "|".join(["no device heartbeat for 3 min"] * 3)
    assert text.zh == "|".join(["3 分钟没有设备心跳"] * 3)


def test_one_sentence_serves_numbers_and_events() -> None:
    """The catalogue's rule of the supply: a voltage that is off, and a supply that is lost."""
    (rule,) = (each for each in load_rules() if each.id == "voltage")
    known = registry()
    device = known.devices["cable"]
    low = Evidence(0, device.id, "voltage", 190.5, "V")
    lost = Evidence(0, device.id, "facility.power.lost")
    assert sentence(rule, 0, device, known, 0, (low,), 190.5).en.endswith(": 190.5 V, for 1 min.")
    assert sentence(rule, 2, device, known, 0, (lost,)).en.endswith(": Supply lost, for 10 s.")
    assert sentence(rule, 2, device, known, 0, (lost,)).zh.endswith("：供电中断，已 10 秒。")


@pytest.mark.parametrize(
    ("name", "quantity", "value", "said"),
    [
        ("fire-water-pressure", "water_pressure", 65_000, "为 65 kPa，低于 70 kPa 已"),
        ("residual-current", "residual_current", 0.42, "为 420 mA，超过 300 mA 已"),
    ],
)
def test_numbers_are_in_the_units_that_people_know(name: str, quantity: str, value: float, said: str) -> None:
    """Rules are written in SI; nobody reads 70000 Pa."""
    (rule,) = (each for each in load_rules() if each.id == name)
    known = registry()
    assert said in sentence(rule, 0, known.devices["cable"], known, 0, (), value).zh


@pytest.mark.parametrize(
    ("clause", "value", "told"),
    [
        ("quantity: temperature, above: 30", 32.87418, "32.87 °C"),
        ("quantity: temperature, above: 70", 70.0041, "70.004 °C"),
        ("quantity: temperature, at_least: 70", 70, "70 °C"),
        ("quantity: temperature, above: 70", 70.00000000001, "70 °C"),
        ("quantity: temperature, below: 5", 4.99961, "4.9996 °C"),
        ("quantity: humidity, outside: [30.001, 60]", 30.0004, "30 %"),
        ("quantity: humidity, outside: [30, 60]", 60.0004, "60.0004 %"),
        ("quantity: water_pressure, below: 300000", 299_912.4, "299.9 kPa"),
        ('value: "avg(co, 15m)", above: 30', 30.7142857, "30.71 mg/m³"),
    ],
)
def test_what_is_measured_has_the_digits_of_the_console(tmp_path: Path, clause: str, value: float, told: str) -> None:
    """A sensor's arithmetic is nobody's business; but what is beyond a limit does not read like the limit."""
    (rule,) = rule_of(tmp_path, f"  - reading: {{{clause}}}\n")
    rule = msgspec.structs.replace(rule, sentence=Words(zh="{value}", en="{value}"))
    known = registry()
    assert sentence(rule, 0, known.devices["cable"], known, 0, (), value) == Text(told, told)


def test_the_subject_is_called_by_its_name(tmp_path: Path) -> None:
    """A building, a compound, and what nobody knows by its id."""
    bench = bench_of(tmp_path, "  - reading: {quantity: temperature, above: 70}\n", more="subject: community\n")
    assert said(bench, "temperature", 71).startswith("Main cable|Compound|Building 1|")
    assert (bench.alert("test-rule").subject, bench.alert("test-rule").subject_kind) == ("c1", "community")
    assert bench.alert("test-rule").place is None
    assert subject_name(registry(), "b1-f3", "place").en == "Floor 3"
    assert subject_name(registry(), "gw", "gateway") == Text("gw", "gw")


def test_an_alert_of_the_engine_says_why(tmp_path: Path) -> None:
    """The number, its limit and how long it had been so, and the rule as it holds there."""
    bench = bench_of(tmp_path, "  - reading: {value: temperature * 2, above: 140, for: 2s}\n")
    said(bench, "temperature", 69, 75, 80, 85, 86)
    why = bench.alert("test-rule").why
    (rule,) = bench.engine.scope.rules.values()
    assert why["words"] == {"zh": "温度 × 2 高于 140，持续 2 秒", "en": "temperature × 2 above 140 for 2 s"}
    assert (why["began"], why["fired"], why["held"]) == (bench.feed.us(1), bench.feed.us(3), 2_000_000)
    assert (why["limit"], why["value"], why["rule"]) == (140, 170, fingerprint(rule))


def test_an_edited_rule_goes_on_with_what_it_has_read(tmp_path: Path) -> None:
    """Its window is full when only the limit changes; a device that is gone leaves nothing behind."""
    before = rule_of(tmp_path, '  - reading: {value: "count(temperature, 10m)", above: 9}\n')
    after = rule_of(tmp_path, '  - reading: {value: "count(temperature, 10m)", above: 3}\n')
    bench = Bench(before)
    bench.put(*(bench.feed.reading(second, "cable", "temperature", 20) for second in range(3)))
    bench.put(RulesIn(after))
    assert bench.put(bench.feed.reading(3, "cable", "temperature", 20)) == [("opened", "test-rule", 3)]
    assert len(bench.engine.memories.numbers) == 1
    known = registry()
    bench.put(RegistryIn(type(known)(2, known.communities)))
    assert len(bench.engine.memories.numbers) == 0


def test_what_is_usual_is_learned_in_the_engine(tmp_path: Path) -> None:
    """Readings of a day and more, then one that is far off."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: power, normal: {sigmas: 3, learn: 2d, by: always}}\n"))
    hours = [(hour * HOUR / 1e6, 100 + hour % 3) for hour in range(30)]
    assert bench.put(*(bench.feed.reading(at, "cable", "power", value) for at, value in hours)) == []
    at = 31 * 3600
    assert bench.put(bench.feed.reading(at, "cable", "power", 110)) == [("opened", "test-rule", at)]
    assert bench.put(bench.feed.reading(at + 60, "cable", "power", 101)) == [("resolved", "test-rule", at + 60)]
