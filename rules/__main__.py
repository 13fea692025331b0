"""The rules process: `python -m rules`."""

import logging
import sys
import threading
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from linli.adapters.connect import service_client
from linli.datafolder import DataFolder
from linli.db.alerts import SqlAlerts
from linli.db.database import open_database
from linli.db.registry import SqlRegistry
from linli.errors import LinliError
from linli.model import Consumer
from linli.runtime import Reporter, begin
from linli.settings import load_settings
from rules.effects import Waiting
from rules.engine import Engine
from rules.journal import Journal, JournalUnavailable
from rules.load import load_rules
from rules.start import bring_back
from rules.worker import RETRY_S, Outside, Worker, tick_behind, tick_interval

_log = logging.getLogger(__name__)


def main() -> int:
    """Run until told to stop. 2 if it cannot start: the reason is on stderr."""
    try:
        settings = load_settings()
        stop = begin("rules", settings)
        clock = settings.clock()
        database = open_database(settings.app_database_url)
        alerts = SqlAlerts(database)
        rules = load_rules(settings.rules)
        journal = Journal(DataFolder(settings.data).rules)
        back = _when_it_can(stop, lambda: bring_back(journal, alerts, rules))
        if back is None:
            return 0
        engine, waiting = back
        client = service_client(settings, Consumer.RULES)
        speed = settings.clock_speed if settings.clock_origin is not None else 1.0
        pace = (tick_interval(speed), tick_behind(speed))
        outside = Outside(client, alerts, SqlRegistry(database), journal, clock, settings.qos, *pace)
        worker = Worker(outside, engine, waiting)
        reporter = Reporter("rules", database, clock, worker.health)
        reporter.start()
        try:
            worker.run(stop)
        finally:
            reporter.stop()
            journal.close()
            database.close()
    except LinliError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _when_it_can(stop: threading.Event, act: Callable[[], tuple[Engine, Waiting]]) -> tuple[Engine, Waiting] | None:
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
