"""Which places are armed: whose mode holds, and what modes are called."""

from linli.arming import MODES, check_mode, holder, mode_name
from linli.i18n import Text
from linli.model import Place

NAME = Text("名", "Name")


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
