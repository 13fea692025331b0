"""Drawings of floors: what is one, and where on it something is."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.errors import Refused
from linli.floorplans import MAX_BYTES, Format, Seen, Spot, look, metres_of, spot_of
from linli.i18n import Text
from linli.registry.model import Equipment, FloorPlan
from tests.pictures import jpeg, png, riff, webp

PLAN = FloorPlan("p1", "c1", "c1-b1", Text("一层", "Ground floor"), "ground.png", 48.5, 17.25)


def lossy(width: int, height: int) -> bytes:
    """A lossy WebP by its headers."""
    chunk = riff(b"VP8 ", b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"\x00" * 4)
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (png(640, 360), Seen(Format.PNG, 640, 360)),
        (jpeg(640, 360), Seen(Format.JPEG, 640, 360)),
        (webp(640, 360), Seen(Format.WEBP, 640, 360)),
        (webp(640, 360, canvas=(640, 360)), Seen(Format.WEBP, 640, 360)),
        (lossy(640, 360), Seen(Format.WEBP, 640, 360)),
    ],
)
def test_a_drawing_is_what_its_headers_say(data: bytes, seen: Seen) -> None:
    """Of the three kinds, with its size."""
    assert look(data) == seen


def test_a_drawing_may_be_larger_than_a_snapshot() -> None:
    """A scanned sheet is; but there is an end to it."""
    assert look(jpeg(4000, 3000, padding=MAX_BYTES - 1000)).format is Format.JPEG
    with pytest.raises(Refused, match="more than"):
        look(jpeg(padding=MAX_BYTES))


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\xef\xbb\xbf<?xml version='1.0'?><svg/>",
        b"\n  <!DOCTYPE svg>",
        b"\x1f\x8b\x08 an svgz",
    ],
)
def test_an_svg_is_refused_and_it_is_said_why(data: bytes) -> None:
    """It can carry scripts: in both languages, with what to do."""
    with pytest.raises(Refused) as refused:
        look(data)
    assert refused.value.reason == "svg"
    assert "脚本" in refused.value.text.zh and "scripts" in refused.value.text.en
    assert "PNG" in refused.value.text.zh and "PNG" in refused.value.text.en


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"%PDF-1.7",
        png(60_000, 60_000),
        webp(16_384, 16_384),
        webp() + b"<script>",
        webp()[:-2],
        webp(8, 8, canvas=(9, 9)),
        webp(8, 8, canvas=(8, 8), flags=2),
        b"RIFF" + struct.pack("<I", 4) + b"WEBP",
        b"RIFF" + struct.pack("<I", 4) + b"WAVE",
    ],
)
def test_what_is_no_drawing_is_refused(data: bytes) -> None:
    """Other kinds, bombs, what is cut off or followed by something else, and what moves."""
    with pytest.raises(Refused) as refused:
        look(data)
    assert refused.value.reason == "bad_picture"


@given(st.binary(max_size=300), st.sampled_from([b"", b"RIFF", png()[:16], jpeg()[:8], webp()[:20]]))
def test_no_bytes_raise_anything_else(data: bytes, beginning: bytes) -> None:
    """Whatever is uploaded is a drawing, or is refused."""
    try:
        seen = look(beginning + data)
    except Refused:
        return
    assert seen.width > 0 and seen.height > 0


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_spot_is_kept_to_the_millimetre_and_stays_on_the_plan(x: float, y: float) -> None:
    """Metres of the plan and back."""
    x_m, y_m = metres_of(PLAN, Spot(x, y))
    assert 0 <= x_m <= PLAN.width_m and 0 <= y_m <= PLAN.height_m
    back = spot_of(PLAN, Equipment("d1", "c1", plan="p1", x_m=x_m, y_m=y_m))
    assert back is not None
    assert abs(back.x - x) * PLAN.width_m <= 0.001 and abs(back.y - y) * PLAN.height_m <= 0.001


@pytest.mark.parametrize("spot", [Spot(-0.01, 0.5), Spot(0.5, 1.01), Spot(float("nan"), 0.5)])
def test_a_spot_beside_the_drawing_is_refused(spot: Spot) -> None:
    """Also what is no number."""
    with pytest.raises(Refused):
        metres_of(PLAN, spot)


def test_what_is_on_another_plan_is_not_on_this_one() -> None:
    """Nor what is on none."""
    assert spot_of(PLAN, Equipment("d1", "c1", plan="p2", x_m=1, y_m=1)) is None
    assert spot_of(PLAN, Equipment("d1", "c1")) is None
