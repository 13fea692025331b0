"""Pictures that cameras take: what one may be, and the signed link by which it is looked at. No I/O.

A picture is never decoded here. Its headers are read as far as its size, so that a few bytes which would unfold into gigabytes
of pixels never reach a browser; and it is served under the type that it was found to be, whatever it was said to be.

A link is for one picture, one person, one purpose and five minutes: device, picture, person, purpose, end, the reason if one was
given (sealed, for an address is seen by others), and an HMAC-SHA-256 over them. It needs no cookie, so that it can stand in a page or be
opened by another program; who passes it on passes on those minutes alone, and the log says whose link it was, and what for.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from linli.clock import MINUTE, SECOND
from linli.errors import Refused
from linli.i18n import Text
from linli.ids import is_id

MAX_BYTES = 4 * 1024 * 1024
MAX_SIDE = 8192
MAX_PIXELS = 40_000_000
"""More than an 8K camera has."""

LINK_FOR = 5 * MINUTE

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's markers that begin a frame and state its size (ITU-T T.81, table B.1)."""

_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))
"""Markers without a length."""

_SCAN, _END = 0xDA, 0xD9


class Kind(StrEnum):
    """What a picture may be. The value is the ending of its file."""

    JPEG = "jpg"
    PNG = "png"

    @property
    def media_type(self) -> str:
        """For Content-Type."""
        return "image/jpeg" if self is Kind.JPEG else "image/png"


@dataclass(frozen=True, slots=True)
class Picture:
    """What the headers say."""

    kind: Kind
    width: int
    height: int


def look(data: bytes, most: int = MAX_BYTES) -> Picture:
    """What `data` is. Refused 'bad_picture' unless it is a whole JPEG or PNG of a size that can be shown, of at most `most` bytes."""
    if len(data) > most:
        raise _refused(f"图片大于 {most} 字节", f"the picture has more than {most} bytes")
    if data.startswith(_PNG):
        picture = Picture(Kind.PNG, *_png_size(data))
    elif data.startswith(_JPEG):
        picture = Picture(Kind.JPEG, *_jpeg_size(data))
    else:
        raise _refused("不是 JPEG 或 PNG 图片", "neither a JPEG nor a PNG")
    width, height = picture.width, picture.height
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise _refused(
            f"图片为 {width} × {height}，最多 {MAX_SIDE} × {MAX_SIDE}、{MAX_PIXELS} 像素",
            f"the picture is {width} x {height}; at most {MAX_SIDE} x {MAX_SIDE} and {MAX_PIXELS} pixels",
        )
    return picture


def _png_size(data: bytes) -> tuple[int, int]:
    """Chunk by chunk to the end (PNG, 5.3): one header, first; no animation; nothing after the end."""
    at, size = len(_PNG), None
    while at + 12 <= len(data):
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        body = at + 8
        at = body + length + 4
        if (name == b"IHDR") != (size is None) or name == b"acTL" or at > len(data):
            break
        if name == b"IHDR":
            size = int.from_bytes(data[body : body + 4]), int.from_bytes(data[body + 4 : body + 8])
        if name == b"IEND" and size is not None and at == len(data):
            return size
    raise _refused("PNG 图片不完整或不支持", "the PNG is not whole, or of a kind that is not taken")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Segment by segment to the first scan (ITU-T T.81, B.1.1): one frame; and an end marker at the end."""
    at, size = 2, None
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4])
        if length < 2 or marker == _END:
            break
        if marker in _FRAMES:
            if size is not None or length < 8 or at + 9 > len(data):
                break
            size = int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        if marker == _SCAN:
            if size is not None and data.rstrip(b"\x00").endswith(b"\xff\xd9"):
                return size
            break
        at += 2 + length
    raise _refused("JPEG 图片不完整", "the JPEG is not whole")


def whose_goes(used: Mapping[str, int], community: str, size: int, most: int) -> str | None:
    """The community whose oldest picture makes room, when `size` more bytes of `community` are to fit into `most` and `used` says
    what each takes; None: they fit, or there is nothing left to give.

    Those that have pictures share alike. Room that nobody needs may be used by all; who is within their share takes it back from
    whoever is furthest beyond theirs; who is beyond it makes room among their own. So one that sends day and night never costs
    another a picture of its share.
    """
    mine = used.get(community, 0)
    if sum(used.values()) + size <= most:
        return None
    others = {name: taken for name, taken in used.items() if taken > 0 and name != community}
    if mine > 0 and (mine + size) * (len(others) + 1) > most:
        return community
    return max(others, key=lambda name: (others[name], name), default=None)


@dataclass(frozen=True, slots=True)
class Link:
    """Leave for `person` to see one picture of a device until `until` (microseconds since 1970 UTC), for a purpose (a word of
    `linli.auditwords.PURPOSES`). `reason`: in a sentence, as it was sealed; '' for none. It has letters, digits, '-', '_' and '='."""

    device: str
    snapshot: str
    person: str
    purpose: str
    until: int
    reason: str = ""

    def signed(self, key: bytes) -> str:
        """The link as it stands in an address: ids and digits with dots between, which need no escaping."""
        said = self._said()
        return f"{said}.{_mac(key, said)}"

    def _said(self) -> str:
        return f"{self.device}.{self.snapshot}.{self.person}.{self.purpose}.{self.until // SECOND}.{self.reason}"


def read_link(text: str, key: bytes, now: int) -> Link | None:
    """The link that `text` is, if it was signed with `key` and is not over at `now`."""
    said, _, mac = text.rpartition(".")
    if not text.isascii() or not hmac.compare_digest(_mac(key, said).encode(), mac.encode()):
        return None
    parts = said.split(".")
    if len(parts) != 6 or not all(is_id(part) for part in (*parts[:2], parts[3])):
        return None
    link = Link(parts[0], parts[1], parts[2], parts[3], int(parts[4]) * SECOND, parts[5])
    return link if now < link.until else None


def _mac(key: bytes, said: str) -> str:
    return hmac.new(key, f"linli snapshot link\n{said}".encode(), hashlib.sha256).hexdigest()


def _refused(zh: str, en: str) -> Refused:
    error = Refused("bad_picture", en)
    error.text = Text(zh, en)
    return error
