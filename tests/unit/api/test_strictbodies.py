"""true for a number: Python and Pydantic take it for 1, and a list of hours that says true is a mistake of somebody's."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from api.http.strictbodies import flag_for_number


class Spot(BaseModel):
    """Numbers, deeper within."""

    x: float
    kept: bool = False


class Body(BaseModel):
    """Numbers in every place that a body has them."""

    minutes: int | None = None
    share: Annotated[float, Field(ge=0)] = 0.0
    spot: Spot | None = None
    spots: list[Spot] = []
    days: list[int] = []
    name: str = ""
    anything: Any = None
    either: bool | int = 0
    from_: int = Field(0, alias="from")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"minutes": True}, "minutes"),
        ({"share": False}, "share"),
        ({"spot": {"x": True}}, "spot.x"),
        ({"spots": [{"x": 1}, {"x": True}]}, "spots.1.x"),
        ({"days": [1, True]}, "days.1"),
        ({"from": True}, "from"),
        ({"minutes": 1, "spot": {"x": 1, "kept": True}, "anything": True, "either": True, "unknown": True}, None),
        ({"name": True}, None),  # Pydantic refuses that
        ([True], None),
        (None, None),
    ],
)
def test_where_it_stands(body: Any, where: str | None) -> None:
    """Whatever it is in: a union, a list, a model within."""
    assert flag_for_number(Body, body) == where


def test_a_body_that_is_a_number() -> None:
    """It has no place within."""
    assert flag_for_number(int, True) == ""
    assert flag_for_number(bool, True) is None
