"""The engine as the journal has it: the snapshot, and the inputs after it, without those that are to be passed over."""

from collections.abc import Iterator

from linli.delivery import key_of
from linli.errors import DataFolderError
from linli.i18n import Text
from rules.durable.journal import Journal
from rules.durable.state import BadState, restore
from rules.engine.book import ActionDone
from rules.engine.inputs import ActionIn, Input, MessageIn, PassedIn
from rules.engine.machine import Engine, Output

AT_ONCE = 1000
"""Inputs that are handed to the engine in one go."""


def restored(journal: Journal) -> tuple[Engine, int, int]:
    """The engine of the newest snapshot, the snapshot's position, and the last one up to there that had effects."""
    snapshot = journal.snapshot()
    if snapshot is None:
        return Engine(), 0, 0
    try:
        return restore(snapshot.state), snapshot.position, snapshot.told
    except BadState as error:
        raise DataFolderError(
            Text(
                f"{journal.folder} 中的快照读不懂：{error}。请用写下它的 Linli 版本，或把其中的文件移到别处后重新启动",
                f"the snapshot in {journal.folder} cannot be read: {error}. Use the Linli that wrote it, or move its files away "
                "and start again",
            )
        ) from None


def rebuilt(journal: Journal, upto: int) -> Engine:
    """The engine as it was after the input at `upto`, whatever has become of it since. What the inputs do is told already."""
    engine, position, _ = restored(journal)
    skipped = journal.skipped(position)
    for first, entries in batches(journal, position, set(skipped)):
        wanted = entries[: max(0, upto + 1 - first)]
        if first in skipped:
            for entry in wanted:
                pass_over(engine, entry)
        else:
            engine.apply_all(wanted)
        if first + len(entries) > upto:
            break
    return engine


def batches(journal: Journal, after: int, apart: set[int]) -> Iterator[tuple[int, list[Input]]]:
    """The inputs after a position, in runs with the position of the first; each of those in `apart` is a run of its own."""
    first, run = after + 1, list[Input]()
    for here, entry in journal.after(after):
        if run and (here in apart or len(run) >= AT_ONCE):
            yield first, run
            run = []
        if not run:
            first = here
        run.append(entry)
        if here in apart:
            yield first, run
            run = []
    if run:
        yield first, run


def pass_over(engine: Engine, entry: Input) -> list[Output]:
    """What is done in place of an input that fails: its lane goes on behind it, an act is answered."""
    if isinstance(entry, MessageIn):
        message = entry.message
        return engine.apply(PassedIn(key_of(message), message.sequence, entry.received_at))
    if isinstance(entry, ActionIn):  # or it would be found unanswered, and tried again, for ever
        return [ActionDone(entry.action.id, "failed", entry.action.at)]
    return []
