"""The folders that rules and their overrides are written in, looked at again and again: what is sound in them counts."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from linli.errors import ConfigError
from linli.i18n import Text
from rules.engine.inputs import RulesIn
from rules.language.load import CATALOGUE, load_book

OVERRIDES_SETTING = "rules_overrides/"
"""Begins the names of files in the folder of the setting `rules_overrides`."""


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
        self._seen: Mapping[str, str] | None = None
        self.files: Mapping[str, str] = {}
        """Of the sound rules that were read last: the SHA-256 of each file, by its name."""
        self.trouble: Text | None = None

    def load(self) -> RulesIn:
        """All rules with their overrides, as they are written now; ConfigError for the first fault."""
        book = load_book(self._folder, self._overrides)
        return self._dress(RulesIn(book.rules, book.overrides))

    def begin(self) -> RulesIn:
        """The rules as they are written now, where there are none before; ConfigError if they are not sound."""
        here = self._fingerprint()
        rules = self.load()
        self._seen = self.files = here
        return rules

    def again(self) -> None:
        """Take the files for new at the next look."""
        self._seen = None

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
            self._seen = None
            self.trouble = Text(
                f"规则文件读不了，仍按原来的规则运行：{error}",
                f"the rule files cannot be read, so the rules as before stay in force: {error}",
            )
            return None
        self.trouble, self.files = None, here
        return rules

    def _fingerprint(self) -> Mapping[str, str]:
        """The SHA-256 of each file, by its name within the folder of rules, or within that of further overrides."""
        places = [("", self._folder or CATALOGUE)]
        if self._overrides is not None:
            places.append((OVERRIDES_SETTING, self._overrides))
        return {
            f"{before}{_readable(file.relative_to(folder).as_posix())}": _digest(file)
            for before, folder in places
            for file in _files(folder)
        }


def _readable(name: str) -> str:
    """A name that is no UTF-8 on the disk, with escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _digest(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:  # gone since, or not ours to read: another look tells
        content = str(error.errno).encode()
    return hashlib.sha256(content).hexdigest()


def _files(folder: Path) -> list[Path]:
    places = (folder, folder / "overrides")
    return sorted(file for place in places for pattern in ("*.yaml", "*.yml") for file in place.glob(pattern))
