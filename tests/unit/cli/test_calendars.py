"""`linli holidays` and `linli arm`: what they say, what they keep, what they refuse, and that their page is true."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from sqlalchemy import select
from typer.testing import CliRunner

from linli.arming import MODES
from linli.cli.app import app
from linli.cli.arming import arm
from linli.cli.calendars import holidays_app
from linli.cli.existing import operator
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.arming import SqlArming
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.db.registry import Item, read_registry, save
from linli.db.registryhistory import RegistryHistory
from linli.i18n import Text
from linli.model import Community, Place
from linli.registryfile import load_registry
from simulators.compound import demo_registry

BUILDING = "c001-b1"
PAGES = sorted((Path(__file__).parents[3] / "docs").glob("calendars*.md"))


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.setenv("LINLI_DATA", str(tmp_path))
    DataFolder(tmp_path).prepare()
    made = open_database(f"sqlite:///{tmp_path / 'linli.db'}")
    upgrade(made)
    with made.write() as connection:
        save(connection, demo_registry())
    yield made
    made.close()


def run(app: typer.Typer, *words: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == status, result.output
    return result.output


def run_arm(*words: str, status: int = 0) -> str:
    app = typer.Typer()
    app.command()(arm)
    return run(app, *words, status=status)


def holidays(database: Database) -> dict[str, dict[str, bool]]:
    with database.read() as connection:
        return read_registry(connection).holidays


def test_days_are_put_in_listed_and_taken_out(database: Database) -> None:
    """Of the district and of a compound; the same again changes nothing; the history knows."""
    run(holidays_app, "add", "2026-10-01", "--name-zh", "国庆节", "--name-en", "National Day")
    run(holidays_app, "add", "2026/10/10", "--workday", "--community", "c001")
    assert "0 days, 1 unchanged" in run(
        holidays_app, "add", "2026-10-01", "--name-zh", "国庆节", "--name-en", "National Day"
    )
    assert holidays(database) == {"": {"2026-10-01": True}, "c001": {"2026-10-10": False}}
    said = run(holidays_app, "list").splitlines()
    assert [line.split()[0] for line in said] == ["DAY", "2026-10-01", "2026-10-10"]
    assert "National Day" in said[1]
    assert "working day" in said[2]
    assert "no days yet" in run(holidays_app, "list", "--year", "2027")
    run(holidays_app, "remove", "2026-10-01")
    assert holidays(database) == {"c001": {"2026-10-10": False}}
    assert "linli holidays list" in run(holidays_app, "remove", "2026-10-01", status=2)
    assert len(RegistryHistory(database).changes(0, 2**62)) == 4
    table = schema.registry_history
    with database.read() as connection:
        actors = set(connection.execute(select(table.c.actor).where(table.c.kind == "holiday")).scalars())
    assert actors == {operator().actor}


def test_a_table_is_taken_whole(database: Database, tmp_path: Path) -> None:
    """As Excel writes it: a byte-order mark, slashes, empty rows, columns in any order."""
    file = tmp_path / "2026.csv"
    file.write_text(
        "\ufeffholiday,day,name_zh\r\nyes,2026/10/1,国庆节\r\n休,2026-10-02,\r\n,,\r\nno,2026-10-10,上班\r\n", "utf-8"
    )
    assert "3 days" in run(holidays_app, "import", str(file))
    assert holidays(database) == {"": {"2026-10-01": True, "2026-10-02": True, "2026-10-10": False}}


def test_every_bad_row_is_told_and_nothing_is_taken(database: Database, tmp_path: Path) -> None:
    """By line, with what to do."""
    file = tmp_path / "bad.csv"
    file.write_text(
        "day,holiday,community\n2026-10-01,yes,\n2026-13-01,yes,\n2026-10-03,maybe,\n2026-10-04,no,c9\n2026-10-01,no,\n",
        "utf-8",
    )
    said = run(holidays_app, "import", str(file), status=2).splitlines()
    assert [line.split(":")[1] for line in said] == ["3", "4", "5", "6"]
    for line, words in zip(said, ("2026-10-01", "yes (a day off)", "compound c9", "given twice"), strict=True):
        assert words in line
    assert holidays(database) == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n", "the first row has to name the columns"),
        (b"", "the first row has to name the columns"),
        ("day,holiday\n2026-10-01,休\n".encode("gbk"), "CSV UTF-8"),
    ],
)
def test_a_file_that_is_no_table(database: Database, tmp_path: Path, content: bytes, words: str) -> None:
    """What to do is said."""
    file = tmp_path / "x.csv"
    file.write_bytes(content)
    assert words in run(holidays_app, "import", str(file), status=2)
    assert "cannot be read" in run(holidays_app, "import", str(tmp_path / "none.csv"), status=2)


@pytest.mark.parametrize("words", [("add", "soon"), ("add", "2026-10-01", "--community", "c9"), ("remove", "2026-1-")])
def test_what_is_no_day_or_compound_is_refused(database: Database, words: tuple[str, ...]) -> None:
    """And nothing is kept."""
    run(holidays_app, *words, status=2)
    assert holidays(database) == {}


def modes() -> dict[str, str]:
    """What the list says of each place."""
    return {words[0]: words[1] for words in map(str.split, run_arm("--list").splitlines())}


def test_a_place_is_armed_with_a_reason(database: Database) -> None:
    """Kept with who did it; the list shows it, and what goes by it; giving the mode up takes it off the list."""
    with database.write() as connection:
        save(connection, [Place("c001-b1-f1", "c001", "floor", Text("一层", "Floor 1"), BUILDING)])
    assert modes()[BUILDING] == "-"
    said = run_arm(BUILDING, "night", "--reason", " closing  time ")
    assert said.strip().endswith("Night")
    armed = SqlArming(database).all()[BUILDING]
    assert (armed.mode, armed.reason, armed.changed_by.split(":")[0]) == ("night", "closing time", "cli")
    assert "it was already" in run_arm(BUILDING, "night", "--reason", "again")
    assert "closing time" in run_arm("--list")
    assert (modes()[BUILDING], modes()["c001-b1-f1"], modes()["c001-b2"]) == ("Night", "Night", "-")
    run_arm(BUILDING, "inherit", "--reason", "as all")
    assert SqlArming(database).modes() == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((BUILDING, "night"), "--reason"),
        ((BUILDING,), "disarmed|home"),
        (("c001-bl", "night", "--reason", "x"), "c001-b1?"),
        ((BUILDING, "nigth", "--reason", "x"), "did you mean night"),
        ((), "usage"),
    ],
)
def test_what_arming_lacks_is_told(database: Database, words: tuple[str, ...], said: str) -> None:
    """Exit status 2, and nothing is kept."""
    assert said in run_arm(*words, status=2)
    assert SqlArming(database).version() == 0


def test_a_mode_without_a_reason_is_not_set(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is what is missing, so that is said; with the command that has it."""
    assert f'give the reason, which is kept with the change: linli arm {BUILDING} away --reason "..."' in run_arm(
        BUILDING, "away", status=2
    )
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    assert "没有改动：要写明原因" in run_arm(BUILDING, "away", "--reason", " ", status=2)
    assert SqlArming(database).version() == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_can_be_followed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Path
) -> None:
    """Its commands run in their order, its files are taken, and its table of modes has them all."""
    text = page.read_text("utf-8")
    blocks = {kind: re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("sh", "csv", "yaml")}
    name = Text("名", "Name")
    places = [Place(place, "c101", "building", name) for place in ("c101-b1", "c101-b1-shop")]
    site: list[Item] = [Community("c101", name), *places]
    with database.write() as connection:
        save(connection, site)
    monkeypatch.chdir(tmp_path)
    Path("2026.csv").write_text(blocks["csv"][0], "utf-8")
    Path("registry.yaml").write_text(blocks["yaml"][0], "utf-8")
    commands = [shlex.split(line, comments=True) for block in blocks["sh"] for line in block.splitlines()]
    assert len(commands) == 9
    for words in commands:
        run(app, *words[1:])
    assert len(load_registry(Path("registry.yaml"), site)) == 2
    assert re.findall(r"^\| `(\w+)`", text, re.MULTILINE) == list(MODES)
