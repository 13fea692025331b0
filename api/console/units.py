"""A series in the unit that people know. Decides only."""

from collections.abc import Sequence
from dataclasses import replace

from api.views import ValueView
from linli.ports import Bucket
from linli.units import scale_of


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
