"""The rules worker living through a day on a clock of the test's, and dying in it wherever it is told to."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from linli import failpoints, topics
from linli.codec import encode
from linli.db.arming import SqlArming
from linli.db.database import Database
from linli.db.registry import remove_device, save
from linli.model import Device, Holiday, Lane
from rules.durable.journal import Journal
from rules.durable.segments import segments_in
from rules.durable.snapshots import SnapshotFiles
from rules.durable.state import dump
from rules.engine.inputs import Input, MessageIn
from rules.engine.lanes import Listening
from rules.engine.machine import Engine, Output
from rules.rulesfolder import RulesFolder
from rules.snapshotting import Often
from tests.faults.rulesday import Acted, Armed, Edited, Registered, Script, Sent, Step, act_of
from tests.unit.rules.site import Site

LOG = "SELECT alert_id, at, kind, actor, comment, severity, handling FROM alert_changes ORDER BY id"


class Died(BaseException):
    """Stands for kill -9: nothing is done any more, nothing is caught."""


class Killer:
    """Kills again and again, each time at another kind of moment: at a named point, with half a batch on the disk, with half a
    snapshot, or while inputs are applied (those of the journal at a start, too). `left`: how many kills are to come."""

    KINDS = ("point", "point", "point", "torn", "snapshot", "apply")

    def __init__(self, rng: random.Random, kills: int, every: int) -> None:
        self._rng = rng
        self._every = every
        self.left = kills
        self.kinds: list[str] = []
        self._kind, self._count = "", 0
        self._draw()

    def _draw(self) -> None:
        self._kind = self._rng.choice(self.KINDS)
        often = {"point": 6, "torn": 1, "snapshot": 0, "apply": 8}[self._kind]
        self._count = self._rng.randint(1, max(2, self._every * often))

    def reach(self, kind: str) -> bool:
        """Whether to die here; the next kill is drawn then."""
        if self.left <= 0 or kind != self._kind:
            return False
        self._count -= 1
        if self._count > 0:
            return False
        self.left -= 1
        self.kinds.append(kind)
        self._draw()
        return True

    def some_of(self, content: bytes) -> bytes:
        """What of it gets to the disk."""
        return content[: self._rng.randrange(len(content) + 1)]


@contextmanager
def killing(killer: Killer) -> Iterator[None]:
    """From now on it kills."""
    with pytest.MonkeyPatch.context() as patch:
        write, put, apply = Journal._write, SnapshotFiles._put, Engine.apply

        def reach(_point: str) -> None:
            if killer.reach("point"):
                raise Died

        def half(journal: Journal, descriptor: int, content: bytes) -> int:
            if killer.reach("torn"):
                write(journal, descriptor, killer.some_of(bytes(content)))
                raise Died
            return write(journal, descriptor, content)

        def begun(files: SnapshotFiles, name: str, chunks: Sequence[bytes]) -> None:
            if killer.reach("snapshot"):
                (files._folder / f"{name}.part").write_bytes(killer.some_of(b"".join(chunks)))
                raise Died
            put(files, name, chunks)

        def applied(engine: Engine, entry: Input) -> list[Output]:
            if killer.reach("apply"):
                raise Died
            return apply(engine, entry)

        patch.setattr(failpoints, "reach", reach)
        patch.setattr(Journal, "_write", half)
        patch.setattr(SnapshotFiles, "_put", begun)
        patch.setattr(Engine, "apply", applied)
        yield


class Life:
    """A site that lives through a script; `deaths` counts."""

    def __init__(self, folder: Path, script: Script) -> None:
        folder.mkdir()
        self._script = script
        self._files = folder / "own"
        for name, text in script.rules.items():
            self._write(name, text)
        self.site = Site(folder)
        self.site.kill()
        self.site.snapshots = Often(inputs=40)
        self.deaths = 0
        self._start()

    def live(self) -> None:
        """From the first step to the last."""
        for step in self._script.steps:
            self.site.clock.us = self.site.feed.us(step.at) + 1
            self._do(step)

    @property
    def log(self) -> list[tuple[object, ...]]:
        """Everything that became of any alert, in order."""
        with self.site.database.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(LOG)]

    @property
    def state(self) -> bytes:
        """What the engine knows, but for since when it has been listening, which each start changes."""
        engine = self.site.worker.engine
        engine.listening = Listening()
        return dump(engine)

    @property
    def size(self) -> tuple[int, int]:
        """Files and bytes of journal and snapshots."""
        files = [*segments_in(self.site.folder / "rules"), *(self.site.folder / "rules").glob("snapshot*")]
        return len(files), sum(file.stat().st_size for file in files)

    def end(self) -> None:
        """Close everything."""
        self.site.kill()
        self.site.database.close()

    def _start(self) -> None:
        """Until a process lives."""
        while True:
            try:
                self.site.rules_folder = RulesFolder(self._files)
                self.site.bring_up(self.site.rules_folder.read())
                assert self.site.rules_folder.trouble is None, self.site.rules_folder.trouble
            except Died:
                self._died()
            else:
                return

    def _died(self) -> None:
        self.deaths += 1
        self.site.kill()

    def _do(self, step: Step) -> None:
        what = step.what
        match what:
            case Sent(entries):
                self._until(lambda: self._send(entries))
            case Acted():
                self._act(step, what)
            case Edited(file, text):
                self._write(file, text)
                self._until(self._look)
            case Registered(item, gone):
                register(self.site.database, item, gone=gone)
                self._until(self._look)
            case Armed(place, mode):
                SqlArming(self.site.database).set(place, mode, "li", "", self.site.clock.now())
                self._until(self._look)

    def _until(self, done: Callable[[], bool]) -> None:
        """Do it, over and over, through as many deaths as there are."""
        while True:
            try:
                if done():
                    return
            except Died:
                self._died()
                self._start()

    def _look(self) -> bool:
        """It is time to look at everything."""
        worker = self.site.worker
        around = worker._surroundings
        for every in (worker._poll, around.registry._every, around._arming_every, around._rules_every):
            every.now()
        worker.step(0)
        return True

    def _send(self, entries: Sequence[MessageIn]) -> bool:
        """What is not acknowledged is sent again; whether all is."""
        waiting = [entry for entry in entries if entry.message.sequence > self._upto(entry.message.lane)]
        for entry in waiting:
            message = entry.message
            topic = topics.lane_topic(message.community, message.gateway, message.lane)
            self.site.agent.publish(topic, encode(message))
        self.site.worker.step(0)
        return all(entry.message.sequence <= self._upto(entry.message.lane) for entry in entries)

    def _upto(self, lane: Lane) -> int:
        return max((ack.upto for ack in self.site.acks if ack.lane is lane), default=0)

    def _act(self, step: Step, acted: Acted) -> None:
        alerts = sorted(self.site.alerts.open_alerts(), key=lambda alert: alert.id)
        if not alerts:
            return
        alert = alerts[acted.choice % len(alerts)]
        self.site.alerts.add_action(act_of(step, acted, alert.id, self.site.clock.now()))

        def applied() -> bool:
            self._look()
            return self.site.alerts.action_outcome(acted.name) is not None

        self._until(applied)

    def _write(self, name: str, text: str | None) -> None:
        write_rule(self._files / name, text)


def register(database: Database, item: Device | Holiday, *, gone: bool) -> None:
    """Put it into the registry, or take it out."""
    with database.write() as connection:
        if gone:
            remove_device(connection, item.id)
        else:
            save(connection, [item])


def write_rule(file: Path, text: str | None) -> None:
    """Save a file of rules, or delete it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        file.unlink()
    else:
        part = file.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(file)
