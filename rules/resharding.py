"""Bringing the rules' state from n shards to m, on disk and in the database: `linli rules reshard`.

Theory of operation. What counts is which shards the database names (`linli.db.shards`), and one transaction changes that.
Before it, new journals are written beside the old ones, which nothing reads yet; after it, the old ones are put aside. So a
kill at any point leaves the old number or the new one whole, and running it again does the rest. A new shard begins with a
snapshot at a position that the database then has as written: nothing before it is told again, nothing after it is left out.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from linli.datafolder import DataFolder
from linli.db import shards
from linli.db.alerts import SqlAlerts
from linli.db.database import Database
from linli.errors import DataFolderError
from linli.i18n import Text
from linli.shards import Shard, service_of, shards_of
from rules.durable.journal import Journal, Snapshot, files_of, is_kept_in
from rules.durable.reshard import reshard
from rules.durable.segments import make_durable
from rules.durable.state import image
from rules.effects import write
from rules.engine.inputs import RulesIn
from rules.engine.machine import Engine
from rules.start import bring_back


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: how many open alerts and devices being watched each new shard has (none if it was done before), and
    where the old journals are (None if there were none left to put aside)."""

    parts: Mapping[Shard, tuple[int, int]]
    aside: Path | None


def bring_over(folder: DataFolder, database: Database, rules: RulesIn, old: int, new: int) -> Done:
    """Make `old` shards `new` ones. The caller sees to it that no worker runs.

    DataFolderError if that is not the number there is or a journal is not at hand, SQLAlchemyError if the database fails;
    then the old shards are what they were.
    """
    known = shards.known(database)
    counts = {shard.count for shard in known}
    parts: dict[Shard, tuple[int, int]] = {}
    if counts != {new}:
        if counts != {old}:
            raise _other_number(counts, old)
        engines, position = _brought_up(folder, database, rules, list(known))
        made = dict(zip(shards_of(new), reshard(engines, shards_of(new)), strict=True))
        for shard, engine in made.items():
            _write(shard.folder(folder.rules), engine, position)
        shards.replace(database, dict.fromkeys(made, position))
        parts = {shard: (len(engine.book.open), len(engine.watches)) for shard, engine in made.items()}
    return Done(parts, _put_aside(folder.rules, new))


def _brought_up(folder: DataFolder, database: Database, rules: RulesIn, known: list[Shard]) -> tuple[list[Engine], int]:
    """The old shards' engines as they were, everything told that they had to tell; and the last position of any."""
    journals = []
    for shard in known:
        where = shard.folder(folder.rules)
        if not is_kept_in(where):
            raise DataFolderError(
                Text(
                    f"没有分片 {shard} 的规则日志 {where}：把它复制到这里再运行",
                    f"the rules journal of shard {shard}, {where}, is not here: copy it there and run this again",
                )
            )
        journals.append((SqlAlerts(database, shard), Journal(where)))
    engines, position = [], 1
    for alerts, journal in journals:
        applier, waiting = bring_back(journal, alerts, rules)
        engine = applier.engine
        write(alerts, waiting.all)
        alerts.save_tallies(engine.tallies.unwritten())
        engines.append(engine)
        position = max(position, journal.position)
        journal.close()
    return engines, position


def _write(folder: Path, engine: Engine, position: int) -> None:
    """The shard's journal, with nothing but a snapshot in it. What an earlier try has left there goes."""
    for file in files_of(folder):
        file.unlink()
    journal = Journal(folder)
    journal.keep(Snapshot(position, position, image(engine)))
    journal.close()
    for place in (folder, folder.parent):
        make_durable(place)


def _put_aside(folder: Path, new: int) -> Path | None:
    """Move what belongs to another number of shards out of the way."""
    old = [*_folders_of_others(folder, new), *(files_of(folder) if new != 1 else ())]
    if not old:
        return None
    number = 1
    while (aside := folder / (f"before-{new}" if number == 1 else f"before-{new}-{number}")).exists():
        number += 1
    aside.mkdir()
    for path in old:
        shutil.move(path, aside / path.name)
    return aside


def _folders_of_others(folder: Path, new: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        service, shard = service_of(path.name)
        if path.is_dir() and service == "shard" and shard.count not in (1, new):
            yield path


def _other_number(counts: set[int], old: int) -> DataFolderError:
    there = ", ".join(map(str, sorted(counts)))
    if not counts:
        return DataFolderError(
            Text(
                "规则还没有运行过，没有状态可带：直接按新的分片数启动即可",
                "the rules have never run, there is no state to bring over: just start with the new number",
            )
        )
    return DataFolderError(
        Text(f"规则的状态分为 {there} 个分片，不是 {old} 个", f"the rules' state is in {there} shards, not in {old}")
    )
