"""The settings, as a backup carries them: what was set, from whichever source, and the files and folders that settings name.

Restored they are a `linli.toml` that names the files where they lie now; what has its default is not in it.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from pydantic import SecretStr

from linli.backups import DATA, RESTORED, SETTINGS, BackupError, turn_of
from linli.i18n import Text
from linli.settings import Settings

_FILES = f"{SETTINGS}/files"
_ONLY_NAMED = frozenset(("data", "audit_head"))
"""Not carried: the data folder lies where the machine has room; the audit's head is kept where the database is not, so that an
older database in its place shows."""

Values = Mapping[str, str | int | float | bool]


def what_was_set(settings: Settings) -> Values:
    """Every setting that has another value than its default; a file or folder by its name in the archive. Holds secrets."""
    values: dict[str, str | int | float | bool] = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        is_default = field.default_factory is None and value == field.default  # what a factory makes is of the machine
        if name != "data" and value is not None and not is_default:
            values[name] = _place(settings, name, value) if isinstance(value, Path) else _plain(value)
    return values


def carried_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Each file that a setting names, or that lies in a folder that one names, with its name in the archive."""
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if not isinstance(value, Path) or not _is_carried(settings, name, value):
            continue
        base = PurePosixPath(_place(settings, name, value))
        if value.is_file():
            yield str(base), value
            continue
        for file in sorted(path for path in value.rglob("*") if path.is_file()):
            yield str(base / file.relative_to(value).as_posix()), file


def missing_files(settings: Settings) -> list[tuple[str, Path]]:
    """The settings that name a file which is not there, and the file."""
    named = ((name, getattr(settings, name)) for name in Settings.model_fields if name not in _ONLY_NAMED)
    return [(name, value) for name, value in named if isinstance(value, Path) and not value.exists()]


def encode(values: Values) -> bytes:
    """As the archive has it."""
    return json.dumps(values, ensure_ascii=False, indent=1).encode()


def as_toml(content: bytes, folder: Path, own: Mapping[str, str]) -> str:
    """A `linli.toml` of what an archive has, restored into the data folder `folder`; `own` goes before it. BackupError if it makes
    no sense."""
    try:
        values: Any = json.loads(content)
        known = {name: value for name, value in values.items() if name in Settings.model_fields}
    except (ValueError, AttributeError) as error:
        raise BackupError(
            Text(f"备份中的设置读不懂：{error}", f"the settings in the backup cannot be read: {error}")
        ) from None
    for name, value in known.items():
        if _is_path(name):
            known[name] = _found(str(value), folder)
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in {**known, **own}.items()]
    return "".join(lines).replace("\x7f", "\\u007f")


def _plain(value: object) -> str | int | float | bool:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, bool | int | float) else str(value)


def _is_carried(settings: Settings, name: str, value: Path) -> bool:
    return name not in _ONLY_NAMED and value.exists() and not _is_within(settings, value)


def _is_within(settings: Settings, value: Path) -> bool:
    """Whether it is in the backup as a part of the data folder."""
    data, path = settings.data.resolve(), value.resolve()
    return data in path.parents and turn_of(PurePosixPath(path.relative_to(data).as_posix()) / "any") is not None


def _place(settings: Settings, name: str, value: Path) -> str:
    """Where it is in the archive; where it was, if it is not in it."""
    if _is_within(settings, value):
        return f"{DATA}/{value.resolve().relative_to(settings.data.resolve()).as_posix()}"
    if _is_carried(settings, name, value):
        return f"{_FILES}/{name}/{value.resolve().name}"
    return str(value.resolve())


def _found(place: str, folder: Path) -> str:
    """The inverse, for a data folder `folder`."""
    path = PurePosixPath(place)
    if path.parts[0] == DATA:
        return str(folder / path.relative_to(DATA))
    if path.parts[0] == SETTINGS:
        return str(folder / RESTORED / path.relative_to(SETTINGS))
    return place


def _is_path(name: str) -> bool:
    annotation = Settings.model_fields[name].annotation
    return Path in (annotation, *get_args(annotation))
