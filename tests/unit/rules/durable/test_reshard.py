"""From n shards to m: nothing is lost and nothing comes twice, on paper and on disk."""

import dataclasses
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from linli import topics
from linli.codec import encode
from linli.datafolder import DataFolder
from linli.db import shards
from linli.db.alerts import SqlAlerts
from linli.db.database import Database
from linli.db.registry import RegistrySnapshot, SqlRegistry, save
from linli.errors import DataFolderError
from linli.model import ActionKind, Message
from linli.shards import WHOLE, Shard, shards_of
from linli.testing import FakeBroker, ManualClock
from rules.durable.journal import Journal
from rules.durable.reshard import reshard
from rules.durable.state import dump, image, restore
from rules.engine.book import Transition
from rules.engine.inputs import ActionIn, Input, MessageIn, RegistryIn, RulesIn
from rules.engine.machine import Engine, Output, outputs_of
from rules.resharding import bring_over
from rules.start import bring_back
from rules.worker import Outside, Worker
from tests.unit.rules.engine.test_properties import catalogue, stream
from tests.unit.rules.world import T0, Feed, registry

COMMUNITIES = ("c1", "c2", "c3", "c4", "c5")
"""Of three shards each has one of them at least, and of two."""


def named(name: str, community: str) -> str:
    """The same thing in another community."""
    return f"{name}-{community}"


def moved(message: Message, community: str) -> Message:
    """The message as the gateway of another community would send it."""
    return dataclasses.replace(
        message,
        community=community,
        gateway=named(message.gateway, community),
        subject=named(message.subject, community),
        readings=tuple(
            dataclasses.replace(reading, device=named(reading.device, community)) for reading in message.readings
        ),
    )


def site(communities: Iterable[str] = COMMUNITIES, version: int = 1) -> RegistrySnapshot:
    """The small compound, once for each community."""
    whole = RegistrySnapshot(version)
    for community in communities:
        for item in registry().communities.values():
            whole.communities[community] = dataclasses.replace(item, id=community)
        for place in registry().places.values():
            own = dataclasses.replace(place, id=named(place.id, community), community=community)
            parent = None if place.parent is None else named(place.parent, community)
            whole.places[own.id] = dataclasses.replace(own, parent=parent)
        for gateway in registry().gateways.values():
            moved_gateway = dataclasses.replace(gateway, id=named(gateway.id, community), community=community)
            whole.gateways[moved_gateway.id] = moved_gateway
        for facility in registry().facilities.values():
            whole.facilities[named(facility.id, community)] = dataclasses.replace(
                facility, id=named(facility.id, community), community=community, place=named(facility.place, community)
            )
        for device in registry().devices.values():
            whole.devices[named(device.id, community)] = dataclasses.replace(
                device,
                id=named(device.id, community),
                community=community,
                gateway=named(device.gateway, community),
                place=named(device.place, community),
                facility=None if device.facility is None else named(device.facility, community),
            )
    return whole


def district(seed: int, length: int = 40) -> tuple[list[Input], dict[str, str]]:
    """Streams of all communities as one, with people's acts among them; and which community each alert is of."""
    rng = random.Random(seed)
    timed: list[tuple[int, int, Input]] = []
    for number, community in enumerate(COMMUNITIES):
        for entry in stream(seed * 10 + number, length, people=False):
            if isinstance(entry, MessageIn):
                timed.append((entry.received_at, number, MessageIn(moved(entry.message, community), entry.received_at)))
            elif number == 0 and not isinstance(entry, ActionIn | RegistryIn | RulesIn):
                timed.append((entry.now if hasattr(entry, "now") else 0, -1, entry))
    entries: list[Input] = [RulesIn(catalogue()), RegistryIn(site())]
    entries += [entry for _, _, entry in sorted(timed, key=lambda item: item[:2])]
    opened = [o.alert for o in outputs_of(Engine(), entries) if isinstance(o, Transition) and o.kind == "opened"]
    for number, alert in enumerate(rng.sample(opened, min(8, len(opened)))):
        act = Feed().act(number, rng.choice(list(ActionKind)), alert.id, "reason")
        entries.insert(rng.randrange(2, len(entries)), act)
    return entries, {alert.id: alert.community for alert in opened}


def concerns(shard: Shard, entry: Input, homes: dict[str, str]) -> Input | None:
    """The entry as the shard gets it; None if it does not."""
    if isinstance(entry, MessageIn):
        return entry if shard.covers(entry.message.community) else None
    if isinstance(entry, ActionIn):
        return entry if shard.covers(homes[entry.action.alert]) else None
    if isinstance(entry, RegistryIn):
        return RegistryIn(entry.registry.within(shard))
    return entry


def by_community(outputs: Iterable[Output], homes: dict[str, str]) -> dict[str, list[Output]]:
    """The log of each community."""
    logs: dict[str, list[Output]] = {community: [] for community in COMMUNITIES}
    for output in outputs:
        if isinstance(output, Transition):
            logs[output.alert.community].append(output)
    return logs


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.tuples(st.integers(2, 250), st.integers(1, 4)), min_size=1, max_size=4),
)
def test_the_transitions_are_those_of_an_engine_that_was_never_parted(seed: int, cuts: list[tuple[int, int]]) -> None:
    """Two shards at first, other numbers from each cut on: timers pending, alerts open, acts on their way."""
    entries, homes = district(seed)
    expected = by_community(outputs_of(Engine(), entries), homes)
    engines = {shard: Engine() for shard in shards_of(2)}
    got: list[Output] = []
    at = dict(cuts)
    for number, entry in enumerate(entries):
        if number in at:
            wanted = shards_of(at[number])
            parts = reshard([restore(dump(engine)) for engine in engines.values()], wanted)
            engines = {shard: restore(dump(part)) for shard, part in zip(wanted, parts, strict=True)}
        for shard, engine in engines.items():
            mine = concerns(shard, entry, homes)
            if mine is not None:
                got += engine.apply(mine)
    assert by_community(got, homes) == expected


def told_of(engine: Engine) -> tuple[object, ...]:
    """Its state, in which the order of names says nothing."""
    taken = image(engine)
    return msgspec.msgpack.decode(taken.core), taken.columns, taken.registry, taken.rules


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(2, 6))
def test_parted_and_put_together_again_is_the_same_state(seed: int, count: int) -> None:
    """In everything but the order in which the registry names things, after any stream."""
    entries, _ = district(seed, 30)
    engine = Engine()
    outputs_of(engine, entries)
    before = told_of(engine)
    parts = [restore(dump(part)) for part in reshard([engine], shards_of(count))]
    (again,) = reshard(parts, [WHOLE])
    assert told_of(again) == before


def test_shards_of_different_rules_are_not_put_together() -> None:
    """The caller brings them to the same rules first."""
    one, other = Engine(), Engine()
    one.apply(RulesIn(catalogue()))
    with pytest.raises(ValueError, match="different rules"):
        reshard([one, other], [WHOLE])


# --- on disk --------------------------------------------------------------------------------------------------------


class District:
    """A data folder with the rules workers of several shards, a broker in memory and a database in a file."""

    def __init__(self, root: Path, database: Database, count: int) -> None:
        self.folder = DataFolder(root)
        self.database = database
        with self.database.write() as connection:
            save(connection, site().items())
        self.alerts = SqlAlerts(self.database)
        self.broker = FakeBroker()
        self.clock = ManualClock(T0)
        self.feeds = {community: Feed() for community in COMMUNITIES}
        self.agent = self.broker.client()
        self.agent.start(lambda _topic, _payload, _retained: None, lambda: None, lambda _reason: None)
        self.workers: list[tuple[Worker, Journal]] = []
        self.start(count)

    def start(self, count: int) -> None:
        """A process for each shard."""
        for shard in shards_of(count):
            shards.claim(self.database, shard)
            alerts = SqlAlerts(self.database, shard)
            journal = Journal(shard.folder(self.folder.rules))
            applier, waiting = bring_back(journal, alerts, RulesIn(catalogue()))
            registry_of_it = SqlRegistry(self.database)
            client = self.broker.client()
            outside = Outside(client, alerts, registry_of_it, journal, self.clock, shard=shard)
            worker = Worker(outside, applier, waiting)
            worker.connect()
            worker.step(0)
            self.workers.append((worker, journal))

    def kill(self) -> None:
        """All of them, without a word."""
        for client in list(self.broker.clients):
            if client is not self.agent:
                client.stop()
        for _, journal in self.workers:
            journal.close()
        self.workers.clear()

    def send(self, community: str, entry: MessageIn) -> None:
        """From the gateway of that community."""
        message = moved(entry.message, community)
        self.clock.us = max(self.clock.us, entry.received_at)
        self.agent.publish(topics.lane_topic(community, message.gateway, message.lane), encode(message))
        self.step()

    def step(self) -> None:
        """One step of each, a moment later."""
        self.clock.advance(0.06)
        for worker, _ in self.workers:
            worker.step(0)

    @property
    def kinds(self) -> dict[str, list[str]]:
        """What the history has of each community's alerts."""
        found: dict[str, list[str]] = {}
        for change in self.alerts.changes_after(0):
            found.setdefault(change.community, []).append(change.kind)
        return found

    def bring_over(self, old: int, new: int) -> None:
        """As the command does."""
        bring_over(self.folder, self.database, RulesIn(catalogue()), old, new)


@pytest.fixture
def made(tmp_path: Path, database: Database) -> District:
    """Two shards. In each community a door was forced, and another stands open and is being timed."""
    district_ = District(tmp_path, database, 2)
    for community, feed in district_.feeds.items():
        district_.send(community, feed.event(1, "door", "access.door.opened"))
        district_.send(community, feed.event(2, "door-2", "access.granted"))
        district_.send(community, feed.event(3, "door-2", "access.door.opened"))
    return district_


def finish(made: District) -> None:
    """The timers run out, and the forced doors are closed."""
    for community, feed in made.feeds.items():
        made.send(community, feed.beat(60))
        made.send(community, feed.event(61, "door", "access.door.closed"))


EXPECTED = {("door-forced", "door"), ("door-held-open", "door"), ("door-held-open", "door-2")}
"""The forced door stands open too."""


def story(made: District) -> None:
    """Each alert opened once, none lost."""
    finish(made)
    alerts = made.alerts.find()
    assert sorted((alert.community, alert.rule, alert.subject) for alert in alerts) == sorted(
        (community, rule, named(door, community)) for community in COMMUNITIES for rule, door in EXPECTED
    )
    assert all(kinds.count("opened") == len(EXPECTED) for kinds in made.kinds.values())


@pytest.mark.parametrize("new", [1, 3, 5])
def test_alerts_stay_open_and_timers_go_on(made: District, new: int) -> None:
    """From two to one, three and five: what is being timed fires once, at its time; what is open resolves."""
    made.kill()
    made.bring_over(2, new)
    made.start(new)
    story(made)
    assert shards.known(made.database).keys() == set(shards_of(new))
    held = made.alerts.find(rules=["door-held-open"])
    assert {alert.opened_at - T0 for alert in held} == {31_000_000, 33_000_000}


def test_from_one_to_two_and_back(tmp_path: Path, database: Database) -> None:
    """The whole, whose journal lies where it always did, is a shard like others."""
    district_ = District(tmp_path, database, 1)
    for community, feed in district_.feeds.items():
        district_.send(community, feed.event(1, "door", "access.door.opened"))
        district_.send(community, feed.event(2, "door-2", "access.granted"))
        district_.send(community, feed.event(3, "door-2", "access.door.opened"))
    for old, new in ((1, 2), (2, 1)):
        district_.kill()
        district_.bring_over(old, new)
        district_.start(new)
    story(district_)
    assert sorted(path.name for path in (tmp_path / "rules").iterdir() if path.is_dir()) == ["before-1", "before-2"]


def test_effects_that_the_database_had_not_got_are_written_once(made: District) -> None:
    """The database was down when the alarm came and the workers were killed: it is told while resharding, and not after."""
    with made.database.write() as connection:
        connection.execute(text("ALTER TABLE alerts RENAME TO alerts_away"))
    made.send("c1", made.feeds["c1"].event(4, "smoke", "fire.alarm.raised"))
    made.kill()
    with made.database.write() as connection:
        connection.execute(text("ALTER TABLE alerts_away RENAME TO alerts"))
    made.bring_over(2, 3)
    assert [alert.community for alert in made.alerts.find(rules=["fire-alarm"])] == ["c1"]
    made.start(3)
    assert made.kinds["c1"] == ["opened", "opened"]


def test_cut_short_before_the_switch_nothing_has_changed(made: District) -> None:
    """The new journals lie there and nothing reads them; the old workers go on, and it can be run again."""
    made.kill()
    with made.database.write() as connection:
        connection.execute(text("CREATE TABLE stuck (shard VARCHAR(16) REFERENCES rules_positions (shard))"))
        connection.execute(text("INSERT INTO stuck SELECT shard FROM rules_positions"))
    with pytest.raises(SQLAlchemyError):
        made.bring_over(2, 3)
    assert (made.folder.rules / "shard-2-of-3").exists()
    with made.database.write() as connection:
        connection.execute(text("DROP TABLE stuck"))
    made.start(2)
    made.send("c1", made.feeds["c1"].event(4, "smoke", "fire.alarm.raised"))
    made.kill()
    made.bring_over(2, 3)
    made.start(3)
    assert len(made.alerts.find(rules=["fire-alarm"])) == 1
    finish(made)
    assert {community: kinds.count("opened") for community, kinds in made.kinds.items()} == {
        community: 4 if community == "c1" else 3 for community in COMMUNITIES
    }


def test_cut_short_after_the_switch_running_it_again_puts_the_old_aside(made: District) -> None:
    """The new shards are what they were made, with what came to them meanwhile."""
    made.kill()
    made.bring_over(2, 3)
    rules = made.folder.rules
    for path in list((rules / "before-3").iterdir()):
        path.rename(rules / path.name)
    (rules / "before-3").rmdir()
    made.start(3)
    made.send("c1", made.feeds["c1"].event(4, "smoke", "fire.alarm.raised"))
    made.kill()
    made.bring_over(2, 3)
    assert sorted(path.name for path in (rules / "before-3").iterdir()) == ["shard-0-of-2", "shard-1-of-2"]
    made.start(3)
    assert len(made.alerts.find(rules=["fire-alarm"])) == 1


def test_a_wrong_number_or_a_missing_journal_is_told(made: District) -> None:
    """Before anything is written."""
    made.kill()
    with pytest.raises(DataFolderError, match="in 2 shards, not in 4"):
        made.bring_over(4, 3)
    (made.folder.rules / "shard-1-of-2").rename(made.folder.rules / "elsewhere")
    with pytest.raises(DataFolderError, match=r"shard 1/2, .* is not here"):
        made.bring_over(2, 3)
    assert shards.known(made.database).keys() == set(shards_of(2))


def test_a_worker_of_another_number_is_refused(made: District) -> None:
    """It says what to run."""
    with pytest.raises(DataFolderError, match="linli rules reshard 2 3"):
        shards.claim(made.database, Shard(0, 3))


class Overtaken(Database):
    """A database in which another shard is claimed just before each writing transaction of ours."""

    other = Shard(0, 2)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Theirs, then ours."""
        shards.claim(Database(self.engine), self.other)
        with super().write() as connection:
            yield connection


def test_of_two_first_starts_with_different_numbers_one_is_refused(database: Database) -> None:
    """Also when both begin at once: with two numbers in the database no worker could ever start again."""
    with pytest.raises(DataFolderError, match="linli rules reshard 2 3"):
        shards.claim(Overtaken(database.engine), Shard(1, 3))
    assert shards.known(database) == {Shard(0, 2): 0}


def test_a_device_that_moved_while_one_shard_had_not_heard_of_it_is_left_behind() -> None:
    """The newer registry has it elsewhere, behind another gateway: what the older one watched of it is no state of anyone."""
    here, there = "c1", "c2"
    older, newer = Engine(), Engine()
    for engine, version in ((older, 1), (newer, 2)):
        known = site([here, there], version)
        door = known.devices[named("door", here)]
        if engine is newer:
            known.devices[door.id] = dataclasses.replace(door, community=there, gateway=named("gw", there))
        outputs_of(engine, [RulesIn(catalogue()), RegistryIn(known)])
    entry = Feed().event(0, "door", "access.door.opened")
    older.apply(MessageIn(moved(entry.message, here), entry.received_at))
    assert named("door", here) in older.watches
    for made in reshard([older, newer], shards_of(3)):
        assert made.watches.keys() <= made.scope.registry.devices.keys()
        assert named("door", here) not in made.watches
