"""The rules process: `python -m rules`, for one shard of several `python -m rules --shard 2/8`."""

import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from linli.adapters.connect import service_client
from linli.audit import system
from linli.datafolder import DataFolder
from linli.db.alerts import SqlAlerts
from linli.db.arming import SqlArming
from linli.db.database import Database, open_database
from linli.db.deadletters import SqlDeadLetters
from linli.db.registry import SqlRegistry
from linli.db.rulesrecord import record_rules
from linli.db.shards import claim
from linli.db.workers import reports
from linli.errors import LinliError
from linli.model import Consumer
from linli.platform import PLATFORM
from linli.runtime import Reporter, begin, keep, only_one, shard_option
from linli.settings import Settings, load_settings
from rules.durable.journal import Journal, JournalUnavailable, is_kept_in
from rules.forking import CAN_FORK
from rules.platform import dressed
from rules.rulesfolder import RulesFolder
from rules.start import bring_back
from rules.worker import RETRY_S, Outside, Platform, Worker, tick_behind, tick_interval

T = TypeVar("T")
_log = logging.getLogger(__name__)


def main() -> int:
    """Run until told to stop. 2 if it cannot start: the reason is on stderr."""
    try:
        settings = load_settings(shard=shard_option("rules"))
        name = settings.own_shard.worker("rules")
        stop = begin(name, settings)
        with only_one(name, settings):
            _run(name, settings, stop)
    except LinliError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _run(name: str, settings: Settings, stop: threading.Event) -> None:
    shard = settings.own_shard
    clock = settings.clock()
    database = open_database(settings.app_database_url)
    alerts = SqlAlerts(database, shard)
    live = settings.clock_origin is None
    folder = RulesFolder(
        settings.rules,
        settings.rules_overrides,
        # on a simulated clock a hiccup of this machine is a minute of silence
        lambda rules: dressed(rules, settings.store_down_s, gateways=live),
    )
    kept = shard.folder(DataFolder(settings.data).rules)
    rules = folder.read() if is_kept_in(kept) else folder.begin()  # wrong ones stop only who has no others
    if _when_it_can(stop, lambda: claim(database, shard)) is None:
        return
    journal = Journal(kept)
    back = _when_it_can(stop, lambda: bring_back(journal, alerts, rules))
    if back is None:
        return
    applier, waiting = back
    client = service_client(settings, Consumer.RULES, name)
    speed = settings.clock_speed if settings.clock_origin is not None else 1.0
    pace = (tick_interval(speed), tick_behind(speed))
    outside = Outside(
        client,
        alerts,
        SqlRegistry(database),
        journal,
        clock,
        settings.qos,
        *pace,
        shard=shard,
        platform=_platform(settings, database),
        letters=SqlDeadLetters(database),
        arming=SqlArming(database),
        folder=folder,
        executor=ThreadPoolExecutor(2, "aside"),
        forks=CAN_FORK,
        keep=keep,
        record=partial(record_rules, database, system("rules")) if shard.covers(PLATFORM) else None,
    )
    worker = Worker(outside, applier, waiting)
    reporter = Reporter(name, database, clock, worker.health)
    reporter.start()
    try:
        worker.run(stop)
    finally:
        reporter.stop()
        journal.close()
        database.close()


def _platform(settings: Settings, database: Database) -> Platform | None:
    """What to watch Linli itself by. Not on a simulated clock, on which two reports are minutes apart."""
    if settings.clock_origin is not None:
        return None
    return Platform(lambda: reports(database), settings.timezone)


def _when_it_can(stop: threading.Event, act: Callable[[], T]) -> T | None:
    """What `act` gives once database and disk let it; None if stopped first."""
    while not stop.is_set():
        try:
            return act()
        except (SQLAlchemyError, JournalUnavailable) as error:
            _log.warning("cannot start yet, will try again: %s", str(error).splitlines()[0])
            stop.wait(RETRY_S)
    return None


if __name__ == "__main__":
    sys.exit(main())
