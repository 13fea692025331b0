"""A copy of the process does the work: with what was so then, and without a hold on anything."""

import fcntl
import os
from pathlib import Path

import pytest

from rules.durable.journal import Journal
from rules.durable.replay import rebuilt
from rules.durable.state import dump
from rules.forking import CAN_FORK, Child, ChildFailed
from rules.snapshotting import Often, Snapshotting
from tests.unit.rules.site import Site

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="forks on Linux alone")


def test_it_sees_what_was_so_when_it_began(tmp_path: Path) -> None:
    """Whatever becomes of it meanwhile."""
    seen, go = ["then"], tmp_path / "go"
    os.mkfifo(go)

    def act() -> None:
        go.open().close()  # until the other side says so
        (tmp_path / "seen").write_text(seen[0])

    child = Child()
    child.begin(act)
    seen[0] = "now"
    assert not child.fetch()
    go.open("w").close()
    assert child.fetch(wait=True)
    assert child.idle
    assert not child.fetch()
    assert (tmp_path / "seen").read_text() == "then"


def test_what_fails_is_told() -> None:
    """And the next piece of work may begin."""
    child = Child()

    def fail() -> None:
        raise OSError("No space left on device")

    child.begin(fail)
    with pytest.raises(ChildFailed, match="No space left"):
        child.fetch(wait=True)
    child.begin(lambda: None)
    assert child.fetch(wait=True)


def test_it_holds_nothing(tmp_path: Path) -> None:
    """A lock that the process has is free once the process lets go of it, however long the child works."""
    go = tmp_path / "go"
    os.mkfifo(go)
    held = (tmp_path / "lock").open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    child = Child()
    child.begin(lambda: go.open().close())
    with go.open("w"):  # the child is past the start of its work by now
        held.close()
        with (tmp_path / "lock").open("w") as again:
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert child.fetch(wait=True)


def test_a_snapshot_is_written_beside_the_work(site: Site) -> None:
    """What comes while it is written is in the journal behind it; what it stands for goes once it is durable."""
    site.send(site.feed.event(1, "door", "access.door.opened"))
    taking = Snapshotting(site.journal, site.clock, Often(), forks=True)
    taking.journalled(1)
    taking.begin(site.worker.engine, 0)
    position = site.journal.position
    site.send(site.feed.event(2, "smoke", "fire.alarm.raised"))
    taking.look(wait=True)
    assert taking.trouble is None
    kept = site.journal.snapshot()
    assert kept is not None
    assert kept.position == position
    assert len(list(site.journal.folder.glob("journal-*"))) == 1
    assert dump(rebuilt(site.journal, site.journal.position)) == dump(site.worker.engine)


def test_a_snapshot_that_cannot_be_written_is_told_and_tried_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is let go of before."""
    put = Journal.put

    def fail(_journal: Journal, _snapshot: object) -> None:
        raise OSError("No space left on device")

    taking = Snapshotting(site.journal, site.clock, Often(), forks=True)
    taking.journalled(1)
    monkeypatch.setattr(Journal, "put", fail)
    taking.begin(site.worker.engine, 0)
    taking.look(wait=True)
    assert "No space left" in trouble_of(taking)
    assert not taking.is_due()
    monkeypatch.setattr(Journal, "put", put)
    site.clock.advance(6)
    assert taking.is_due()
    taking.begin(site.worker.engine, 0)
    taking.look(wait=True)
    assert trouble_of(taking) == ""
    assert site.journal.snapshot() is not None


def trouble_of(taking: Snapshotting) -> str:
    return "" if taking.trouble is None else taking.trouble.zh
