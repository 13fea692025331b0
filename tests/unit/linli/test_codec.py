"""The wire format: what goes in comes out, and whatever comes in is a message or a refusal with a name."""

import math
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli import codec, topics
from linli.clock import format_time
from linli.codec import (
    MAX_MESSAGE_BYTES,
    MAX_READINGS,
    Ack,
    AlertNotice,
    Status,
    decode,
    decode_ack,
    decode_notice,
    decode_status,
    encode,
    encode_ack,
    encode_body,
    encode_notice,
    encode_status,
    with_oldest,
)
from linli.errors import MalformedMessage, Refused
from linli.model import READINGS_TYPE, JsonValue, Lane, LaneKey, Message, Reading, TimeSource
from linli.topics import GatewayTopic, Leaf
from tests.unit.linli.strategies import ids, json_values, messages, times

NOW = 1_700_000_000_123_456
EVENT = Message(
    community="c001",
    gateway="gw-c001",
    bootid="b1",
    lane=Lane.URGENT,
    sequence=17,
    oldest=15,
    type="access.door.forced",
    subject="c001-door-01",
    time=NOW,
    agent_time=NOW + 1,
    time_source=TimeSource.DEVICE,
    data={"credential": None, "zone": "门", "confidence": 0.5},
)
READING = Reading("c001-cable-01", "temperature", NOW, 61.5, "Cel")
PACKET = replace(EVENT, lane=Lane.BULK, type=READINGS_TYPE, subject="gw-c001", data={}, readings=(READING,))


def topic_of(message: Message) -> GatewayTopic:
    return GatewayTopic(message.community, message.gateway, Leaf(message.lane.value))


def changed(message: Message, drop: str | None = None, **attributes: Any) -> bytes:
    """The payload of `message` with attributes changed or one taken out."""
    document = orjson.loads(encode(message)) | attributes
    if drop is not None:
        del document[drop]
    return orjson.dumps(document)


def refusal(payload: bytes, topic: GatewayTopic | None = None) -> str:
    with pytest.raises(Refused) as caught:
        decode(topic or topic_of(EVENT), payload)
    return caught.value.reason


@given(messages())
def test_a_message_comes_back_as_it_went_in(message: Message) -> None:
    """decode(encode(m)) == m, to the microsecond and the last bit of each value."""
    assert decode(topic_of(message), encode(message)) == message


@given(messages(), st.integers(1, 2**63 - 1))
def test_oldest_is_written_at_each_sending(message: Message, oldest: int) -> None:
    """An outbox keeps the body; what it still holds is only known when it sends."""
    body = encode_body(message)
    oldest = min(oldest, message.sequence)
    assert decode(topic_of(message), with_oldest(body, oldest)) == replace(message, oldest=oldest)
    assert orjson.loads(body).keys() == orjson.loads(encode(message)).keys() - {"oldest"}


def test_it_is_cloudevents_with_the_sequence_extension() -> None:
    """The document as the design has it, so that other people's tools read it."""
    assert orjson.loads(encode(EVENT)) == {
        "specversion": "1.0",
        "id": "b1-urgent-17",
        "source": "linli/v1/c001/gateway/gw-c001",
        "type": "access.door.forced",
        "subject": "c001-door-01",
        "time": "2023-11-14T22:13:20.123456Z",
        "bootid": "b1",
        "sequence": "0000000000000000017",
        "agenttime": "2023-11-14T22:13:20.123457Z",
        "timesource": "device",
        "datacontenttype": "application/json",
        "data": {"credential": None, "zone": "门", "confidence": 0.5},
        "oldest": "0000000000000000015",
    }


def test_a_packet_is_senml() -> None:
    """RFC 8428 records, names and times resolved."""
    document = orjson.loads(encode(PACKET))
    assert document["datacontenttype"] == "application/senml+json"
    assert document["data"] == [{"n": "c001-cable-01/temperature", "t": NOW / 1e6, "v": 61.5, "u": "Cel"}]


def test_historic_is_written_only_when_true() -> None:
    """The attribute is an exception; most messages are live."""
    assert "historic" not in orjson.loads(encode(EVENT))
    assert orjson.loads(encode(replace(EVENT, historic=True)))["historic"] is True


# --- what an agent may not send -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("bad_id", replace(EVENT, community="C001")),
        ("bad_id", replace(EVENT, gateway="")),
        ("bad_id", replace(EVENT, bootid="b/1")),
        ("bad_id", replace(EVENT, subject="门")),
        ("bad_type", replace(EVENT, type="forced")),
        ("bad_type", replace(EVENT, type="Access.door")),
        ("bad_sequence", replace(EVENT, sequence=0, oldest=0)),
        ("bad_sequence", replace(EVENT, oldest=18)),
        ("bad_sequence", replace(EVENT, oldest=0)),
        ("bad_sequence", replace(EVENT, sequence=2**63)),
        ("bad_time", replace(EVENT, time=-1)),
        ("bad_time", replace(EVENT, agent_time=2**53)),
        ("no_readings", replace(PACKET, readings=())),
        ("no_readings", replace(EVENT, readings=(READING,))),
        ("too_many_readings", replace(PACKET, readings=(READING,) * (MAX_READINGS + 1))),
        ("bad_id", replace(PACKET, readings=(replace(READING, device="a/b"),))),
        ("bad_id", replace(PACKET, readings=(replace(READING, quantity=""),))),
        ("not_finite", replace(PACKET, readings=(replace(READING, value=math.nan),))),
        ("not_finite", replace(PACKET, readings=(replace(READING, value=-math.inf),))),
        ("bad_unit", replace(PACKET, readings=(replace(READING, unit=""),))),
        ("bad_unit", replace(PACKET, readings=(replace(READING, unit="°C"),))),
        ("bad_time", replace(PACKET, readings=(replace(READING, time=2**53),))),
        ("not_finite", replace(EVENT, data={"a": [{"b": math.nan}]})),
        ("not_finite", replace(EVENT, data={"a": math.inf})),
        ("not_json", replace(EVENT, data={"a": 2**64})),
        ("not_json", replace(EVENT, data={"a": "\ud800"})),
        ("integer_range", replace(PACKET, readings=(replace(READING, value=2**63),))),
        ("nul", replace(EVENT, data={"a": "\x00"})),
        ("nul", replace(EVENT, data={"a\x00": 1})),
        ("long_string", replace(EVENT, data={"x" * 20_000: 1})),
        ("integer_range", replace(EVENT, data={"a": 2**63})),
        ("long_string", replace(EVENT, data={"a": "x" * 20_000})),
        ("too_large", replace(EVENT, data={str(number): "x" * 10_000 for number in range(60)})),
    ],
)
def test_what_no_consumer_would_take_the_agent_refuses_first(reason: str, message: Message) -> None:
    """So no agent can hold a message that will be refused for ever."""
    with pytest.raises(Refused) as caught:
        encode_body(message)
    assert caught.value.reason == reason


def test_too_deep_is_refused_at_both_ends() -> None:
    """The bound is the same whoever looks."""
    deep: JsonValue = 1
    for _ in range(20):
        deep = {"a": deep}
    with pytest.raises(MalformedMessage, match="too_deep"):
        encode_body(replace(EVENT, data={"a": deep}))


@given(st.dictionaries(st.text(max_size=4), json_values | st.floats() | st.integers() | st.text(max_size=4)))
def test_what_can_be_encoded_can_be_decoded(data: dict[str, JsonValue]) -> None:
    """Any data at all: either the agent refuses it or every consumer takes it, unchanged."""
    message = replace(EVENT, data=data)
    try:
        payload = encode(message)
    except Refused:
        return
    assert decode(topic_of(message), payload) == message


def test_the_largest_message_that_an_agent_takes_passes() -> None:
    """The room kept for `oldest` is enough: the whole payload is within the limit of a consumer."""
    parts = {f"k{number}": "x" * 16_000 for number in range(32)}
    size = len(encode_body(replace(EVENT, data=parts | {"rest": ""})))
    full = replace(EVENT, data=parts | {"rest": "x" * (MAX_MESSAGE_BYTES - 64 - size)})
    assert len(encode_body(full)) == MAX_MESSAGE_BYTES - 64
    largest = replace(full, sequence=2**63 - 1, oldest=1)
    with pytest.raises(MalformedMessage, match="too_large"):  # its id is longer
        encode_body(largest)
    assert decode(topic_of(full), encode(full)) == full


# --- what a consumer may not take -----------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_refused(payload: bytes) -> None:
    """Nothing that arrives raises anything else."""
    with pytest.raises(Refused):
        decode(topic_of(EVENT), payload)


@given(st.sampled_from([EVENT, PACKET]), st.integers(0, 700), st.binary(max_size=3), st.integers(0, 4))
def test_a_damaged_message_is_refused_or_a_message(message: Message, at: int, new: bytes, cut: int) -> None:
    """Bytes put in, taken out or changed anywhere in a good payload."""
    payload = encode(message)
    at %= len(payload)
    try:
        decode(topic_of(message), payload[:at] + new + payload[at + cut :])
    except Refused as error:
        assert error.reason


@given(messages(), st.data())
def test_any_attribute_of_any_kind_is_taken_or_refused(message: Message, data: st.DataObject) -> None:
    """Every attribute with a value of every JSON type."""
    document = orjson.loads(encode(message))
    name = data.draw(st.sampled_from(sorted(document)))
    document[name] = data.draw(json_values)
    try:
        decode(topic_of(message), orjson.dumps(document))
    except Refused as error:
        assert error.reason


_MISSING = {
    "specversion": "not_cloudevents",
    "id": "not_cloudevents",
    "source": "wrong_source",
    "type": "bad_type",
    "subject": "bad_id",
    "time": "bad_time",
    "bootid": "bad_id",
    "sequence": "bad_sequence",
    "oldest": "bad_sequence",
    "agenttime": "bad_time",
    "timesource": "bad_time",
}


@pytest.mark.parametrize(("name", "reason"), _MISSING.items())
@pytest.mark.parametrize("value", [None, 1, True, [], {}, "", "\u00b9"], ids=repr)
def test_each_required_attribute(name: str, reason: str, value: object) -> None:
    """Missing or of a wrong kind, each is refused by its own name."""
    assert refusal(changed(EVENT, drop=name)) == reason
    if (name, value) != ("id", "\u00b9"):
        wrong: dict[str, Any] = {name: value}
        assert refusal(changed(EVENT, **wrong)) == reason


def test_optional_attributes() -> None:
    """`historic`, `data` and `datacontenttype` may be left out of an event; an event without data has none."""
    document = orjson.loads(encode(EVENT))
    del document["data"], document["datacontenttype"]
    assert decode(topic_of(EVENT), orjson.dumps(document)) == replace(EVENT, data={})


@pytest.mark.parametrize(
    ("reason", "attributes"),
    [
        ("unknown_attribute", {"sequenz": "1"}),
        ("unknown_attribute", {"traceparent": "x"}),
        ("not_cloudevents", {"specversion": "0.3"}),
        ("wrong_source", {"source": "linli/v1/c001/gateway/gw-c002"}),
        ("wrong_source", {"source": "linli/v1/c002/gateway/gw-c001"}),
        ("wrong_type", {"historic": 1}),
        ("wrong_type", {"historic": None}),
        ("wrong_type", {"data": []}),
        ("wrong_type", {"data": None}),
        ("bad_sequence", {"sequence": "17"}),
        ("bad_sequence", {"sequence": "000000000000000001٧"}),
        ("bad_sequence", {"sequence": "-000000000000000017"}),
        ("bad_sequence", {"sequence": "9999999999999999999"}),
        ("bad_sequence", {"sequence": "0000000000000000000"}),
        ("bad_sequence", {"oldest": "0000000000000000018"}),
        ("bad_time", {"time": "2023-11-14T22:13:20"}),
        ("bad_time", {"time": "2023-13-14T22:13:20Z"}),
        ("bad_time", {"time": "1969-12-31T23:59:59Z"}),
        ("bad_time", {"time": "9999-12-31T23:59:59-23:59"}),
        ("bad_time", {"agenttime": 1_700_000_000}),
        ("bad_time", {"timesource": "Device"}),
        ("no_readings", {"type": READINGS_TYPE, "data": []}),
        ("wrong_type", {"type": READINGS_TYPE}),
    ],
)
def test_wrong_values_of_an_event(reason: str, attributes: dict[str, Any]) -> None:
    """What breaks the format is refused by what is wrong with it."""
    assert refusal(changed(EVENT, **attributes)) == reason


RECORD = {"n": "c001-cable-01/temperature", "t": 1_700_000_000.5, "v": 1}


@pytest.mark.parametrize(
    ("reason", "record"),
    [
        ("bad_senml", None),
        ("bad_senml", "x"),
        ("bad_senml", RECORD | {"bn": "x"}),
        ("bad_senml", RECORD | {"s": 1}),
        ("bad_senml", RECORD | {"vs": "text"}),
        ("bad_senml", RECORD | {"n": "temperature"}),
        ("bad_senml", RECORD | {"n": "a/b/c"}),
        ("bad_senml", RECORD | {"n": None}),
        ("bad_id", RECORD | {"n": "A/b"}),
        ("bad_id", RECORD | {"n": "/"}),
        ("bad_time", RECORD | {"t": None}),
        ("bad_time", RECORD | {"t": True}),
        ("bad_time", RECORD | {"t": "1"}),
        ("bad_time", RECORD | {"t": -1}),
        ("bad_time", RECORD | {"t": 1e300}),
        ("bad_time", RECORD | {"t": 2**62}),
        ("wrong_type", RECORD | {"v": None}),
        ("wrong_type", RECORD | {"v": "1"}),
        ("wrong_type", RECORD | {"v": True}),
        ("wrong_type", RECORD | {"vb": True}),
        ("wrong_type", {"n": "a/b", "t": 1, "vb": 1}),
        ("wrong_type", {"n": "a/b", "t": 1}),
        ("bad_unit", RECORD | {"u": 1}),
        ("bad_unit", RECORD | {"u": "m s"}),
    ],
)
def test_wrong_records(reason: str, record: object) -> None:
    """One bad record refuses the packet, by name."""
    payload = changed(PACKET, data=[RECORD, record])
    assert refusal(payload, topic_of(PACKET)) == reason


def test_records_of_other_agents() -> None:
    """Whole numbers, whole seconds and booleans are what SenML allows too."""
    records = [{"n": "a/open", "t": 1_700_000_000, "vb": True}, {"n": "a/level", "t": 1_700_000_000.25, "v": 3}]
    message = decode(topic_of(PACKET), changed(PACKET, data=records))
    assert message.readings == (
        Reading("a", "open", 1_700_000_000_000_000, 1.0),
        Reading("a", "level", 1_700_000_000_250_000, 3.0),
    )


def test_a_packet_of_too_many_is_refused_before_it_is_read() -> None:
    """At the limit it passes."""
    assert refusal(changed(PACKET, data=[RECORD] * 1001), topic_of(PACKET)) == "too_many_readings"
    assert len(decode(topic_of(PACKET), changed(PACKET, data=[RECORD] * 1000)).readings) == 1000


@pytest.mark.parametrize("leaf", [leaf for leaf in Leaf if leaf not in (Leaf.URGENT, Leaf.BULK)])
def test_only_a_lane_carries_messages(leaf: Leaf) -> None:
    """A message on the status topic is no message."""
    assert refusal(encode(EVENT), GatewayTopic("c001", "gw-c001", leaf)) == "bad_topic"


def test_a_huge_message_is_refused_unread() -> None:
    """Whatever it holds."""
    assert refusal(b" " * (MAX_MESSAGE_BYTES + 1)) == "too_large"


# --- acknowledgement, status, notice --------------------------------------------------------------------------------


@given(st.builds(Ack, ids, st.sampled_from(Lane), st.integers(0, 2**63 - 1)))
def test_an_ack_comes_back(ack: Ack) -> None:
    """decode_ack(encode_ack(x)) == x."""
    assert decode_ack(encode_ack(ack)) == ack


@given(st.builds(Status, st.booleans(), ids, st.text("0123456789.-abc", max_size=64), times))
def test_a_status_comes_back(status: Status) -> None:
    """decode_status(encode_status(x)) == x."""
    assert decode_status(encode_status(status)) == status


_plain = st.text("abc_", min_size=1, max_size=9)


@given(st.builds(AlertNotice, ids, _plain, ids, ids, _plain, _plain, _plain, _plain, times, times))
def test_a_notice_comes_back(notice: AlertNotice) -> None:
    """decode_notice(encode_notice(x)) == x."""
    assert decode_notice(encode_notice(notice)) == notice


@pytest.mark.parametrize("decoder", [decode_ack, decode_status, decode_notice])
@given(st.binary(max_size=100) | st.dictionaries(_plain, json_values).map(orjson.dumps))
def test_any_bytes_are_one_of_these_or_refused(decoder: Any, payload: bytes) -> None:
    """What arrives on the small topics raises nothing else either."""
    with pytest.raises(Refused):
        decoder(payload)


_ACK = {"bootid": "b1", "lane": "bulk", "upto": 17}


@pytest.mark.parametrize(
    "wrong",
    [
        {"bootid": "B"},
        {"bootid": None},
        {"lane": "other"},
        {"lane": ["bulk"]},
        {"upto": -1},
        {"upto": True},
        {"upto": 1.0},
        {"upto": "1"},
        {"upto": None},
    ],
)
def test_a_wrong_ack(wrong: dict[str, object]) -> None:
    """An acknowledgement makes an agent forget: it is taken only if all of it is right."""
    assert decode_ack(orjson.dumps(_ACK)) == Ack("b1", Lane.BULK, 17)
    with pytest.raises(MalformedMessage) as caught:
        decode_ack(orjson.dumps(_ACK | wrong))
    assert caught.value.reason == "bad_ack"


_STATUS = {"state": "online", "bootid": "b1", "version": "0.1.0", "at": format_time(NOW)}


@pytest.mark.parametrize(
    ("reason", "wrong"),
    [
        ("bad_status", {"state": "asleep"}),
        ("bad_status", {"state": True}),
        ("bad_status", {"bootid": 1}),
        ("bad_status", {"version": None}),
        ("bad_time", {"at": "yesterday"}),
        ("bad_time", {"at": None}),
    ],
)
def test_a_wrong_status(reason: str, wrong: dict[str, object]) -> None:
    """Each part is checked; a version is cut to 64 characters."""
    assert decode_status(orjson.dumps(_STATUS)) == Status(True, "b1", "0.1.0", NOW)
    assert len(decode_status(orjson.dumps(_STATUS | {"version": "9" * 99})).version) == 64
    with pytest.raises(MalformedMessage) as caught:
        decode_status(orjson.dumps(_STATUS | wrong))
    assert caught.value.reason == reason


def test_topics_and_codec_agree_on_the_source() -> None:
    """The source is the topic without its leaf, which is what the broker's permissions vouch for."""
    source = orjson.loads(encode(EVENT))["source"]
    assert topics.lane_topic("c001", "gw-c001", Lane.URGENT) == f"{source}/urgent"
    assert codec.MAX_MESSAGE_BYTES < 1024 * 1024


@given(messages(), st.binary(max_size=20))
def test_the_envelope_of_what_cannot_be_read(message: Message, noise: bytes) -> None:
    """An attribute of a later version hides nothing of it; bytes that hold none give None and raise nothing."""
    topic = GatewayTopic(message.community, message.gateway, Leaf(message.lane.value))
    strange = orjson.dumps(orjson.loads(encode(message)) | {"later": 1})
    with pytest.raises(MalformedMessage):
        decode(topic, strange)
    lane = LaneKey(message.community, message.gateway, message.bootid, message.lane)
    assert codec.envelope(topic, strange) == codec.Envelope(lane, message.sequence, message.oldest)
    assert codec.envelope(topic, noise) is None
    assert codec.envelope(replace(topic, leaf=Leaf.STATUS), strange) is None
    assert codec.envelope(topic, orjson.dumps(orjson.loads(strange) | {"oldest": "9" * 19})) is None
