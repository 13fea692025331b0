"""People's acts on alerts, one or many at once: stored together, applied by rules, and what became of each.

An act is kept before anybody waits for it, and rules applies it when it is there; so an act that is not answered in time is not
lost, and need not be repeated. Who repeats it all the same, with what tells that it is a repeat (`once`), is told what became
of the first.
"""

import hashlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from api.sight import Sight
from api.views import AlertView
from api.words import OUTCOMES
from linli.clock import Clock
from linli.db.alertlist import AlertLists
from linli.db.alerts import OUTCOME_DONE
from linli.errors import Conflict, LinliError, NotAnswering, NotFound
from linli.i18n import Text
from linli.model import Action, ActionKind, Alert

MOST = 500
"""Alerts in one request."""
ANSWER_WITHIN_S = 3.0
EACH_S = 0.01
"""How much longer each further act may take."""
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an act on one alert: the alert as it is then, or why it was not done."""

    alert: str
    view: AlertView | None = None
    error: LinliError | None = None


class Acts:
    """Safe to call from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pause = threading.Event()

    def one(
        self,
        sight: Sight,
        alert: str,
        kind: ActionKind,
        comment: str = "",
        until: int | None = None,
        once: str | None = None,
    ) -> AlertView:
        """The alert after the act. NotFound outside what is seen, Conflict if it cannot be done, NotAnswering if rules does not
        say so within ANSWER_WITHIN_S."""
        (done,) = self.all(sight, [alert], kind, comment, until, once)
        if done.view is None:
            assert done.error is not None
            raise done.error
        return done.view

    def all(
        self,
        sight: Sight,
        alerts: Sequence[str],
        kind: ActionKind,
        comment: str = "",
        until: int | None = None,
        once: str | None = None,
    ) -> list[Done]:
        """What became of it on each of these, each once, in their order. Raises none of their errors."""
        wanted = list(dict.fromkeys(alerts))
        ids = {alert: _action_id(once, alert) for alert in wanted}
        ended = {} if once is None else self._ended(sight, ids)
        refused = self._cannot(sight, [alert for alert in wanted if ids[alert] not in ended])
        begun = [alert for alert in wanted if alert not in refused]
        now = self._clock.now()
        actions = [
            Action(ids[alert], alert, kind, sight.person.id, comment, now, until)
            for alert in begun
            if ids[alert] not in ended
        ]
        if actions:
            sight.alerts.add_actions(actions)
        outcomes = ended | self._await(sight, [action.id for action in actions])
        for alert in begun:
            error = _error(alert, outcomes.get(ids[alert]))
            if error is not None:
                refused[alert] = error
        now_are = AlertLists(sight.database).read([alert for alert in wanted if alert not in refused])
        return [self._done(sight, alert, refused.get(alert), now_are) for alert in wanted]

    @staticmethod
    def _ended(sight: Sight, ids: dict[str, str]) -> dict[str, str]:
        """What became of those that were done before. One that could not be done is tried anew, under an id of its own."""
        known = sight.alerts.action_outcomes(list(ids.values()))
        for alert, action in ids.items():
            if action in known and _error(alert, known[action]) is not None:
                del known[action]
                ids[alert] = _action_id(None, alert)
        return known

    def _cannot(self, sight: Sight, alerts: Sequence[str]) -> dict[str, LinliError]:
        """Those on which nothing can be done, and why."""
        known = AlertLists(sight.database).read(alerts)
        return {
            alert: _missing(alert) if alert not in known else _closed(alert)
            for alert in alerts
            if alert not in known or not known[alert][1].open
        }

    def _await(self, sight: Sight, actions: Sequence[str]) -> dict[str, str]:
        """What became of each action, as far as rules says within the time."""
        deadline = self._clock.monotonic() + ANSWER_WITHIN_S + EACH_S * len(actions)
        outcomes: dict[str, str] = {}
        while len(outcomes) < len(actions):
            outcomes |= sight.alerts.action_outcomes([action for action in actions if action not in outcomes])
            if self._clock.monotonic() >= deadline:
                break
            if len(outcomes) < len(actions):
                self._pause.wait(LOOK_EVERY_S)
        return outcomes

    @staticmethod
    def _done(sight: Sight, alert: str, error: LinliError | None, now_are: dict[str, tuple[int, Alert]]) -> Done:
        if error is None and alert in now_are:
            return Done(alert, view=sight.names.alert(now_are[alert][1]))
        return Done(alert, error=error or _missing(alert))


def _action_id(once: str | None, alert: str) -> str:
    """The act's id: for a repeat of the same request the same."""
    return "x" + (
        secrets.token_hex(10) if once is None else hashlib.sha256(f"{once} {alert}".encode()).hexdigest()[:20]
    )


def _error(alert: str, outcome: str | None) -> LinliError | None:
    """What an outcome means; None for what was done. An outcome of None: rules has not answered."""
    if outcome is None:
        return NotAnswering(
            Text(
                "规则进程没有应答；您的操作已保存，恢复后会自动执行，无需重复",
                "rules is not answering; your action is stored and will be applied when it is back: no need to repeat it",
            )
        )
    if outcome in (OUTCOME_DONE, "already_acknowledged"):
        return None
    if outcome == "already_closed":
        return _closed(alert)
    if outcome == "not_found":
        return _missing(alert)
    unknown = Text(f"未能执行（{outcome}）", f"this could not be done ({outcome})")
    return Conflict(OUTCOMES.get(outcome, unknown))


def _closed(alert: str) -> Conflict:
    return Conflict(Text(f"告警 {alert} 已经关闭", f"alert {alert} is closed already"))


def _missing(alert: str) -> NotFound:
    return NotFound(Text(f"没有告警 {alert:.64}", f"there is no alert {alert:.64}"))
