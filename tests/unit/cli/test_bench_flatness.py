"""What the bench 'api' says of figures with few alerts stored and with many."""

import pytest

from linli.cli.benches.flatness import FIGURES, Says, growths, in_words, noise_of, ratios, remarks, unsteadiness

SIZES = (10, 1000)


def found(metric: str, few: float, many: float, store: str = "sqlite", noise: float | None = None) -> dict[str, float]:
    """What two runs of a store found of one metric."""
    told = {f"{metric}_{store}_10": few, f"{metric}_{store}_1000": many}
    return told if noise is None else told | {f"{noise_of(metric)}_{store}_1000": noise}


def test_each_figure_that_is_wanted_flat_has_a_ratio() -> None:
    """List, streams, export, permission; lists and streams also by what hangs less on the machine."""
    everything = {name: value for figure in FIGURES for name, value in found(figure.metric, 100.0, 110.0).items()}
    told = ratios(growths(everything, SIZES))
    names = ("list", "list_p99", "stream", "stream_p99", "export_rss", "permission")
    assert told == pytest.approx({f"{name}_growth_ratio": 1.1 for name in names})
    assert in_words(growths(everything, SIZES)) == {f"{name}_growth": "flat" for name in names}


@pytest.mark.parametrize(
    ("few", "many", "noise", "says"),
    [
        (10.0, 12.0, None, Says.FLAT),
        (10.0, 5.0, None, Says.FLAT),
        (10.0, 12.1, None, Says.GROWS),
        (10.0, 12.1, 1.1, Says.NOISE),
        (10.0, 13.3, 1.1, Says.GROWS),
        (0.0, 0.05, None, Says.FLAT),
    ],
)
def test_a_ratio_within_what_two_halves_of_a_run_differ_by_is_noise(
    few: float, many: float, noise: float | None, says: Says
) -> None:
    """Flat up to a fifth more; then noise as far as a run is from itself; then growth. Nothing is divided by nothing."""
    (one,) = growths(found("alerts_list_p99_ms", few, many, noise=noise), SIZES)
    assert one.says is says
    assert [one.figure.name in remark.en for remark in remarks([one])] == [True] * (says is not Says.FLAT)


def test_a_few_megabytes_more_are_noise() -> None:
    """Of 3 and 13 MB a ratio says nothing; 14 MB more than before does."""
    (few,) = growths(found("export_rss_mb", 3.0, 13.0), SIZES)
    (many,) = growths(found("export_rss_mb", 30.0, 44.0), SIZES)
    assert (few.says, many.says) == (Says.NOISE, Says.GROWS)
    assert ratios([few]) == {"export_rss_growth_ratio": pytest.approx(13 / 3)}


def test_the_worst_store_counts() -> None:
    """Each is compared with itself: one that is slower all along has not grown."""
    metric = "permission_check_ms"
    both = found(metric, 0.5, 0.5, noise=1.5) | found(metric, 2.0, 3.0, "postgresql", noise=1.1)
    (one,) = growths(both, SIZES)
    assert (one.ratio, one.noise, one.says) == (1.5, 1.5, Says.GROWS)
    assert ratios([one]) == {"permission_growth_ratio": 1.5, "permission_noise_ratio": 1.5}


def test_how_far_the_halves_of_a_run_are_apart() -> None:
    """The larger over the smaller, whichever was first; what is measured no finer counts as equal."""
    metric = "stream_200_p99_ms"
    assert unsteadiness(metric, [1.0, 4.0, 2.0, 2.0], 99) == 2.0
    assert unsteadiness(metric, [2.0, 2.0, 1.0, 4.0], 99) == 2.0
    assert unsteadiness(metric, [0.001, -3.0], 50) == 1.0
    assert unsteadiness(metric, [7.0], 99) == 1.0
