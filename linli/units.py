"""Units as the trade says them, for what people look at; what is stored, written in rules and answered by REST stays in SI.
Without I/O."""

from dataclasses import dataclass


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
    "A": ((1e-9, Scale("mA", 1e-3)), (1, Scale("A", 1))),
    "W": ((1e3, Scale("kW", 1e3)),),
    "Pa": ((1e3, Scale("kPa", 1e3)), (1e6, Scale("MPa", 1e6))),
    "J": ((0, Scale("kWh", 3.6e6)),),
}


def scale_of(quantity: str, symbol: str, magnitude: float) -> Scale:
    """The scale in which to show values of up to `magnitude`, given in SI: by what the quantity is ('' if it is none that has
    a name), else by its unit."""
    steps = _BY_QUANTITY.get(quantity) or _BY_SYMBOL.get(symbol, ())
    return next((scale for least, scale in reversed(steps) if magnitude >= least), Scale(symbol, 1))


def plain_number(value: float, digits: int = 4) -> str:
    """In at most so many digits, or as a whole number; thousands marked."""
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def number_with_unit(quantity: str, symbol: str, value: float, digits: int = 4) -> str:
    """The number and its unit; without a symbol the number alone."""
    scale = scale_of(quantity, symbol, abs(value))
    return f"{plain_number(scale.of(value), digits)} {scale.symbol}".strip()
