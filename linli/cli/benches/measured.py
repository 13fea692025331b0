"""What a bench gives back, and what several of them need."""

import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from linli import __version__
from linli.i18n import Text

_SOURCES = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Measured:
    """Metrics by name, in the unit that the name ends in; and what a reader should know of how they were measured.

    `setting`: the same for programs, as words beside the metrics. `lost`: how much of what was sent never arrived; anything
    but 0 and the metrics do not count. `costs`: what was measured -> process -> what that process used, by name.
    """

    metrics: Mapping[str, float]
    notes: tuple[Text, ...] = ()
    setting: Mapping[str, str] = field(default_factory=dict)
    lost: int = 0
    costs: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `percent` percent do not exceed. Needs a value."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def document(bench: str, measured: Measured) -> dict[str, object]:
    """The bench's result as it is written to a file."""
    head: dict[str, object] = {"bench": bench, "commit": commit(), "machine": machine()}
    costs = {"costs": measured.costs} if measured.costs else {}
    return head | dict(measured.setting) | {"metrics": dict(measured.metrics)} | costs


def commit() -> str:
    """The commit that these sources are at, or the version where they are no checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(_SOURCES), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return __version__
    return done.stdout.strip()


def machine() -> dict[str, object]:
    """What it was measured on."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "load_average_1m": os.getloadavg()[0],
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_seconds(pid: int) -> float:
    """User and system seconds that a process has used; 0 if it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
