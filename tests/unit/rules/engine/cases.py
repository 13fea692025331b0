"""What the cases of other systems share: series of readings, one every so many seconds, and what came of each."""

from collections.abc import Sequence
from pathlib import Path

from linli.model import ActionKind, Condition, Lane
from rules.durable.state import dump, restore
from tests.unit.rules.world import Bench, rule_of

Happened = list[tuple[str, float]]
"""(kind, second)."""


def series(
    bench: Bench, values: Sequence[float | None], every: float = 1.0, *, start: int = 0, device: str = "cable"
) -> list[Happened]:
    """Readings of the temperature, None being none at all; what happened at each."""
    out = []
    for number, value in enumerate(values, start):
        at = number * every
        entry = (
            bench.feed.beat(at, Lane.BULK)
            if value is None
            else bench.feed.reading(at, device, "temperature", value, unit="Cel")
        )
        out.append([(kind, second) for kind, _, second in bench.put(entry)])
    return out


def flat(steps: Sequence[Happened]) -> Happened:
    """All that happened."""
    return [each for step in steps for each in step]


def severities(folder: Path, when: str, values: Sequence[float], more: str = "") -> list[str]:
    """The severity of the firing alert after each reading, 'ok' while none fires; somebody acknowledges whatever opens."""
    bench = Bench(rule_of(folder, when, severity="low", more=more))
    out = []
    for number, value in enumerate(values):
        bench.put(bench.feed.reading(float(number), "cable", "temperature", value))
        firing = [record.alert for record in bench.engine.book.open.values()]
        live = [alert.severity.value for alert in firing if alert.condition is Condition.FIRING]
        out.append(live[0] if live else "ok")
        for alert in firing:
            if alert.acknowledged_at is None:
                bench.put(bench.feed.act(number + 0.5, ActionKind.ACKNOWLEDGE, alert.id))
    return out


def restart(bench: Bench) -> None:
    """The process dies, and comes back with what it had written down."""
    bench.engine = restore(dump(bench.engine))
