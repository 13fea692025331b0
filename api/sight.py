"""What one person sees of Linli: the only way in which their requests reach anything that is kept.

A `Sight` is made for each request. Its database runs every statement confined to the communities that the person reaches
(`linli.db.scoping`), its names and its registry hold those communities alone, and its store answers for no other. So a route,
a page or an export that is written without a thought of scope shows what the person may see, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.directory import Directory, Names
from api.stored import StoreReader
from linli.charts import Chart, Series, Shape
from linli.db.alerts import SqlAlerts
from linli.db.arming import SqlArming
from linli.db.commands import SqlCommands
from linli.db.database import Database
from linli.db.own import Own, OwnDatabases
from linli.db.people import Person
from linli.db.scoping import GuardedDatabase, OutOfScope
from linli.errors import NotFound
from linli.i18n import Text
from linli.ports import EventKey, Latest, StoredEvent
from linli.retention import Retention


class SeenStore:
    """The store of readings and events, for the communities that somebody reaches. OutOfScope for another: a mistake of ours."""

    def __init__(self, store: StoreReader, communities: frozenset[str] | None) -> None:
        self._store = store
        self._communities = communities

    def latest(self, community: str) -> dict[str, list[Latest]] | None:
        """As `StoreReader.latest`."""
        return self._store.latest(self._seen(community))

    def chart(self, series: Series, points: int, shape: Shape, retention: Retention) -> Chart:
        """As `StoreReader.chart`."""
        self._seen(series.community)
        return self._store.chart(series, points, shape, retention)

    def events(
        self,
        community: str,
        start: int,
        end: int,
        *,
        types: Sequence[str] = (),
        device: str | None = None,
        limit: int = 100,
        before: EventKey | None = None,
        containing: Sequence[str] = (),
    ) -> list[StoredEvent]:
        """As `StoreReader.events`."""
        seen = self._seen(community)
        return self._store.events(
            seen, start, end, types=types, device=device, limit=limit, before=before, containing=containing
        )

    def redact(self, events: Sequence[StoredEvent]) -> None:
        """As `StoreReader.redact`."""
        for event in events:
            self._seen(event.community)
        self._store.redact(events)

    def _seen(self, community: str) -> str:
        if self._communities is not None and community not in self._communities:
            raise OutOfScope(Text("内部错误：读数不在范围之内", "internal: readings that are not within the scope"))
        return community


@dataclass(frozen=True, slots=True)
class Sight:
    """All that `person` sees. `communities`: those they reach, None for all."""

    person: Person
    names: Names
    database: Database
    store: SeenStore

    @property
    def communities(self) -> frozenset[str] | None:
        """Those the person reaches; None for all."""
        return self.person.communities

    @property
    def alerts(self) -> SqlAlerts:
        """The alerts within sight."""
        return SqlAlerts(self.database)

    @property
    def arming(self) -> SqlArming:
        """The modes of the places within sight."""
        return SqlArming(self.database)

    @property
    def commands(self) -> SqlCommands:
        """The commands to devices within sight."""
        return SqlCommands(self.database)


class Sights:
    """Makes the sight of each who asks. Safe to call from several threads."""

    def __init__(self, database: GuardedDatabase, directory: Directory, store: StoreReader) -> None:
        self._database = database
        self._directory = directory
        self._store = store
        self._own = OwnDatabases(database)

    def prepare(self) -> None:
        """Read the names, so that who asks first does not wait for them: of a whole district that takes a second or two."""
        self._directory.names()

    def of(self, person: Person) -> Sight:
        """What the person sees now, by names that are at most a second old."""
        reached = person.communities
        return Sight(
            person, self._directory.names(reached), self._database.of(reached), SeenStore(self._store, reached)
        )

    def events_of(self, own: Own) -> SeenStore:
        """The store of readings and events, as far as a resident's community reaches."""
        return SeenStore(self._store, frozenset((own.community,)))

    def own(self, person: Person, now: int) -> Own:
        """What the registry has of the person themselves, and nothing else. NotFound if nobody has said who they are in it."""
        found = None if person.registered_as is None else self._own.of(person.registered_as, now)
        if found is None:
            raise NotFound(
                Text(
                    "您的账号还没有与居民登记关联，请联系居委会或物业",
                    "your account is not linked to the register of residents yet: ask your committee or property manager",
                )
            )
        return found
