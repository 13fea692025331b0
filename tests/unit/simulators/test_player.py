from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.outbox.outbox import Draft
from linli.clock import HOUR, MINUTE, SECOND, parse_time
from linli.errors import Refused
from linli.i18n import Text
from linli.model import READINGS_TYPE, JsonValue, Lane, Reading
from simulators import scenario
from simulators.compound import TIMEZONE, demo_devices
from simulators.day import Day
from simulators.player import Player
from simulators.requests import RequestFolder
from simulators.rotation import EVERY, FIRST_AFTER, Rotation

ZONE = ZoneInfo(TIMEZONE)
START = parse_time("2026-11-23T12:00:00+08:00")


class Recorder:
    """Stands in for the agent: keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, int, Lane]] = []
        self.readings = 0
        self.commits = 0

    def event(
        self,
        device: str,
        type: str,
        data: Mapping[str, JsonValue],
        *,
        time: int | None = None,
        lane: Lane = Lane.URGENT,
    ) -> Draft:
        assert time is not None
        return Draft(lane, type, device, time, time, data=data)

    def packets(self, readings: Sequence[Reading]) -> list[Draft]:
        return [Draft(Lane.BULK, READINGS_TYPE, "gw", START, START, readings=tuple(readings))] if readings else []

    def take(self, drafts: Sequence[Draft]) -> None:
        self.commits += 1
        for draft in drafts:
            self.readings += len(draft.readings)
            if not draft.readings:
                self.events.append((draft.type, draft.subject, draft.time, draft.lane))


def new_player() -> tuple[Player, Recorder]:
    recorder = Recorder()
    return Player(Day(demo_devices(), 1, ZONE, START), recorder), recorder


def test_scenario_comes_through() -> None:
    """The steps of a scenario reach the agent at their times, on the urgent lane; heartbeats go on bulk."""
    player, recorder = new_player()
    play = player.request(scenario.find("forced-door"), START)
    for second in range(90):
        player.tick(START + second * SECOND)
    assert play.started_at == START
    own = [event for event in recorder.events if event[1] == "c001-door-02"]
    assert own == [
        ("access.door.opened", "c001-door-02", START + 5 * SECOND, Lane.URGENT),
        ("access.door.closed", "c001-door-02", START + 17 * SECOND, Lane.URGENT),
    ]
    assert {lane for kind, _, _, lane in recorder.events if kind == "device.heartbeat"} == {Lane.BULK}
    assert player.counts.events == len(recorder.events)
    assert player.counts.readings == recorder.readings > 0
    assert recorder.commits <= 90
    assert player.counts.scenarios == 1


def test_two_scenarios_on_one_device_wait_for_each_other() -> None:
    """The second begins when the first is over and the door has been quiet; one on another device begins at once."""
    player, _ = new_player()
    first = player.request(scenario.find("forced-door"), START)
    second = player.request(scenario.find("forced-door"), START)
    other = player.request(scenario.find("kitchen-fire"), START)
    for step in range(200):
        player.tick(START + step * SECOND)
    assert (first.started_at, other.started_at) == (START, START)
    assert second.started_at is not None
    assert second.started_at >= START + MINUTE


def test_unknown_device_is_refused() -> None:
    """A scenario of another compound does not half-play."""
    player, _ = new_player()
    loaded = scenario.find("forced-door")
    foreign = msgspec.structs.replace(loaded, steps=(msgspec.structs.replace(loaded.steps[0], device="x-1"),))
    with pytest.raises(Refused, match="x-1"):
        player.request(foreign, START)


def test_nothing_is_made_up_for_a_long_gap() -> None:
    """After the process was stopped for hours, only the last minutes are sent."""
    player, recorder = new_player()
    player.tick(START)
    recorder.events.clear()
    player.tick(START + 5 * HOUR)
    assert recorder.events
    assert min(time for _, _, time, _ in recorder.events) >= START + 5 * HOUR - 10 * MINUTE


def test_rotation() -> None:
    """The forced door first, soon; then one every few minutes; those bound to the night only by night."""
    scenarios = {name: scenario.find(name) for name in scenario.known()}
    rotation = Rotation(scenarios, ZONE, START)
    assert rotation.next(START) is None
    now, played = START + FIRST_AFTER, []
    for _ in range(len(scenarios)):
        played.append(rotation.next(now))
        assert rotation.next(now) is None
        now += EVERY
    assert played[0] is scenarios["forced-door"]
    assert scenarios["intrusion-after-hours"] not in played
    night = Rotation({"intrusion-after-hours": scenarios["intrusion-after-hours"]}, ZONE, START + 12 * HOUR)
    assert night.next(START + 12 * HOUR + MINUTE) is scenarios["intrusion-after-hours"]


# --- requests -------------------------------------------------------------------------------------------------------


def test_request_there_and_back(tmp_path: Path) -> None:
    """What is asked for arrives whole, once; the answer comes back, once."""
    folder = RequestFolder(tmp_path / "scenarios")
    assert list(folder.take()) == []
    wanted = scenario.find("pump-room-flood")
    folder.put("r1", wanted)
    assert list(folder.take()) == [("r1", wanted)]
    assert list(folder.take()) == []
    assert folder.answer("r1") is None
    folder.started("r1", START)
    answer = folder.answer("r1")
    assert answer is not None
    assert (answer.started_at, answer.refused) == (START, None)
    assert folder.answer("r1") is None


def test_bad_request_is_answered(tmp_path: Path) -> None:
    """Not JSON, or not a scenario: refused with the reason, and the simulator goes on."""
    folder = RequestFolder(tmp_path)
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    (tmp_path / "worse.json").write_text('{"scenario": {"steps": 1}}', encoding="utf-8")
    (tmp_path / "Not An Id.json").write_text("{}", encoding="utf-8")
    assert list(folder.take()) == []
    for name in ("bad", "worse"):
        answer = folder.answer(name)
        assert answer is not None
        assert answer.refused is not None
    assert list(tmp_path.iterdir()) == []


def test_withdrawn_and_refused(tmp_path: Path) -> None:
    """Who asked may think better of it, and hears why not."""
    folder = RequestFolder(tmp_path)
    folder.put("r1", scenario.find("forced-door"))
    folder.withdraw("r1")
    assert list(folder.take()) == []
    folder.refuse("r2", Text("不行", "no"))
    answer = folder.answer("r2")
    assert answer is not None
    assert answer.refused is not None
    assert answer.refused.text.en == "no"
