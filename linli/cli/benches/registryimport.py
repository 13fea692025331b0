"""A process that imports one file, as `linli registry import` does, and tells how far it is and what it took."""

from pathlib import Path
from time import perf_counter, process_time

from linli.adapters.tables.files import sheets_of
from linli.adapters.tables.spool import Spools
from linli.audit import Who
from linli.cli.benches.job import peak_memory, read_job, tell
from linli.cli.collecting import seldom_collected
from linli.clock import SystemClock
from linli.db.database import open_database
from linli.db.registryimport import Doing, Plan, carry_out, plan, take_in
from linli.registry.changes import Origin

_WHO = Who("cli:bench")


def main() -> None:
    """The job: `url`, `file` and `at` (microseconds since 1970 UTC)."""
    job = read_job()
    database, file = open_database(job["url"]), Path(job["file"])
    doing, origin = Doing(database, database, _WHO), Origin(job["at"], _WHO.actor, "bench", 0.8)
    before, began, used, shown = peak_memory(), perf_counter(), process_time(), 0
    wrote = 0.0

    def far(_kind: str, _rows: int) -> None:
        nonlocal shown
        shown += 1

    def carry(made: Plan) -> int:
        nonlocal wrote
        begun = perf_counter()
        items = carry_out(doing, made, file.name, SystemClock().now())
        wrote = perf_counter() - begun
        return items

    with Spools() as spools, sheets_of(file) as sheets, seldom_collected():
        made, items = take_in(lambda: plan(doing, sheets, origin, spools.new, far), carry, lambda: None)
    tell(
        {
            "took": perf_counter() - began,
            "cpu": process_time() - used,
            "wrote": wrote,
            "memory": peak_memory() - before,
            "items": items,
            "faults": made.errors,
            "told": shown,
        }
    )
    database.close()


if __name__ == "__main__":
    main()
