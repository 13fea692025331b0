"""What processes use while something is measured: CPU-seconds and memory of each, between two marks."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from linli.cli.benches.measured import cpu_seconds

Costs = Mapping[str, Mapping[str, float]]
"""Process -> what it used: cpu_s_per_million, cores, rss_mb."""


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU-seconds that each process has used, `done` units of work, at the monotonic second `at`.

    `busy`: CPU-seconds of everything on this machine.
    """

    at: float
    done: float
    cpu: Mapping[str, float]
    busy: float = 0.0


class Meter:
    """Looks at processes by id."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)

    def read(self, at: float, done: float) -> Reading:
        """What they have used until now; `at` and `done` are what the caller knows of now."""
        return Reading(at, done, {name: cpu_seconds(pid) for name, pid in self._pids.items()}, _busy_seconds())

    def memory(self) -> dict[str, float]:
        """Resident megabytes (10^6 bytes) of each now."""
        return {name: _rss(pid) / 1e6 for name, pid in self._pids.items()}


def rate(before: Reading, after: Reading) -> float:
    """Units of work a second; 0 where no time has passed."""
    seconds = after.at - before.at
    return (after.done - before.done) / seconds if seconds > 0 else 0.0


def cpu_per_million(before: Reading, after: Reading, name: str) -> float:
    """CPU-seconds that process `name` used for a million units; 0 where nothing was done."""
    done = after.done - before.done
    return (after.cpu[name] - before.cpu[name]) / done * 1e6 if done > 0 else 0.0


def cores(before: Reading, after: Reading, name: str) -> float:
    """How many cores process `name` kept busy."""
    seconds = after.at - before.at
    return (after.cpu[name] - before.cpu[name]) / seconds if seconds > 0 else 0.0


def others(before: Reading, after: Reading) -> float:
    """How many cores were kept busy by what is not measured."""
    seconds = after.at - before.at
    ours = sum(after.cpu.values()) - sum(before.cpu.values())
    return max(0.0, (after.busy - before.busy - ours) / seconds) if seconds > 0 else 0.0


def costs(before: Reading, after: Reading, memory: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """What every process cost between the two, dearest first."""
    found = {
        name: {
            "cpu_s_per_million": cpu_per_million(before, after, name),
            "cores": cores(before, after, name),
            "rss_mb": memory.get(name, 0.0),
        }
        for name in after.cpu
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]["cpu_s_per_million"]))


def _busy_seconds() -> float:
    used = psutil.cpu_times()._asdict()
    # guest time is in user time already
    return float(
        sum(seconds for kind, seconds in used.items() if kind not in ("idle", "iowait", "guest", "guest_nice"))
    )


def _rss(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0.0
