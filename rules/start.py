"""How the rules process comes back: snapshot, the journal after it, and what the database has of their effects."""

import logging

from linli.db.alerts import SqlAlerts
from linli.model import Alert
from rules.applying import Applier
from rules.durable.journal import Journal, Snapshot
from rules.durable.replay import restored
from rules.durable.state import image, rules_of
from rules.effects import Waiting
from rules.engine.inputs import AdoptIn, Input, RulesIn
from rules.engine.machine import Engine

_log = logging.getLogger(__name__)


def bring_back(journal: Journal, alerts: SqlAlerts, rules: RulesIn | None) -> tuple[Applier, Waiting]:
    """The engine as it was, with today's rules, and the effects that the database has not got yet. `rules` None: those
    that it had.

    DataFolderError if what is kept is damaged, JournalUnavailable or SQLAlchemyError if disk or database do not let it (call
    it again). Open alerts that the engine knows nothing of, because its journal was lost, are taken over; a database older
    than the snapshot, brought back from a backup, gets its open alerts from the engine, and no others. A journal older than the database,
    brought back from a copy, goes on above the database's position, or the database would take its effects for known ones.
    """
    written = alerts.position()
    waiting = Waiting()
    if journal.empty and written > 0:
        _log.warning("the journal is empty, the database is not")
        fresh = Engine()
        fresh.tallies.adopt(alerts.tallies())
        journal.keep(Snapshot(written, 0, image(fresh)))
    applier = _replay(journal, alerts, waiting, written)
    if journal.position < written:
        _catch_up(journal, alerts, applier.engine, waiting, written)
    ours = [alert for alert in alerts.open_alerts() if alerts.shard.covers(alert.community)]
    stray = [alert for alert in ours if not _knows(applier.engine, alert)]
    if rules is not None and rules != rules_of(applier.engine):
        _enter(journal, applier, rules)
    if stray:
        _log.warning("taking over %d open alerts that are not in the journal", len(stray))
        _enter(journal, applier, AdoptIn(tuple(stray)))
    return applier, waiting


def _catch_up(journal: Journal, alerts: SqlAlerts, engine: Engine, waiting: Waiting, written: int) -> None:
    """Bring an older journal to the database's position. The database is right about the alerts that it has."""
    _log.warning(
        "the journal ends at %d and is older than the database, which is at %d (brought back from a copy?): going on from "
        "there; what was being timed since is lost",
        journal.position,
        written,
    )
    taken = {(alert.rule, alert.subject) for alert in alerts.open_alerts()}
    missing: list[Alert] = []
    for key, record in list(engine.book.open.items()):
        row = alerts.get(record.alert.id)
        if row is not None:
            engine.book.believe(row)
        elif key in taken:
            engine.book.forget(record)
        else:
            missing.append(record.alert)
    if missing:
        _log.warning("writing %d open alerts that the database has not got", len(missing))
    alerts.restore(missing, written)
    engine.tallies.adopt(alerts.tallies())
    journal.keep(Snapshot(written, waiting.told, image(engine)))


def _knows(engine: Engine, alert: Alert) -> bool:
    return alert.id in engine.book.closed or (alert.rule, alert.subject) in engine.book.open


def _replay(journal: Journal, alerts: SqlAlerts, waiting: Waiting, written: int) -> Applier:
    engine, position, told = restored(journal)
    waiting.told = told
    if written < told:
        known = [record.alert for record in engine.book.open.values()]
        closed = alerts.replace_open(known, told, engine.listening.last)
        _log.warning(
            "the database is older than the journal: %d open alerts are written again, %d that were closed since are closed",
            len(known),
            closed,
        )
    applier = Applier(journal, engine, waiting)
    count = applier.replay(position)
    waiting.drop_upto(written)
    _log.info(
        "back at position %d: %d inputs applied again, %d effects to write", journal.position, count, len(waiting)
    )
    return applier


def _enter(journal: Journal, applier: Applier, entry: Input) -> None:
    (position,) = journal.append([entry])
    applier.apply(position, [entry])
