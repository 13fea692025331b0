"""Evidence is bounded in bytes, and enough of it is left."""

from hypothesis import given

from linli.model import JsonValue
from linli.strictjson import dumps
from rules.durable.state import image
from rules.engine.evidence import MAX_DATA, evidence_data
from tests.unit.linli.strategies import json_values
from tests.unit.rules.world import Bench


@given(json_values)
def test_small_data_is_kept_as_it_is(value: JsonValue) -> None:
    """To the byte."""
    data: dict[str, JsonValue] = {"value": value}
    if len(dumps(data)) <= MAX_DATA:
        assert evidence_data(data) is data


def test_large_data_is_kept_short_and_says_so() -> None:
    """Its short values stay, its long ones go; however many there are, it stays below the limit."""
    data: dict[str, JsonValue] = {"score": 0.9, "picture": "x" * 9000, "label": "person", "shortened_from": "us"}
    assert evidence_data(data) == {"shortened_from": len(dumps(data)), "score": 0.9, "label": "person"}
    many = evidence_data({f"k{number}": "y" * 200 for number in range(2000)})
    assert 10 < len(many) < 30
    assert len(dumps(many)) <= MAX_DATA


def test_an_alert_of_large_events_stays_small() -> None:
    """25 events of 450 KB on one alert: the state that a snapshot holds is below 200 KB. `where` still sees all of it."""
    bench = Bench()
    for number in range(25):
        data: dict[str, JsonValue] = {f"k{key}": f"{number}" + "x" * 15_000 for key in range(30)}
        bench.put(bench.feed.event(1 + number, "door", "access.door.opened", data))
    assert len(bench.alert("door-forced").evidence) == 20
    bench.put(bench.feed.beat(28))  # nothing waits to settle
    assert len(image(bench.engine).core) < 200_000
    stuck: dict[str, JsonValue] = {"pad": "x" * 9000, "door_zone": False, "occupied": True}
    bench.put(bench.feed.event(100, "lift", "facility.lift.stopped", stuck), bench.feed.beat(161))
    assert bench.happened[-1][1] == "lift-entrapment"
