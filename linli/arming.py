"""The modes that a place can be in, as people who arm and disarm it know them. No I/O."""

import difflib
from collections.abc import Container, Mapping

from linli.errors import Refused
from linli.i18n import Text
from linli.model import Place

MODES: dict[str, Text] = {
    "disarmed": Text("撤防", "Disarmed"),
    "home": Text("在家布防", "Home"),
    "away": Text("外出布防", "Away"),
    "night": Text("夜间布防", "Night"),
    "care": Text("照护", "Care"),
    "leave": Text("长期外出", "On leave"),
}
"""A place that has none of its own has that of the nearest place around it."""


def mode_name(mode: str) -> Text:
    """The mode's name for people, or the mode itself."""
    return MODES.get(mode, Text(mode, mode))


def check_mode(mode: str) -> str:
    """The mode; Refused ('bad_mode', with what there is) if it is none."""
    if mode in MODES:
        return mode
    near = difflib.get_close_matches(mode, MODES, 1) or list(MODES)
    error = Refused("bad_mode", f"there is no mode {mode:.32}; did you mean {' or '.join(near)}?")
    error.text = Text(f"没有模式 {mode:.32}，可用：{'、'.join(near)}", error.detail)
    raise error


def holder(place: str, armed: Container[str], places: Mapping[str, Place]) -> str | None:
    """Whose mode holds at `place`: its own, else that of the nearest place around it; None if none of them is `armed`."""
    seen: set[str] = set()
    here: str | None = place
    while here is not None and here not in seen:
        if here in armed:
            return here
        seen.add(here)
        around = places.get(here)
        here = None if around is None else around.parent
    return None
