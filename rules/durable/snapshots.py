"""Snapshots as files: what the engine knew after one input, in place of all inputs up to there.

    snapshot-<position>.state    a line of JSON (what follows, with lengths and CRC-32), then the blocks themselves
    registry-<hash>.json         the registry, and
    rules-<hash>.json            the rules with their overrides, of which a snapshot names the hash

Registry and rules are large and change seldom, so they are written once for each content and kept for as long as a snapshot
names them. Each file is written under another name, made durable and then renamed: what has its name is whole.
"""

import hashlib
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from linli.db.registry import RegistrySnapshot
from rules.durable.segments import Damaged, make_durable
from rules.engine.inputs import RulesIn, decode_input, encode_input

_MAGIC = b"LINLIS1 "
_AT_ONCE = 1000
"""Parts of the registry that are encoded in one go: other threads wait for no longer than that."""

_PART_NAME = re.compile(r"(registry|rules)-([0-9a-f]{32})\.json")


@dataclass(frozen=True, slots=True)
class Image:
    """An engine's state at one instant. Nothing in it changes, so another thread may write it down.

    `core` and `columns` are bytes of `rules.durable.state`. A core that the first versions wrote has registry and rules in it.
    """

    core: bytes
    columns: tuple[bytes, ...] = ()
    registry: RegistrySnapshot = field(default_factory=RegistrySnapshot)
    rules: RulesIn = field(default_factory=lambda: RulesIn(()))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The engine's state after the input at `position`. `told`: the last position up to there that had effects."""

    position: int
    told: int
    state: Image


class _Head(msgspec.Struct):
    position: int
    told: int
    registry: str
    rules: str
    blocks: list[tuple[int, int]]
    """Length and CRC-32 of the core, then of each column."""


class SnapshotFiles:
    """The snapshots of one folder. One at a time may write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._registry: tuple[RegistrySnapshot, str] | None = None
        self._rules: tuple[RulesIn, str] | None = None

    def position(self) -> int:
        """Of the newest snapshot; 0 without one."""
        return max(map(_position_of, self._files()), default=0)

    def newest(self) -> Snapshot | None:
        """The newest snapshot, or None. Damaged if it is not what was written, OSError if it cannot be read."""
        file = max(self._files(), default=None)
        return None if file is None else self._read(file)

    def write(self, snapshot: Snapshot) -> None:
        """Make it durable. OSError if it cannot be written: then the one before it stands."""
        image = snapshot.state
        if self._registry is None or self._registry[0] is not image.registry:
            self._registry = (image.registry, self._write_part("registry", _registry_lines(image.registry)))
        if self._rules is None or self._rules[0] != image.rules:
            self._rules = (image.rules, self._write_part("rules", [encode_input(image.rules)]))
        blocks = (image.core, *image.columns)
        sizes = [(len(block), zlib.crc32(block)) for block in blocks]
        head = _Head(snapshot.position, snapshot.told, self._registry[1], self._rules[1], sizes)
        line = msgspec.json.encode(head)
        first = b"%b%08x %b\n" % (_MAGIC, zlib.crc32(line), line)
        self._put(f"snapshot-{snapshot.position:020d}.state", (first, *blocks))

    def believe(self, registry: RegistrySnapshot, rules: RulesIn) -> None:
        """The newest snapshot is of these: they need not be written again. OSError if it cannot be read."""
        newest = max(self._files(), default=None)
        if newest is not None:
            head, _ = self._head(newest)
            self._registry, self._rules = (registry, head.registry), (rules, head.rules)

    def tidy(self) -> None:
        """Let go of what no later start needs: older snapshots, what only they name, and what was begun and not ended."""
        files = sorted(self._files())
        for old in (*files[:-1], *self._folder.glob("*.part")):
            old.unlink(missing_ok=True)
        head = self._head(files[-1])[0] if files else None
        named = set() if head is None else {f"registry-{head.registry}.json", f"rules-{head.rules}.json"}
        for part in self._folder.iterdir():
            if _PART_NAME.fullmatch(part.name) and part.name not in named:
                part.unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        return self._folder.glob("snapshot-*.state")

    def _read(self, file: Path) -> Snapshot:
        head, start = self._head(file)
        blocks = []
        with file.open("rb") as opened:
            opened.seek(start)
            for length, crc in head.blocks:
                block = opened.read(length)
                if len(block) != length or zlib.crc32(block) != crc:
                    raise Damaged(f"snapshot at {head.position}")
                blocks.append(block)
        registry = _registry_of(self._read_part("registry", head.registry))
        rules = decode_input(self._read_part("rules", head.rules))
        if not isinstance(rules, RulesIn):
            raise Damaged(f"rules-{head.rules}.json")
        self._registry, self._rules = (registry, head.registry), (rules, head.rules)
        return Snapshot(head.position, head.told, Image(blocks[0], tuple(blocks[1:]), registry, rules))

    def _head(self, file: Path) -> tuple[_Head, int]:
        with file.open("rb") as opened:
            line = opened.readline()
        said, _, rest = line.removeprefix(_MAGIC).partition(b" ")
        document = rest.removesuffix(b"\n")
        if not line.startswith(_MAGIC) or said != b"%08x" % zlib.crc32(document):
            raise Damaged(f"snapshot at {_position_of(file)}")
        return msgspec.json.decode(document, type=_Head), len(line)

    def _write_part(self, kind: str, lines: Iterable[bytes]) -> str:
        chunks = list(lines)
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
        name = digest.hexdigest()[:32]
        if not (self._folder / f"{kind}-{name}.json").exists():
            self._put(f"{kind}-{name}.json", chunks)
        return name

    def _read_part(self, kind: str, name: str) -> bytes:
        file = self._folder / f"{kind}-{name}.json"
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            raise Damaged(f"{file.name} is missing") from None
        if hashlib.sha256(content).hexdigest()[:32] != name:
            raise Damaged(file.name)
        return content

    def _put(self, name: str, chunks: Iterable[bytes]) -> None:
        begun = self._folder / f"{name}.part"
        with begun.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        begun.replace(self._folder / name)
        make_durable(self._folder)


def _position_of(file: Path) -> int:
    return int(file.stem.removeprefix("snapshot-"))


def _registry_lines(registry: RegistrySnapshot) -> Iterator[bytes]:
    """One line for each so many of its parts: what it is of, and the parts by name."""
    yield msgspec.json.encode({"version": registry.version}) + b"\n"
    for named in fields(registry):
        value = getattr(registry, named.name)
        if isinstance(value, Mapping):
            items = iter(value.items())
            while some := dict(islice(items, _AT_ONCE)):
                yield msgspec.json.encode({named.name: some}) + b"\n"


def _registry_of(content: bytes) -> RegistrySnapshot:
    made = RegistrySnapshot()
    known: dict[str, Any] = {named.name: {} for named in fields(made)}
    version = 0
    for line in content.splitlines():
        part = msgspec.json.decode(line, type=RegistrySnapshot)
        version = part.version or version
        for name, items in known.items():
            if name != "version":
                items.update(getattr(part, name))
    known["version"] = version
    return RegistrySnapshot(**known)
