"""The drawing of a floor plan with its devices as dots, each in the colour and shape of how it is."""

from collections.abc import Sequence

from nicegui.element import Element

from api import words
from api.console.registry import texts
from api.floorplans.service import Dot, Plan


class PlanView(Element, component="../static/plan.js"):
    """The drawing; `plan.js` says what it does."""

    def __init__(self, plan: Plan, dots: Sequence[Dot], language: str, chosen: str = "") -> None:
        super().__init__()
        assert plan.drawing is not None
        self._language = language
        name = plan.plan.name
        self.props["src"] = f"/api/v1/registry/floor-plans/{plan.plan.id}/drawing?edition={plan.drawing.sha256[:12]}"
        self.props["alt"] = texts.DRAWN_OF.format(name=name, count=len(dots)).of(language)
        self.props["chosen"] = chosen
        self.show(dots)

    def show(self, dots: Sequence[Dot]) -> None:
        """These devices."""
        self.props["dots"] = [_shown(dot, self._language) for dot in dots]

    def place(self, device: str, spot: dict[str, float] | None) -> None:
        """Let a press say where this device is to be; '' ends it. `spot`: where it is to be so far."""
        self.props["placing"] = bool(device)
        self.props["chosen"] = device
        self.props["spot"] = spot


def _shown(dot: Dot, language: str) -> dict[str, object]:
    state = dot.state.status
    title = f"{dot.device.name.of(language)} · {words.FACILITY_STATES[state].of(language)}"
    return {
        "id": dot.device.id,
        "title": title,
        "href": f"/registry/devices/{dot.device.id}",
        "x": dot.spot.x,
        "y": dot.spot.y,
        "state": state.value,
    }
