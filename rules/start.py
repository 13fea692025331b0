"""How the rules process comes back: snapshot, the journal after it, and what the database has of their effects."""

import logging

from linli.db.alerts import SqlAlerts
from linli.errors import DataFolderError
from linli.i18n import Text
from rules.effects import Waiting
from rules.engine import Engine
from rules.inputs import AdoptIn, Input, RulesIn
from rules.journal import Journal, Snapshot
from rules.model import Rule
from rules.state import BadState, dump, restore
from rules.worker import apply_one

_log = logging.getLogger(__name__)


def bring_back(journal: Journal, alerts: SqlAlerts, rules: tuple[Rule, ...]) -> tuple[Engine, Waiting]:
    """The engine as it was, with today's rules, and the effects that the database has not got yet.

    DataFolderError if what is kept is damaged. A journal that is empty beside a database that is not (it was lost) takes
    over the open alerts; a database older than the snapshot (brought back from a backup) gets them from the engine.
    """
    written = alerts.position()
    waiting = Waiting()
    if journal.empty and written > 0:
        _log.warning("the journal is empty, the database is not: taking over its open alerts")
        engine = Engine()
        journal.keep(Snapshot(written, 0, dump(engine)))
        _enter(journal, engine, waiting, [RulesIn(rules), AdoptIn(tuple(alerts.open_alerts()))])
    else:
        engine = _replay(journal, alerts, waiting, written)
    if tuple(engine.scope.rules.values()) != rules:
        _enter(journal, engine, waiting, [RulesIn(rules)])
    return engine, waiting


def _replay(journal: Journal, alerts: SqlAlerts, waiting: Waiting, written: int) -> Engine:
    snapshot = journal.snapshot()
    engine = Engine()
    position = 0
    if snapshot is not None:
        try:
            engine = restore(snapshot.state)
        except BadState as error:
            raise DataFolderError(
                Text(
                    f"{journal.file} 中的快照读不懂：{error}。请用写下它的 Linli 版本，或把 journal.db* 移到别处后重新启动",
                    f"the snapshot in {journal.file} cannot be read: {error}. Use the Linli that wrote it, or move "
                    "journal.db* away and start again",
                )
            ) from None
        position = snapshot.position
        waiting.told = snapshot.told
        if written < snapshot.told:
            _log.warning("the database is older than the journal: writing the open alerts again")
            alerts.restore((record.alert for record in engine.book.open.values()), snapshot.told)
    count = 0
    for here, entry in journal.after(position):
        apply_one(engine, waiting, here, entry)
        count += 1
    waiting.drop_upto(written)
    _log.info(
        "back at position %d: %d inputs applied again, %d effects to write", journal.position, count, len(waiting)
    )
    return engine


def _enter(journal: Journal, engine: Engine, waiting: Waiting, entries: list[Input]) -> None:
    for position, entry in zip(journal.append(entries), entries, strict=True):
        apply_one(engine, waiting, position, entry)
