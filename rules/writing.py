"""From what the engine says to the database and the topics: alerts, tallies and dead letters written, then alerts told."""

import logging
from collections.abc import Iterable

from sqlalchemy.exc import SQLAlchemyError

from linli import failpoints, topics
from linli.clock import Clock
from linli.codec import Ack, encode_ack, encode_notice, notice_of
from linli.db.alerts import SqlAlerts
from linli.db.deadletters import SqlDeadLetters
from linli.i18n import Text
from linli.model import Alert, Consumer, LaneKey
from linli.ports import MqttClient
from linli.runtime import Troubles
from rules.applying import Applier
from rules.aside import Every
from rules.effects import Waiting, write
from rules.foresight import is_urgent

_log = logging.getLogger(__name__)

RETRY_S = 0.5
TALLIES_S = 1.0


class Writing:
    """While the database is down what is to be written waits; critical alerts are told all the same, and again once they are
    written."""

    def __init__(
        self,
        client: MqttClient,
        alerts: SqlAlerts,
        letters: SqlDeadLetters | None,
        clock: Clock,
        qos: int,
        troubles: Troubles,
        waiting: Waiting,
    ) -> None:
        self._client = client
        self._alerts = alerts
        self._letters = letters
        self._clock = clock
        self._qos = qos
        self._troubles = troubles
        self.waiting = waiting
        self.refused = 0
        """Effects that the database will never take."""
        self._foretold = 0
        self._again = Every(clock, 0)
        self._tallies = Every(clock, TALLIES_S)

    def write(self) -> None:
        """Write the effects that wait, and tell them."""
        effects = self.waiting.all
        if not effects or not self._again.due():
            return
        count = len(effects)
        try:
            changes, refused = write(self._alerts, effects)
        except SQLAlchemyError as error:
            self.fails(error)
            self._again.not_before(RETRY_S)
            self._foretell()
            return
        self.refused += refused
        self._troubles.clear("database")
        self.waiting.written(count)
        if changes:
            failpoints.reach("rules.told")
        self.tell((change.alert, change.kind) for change in changes)

    def write_counts(self, applier: Applier, *, at_once: bool = False) -> None:
        """Write what was counted and what was passed over, once a second. What cannot be written is, the next time or after
        the next start."""
        if not (at_once or self._tallies.due()):
            return
        tallies = applier.engine.tallies.unwritten()
        try:
            if tallies:
                self._alerts.save_tallies(tallies)
                applier.engine.tallies.written(tallies)
            if self._letters is not None:
                applier.write_letters(self._letters)
        except SQLAlchemyError as error:
            self.fails(error)

    def tell(self, changes: Iterable[tuple[Alert, str]]) -> None:
        """That these alerts have changed."""
        for alert, kind in changes:
            topic = str(topics.AlertTopic(alert.community, alert.id))
            self._client.publish(topic, encode_notice(notice_of(alert, kind)), self._qos)

    def answer(self, uptos: Iterable[tuple[LaneKey, int]]) -> None:
        """One acknowledgement for each lane. One that is lost is given again at the next repeat, gap or connect."""
        now = self._clock.now()
        answers = [
            (
                topics.ack_topic(key.community, key.gateway, Consumer.RULES),
                encode_ack(Ack(key.bootid, key.lane, upto, now)),
            )
            for key, upto in uptos
        ]
        self._client.publish_each(answers, self._qos)

    def fails(self, error: SQLAlchemyError) -> None:
        """The database does not do what it should."""
        said = str(error).splitlines()[0][:200]
        if "database" not in self._troubles:
            _log.warning("the database fails, effects wait: %s", said)
        self._troubles.set(
            "database",
            Text(f"数据库不能写入，告警变化暂存内存：{said}", f"the database fails, effects wait in memory: {said}"),
        )

    def answers_again(self) -> None:
        """The database can be read."""
        if not self.waiting:
            self._troubles.clear("database")

    def _foretell(self) -> None:
        """Tell the critical alerts among what waits, each change once."""
        fresh = [effect for effect in self.waiting.all if effect.position > self._foretold]
        if fresh:
            self._foretold = fresh[-1].position
            self.tell(
                (change.alert, change.kind)
                for effect in fresh
                for change in effect.changes
                if is_urgent(change.alert, change.kind)
            )
