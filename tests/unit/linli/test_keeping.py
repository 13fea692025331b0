"""How long what is kept, by class; and what no setting can shorten."""

import pytest

from linli.clock import DAY, HOUR
from linli.errors import ConfigError
from linli.i18n import Language
from linli.keeping import CLASSES, FIXED, LEAST_AUDIT_DAYS, NOTHING_GOES, Kept, Terms, too_short
from linli.settings import Settings, load_settings


def test_what_is_older_than_its_days_may_go() -> None:
    """And what has no days stays for ever."""
    terms = Terms({Kept.ALERTS: 2, Kept.DEAD_LETTERS: 0.5, Kept.AUDIT: 0})
    assert terms.horizon(Kept.ALERTS, 10 * DAY) == 8 * DAY
    assert terms.horizon(Kept.DEAD_LETTERS, DAY) == DAY // 2
    assert terms.horizon(Kept.AUDIT, 10 * DAY) is terms.horizon(Kept.SESSIONS, 10 * DAY) is None
    assert terms.due(Kept.ALERTS, 3 * DAY) == 5 * DAY
    assert terms.due(Kept.ALERTS, None) is terms.due(Kept.AUDIT, 3 * DAY) is None


@pytest.mark.parametrize("setting", ["retention_audit_days", "retention_commands_days", "retention_events_days"])
def test_the_logs_of_who_did_what_cannot_be_made_short(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused with the reason; for ever is allowed."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    with pytest.raises(ConfigError, match="190 days at least"):
        load_settings(**{setting: LEAST_AUDIT_DAYS - 1})
    for days in (0, LEAST_AUDIT_DAYS):
        assert getattr(load_settings(**{setting: days}), setting) == days


def test_every_class_goes_by_a_setting_that_there_is() -> None:
    """But sessions, which say themselves when they end, and what has fixed days; and both languages say what it is."""
    assert list(CLASSES) == list(Kept)
    without = {kept for kept, one in CLASSES.items() if one.setting not in Settings.model_fields}
    assert without == {Kept.SESSIONS, *FIXED}
    assert all(one.name.of(language) and one.what.of(language) for one in CLASSES.values() for language in Language)
    assert too_short("retention_raw_days", 1) is None


def test_what_has_fixed_days_goes_by_whole_hours() -> None:
    """Whatever the settings: a day's keys are 24 deletions, each of which is written down."""
    terms = Terms({})
    assert FIXED == {Kept.DELIVERIES: 30, Kept.IDEMPOTENCY: 1}
    assert terms.horizon(Kept.IDEMPOTENCY, 10 * DAY + HOUR - 1) == 9 * DAY
    assert terms.horizon(Kept.DELIVERIES, 40 * DAY + HOUR) == 10 * DAY + HOUR
    assert terms.due(Kept.DELIVERIES, 3 * DAY) == 33 * DAY
    assert NOTHING_GOES.horizon(Kept.IDEMPOTENCY, 10 * DAY) is NOTHING_GOES.due(Kept.DELIVERIES, 3 * DAY) is None


def test_on_a_simulated_clock_everything_stays() -> None:
    """Its now is a year that nobody lives in."""
    assert load_settings(clock_origin=1, clock_real_origin=2).terms == NOTHING_GOES
    assert load_settings().terms.horizon(Kept.SNAPSHOTS, 100 * DAY) == 70 * DAY
