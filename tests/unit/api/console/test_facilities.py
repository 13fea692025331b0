"""Which facilities are shown to who sees very many."""

from api.console.facilities_page import MOST_CARDS, _worst
from api.views import FacilityStatus, FacilityView
from linli.i18n import Text

NAME = Text("名", "name")


def view(number: int, state: FacilityStatus) -> FacilityView:
    return FacilityView(
        id=f"f{number:05}",
        kind="lift",
        kind_name=NAME,
        name=NAME,
        community="c001",
        community_name=NAME,
        place="b1",
        place_name=NAME,
        building="b1",
        building_name=NAME,
        state=state,
        since=None,
        reasons=(),
        worst_alerts=(),
    )


def test_few_are_all_shown() -> None:
    """In the order in which they came."""
    views = [view(number, FacilityStatus.OK) for number in range(MOST_CARDS)]
    assert _worst(views) == views


def test_of_many_none_that_is_worse_is_left_out_for_one_that_is_better() -> None:
    """A fault at the very end of a district is on the page; the order stays."""
    states = [FacilityStatus.OK] * 3000 + [FacilityStatus.UNKNOWN] * (MOST_CARDS - 1) + [FacilityStatus.FAULT]
    views = [view(number, state) for number, state in enumerate(states)]
    shown = _worst(views)
    assert shown == views[3000:]
