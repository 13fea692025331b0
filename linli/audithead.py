"""The head of the audit log, kept outside the database: number and hash of the newest entry, in a file of mode 600.

With it a chain that was cut off at its end, or made anew as a whole, shows. So it should lie where who can write the database
cannot write: the setting `audit_head` may name a file on another machine's share. The file is replaced as a whole, and only ever
moved along the chain: who finds that the entry it names is not in the database leaves it as it is, and says so.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from linli.audit import Head
from linli.errors import LinliError
from linli.i18n import Text


class HeadError(LinliError):
    """The file cannot be read or written, or is not a head."""


class HeadFile:
    """The file at `path`. Making the object touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Head | None:
        """The head that it names; None if there is no such file. HeadError if it cannot be read."""
        try:
            found = json.loads(self.path.read_bytes())
            head = Head(found["seq"], found["hash"])
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error(error.strerror or str(error)) from None
        except (ValueError, LookupError, TypeError):
            raise self._error("not a head of an audit log") from None
        if type(head.seq) is not int or not isinstance(head.hash, str):
            raise self._error("not a head of an audit log")
        return head

    def write(self, head: Head) -> None:
        """Name this one from now on: the old file or the new is there, whenever the machine stops. HeadError if it cannot be.

        Makes its folder if only that is missing: not what should be mounted above it.
        """
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor, fresh = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)  # of mode 600
            try:
                with os.fdopen(descriptor, "w") as file:
                    json.dump({"seq": head.seq, "hash": head.hash}, file)
                    file.write("\n")
                    file.flush()
                    os.fsync(file.fileno())
                Path(fresh).replace(self.path)
            except BaseException:
                with suppress(OSError):
                    Path(fresh).unlink()
                raise
        except OSError as error:
            raise self._error(error.strerror or str(error)) from None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Nobody else who asks for it moves the file meanwhile. HeadError if its folder cannot be written."""
        lock = self.path.with_name(f".{self.path.name}.lock")
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._error(error.strerror or str(error)) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _error(self, said: str) -> HeadError:
        return HeadError(
            Text(f"审计日志的链头文件 {self.path}：{said}", f"the head of the audit log, {self.path}: {said}")
        )
