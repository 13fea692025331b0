"""What `linli rules backtest` says, and what it says when it cannot."""

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.adapters.sqlite_store import SqliteStore
from linli.cli.rulebook.burdens import bar
from linli.cli.rulebook.command import rules_app
from linli.cli.stack import prepare
from linli.clock import DAY, MINUTE, SECOND
from linli.db.database import open_database
from linli.db.people import People
from linli.db.registry import save
from linli.model import HEARTBEAT_TYPE, READINGS_TYPE, Lane, Message, Readings, Received, Role
from linli.settings import Settings, load_settings
from tests.unit.rules.world import registry, rule_text

WHEN = "  - reading: {{quantity: temperature, above: {limit}, unit: Cel, for: 30s}}\n    only: {{device_kinds: [cable_sensor]}}\n"


def text(limit: int) -> str:
    """The rule with this limit."""
    return rule_text(WHEN.format(limit=limit), rule="cable", severity="high")


def fill(settings: Settings, now: int) -> None:
    """Two hours ago: ten minutes of heartbeats, and of readings at 68, 72 and again 50 degrees."""
    store = SqliteStore(settings.readings_path)
    start = now - now % MINUTE - 120 * MINUTE
    batch = []
    for number in range(60):
        time = start + number * 10 * SECOND
        value = 72.0 if 20 <= number < 30 else 68.0 if 10 <= number < 40 else 50.0
        readings = Readings(["cable/temperature"], [time], [value], ["Cel"])
        for lane, kind, packed in (
            (Lane.URGENT, HEARTBEAT_TYPE, ()),
            (Lane.BULK, HEARTBEAT_TYPE, ()),
            (Lane.BULK, READINGS_TYPE, readings),
        ):
            message = Message("c1", "gw", "boot", lane, 3 * number, 1, kind, "gw", time, time, readings=packed)
            batch.append(Received(message, time))
    store.write(batch, {})
    store.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder, the rule in force, and beside it one with a lower limit. No test changes anything of it."""
    tmp_path = tmp_path_factory.mktemp("site")
    settings = load_settings(data=tmp_path / "data")
    prepare(settings)
    database = open_database(settings.app_database_url)
    now = settings.clock().now()
    with database.write() as connection:
        save(connection, registry().items(), at=now - 100 * DAY)
    People(database, settings.clock()).add("wang", Role.SECURITY, ["c1"])
    database.close()
    fill(settings, now)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "cable.yaml").write_text(text(70), encoding="utf-8")
    (tmp_path / "lower.yaml").write_text(text(66), encoding="utf-8")
    (tmp_path / "higher.yaml").write_text(text(80), encoding="utf-8")
    return tmp_path


@pytest.fixture
def site(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, told in English."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    return made


def said(site: Path, *words: str, status: int = 0) -> str:
    """What the command says of the site."""
    named = ("--rules", str(site / "rules"), "--data", str(site / "data"))
    result = CliRunner().invoke(rules_app, ["backtest", *words, *named])
    assert result.exit_code == status, result.output
    return result.output


def test_the_rule_in_force(site: Path) -> None:
    """How many a day for each operator, and what nobody kept; the community of the demonstration has none."""
    told = said(site, "cable", "--since", "1d", "--community", "c1")
    assert "1 alerts" in told
    assert re.search(r"read 60 readings and 120 events", told)
    assert re.search(
        r"1\.0 in (1 h \d\d|2 h 00) min for each operator \(1 security staff; less than a day gives no rate a day\), no flood",
        told,
    )
    assert re.search(
        r"nothing that matters is stored from before .* what follows is of the (1 h \d\d|2 h 00) min", told
    )
    assert "Main cable (cable)" in told
    assert "not known: in which order readings and events arrived" in told
    assert "Against the current version" not in told


def test_a_new_version_is_compared_with_the_one_in_force(site: Path) -> None:
    """By id."""
    assert "0 new, 0 gone, 1 the same" in said(site, str(site / "lower.yaml"), "--since", "1d")
    told = said(site, str(site / "higher.yaml"), "--since", "1d")
    assert "0 new, 1 gone, 0 the same" in told
    assert "above 70" not in told


def test_a_rate_a_day_is_of_the_days_with_data(site: Path, tmp_path: Path) -> None:
    """Two hours of a month stored are not a month without alerts."""
    data = tmp_path / "data"
    shutil.copytree(site / "data", data)
    settings = load_settings(data=data)
    fill(settings, settings.clock().now() - 2 * DAY)
    words = [
        "backtest",
        "cable",
        "--since",
        "30d",
        "--community",
        "c1",
        "--rules",
        str(site / "rules"),
        "--data",
        str(data),
    ]
    told = CliRunner().invoke(rules_app, words).output
    assert "2 alerts" in told
    assert "1.0 a day for each operator (1 security staff; IEC 62682: about 144 are manageable), no flood" in told
    assert re.search(r"what follows is of the 2 d [12] h since", told)
    told = json.loads(CliRunner().invoke(rules_app, [*words, "--json"]).output)
    assert told["data_since"] > told["since"]


def test_overrides_in_force_go_over_a_file_too(site: Path, tmp_path: Path) -> None:
    """A limit that is tried in vain where an override has its own is told of; in Chinese as well."""
    rules = tmp_path / "rules"
    (rules / "overrides").mkdir(parents=True)
    (rules / "cable.yaml").write_text(text(70), encoding="utf-8")
    override = "- {rule: cable, where: {place: b1}, change: {when: {1: {reading: {above: 90}}}}}\n"
    (rules / "overrides" / "cable.yaml").write_text(override, encoding="utf-8")
    words = ["--since", "1d", "--rules", str(rules), "--data", str(site / "data")]
    told = CliRunner().invoke(rules_app, ["backtest", str(site / "lower.yaml"), *words]).output
    assert "laid over this file too, and count there instead of what it says: b1 (when.1.reading.above: 90)" in told
    assert "laid over this file" not in CliRunner().invoke(rules_app, ["backtest", "cable", *words]).output


def test_overrides_in_force_that_the_new_version_cannot_take_are_told(site: Path, tmp_path: Path) -> None:
    """They are passed over, as live."""
    (tmp_path / "rules" / "overrides").mkdir(parents=True)
    (tmp_path / "rules" / "cable.yaml").write_text(text(70), encoding="utf-8")
    override = "- {rule: cable, where: {device: cable}, change: {when: {1: {reading: {reset_below: 65}}}}}\n"
    (tmp_path / "rules" / "overrides" / "cable.yaml").write_text(override, encoding="utf-8")
    (tmp_path / "lower.yaml").write_text(text(60), encoding="utf-8")
    words = ["backtest", str(tmp_path / "lower.yaml"), "--since", "1d", "--rules", str(tmp_path / "rules")]
    result = CliRunner().invoke(rules_app, [*words, "--data", str(site / "data")])
    assert "the override at cable makes no sense for this version and is passed over" in result.output


def test_json_has_every_alert(site: Path) -> None:
    """With times in UTC, and the difference."""
    told = json.loads(said(site, str(site / "lower.yaml"), "--since", "1d", "--community", "c1", "--json"))
    (alert,) = told["alerts"]
    assert (alert["subject"], alert["severity"], alert["told"]) == ("cable", "high", 1)
    (load,) = told["loads"]
    assert (load["operators"], sum(load["days"].values()), load["floods"]) == (1, 1, 0)
    (pair,) = told["difference"]["same"]
    assert pair["before"]["opened"] > pair["now"]["opened"]


def test_where_raw_data_ends(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Further back than readings are kept."""
    monkeypatch.setenv("LINLI_RETENTION_RAW_DAYS", "1")
    told = said(site, "cable", "--since", "2d")
    assert re.search(r"raw readings are kept since \d{4}-\d\d-\d\d \d\d:\d\d only \(retention_raw_days\)", told)


def test_no_data(site: Path) -> None:
    """That nothing was found is no good news, and is said."""
    told = said(site, "cable", "--since", "12h", "--until", "6h")
    assert "nothing that matters is stored of this time" in told


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("cabel",), "did you mean cable?"),
        (("gone.yaml",), "gone.yaml"),
        (("cable", "--since", "soon"), "soon is no time"),
        (("cable", "--since", "1d", "--until", "2d"), "has to be before"),
        (("cable", "--community", "c9"), "there is no compound c9"),
    ],
)
def test_what_makes_no_sense_is_refused(site: Path, words: tuple[str, ...], reason: str) -> None:
    """Exit status 2, and why."""
    assert reason in said(site, *words, status=2)


def test_a_store_that_does_not_answer(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is counted as no alert."""
    monkeypatch.setenv("LINLI_INFLUX_URL", "http://127.0.0.1:9")
    assert "127.0.0.1:9" in said(site, "cable", status=2)


@pytest.mark.parametrize(("value", "drawn"), [(0, ""), (0.01, "▏"), (5, "████"), (10, "████████"), (6, "████▊")])
def test_bars_have_eighths(value: float, drawn: str) -> None:
    """And what is not nothing is seen."""
    assert bar(value, 10, 8) == drawn
