"""Hypothesis strategies for what travels over the wire."""

import string

from hypothesis import strategies as st

from linli.model import READINGS_TYPE, JsonValue, Lane, Message, Reading, TimeSource

_HEAD = string.ascii_lowercase + string.digits
ids = st.builds(str.__add__, st.sampled_from(_HEAD), st.text(_HEAD + "_-", max_size=63))
_words = st.text(string.ascii_lowercase + string.digits + "_", min_size=1, max_size=32)
event_types = st.lists(_words, min_size=2, max_size=6).map(".".join).filter(lambda kind: kind != READINGS_TYPE)
times = st.integers(0, 2**33 * 1_000_000 - 1)
"""Microseconds, any of them: what is below a second must survive the wire."""

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
scalars: st.SearchStrategy[JsonValue] = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), finite, texts
)
json_values: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(texts, below, max_size=3)),
    max_leaves=8,
)

readings = st.builds(
    Reading,
    device=ids,
    quantity=ids,
    time=times,
    value=finite,
    unit=st.none() | st.text(string.ascii_letters + string.digits + "%/_.-", min_size=1, max_size=32),
)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message that the wire format takes."""
    sequence = draw(st.integers(1, 2**63 - 1))
    packed = draw(st.booleans())
    gateway = draw(ids)
    return Message(
        community=draw(ids),
        gateway=gateway,
        bootid=draw(ids),
        lane=draw(st.sampled_from(Lane)),
        sequence=sequence,
        oldest=draw(st.integers(1, sequence)),
        type=READINGS_TYPE if packed else draw(event_types),
        subject=gateway if packed else draw(ids),
        time=draw(times),
        agent_time=draw(times),
        time_source=draw(st.sampled_from(TimeSource)),
        historic=draw(st.booleans()),
        data={} if packed else draw(st.dictionaries(texts, json_values, max_size=4)),
        readings=tuple(draw(st.lists(readings, min_size=1, max_size=5))) if packed else (),
    )
