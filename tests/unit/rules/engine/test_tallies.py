"""What is counted of each gateway, outbox and day: once, whatever is sent again, killed or lost."""

from dataclasses import replace

from linli import topics
from linli.clock import DAY, SECOND
from linli.codec import encode
from linli.db.tallies import RulesTally, rules_tallies
from linli.delivery import key_of
from linli.model import READINGS_TYPE, Lane, LaneKey, Reading, TallyKey
from rules.durable.state import dump, restore
from rules.engine import tallies
from rules.engine.inputs import PassedIn
from rules.engine.tallies import Tallies
from tests.unit.rules.site import Site
from tests.unit.rules.world import T0, Bench

KEY = TallyKey("c1", "gw", "boot", T0 // DAY)


def test_each_observation_counts_once(site: Site) -> None:
    """An event is one, a packet its readings; what is refused counts as such; a repeat and a gap count nothing."""
    feed = site.feed
    packet = feed.event(
        1,
        "gw",
        READINGS_TYPE,
        lane=Lane.BULK,
        readings=(
            Reading("cable", "temperature", feed.us(1), 20.0, "Cel"),
            Reading("nobody", "temperature", feed.us(1), 20.0, "Cel"),
            Reading("cable", "humidity", feed.us(1), 50.0, "%RH"),
        ),
    )
    opened, stranger, beat = (
        feed.event(2, "door", "access.door.opened"),
        feed.event(3, "nobody", "access.door.opened"),
        feed.beat(4),
    )
    site.send(packet, opened, stranger)
    site.send(packet, opened, stranger, beat)
    site.clock.advance(2)
    site.step()
    assert rules_tallies(site.database) == {KEY: RulesTally(4, 2)}


def test_what_cannot_be_read_counts_one_refused(site: Site) -> None:
    """On the day that it came."""
    strange = encode(site.feed.event(1, "cam", "camera.motion.started").message).replace(
        b'"subject"', b'"x":1,"subject"'
    )
    site.agent.publish(topics.lane_topic("c1", "gw", Lane.URGENT), strange)
    site.step()
    site.clock.advance(2)
    site.step()
    assert rules_tallies(site.database) == {KEY: RulesTally(0, 1)}


def test_killed_before_they_are_written_they_are_written_at_the_next_start(site: Site) -> None:
    """From the journal, and from a snapshot; and once."""
    site.send(site.feed.beat(1))
    site.send(site.feed.beat(2))
    site.kill()
    site.start()
    site.step()
    assert rules_tallies(site.database) == {KEY: RulesTally(2, 0)}
    site.send(site.feed.beat(3))
    site.worker.snapshot_now()
    site.kill()
    site.start()
    site.clock.advance(2)
    site.step()
    assert rules_tallies(site.database) == {KEY: RulesTally(3, 0)}


def test_with_the_journal_lost_they_go_on_from_the_database(site: Site) -> None:
    """Numbers that only grow do not begin anew."""
    site.send(site.feed.event(1, "door", "access.door.opened"))
    site.clock.advance(2)
    site.step()
    site.kill()
    for file in (site.folder / "rules").iterdir():
        file.unlink()
    site.start()
    beat = site.feed.beat(4)
    site.send(replace(beat, message=replace(beat.message, oldest=2)))
    site.clock.advance(2)
    site.step()
    assert rules_tallies(site.database) == {KEY: RulesTally(2, 0)}


def test_the_day_is_what_the_agent_said() -> None:
    """Also where its clock was never set: agent, ingest and rules are to say the same day."""
    bench = Bench()
    opened = bench.feed.event(1, "door", "access.door.opened")
    bench.put(replace(opened, taken_at=5 * SECOND))
    bench.put(PassedIn(key_of(opened.message), 2, T0 + DAY))
    days = {key.day: tally for key, tally in bench.engine.tallies.counts.items()}
    assert days == {0: RulesTally(1, 0), T0 // DAY + 1: RulesTally(0, 1)}
    assert restore(dump(bench.engine)).tallies.counts == bench.engine.tallies.counts


def test_they_are_bounded() -> None:
    """The oldest days go first."""
    counted = Tallies()
    lane = LaneKey("c1", "gw", "boot", Lane.BULK)
    for day in range(tallies.MOST + 10):
        counted.count(lane, day * DAY, 1, 0)
    assert len(counted.counts) <= tallies.MOST
    assert min(key.day for key in counted.counts) > 0
    assert max(key.day for key in counted.counts) == tallies.MOST + 9
