"""Small pictures for tests, made here: valid as far as their headers say."""

import struct
import zlib


def png(width: int = 8, height: int = 8, *, before_end: bytes = b"") -> bytes:
    """A grey PNG. Its pixels are only there where that is affordable: a bomb has the header alone."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\x00" + b"\x80" * width) * height if width * height < 1_000_000 else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + before_end
        + chunk(b"IEND", b"")
    )


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def jpeg(width: int = 8, height: int = 8, *, padding: int = 0) -> bytes:
    """A JPEG by its segments; `padding` bytes of scan data make it larger."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return (
        b"\xff\xd8"
        + segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
        + segment(0xC0, frame)
        + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
        + b"\x00" * padding
        + b"\x12\xff\xd9"
    )


def segment(marker: int, body: bytes) -> bytes:
    """One segment of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def webp(width: int = 8, height: int = 8, *, canvas: tuple[int, int] | None = None, flags: int = 0) -> bytes:
    """A lossless WebP by its headers; `canvas`: with an extended header that says this size."""
    bits = (width - 1) | (height - 1) << 14
    chunks = riff(b"VP8L", b"\x2f" + struct.pack("<I", bits))
    if canvas is not None:
        sides = b"".join(struct.pack("<I", side - 1)[:3] for side in canvas)
        chunks = riff(b"VP8X", bytes((flags, 0, 0, 0)) + sides) + chunks
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def riff(name: bytes, body: bytes) -> bytes:
    """One chunk of a WebP."""
    return name + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2)
