"""What doors and cameras have of a person: whose a card was and when, and how all of it is handed out and taken out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from linli.audit import Who
from linli.clock import HOUR, SECOND
from linli.db import schema
from linli.db.alerts import SqlAlerts
from linli.db.credentialholders import holdings_of, persons_of_credentials
from linli.db.database import Database
from linli.db.registrymerging import merge
from linli.db.registryremoving import remove
from linli.db.registrywriting import put
from linli.db.snapshots import Snapshot, SqlSnapshots
from linli.db.traces import alerts_of
from linli.erasing import FormerPersons, all_of, erase_all
from linli.errors import Conflict, NotFound, StoreUnavailable
from linli.i18n import Text
from linli.model import Evidence, JsonValue, Lane, Message, Received
from linli.ports import StoredEvent
from linli.registry.changes import Origin
from linli.registry.inhabitants import Credential, Person
from linli.snapshots import Kind
from linli.testing import ManualClock, MemoryStore
from tests.contract.database.district import AT, CARD, COMMUNITY, EVERYTHING, WANG, key
from tests.contract.database.test_alerts import ALERT, closed, write

ZONE = ZoneInfo("Asia/Shanghai")
NOON = round(datetime(2026, 3, 1, 12, tzinfo=ZONE).timestamp() * 1_000_000)
LATER = Origin(AT.at + 10 * SECOND, "li")
ANN = Person("ann", COMMUNITY.id, "Ann")


def midnight(year: int, month: int, day: int) -> int:
    return round(datetime(year, month, day, tzinfo=ZONE).timestamp() * 1_000_000)


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as connection:
        put(connection, [*EVERYTHING, ANN], AT)
    return database


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def swipe(store: MemoryStore, sequence: int, card: JsonValue, at: int = NOON, **more: JsonValue) -> None:
    message = Message(
        community=COMMUNITY.id,
        gateway="g1",
        bootid="b1",
        lane=Lane.URGENT,
        sequence=sequence,
        oldest=1,
        type="access.granted",
        subject="door",
        time=at,
        agent_time=at,
        data={"credential": card, "direction": "in", **more},
    )
    store.write([Received(message, at)], {})


def stored(store: MemoryStore) -> dict[int, StoredEvent]:
    return {event.sequence: event for event in store.events(COMMUNITY.id, 0, 2**62, limit=10_000)}


def say(database: Database, *items: Credential, at: Origin = LATER) -> None:
    with database.write() as connection:
        put(connection, items, at)


def spans(database: Database, *persons: str) -> list[tuple[str, int, int]]:
    with database.read() as connection:
        return [(one.value, one.start, one.end) for one in holdings_of(connection, persons)]


def test_a_card_is_theirs_from_its_first_day_to_its_last(filled: Database) -> None:
    """By the community's clock; without an end it is theirs still, without a beginning it always was."""
    assert spans(filled, "p1") == [("C0012342", midnight(2026, 1, 1), 2**62)]
    say(filled, replace(CARD, until="2026-02-28"))
    assert spans(filled, "p1") == [("C0012342", midnight(2026, 1, 1), midnight(2026, 3, 1))]
    say(filled, replace(CARD, since=None, until=None))
    assert spans(filled, "p1") == [("C0012342", 0, 2**62)]


def test_a_card_handed_on_is_each_ones_in_their_time(filled: Database) -> None:
    """Who gets it is not given the swipes of who had it, also where nobody says since when it is theirs."""
    say(filled, replace(CARD, until="2026-02-28"), Credential("n2", COMMUNITY.id, "ann", "card", "C0012342"))
    assert spans(filled, "ann") == [("C0012342", midnight(2026, 3, 1), 2**62)]
    with filled.read() as connection:
        assert persons_of_credentials(connection, COMMUNITY.id, ["C0012342", "?"]) == {"C0012342": ["ann", "p1"]}
        assert persons_of_credentials(connection, "elsewhere", ["C0012342"]) == {}


def test_a_card_taken_out_was_theirs_until_then(filled: Database) -> None:
    """What it did before stays theirs to ask for."""
    with filled.write() as connection:
        remove(connection, [key(CARD)], Origin(NOON, "li"))
    assert spans(filled, "p1") == [("C0012342", midnight(2026, 1, 1), NOON)]


def test_a_duplicates_card_is_the_survivors(filled: Database) -> None:
    """Merging moves it over, and a card that both have is there once."""
    say(
        filled,
        Credential("n2", COMMUNITY.id, "ann", "fob", "F-77"),
        Credential("n3", COMMUNITY.id, "ann", "card", "C0012342", "2026-01-01"),
    )
    with filled.write() as connection:
        merge(connection, key(ANN), key(WANG), LATER)
        there = connection.execute(
            select(schema.credentials.c.person_id, schema.credentials.c.value).where(
                schema.credentials.c.removed_at.is_(None)
            )
        )
        assert sorted(map(tuple, there)) == [("p1", "C0012342"), ("p1", "F-77")]


def test_all_of_it_is_handed_out_and_nobody_elses(filled: Database, store: MemoryStore) -> None:
    """Swipes of their cards while these were theirs, also where the reader says a number; what alerts keep of them; pictures."""
    say(filled, Credential("n2", COMMUNITY.id, "p1", "fob", "778899"))
    swipe(store, 1, "C0012342", snapshot="pic1")
    swipe(store, 2, "C0012343")
    swipe(store, 3, 778899, NOON + HOUR)
    swipe(store, 4, "C0012342", midnight(2025, 12, 31))
    swipe(store, 5, "no card", note="C0012342 was seen")
    keep_alert(filled, "closed", closed_=True)
    keep_alert(filled, "nobodys", cards=("C0012343",))
    add_picture(filled, "pic1")
    add_picture(filled, "pic2")
    with filled.read() as connection:
        found = all_of(connection, store, "p1")
        assert all_of(connection, store, "ann")["swipes"] == []
        with pytest.raises(NotFound):
            all_of(connection, store, "nobody")
    assert {one["kind"] for one in found["records"]} >= {"person", "credential"}
    assert sorted((one["time"], one["data"]["credential"]) for one in found["swipes"]) == [
        (NOON, "C0012342"),
        (NOON + HOUR, 778899),
    ]
    assert [(one["id"], len(one["evidence"])) for one in found["alerts"]] == [("closed", 1)]
    assert [(one["device"], one["id"]) for one in found["pictures"]] == [("door", "pic1")]


def test_what_they_ask_to_go_is_taken_out_everywhere(filled: Database, store: MemoryStore) -> None:
    """That a door was opened stays, and so does all that is somebody else's; what the register had goes last."""
    swipe(store, 1, "C0012342", snapshot="pic1")
    swipe(store, 2, "C0012343")
    keep_alert(filled, "closed", closed_=True)
    add_picture(filled, "pic1")
    before, removed = stored(store), list[str]()
    assert erase(filled, store, removed) >= 5
    after = stored(store)
    assert after[2] == before[2]
    assert after[1] == replace(before[1], data={**before[1].data, "credential": "***"})
    assert removed == ["c1/door/2026-03-01/pic1.jpg"]
    assert SqlSnapshots(filled).get("door", "pic1") is None
    kept = SqlAlerts(filled).get("closed")
    assert kept is not None
    assert [seen.data["credential"] for seen in kept.evidence] == ["***", "C0012343"]
    with filled.read() as connection:
        found = all_of(connection, store, "p1")
        assert persons_of_credentials(connection, COMMUNITY.id, ["C0012342"]) == {}
    assert "C0012342" not in str(found)
    with pytest.raises(Conflict):
        erase(filled, store, removed)


def test_while_an_alert_is_open_its_swipes_are_needed(filled: Database, store: MemoryStore) -> None:
    """It is said which, and nothing has gone; once it is closed all of it does."""
    swipe(store, 1, "C0012342")
    keep_alert(filled, "standing", closed_=False)
    with pytest.raises(Conflict) as told:
        erase(filled, store)
    assert "standing" in str(told.value)
    assert stored(store)[1].data["credential"] == "C0012342"
    with filled.read() as connection:
        assert [one.open for one in alerts_of(connection, holdings_of(connection, ["p1"]))] == [True]
    keep_alert(filled, "standing", closed_=True)
    erase(filled, store)
    assert stored(store)[1].data["credential"] == "***"


def test_a_store_that_does_not_answer_leaves_the_register_as_it_was(filled: Database, store: MemoryStore) -> None:
    """So that it can be done again: the register alone knows which cards to look for."""

    class Failing(MemoryStore):
        def redact(self, events: Sequence[StoredEvent]) -> None:
            raise StoreUnavailable(Text("不答", "no answer"))

    swipe(failing := Failing(), 1, "C0012342")
    with pytest.raises(StoreUnavailable):
        erase(filled, failing)
    assert spans(filled, "p1") == [("C0012342", midnight(2026, 1, 1), 2**62)]
    erase(filled, store)
    assert spans(filled, "p1") == []


def erase(database: Database, store: MemoryStore, removed: list[str] | None = None) -> int:
    files: list[str] = [] if removed is None else removed
    return erase_all(database, store, files.append, "p1", LATER, "she asks for it")


def keep_alert(
    database: Database, name: str, cards: Sequence[str] = ("C0012342", "C0012343"), *, closed_: bool = True
) -> None:
    evidence = tuple(
        Evidence(NOON, "door", "access.denied", None, None, {"credential": card, "reason": "revoked"}) for card in cards
    )
    alert = replace(ALERT, id=name, subject=f"door-{name}", evidence=evidence)
    write(SqlAlerts(database), closed(alert) if closed_ else alert)


def add_picture(database: Database, name: str) -> None:
    file = f"c1/door/2026-03-01/{name}.jpg"
    SqlSnapshots(database).add(
        Snapshot("door", name, COMMUNITY.id, NOON, NOON, Kind.JPEG, 10, 1, 1, "0" * 64, file, "li")
    )


def test_who_was_taken_out_goes_by_themselves_with_their_swipes(filled: Database, store: MemoryStore) -> None:
    """But not while an alert is open that keeps some; nobody else waits for that."""
    swipe(store, 1, "C0012342")
    keep_alert(filled, "standing", closed_=False)
    with filled.write() as connection:
        remove(connection, [key(WANG)], Origin(NOON + HOUR, "li"), along=True)
        remove(connection, [key(ANN)], Origin(NOON + HOUR + 1, "li"))
    former = FormerPersons(filled, store, list[str]().append, Who("system:api"), ManualClock(NOON))
    assert [former.erase_before(NOON + 2 * HOUR) for _ in range(3)] == [1, 0, 0]
    assert stored(store)[1].data["credential"] == "C0012342"
    keep_alert(filled, "standing", closed_=True)
    assert [former.erase_before(NOON + 2 * HOUR) for _ in range(2)] == [1, 0]
