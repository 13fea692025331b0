"""The rules process: `python -m rules`."""

import sys

from linli.adapters.connect import service_client
from linli.datafolder import DataFolder
from linli.db.alerts import SqlAlerts
from linli.db.database import open_database
from linli.db.registry import SqlRegistry
from linli.errors import LinliError
from linli.model import Consumer
from linli.runtime import Reporter, begin
from linli.settings import load_settings
from rules.journal import Journal
from rules.load import load_rules
from rules.start import bring_back
from rules.worker import Outside, Worker, tick_interval


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
        engine, waiting = bring_back(journal, alerts, rules)
        client = service_client(settings, Consumer.RULES)
        speed = settings.clock_speed if settings.clock_origin is not None else 1.0
        outside = Outside(client, alerts, SqlRegistry(database), journal, clock, settings.qos, tick_interval(speed))
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


if __name__ == "__main__":
    sys.exit(main())
