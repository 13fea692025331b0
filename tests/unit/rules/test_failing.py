"""An input that raises stops nothing: tried once more, journalled as skipped, kept, told; also among kills."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from linli.db.deadletters import SqlDeadLetters
from linli.model import ActionKind
from rules.applying import FAILED
from rules.durable.journal import Journal
from rules.durable.replay import rebuilt
from rules.durable.state import dump
from rules.engine.inputs import ActionIn, Input, MessageIn, SkippedIn
from rules.engine.machine import Engine, Output
from tests.unit.rules.site import Site, act

POISON = "test.poison"


class Died(BaseException):
    """Stands for kill -9."""


class Poison:
    """Makes every engine fail at what `fails` says, after it has changed something; `times` counts."""

    def __init__(self) -> None:
        self.fails: Callable[[Input], bool] = lambda entry: (
            isinstance(entry, MessageIn) and entry.message.type == POISON
        )
        self.times = 0
        self.left = 10**9
        self.error: BaseException = ZeroDivisionError("a fault of ours")


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Poison:
    """In force from now on."""
    made = Poison()
    whole = Engine.apply

    def apply(engine: Engine, entry: Input) -> list[Output]:
        if made.fails(entry) and made.left > 0:
            made.times += 1
            made.left -= 1
            engine.positions.clear()  # half changed, as it may be
            engine.book.open.clear()
            raise made.error
        return whole(engine, entry)

    monkeypatch.setattr(Engine, "apply", apply)
    return made


def letters(site: Site) -> list[tuple[str, str, bytes]]:
    kept = SqlDeadLetters(site.database).newest()
    return [(each.letter.consumer, each.letter.reason, each.letter.payload) for each in kept]


def skipped(site: Site) -> list[int]:
    return [entry.position for _, entry in site.journal.after(0) if isinstance(entry, SkippedIn)]


def second(site: Site) -> None:
    site.clock.advance(1)
    site.step()


def test_what_fails_twice_is_skipped_and_all_else_counts(site: Site, poison: Poison) -> None:
    """Before it, with it in one batch, and after it; acknowledged like the others."""
    feed = site.feed
    site.send(feed.event(1, "door", "access.door.opened"))
    site.send(
        feed.event(2, "smoke", "fire.alarm.raised"),
        feed.event(3, "cam", POISON, {"why": "me"}),
        feed.event(4, "smoke", "fire.alarm.raised"),
    )
    site.send(feed.event(5, "smoke", "fire.alarm.raised"))
    second(site)
    assert poison.times == 2
    assert site.acks[-1].upto == 5
    assert {alert.rule: alert.occurrences for alert in site.alerts.find()} == {"fire-alarm": 3, "door-forced": 1}
    ((consumer, reason, payload),) = letters(site)
    assert (consumer, reason, b'"why":"me"' in payload) == ("rules", FAILED, True)
    health = site.worker.health()
    assert (health.state, health.counters["failed_inputs"]) == ("degraded", 1)
    assert "skipped" in health.detail.en
    site.clock.advance(601)
    assert site.worker.health().state == "ok"


def test_what_fails_once_counts(site: Site, poison: Poison) -> None:
    """Memory was short, say: with a sound engine it is applied as ever."""
    poison.left = 1
    poison.fails = lambda entry: isinstance(entry, MessageIn) and entry.message.subject == "smoke"
    site.send(site.feed.event(1, "door", "access.door.opened"), site.feed.event(2, "smoke", "fire.alarm.raised"))
    second(site)
    assert {alert.rule for alert in site.alerts.find()} == {"fire-alarm", "door-forced"}
    assert (skipped(site), letters(site), site.worker.health().state) == ([], [], "ok")


def test_every_replay_passes_over_it_and_comes_to_the_same_state(site: Site, poison: Poison) -> None:
    """Nothing is tried again, and the lane is as far as it was acknowledged."""
    site.send(site.feed.event(1, "smoke", "fire.alarm.raised"), site.feed.event(2, "cam", POISON))
    tried = poison.times
    before, position = dump(site.worker.engine), site.journal.position
    site.kill()
    site.start()
    assert poison.times == tried
    assert dump(rebuilt(site.journal, position)) == before
    site.send(site.feed.event(2.5, "cam", "camera.motion.started"))
    assert site.acks[-1].upto == 3


def test_a_persons_act_that_fails_is_answered(site: Site, poison: Poison) -> None:
    """Or it would be tried for ever."""
    poison.fails = lambda entry: isinstance(entry, ActionIn)
    act(site, "a-nothing", ActionKind.CLOSE)
    site.send(site.feed.beat(1))
    assert site.alerts.action_outcome("act-1") == "failed"
    assert site.acks[-1].upto == 1


@pytest.mark.parametrize("moment", ["the first try", "the second try", "before the skip is kept", "after it"])
def test_a_kill_on_the_way_comes_to_the_same_end(
    site: Site, poison: Poison, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was done by then: one skip, one letter, all else counted."""
    site.send(site.feed.event(1, "smoke", "fire.alarm.raised"))
    keep = Journal.append

    def append(journal: Journal, entries: list[Input]) -> list[int]:
        skips = any(isinstance(entry, SkippedIn) for entry in entries)
        if skips and moment == "before the skip is kept":
            raise Died
        positions = keep(journal, entries)
        if skips and moment == "after it":
            raise Died
        return positions

    monkeypatch.setattr(Journal, "append", append)
    if moment.endswith("try"):
        poison.error, poison.left = Died(), 1
        if moment == "the second try":
            poison.left = 2
            errors = iter([ZeroDivisionError(), Died()])
            poison.fails = _with_next_error(poison, errors)
    with pytest.raises(Died):
        site.send(
            site.feed.event(2, "smoke", "fire.alarm.raised"),
            site.feed.event(3, "cam", POISON),
            site.feed.event(4, "smoke", "fire.alarm.raised"),
        )
    monkeypatch.setattr(Journal, "append", keep)
    poison.fails = Poison().fails
    poison.error, poison.left = ZeroDivisionError(), 10**9
    site.kill()
    site.start()
    second(site)
    assert [alert.occurrences for alert in site.alerts.find()] == [3]
    assert len(skipped(site)) == 1
    assert len(letters(site)) == 1


def _with_next_error(poison: Poison, errors: Iterator[BaseException]) -> Callable[[Input], bool]:
    fails = poison.fails

    def and_sets_it(entry: Input) -> bool:
        if fails(entry) and poison.left > 0:
            poison.error = next(errors)
            return True
        return False

    return and_sets_it


def test_a_letter_that_cannot_be_written_is_found_again(site: Site, poison: Poison) -> None:
    """The database was down when it failed, and the process was killed: the journal has it still."""
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE dead_letters RENAME TO away"))
    site.send(site.feed.event(1, "cam", POISON))
    site.worker.snapshot_now()
    site.kill()
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO dead_letters"))
    site.start()
    second(site)
    second(site)
    assert [reason for _, reason, _ in letters(site)] == [FAILED]
    site.worker.snapshot_now()
    assert site.journal.skipped(site.journal.position) == {}


def test_with_the_disk_full_nothing_counts_before_the_skip_is_kept(site: Site, poison: Poison, tmp_path: Path) -> None:
    """Else what came after it would count differently in a replay."""
    room = site.journal.room

    class Waits:
        def wait(self, _seconds: float) -> bool:
            site.journal.room = room
            return False

    def full(entry: Input) -> bool:
        bad = isinstance(entry, MessageIn) and entry.message.type == POISON
        if bad:
            site.journal.room = 0
        return bad

    poison.fails = full
    site.worker.pause = Waits()  # type: ignore[assignment]  # as much of an event as is asked for
    site.send(site.feed.event(1, "cam", POISON), site.feed.event(2, "smoke", "fire.alarm.raised"))
    assert len(skipped(site)) == 1
    assert [alert.rule for alert in site.alerts.find()] == ["fire-alarm"]
