"""`python -m tests.faults.soak`: every fault for long, each in a world of its own, and a table of what came of it.

--fault NAME ...   only these (default: all)          --broker nats|mosquitto|cluster, --store sqlite|influx
--minutes N        again with the next seed until then  --seed S   of the first round
--short            as in `make test`                  --write    put the table into docs/soak.md
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic

from _pytest.outcomes import Failed

from linli.clock import SystemClock, format_time
from tests.faults.catalogue import FAULTS, LONG, SHORT, Fault, Scale
from tests.faults.worlds import Layout, World, keep_logs

MATRIX = (("nats", "sqlite"), ("mosquitto", "sqlite"), ("cluster", "sqlite"), ("nats", "influx"))
DOCUMENT = Path(__file__).parents[2] / "docs" / "soak.md"
_BEGIN, _END = "<!-- measured -->", "<!-- /measured -->"
_DRAIN_S = 600.0
_HEAD = "| fault | broker | store | observations | lost | unexpected | duplicated | recovered | dropped | dead letters | s |"
_RULE = "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one fault. `faults` is empty if all was well."""

    fault: str
    broker: str
    store: str
    taken: int
    lost: int
    unexpected: int
    duplicated: int
    recovered: int
    dropped: int
    dead: int
    seconds: float
    remarks: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    def line(self) -> str:
        """As a row of the table."""
        cells = (self.fault, self.broker, self.store, f"{self.taken:,}", self.lost, self.unexpected, self.duplicated)
        rest = (f"{self.recovered:,}", f"{self.dropped:,}", self.dead, round(self.seconds))
        return "| " + " | ".join(map(str, (*cells, *rest))) + " |"


def run(fault: Fault, layout: Layout, scale: Scale, folder: Path) -> Row:
    """One fault in a new world under `folder`, which is kept if anything was wrong."""
    began = monotonic()
    layout = replace(layout, **fault.layout)
    world = World(folder / "world", layout)
    numbers: dict[str, int] = dict.fromkeys(
        ("taken", "lost", "unexpected", "duplicated", "recovered", "dropped", "dead"), 0
    )
    try:
        with world:
            world.flow(urgent=60, bulk=20, packets=10)
            world.wait_taken(scale.some)
            fault.act(world, scale, random.Random(f"{layout.seed}/{fault.name}"))
            world.settle(_DRAIN_S)
            verdict = world.check()
            numbers = {name: getattr(verdict, name) for name in numbers}
            faults = [*verdict.faults, *_reconciled(world)]
            if faults:
                keep_logs(world, folder / "kept")
    except (AssertionError, Failed, OSError) as error:
        faults = [str(error)]
    return Row(
        fault.name,
        layout.broker,
        layout.store,
        **numbers,
        seconds=monotonic() - began,
        remarks=tuple(world.remarks),
        faults=tuple(faults),
    )


def _reconciled(world: World) -> list[str]:
    """What `linli reconcile` says is missing, which compares what agents, ingest and rules have counted themselves."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")}
    command = [sys.executable, "-P", "-c", "from linli.cli.main import run; run()", "reconcile"]
    done = subprocess.run(
        command, env=clean | world.settings.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    return (
        []
        if done.returncode == 0
        else [f"linli reconcile, {done.returncode}: {done.stdout[-2000:]}{done.stderr[-500:]}"]
    )


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """One after the other."""
    scale = SHORT if options.short else LONG
    until = monotonic() + options.minutes * 60
    seed = options.seed
    while True:
        for broker, store in MATRIX:
            if options.broker not in (None, broker) or options.store not in (None, store):
                continue
            for name in options.fault or FAULTS:
                if FAULTS[name].fits(broker, store):
                    folder = Path(tempfile.mkdtemp(prefix=f"soak-{name}-", dir=options.folder))
                    yield run(FAULTS[name], Layout(broker, store, seed=seed), scale, folder)
        seed += 1
        if monotonic() > until:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description="Every fault, for long.")
    parser.add_argument("--fault", nargs="+", choices=FAULTS)
    parser.add_argument("--broker", choices=("nats", "mosquitto", "cluster"))
    parser.add_argument("--store", choices=("sqlite", "influx"))
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--json", type=Path, help="append each row to this file")
    parser.add_argument("--folder", type=Path, default=None, help="where the worlds lie (default: the system's)")
    options = parser.parse_args(arguments)
    sys.stdout.write(f"{_HEAD}\n{_RULE}\n")
    done = []
    for row in rows(options):
        done.append(row)
        sys.stdout.write("\n".join([row.line(), *(f"  {text}" for text in (*row.remarks, *row.faults))]) + "\n")
        sys.stdout.flush()
        if options.json:
            with options.json.open("a") as out:
                out.write(json.dumps(asdict(row)) + "\n")
    if options.write:
        write(done, DOCUMENT)
    return int(any(row.faults for row in done))


def write(done: Sequence[Row], document: Path) -> None:
    """Put the table into the document, between its two marks."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=document.parent
    ).stdout.strip()
    told = [f"- {row.fault}, {row.broker}, {row.store}: {text}" for row in done for text in (*row.remarks, *row.faults)]
    lines = [f"Measured on {format_time(SystemClock().now())[:10]} at {commit or 'no commit'}.", "", _HEAD, _RULE]
    lines += [row.line() for row in done]
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    body = "\n".join([_BEGIN, *lines, *(["", *told] if told else []), _END])
    document.write_text(before + body + after, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
