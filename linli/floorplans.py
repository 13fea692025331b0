"""Drawings of floors: what one may be, and how a spot on it is kept. No I/O.

A drawing is never decoded here. Its headers are read as far as its size, so that a few bytes which would unfold into gigabytes
of pixels never reach a browser; and it is served under the type that it was found to be. A drawing in SVG is a page that may
hold scripts, so it is refused whatever it holds.

The registry keeps a device's place on a plan in metres from its left and from its top (`Equipment.x_m`, `y_m`), so that it says
the same beside another drawing of the same floor. People and programs who look at the drawing go by a `Spot` on it.
"""

from dataclasses import dataclass
from enum import StrEnum

from linli.errors import Refused
from linli.i18n import Text
from linli.registry.model import Equipment, FloorPlan
from linli.snapshots import MAX_PIXELS, MAX_SIDE
from linli.snapshots import look as look_at_picture

MAX_BYTES = 8 * 1024 * 1024
"""A sheet that was scanned, or photographed with a telephone."""

_MARKUP = (b"<", b"\xef\xbb\xbf<", b"\x1f\x8b")
"""How an SVG begins, plain or compressed, and any other markup."""

_CHUNK = 8
_MOVES = 0x02
"""The bit of a VP8X header that says that there is more than one picture."""


class Format(StrEnum):
    """What a drawing may be. The value is the ending of its file."""

    PNG = "png"
    JPEG = "jpg"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """For Content-Type."""
        return f"image/{'jpeg' if self is Format.JPEG else self.value}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the headers say of a drawing; pixels."""

    format: Format
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of a drawing, from its left and from its top, each from 0 to 1."""

    x: float
    y: float


def look(data: bytes) -> Seen:
    """What `data` is. Refused 'svg' for an SVG, 'bad_picture' unless it is a whole PNG, JPEG or WebP of a size that can be shown."""
    if data[:256].lstrip().startswith(_MARKUP):
        raise _refused(
            "svg",
            "不接受 SVG：其中可能带有脚本。请导出为 PNG、JPEG 或 WebP 再上传",
            "an SVG is not taken, for it can carry scripts: export it as PNG, JPEG or WebP and upload that",
        )
    if data[:4] == b"RIFF":
        return _checked(Seen(Format.WEBP, *_webp_size(data)), len(data))
    if not data.startswith((b"\x89PNG", b"\xff\xd8")):
        raise _refused("bad_picture", "不是 PNG、JPEG 或 WebP 图片", "neither a PNG nor a JPEG or WebP")
    found = look_at_picture(data, MAX_BYTES)
    return Seen(Format(found.kind.value), found.width, found.height)


def spot_of(plan: FloorPlan, equipment: Equipment) -> Spot | None:
    """Where on the drawing of `plan` the equipment is; None if it is not on that plan."""
    if equipment.plan != plan.id or equipment.x_m is None or equipment.y_m is None:
        return None
    return Spot(min(1.0, equipment.x_m / plan.width_m), min(1.0, equipment.y_m / plan.height_m))


def metres_of(plan: FloorPlan, spot: Spot) -> tuple[float, float]:
    """The same in metres from the left and from the top, to the millimetre. Refused 'bad_spot' for a point beside the drawing."""
    if not (0 <= spot.x <= 1 and 0 <= spot.y <= 1):
        raise _refused(
            "bad_spot", "位置须在图内：x 与 y 在 0 与 1 之间", "a spot is on the drawing: x and y are from 0 to 1"
        )
    x_m, y_m = (min(side, round(part * side, 3)) for part, side in ((spot.x, plan.width_m), (spot.y, plan.height_m)))
    return x_m, y_m


def _webp_size(data: bytes) -> tuple[int, int]:
    """Chunk by chunk to the end (RFC 9649): one still picture, of the size of its canvas, and nothing after it."""
    if len(data) < 12 or data[8:12] != b"WEBP" or int.from_bytes(data[4:8], "little") + _CHUNK != len(data):
        raise _broken_webp()
    at, canvas, size = 12, None, None
    while at + _CHUNK <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + _CHUNK : at + _CHUNK + length]
        at += _CHUNK + length + length % 2
        if name == b"VP8X" and at == 12 + _CHUNK + length and len(body) >= 10 and not body[0] & _MOVES:
            canvas = 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        elif name in (b"VP8 ", b"VP8L") and size is None:
            size = _lossy(body) if name == b"VP8 " else _lossless(body)
        elif name in (b"VP8X", b"VP8 ", b"VP8L", b"ANIM", b"ANMF"):
            raise _broken_webp()
    if at != len(data) or size is None or (canvas is not None and canvas != size):
        raise _broken_webp()
    return size


def _lossy(body: bytes) -> tuple[int, int] | None:
    """The size in the header of a key frame (RFC 6386, 9.1)."""
    if len(body) < 10 or body[0] & 1 or body[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF


def _lossless(body: bytes) -> tuple[int, int] | None:
    """The size in the header of a lossless picture (RFC 9649, 3.4): 14 bits each, less one."""
    if len(body) < 5 or body[0] != 0x2F:
        return None
    bits = int.from_bytes(body[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _checked(seen: Seen, length: int) -> Seen:
    width, height = seen.width, seen.height
    if length > MAX_BYTES:
        raise _refused("bad_picture", f"图片大于 {MAX_BYTES} 字节", f"the picture has more than {MAX_BYTES} bytes")
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise _refused(
            "bad_picture",
            f"图片为 {width} × {height}，最多 {MAX_SIDE} × {MAX_SIDE}、{MAX_PIXELS} 像素",
            f"the picture is {width} x {height}; at most {MAX_SIDE} x {MAX_SIDE} and {MAX_PIXELS} pixels",
        )
    return seen


def _broken_webp() -> Refused:
    return _refused("bad_picture", "WebP 图片不完整或不支持", "the WebP is not whole, or of a kind that is not taken")


def _refused(reason: str, zh: str, en: str) -> Refused:
    error = Refused(reason, en)
    error.text = Text(zh, en)
    return error
