"""The latency bench, cut to a few samples: that it measures, not how fast this machine is."""

import pytest

from linli.cli.benches import latency, page
from linli.settings import load_settings
from tests.support import need

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.mark.parametrize("kind", ["chromium", "stream"])
def test_latency_is_measured(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event's alert is found on the page, or on the stream where there is no browser; later than the event. What was
    measured on the stream does not call itself the page's."""
    if kind == "chromium":
        need("chromium")
    else:
        monkeypatch.setattr(page, "_PROGRAMS", ())
    monkeypatch.setattr(latency, "_QUICK_SAMPLES", 4)
    measured = latency.measure(load_settings(), quick=True)
    assert measured.setting == {"page": kind}
    assert (measured.metrics["samples"], measured.metrics["missing"], measured.lost) == (4, 0, 0)
    what, other = ("page", "stream") if kind == "chromium" else ("stream", "page")
    assert 0 < measured.metrics[f"device_to_{what}_p50_s"] <= measured.metrics[f"device_to_{what}_p99_s"]
    assert not [name for name in measured.metrics if name.startswith(f"device_to_{other}")]
    assert any("not measured" in note.en for note in measured.notes) == (kind == "stream")
    assert measured.metrics["cpu_s_rules"] > 0
