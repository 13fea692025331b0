"""What rules were in force when, in the audit log."""

from linli.audit import system
from linli.db.audit import Search, SqlAudit
from linli.db.auditcheck import check_log
from linli.db.database import Database
from linli.db.rulesrecord import digest_of, record_rules

WHO = system("rules")
FIRST = {"a.yaml": "1" * 64, "b.yaml": "2" * 64}
SECOND = {"a.yaml": "1" * 64, "b.yaml": "3" * 64, "rules_overrides/c.yaml": "4" * 64}


def test_each_change_of_the_files_is_an_entry(database: Database) -> None:
    """Who, which files, and what each was and is: by Linli itself, since nobody knows who edits a file."""
    assert record_rules(database, WHO, FIRST, 1)
    assert not record_rules(database, WHO, dict(FIRST), 2)
    assert record_rules(database, WHO, SECOND, 3)
    assert record_rules(database, WHO, FIRST, 4)
    last, second, first = (shown.entry for shown in SqlAudit(database).newest(Search(verb="rules.loaded")))
    assert {entry.actor for entry in (first, second, last)} == {"system:rules"}
    assert (first.ids, first.facts["before"], first.facts["after"]) == (("a.yaml", "b.yaml"), None, digest_of(FIRST))
    assert second.ids == ("b.yaml", "rules_overrides/c.yaml")
    assert second.facts["changed"] == {"b.yaml": ["2" * 64, "3" * 64], "rules_overrides/c.yaml": [None, "4" * 64]}
    assert (second.facts["before"], second.facts["after"]) == (digest_of(FIRST), digest_of(SECOND))
    assert last.facts["changed"]["rules_overrides/c.yaml"] == ["4" * 64, None]
    about = SqlAudit(database).newest(Search(item="b.yaml"))
    assert len(about) == 3
    assert not check_log(database, None).fault_count


def test_a_thousand_files_and_more(database: Database) -> None:
    """An entry is about a thousand things at most; its facts have all of them."""
    files = {f"rule-{number:04}.yaml": f"{number:064}" for number in range(1200)}
    assert record_rules(database, WHO, files, 1)
    (shown,) = SqlAudit(database).newest()
    assert len(shown.entry.ids) == 1000
    assert len(shown.entry.facts["files"]) == 1200
    assert not record_rules(database, WHO, files, 2)
