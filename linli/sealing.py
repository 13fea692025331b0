"""Secrets that must be read again (a second factor's), sealed so that the database alone does not give them away.

The key lies in the data folder (`secrets/sealing.keys`, mode 600), made when it is first needed; a copy of the database,
stolen or backed up, opens nothing. A backup of the data folder holds both: keep it accordingly.

Sealed is with Fernet (AES-128-CBC and HMAC-SHA256), together with whose secret it is, so that a row moved to another account
does not open. The file has one key on each line, the newest first: all open, the newest seals. To change keys: `renew`, `anew` for
everything that is sealed, `forget_old` (`linli.db.resealing`). After a crash in between, begin again: nothing is lost.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from linli.access import write_secret
from linli.errors import LinliError
from linli.i18n import Text


class NotSealedHere(LinliError):
    """What was sealed does not open with the keys that are here, or was sealed for somebody else."""


class Seals:
    """The keys in a folder of secrets. Reads the file each time: another process may have changed it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "sealing.keys"

    def seal(self, text: str, whose: str) -> str:
        """`text`, to be opened for `whose` alone."""
        keys = self._keys()
        if not keys:
            with self._alone():
                keys = self._keys() or self._write([Fernet.generate_key().decode()])
        return MultiFernet([Fernet(key) for key in keys]).encrypt(json.dumps([whose, text]).encode()).decode()

    def open(self, sealed: str, whose: str) -> str:
        """What was sealed for `whose`, else NotSealedHere."""
        keys = self._keys()
        try:
            opened = MultiFernet([Fernet(key) for key in keys]).decrypt(sealed.encode()) if keys else b""
            owner, text = json.loads(opened)
        except (InvalidToken, ValueError, TypeError):
            raise _not_here(self.file) from None
        if owner != whose:
            raise _not_here(self.file)
        return str(text)

    def anew(self, sealed: str) -> str:
        """The same, sealed with the newest key, whoever's it is; NotSealedHere if it does not open."""
        try:
            return self._fernet().rotate(sealed.encode()).decode()
        except (InvalidToken, ValueError):
            raise _not_here(self.file) from None

    def is_newest(self, sealed: str) -> bool:
        """Whether it is sealed with the newest key."""
        try:
            Fernet(self._keys()[0]).decrypt(sealed.encode())
        except (InvalidToken, ValueError, IndexError):
            return False
        return True

    def renew(self) -> None:
        """Seal with a new key from now on. What was sealed before still opens."""
        with self._alone():
            self._write([Fernet.generate_key().decode(), *self._keys()])

    def forget_old(self) -> None:
        """Keep the newest key alone."""
        with self._alone():
            self._write(self._keys()[:1])

    def _fernet(self) -> MultiFernet:
        """ValueError if there is no key."""
        return MultiFernet([Fernet(key) for key in self._keys()])

    def _keys(self) -> list[str]:
        try:
            return self.file.read_text("ascii").split()
        except FileNotFoundError:
            return []

    def _write(self, keys: list[str]) -> list[str]:
        write_secret(self.file, "".join(f"{key}\n" for key in keys))
        return keys

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other writers waiting; the kernel takes the lock back from who is killed."""
        import fcntl  # here: not every system has it, and most who import this seal nothing

        self.file.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(self.file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _not_here(file: Path) -> NotSealedHere:
    return NotSealedHere(
        Text(
            f"有一项秘密无法用 {file} 中的密钥打开：是否换了数据目录？双重验证可由管理员重置",
            f"a secret does not open with the keys in {file}: is this another data folder? "
            "An administrator can reset a second factor",
        )
    )
