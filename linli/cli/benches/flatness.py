"""Whether figures stay what they are from few stored alerts to many, and how much of a difference is the machine's own. No I/O.

The machine makes no two runs alike: a p99 hangs on what else ran in a few of its seconds. So each run is parted into its first and
its second half, and how far these are apart is its noise. A ratio is reported whatever it is, and what it says beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from linli.cli.benches.measured import percentile
from linli.i18n import Text

FLAT = 1.2
"""A figure is flat if it is at most this many times what it was with few alerts."""


class Says(StrEnum):
    """What a ratio says, from best to worst."""

    FLAT = "flat"
    NOISE = "noise"
    GROWS = "grows"


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric whose growth is looked at, told as `<name>_growth_ratio`. `least`: what is smaller counts as this, for it is measured
    no finer. `slack`: a difference of no more than this is noise. `by`: what is judged where the ratio is noise."""

    name: str
    metric: str
    least: float
    slack: float = 0.0
    by: str = ""


FIGURES = (
    Figure("list", "alerts_list_cpu_ms", 0.01),
    Figure("list_p99", "alerts_list_p99_ms", 0.1, by="list_growth_ratio"),
    Figure("stream", "stream_200_p50_ms", 0.1, by="stream_200_p50_ms"),
    Figure("stream_p99", "stream_200_p99_ms", 0.1, by="stream_growth_ratio"),
    Figure("export_rss", "export_rss_mb", 1.0, slack=10.0, by="export_rss_mb"),
    Figure("permission", "permission_check_ms", 0.01, by="permission_check_ms"),
)
"""Memory grows by arenas of 1 MiB, whole ones; a fifth of the 50 MB that an export may take is no growth."""


def noise_of(metric: str) -> str:
    """The name under which a run says how far its halves are apart in this metric."""
    return f"{metric.rpartition('_')[0]}_noise_ratio"


def unsteadiness(metric: str, values: Sequence[float], percent: float) -> float:
    """How many times the percentile of one half of a run is that of the other: 1 or more. 1 for fewer than two values."""
    least = next(figure.least for figure in FIGURES if figure.metric == metric)
    middle = len(values) // 2
    if not middle:
        return 1.0
    return _apart(percentile(values[:middle], percent), percentile(values[middle:], percent), least)


def _apart(one: float, other: float, least: float) -> float:
    low, high = sorted((max(one, least), max(other, least)))
    return high / low


@dataclass(frozen=True, slots=True)
class Growth:
    """How many times a figure is what it was, by the worst store, and what that says; `noise`: the worst of all runs, 1 where no
    halves are compared."""

    figure: Figure
    ratio: float
    noise: float
    says: Says


def growths(found: Mapping[str, float], sizes: Sequence[int]) -> list[Growth]:
    """Of each figure that was measured. `found`: by '<metric>_<store>_<alerts>'; `sizes`: from fewest to most alerts."""
    few, many = (f"_{size}" for size in (sizes[0], sizes[-1]))
    grown = []
    for figure in FIGURES:
        start = f"{figure.metric}_"
        stores = [name[len(start) : -len(many)] for name in found if name.startswith(start) and name.endswith(many)]
        each = [_growth(found, figure, f"_{store}", few, many) for store in stores]
        if each:
            worst = list(Says)[max(list(Says).index(one.says) for one in each)]
            grown.append(Growth(figure, max(one.ratio for one in each), max(one.noise for one in each), worst))
    return grown


def _growth(found: Mapping[str, float], figure: Figure, store: str, few: str, many: str) -> Growth:
    before, after = (found[figure.metric + store + size] for size in (few, many))
    ratio = max(after, figure.least) / max(before, figure.least)
    noise = max(found.get(noise_of(figure.metric) + store + size, 1.0) for size in (few, many))
    if ratio <= FLAT:
        says = Says.FLAT
    else:
        says = Says.NOISE if ratio <= FLAT * noise or after - before <= figure.slack else Says.GROWS
    return Growth(figure, ratio, noise, says)


def ratios(grown: Sequence[Growth]) -> dict[str, float]:
    """The ratios as metrics, with the noise of what has halves."""
    told = {f"{one.figure.name}_growth_ratio": one.ratio for one in grown}
    return told | {f"{one.figure.name}_noise_ratio": one.noise for one in grown if one.noise > 1.0}


def in_words(grown: Sequence[Growth]) -> dict[str, str]:
    """What each ratio says, for programs."""
    return {f"{one.figure.name}_growth": one.says.value for one in grown}


def remarks(grown: Sequence[Growth]) -> tuple[Text, ...]:
    """What each ratio above FLAT says, for people."""
    return tuple(_remark(one) for one in grown if one.says is not Says.FLAT)


def _remark(one: Growth) -> Text:
    name, ratio = f"{one.figure.name}_growth_ratio", f"{one.ratio:.2f}"
    if one.says is Says.GROWS:
        return Text(
            f"{name} {ratio}：超过 {FLAT}，随告警数增长", f"{name} {ratio}: above {FLAT}, it grows with the alerts"
        )
    if one.figure.slack:
        return Text(
            f"{name} {ratio}：相差不超过 {one.figure.slack:g} MB，属于噪声；请看 {one.figure.by}",
            f"{name} {ratio}: a difference of at most {one.figure.slack:g} MB, which is noise; look at {one.figure.by}",
        )
    return Text(
        f"{name} {ratio}：同一次测量的前后两半就相差 {one.noise:.2f} 倍，属于噪声；请看 {one.figure.by}",
        f"{name} {ratio}: two halves of one run differ {one.noise:.2f} times, so this is noise; look at {one.figure.by}",
    )
