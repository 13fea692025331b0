"""What `linli simulate` decides and tells, without playing anything."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from linli.cli import outcome, playing
from linli.cli.simulate import simulate
from linli.clock import DAY, HOUR, MINUTE, SECOND, parse_time
from linli.codec import AlertNotice
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.db.workers import WorkerReport, report
from linli.errors import Conflict, NotFound, Refused
from linli.i18n import Text
from linli.settings import load_settings
from linli.testing import ManualClock
from simulators.oracle import Heard, Line, Verdict
from simulators.scenario import find

NOON = parse_time("2026-11-23T12:00:00+08:00")

app = Typer()
app.command()(simulate)


def line(verdict: Verdict, delay: float | None = 0.4) -> Line:
    return Line("door-forced", "c001-door-02", "opened", "high", 5.0, 5.4, delay, verdict)


def result(*lines: Line, slack: float = 0.0) -> playing.Result:
    return playing.Result(playing.Run("forced-door", find("forced-door")), False, NOON, list(lines), slack)


def test_origin_is_today_at_the_scenarios_time() -> None:
    """A private run begins at the scenario's local time of the same day; without one, now."""
    assert playing.Run("x", find("forced-door")).origin(NOON) == NOON - 9 * HOUR - 30 * MINUTE
    assert playing.Run("x", find("kitchen-fire")).origin(NOON) == NOON
    assert playing.Run("x", find("kitchen-fire"), starts_at="23:15").origin(NOON) == NOON + 11 * HOUR + 15 * MINUTE
    assert playing.Run("day", None).origin(NOON) == NOON - 12 * HOUR
    assert playing.Run("day", None, hours=24).length == DAY


def test_outcome_in_words(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The table names rule, subject in words, delay and result; the last line says whether it passed."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "200")
    outcome.show(result(line(Verdict.OK)))
    said = capsys.readouterr().out
    for word in ("Door forced at night", "door-forced", "West side gate", "0.4 s", "As expected"):
        assert word in said
    outcome.show(result(line(Verdict.OK), line(Verdict.MISSING, None), slack=19.0))
    said = capsys.readouterr().out
    assert "missing" in said
    assert "Differs: 1 lines are wrong" in said


def test_loose_timing_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where deadlines are judged with slack a warning says so, and how it is done exactly; at the clock's pace none."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "200")
    outcome.show(result(line(Verdict.OK), slack=19.0))
    said = capsys.readouterr().out
    assert "timing is loose" in said
    assert "19 s longer" in said
    assert "--speed 1" in said
    outcome.show(result(line(Verdict.OK)))
    assert "loose" not in capsys.readouterr().out


@pytest.mark.parametrize(("speed", "slack_s"), [(0.5, 0), (1, 0), (15, 14), (31, 30), (600, 30)])
def test_slack_is_bounded(speed: float, slack_s: float) -> None:
    """A second of the machine's own at each pace, but never so much that no deadline is left to be missed."""
    assert playing.slack_of(speed) == slack_s * SECOND


def test_a_run_that_was_not_carried_through_does_not_pass(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence proves nothing when what the devices said did not arrive: neither in words nor for scripts."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "200")
    fault = Text("没有收到应答的消息：1990", "messages not acknowledged: 1990")
    silent = playing.Result(playing.Run("day", None), False, NOON, [], faults=(fault,))
    assert not silent.passed
    outcome.show(silent)
    said = capsys.readouterr().out
    assert "messages not acknowledged: 1990" in said
    assert "Not carried through" in said
    assert "As expected" not in said
    document = json.loads(outcome.as_json(silent))
    assert (document["passed"], document["faults"]) == (False, ["messages not acknowledged: 1990"])
    assert playing.Result(playing.Run("day", None), False, NOON, [], notes=(fault,)).passed


def test_outcome_in_chinese(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it exists in Chinese."""
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    monkeypatch.setenv("COLUMNS", "200")
    outcome.show(result(line(Verdict.UNEXPECTED)))
    said = capsys.readouterr().out
    for word in ("夜间撬门", "西侧小门", "不应发出", "不符"):
        assert word in said


def test_every_verdict_has_words() -> None:
    """None is shown as a code."""
    for verdict in Verdict:
        outcome.show(result(line(verdict)))


def test_json() -> None:
    """What scripts read: the lines and whether it passed."""
    document = json.loads(outcome.as_json(result(line(Verdict.LATE))))
    assert document["passed"] is False
    assert document["lines"][0]["verdict"] == "late"
    assert document["started_at"] == "2026-11-23T04:00:00.000000Z"


@pytest.mark.parametrize(
    "run",
    [
        playing.Run("day", None),
        playing.Run("forced-door", find("forced-door"), speed=2),
        playing.Run("forced-door", find("forced-door"), starts_at="02:00"),
        playing.Run("intrusion-after-hours", find("intrusion-after-hours")),
    ],
)
def test_not_for_a_running_linli(run: playing.Run) -> None:
    """What does not go at the clock's pace, or not at this hour, is refused with what to do."""
    with pytest.raises(Conflict) as caught:
        playing._fit_for_live(run, ManualClock(NOON))
    assert "--private" in caught.value.text.en


def test_standing_alert_that_occurs_again_counts_as_raised() -> None:
    """In a running Linli yesterday's alert may still be open."""
    notice = AlertNotice("a", "door-forced", "c001", "d", "high", "firing", "acknowledged", "occurred", NOON, NOON)
    once_more = replace(notice, updated_at=NOON + 1)
    again, later = playing._as_new([Heard(notice, NOON), Heard(once_more, NOON + 1)])
    assert (again.notice.change, later.notice.change) == ("opened", "occurred")


def test_alert_of_this_run_that_occurs_again_is_not_raised_twice() -> None:
    """Only the first that is heard of an alert can stand for its opening."""
    opened = AlertNotice("a", "door-forced", "c001", "d", "high", "firing", "unacknowledged", "opened", NOON, NOON)
    again = replace(opened, change="occurred", updated_at=NOON + 1)
    changes = [one.notice.change for one in playing._as_new([Heard(opened, NOON), Heard(again, NOON + 1)])]
    assert changes == ["opened", "occurred"]


def test_parts_that_do_not_report_are_faults(tmp_path: Path) -> None:
    """A running Linli whose rules hang raises nothing: that is no proof of calm."""
    database = open_database(f"sqlite:///{tmp_path / 'linli.db'}")
    upgrade(database)
    none: dict[str, float] = {}
    for name in ("simulator", "rules"):
        report(database, WorkerReport(name, 1, NOON, NOON, "ok", Text("", ""), none))
    report(database, WorkerReport("simulator", 1, NOON, NOON + MINUTE, "ok", Text("", ""), none))
    try:
        assert playing._silent(database, NOON) == ()
        [fault] = playing._silent(database, NOON + MINUTE)
    finally:
        database.close()
    assert fault.en == "rules does not report"


def test_nothing_runs_on_an_empty_folder(tmp_path: Path) -> None:
    """No data folder, no running simulator."""
    assert not playing.simulator_runs(load_settings(data=tmp_path / "none"))
    assert not (tmp_path / "none").exists()


# --- the command ----------------------------------------------------------------------------------------------------


def test_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--list` names every scenario and the default day."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    answer = CliRunner().invoke(app, ["--list"])
    assert answer.exit_code == 0
    for name in ("day", "forced-door", "kitchen-fire", "pump-room-flood", "lift-entrapment"):
        assert name in answer.output


def test_unknown_scenario_suggests() -> None:
    """A slip of the finger is answered with the nearest name."""
    answer = CliRunner().invoke(app, ["kitchen-fires"])
    assert isinstance(answer.exception, NotFound)
    assert "did you mean 'kitchen-fire'" in answer.exception.text.en


def test_bad_time_is_refused() -> None:
    """`--at` takes a time of day."""
    answer = CliRunner().invoke(app, ["kitchen-fire", "--at", "noon"])
    assert isinstance(answer.exception, Refused)
