"""Two who write at the same time. On SQLite the second waits; on PostgreSQL both are under way, and nothing may be lost by it.

Each test stops the first just before it commits, lets the second run as far as it can, and then goes on with the first.
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, Engine, event, func, select, text
from sqlalchemy.exc import DBAPIError

from linli.clock import SystemClock
from linli.db import schema
from linli.db.alerts import Change, Effects, SqlAlerts
from linli.db.arming import SqlArming
from linli.db.commands import SqlCommands
from linli.db.database import Database, open_database
from linli.db.deadletters import SqlDeadLetters
from linli.db.enrolments import SqlEnrolments
from linli.db.gateways import GatewayStatus, SqlGatewayStatuses
from linli.db.heartbeats import Heartbeat, SqlHeartbeats
from linli.db.idempotency import Claim, SqlIdempotency, Verdict
from linli.db.people import People
from linli.db.registry import SqlRegistry, read_registry, read_version, remove_device, save
from linli.db.resealing import seal_everything_anew
from linli.db.turns import take_turn
from linli.db.webhooks import SqlWebhooks
from linli.db.workers import WorkerReport, report, reports
from linli.errors import Conflict, Refused
from linli.i18n import Text
from linli.model import Action, ActionKind, Community, Device, Gateway, Lane, Place, Role
from linli.sealing import Seals
from linli.shards import WHOLE, Shard
from linli.webhooks import Filter
from tests.contract.database.test_alerts import another
from tests.contract.database.test_commands import COMMAND
from tests.contract.test_deadletters import LETTER
from tests.postgres import PostgresServer
from tests.support import eventually

NAME = Text("名", "Name")
T = TypeVar("T")


class Stopped(Database):
    """A database whose writing transactions stop just before they commit, until they are let go."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.reached, self.let_go = threading.Event(), threading.Event()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
            self.reached.set()
            assert self.let_go.wait(30)


def _second_can_go_no_further(database: Database, second: "Future[T]") -> bool:
    """It is done, or waits for a lock. (On SQLite it waits as long as the first is not done.)"""
    if second.done() or database.engine.dialect.name == "sqlite":
        return True
    with database.read() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


def at_once(
    database: Database,
    first: Callable[[Database], T],
    second: Callable[[Database], T],
    look: Callable[[], object] = lambda: None,
) -> tuple["Future[T]", "Future[T]"]:
    """Begin `first`, then `second` before it commits; `look` when the second is done or waits. What became of both."""
    stopped = Stopped(database.engine)
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(first, stopped)
        eventually(lambda: stopped.reached.is_set() or one.done(), what="the first is about to commit")
        two = threads.submit(second, database)
        eventually(lambda: _second_can_go_no_further(database, two), what="the second is done, or waits")
        look()
        stopped.let_go.set()
    return one, two


# --- who goes on from the newest number sees every row ---------------------------------------------------------------


@dataclass
class Numbered:
    """Rows that somebody reads by their number: how the `n`-th is written, and what is new since the last look."""

    write: Callable[[Database, int], object]
    read: Callable[[Database, int], Iterable[tuple[int, str]]]
    """From a number on: the new number and what it is, oldest first."""


def _change_an_alert(database: Database, n: int) -> object:
    return SqlAlerts(database, Shard(n, 2)).apply([Effects(1, (Change(another(n), "opened", 100),))])


def _act(database: Database, n: int) -> object:
    return SqlAlerts(database).add_action(Action(f"act-{n}", "a1", ActionKind.CLOSE, "li", "", 1))


def _arm(database: Database, n: int) -> object:
    return SqlArming(database).set(f"shop-{n}", "away", "li", "", 1)


def _register(database: Database, n: int) -> int:
    with database.write() as connection:
        save(connection, [Community(f"c{n}", NAME)])
    return n


def _armed_since(database: Database, last: int) -> Iterable[tuple[int, str]]:
    arming = SqlArming(database)
    version = arming.version()
    return [] if version == last else [(version, place) for place in arming.modes()]


def _registered_since(database: Database, last: int) -> Iterable[tuple[int, str]]:
    found = SqlRegistry(database).since(last)
    return [] if found is None else [(found[0], change.id) for change in found[1]]


NUMBERED = {
    "the live stream of alerts": Numbered(
        _change_an_alert,
        lambda database, last: [(row.id, row.alert) for row in SqlAlerts(database).changes_after(last)],
    ),
    "acts on alerts": Numbered(
        _act,
        lambda database, last: [(item.seq, item.action.id) for item in SqlAlerts(database).pending_actions(last)],
    ),
    "arming": Numbered(_arm, _armed_since),
    "the registry": Numbered(_register, _registered_since),
}


@pytest.mark.parametrize("numbered", NUMBERED.values(), ids=NUMBERED)
def test_a_reader_that_goes_on_from_the_newest_number_misses_nothing(database: Database, numbered: Numbered) -> None:
    """The first to be numbered commits last: a reader that has seen the second by then must not have gone past the first."""
    seen: list[str] = []
    numbers = [0]

    def look() -> None:
        for number, what in numbered.read(database, numbers[-1]):
            numbers.append(number)
            seen.append(what)

    for future in at_once(database, lambda db: numbered.write(db, 0), lambda db: numbered.write(db, 1), look):
        future.result()
    look()
    assert len(set(seen)) == 2, seen
    assert numbers == sorted(numbers)


# --- who looks before writing -----------------------------------------------------------------------------------------


def test_the_first_changes_of_a_registry(database: Database) -> None:
    """Each counts: nobody may believe that what they have read is the newest when it is not."""
    for future in at_once(database, lambda db: _register(db, 0), lambda db: _register(db, 1)):
        future.result()
    registry = SqlRegistry(database)
    assert registry.refresh()
    assert (registry.snapshot.version, set(registry.communities())) == (2, {"c0", "c1"})


def test_the_same_thing_registered_twice(database: Database) -> None:
    """Two people, or two imports, have the same new door: the later one's word stands, neither fails."""
    for future in at_once(database, lambda db: _register(db, 0), lambda db: _register(db, 0)):
        future.result()
    with database.read() as connection:
        assert read_version(connection) == 1  # what is as it was is not written again


def test_a_device_removed_while_it_is_changed(database: Database) -> None:
    """What was removed is not in the history as changed afterwards, unless it is there again."""
    door = Device("door", "c0", "gw", "door", NAME, "b1")
    _register(database, 0)
    with database.write() as connection:
        save(connection, [Place("b1", "c0", "building", NAME), Gateway("gw", "c0", NAME), door])

    def remove(db: Database) -> object:
        with db.write() as connection:
            return remove_device(connection, "door")

    def change(db: Database) -> object:
        with db.write() as connection:
            save(connection, [replace(door, interval_s=5.0)])
        return True

    for future in at_once(database, remove, change):
        future.result()
    found = SqlRegistry(database).since(2)
    assert found is not None
    with database.read() as connection:
        there = read_registry(connection).devices.get("door")
    assert found[1][-1].item == there == replace(door, interval_s=5.0)


def test_one_act_sent_twice_is_one_act(database: Database) -> None:
    """A phone that got no answer sends again: the second finds it kept."""
    one, two = at_once(database, lambda db: _act(db, 0), lambda db: _act(db, 0))
    assert [one.result(), two.result()] == [True, False]


def test_a_place_armed_by_two_has_the_mode_of_the_later(database: Database) -> None:
    """Whose change came later is in the history as such."""

    def arm(mode: str) -> Callable[[Database], bool]:
        return lambda db: SqlArming(db).set("shop", mode, "li", "", 1)

    one, two = at_once(database, arm("away"), arm("night"))
    assert [one.result(), two.result()] == [True, True]
    assert SqlArming(database).modes() == {"shop": "night"}
    assert [item.mode for item in SqlArming(database).history("shop")] == ["night", "away"]


def test_a_limit_of_commands_holds(database: Database) -> None:
    """Who asks twice at once asks twice."""

    def ask(name: str) -> Callable[[Database], bool]:
        return lambda db: SqlCommands(db).add(replace(COMMAND, id=name), at_most=1, since=0)

    one, two = at_once(database, ask("c1"), ask("c2"))
    assert [one.result(), two.result()] == [True, False]


@pytest.fixture
def gateway(database: Database) -> str:
    with database.write() as connection:
        save(connection, [Community("c001", NAME), Community("c002", NAME), Gateway("gw", "c001", NAME)])
    return "gw"


def test_of_two_agents_with_one_code_one_gets_in(database: Database, gateway: str) -> None:
    """The other is told that it is used."""
    code = SqlEnrolments(database, SystemClock()).invite(gateway, "root").code

    def redeem(attempt: str) -> Callable[[Database], str]:
        return lambda db: SqlEnrolments(db, SystemClock()).redeem(code, attempt * 20, "192.0.2.1", lambda gw, _: gw.id)

    one, two = at_once(database, redeem("a"), redeem("b"))
    assert one.result() == gateway
    with pytest.raises(Refused) as caught:
        two.result()
    assert caught.value.reason == "enrolment_used"


def test_of_two_invitations_the_later_one_is_good(database: Database, gateway: str) -> None:
    """At any time one code is good for a gateway."""

    def invite(db: Database) -> str:
        return SqlEnrolments(db, SystemClock()).invite(gateway, "root").code

    one, two = at_once(database, invite, invite)
    enrolments = SqlEnrolments(database, SystemClock())
    with pytest.raises(Refused, match="expired"):
        enrolments.redeem(one.result(), "a" * 20, "192.0.2.1", lambda gw, _: gw.id)
    assert enrolments.redeem(two.result(), "a" * 20, "192.0.2.1", lambda gw, _: gw.id) == gateway


def test_nobody_belongs_to_what_two_administrators_never_said(database: Database, gateway: str) -> None:
    """One says these communities, the other those: the later word stands, not both together."""
    people = People(database, SystemClock())
    people.add("guard", Role.SECURITY, ["c001"])

    def put(community: str) -> Callable[[Database], object]:
        return lambda db: People(db, SystemClock()).set_communities("guard", [community])

    for future in at_once(database, put("c001"), put("c002")):
        future.result()
    assert people.get("guard").communities == frozenset({"c002"})


def test_a_name_taken_by_two_is_a_conflict(database: Database) -> None:
    """In the words that are for it, not a fault of the database's."""

    def add(db: Database) -> object:
        return People(db, SystemClock()).add("guard", Role.SECURITY)

    one, two = at_once(database, add, add)
    one.result()
    assert isinstance(two.exception(), Conflict)


def test_a_worker_that_reports_twice(database: Database) -> None:
    """The one that is stopped says so while the next one says its first."""

    def say(pid: int) -> Callable[[Database], None]:
        return lambda db: report(db, WorkerReport("rules", pid, 1, pid, "ok", NAME, {}))

    for future in at_once(database, say(1), say(2)):
        future.result()
    assert [worker.pid for worker in reports(database)] == [2]


def _status(gateway: str, n: int) -> GatewayStatus:
    return GatewayStatus(gateway, "c001", True, n, "1.0", "b1")


def _beat(gateway: str, n: int) -> Heartbeat:
    return Heartbeat("c001", gateway, "b1", Lane.URGENT, n, n, days={n: (1, 1)})


def test_a_secret_made_while_secrets_are_sealed_anew_is_kept(database: Database, tmp_path: Path) -> None:
    """Two commands at once: the webhook signs with the secret that its owner was shown."""
    People(database, SystemClock()).add("li", Role.ADMINISTRATOR)
    seals = Seals(tmp_path)
    hook, _ = SqlWebhooks(database, seals).add(
        People(database, SystemClock()).get("li").id, "h", "https://h", Filter(), None, 1
    )
    rotated, again = at_once(
        database,
        lambda db: SqlWebhooks(db, seals).rotate(hook.id, "li", 2),
        lambda db: seal_everything_anew(db, SystemClock(), seals, by="li"),
    )
    again.result()
    assert SqlWebhooks(database, seals).keys(hook.id, 3)[0] == rotated.result()


def test_a_key_let_go_between_two_looks_is_fresh(postgres: PostgresServer, tmp_path: Path) -> None:
    """Another request with it fails just then: this one is carried out. (SQLite has nothing between the two looks.)"""
    with postgres.database() as url, closing(open_database(url)) as database, closing(open_database(url)) as other:
        keys = SqlIdempotency(database, Seals(tmp_path))
        theirs, ours = Claim("p1", "k", "theirs"), Claim("p1", "k", "ours")
        assert keys.begin(theirs, "r", 1)[0] is Verdict.FRESH

        def let_go(*_: object) -> None:
            SqlIdempotency(other, Seals(tmp_path)).let_go(theirs)

        event.listen(database.engine, "after_cursor_execute", let_go, once=True)
        assert keys.begin(ours, "r", 2)[0] is Verdict.FRESH


MANY: dict[str, Callable[[Database, list[int]], object]] = {
    "dead letters": lambda db, ns: SqlDeadLetters(db).put([replace(LETTER, key=f"k{n}") for n in ns]),
    "gateways' status": lambda db, ns: SqlGatewayStatuses(db).save([_status(f"gw{n}", n) for n in ns]),
    "heartbeats": lambda db, ns: SqlHeartbeats(db).save([_beat(f"gw{n}", n) for n in ns]),
}


@pytest.mark.parametrize("write", MANY.values(), ids=MANY)
def test_many_rows_in_opposite_order(database: Database, write: Callable[[Database, list[int]], object]) -> None:
    """Two workers have the same rows, as in the moment in which one takes over: neither fails, and none waits for the other."""
    orders = itertools.cycle([list(range(200)), list(range(200))[::-1]])
    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(write, database, next(orders)) for _ in range(12)]:
            future.result()


# --- readers ----------------------------------------------------------------------------------------------------------


def test_all_that_a_reading_transaction_sees_is_of_one_moment(database: Database) -> None:
    """The registry is read table by table: things of one version with the number of the next would never be read again."""
    communities = select(func.count()).select_from(schema.communities)
    with database.read() as reader:
        assert reader.execute(communities).scalar() == 0
        _register(database, 0)
        assert read_version(reader) == 0
        assert reader.execute(communities).scalar() == 0


# --- turns ------------------------------------------------------------------------------------------------------------


def test_who_waits_too_long_for_a_turn_is_told(database: Database, database_url: str) -> None:
    """As with SQLite's lock: the caller's own patience, then an error of the database, and nothing written."""
    hasty = open_database(database_url, patience_s=0.05)
    with database.write() as connection:
        take_turn(connection, schema.alert_changes)
        connection.execute(schema.rules_positions.insert().values(shard=str(WHOLE), position=1))
        with pytest.raises(DBAPIError), hasty.write() as other:
            take_turn(other, schema.alert_changes)
    hasty.close()


def test_turns_of_several_tables_are_taken_in_one_order(database: Database) -> None:
    """Whichever way they are named."""
    tables = (schema.alert_changes, schema.actions, schema.arming_changes)

    def take(*order: int) -> None:
        for _ in range(20):
            with database.write() as connection:
                take_turn(connection, *(tables[number] for number in order))

    with ThreadPoolExecutor(3) as threads:
        for future in [threads.submit(take, *order) for order in itertools.permutations(range(3))]:
            future.result()
