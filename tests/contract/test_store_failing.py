"""What a store does not take, takes in part, or takes too long for: against a real InfluxDB 1.x, and before a proxy of it."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import urllib3

from ingest.pipeline import Taken
from ingest.split import Suspects, keep_reached, write_apart
from linli.adapters.influx_http import InfluxConfig
from linli.adapters.influx_store import InfluxStore
from linli.adapters.portions import Portions
from linli.clock import DAY, SECOND, SystemClock
from linli.errors import StoreRefused, StoreUnavailable
from linli.model import Reading, Received, Tally, TallyKey
from linli.retention import Retention
from linli.testing import ManualClock
from tests.contract import influxd
from tests.contract.answering import Answer, Asked, serving
from tests.contract.test_store import BULK, T0, URGENT, event, packet
from tests.contract.test_store_influx import NOTHING
from tests.unit.ingest.world import arrival

LIMIT = 200


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with influxd.running(tmp_path_factory.mktemp("influxd"), tag_values=LIMIT) as running:
        yield running


def taken(*batch: Received) -> list[Taken]:
    return [Taken(received, arrival(received.message)) for received in batch]


def readings(first: int, count: int, time: int = T0) -> list[Reading]:
    return [Reading(f"t-{n}", "temperature", time, float(n)) for n in range(first, first + count)]


@pytest.mark.integration
def test_at_the_limit_of_tag_values_the_known_are_stored_and_the_new_are_letters(url: str) -> None:
    """A partial write: `dropped=` names how many. The stored ones are no letters, and the next batch costs three writes."""
    store = InfluxStore(InfluxConfig(url, "limit"), ManualClock(T0))
    store.write([packet(1, *readings(0, LIMIT))], {BULK: 1})
    batch = [packet(n, *readings(LIMIT - 20, 40, T0 + n * SECOND)) for n in range(2, 12)]
    with pytest.raises(StoreRefused, match="max-values-per-tag") as caught:
        store.write(batch, {BULK: 11})
    assert caught.value.dropped == 200
    assert store.positions() == {BULK: 1}
    suspects = Suspects()
    refused = write_apart(store, taken(*batch), suspects)
    assert [(one.observations, one.letter.reason) for one in refused] == [(20, "store_refused")] * 10
    assert all("max-values-per-tag" in one.letter.detail for one in refused)
    for n in range(LIMIT - 20, LIMIT):
        assert len(store.raw("c001", f"t-{n}", "temperature", T0, T0 + 20 * SECOND, 99)) == 11
    assert store.raw("c001", f"t-{LIMIT}", "temperature", T0, T0 + 20 * SECOND, 99) == []
    assert len(suspects.names) == 20
    again = taken(*[packet(n, *readings(LIMIT - 20, 40, T0 + n * SECOND)) for n in range(12, 22)])
    assert [one.observations for one in write_apart(store, again, suspects, 2)] == [20] * 10
    assert len(store.raw("c001", f"t-{LIMIT - 1}", "temperature", T0, T0 + 30 * SECOND, 99)) == 21
    store.close()


@pytest.mark.integration
def test_positions_that_have_no_room_cost_no_other_its_own(url: str) -> None:
    """At the limit the position of a new outbox is dropped, and its count; with each the server drops, unsaid, the one that
    stands first. All that were known are kept."""
    store = InfluxStore(InfluxConfig(url, "outboxes"), ManualClock(T0))
    lanes = {BULK._replace(bootid=f"b{n}"): 1 for n in range(LIMIT)}
    days = {TallyKey(*lane[:3], 20_000): Tally(1, 0) for lane in lanes}
    store.write([], lanes, days)
    new = BULK._replace(bootid="new")
    lanes, days = dict.fromkeys(lanes, 2), dict.fromkeys(days, Tally(2, 1))
    with pytest.raises(StoreRefused, match="max-values-per-tag") as caught:
        store.write([], lanes | {new: 1})
    assert caught.value.dropped == 1
    refused = keep_reached(store, lanes | {new: 1}, days | {TallyKey(*new[:3], 20_000): Tally(1, 0)})
    assert refused is not None
    assert store.positions() == lanes
    assert store.tallies() == days
    assert keep_reached(store, lanes, days) is None
    store.close()


@pytest.mark.integration
def test_points_that_retention_does_not_keep_are_letters_and_the_others_stored(url: str) -> None:
    """A device whose buffer is older than the bucket keeps."""
    clock = SystemClock()
    now = clock.now()
    store = InfluxStore(InfluxConfig(url, "short", retention=Retention(raw=2)), clock)
    batch = [packet(1, *readings(0, 3, now - SECOND), *readings(0, 2, now - 9 * DAY), received_at=now)]
    with pytest.raises(StoreRefused, match="retention policy"):
        store.write(batch, {})
    (unstored,) = write_apart(store, taken(*batch))
    assert unstored.observations == 2
    assert "retention policy" in unstored.letter.detail
    assert {value.device for value in store.latest("c001")} == {"t-0", "t-1", "t-2"}
    store.close()


@pytest.mark.integration
def test_cut_off_answers_and_errors_of_a_proxy_pass(url: str) -> None:
    """502, an answer that breaks off, a server that is slow: StoreUnavailable; the same batch again, and nothing is
    there twice."""
    mood = {"now": "slow"}
    free = threading.Event()

    def answer(asked: Asked) -> Answer:
        if mood["now"] == "bad gateway" and asked.method == "POST":
            return Answer(502, headers={"X": "y"})
        with urllib3.PoolManager() as pool:
            said = pool.request(
                asked.method,
                url + asked.path,
                fields=None,
                body=asked.body or None,
                headers={k: v for k, v in asked.headers.items() if k == "content-type"},
            )
        if mood["now"] == "slow" and asked.path.startswith("/write"):
            free.wait(10)
        document = said.json() if said.data else None
        headers = {"X-Influxdb-Version": said.headers["X-Influxdb-Version"]}
        if mood["now"] == "cut" and asked.path.startswith("/write"):
            return Answer(500, "cut", headers={"Content-Length": "5000"})
        return Answer(said.status, document, headers)

    with serving(answer, whole_path=True) as proxy:
        store = InfluxStore(InfluxConfig(proxy.url, "proxied", timeout_s=0.5), ManualClock(T0))
        batch = [packet(1, *readings(0, 5)), event(1)]
        for each in ("slow", "bad gateway", "cut"):
            mood["now"] = each
            with pytest.raises(StoreUnavailable):
                store.write(batch, {BULK: 1, URGENT: 1})
            free.set()
            free.clear()
        mood["now"] = "well"
        store.write(batch, {BULK: 1, URGENT: 1})
        assert len(store.latest("c001")) == 5
        assert len(store.events("c001", 0, T0 + DAY)) == 1
        assert store.positions() == {BULK: 1, URGENT: 1}
        store.close()


def test_a_request_that_is_too_slow_is_tried_again_in_smaller_portions() -> None:
    """A server that answers only small requests in time takes a large batch all the same."""
    free = threading.Event()
    sizes = []

    def answer(asked: Asked) -> Answer:
        if asked.path == "/ping":
            return Answer(204, headers={"X-Influxdb-Version": "v2.7"})
        lines = asked.body.count(b"\n") + 1
        if asked.body.startswith(b"readings"):
            sizes.append(lines)
        if lines > 1000:
            free.wait(10)
        return Answer(204)

    with serving(answer) as server:
        store = InfluxStore(InfluxConfig(server.url, "b", timeout_s=0.3), ManualClock(T0))
        batch = [packet(n, *readings(n * 100, 100)) for n in range(30)]
        for _ in range(3):
            try:
                store.write(batch, {})
                break
            except StoreUnavailable:
                pass
        else:
            pytest.fail("never taken")
        free.set()
        assert sizes[0] == 3000
        assert max(sizes[-3:]) <= 1000
        store.close()


def test_a_large_batch_is_taken_however_slow_the_server_is() -> None:
    """A portion that was in time does not make the next so large that all begins again."""
    portions = Portions()
    batch = [packet(n, *readings(0, 100)) for n in range(400)]
    for _ in range(10):
        done = True
        for portion in portions.of(batch):
            if sum(len(r.message.readings) for r in portion) > 1000:
                portions.too_slow(portion)
                done = False
                break
        if done:
            portions.taken()
            break
    else:
        pytest.fail("never taken")
    before = portions.size
    portions.taken()
    assert before < portions.size <= before * 9 // 8 + 1


def test_portions_hold_whole_messages_and_all_of_them() -> None:
    """In order; one message is never parted, however large."""
    portions = Portions(most=250)
    batch = [packet(n, *readings(0, size)) for n, size in enumerate((100, 100, 100, 700, 1, 1))]
    parts = list(portions.of(batch))
    assert [[len(r.message.readings) for r in part] for part in parts] == [[100, 100], [100], [700], [1, 1]]
    assert [r for part in parts for r in part] == batch
    assert list(portions.of([])) == []


def test_a_server_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    """Retry-After of a cloud (429) or a proxy (503): no request goes out before, and the wait is bounded."""
    clock = ManualClock(T0)
    busy = Answer(429, {"message": "limit"}, {"Retry-After": "30"})
    now = {"answer": busy}

    def answer(asked: Asked) -> Answer:
        if asked.path == "/ping":
            return Answer(204, headers={"X-Influxdb-Version": "v2.7"})
        return now["answer"] if asked.method == "POST" else NOTHING

    with serving(answer) as server:
        store = InfluxStore(InfluxConfig(server.url, "b"), clock)
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                store.write([event(1)], {})
        assert len(server.on("/api/v2/write")) == 1
        clock.advance(31)
        now["answer"] = replace(busy, headers={"Retry-After": "86400"})
        with pytest.raises(StoreUnavailable):
            store.write([event(1)], {})
        clock.advance(61)
        now["answer"] = replace(busy, headers={"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"})
        with pytest.raises(StoreUnavailable):
            store.write([event(1)], {})
        now["answer"] = Answer(204)
        store.write([event(1)], {})
        assert len(server.on("/api/v2/write")) == 4
        store.close()


def test_a_batch_that_is_too_large_is_parted() -> None:
    """413: the halves are stored, and an event that is too large by itself is a letter."""

    def answer(asked: Asked) -> Answer:
        if asked.path == "/ping":
            return Answer(204, headers={"X-Influxdb-Version": "v2.7"})
        return Answer(413, {"message": "too large"}) if len(asked.body) > 3000 else Answer(204)

    with serving(answer) as server:
        store = InfluxStore(InfluxConfig(server.url, "b"), ManualClock(T0))
        batch = [packet(1, *readings(0, 300)), event(1, data={"x": "y" * 5000}), event(2)]
        (unstored,) = write_apart(store, taken(*batch))
        assert (unstored.taken.received.message.sequence, unstored.observations) == (1, 1)
        assert "too large" in unstored.letter.detail
        stored = [a.body for a in server.on("/api/v2/write") if len(a.body) <= 3000]
        lines = {line for body in stored for line in body.splitlines() if line.startswith(b"readings,")}
        assert len(lines) == 300
        store.close()
