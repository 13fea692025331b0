"""The latency bench, cut to a few samples: that it measures, not how fast this machine is."""

import pytest

from linli.cli.benches import latency, page
from linli.settings import load_settings
from tests.support import need

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.mark.parametrize("kind", ["chromium", "stream"])
def test_latency_is_measured(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event's alert is found on the page, or on the stream where there is no browser; later than the event."""
    if kind == "chromium":
        need("chromium")
    else:
        monkeypatch.setattr(page, "_PROGRAMS", ())
    monkeypatch.setattr(latency, "_QUICK_SAMPLES", 4)
    measured = latency.measure(load_settings(), quick=True)
    assert measured.notes[0].en == f"page: {kind}"
    assert (measured.metrics["samples"], measured.metrics["missing"]) == (4, 0)
    assert 0 < measured.metrics["device_to_page_p50_s"] <= measured.metrics["device_to_page_p99_s"]
    assert measured.metrics["cpu_s_rules"] > 0
