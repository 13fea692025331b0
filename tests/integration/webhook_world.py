"""Webhooks over a database, with a stand-in for rules and without the rest of the API. Also a process of its own that sends, to be
killed: `python -m tests.integration.webhook_world URL SECRETS CLOCK_AHEAD_S`."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from api.directory import Directory
from api.sight import Sights
from api.stored import StoreReader
from api.webhooks.posting import Poster
from api.webhooks.sending import WebhookSender
from api.webhooks.service import WebhookService, Wish
from linli.clock import SECOND, SystemClock
from linli.db.alerts import Change, Effects, SqlAlerts
from linli.db.database import Database, open_database
from linli.db.people import People, Person
from linli.db.registry import save
from linli.db.scoping import guarded
from linli.db.webhookrows import Webhook
from linli.db.webhooks import SqlWebhooks
from linli.egress import Allowed
from linli.model import Alert, Handling, Role, Severity
from linli.sealing import Seals
from linli.testing import MemoryStore
from linli.webhooks import Filter
from tests.integration.api_world import FOREIGN, HOME, make_alert, registry_of

LOOPBACK = Allowed.parse(["127.0.0.0/8"])


class MovingClock(SystemClock):
    """The machine's, ahead by what a test says."""

    def __init__(self, ahead_s: int = 0) -> None:
        self.ahead_s = ahead_s

    def now(self) -> int:
        """The machine's wall clock, and `ahead_s`."""
        return super().now() + self.ahead_s * SECOND


@dataclass
class HookWorld:
    """The parts. `hooks` is the database's side, `service` the people's."""

    database: Database
    hooks: SqlWebhooks
    people: People
    service: WebhookService
    clock: MovingClock
    position: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def change(self, alert: Alert, *kinds: str) -> None:
        """What rules does: the alert with its changes, in one transaction."""
        with self.lock:
            self.position += 1
            changes = tuple(Change(alert, kind, self.clock.now()) for kind in kinds or ("opened",))
            SqlAlerts(self.database).apply([Effects(self.position, changes)])
        self.service.sender.nudge()

    def alerts(self, numbers: range, community: str = HOME, severity: Severity = Severity.HIGH) -> None:
        """Open these."""
        for number in numbers:
            self.change(make_alert(community, number, self.clock.now(), severity))

    def close(self, number: int, community: str = HOME) -> None:
        """Close it again."""
        alert = make_alert(community, number, self.clock.now())
        self.change(replace(alert, handling=Handling.CLOSED, closed_at=self.clock.now()), "closed")

    def person(self, name: str, role: Role = Role.INTEGRATOR, *communities: str) -> Person:
        """An account."""
        self.people.add(name, role, communities or ((HOME,) if role is Role.INTEGRATOR else ()))
        return self.people.get(name)

    def hook(self, owner: Person, url: str, **wanted: frozenset[str]) -> Webhook:
        """A webhook of theirs."""
        return self.service.add(owner, Wish("test", url, Filter(**wanted)))[0]  # type: ignore[arg-type]

    def newest(self) -> int:
        """The id of the newest change."""
        return SqlAlerts(self.database).last_change()

    def up_to_date(self, webhook: Webhook) -> bool:
        """Whether it has dealt with all there is."""
        return self.hooks.get(webhook.id).position >= self.newest()


def build(database: Database, secrets: Path, clock: MovingClock) -> HookWorld:
    """Over a migrated database; the sender is not started."""
    kept = guarded(database)
    people = People(kept.whole(), clock)
    sights = Sights(kept, Directory(kept.whole(), people, clock), StoreReader(MemoryStore(), clock))
    hooks = SqlWebhooks(kept.whole(), Seals(secrets))
    sender = WebhookSender(hooks, sights, people, Poster(LOOPBACK), clock)
    service = WebhookService(hooks, sights, people, sender, LOOPBACK, clock)
    return HookWorld(database, hooks, people, service, clock)


@contextmanager
def sending_world(database: Database, secrets: Path) -> Iterator[HookWorld]:
    """With a registry of two communities, and a sender that runs."""
    with database.write() as connection:
        save(connection, [*registry_of(HOME), *registry_of(FOREIGN)])
    world = build(database, secrets, MovingClock())
    world.service.sender.start()
    try:
        yield world
    finally:
        world.service.sender.stop()
        assert not world.service.sender.alive


def main() -> None:
    """Send until killed."""
    url, secrets, ahead_s = sys.argv[1:]
    world = build(open_database(url), Path(secrets), MovingClock(int(ahead_s)))
    world.service.sender.start()
    print("sending", flush=True)  # noqa: T201
    threading.Event().wait()


if __name__ == "__main__":
    main()
