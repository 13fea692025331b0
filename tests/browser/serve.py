"""The console in a process of its own, over `world`: python -m tests.browser.serve DATA PORT [--evening]."""

import sys
import threading
from pathlib import Path

import uvicorn

from api.app import build_app
from api.console import mount
from api.services import Services, build_services
from linli.clock import SystemClock
from linli.db.database import Database, open_database
from linli.db.workers import WorkerReport, report
from linli.i18n import Text
from linli.settings import load_settings
from linli.testing import FakeBroker, MemoryStore
from tests.browser import world


def main() -> None:
    """Serve until killed."""
    data, port = Path(sys.argv[1]), int(sys.argv[2])
    clock, store = SystemClock(), MemoryStore()
    database = open_database(f"sqlite:///{data / 'linli.db'}")
    world.fill(store, clock.now())
    services = build_services(load_settings(data=data, language="zh"), database, store, clock, FakeBroker().client())
    hand = world.Hand(database, clock)
    if "--evening" in sys.argv:
        world.evening(hand, clock.now(), services.people.get("guard").id)
    stop = threading.Event()
    threads = [
        threading.Thread(target=_act, args=(hand, services, stop), daemon=True),
        threading.Thread(target=_report, args=(database, store, stop), daemon=True),
    ]
    for thread in threads:
        thread.start()
    uvicorn.run(build_app(services, mount), host="127.0.0.1", port=port, log_level="warning")
    stop.set()


def _act(hand: world.Hand, services: Services, stop: threading.Event) -> None:
    while not stop.wait(0.05):
        hand.apply_acts()
        services.live.nudge()  # as a notice from rules would


def _report(database: Database, store: MemoryStore, stop: threading.Event) -> None:
    clock = SystemClock()
    while True:
        now = clock.now()
        for name in ("ingest", "rules"):
            report(database, WorkerReport(name, 1, now, now, "ok", Text("", ""), {}))
        world.keep_fresh(store, now)
        if stop.wait(2.0):
            return


if __name__ == "__main__":
    main()
