"""Units as a property manager says them."""

import pytest

from api.console.facility_page import shown_value
from api.console.units import scaled
from api.views import ValueView
from linli.i18n import Text
from linli.ports import Bucket
from linli.units import number_with_unit


def value_of(quantity: str, symbol: str, value: float) -> ValueView:
    name = Text("值", "value")
    return ValueView("d1", name, quantity, name, value, symbol, symbol, None, 0, 0.0, False)


@pytest.mark.parametrize(
    ("quantity", "symbol", "value", "shown"),
    [
        ("power", "W", 999, "999 W"),
        ("power", "W", 1000, "1 kW"),
        ("power", "W", -58_000, "-58 kW"),
        ("residual_current", "A", 0.042, "42 mA"),
        ("residual_current", "A", 0, "0 mA"),
        ("current", "A", 0.42, "420 mA"),
        ("current", "A", 0, "0 A"),
        ("current", "A", 11.5, "11.5 A"),
        ("water_pressure", "Pa", 50, "50 Pa"),
        ("water_pressure", "Pa", 420_000, "420 kPa"),
        ("water_pressure", "Pa", 1_250_000, "1.25 MPa"),
        ("energy", "J", 3.6e6, "1 kWh"),
        ("energy", "J", 3.6e10, "10,000 kWh"),
        ("co", "mg/m³", 6.123456, "6.123 mg/m³"),
        ("water_volume", "m³", 18_432, "18,432 m³"),
        ("count", "", 3, "3"),
    ],
)
def test_a_value_is_in_the_unit_of_the_trade(quantity: str, symbol: str, value: float, shown: str) -> None:
    """On the tile as in evidence; what no scale is known for stays as it is."""
    assert number_with_unit(quantity, symbol, value) == shown
    assert shown_value(value_of(quantity, symbol, value), "en") == shown


def test_a_curve_has_one_unit() -> None:
    """That of its largest value, so that a night below 1 kW stands on the day's axis."""
    series = [Bucket(0, 1, 400.0, 500.0, 600.0, 500.0), Bucket(300, 1, 1000.0, 2000.0, 3000.0, 2500.0)]
    shown, value = scaled(series, value_of("power", "W", 500.0))
    assert value.symbol == "kW"
    assert shown == [Bucket(0, 1, 0.4, 0.5, 0.6, 0.5), Bucket(300, 1, 1.0, 2.0, 3.0, 2.5)]
    assert scaled(series, value_of("co", "mg/m³", 500.0))[0] == series
