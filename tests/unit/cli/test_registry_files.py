"""`linli registry import|export|template` and `linli demo district`: what they say, what they leave, how they end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select
from typer.testing import CliRunner

from linli.cli.app import app
from linli.cli.demo.command import fill
from linli.cli.demo.district import SEED, portions
from linli.cli.demo.layout import Size
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.errors import Conflict, Refused
from linli.registry.kinds import kind_of
from linli.registry.model import Community, Device
from linli.settings import load_settings
from rules.language.load import load_rules

SMALL = Size(committees=2, compounds=3, resettled=1, devices=700, households=60)
CATALOGUE = Path(__file__).parents[3] / "rules" / "catalogue"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.setenv("LINLI_DATA", str(tmp_path / "data"))
    DataFolder(tmp_path / "data").prepare()
    made = open_database(f"sqlite:///{tmp_path / 'data' / 'linli.db'}")
    upgrade(made)
    yield made
    made.close()


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit status, what was said, and what was complained of."""
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    return result.exit_code, result.stdout, result.stderr


def count(database: Database, table: str) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(schema.metadata.tables[table])).scalar() or 0


def _verbs(connection: Connection) -> list[tuple[str, str]]:
    """What the audit log says of the registry, with the purpose."""
    table = schema.audit_entries
    query = select(table.c.verb, table.c.purpose).where(table.c.verb.startswith("registry.")).order_by(table.c.seq)
    return [(row.verb, row.purpose) for row in connection.execute(query)]


def test_a_file_is_checked_then_imported_then_nothing_is_left_to_do(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "小区.csv"
    file.write_text("名称,英文名称\n望湖苑,Lakeview Court\n", "gb18030")
    code, out, _ = run("registry", "import", file, "--dry-run")
    assert (code, "nothing was changed" in out, count(database, "communities")) == (0, True, 0)
    code, out, _ = run("registry", "import", file)
    assert (code, "1 new" in out, "imported" in out) == (0, True, True)
    code, out, _ = run("registry", "import", file)
    assert (code, "1 unchanged" in out, "nothing to change" in out) == (0, True, True)
    with database.read() as connection:
        (entry,) = connection.execute(select(schema.registry_history)).all()
        said = connection.execute(select(schema.statements)).one()
        log = _verbs(connection)
    assert entry.actor.startswith("cli:")
    assert (said.source, said.said["name"][2]) == ("小区", 0.8)
    assert [verb for verb, _ in log if not verb.startswith("registry.community")] == ["registry.loaded"]


def test_faults_end_with_1_and_are_told_as_json_too(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "compounds.csv"
    file.write_text("name_zh,kind\n望湖苑,nonsense\n\n碧江府,commercial\n")
    code, _, err = run("registry", "import", file)
    assert code == 1
    assert "compounds, row 2, “kind” 'nonsense'" in err
    code, out, _ = run("registry", "import", file, "--json")
    told = json.loads(out)
    assert (code, told["imported"], told["faults"][0]["row"], told["faults"][0]["reason"]) == (
        1,
        False,
        2,
        "unknown_word",
    )
    assert count(database, "communities") == 0


def test_what_cannot_be_read_ends_with_2(database: Database, tmp_path: Path) -> None:
    code, _, err = run("registry", "import", tmp_path / "no.xlsx")
    assert (code, "there is no file" in err) == (2, True)
    (tmp_path / "compounds.csv").write_text("name_zh\nx\n")
    for option, value in (("--as-of", "soon"), ("--as-of", "2999-01-01")):
        code, _, err = run("registry", "import", tmp_path / "compounds.csv", option, value)
        assert (code, value in err or "is no day" in err) == (2, True)


def test_persons_go_out_for_a_purpose_alone_and_that_is_written_down(database: Database, tmp_path: Path) -> None:
    fill(load_settings(), database, SMALL, SEED)
    code, _, err = run("registry", "export", tmp_path / "a.zip", "--persons")
    assert (code, "--purpose" in err, (tmp_path / "a.zip").exists()) == (2, True, False)
    code, out, _ = run("registry", "export", tmp_path / "a.zip", "--persons", "--purpose", "records")
    assert (code, "exported" in out) == (0, True)
    assert (tmp_path / "a.zip").stat().st_mode & 0o077 == 0
    assert run("registry", "export", tmp_path / "folder", "--community", "demo002")[0] == 0
    assert not (tmp_path / "folder" / "persons.csv").exists()
    assert run("registry", "export", tmp_path / "b.zip", "--community", "nowhere")[0] == 2
    with database.read() as connection:
        log = _verbs(connection)
    assert log[-2:] == [("registry.exported", "records"), ("registry.exported", "")]


def test_the_demo_district_goes_out_and_in_again_unchanged(database: Database, tmp_path: Path) -> None:
    fill(load_settings(), database, SMALL, SEED)
    assert run("registry", "export", tmp_path / "a.zip", "--persons", "--purpose", "records")[0] == 0
    code, out, err = run("registry", "import", tmp_path / "a.zip", "--source", "demo", "--confidence", "0.5", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert all(one["added"] == one["changed"] == 0 for one in told["tables"].values())
    assert told["tables"]["device"]["same"] == SMALL.devices


def test_the_same_seed_gives_the_same_district_and_another_another() -> None:
    once, again = list(portions(SMALL, 1)), list(portions(SMALL, 1))
    assert once == again
    assert list(portions(SMALL, 2)) != once


def test_a_district_has_what_it_was_asked_for() -> None:
    items = [item for portion in portions(SMALL) for item in portion]
    kinds = [kind_of(item) for item in items]
    assert kinds.count("device") == SMALL.devices
    assert kinds.count("household") == SMALL.households
    assert kinds.count("committee") == SMALL.committees
    compounds = [item for item in items if isinstance(item, Community)]
    assert [item.kind for item in compounds].count("resettlement") == SMALL.resettled
    assert len(compounds) == SMALL.compounds
    parents = {item.id: item.parent for item in items if isinstance(item, Device)}
    assert all(parent in parents for parent in parents.values() if parent is not None)


def test_every_kind_of_device_that_a_rule_of_the_catalogue_watches_is_there() -> None:
    """Else the district would leave a rule without anything to watch."""
    there = {item.kind for portion in portions(SMALL) for item in portion if isinstance(item, Device)}
    rules = load_rules(CATALOGUE)
    watched = {kind for rule in rules for kind in rule.applies_to.device_kinds}
    assert watched <= there


def test_a_district_is_made_once_and_no_other_over_it(database: Database) -> None:
    first = fill(load_settings(), database, SMALL, SEED)
    rows = count(database, "registry_history")
    assert fill(load_settings(), database, SMALL, SEED) == first
    assert count(database, "registry_history") == rows
    with pytest.raises(Conflict, match="another seed or size"):
        fill(load_settings(), database, SMALL, SEED + 1)
    with pytest.raises(Conflict, match="another seed or size"):
        fill(load_settings(), database, Size(2, 2, 0, 300, 40), SEED)


@pytest.mark.parametrize(
    "size", [Size(committees=0), Size(compounds=1), Size(resettled=165), Size(devices=10), Size(households=1)]
)
def test_a_size_that_makes_no_district_is_refused(size: Size) -> None:
    with pytest.raises(Refused):
        next(portions(size))


def test_the_template_is_written_and_named_as_it_has_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    assert run("registry", "template", tmp_path / "t.xlsx")[0] == 0
    assert (tmp_path / "t.xlsx").exists()
    with pytest.raises(Refused, match="xlsx"):
        CliRunner().invoke(app, ["registry", "template", str(tmp_path / "t.csv")], catch_exceptions=False)
