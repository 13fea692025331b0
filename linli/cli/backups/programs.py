"""Other people's tools, run for us: told what to do, their secrets never in the process list, and what they say if they fail."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from linli.backups import BackupError
from linli.i18n import Text

_MOST_SAID = 2000


def find_tool(name: str, to_install: Text) -> Path:
    """Where the program is; BackupError with what to install if it is not there."""
    found = shutil.which(name)
    if found is None:
        raise BackupError(Text(f"找不到程序 {name}：{to_install.zh}", f"there is no program {name}: {to_install.en}"))
    return Path(found)


def run_tool(command: Sequence[str | Path], secrets: Mapping[str, str] | None = None) -> str:
    """Run it to its end and give what it printed. `secrets`: variables of its environment. BackupError with what it said if it
    fails."""
    name = Path(command[0]).name
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "LC_ALL": "C", **(secrets or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-_MOST_SAID:]
        raise BackupError(
            Text(f"{name} 没有成功（{done.returncode}）：{said}", f"{name} failed ({done.returncode}): {said}")
        )
    return done.stdout
