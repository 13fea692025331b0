"""A district's years of alerts, written straight into the tables: what the bench 'api' asks about."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import insert, select

from linli.clock import MINUTE
from linli.db import schema
from linli.db.database import Database

OPEN = 2_000
"""Of all that are stored, so many are open: the newest."""

_AT_ONCE = 10_000
_RULES = ("door-forced", "camera-person-night", "lift-stopped", "garage-co", "pump-fault", "smoke")
_SEVERITIES = ("critical", "high", "medium", "low")
_ZH = "3 号楼大门在 30 秒内未刷卡被打开，随后没有合法的刷卡记录，请查看最近的摄像机并派人到场"
_EN = "The main door of building 3 was opened without a card and no valid card followed: look at the nearest camera, send somebody"


def fill(database: Database, count: int, now: int, seed: int = 1) -> None:
    """Write `count` alerts, one a minute up to `now`, over all devices that are registered, each with two changes."""
    with database.read() as connection:
        table = schema.devices
        query = select(table.c.id, table.c.community_id, table.c.place_id).order_by(table.c.id)
        devices = [tuple(row) for row in connection.execute(query)]
    rng = random.Random(seed)
    for start in range(0, count, _AT_ONCE):
        numbers = range(start, min(count, start + _AT_ONCE))
        rows = [_alert(number, count, now, rng.choice(devices)) for number in numbers]
        with database.write() as connection:
            connection.execute(insert(schema.alerts), rows)
            connection.execute(insert(schema.alert_changes), list(_changes(rows)))


def _alert(number: int, count: int, now: int, device: Sequence[str]) -> dict[str, Any]:
    name, community, place = device
    at = now - (count - number) * MINUTE
    is_open = number >= count - OPEN
    rule = _RULES[number % len(_RULES)]
    seen = {"time": at, "device": name, "what": "access.door.forced", "value": None, "unit": None}
    return {
        "id": f"b{number:015x}",
        "open_key": f"{rule}|{name}|{number}" if is_open else None,
        "rule": rule,
        "community_id": community,
        "subject": name,
        "subject_kind": "device",
        "place_id": place,
        "severity": _SEVERITIES[number % 4],
        "condition": "firing" if is_open else "resolved",
        "handling": "unacknowledged" if is_open else "closed",
        "latched": False,
        "confirmed": False,
        "historic": False,
        "title_zh": "门被强行打开",
        "title_en": "Door forced open",
        "sentence_zh": _ZH,
        "sentence_en": _EN,
        "advice_zh": _ZH,
        "advice_en": _EN,
        "opened_at": at,
        "first_seen": at,
        "last_seen": at,
        "occurrences": 1,
        "evidence": [seen | {"data": {"door": "main"}}] * 2,
        "updated_at": at,
        "closed_at": None if is_open else at + MINUTE,
        "steps": [{"zh": "查看摄像机", "en": "Look at the camera"}, {"zh": "派人到场", "en": "Send somebody"}],
        "why": {"clause": 0, "words": {"zh": _ZH, "en": _EN}, "began": at, "held": 0, "fired": at, "rule": "0f3a"},
    }


def _changes(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        same = {"alert_id": row["id"], "community_id": row["community_id"], "severity": row["severity"]}
        yield same | {"at": row["opened_at"], "kind": "opened", "handling": "unacknowledged"}
        if row["closed_at"] is not None:
            yield same | {"at": row["closed_at"], "kind": "closed", "handling": "closed"}
