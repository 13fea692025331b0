"""Line protocol read back by a reader of its own: what goes in is one point each, whatever the strings hold."""

import re
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.adapters.line_protocol import LineWriter, event_ns, position_lines, string_field, unit_of
from linli.clock import HOUR
from linli.model import Lane, LaneKey, Reading
from linli.vocabulary import quantity_of
from tests.contract.test_store import AWKWARD, T0, event, packet

_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,\s]+)', re.DOTALL)


def points(lines: bytes) -> list[tuple[str, dict[str, str], int]]:
    """Measurement with tags, fields as written, timestamp; as InfluxDB's documentation says lines are read: a line ends
    at a line feed that is not within a quoted string."""
    text = lines.decode()
    found = []
    at = 0
    while at < len(text):
        space = text.index(" ", at)
        head = text[at:space]
        fields: dict[str, str] = {}
        at = space + 1
        while True:
            match = _FIELD.match(text, at)
            assert match is not None, text[at : at + 80]
            fields[match.group(1)] = match.group(2)
            at = match.end()
            if text[at] != ",":
                break
            at += 1
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        found.append((head, fields, int(text[at + 1 : end])))
        at = end + 1
    return found


def unquoted(field: str) -> str:
    assert field[0] == field[-1] == '"'
    return re.sub(r"\\(.)", r"\1", field[1:-1], flags=re.DOTALL)


@given(st.text(max_size=200))
def test_any_string_field_reads_back(text: str) -> None:
    """Quote, backslash, line feed, comma, equals sign, a backslash at the end: all are data."""
    ((_, fields, _),) = points(f"m,t=x f={string_field(text)},after=1i 5".encode())
    assert unquoted(fields["f"]) == text
    assert fields.keys() == {"f", "after"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=30) | st.sampled_from(AWKWARD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(max_size=10), JSON, max_size=3), min_size=1, max_size=5))
def test_no_data_makes_a_rogue_line(data: list[dict[str, object]]) -> None:
    """As many points as events, each with the data it had."""
    batch = [event(n, data=item) for n, item in enumerate(data, 1)]
    lines = LineWriter().batch(batch)
    assert lines.count(b"\n") == len(batch) - 1
    read = points(lines)
    assert [orjson.loads(unquoted(fields["data"])) for _, fields, _ in read] == data
    assert {head for head, _, _ in read} == {"events,community=c001,device=door-1,type=access.granted"}


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 2**53 - 1))
def test_a_reading_reads_back(value: float, time: int) -> None:
    """Bit for bit, at its microsecond."""
    ((head, fields, ns),) = points(LineWriter().batch([packet(1, Reading("t-1", "temperature", time, value, "Cel"))]))
    assert head == "readings,community=c001,device=t-1,quantity=temperature"
    assert repr(float(fields["value"])) == repr(value)
    assert fields.keys() == {"value", "received"}
    assert fields["received"].endswith("i")
    assert ns == time * 1000 < 2**63


def test_the_server_adds_no_tag() -> None:
    """The same message received later, and late, is the same point."""
    ((head, _, ns),) = points(LineWriter().batch([event(1)]))
    ((again, _, ns_again),) = points(LineWriter().batch([replace(event(1), received_at=T0 + HOUR, late=True)]))
    assert (head, ns) == (again, ns_again)


@given(st.integers(0, 2**53 - 1), st.integers(1, 2**63 - 1))
def test_the_sequence_lies_below_the_microsecond(time: int, sequence: int) -> None:
    """So the event time can be read back, and neighbours of one microsecond differ."""
    assert event_ns(time, sequence) // 1000 == time
    assert event_ns(time, sequence) != event_ns(time, sequence + 1)


def test_positions_of_one_hour_replace_each_other() -> None:
    """One point for each lane and hour."""
    key = LaneKey("c001", "gw-1", "b1", Lane.BULK)
    first, second = (points(position_lines({key: upto}, T0 + upto))[0] for upto in (1, 2))
    assert (first[0], first[2]) == (second[0], second[2])
    assert second[1] == {"upto": "2i"}
    assert points(position_lines({key: 3}, T0 + HOUR))[0][2] - first[2] == HOUR * 1000


@pytest.mark.parametrize("quantity", ["voltage", "link_quality", "made_up"])
@pytest.mark.parametrize("units", [[None, "V", None], ["V", "V", "mV"], ["%", None, "V"]])
def test_only_an_unusual_unit_is_written(units: list[str | None], quantity: str) -> None:
    """One by one or in one packet, every unit reads back; the usual one costs no field."""
    readings = [Reading("t-1", quantity, T0 + n, 1.0, unit) for n, unit in enumerate(units)]
    writer = LineWriter()
    apart = [points(writer.batch([packet(1, reading)]))[0] for reading in readings]
    assert points(writer.batch([packet(1, *readings)])) == apart
    for (_, fields, _), unit in zip(apart, units, strict=True):
        stored = fields.get("unit")
        assert unit_of(quantity, None if stored is None else unquoted(stored)) == unit
        assert (stored is None) == (unit == quantity_of(quantity).unit)
