"""The folder of everything Linli keeps: where each thing lies, and which layout it has.

VERSION        the layout's number; a newer one is refused, an older one migrated
linli.db       alerts, registry, people (SQLite; not there with a database_url)
readings.db    readings and events (SQLite; not there with an influx_url)
rules/         journal and snapshots of the rules engine
agents/        outboxes of agents that run on this machine (the simulator's)
broker/        configuration and store of the embedded broker
snapshots/     pictures that cameras took, mode 600: COMMUNITY/DEVICE/DAY/
drawings/      drawings of floor plans, mode 600: COMMUNITY/PLAN/DAY/
imports/       files that somebody imports, mode 600, for an hour
secrets/       passwords, mode 600 in a folder of mode 700
logs/          a log for each process
run/           what is running now: lock, requests to the simulator
restored/      where `linli restore` made the folder: the settings of then, and the files that they name
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from linli.errors import DataFolderError
from linli.i18n import Text

LAYOUT = 1

OWNER_ALONE = 0o077
"""The umask of every process of Linli: a file that it makes has mode 600, a folder 700, whatever library makes it."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths under one data folder. Making the object touches nothing; `prepare` makes the folders."""

    root: Path

    @property
    def rules(self) -> Path:
        """Journal and snapshots."""
        return self.root / "rules"

    @property
    def agents(self) -> Path:
        """Outboxes of local agents."""
        return self.root / "agents"

    @property
    def broker(self) -> Path:
        """The embedded broker's folder."""
        return self.root / "broker"

    @property
    def secrets(self) -> Path:
        """Passwords."""
        return self.root / "secrets"

    @property
    def snapshots(self) -> Path:
        """Pictures; not there before the first."""
        return self.root / "snapshots"

    @property
    def drawings(self) -> Path:
        """Drawings of floor plans; not there before the first."""
        return self.root / "drawings"

    @property
    def imports(self) -> Path:
        """Files that somebody imports; not there before the first."""
        return self.root / "imports"

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What is running now."""
        return self.root / "run"

    def prepare(self) -> None:
        """Make the folders and check the layout. DataFolderError if it is newer than this Linli, or not writable.

        What is made is for the owner alone (databases hold password hashes); a folder that is there keeps its mode.
        """
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
            for folder in (self.rules, self.agents, self.broker, self.logs, self.run):
                folder.mkdir(exist_ok=True)
            for folder in (self.root, self.rules, self.run):
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            self._mark_layout()
        except OSError as error:
            raise not_writable(self.root, error) from None

        self.check_layout()

    def _mark_layout(self) -> None:
        file = self.root / "VERSION"
        if not file.exists():
            # A name of its own, for services that start together; never seen empty, whenever the process is killed.
            descriptor, fresh = tempfile.mkstemp(prefix="VERSION.", dir=self.root)
            with os.fdopen(descriptor, "w") as opened:
                opened.write(f"{LAYOUT}\n")
            Path(fresh).replace(file)

    def check_layout(self) -> None:
        """DataFolderError if the folder is of a layout that this Linli does not know. Reads one file, writes nothing."""
        file = self.root / "VERSION"
        if not file.exists():
            return
        said = file.read_text(errors="replace").strip()
        if not said.isdecimal() or int(said) > LAYOUT:
            raise DataFolderError(
                Text(
                    f"数据目录 {self.root} 的版本是 {said!r}，此 Linli 只认得 {LAYOUT}：请升级 Linli",
                    f"the data folder {self.root} has version {said!r}, this Linli knows {LAYOUT}: upgrade Linli",
                )
            )


@contextmanager
def for_owner_alone() -> Iterator[None]:
    """What is made in this block is for its owner alone. For a process with work of its own besides; a service sets its umask."""
    before = os.umask(OWNER_ALONE)
    try:
        yield
    finally:
        os.umask(before)


def not_writable(root: Path, error: OSError) -> DataFolderError:
    """What to tell people when the data folder `root` cannot be written."""
    said = error.strerror or str(error)
    return DataFolderError(
        Text(
            f"数据目录 {root} 无法写入：{said}。请改用 --data 指定可写的目录",
            f"cannot write to the data folder {root}: {said}. Choose a folder you may write to with --data",
        )
    )
