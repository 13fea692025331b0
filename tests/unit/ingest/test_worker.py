"""The worker against fakes: what is acknowledged, when, and what happens while the store or the database is down."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from sqlalchemy.exc import OperationalError

from ingest.inbox import Inbox
from ingest.worker import Backoff, Outside, Worker
from linli import codec
from linli.codec import Ack, Status, decode_ack, encode_status
from linli.db.gateways import GatewayStatus
from linli.errors import StoreRefused, StoreUnavailable
from linli.i18n import Text
from linli.model import DeadLetter, Device, Gateway, Lane, LaneKey, Message, Received, Tally, TallyKey
from linli.ports import NO_TALLIES
from linli.testing import FakeBroker, ManualClock, MemoryDeadLetters, MemoryRegistry, MemoryStore
from linli.topics import ack_topic, status_topic
from tests.support import eventually
from tests.unit.ingest.test_split import PickyStore
from tests.unit.ingest.world import LATE, LIMITS, NAME, NOW, event, hostile, packet, reading, registry, topic_of

DOWN = StoreUnavailable(Text("读数库不在", "the store is down"))


class Switch:
    """A database that a test turns off."""

    def __init__(self) -> None:
        self.on = True

    def check(self) -> None:
        if not self.on:
            raise OperationalError("INSERT", {}, Exception("database is locked"))


class Letters(MemoryDeadLetters):
    def __init__(self, switch: Switch) -> None:
        super().__init__()
        self.switch = switch

    def put(self, letters: Sequence[DeadLetter]) -> None:
        if letters:
            self.switch.check()
        super().put(letters)


class Statuses:
    def __init__(self, switch: Switch) -> None:
        self.kept: dict[str, GatewayStatus] = {}
        self.switch = switch

    def save(self, statuses: Sequence[GatewayStatus]) -> None:
        self.switch.check()
        self.kept |= {status.gateway: status for status in statuses}


class World:
    """A worker with a store, and an agent's connection that notes what it is answered."""

    def __init__(self, store: MemoryStore | None = None, known: MemoryRegistry | None = None) -> None:
        self.broker = FakeBroker()
        self.store = store or MemoryStore()
        self.database = Switch()
        self.letters = Letters(self.database)
        self.statuses = Statuses(self.database)
        self.registry = known or registry()
        self.clock = ManualClock(NOW)
        self.stop = threading.Event()
        self.acks: list[Ack] = []
        self.agent = self.broker.client()
        self.agent.start(lambda _topic, payload, _retained: self.acks.append(self.answer(payload)), _nothing, _nothing)
        self.agent.subscribe([ack_topic("+", "+", "ingest")], 0)
        self.start()

    def answer(self, payload: bytes) -> Ack:
        """An acknowledgement without the server's time, which all of them say."""
        ack = decode_ack(payload)
        assert ack.at == self.clock.now()
        return replace(ack, at=None)

    def start(self, inbox: Inbox | None = None) -> None:
        """A worker as after a kill: new, over the same store."""
        self.client = self.broker.client()
        outside = Outside(self.client, self.store, self.registry, self.letters, self.statuses, self.clock)
        self.worker = Worker(outside, LIMITS, LATE, backoff=Backoff(0.001, 0.01), inbox=inbox)
        assert self.worker.begin(self.stop)

    def send(self, *messages: Message) -> None:
        for message in messages:
            self.agent.publish(topic_of(message), codec.encode(message))

    def step(self) -> list[Ack]:
        """One step; what it acknowledged."""
        self.acks.clear()
        self.worker.step(self.stop, 0)
        return list(self.acks)

    def stored(self) -> list[int]:
        return sorted(e.sequence for e in self.store.events("c001", 0, NOW * 2, limit=10_000))

    def counter(self, name: str) -> float:
        return self.worker.health().counters[name]


def _nothing(*_: object) -> None:
    pass


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.fixture
def running(world: World) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Lets the worker step in a thread of its own while a test waits for something."""
    threads: list[threading.Thread] = []

    def until(condition: Callable[[], object]) -> None:
        if not threads:
            thread = threading.Thread(target=lambda: _steps(world), name="worker")
            thread.start()
            threads.append(thread)
        eventually(condition)

    yield until
    world.stop.set()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()


def _steps(world: World) -> None:
    while not world.stop.is_set():
        world.worker.step(world.stop, 0.02)


def test_what_is_stored_is_acknowledged(world: World) -> None:
    """One acknowledgement for each lane of a batch, after the store has it."""
    world.send(event(1), event(2), packet(1, reading(), reading("t-1", NOW + 1)))
    assert world.step() == [Ack("b1", Lane.URGENT, 2), Ack("b1", Lane.BULK, 1)]
    assert world.stored() == [1, 2]
    assert world.counter("events") == 2
    assert world.counter("readings") == 2
    assert world.worker.health().state == "ok"


def test_a_worker_that_may_not_listen_is_not_well(world: World) -> None:
    """A broker that refuses the subscription leaves it deaf: health names the topic, until a connect without refusal."""
    world.broker.refusing.add("linli/v1/+/gateway/+/bulk")
    world.client.restore()
    assert "linli/v1/+/gateway/+/bulk" in world.worker.health().detail.en
    world.send(event(1), packet(1))
    assert world.step() == [Ack("b1", Lane.URGENT, 1)]
    world.broker.refusing.clear()
    world.client.restore()
    assert world.worker.health().state == "ok"


def test_every_bad_input_becomes_a_letter_while_the_worker_lives(world: World) -> None:
    """All of the issue's bad inputs in a row, each with its reason; then good messages go through as ever."""
    on_lanes = [(reason, topic, payload) for reason, topic, payload in hostile() if reason != "bad_topic"]
    for number, (_, topic, payload) in enumerate(on_lanes):
        own_lane = payload.replace(b'"bootid":"b1"', b'"bootid":"x%d"' % number)
        world.agent.publish(topic, own_lane)
        world.step()
    assert world.letters.reasons == [reason for reason, _, _ in on_lanes]
    world.send(event(1, bootid="b9"))
    assert world.step() == [Ack("b9", Lane.URGENT, 1)]
    assert world.worker.health().state == "ok"


def test_nothing_is_acknowledged_while_the_store_is_down(
    world: World, running: Callable[[Callable[[], object]], None]
) -> None:
    """The batch is held; once the store is back all is stored once and acknowledged."""
    world.store.failing = DOWN
    world.send(event(1), event(2))
    running(lambda: world.counter("write_failures") >= 3)
    assert world.acks == []
    assert world.worker.health().state == "degraded"
    assert world.worker.health().detail == DOWN.text
    world.send(event(1), event(2), event(3))
    world.store.failing = None
    running(lambda: Ack("b1", Lane.URGENT, 3) in world.acks)
    assert world.stored() == [1, 2, 3]
    assert (world.counter("events"), world.counter("repeats")) == (3, 2)
    assert world.worker.health().state == "ok"


def test_memory_is_bounded_while_the_store_is_down(
    world: World, running: Callable[[Callable[[], object]], None]
) -> None:
    """The queue drops what is newest, beyond its bound, and counts it; what was dropped is taken when it comes again."""
    world.start(Inbox(max_messages=1000))
    world.store.failing = DOWN
    world.send(event(1))
    running(lambda: world.counter("write_failures") >= 1)
    last = 1 + 1000 + 100
    many = [event(n) for n in range(2, last + 1)]
    world.send(*many)
    assert world.counter("dropped") == 100
    world.store.failing = None
    running(lambda: world.acks and world.acks[-1].upto == last - 100)
    world.send(*many[-100:])
    running(lambda: world.acks[-1].upto == last)
    assert world.counter("events") == last


def test_stopping_while_the_store_is_down_ends_at_once_and_acknowledges_nothing(world: World) -> None:
    """The agent still has it, and the next process takes it."""
    world.store.failing = DOWN
    world.send(event(1))
    world.stop.set()
    assert world.step() == []
    world.stop.clear()
    world.store.failing = None
    world.start()
    world.send(event(1))
    assert Ack("b1", Lane.URGENT, 1) in world.step()
    assert world.stored() == [1]


def test_a_refused_message_is_acknowledged_only_once_its_letter_is_kept(
    world: World, running: Callable[[Callable[[], object]], None]
) -> None:
    """With the database down, no letter, no position, no acknowledgement; then all of them."""
    world.database.on = False
    world.send(event(1, subject="door-x"), event(2))
    running(lambda: world.counter("write_failures") >= 2)
    assert world.acks == []
    assert world.store.positions() == {}
    world.database.on = True
    running(lambda: Ack("b1", Lane.URGENT, 2) in world.acks)
    assert world.letters.reasons == ["unregistered_device"]
    assert world.counter("dead_letters") == 1


def test_a_database_that_is_down_holds_up_no_good_message(world: World) -> None:
    """Statuses wait; readings and events go on."""
    world.database.on = False
    body = encode_status(Status(True, "b1", "0.1", NOW))
    world.agent.publish(status_topic("c001", "gw-1"), body, retain=True)
    world.send(event(1))
    assert world.step() == [Ack("b1", Lane.URGENT, 1)]
    assert world.worker.health().state == "degraded"
    assert not world.statuses.kept
    world.database.on = True
    world.clock.advance(1.1)
    world.step()
    assert world.statuses.kept["gw-1"].online
    assert world.worker.health().state == "ok"


def test_repeats_and_gaps_are_answered_with_where_we_are(world: World) -> None:
    """Acknowledgements get lost, and so do messages."""
    world.send(event(1), event(2))
    world.step()
    world.send(event(1), event(2))
    assert world.step() == [Ack("b1", Lane.URGENT, 2)]
    world.send(event(5), event(6))
    assert world.step() == [Ack("b1", Lane.URGENT, 2)]
    assert (world.counter("repeats"), world.counter("gaps")) == (2, 2)


def test_a_worker_started_again_goes_on_where_the_store_is(world: World) -> None:
    """After a kill at any point the positions are those of the rows."""
    world.send(event(1), event(2))
    world.step()
    world.start()
    world.send(event(2), event(3))
    assert world.step()[-1] == Ack("b1", Lane.URGENT, 3)
    assert world.stored() == [1, 2, 3]
    assert world.counter("repeats") == 1


def test_every_known_lane_is_told_at_each_connect(world: World) -> None:
    """Waiting agents go on at once."""
    world.send(event(1), packet(1), event(1, bootid="b2"))
    world.step()
    everything = {Ack("b1", Lane.URGENT, 1), Ack("b1", Lane.BULK, 1), Ack("b2", Lane.URGENT, 1)}
    world.client.cut()
    assert world.worker.health().state == "degraded"
    world.client.restore()
    assert set(world.step()) == everything
    assert world.step() == []
    world.start()
    assert set(world.step()) == everything


def test_what_the_store_refuses_is_a_letter_and_the_rest_is_stored() -> None:
    """With the server's words, and acknowledged: the same again would be refused again."""
    world = World(store=PickyStore())
    world.registry._devices["door-bad"] = Device("door-bad", "c001", "gw-1", "door", NAME, "p")
    world.send(event(1), event(2, subject="door-bad"), event(3), packet(1, reading(value=9999)))
    assert world.step() == [Ack("b1", Lane.URGENT, 3), Ack("b1", Lane.BULK, 1)]
    assert world.letters.reasons == ["store_refused", "store_refused"]
    assert world.stored() == [1, 3]
    assert world.counter("dead_letters") == 2


class _FullStore(MemoryStore):
    """Takes every row, and no position of an outbox that it does not know: as InfluxDB 1.x at its limit of series."""

    dropped: int | None = 1

    def write(
        self,
        batch: Sequence[Received],
        positions: Mapping[LaneKey, int],
        tallies: Mapping[TallyKey, Tally] = NO_TALLIES,
    ) -> None:
        super().write(batch, {}, {})
        if positions:
            raise StoreRefused(Text("序列太多", "partial write: max-series-per-database"), dropped=self.dropped)


def test_a_store_that_has_no_room_for_a_position_holds_up_no_lane() -> None:
    """The rows are stored, so it is acknowledged, and a person is told; what comes after a restart begins at `oldest`."""
    world = World(store=_FullStore())
    world.send(event(1), event(2))
    assert world.step() == [Ack("b1", Lane.URGENT, 2)]
    assert (world.stored(), world.letters.letters) == ([1, 2], {})
    assert "linli reconcile" in world.worker.health().detail.en
    world.start()
    world.send(event(3, oldest=3))
    assert world.step() == [Ack("b1", Lane.URGENT, 3)]
    assert world.stored() == [1, 2, 3]


def test_a_store_that_refuses_all_there_is_has_to_be_waited_for(running: Callable[..., None], world: World) -> None:
    """It does not say what it dropped - a proxy in between, say - so nothing is acknowledged on its word."""
    world.store = _FullStore()
    world.store.dropped = None
    world.start()
    world.send(event(1))
    running(lambda: world.counter("write_failures") >= 2)
    assert world.acks == []
    world.store.dropped = 1
    running(lambda: world.acks == [Ack("b1", Lane.URGENT, 1)])


class _NoPositions(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    def positions(self) -> dict[LaneKey, int]:
        self.tries += 1
        if self.tries < 3:
            raise DOWN
        return {}


def test_it_does_not_begin_before_it_knows_its_positions() -> None:
    """A store that is down at the start is waited for."""
    store = _NoPositions()
    world = World(store=store)
    assert store.tries == 3
    world.send(event(1))
    assert world.step() == [Ack("b1", Lane.URGENT, 1)]


def test_it_can_be_stopped_before_it_has_begun() -> None:
    """A store that never comes does not keep the process alive."""
    world = World()
    world.stop.set()
    world.store.positions = _raise  # type: ignore[method-assign]
    outside = Outside(world.broker.client(), world.store, world.registry, world.letters, world.statuses, world.clock)
    Worker(outside, LIMITS, LATE).run(world.stop)


def _raise() -> dict[LaneKey, int]:
    raise StoreRefused(Text("不行", "no"))


class _GrowingRegistry(MemoryRegistry):
    """Registers gw-7 and its device at the second refresh: between two of the worker's."""

    refreshes = 0

    def refresh(self) -> bool:
        self.refreshes += 1
        if self.refreshes == 3:
            self._gateways["gw-7"] = Gateway("gw-7", "c001", NAME)
            self._devices["door-7"] = Device("door-7", "c001", "gw-7", "door", NAME, "p")
            return True
        return False


def test_a_device_registered_just_now_is_not_refused() -> None:
    """Before a letter says 'not registered', the registry is asked again."""
    world = World(known=_GrowingRegistry([Gateway("gw-1", "c001", NAME)], []))
    world.step()
    world.send(event(1, gateway="gw-7", subject="door-7"))
    assert world.step() == [Ack("b1", Lane.URGENT, 1)]
    assert world.letters.letters == {}
    assert len(world.store.events("c001", 0, NOW * 2)) == 1


def test_statuses_are_kept() -> None:
    """A retained status from before the worker's start, and the last will."""
    world = World()
    body = encode_status(Status(True, "b1", "0.1", NOW))
    world.agent.publish(status_topic("c001", "gw-1"), body, retain=True)
    world.start()
    world.step()
    assert world.statuses.kept["gw-1"].online
    world.agent.publish(status_topic("c001", "gw-1"), encode_status(Status(False, "b1", "0.1", NOW)), retain=True)
    world.step()
    assert not world.statuses.kept["gw-1"].online


def test_back_off_doubles_up_to_its_longest_and_begins_again() -> None:
    """Spread by half, so that workers do not march in step."""
    backoff = Backoff(0.1, 1.0)
    waits = [backoff.next() for _ in range(6)]
    for wait, most in zip(waits, (0.1, 0.2, 0.4, 0.8, 1.0, 1.0), strict=True):
        assert most / 2 <= wait <= most
    backoff.reset()
    assert backoff.next() <= 0.1
