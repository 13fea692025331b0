"""A journal on a disk that can fill up."""

import errno

from rules.durable.journal import Journal

PLENTY = 10**9


class SmallDisk(Journal):
    """`room`: the bytes that can still be written; what is begun beyond is written as far as it goes, as a disk does."""

    room = PLENTY

    def _write(self, descriptor: int, content: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = super()._write(descriptor, content[: self.room])
        self.room -= written
        return written
