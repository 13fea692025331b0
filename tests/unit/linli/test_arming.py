"""Which places are armed: the modes, who set them, and how rules notices."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from linli.arming import MODES, check_mode, holder, mode_name
from linli.db.arming import Armed, SqlArming
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.errors import Refused
from linli.i18n import Text
from linli.model import Place

NAME = Text("名", "Name")


@pytest.fixture
def arming(tmp_path: Path) -> Iterator[SqlArming]:
    database = open_database(f"sqlite:///{tmp_path / 'linli.db'}")
    upgrade(database)
    yield SqlArming(database)
    database.close()


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


def test_whose_mode_holds() -> None:
    """The nearest around it; a ring of places, which no registry should have, ends."""
    places = {
        "house": Place("house", "c", "building", NAME),
        "floor": Place("floor", "c", "floor", NAME, "house"),
        "shop": Place("shop", "c", "room", NAME, "floor"),
        "ring": Place("ring", "c", "room", NAME, "ring"),
    }
    assert holder("shop", {"house"}, places) == "house"
    assert holder("shop", {"house", "floor"}, places) == "floor"
    assert holder("shop", {"shop", "house"}, places) == "shop"
    assert holder("house", {"shop"}, places) is None
    assert holder("ring", {"house"}, places) is None
    assert holder("nowhere", {"house"}, places) is None


def test_every_mode_has_a_name() -> None:
    """In both languages; one that there is not yet is shown as it is."""
    assert all(name.zh and name.en for name in MODES.values())
    assert [check_mode(mode) for mode in MODES] == list(MODES)
    assert mode_name("siesta").zh == "siesta"
