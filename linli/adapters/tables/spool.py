"""What is kept aside while a file is read: in memory while it is small, then in a file that has no name and goes with us."""

import tempfile
from collections.abc import Iterator
from typing import IO, Self, cast

_IN_MEMORY = 1 << 20


class TemporarySpool:
    """`linli.registry.tables.importing.Spool` in a temporary file."""

    def __init__(self) -> None:
        self._file = cast(IO[bytes], tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115  # closed with the spool

    def append(self, data: bytes) -> None:
        """One more."""
        self._file.write(len(data).to_bytes(4, "little"))
        self._file.write(data)

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while length := self._file.read(4):
            yield self._file.read(int.from_bytes(length, "little"))
        self._file.seek(0, 2)

    def close(self) -> None:
        """Gone."""
        self._file.close()


class Spools:
    """Makes spools and closes them all at the end of a block."""

    def __init__(self) -> None:
        self._made: list[TemporarySpool] = []

    def new(self) -> TemporarySpool:
        """One more."""
        self._made.append(TemporarySpool())
        return self._made[-1]

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """All that were made until now."""
        for spool in self._made:
            spool.close()
        self._made.clear()

    def __exit__(self, *_: object) -> None:
        self.close()
