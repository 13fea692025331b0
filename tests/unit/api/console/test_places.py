"""The order of places on the page, and what is left out where there are many."""

from dataclasses import replace

from api.arming.service import PlaceView
from api.console.places_page import MOST_PLACES, _in_order, _listed
from linli.i18n import Text

NAME = Text("名", "Name")


def place(name: str, parent: str | None = None, mode: str | None = None) -> PlaceView:
    return PlaceView(name, "room", NAME, NAME, "c", NAME, parent, mode, None, None, mode)


def test_each_lies_behind_what_it_lies_in() -> None:
    """With its depth; places of nothing that is listed come first."""
    views = [place("b1"), place("b1-f1", "b1"), place("b1-f1-shop", "b1-f1"), place("b2"), place("x", "gone")]
    shuffled = [views[index] for index in (2, 4, 3, 1, 0)]
    assert [(depth, view.id) for depth, view in _in_order(sorted(shuffled, key=lambda view: view.id))] == [
        (0, "b1"),
        (1, "b1-f1"),
        (2, "b1-f1-shop"),
        (0, "b2"),
        (0, "x"),
    ]


def test_of_many_only_the_outermost_and_those_with_a_mode() -> None:
    """A district has thousands of flats."""
    few = [place("b1"), *(place(f"flat-{number}", "b1") for number in range(MOST_PLACES - 1))]
    assert _listed(few) == few
    armed = replace(place("one-more", "b1"), own_mode="night")
    assert [view.id for view in _listed([*few, armed])] == ["b1", "one-more"]
