"""The folders that rules and their overrides are written in, looked at again and again: what is sound in them counts."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from linli.errors import ConfigError
from linli.i18n import Text
from rules.engine.inputs import RulesIn
from rules.language.load import CATALOGUE, load_book


class RulesFolder:
    """`read` says what is new in the folders. While something is wrong there `trouble` says what, and the last sound rules
    stay. `folder` None: the catalogue. `dress` adds what comes with Linli."""

    def __init__(
        self,
        folder: Path | None,
        overrides: Path | None = None,
        dress: Callable[[RulesIn], RulesIn] = lambda rules: rules,
    ) -> None:
        self._folder = folder
        self._overrides = overrides
        self._dress = dress
        self._seen = b""
        self.trouble: Text | None = None

    def load(self) -> RulesIn:
        """All rules with their overrides, as they are written now; ConfigError for the first fault."""
        book = load_book(self._folder, self._overrides)
        return self._dress(RulesIn(book.rules, book.overrides))

    def begin(self) -> RulesIn:
        """The rules as they are written now, where there are none before; ConfigError if they are not sound."""
        self._seen = self._fingerprint()
        return self.load()

    def again(self) -> None:
        """Take the files for new at the next look."""
        self._seen = b""

    def read(self) -> RulesIn | None:
        """The rules, if a file has changed since the last time and all are sound; else None. Never raises."""
        here = self._fingerprint()
        if here == self._seen:
            return None
        self._seen = here
        try:
            rules = self.load()
        except ConfigError as error:
            self.trouble = Text(
                f"规则文件有误，仍按原来的规则运行：{error.text.zh}",
                f"there is a fault in the rule files, so the rules as before stay in force: {error.text.en}",
            )
            return None
        except OSError as error:
            self._seen = b""
            self.trouble = Text(
                f"规则文件读不了，仍按原来的规则运行：{error}",
                f"the rule files cannot be read, so the rules as before stay in force: {error}",
            )
            return None
        self.trouble = None
        return rules

    def _fingerprint(self) -> bytes:
        digest = hashlib.sha256()
        for file in _files((self._folder or CATALOGUE, self._overrides)):
            try:
                content = file.read_bytes()
            except OSError as error:  # gone since, or not ours to read: another look tells
                content = str(error.errno).encode()
            digest.update(b"%b\0%d\0" % (str(file).encode(errors="surrogateescape"), len(content)))
            digest.update(content)
        return digest.digest()


def _files(folders: Iterable[Path | None]) -> list[Path]:
    return sorted(
        file
        for folder in folders
        if folder is not None
        for place in (folder, folder / "overrides")
        for pattern in ("*.yaml", "*.yml")
        for file in place.glob(pattern)
    )
