"""What people see of a database, for tests of the services alone."""

from api.directory import Directory
from api.sight import Sights
from api.stored import StoreReader
from linli.clock import Clock
from linli.db.database import Database
from linli.db.people import People
from linli.db.scoping import guarded
from linli.testing import MemoryStore


def sights_of(database: Database, clock: Clock) -> Sights:
    """Sights over the database and a store with nothing in it."""
    kept = guarded(database)
    directory = Directory(kept.whole(), People(kept.whole(), clock), clock)
    return Sights(kept, directory, StoreReader(MemoryStore(), clock))
