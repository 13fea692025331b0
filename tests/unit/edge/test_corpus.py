"""Every corpus message of the MQTT formats, through its source and a mapping: what the corpus says is what comes out."""

import pytest

from edge.mapping import Mapped, Mapper
from linli.clock import SystemClock
from tests.corpus import FOLDER, Case, Said, mqtt_cases, need_corpus, unmet

pytestmark = pytest.mark.skipif(not mqtt_cases(), reason=f"there is no corpus at {FOLDER}")


def _said(mapped: Mapped, now: int) -> list[Said]:
    events = [
        Said(target.device, seen.type, seen.time or now, seen.historic, data=seen.data)
        for target, seen in mapped.events
    ]
    values = [
        Said(target.device, seen.quantity, seen.time or now, seen.historic, value=seen.value)
        for target, seen in mapped.values
    ]
    return events + values


@pytest.mark.parametrize("case", mqtt_cases(), ids=lambda case: case.name)
def test_a_corpus_message_says_what_the_corpus_expects(case: Case) -> None:
    """Device, type or quantity, time and value, of each thing that the message says."""
    now = SystemClock().now()
    mapped = Mapper(case.sources()).translate(case.topic, case.payload, case.retained, now)
    if any(expect["kind"] == "reject" for expect in case.expects):
        assert mapped.refused
    else:
        assert mapped.refused == ()
    for expect in case.expects:
        assert unmet(expect, _said(mapped, now)) is None


@pytest.mark.parametrize("case", [case for case in mqtt_cases() if case.retained], ids=lambda case: case.name)
def test_what_was_retained_is_history_unless_it_is_availability(case: Case) -> None:
    """A retained value alarms nobody; whether a device is online is true now."""
    now = SystemClock().now()
    mapped = Mapper(case.sources()).translate(case.topic, case.payload, True, now)
    alive = case.topic.endswith(("/availability", "/available"))
    assert all(one.historic is not alive for one in _said(mapped, now))


def test_the_corpus_is_there() -> None:
    """The three formats have messages, so that the tests above test something."""
    need_corpus()
    assert {case.format for case in mqtt_cases()} == {"zigbee2mqtt", "frigate", "chirpstack_v4"}
