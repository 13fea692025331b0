"""Units as the trade says them, for what people look at; what is stored and what REST answers stay in SI. Decides only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from api.views import ValueView
from linli.ports import Bucket


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit to show, and how many of the stored unit one of it is."""

    symbol: str
    size: float

    def of(self, value: float) -> float:
        """The value in this unit."""
        return value / self.size


_BY_QUANTITY: dict[str, tuple[tuple[float, Scale], ...]] = {
    "residual_current": ((0, Scale("mA", 1e-3)),),
}
_BY_SYMBOL: dict[str, tuple[tuple[float, Scale], ...]] = {
    # (from this magnitude on, the scale); the last that holds counts
    "W": ((1e3, Scale("kW", 1e3)),),
    "Pa": ((1e3, Scale("kPa", 1e3)), (1e6, Scale("MPa", 1e6))),
    "J": ((0, Scale("kWh", 3.6e6)),),
}


def scale_of(quantity: str, symbol: str, magnitude: float) -> Scale:
    """The scale in which to show values of up to `magnitude`, given in SI: by what the quantity is, else by its unit."""
    steps = _BY_QUANTITY.get(quantity) or _BY_SYMBOL.get(symbol, ())
    return next((scale for least, scale in reversed(steps) if magnitude >= least), Scale(symbol, 1))


def scaled(buckets: Sequence[Bucket], value: ValueView) -> tuple[list[Bucket], ValueView]:
    """A series and what it is of, in the one unit that suits its largest value."""
    largest = max((max(abs(bucket.minimum), abs(bucket.maximum)) for bucket in buckets), default=0.0)
    scale = scale_of(value.quantity, value.symbol, largest)
    shown = [
        replace(
            b, minimum=scale.of(b.minimum), mean=scale.of(b.mean), maximum=scale.of(b.maximum), last=scale.of(b.last)
        )
        for b in buckets
    ]
    return shown, replace(value, value=scale.of(value.value), symbol=scale.symbol)


def number_with_unit(quantity: str, symbol: str, value: float) -> str:
    """The number in at most four digits, or with thousands marked, and its unit."""
    scale = scale_of(quantity, symbol, abs(value))
    shown = scale.of(value)
    number = f"{shown:,.0f}" if abs(shown) >= 1000 else f"{shown:.4g}"
    return f"{number} {scale.symbol}".strip()
