"""JSON from strangers: each refusal by its name, and nothing but refusals."""

import json
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.errors import MalformedMessage
from linli.strictjson import MAX_DEPTH, MAX_STRING, dumps, parse_object, parse_value
from tests.unit.linli.strategies import json_values

LIMIT = 1_000_000


def refusal(payload: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(MalformedMessage) as caught:
        parse_object(payload, limit)
    return caught.value.reason


@pytest.mark.parametrize(
    ("reason", "payload"),
    [
        ("not_json", b""),
        ("not_json", b"{"),
        ("not_json", b'{"a":1}}'),
        ("not_json", b"\xff\xfe"),
        ("not_json", b"\xef\xbb\xbf{}"),
        ("not_json", b'{"a":"\\ud800"}'),
        ("not_json", b'{"a":"\xed\xa0\x80"}'),
        ("not_json", b'{"a":"\n"}'),
        ("not_json", b"{'a':1}"),
        ("not_json", b'{"a":01}'),
        ("not_json", b"\x00"),
        ("not_finite", b'{"a":NaN}'),
        ("not_finite", b'{"a":-Infinity}'),
        ("not_finite", b'{"a":1e999}'),
        ("not_finite", b'{"a":-1e999}'),
        ("integer_range", b'{"a":9223372036854775808}'),
        ("integer_range", b'{"a":-9223372036854775809}'),
        ("integer_range", b'{"a":18446744073709551616}'),
        ("integer_range", b'{"a":' + b"7" * 5000 + b"}"),
        ("integer_range", b"[" + b"1" * 5000 + b"]"),
        ("duplicate_key", b'{"a":1,"a":1}'),
        ("duplicate_key", b'{"a":1,"\\u0061":2}'),
        ("duplicate_key", b'{"x":[{"a":{"b":1,"c":2,"b":3}}]}'),
        ("duplicate_key", b'{"a:":1,"a:":2}'),
        ("duplicate_key", b'{"":1,"":2}'),
        ("nul", b'{"a":"\\u0000"}'),
        ("nul", b'{"a\\u0000":1}'),
        ("nul", b'{"x":["\\u0000"]}'),
        ("long_string", b'{"a":"' + b"x" * (MAX_STRING + 1) + b'"}'),
        ("long_string", b'{"' + b"x" * (MAX_STRING + 1) + b'":1}'),
        ("not_an_object", b"[]"),
        ("not_an_object", b"1"),
        ("not_an_object", b'"NaN"'),
        ("not_an_object", b"null"),
        ("too_deep", b"[" * 100_000),
        ("too_deep", b"[" * 100_000 + b"]" * 100_000),
        ("too_deep", b'{"a":' * 500 + b"1" + b"}" * 500),
        ("too_deep", b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1)),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else value,
)
def test_each_refusal_has_its_name(reason: str, payload: bytes) -> None:
    """The names are what dead letters are counted by."""
    assert refusal(payload) == reason


def test_size_is_checked_first() -> None:
    """Nothing is parsed that is over the limit; at the limit it is taken."""
    assert parse_object(b'{"a":1}', 7) == {"a": 1}
    assert refusal(b'{"a":1}', 6) == "too_large"
    assert refusal(b"\xff" * 100, 99) == "too_large"


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":"b:c","d:":":"}',
        b'{"a":"\\":\\"","b":"\\\\"}',
        b'{"a":"\\\\","b":":"}',
        b'{"n":"12345678901234567890123"}',
        b'{"n":9223372036854775807,"m":-9223372036854775808}',
        b'{"n":12345678901234567890123.5,"m":1e300,"o":1234567890123456789012e3}',
        b'{"a":"NaN"}',
        b'{"a":{"x":1},"b":{"x":1}}',
        b'{"a":[],"b":{},"":null}',
        b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH,
        '{"\\u00e9":1,"e\\u0301":2,"温度":"\\ud83d\\ude00"}'.encode(),
        b' \n{"a" : 1}\t',
    ],
)
def test_what_only_looks_wrong_is_taken(payload: bytes) -> None:
    """Colons, quotes and digits within strings; the largest integers; keys that differ by more than their writing."""
    assert parse_object(payload, LIMIT) == json.loads(payload)


def test_a_lower_depth_may_be_asked_for() -> None:
    """One level is an object of plain values."""
    assert parse_object(b'{"a":1}', LIMIT, max_depth=1) == {"a": 1}
    with pytest.raises(MalformedMessage):
        parse_object(b'{"a":[1]}', LIMIT, max_depth=1)


@given(st.dictionaries(st.text(max_size=5).filter(lambda key: "\x00" not in key), json_values, max_size=5))
def test_what_we_write_we_read(document: dict[str, object]) -> None:
    """parse(dumps(x)) == x, for any keys and values within the bounds."""
    try:
        payload = dumps(document)
    except TypeError:  # a lone surrogate
        return
    assert parse_object(payload, LIMIT) == document


@given(st.binary(max_size=200) | st.text('{}[]",:\\u0a1eE+-.NaIty ').map(str.encode))
def test_any_bytes_give_a_value_or_a_refusal(payload: bytes) -> None:
    """Also of the letters that JSON is made of; what is taken is what Python's json reads too."""
    try:
        value = parse_value(payload, LIMIT)
    except MalformedMessage:
        return
    assert value == json.loads(payload)


_pairs = st.lists(st.tuples(st.sampled_from(["a", "b", ":", '"', "\\"]), st.integers(0, 9)), max_size=4)


@given(_pairs, st.booleans())
def test_a_key_twice_is_found_however_it_is_written(pairs: list[tuple[str, int]], escaped: bool) -> None:
    """Two readers of one text must never see two different values."""

    def key(text: str) -> str:
        return '"' + "".join(f"\\u{ord(letter):04x}" for letter in text) + '"' if escaped else json.dumps(text)

    payload = "{" + ",".join(f"{key(name)}:{value}" for name, value in pairs) + "}"
    names = [name for name, _ in pairs]
    if len(set(names)) == len(names):
        assert parse_object(payload.encode(), LIMIT) == dict(pairs)
    else:
        assert refusal(payload.encode()) == "duplicate_key"


@pytest.mark.parametrize(
    "payload",
    [
        b'"' + b'\\"' * 250_000,
        b'{"a":' + b'"\\' * 250_000,
        b'"' * 500_000,
        b"1" * 500_000,
        b"-" * 500_000,
        b":" * 500_000,
        b'{"a":NaN,' + b'"\\"' * 150_000,
        b"[" + b"1" * 499_000 + b"e5]",
    ],
    ids=["quotes", "backslashes", "strings", "digits", "signs", "colons", "after NaN", "exponent"],
)
def test_no_payload_takes_long(payload: bytes) -> None:
    """Time grows with the size and not with its square: half a megabyte of quotes once took minutes."""
    begun = perf_counter()
    with pytest.raises(MalformedMessage):
        parse_object(payload, LIMIT)
    assert perf_counter() - begun < 2
