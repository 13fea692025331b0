"""`python -m ingest`: the ingest worker as a process of its own; one of several with `--shard 2/8`."""

import sys
import threading

from ingest.checks import Limits
from ingest.chores import Chores
from ingest.pipeline import late_after
from ingest.replay import Replayer
from ingest.upkeep import Upkeep
from ingest.worker import Outside, Worker
from linli import runtime
from linli.adapters.connect import service_client
from linli.adapters.store import build_store
from linli.db.database import open_database
from linli.db.deadletters import SqlDeadLetters
from linli.db.gateways import SqlGatewayStatuses
from linli.db.heartbeats import SqlHeartbeats
from linli.db.registry import SqlRegistry
from linli.db.retaining import write_down_thinning
from linli.db.strangers import SqlStrangers
from linli.errors import LinliError
from linli.settings import Settings, load_settings


def main() -> int:
    """Run until told to stop: 0 then, 2 for a wrong setting or data folder."""
    try:
        settings = load_settings(shard=runtime.shard_option("ingest"))
        name = settings.own_shard.worker("ingest")
        stop = runtime.begin(name, settings)
        with runtime.only_one(name, settings):
            return _run(name, settings, stop)
    except LinliError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _run(name: str, settings: Settings, stop: threading.Event) -> int:
    clock = settings.clock()
    database = open_database(settings.app_database_url)
    store = build_store(settings)
    letters = SqlDeadLetters(database)
    outside = Outside(
        client=service_client(settings, "ingest", name),
        store=store,
        registry=SqlRegistry(database),
        letters=letters,
        statuses=SqlGatewayStatuses(database),
        clock=clock,
        shard=settings.own_shard,
        keep=runtime.keep,
    )
    limits = Limits.of_years(settings.max_clock_error_years)
    replayer = Replayer(letters, store, outside.registry, limits, clock, settings.deadletters_days, outside.shard)
    chores = Chores(SqlHeartbeats(database), replayer, clock, SqlStrangers(database))
    worker = Worker(outside, limits, late_after(settings.late_s), settings.qos, chores=chores)
    shard = outside.shard
    upkeep = Upkeep(
        store,
        clock,
        settings.retention,
        shard.covers,
        thins=shard.number == 0,
        thinned=lambda rows, now: write_down_thinning(database, name, settings.retention.horizons(now), rows, now),
    )
    keeper = threading.Thread(target=upkeep.run, args=(stop,), name="upkeep")
    reporter = runtime.Reporter(name, database, clock, lambda: upkeep.health(worker.health()))
    reporter.start()
    keeper.start()
    try:
        worker.run(stop)
    finally:
        stop.set()
        keeper.join()
        reporter.stop()
        store.close()
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
