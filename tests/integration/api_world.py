"""A real API on a free port, over two communities that must not see each other, with a stand-in for rules."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import uvicorn

from api.app import build_app
from api.services import Services, build_services
from linli.clock import HOUR, SECOND, SystemClock
from linli.commands.life import CommandEvent
from linli.db.alerts import Change, Effects, Outcome, SqlAlerts
from linli.db.commands import SqlCommands, StoredCommand
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.db.registry import save
from linli.i18n import Language, Text
from linli.model import (
    READINGS_TYPE,
    Action,
    ActionKind,
    Alert,
    Community,
    Condition,
    Device,
    Evidence,
    Facility,
    Gateway,
    Handling,
    Lane,
    LaneKey,
    Message,
    Place,
    Reading,
    Received,
    Role,
    Severity,
)
from linli.registry.inhabitants import Consent, Contact, Household, Person, Resident
from linli.settings import load_settings
from linli.testing import FakeBroker, MemoryStore
from tests.support import eventually

HOME, FOREIGN = "home", "zzforeign"
"""Everything of the foreign community has 'zzforeign' in its ids and names, so that a leak can be found in any text."""

PASSWORD = "a long enough password"


def registry_of(community: str) -> list[Community | Place | Gateway | Facility | Device]:
    """One building with a lift and a door behind one gateway."""

    def name(what: str) -> Text:
        return Text(f"{community} {what}", f"{community} {what}")

    return [
        Community(community, name("compound")),
        Place(f"{community}-b1", community, "building", name("building")),
        Place(f"{community}-f1", community, "floor", name("floor"), f"{community}-b1"),
        Gateway(f"gw-{community}", community, name("gateway")),
        Facility(f"{community}-lift", community, "lift", name("lift"), f"{community}-f1"),
        Device(
            f"{community}-car",
            community,
            f"gw-{community}",
            "lift",
            name("car"),
            f"{community}-f1",
            f"{community}-lift",
            10,
        ),
        Device(f"{community}-door", community, f"gw-{community}", "door", name("door"), f"{community}-b1"),
    ]


def inhabitants(community: str, whose: str) -> list[Place | Household | Person | Resident | Contact | Consent]:
    """Somebody in a room of a community; `whose` is in all that there is of them."""
    room, home, person = f"{whose}-room", f"{whose}-household", f"{whose}-person"
    return [
        Place(room, community, "room", Text(room, room), f"{community}-f1", code=whose),
        Household(home, community, room, "owner"),
        Person(person, community, f"{whose} name", needs=f"{whose} needs"),
        Resident(f"{whose}-resident", community, home, person, "head"),
        Contact(f"{whose}-contact", community, person, "email", f"{whose}@example.org"),
        Consent(f"{whose}-consent", community, person, "care", True, 1, f"{whose} form"),
    ]


def make_alert(community: str, number: int, at: int, severity: Severity = Severity.HIGH) -> Alert:
    """An open alert on the community's door."""
    text = Text(f"{community} 门被强行打开", f"{community} door forced")
    return Alert(
        id=f"a{community}{number:04}",
        rule=f"door-forced-{number}",
        community=community,
        subject=f"{community}-door",
        subject_kind="device",
        place=f"{community}-b1",
        severity=severity,
        condition=Condition.FIRING,
        handling=Handling.UNACKNOWLEDGED,
        latched=False,
        confirmed=False,
        historic=False,
        title=text,
        sentence=text,
        advice=text,
        opened_at=at,
        first_seen=at,
        last_seen=at,
        occurrences=1,
        evidence=(Evidence(at, f"{community}-door", "access.door.forced", data={"near": community}),),
        updated_at=at,
    )


@dataclass
class World:
    """The parts, and clients signed in to them."""

    database: Database
    alerts: SqlAlerts
    store: MemoryStore
    broker: FakeBroker
    services: Services
    clock: SystemClock
    url: str = ""
    position: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    rules_stopped: threading.Event = field(default_factory=threading.Event)

    def change(self, alert: Alert, kind: str = "opened", actor: str | None = None, *outcomes: Outcome) -> None:
        """What rules does: the alert and its change in one transaction, then a notice."""
        with self.lock:
            self.position += 1
            change = Change(alert, kind, self.clock.now(), actor)
            self.alerts.apply([Effects(self.position, (change,), outcomes)])
        for client in self.broker.clients:
            client.deliver(f"linli/v1/{alert.community}/alert/{alert.id}", b"{}", retained=False)

    @contextmanager
    def client(self, name: str | None = None, **headers: str) -> Iterator[httpx.Client]:
        """A client, signed in as `name` if given."""
        with httpx.Client(base_url=self.url, headers={"accept-language": "en"} | headers, timeout=10) as client:
            if name is not None:
                answer = client.post("/api/v1/sessions", json={"name": name, "password": PASSWORD})
                assert answer.status_code == 201, answer.text
            yield client

    def apply_actions(self) -> None:
        """Stand in for rules until stopped: every act is applied as it comes."""
        while not self.rules_stopped.wait(0.01):
            for pending in self.alerts.pending_actions():
                self._apply(pending.action)

    def _apply(self, action: Action) -> None:
        alert, now, actor = self.alerts.get(action.alert), self.clock.now(), action.actor
        assert alert is not None
        shelved = alert.handling is Handling.SHELVED
        if action.kind is ActionKind.SHELVE and alert.severity is Severity.CRITICAL:
            self.refuse(action, "not_allowed")
        elif action.kind is ActionKind.UNSHELVE and not shelved:
            self.refuse(action, "not_shelved")
        elif action.kind is ActionKind.CLOSE:
            fresh = replace(
                alert, handling=Handling.CLOSED, closed_at=now, closed_by=actor, close_reason="done", updated_at=now
            )
            self.change(fresh, "closed", actor, Outcome(action.id, "done", now))
        elif action.kind is ActionKind.ACKNOWLEDGE:
            fresh = replace(alert, handling=Handling.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=actor)
            self.change(fresh, "acknowledged", actor, Outcome(action.id, "done", now))
        else:
            back = Handling.UNACKNOWLEDGED if shelved else Handling.SHELVED
            fresh = replace(alert, handling=back, shelved_until=action.until)
            self.change(fresh, "unshelved" if shelved else "shelved", actor, Outcome(action.id, "done", now))

    def refuse(self, action: Action, outcome: str) -> None:
        """What rules does with an act that cannot be done: it says why, and nothing else changes."""
        with self.lock:
            self.position += 1
            self.alerts.apply([Effects(self.position, (), (Outcome(action.id, outcome, self.clock.now()),))])


def fill_store(store: MemoryStore, now: int, received_at: int | None = None) -> None:
    """A reading and an event of each community, a few seconds old at `now`, and received then unless told otherwise."""
    had = now if received_at is None else received_at
    for community in (HOME, FOREIGN):
        at = now - 3 * SECOND
        readings = (Reading(f"{community}-car", "running", at, 1.0), Reading(f"{community}-car", "position", at, 7.0))
        packet = Message(
            community,
            f"gw-{community}",
            "b1",
            Lane.BULK,
            1,
            1,
            READINGS_TYPE,
            f"gw-{community}",
            at,
            at,
            readings=readings,
        )
        event = replace(
            packet,
            lane=Lane.URGENT,
            type="access.granted",
            subject=f"{community}-door",
            readings=(),
            data={"credential": f"{community} card"},
        )
        key = LaneKey(community, f"gw-{community}", "b1", Lane.BULK)
        store.write([Received(packet, had), Received(event, had)], {key: 1})


def make_command(community: str, number: int, at: int) -> StoredCommand:
    """A command that the community's door was given."""
    return StoredCommand(
        id=f"c{community}{number:04}",
        community=community,
        device=f"{community}-door",
        gateway=f"gw-{community}",
        kind="door",
        name="unlock",
        arguments={"seconds": 5},
        reason=f"{community} ambulance",
        actor=f"cli:{community}",
        asked_at=at,
        expires_at=at + 10 * SECOND,
    )


@contextmanager
def running_world(folder: Path, database_url: str | None = None) -> Iterator[World]:
    """Everything up; all ended afterwards. `database_url`: a database that is migrated; None: a new file in `folder`."""
    settings = load_settings(data=folder, database_url=database_url, language=Language.EN)
    database = open_database(settings.app_database_url)
    upgrade(database)
    with database.write() as connection:
        save(connection, [*registry_of(HOME), *registry_of(FOREIGN)])
    clock, store, broker = SystemClock(), MemoryStore(), FakeBroker()
    fill_store(store, clock.now())
    services = build_services(settings, database, store, clock, broker.client(), broker.client())
    world = World(database, SqlAlerts(database), store, broker, services, clock)
    for community in (HOME, FOREIGN):
        told = make_command(community, 1, clock.now())
        SqlCommands(database).add(told, at_most=1, since=0)
        SqlCommands(database).apply(told.id, CommandEvent.DONE, clock.now())
        for number in (1, 2):
            world.change(make_alert(community, number, clock.now() - number * HOUR))
        for role in (Role.SECURITY, Role.PROPERTY):
            services.people.add(f"{community}-{role}", role, [community], password=PASSWORD)
    services.people.add("root", Role.ADMINISTRATOR, password=PASSWORD)
    rules = threading.Thread(target=world.apply_actions, daemon=True)
    rules.start()
    with serving(services) as url:
        world.url = url
        yield world
    world.rules_stopped.set()
    rules.join(timeout=5)
    database.close()


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """Uvicorn with the API, without the console, in a thread; the address it is at."""
    config = uvicorn.Config(
        build_app(services, None), host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        services.live.stop()
        server.should_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive(), "the server did not stop"
