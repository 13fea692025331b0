"""Which places are armed, in the database: the modes, who set them, and how rules notices."""

import pytest

from linli.db.arming import Armed, SqlArming
from linli.db.database import Database
from linli.errors import Refused


@pytest.fixture
def arming(database: Database) -> SqlArming:
    return SqlArming(database)


def test_a_place_is_armed_and_disarmed(arming: SqlArming) -> None:
    """The newest mode of each place that has one; the history keeps them all, with who and why."""
    assert (arming.version(), arming.modes()) == (0, {})
    assert arming.set("shop", "away", "li", "closing time", 100)
    assert arming.set("flat", "night", "wang", "", 110)
    assert arming.set("shop", "disarmed", "li", "open", 200)
    assert arming.modes() == {"shop": "disarmed", "flat": "night"}
    assert arming.all()["shop"] == Armed("shop", "disarmed", "li", 200, "open")
    assert arming.history("shop") == [
        Armed("shop", "disarmed", "li", 200, "open"),
        Armed("shop", "away", "li", 100, "closing time"),
    ]


def test_the_version_moves_with_each_change_alone(arming: SqlArming) -> None:
    """What rules polls: setting what is set already is no change."""
    arming.set("shop", "away", "li", "", 100)
    version = arming.version()
    assert not arming.set("shop", "away", "wang", "again", 150)
    assert (arming.version(), len(arming.history("shop"))) == (version, 1)
    arming.set("shop", "home", "li", "", 200)
    assert arming.version() > version


def test_a_place_gives_its_own_mode_up(arming: SqlArming) -> None:
    """From then on it goes by the place around it."""
    arming.set("shop", "away", "li", "", 100)
    assert arming.set("shop", None, "li", "as the building", 200)
    assert arming.modes() == {}
    assert arming.history("shop")[0] == Armed("shop", None, "li", 200, "as the building")
    assert not arming.set("shop", None, "li", "", 300)


def test_a_mode_that_there_is_not(arming: SqlArming) -> None:
    """Refused with what was meant, and nothing is kept."""
    with pytest.raises(Refused, match="did you mean night"):
        arming.set("shop", "nigth", "li", "", 100)
    assert arming.version() == 0
