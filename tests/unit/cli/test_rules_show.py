"""What `linli rules list`, `show` and `replay` say of an installation, beside whatever runs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.cli.rulebook.command import rules_app
from linli.cli.stack import prepare
from linli.datafolder import DataFolder
from linli.db.database import open_database
from linli.db.registry import save
from linli.errors import ConfigError, DataFolderError, NotFound
from linli.model import Lane
from linli.settings import load_settings
from rules.durable.journal import Journal
from rules.engine.inputs import ListenIn, RegistryIn, RulesIn
from tests.unit.rules.trial.rules import CABLE, DOOR
from tests.unit.rules.world import Feed, registry, rule_text

CABLE_TEXT = rule_text(
    "  - reading: {quantity: temperature, above: 70, reset_below: 65, unit: Cel, for: 30s}\n    only: {device_kinds: [cable_sensor]}\n",
    rule="cable",
    severity="high",
)
DOOR_TEXT = rule_text(
    """\
  - state:
      begins:
        types: [access.door.opened]
        unless: {types: [access.granted], within: 10s}
      ends: [{types: [access.door.closed]}]
""",
    rule="forced",
    severity="high",
    more="latched: true\n",
)
LOWER = "- {rule: cable, where: {place: b1}, change: {when: {1: {reading: {above: 66}}}}, reason: old cables}\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An installation with the compound of the tests."""
    folder = tmp_path / "data"
    settings = load_settings(data=folder)
    prepare(settings)
    database = open_database(settings.app_database_url)
    with database.write() as connection:
        save(connection, registry().items())
    database.close()
    return folder


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with one rule, and an override of it."""
    folder = tmp_path / "rules"
    (folder / "overrides").mkdir(parents=True)
    (folder / "cable.yaml").write_text(CABLE_TEXT, encoding="utf-8")
    (folder / "overrides" / "here.yaml").write_text(LOWER, encoding="utf-8")
    return folder


@pytest.fixture
def journal(data: Path) -> Iterator[Journal]:
    """The rules process of that installation, which is running: the cable has been too hot for 20 s."""
    made = Journal(DataFolder(data).rules)
    feed = Feed()
    made.append([RulesIn((CABLE, DOOR)), RegistryIn(registry()), ListenIn(feed.us(0))])
    made.append([feed.beat(0), feed.reading(0, "cable", "temperature", 75, unit="Cel"), feed.tick(20)])
    yield made
    made.close()


def run(*words: object) -> str:
    """What the command says; its error is raised."""
    result = CliRunner().invoke(rules_app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_check_tells_of_overrides_that_do_nothing_here(
    data: Path, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sound by themselves, and for nobody; only an installation knows."""
    monkeypatch.setenv("LINLI_DATA", str(data))
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    assert run("check", rules).splitlines()[1:] == [f"{rules}: 1 rule, 1 override, no fault"]
    (rules / "overrides" / "here.yaml").write_text(LOWER + LOWER.replace("b1", "b9"), encoding="utf-8")
    told = f"{rules / 'overrides' / 'here.yaml'}:2: the override of cable at b9 does nothing: no place b9 is registered"
    assert told in run("check", rules)
    assert told in run("list", "--rules", rules)
    assert told in run("show", "cable", "--rules", rules)
    assert told not in run("list", "--rules", rules, "--json")


def test_list_counts_the_devices(data: Path, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With parts, severity and source; the demonstration compound has three of them."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    (line,) = run("list", "--rules", rules, "--data", data).splitlines()[1:]
    assert line.split() == ["cable", "High", "4", "reading", "Title", "[P]"]


def test_list_works_without_an_installation(rules: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who writes rules may have none; who names a folder that is none is told."""
    monkeypatch.setenv("LINLI_DATA", str(tmp_path / "nothing"))
    (told,) = json.loads(run("list", "--rules", rules, "--json"))
    assert told["devices"] is None
    with pytest.raises(DataFolderError):
        run("list", "--rules", rules, "--data", tmp_path / "nothing")


def test_a_fault_in_the_rules_in_force_says_what_goes_on(
    data: Path, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks at night has to know by which rules alerts come; of a folder of one's own nothing runs."""
    (rules / "cable.yaml").write_text(CABLE_TEXT.replace("above", "abov"), encoding="utf-8")
    with pytest.raises(ConfigError) as own:
        run("list", "--rules", rules, "--data", data)
    assert own.value.reason.en == "unknown key 'abov'; did you mean 'above'?"
    monkeypatch.setenv("LINLI_RULES", str(rules))
    for command in (["list"], ["show", "cable"]):
        with pytest.raises(ConfigError) as caught:
            run(*command, "--data", data)
        assert caught.value.text.en.endswith("a Linli that runs goes by the rules as before.")
        assert caught.value.line == own.value.line


def test_show_says_the_rule_in_words_and_where_it_is_different(
    data: Path, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a rules process that has run, nothing is known of the devices."""
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    told = run("show", "cable", "--rules", rules, "--data", data)
    assert "温度高于 70 °C" in told
    assert "b1" in told and "温度高于 66 °C" in told and "old cables" in told
    assert "未知" in told


def test_show_lays_overrides_over_those_around(data: Path, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each as it is there, with what is different around it; one of the severity or of whom it is for shows that."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    more = "- {rule: cable, where: {device: cable}, change: {severity: critical, route: [electrician]}}\n"
    (rules / "overrides" / "here.yaml").write_text(LOWER + more, encoding="utf-8")
    told = run("show", "cable", "--rules", rules, "--data", data)
    assert told.splitlines()[3:9] == [
        "  at b1: (old cables)",
        "    1. High: temperature above 66 °C for 30 s, until below 65 °C, only: cable temperature sensor",
        "  at cable:",
        "    1. Critical: temperature above 66 °C for 30 s, until below 65 °C, only: cable temperature sensor",
        "    severity: Critical",
        "    for: the electrician",
    ]
    place, device = json.loads(run("show", "cable", "--rules", rules, "--data", data, "--json"))["overrides"]
    assert [item["clauses"][0]["severity"] for item in (device, place)] == ["critical", "high"]
    assert "66" in device["clauses"][0]["words"]["en"]


@pytest.mark.usefixtures("journal")
def test_show_says_how_it_stands_with_each_device(data: Path, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the journal of a process that runs on meanwhile; event time, in the zone of the installation."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    told = run("show", "cable", "--rules", rules, "--data", data)
    (line,) = [line for line in told.splitlines() if line.startswith("cable ") and "Main cable" in line]
    assert line.split()[3:] == ["pending", "11-15", "06:13:20", "11-15", "06:13:50", "overridden"]
    assert "as of 2023-11-15 06:13:40" in told
    document = json.loads(run("show", "cable", "--rules", rules, "--data", data, "--device", "cable", "--json"))
    assert document["watched"][0]["clauses"] == [
        {
            "clause": 1,
            "condition": "pending",
            "began": "2023-11-14T22:13:20.000000Z",
            "due": "2023-11-14T22:13:50.000000Z",
        }
    ]


def test_show_knows_neither_the_rule_nor_the_device(data: Path, rules: Path) -> None:
    """The nearest is named."""
    with pytest.raises(NotFound, match="did you mean cable"):
        run("show", "cabel", "--rules", rules, "--data", data)
    with pytest.raises(NotFound, match="door"):
        run("show", "cable", "--rules", rules, "--data", data, "--device", "door")


def test_replay_lists_what_would_differ_and_changes_nothing(
    data: Path, rules: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the process that writes the journal; exit status 1, as of diff."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    feed = Feed(origin=Feed().us(20))
    journal.append([feed.beat(5), feed.beat(12, Lane.BULK), feed.event(30, "door", "access.door.opened")])
    before = sorted((file.name, file.read_bytes()) for file in DataFolder(data).rules.iterdir())
    result = CliRunner().invoke(rules_app, ["replay", "--rules", str(rules), "--data", str(data)])
    assert result.exit_code == 1, result.output
    assert "opened forced: door" in result.output
    assert "1 would not have been (-), 0 would have been (+), 1 are the same" in result.output
    assert sorted((file.name, file.read_bytes()) for file in DataFolder(data).rules.iterdir()) == before
    journal.append([feed.tick(20)])


def test_replay_compares_with_what_is_written(
    data: Path, rules: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the database has and this version does not tell again, and the other way: the program has changed since."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    (rules / "forced.yaml").write_text(DOOR_TEXT, encoding="utf-8")
    (rules / "overrides" / "here.yaml").unlink()
    feed = Feed(origin=Feed().us(20))
    journal.append([feed.event(at, "door", "access.door.opened") for at in (100, 110)])
    journal.append([feed.event(120, "door", "access.door.closed"), feed.tick(200)])
    result = CliRunner().invoke(rules_app, ["replay", "--rules", str(rules), "--data", str(data)])
    assert "nothing differs" in result.output
    assert "a 11-15 06:15:20  opened forced: door" in result.output
    assert "0 changes are in the database that this version does not tell again (w), and it tells" in result.output
    assert result.exit_code == 1


def test_replay_without_a_journal_says_so(data: Path, rules: Path) -> None:
    """Not that nothing differs."""
    with pytest.raises(DataFolderError, match="no rules journal"):
        run("replay", "--rules", rules, "--data", data)


def test_replay_with_a_fault_in_the_rules(data: Path, rules: Path) -> None:
    """With file and line."""
    (rules / "cable.yaml").write_text(CABLE_TEXT.replace("above", "abov"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cable\.yaml"):
        run("replay", "--rules", rules, "--data", data)
