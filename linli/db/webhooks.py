"""Webhooks in the database: what they are for, how far each has got, what was sent. `linli.webhooks` decides.

One process at a time sends for a webhook: it holds the row until a time, and whatever it notes counts only while it does. So
several processes of the API share the sending, and one that is killed lets go by itself.
"""

import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select, update

from linli.audit import Act, Fact
from linli.auditwho import who_of
from linli.db import schema
from linli.db.audit import append
from linli.db.database import Database
from linli.db.turns import take_turn
from linli.db.webhookrows import (
    Delivery,
    Due,
    Replay,
    Sent,
    Webhook,
    delivery_of,
    filter_values,
    standing_values,
    webhook_of,
)
from linli.errors import Conflict, NotFound, Outdated
from linli.i18n import Text
from linli.sealing import Seals
from linli.webhooks import GRACE, Ended, Filter, Outcome, Standing, after, new_secret

MAX_EACH = 50
"""Webhooks that one person may have."""
MAX_REPLAYS = 20
"""Replays that a webhook may have waiting."""

_HOOKS, _LOG, _REPLAYS = schema.webhooks, schema.webhook_deliveries, schema.webhook_replays


class SqlWebhooks:
    """The webhooks of everybody, for who asks on behalf of Linli: whose they are is the caller's question."""

    def __init__(self, database: Database, seals: Seals) -> None:
        self._database = database
        self._seals = seals
        self._sent: Counter[tuple[Outcome, str]] = Counter()
        self._lock = threading.Lock()

    def sent(self) -> Mapping[tuple[Outcome, str], int]:
        """How many requests this process has noted, by what became of them and their origin."""
        with self._lock:
            return dict(self._sent)

    def _count(self, outcome: Outcome, origin: str) -> None:
        with self._lock:
            self._sent[outcome, origin] += 1

    # --- people ---------------------------------------------------------------------------------------------------

    def add(
        self, owner: str, name: str, url: str, wanted: Filter, within: frozenset[str] | None, now: int
    ) -> tuple[Webhook, str]:
        """A new webhook, which tells of what happens from now on, and its secret. Conflict if the owner has MAX_EACH."""
        number, secret = "w" + secrets.token_hex(8), new_secret()
        values = {
            "id": number,
            "owner_id": owner,
            "name": name,
            "url": url,
            "secret": self._seals.seal(secret, number),
            "within": None if within is None else sorted(within),
            "version": 1,
            "created_at": now,
            "updated_at": now,
            "failures": 0,
            "next_try_at": 0,
            "held_until": 0,
        }
        with self._database.write() as connection:
            take_turn(connection, _HOOKS)
            have = connection.execute(select(func.count()).where(_HOOKS.c.owner_id == owner)).scalar_one()
            if have >= MAX_EACH:
                raise Conflict(
                    Text(
                        f"每人最多 {MAX_EACH} 个 webhook", f"nobody has more than {MAX_EACH} webhooks; remove one first"
                    )
                )
            newest = connection.execute(select(func.max(schema.alert_changes.c.id))).scalar() or 0
            connection.execute(insert(_HOOKS).values(**values, **filter_values(wanted), position=newest))
            made = _get(connection, number)
            _written(connection, "webhook.added", made, owner, now)
            return made, secret

    def get(self, webhook: str) -> Webhook:
        """The webhook, or NotFound."""
        with self._database.read() as connection:
            return _get(connection, webhook)

    def all(self, owner: str | None = None) -> list[Webhook]:
        """The webhooks of one person, or of everybody, by id."""
        query = select(_HOOKS).order_by(_HOOKS.c.id)
        if owner is not None:
            query = query.where(_HOOKS.c.owner_id == owner)
        with self._database.read() as connection:
            found = [webhook_of(row) for row in connection.execute(query)]
        return sorted(found, key=lambda webhook: webhook.id)

    def change(
        self,
        webhook: str,
        version: int,
        now: int,
        *,
        name: str,
        url: str,
        wanted: Filter,
        within: frozenset[str] | None,
        enabled: bool,
        by: str,
    ) -> Webhook:
        """Make it these, if its version is still `version` (else Outdated). Turned on again, it forgets that it has failed and
        begins where it stopped."""
        values: dict[str, Any] = {"name": name, "url": url, "version": version + 1, "updated_at": now}
        values |= filter_values(wanted) | {"within": None if within is None else sorted(within)}
        with self._database.write() as connection:
            before = _get(connection, webhook)
            if not enabled:
                values["ended"] = (before.standing.ended or Ended.BY_PERSON).value
            elif not before.standing.enabled or url != before.url:
                values |= standing_values(Standing()) | {"ended": None}
            done = connection.execute(
                update(_HOOKS).where(_HOOKS.c.id == webhook, _HOOKS.c.version == version).values(**values)
            )
            if done.rowcount == 0:
                raise Outdated(Text("读取之后已有改动", "it was changed since you read it"))
            changed = _get(connection, webhook)
            _written(connection, "webhook.changed", changed, by, now)
            return changed

    def remove(self, webhook: str, by: str, now: int) -> None:
        """With its log. NotFound if it is not there."""
        with self._database.write() as connection:
            _written(connection, "webhook.removed", _get(connection, webhook), by, now)
            for table in (_LOG, _REPLAYS):
                connection.execute(delete(table).where(table.c.webhook_id == webhook))
            connection.execute(delete(_HOOKS).where(_HOOKS.c.id == webhook))

    def rotate(self, webhook: str, by: str, now: int) -> str:
        """A new secret; the one before signs too for GRACE."""
        fresh = new_secret()
        with self._database.write() as connection:
            done = connection.execute(
                update(_HOOKS)
                .where(_HOOKS.c.id == webhook)
                .values(
                    former_secret=_HOOKS.c.secret,
                    former_until=now + GRACE,
                    secret=self._seals.seal(fresh, webhook),
                    version=_HOOKS.c.version + 1,
                    updated_at=now,
                )
            )
            if done.rowcount == 0:
                raise _no_webhook(webhook)
            _written(connection, "secret.rotated", _get(connection, webhook), by, now)
        return fresh

    def keys(self, webhook: str, now: int) -> list[str]:
        """The secrets that sign now, the newest first."""
        with self._database.read() as connection:
            row = connection.execute(select(_HOOKS).where(_HOOKS.c.id == webhook)).one_or_none()
        if row is None:
            raise _no_webhook(webhook)
        former = row.former_secret if row.former_until is not None and row.former_until > now else None
        return [self._seals.open(sealed, webhook) for sealed in (row.secret, former) if sealed is not None]

    # --- the log and replays --------------------------------------------------------------------------------------

    def deliveries(
        self, webhook: str, limit: int, before: int | None = None, outcome: Outcome | None = None
    ) -> list[Delivery]:
        """What was sent, the last first. `before`: with smaller ids."""
        query = select(_LOG).where(_LOG.c.webhook_id == webhook).order_by(_LOG.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_LOG.c.id < before)
        if outcome is not None:
            query = query.where(_LOG.c.outcome == outcome.value)
        with self._database.read() as connection:
            return [delivery_of(row) for row in connection.execute(query)]

    def delivery(self, webhook: str, number: int) -> Delivery:
        """A line of the webhook's log, or NotFound."""
        with self._database.read() as connection:
            row = connection.execute(
                select(_LOG).where(_LOG.c.webhook_id == webhook, _LOG.c.id == number)
            ).one_or_none()
        if row is None:
            raise NotFound(Text(f"没有发送记录 {number}", f"there is no delivery {number}"))
        return delivery_of(row)

    def replay(self, webhook: str, position: int, upto: int, asked_by: str, now: int) -> None:
        """Send the changes above `position` up to `upto` once more. Conflict if MAX_REPLAYS are waiting."""
        with self._database.write() as connection:
            take_turn(connection, _REPLAYS)
            waiting = select(func.count()).where(_REPLAYS.c.webhook_id == webhook)
            if connection.execute(waiting).scalar_one() >= MAX_REPLAYS:
                raise Conflict(
                    Text(
                        f"已有 {MAX_REPLAYS} 个重发任务在等待",
                        f"{MAX_REPLAYS} replays are waiting already; try again later",
                    )
                )
            row = {"webhook_id": webhook, "position": position, "upto": upto, "asked_by": asked_by, "asked_at": now}
            connection.execute(insert(_REPLAYS).values(**row))
            facts: dict[str, Fact] = {"after": position, "upto": upto}
            append(connection, Act("webhook.replayed", who_of(asked_by), "webhook", (webhook,), facts=facts), now)

    def replays(self, webhook: str) -> list[Replay]:
        """Those that are not done, the oldest first."""
        query = select(_REPLAYS).where(_REPLAYS.c.webhook_id == webhook).order_by(_REPLAYS.c.id)
        with self._database.read() as connection:
            return [Replay(row.id, row.position, row.upto) for row in connection.execute(query)]

    def changes_between(self, start: int, end: int) -> tuple[int, int] | None:
        """The smallest and the largest id of the changes with start <= at < end; None if there are none."""
        table = schema.alert_changes
        query = select(func.min(table.c.id), func.max(table.c.id)).where(table.c.at >= start, table.c.at < end)
        with self._database.read() as connection:
            first, last = connection.execute(query).one()
        return None if first is None else (first, last)

    # --- sending --------------------------------------------------------------------------------------------------

    def due(self, now: int) -> list[Due]:
        """Those that may send now, and have changes behind their position or a replay waiting; by id."""
        newest = select(func.coalesce(func.max(schema.alert_changes.c.id), 0)).scalar_subquery()
        replaying = exists().where(_REPLAYS.c.webhook_id == _HOOKS.c.id)
        query = select(_HOOKS.c.id, newest.label("newest"), replaying.label("replaying")).where(
            _HOOKS.c.ended.is_(None),
            _HOOKS.c.next_try_at <= now,
            _HOOKS.c.held_until <= now,
            or_(_HOOKS.c.position < newest, replaying),
        )
        with self._database.read() as connection:
            return [Due(*row) for row in connection.execute(query.order_by(_HOOKS.c.id))]

    def hold(self, webhook: str, holder: str, now: int, until: int) -> Webhook | None:
        """Be the one who sends for it, until `until`; None if it is another's, or may not send now."""
        free = or_(_HOOKS.c.held_until <= now, _HOOKS.c.held_by == holder)
        may = and_(_HOOKS.c.ended.is_(None), _HOOKS.c.next_try_at <= now, free)
        with self._database.write() as connection:
            done = connection.execute(
                update(_HOOKS).where(_HOOKS.c.id == webhook, may).values(held_by=holder, held_until=until)
            )
            return _get(connection, webhook) if done.rowcount else None

    def let_go(self, webhook: str, holder: str) -> None:
        """Another may send for it."""
        with self._database.write() as connection:
            connection.execute(
                update(_HOOKS)
                .where(_HOOKS.c.id == webhook, _HOOKS.c.held_by == holder)
                .values(held_by=None, held_until=0)
            )

    def note(self, webhook: str, holder: str, sent: Sent, now: int, until: int, chance: float) -> Webhook | None:
        """Keep what was sent and what came of it, and go on; held until `until`. None if it is held no more: nothing is kept."""
        with self._database.write() as connection:
            row = connection.execute(
                select(_HOOKS).where(_HOOKS.c.id == webhook, _HOOKS.c.held_by == holder).with_for_update()
            ).one_or_none()
            if row is None:
                return None
            standing, outcome = after(webhook_of(row).standing, sent.answer, now, chance)
            values = standing_values(standing) | {"held_until": until}
            if standing.ended is not None and row.ended is None:
                values["ended"] = standing.ended.value
            if outcome is Outcome.DELIVERED:
                values["last_success_at"] = now
            if outcome is not Outcome.FAILED and sent.replay is None:
                values["position"] = sent.change
            connection.execute(update(_HOOKS).where(_HOOKS.c.id == webhook).values(**values))
            if outcome is not Outcome.FAILED and sent.replay is not None and sent.change is not None:
                _move_replay(connection, sent.replay, sent.change)
            _log(connection, webhook, sent, outcome, standing)
            self._count(outcome, sent.origin)
            return _get(connection, webhook)

    def note_test(self, webhook: str, sent: Sent, now: int) -> Delivery:
        """Keep what came of a test. One that got through ends the waiting; one that did not changes nothing."""
        well = sent.answer.well
        with self._database.write() as connection:
            _get(connection, webhook)
            if well:
                healed = standing_values(Standing()) | {"last_success_at": now}
                connection.execute(update(_HOOKS).where(_HOOKS.c.id == webhook).values(**healed))
            outcome = Outcome.DELIVERED if well else Outcome.FAILED
            number = _log(connection, webhook, sent, outcome, None)
            self._count(outcome, sent.origin)
            return delivery_of(connection.execute(select(_LOG).where(_LOG.c.id == number)).one())

    def pass_over(self, webhook: str, position: int, replay: int | None = None) -> None:
        """Nothing up to `position` is for it, or for the replay of it. Never goes back."""
        with self._database.write() as connection:
            if replay is not None:
                _move_replay(connection, replay, position)
                return
            connection.execute(
                update(_HOOKS).where(_HOOKS.c.id == webhook, _HOOKS.c.position < position).values(position=position)
            )

    def end(self, webhook: str, why: Ended) -> None:
        """Let it send nothing more."""
        with self._database.write() as connection:
            connection.execute(
                update(_HOOKS).where(_HOOKS.c.id == webhook, _HOOKS.c.ended.is_(None)).values(ended=why.value)
            )


def _written(connection: Connection, verb: str, webhook: Webhook, by: str, now: int) -> None:
    """In the audit log, with where it sends and what: what an owner made known to whom can be asked later."""
    wanted, facts = filter_values(webhook.filter), {"version": webhook.version, "enabled": webhook.standing.enabled}
    details: dict[str, Fact] = {"url": webhook.url, "name": webhook.name} | wanted
    append(connection, Act(verb, who_of(by), "webhook", (webhook.id,), facts=facts, details=details), now)


def _get(connection: Connection, webhook: str) -> Webhook:
    row = connection.execute(select(_HOOKS).where(_HOOKS.c.id == webhook)).one_or_none()
    if row is None:
        raise _no_webhook(webhook)
    return webhook_of(row)


def _log(connection: Connection, webhook: str, sent: Sent, outcome: Outcome, standing: Standing | None) -> int:
    """A line of the log; its id. `standing` None: a test, which is not tried again."""
    failed = outcome is Outcome.FAILED and standing is not None and standing.enabled
    answer = sent.answer
    row = {
        "webhook_id": webhook,
        "message": sent.message,
        "change_id": sent.change,
        "kind": sent.kind,
        "origin": sent.origin,
        "at": sent.at,
        "duration_us": sent.duration_us,
        "outcome": outcome.value,
        "status": answer.status,
        "error": answer.error,
        "excerpt": answer.excerpt,
        "failures": standing.failures if standing is not None else 0,
        "next_try_at": standing.next_try_at if failed and standing is not None else None,
    }
    number: int = connection.execute(insert(_LOG).values(**row).returning(_LOG.c.id)).scalar_one()
    return number


def _move_replay(connection: Connection, replay: int, position: int) -> None:
    """Forward, and away with it at its end."""
    connection.execute(update(_REPLAYS).where(_REPLAYS.c.id == replay).values(position=position))
    connection.execute(delete(_REPLAYS).where(_REPLAYS.c.id == replay, _REPLAYS.c.upto <= position))


def _no_webhook(webhook: str) -> NotFound:
    return NotFound(Text(f"没有 webhook {webhook:.64}", f"there is no webhook {webhook:.64}"))
