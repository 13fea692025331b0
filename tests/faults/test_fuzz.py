"""Fuzzing of what strangers can send: no crash, one answer from both decoders, and no series but a registered device's.

FUZZ_INPUTS says how many inputs there are in all (10,000 if it is not set; `make soak` takes 100,000).
"""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks import Limits
from ingest.letters import Arrival
from ingest.pipeline import Pipeline
from linli import canonical, codec, strictjson, topics
from linli.adapters.influx_buckets import bucket_names
from linli.adapters.influx_http import InfluxConfig
from linli.adapters.influx_store import InfluxStore
from linli.adapters.line_protocol import LineWriter, event_ns, unit_of
from linli.errors import MalformedMessage, Refused
from linli.model import Message, Received
from linli.testing import ManualClock
from tests.contract import influxd
from tests.faults import fuzz
from tests.faults.lines import Line, parse


def many(share: float) -> settings:
    """So many of all inputs."""
    return settings(max_examples=fuzz.examples(share), deadline=None)


# --- strict JSON against Python's own -------------------------------------------------------------------------------


def oracle(payload: bytes) -> Any:
    """What Python's json makes of it, where ours has to accept it; ValueError where ours has to refuse."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("duplicate")
        return dict(pairs)

    def never(word: str) -> Any:
        raise ValueError(word)

    def integer(digits: str) -> int:
        number = int(digits) if len(digits) < 40 else 2**70
        if not -(2**63) <= number < 2**63:
            raise ValueError("range")
        return number

    def real(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError("finite")
        return number

    text = payload.decode()  # UnicodeDecodeError is a ValueError
    value = json.loads(
        text, object_pairs_hook=members, parse_constant=never, parse_int=integer, parse_float=real, strict=True
    )
    if not isinstance(value, dict):
        raise ValueError("no object")
    _check(value, 1)
    return value


def _check(value: Any, depth: int) -> None:
    if depth > strictjson.MAX_DEPTH + 1:
        raise RecursionError
    if isinstance(value, str):
        value.encode()  # a lone surrogate
        if "\x00" in value or len(value) > strictjson.MAX_STRING:
            raise ValueError("string")
    below = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    for item in below:
        _check(item, depth + 1)


@many(0.3)
@given(fuzz.messages(), st.integers(0, 2**32))
def test_strict_json_takes_what_python_takes_within_the_bounds(message: Message, seed: int) -> None:
    """The same value, or a refusal where Python's parser, told of our bounds, refuses."""
    for payload in fuzz.variants(message, seed):
        try:
            expected = oracle(payload)
        except RecursionError:  # about as deep as is allowed: either may be right
            continue
        except ValueError:
            with pytest.raises(MalformedMessage):
                strictjson.parse_object(payload, codec.MAX_MESSAGE_BYTES)
        else:
            assert strictjson.parse_object(payload, codec.MAX_MESSAGE_BYTES) == expected


# --- the codec ------------------------------------------------------------------------------------------------------


def _slowly(topic: topics.GatewayTopic, payload: bytes) -> Message | None:
    assert topic.lane is not None
    try:
        return codec._decode_any(topic, topic.lane, payload)
    except Refused:
        return None


@many(0.3)
@given(fuzz.messages(), st.integers(0, 2**32))
def test_both_decoders_agree_on_damaged_messages(message: Message, seed: int) -> None:
    """The quick way gives the message that the slow one gives, or leaves it to that; nothing but Refused is raised."""
    topic = topics.parse(fuzz.topic_of(message))
    assert isinstance(topic, topics.GatewayTopic)
    for payload in fuzz.variants(message, seed):
        slow = _slowly(topic, payload)
        quick = canonical.decode(topic, payload, codec.MAX_READINGS)
        assert quick is None or slow is None or quick == slow
        try:
            decoded: Message | None = codec.decode(topic, payload)
        except Refused:
            decoded = None
        assert decoded == slow
        place = codec.envelope(topic, payload)
        if decoded is not None:
            assert place is not None
            assert (place.sequence, place.oldest) == (decoded.sequence, decoded.oldest)


@many(1.0)
@given(st.binary(max_size=400), st.text(max_size=80))
def test_any_bytes_on_any_topic_are_decided(payload: bytes, topic: str) -> None:
    """A batch with anything in it is decided, and what cannot be read is a letter."""
    pipeline = Pipeline(fuzz.registry(), Limits.of_years(9), 60e6, {})
    batch = pipeline.decide([Arrival.of(topic, payload, fuzz.NOW)])
    assert not batch.taken
    assert len(batch.letters) == 1


# --- line protocol --------------------------------------------------------------------------------------------------


def taken(message: Message, seed: int) -> list[Received]:
    """What ingest would store of the message and of what can be made of it, each by itself."""
    received: list[Received] = []
    for payload in fuzz.variants(message, seed):
        pipeline = Pipeline(fuzz.registry(), Limits.of_years(9), 60e6, {})
        arrival = Arrival.of(fuzz.topic_of(message), payload, fuzz.NOW)
        received += (one.received for one in pipeline.decide([arrival]).taken)
    return received


def expected_lines(received: Received) -> Iterator[Line]:
    """What a received message is in line protocol, field by field."""
    message = received.message
    for reading in message.readings:
        fields: dict[str, Any] = {"value": reading.value, "received": received.received_at, "unit": reading.unit}
        tags = {"community": message.community, "device": reading.device, "quantity": reading.quantity}
        yield Line("readings", tuple(sorted(tags.items())), fields, reading.time * 1000)
    if not message.readings:
        tags = {"community": message.community, "device": message.subject, "type": message.type}
        fields = {
            "bootid": message.bootid,
            "data": message.data,
            "gateway": message.gateway,
            "historic": message.historic,
            "lane": message.lane.value,
            "late": received.late,
            "received": received.received_at,
            "sequence": message.sequence,
            "time_source": message.time_source.value,
        }
        yield Line("events", tuple(sorted(tags.items())), fields, event_ns(message.time, message.sequence))


def understood(line: Line) -> Line:
    """As who reads the store takes it: data as JSON, and a unit that is not stored as the usual one of the quantity."""
    fields: dict[str, Any] = dict(line.fields)
    if line.measurement == "events":
        fields["data"] = json.loads(str(fields["data"]))
    else:
        fields["unit"] = unit_of(dict(line.tags)["quantity"], fields.get("unit"))
    return replace(line, fields=fields)


def is_registered(line: Line) -> bool:
    """Whether the line's series is one that there may be."""
    tags = dict(line.tags)
    owners = [
        gateway for gateway, devices in fuzz.DEVICES.items() if tags.get("device") in (*devices, gateway)
    ]  # a gateway speaks for itself
    kinds = {"readings": {"community", "device", "quantity"}, "events": {"community", "device", "type"}}
    return (
        tags.keys() == kinds.get(line.measurement)
        and len(owners) == 1
        and tags["community"] == fuzz.COMMUNITIES[owners[0]]
    )


@many(0.3)
@given(fuzz.messages(), st.integers(0, 2**32))
def test_line_protocol_says_what_was_received_and_no_more(message: Message, seed: int) -> None:
    """Read back by an independent parser: a line for each observation, every field as it came, no series of a stranger."""
    received = taken(message, seed)
    written = parse(LineWriter().batch(received).decode())
    assert [understood(line) for line in written] == [line for one in received for line in expected_lines(one)]
    assert all(map(is_registered, written)), written


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_an_influxdb_has_no_series_that_nobody_registered(tmp_path: Path) -> None:
    """The same through a real one: the series that it lists are those of the messages, and the data comes back as it went."""
    batches: list[list[Received]] = []

    @settings(max_examples=fuzz.examples(0.1), deadline=None, database=None)
    @given(fuzz.messages(), st.integers(0, 2**32))
    def collect(message: Message, seed: int) -> None:
        batches.append(taken(message, seed))

    collect()
    lines = [line for batch in batches for one in batch for line in expected_lines(one)]
    with influxd.running(tmp_path) as url:
        store = InfluxStore(InfluxConfig(url, "linli", "influx1"), ManualClock(fuzz.NOW))
        for batch in batches:
            store.write(batch, {})
        store.close()
        names = bucket_names("linli")
        found = {series for name in names.values() for series in _series(url, name)}
    wanted = {",".join([line.measurement, *(f"{key}={value}" for key, value in line.tags)]) for line in lines}
    assert {one for one in found if not one.startswith(_OWN)} == wanted
    assert all(map(is_registered, lines))


_OWN = ("linli_", "rollup", "readings_1")
"""Measurements of the store's own."""


def _series(url: str, database: str) -> Iterator[str]:
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", url + "/query", fields={"db": database, "q": "SHOW SERIES"})
        for series in json.loads(answer.data)["results"][0].get("series", []):
            yield from (row[0] for row in series["values"])
