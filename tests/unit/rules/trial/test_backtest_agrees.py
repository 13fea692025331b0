"""A backtest of stored data tells what was told when it came in, whatever it is packed in now."""

from hypothesis import given, settings
from hypothesis import strategies as st

from linli.clock import SECOND
from linli.model import Lane
from rules.engine.inputs import Input, ListenIn, RegistryIn, Tick
from rules.language.model import Rule
from rules.trial.backtest import Episode, Rerun
from tests.unit.rules.trial.past import HOUR_0, Store, past_of
from tests.unit.rules.trial.rules import CABLE, DOOR, made
from tests.unit.rules.world import Feed, registry

KEEP = made(
    "keep",
    "  - reading: {quantity: temperature, at_least: 70, keep: 20s}\n    only: {device_kinds: [cable_sensor]}\n",
)
LENGTH = 600
READING, OPENED, CLOSED, GRANTED = range(4)
EVENTS = {OPENED: "access.door.opened", CLOSED: "access.door.closed", GRANTED: "access.granted"}

happenings = st.lists(
    st.tuples(
        st.integers(0, LENGTH - 60),
        st.sampled_from([READING, READING, READING, *EVENTS]),
        st.sampled_from([50.0, 66.0, 70.0, 71.0, 90.0]),
    ),
    max_size=60,
    unique_by=lambda item: (item[0], item[1]),
).map(sorted)


def live(rule: Rule, happened: list[tuple[int, int, float]]) -> list[Episode]:
    """What was told: each message by itself, as it came, with a heartbeat every 10 s and a tick each second. People look every
    10 s."""
    rerun, feed = Rerun(rule), Feed(HOUR_0, delay=0)
    rerun.feed([RegistryIn(registry()), ListenIn(HOUR_0)])
    waiting = list(happened)
    batch: list[Input] = []
    for second in range(LENGTH):
        while waiting and waiting[0][0] == second:
            _, kind, value = waiting.pop(0)
            if kind == READING:
                batch.append(feed.reading(second, "cable", "temperature", value, unit="Cel"))
            else:
                batch.append(feed.event(second, "door", EVENTS[kind]))
        if second % 10 == 0:
            batch += [feed.beat(second), feed.beat(second, Lane.BULK)]
        batch.append(Tick(feed.us(second)))
        if second % 10 == 0:
            rerun.feed(batch)
            batch = []
    rerun.feed(batch)
    return rerun.episodes


def stored(rule: Rule, happened: list[tuple[int, int, float]]) -> list[Episode]:
    """What the backtest tells of the store that had it all."""
    store = Store()
    store.beats(0, LENGTH)
    for second, kind, value in happened:
        if kind == READING:
            store.temperature(second, value)
        else:
            store.put(second, EVENTS[kind], "door")
    rerun = Rerun(rule)
    for batch in past_of(store, rule, minutes=LENGTH // 60).batches():
        rerun.feed(batch)
    return rerun.episodes


def told(episodes: list[Episode]) -> list[tuple[str, float, float | None]]:
    """Subject, and when it opened and ended, in seconds."""
    return [
        (
            episode.subject,
            (episode.opened - HOUR_0) / SECOND,
            None if episode.ended is None else (episode.ended - HOUR_0) / SECOND,
        )
        for episode in episodes
    ]


@settings(max_examples=15, deadline=None)
@given(happenings)
def test_what_was_told_is_told_again(happened: list[tuple[int, int, float]]) -> None:
    """Rules of readings with `for`, reset and `keep`, and of events with `unless`."""
    for rule in (CABLE, KEEP, DOOR):
        assert told(stored(rule, happened)) == told(live(rule, happened)), rule.id
