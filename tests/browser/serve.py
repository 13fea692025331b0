"""The console in a process of its own, over `world`: python -m tests.browser.serve DATA PORT [--evening]."""

import json
import sys
import threading
from contextlib import suppress
from pathlib import Path

import uvicorn
from nicegui import Client
from sqlalchemy.exc import OperationalError

from api.app import build_app
from api.console import mount
from api.services import Services, build_services
from linli.clock import SystemClock
from linli.commands.wire import Reply, ReplyState, decode_command, encode_reply
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
    broker = FakeBroker()
    _gateway(broker, clock)
    settings = load_settings(data=data, language="zh", webhook_allowed="127.0.0.1")
    services = build_services(settings, database, store, clock, broker.client(), broker.client())
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
    app = build_app(services, mount)
    (data / "pages.json").write_text(json.dumps(sorted(Client.page_routes.values())))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
    stop.set()


def _gateway(broker: FakeBroker, clock: SystemClock) -> None:
    """A gateway in memory: it opens every door but one, which is stuck; and one more of which nothing is ever heard."""
    client = broker.client()

    def came(topic: str, payload: bytes, _retained: bool) -> None:
        command = decode_command(payload)
        if command.device == world.DEAF_DOOR:
            return
        stuck = command.device == world.STUCK_DOOR
        state, reason = (ReplyState.REFUSED, "device_busy") if stuck else (ReplyState.DONE, "")
        reply = encode_reply(Reply(command.id, state, reason, "", clock.now()))
        client.publish(topic.replace("/command", "/reply"), reply, 1)

    client.subscribe(["linli/v1/+/gateway/+/command"], 1)
    client.start(came, lambda: None, lambda _reason: None)


def _act(hand: world.Hand, services: Services, stop: threading.Event) -> None:
    while not stop.wait(0.05):
        with suppress(OperationalError):  # a test has taken a table away; rules tries again as well
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
