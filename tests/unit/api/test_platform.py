"""How Linli itself is, from the reports of its processes."""

from api.platform import read_health
from linli.clock import SECOND
from linli.db.database import Database
from linli.db.workers import WorkerReport, report
from linli.i18n import Text

NOW = 100 * SECOND
FILE = Text("a.yaml:3：错", "a.yaml:3: wrong")


def says(database: Database, name: str, state: str, detail: Text = FILE) -> None:
    report(database, WorkerReport(name, 7, 0, NOW, state, detail, {}))


def test_a_file_to_be_mended_is_told_once_and_ails_nobody(database: Database) -> None:
    """Shards read the same files; each does all of its work."""
    says(database, "ingest", "ok", Text("", ""))
    for shard in ("rules-0-of-2", "rules-1-of-2"):
        says(database, shard, "noted")
    health = read_health(database, NOW, {})
    assert (health.state, health.reasons, health.notes, health.ailing) == ("degraded", (FILE,), (FILE,), ())


def test_what_hinders_a_process_ails_it(database: Database) -> None:
    """By the name of the part, with why."""
    says(database, "ingest", "ok", Text("", ""))
    says(database, "rules", "degraded")
    health = read_health(database, NOW, {})
    assert (health.notes, health.ailing) == ((), ("rules",))
    assert [reason.en for reason in health.reasons] == ["rules: a.yaml:3: wrong"]
