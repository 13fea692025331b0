"""What a picture may be, and links that hold for one picture, one person and five minutes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.clock import MINUTE, SECOND
from linli.errors import Refused
from linli.snapshots import LINK_FOR, MAX_BYTES, MAX_SIDE, Kind, Link, Picture, look, read_link, whose_goes
from tests.pictures import chunk, jpeg, png, segment

NOW = 1_764_000_000 * SECOND
KEY = b"k" * 32
LINK = Link("c001-cam-1", "s1", "u77", "service", NOW + LINK_FOR)


def test_pictures_are_known_by_what_they_are() -> None:
    """By their headers, whatever they were called."""
    assert look(png(640, 480)) == Picture(Kind.PNG, 640, 480)
    assert look(jpeg(1920, 1080)) == Picture(Kind.JPEG, 1920, 1080)
    assert look(jpeg(8, 8) + b"\x00\x00") == Picture(Kind.JPEG, 8, 8)


@pytest.mark.parametrize(
    "data",
    [
        png(MAX_SIDE + 1, 1),
        png(8000, 8000),
        png(2**31 - 1, 2**31 - 1),
        png(0, 8),
        jpeg(65535, 65535),
        jpeg(0, 8),
    ],
)
def test_bombs_are_refused_by_their_size(data: bytes) -> None:
    """Before anything is unpacked: a header of some bytes can stand for gigabytes of pixels."""
    with pytest.raises(Refused):
        look(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(50),
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"\x89PNG\r\n\x1a\n",
        png()[:-1],
        png() + b"<script>",
        png(before_end=chunk(b"IHDR", bytes(13))),
        png(before_end=chunk(b"acTL", bytes(8))),
        jpeg()[:-2],
        jpeg()[:30],
        jpeg() + b"<script>alert(1)</script>",
        b"\xff\xd8" + segment(0xC0, bytes(9)) + jpeg()[2:],
        b"\xff\xd8\xff\xd9\xff\xd9",
        b"\xff\xd8" + b"\xff" * 1000,
        bytes(MAX_BYTES + 1),
    ],
)
def test_what_is_no_whole_picture_is_refused(data: bytes) -> None:
    """Another kind, cut off, with something behind it, two sizes, an animation, too many bytes."""
    with pytest.raises(Refused):
        look(data)


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", png()[:40], jpeg()[:40]]))
def test_arbitrary_bytes_raise_only_the_one_error(data: bytes, start: bytes) -> None:
    """Never an index out of range, never a loop."""
    try:
        look(start + data)
    except Refused as refused:
        assert refused.reason == "bad_picture"


def test_a_link_holds_for_five_minutes() -> None:
    """To the second, for the one who signed it."""
    text = LINK.signed(KEY)
    assert read_link(text, KEY, NOW) == LINK
    assert read_link(text, KEY, NOW + 5 * MINUTE - 1) == LINK
    assert read_link(text, KEY, NOW + 5 * MINUTE) is None
    assert read_link(text, b"x" * 32, NOW) is None


@given(st.integers(0, len(LINK.signed(KEY)) - 1), st.characters())
def test_no_letter_of_a_link_can_be_changed(at: int, letter: str) -> None:
    """Neither device, picture, person nor end."""
    text = LINK.signed(KEY)
    changed = text[:at] + letter + text[at + 1 :]
    assert (read_link(changed, KEY, NOW) is None) == (changed != text)


@given(st.text())
def test_no_text_is_a_link_by_chance(text: str) -> None:
    """And none raises."""
    assert read_link(text, KEY, NOW) is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 9)), max_size=200), st.integers(10, 100))
def test_the_folder_is_shared_alike(sent: list[tuple[str, int]], most: int) -> None:
    """It is never fuller than allowed, and nobody who is within their share loses a picture to another."""
    kept: dict[str, list[int]] = {}
    for community, size in sent:
        while True:
            used = {name: sum(pictures) for name, pictures in kept.items()}
            whose = whose_goes(used, community, size, most)
            if whose is None:
                break
            sharers = len({name for name, taken in used.items() if taken} | {community})
            within = (used.get(community, 0) + size) * sharers <= most
            if within:
                assert used[whose] * sharers > most, "who gives is beyond their share"
            elif used.get(community, 0):
                assert whose == community, "who is beyond it makes room among their own"
            kept[whose].pop(0)
        kept.setdefault(community, []).append(size)
        assert sum(map(sum, kept.values())) <= max(most, size)
