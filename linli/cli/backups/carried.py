"""The settings, as a backup carries them: what was set, from whichever source, and the files and folders that settings name.

Restored they are a `linli.toml` that names the files where they lie now; what has its default is not in it.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from pydantic import SecretStr

from linli.backups import SETTINGS, BackupError
from linli.i18n import Text
from linli.settings import Settings

_FILES = f"{SETTINGS}/files"
_PLACE = "data"
"""Where the data folder lies is of the machine."""

Values = Mapping[str, str | int | float | bool]


def what_was_set(settings: Settings) -> Values:
    """Every setting that has another value than its default; a file or folder by its name in the archive. Holds secrets."""
    values: dict[str, str | int | float | bool] = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        is_default = field.default_factory is None and value == field.default  # what a factory makes is of the machine
        if name == _PLACE or value is None or is_default:
            continue
        values[name] = _plain(name, value)
    return values


def carried_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Each file that a setting names, or that lies in a folder that one names, with its name in the archive. BackupError if one
    is not there."""
    for name, value in _paths(settings):
        base = PurePosixPath(_FILES) / name / value.name
        if value.is_file():
            yield str(base), value
        elif value.is_dir():
            for file in sorted(path for path in value.rglob("*") if path.is_file()):
                yield str(base / file.relative_to(value).as_posix()), file
        else:
            raise BackupError(
                Text(
                    f"设置 {name} 指定的 {value} 不存在：改正该设置，再备份",
                    f"{value}, which the setting {name} names, is not there: correct the setting, then back up",
                )
            )


def encode(values: Values) -> bytes:
    """As the archive has it."""
    return json.dumps(values, ensure_ascii=False, indent=1).encode()


def as_toml(content: bytes, folder: Path, own: Mapping[str, str]) -> str:
    """A `linli.toml` of what an archive has, its files now in `folder`; `own` goes before it. BackupError if it makes no sense."""
    try:
        values: Any = json.loads(content)
        known = {name: value for name, value in values.items() if name in Settings.model_fields}
    except (ValueError, AttributeError) as error:
        raise BackupError(
            Text(f"备份中的设置读不懂：{error}", f"the settings in the backup cannot be read: {error}")
        ) from None
    for name, value in known.items():
        if _is_path(name):
            known[name] = str(folder / PurePosixPath(str(value)).relative_to(SETTINGS))
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in {**known, **own}.items()]
    return "".join(lines).replace("\x7f", "\\u007f")


def _plain(name: str, value: object) -> str | int | float | bool:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return f"{_FILES}/{name}/{value.resolve().name}"
    return value if isinstance(value, bool | int | float) else str(value)


def _paths(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, Path) and name != _PLACE:
            yield name, value.resolve()


def _is_path(name: str) -> bool:
    annotation = Settings.model_fields[name].annotation
    return Path in (annotation, *get_args(annotation))
