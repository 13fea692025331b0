"""Commands and replies on the wire."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.clock import SECOND
from linli.commands.wire import (
    MAX_ARGUMENTS,
    MAX_BYTES,
    MAX_DETAIL,
    MAX_LIFETIME,
    MAX_NUMBER,
    Command,
    Reply,
    ReplyState,
    decode_command,
    decode_reply,
    encode_command,
    encode_reply,
    new_command_id,
)
from linli.errors import MalformedMessage

ids = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True)
times = st.integers(0, 8_000_000_000 * SECOND)
numbers = st.integers(-MAX_NUMBER, MAX_NUMBER)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    issued_at = draw(times)
    expires_at = issued_at + draw(st.integers(1, MAX_LIFETIME))
    arguments = draw(st.dictionaries(ids, numbers, max_size=MAX_ARGUMENTS))
    return Command(draw(ids), draw(ids), draw(ids), issued_at, expires_at, arguments)


replies = st.builds(
    Reply,
    ids,
    st.sampled_from(ReplyState),
    ids | st.just(""),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=300),
    times,
)

COMMAND = Command("c1", "c001-door-01", "unlock", 1_772_406_845 * SECOND, 1_772_406_855 * SECOND, {"seconds": 5})


@given(commands())
def test_a_command_comes_back_as_it_was_sent(command: Command) -> None:
    """parse(build(x)) == x, times to the microsecond."""
    assert decode_command(encode_command(command)) == command


@given(replies)
def test_a_reply_comes_back_as_it_was_sent(reply: Reply) -> None:
    """parse(build(x)) == x."""
    assert decode_reply(encode_reply(reply)) == reply


@given(st.binary(max_size=300) | st.builds(orjson.dumps, st.dictionaries(ids, st.none() | numbers | ids)))
def test_arbitrary_bytes_raise_only_the_one_error(payload: bytes) -> None:
    """Whoever reads them needs to catch one class."""
    for decode in (decode_command, decode_reply):
        with pytest.raises(MalformedMessage):
            decode(payload)


@pytest.mark.parametrize("of", ["command", "reply"])
@given(
    field=st.integers(0, 5),
    value=st.none() | st.booleans() | st.floats(allow_nan=False) | st.text() | st.lists(numbers),
)
def test_a_field_of_another_kind_is_refused_or_read(of: str, field: int, value: object) -> None:
    """Each field in turn holds something strange: never another error, never a value of another type."""
    document = orjson.loads(encode_command(COMMAND) if of == "command" else encode_reply(_reply()))
    name = sorted(document)[field % len(document)]
    try:
        payload = orjson.dumps(document | {name: value})
    except orjson.JSONEncodeError:
        return
    try:
        read = decode_command(payload) if of == "command" else decode_reply(payload)
    except MalformedMessage:
        return
    assert type(getattr(read, name)) in (str, ReplyState, int, dict)


def _reply(detail: str = "") -> Reply:
    return Reply("c1", ReplyState.REFUSED, "expired", detail, COMMAND.expires_at)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "C1"}, "not an id"),
        ({"device": "a/b"}, "not an id"),
        ({"command": None}, "not an id"),
        ({"arguments": [5]}, "arguments"),
        ({"arguments": {"seconds": True}}, "seconds"),
        ({"arguments": {"seconds": 5.0}}, "seconds"),
        ({"arguments": {"seconds": MAX_NUMBER + 1}}, "seconds"),
        ({"arguments": {f"a{n}": 1 for n in range(MAX_ARGUMENTS + 1)}}, "arguments"),
        ({"issued_at": "2026-03-01T23:14:05"}, "issued_at"),
        ({"issued_at": 5}, "issued_at"),
        ({"expires_at": "2026-03-01T23:14:05Z"}, "good for"),
        ({"expires_at": "2036-03-01T23:14:05Z"}, "good for"),
        ({"more": 1}, "nothing else"),
    ],
)
def test_what_a_command_may_not_be(change: dict[str, object], said: str) -> None:
    """Each bound is told by name; one that is good for years too."""
    document = orjson.loads(encode_command(COMMAND)) | change
    with pytest.raises(MalformedMessage, match=said):
        decode_command(orjson.dumps(document))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": 5}, "not an id"),
        ({"state": "maybe"}, "none of done, refused, failed"),
        ({"state": ["done"]}, "none of"),
        ({"reason": "so it is"}, "no code"),
        ({"detail": "x" * (MAX_DETAIL + 1)}, "at most 500"),
        ({"at": "now"}, "at 'now'"),
    ],
)
def test_what_a_reply_may_not_be(change: dict[str, object], said: str) -> None:
    """Each bound is told by name."""
    document = orjson.loads(encode_reply(_reply())) | change
    with pytest.raises(MalformedMessage, match=said):
        decode_reply(orjson.dumps(document))


def test_a_payload_is_bounded_before_it_is_parsed() -> None:
    """A megabyte is refused for its size."""
    for decode in (decode_command, decode_reply):
        with pytest.raises(MalformedMessage, match="over the limit"):
            decode(b" " * (MAX_BYTES + 1))


def test_a_long_detail_is_cut() -> None:
    """A gateway's own words never make its answer unreadable."""
    assert decode_reply(encode_reply(_reply("x" * 5000))).detail == "x" * MAX_DETAIL


def test_a_command_that_could_not_be_read_is_not_sent() -> None:
    """The sender finds out, not the gateway."""
    with pytest.raises(MalformedMessage, match="good for"):
        encode_command(Command("c1", "d", "unlock", 10 * SECOND, 10 * SECOND))


def test_ids_are_not_met_twice() -> None:
    """They are random, and ids."""
    made = {new_command_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(name) == 31 for name in made)
