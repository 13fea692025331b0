"""What is read before anybody asks."""

from linli.db.database import Database
from linli.db.people import Person
from linli.db.registry import save
from linli.i18n import Text
from linli.model import Community, Role
from linli.testing import ManualClock
from tests.unit.api.seeing import sights_of


def test_who_asks_first_finds_the_names_read(database: Database) -> None:
    """Of a whole district reading them takes longer than anybody should wait for a page: what was read is what is shown."""
    clock = ManualClock()
    with database.write() as connection:
        save(connection, [Community("c001", Text("望湖苑", "Lakeview Court"))])
    sights = sights_of(database, clock)
    sights.prepare()
    with database.write() as connection:
        save(connection, [Community("c001", Text("听松里", "Pine Lane"))])
    guard = Person("p1", "guard", "Guard", Role.ADMINISTRATOR, None)
    assert sights.of(guard).names.community("c001").en == "Lakeview Court"
    clock.advance(2)
    assert sights.of(guard).names.community("c001").en == "Pine Lane"
