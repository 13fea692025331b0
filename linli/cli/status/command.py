"""`linli status`: one screen for whoever is called at night. What is wrong and what to do is at its top."""

import json
import shutil
import sys
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from linli.cli.status.lookround import look_round
from linli.cli.status.situation import GatewayFacts, Situation
from linli.cli.status.verdict import Trouble, gateway_is_well, judge, waiting_for
from linli.cli.status.view import StatusView
from linli.clock import format_time
from linli.i18n import Text
from linli.model import Consumer
from linli.settings import Settings

_COLUMNS = 80
_MOST_COLUMNS = 110


def say_status(settings: Settings, *, every_gateway: bool = False, as_json: bool = False) -> int:
    """Print how everything is; 0 if all is well, 1 if something is wrong. DataFolderError if there never was anything."""
    seen = look_round(settings)
    troubles = judge(seen)
    if as_json:
        print(json.dumps(_document(seen, troubles), ensure_ascii=False))
        return 1 if troubles else 0
    width = _COLUMNS
    if sys.stdout.isatty():
        width = min(max(shutil.get_terminal_size().columns, 40), _MOST_COLUMNS)
    view = StatusView(seen, troubles, settings.language, ZoneInfo(settings.timezone), width)
    console = Console(width=width + 1, highlight=False, markup=False, emoji=False, soft_wrap=True)
    for line in view.lines(every_gateway=every_gateway):
        console.print(line)
    return 1 if troubles else 0


def _document(seen: Situation, troubles: list[Trouble]) -> dict[str, Any]:
    """What --json prints; null where it is not known. Times are RFC 3339, sizes bytes."""
    return {
        "at": format_time(seen.now),
        "well": not troubles,
        "troubles": [
            {"urgency": trouble.urgency.name.lower(), "what": _both(trouble.what), "todo": _both(trouble.todo)}
            for trouble in troubles
        ],
        "settings_differ": [_both(each) for each in seen.differs],
        "supervisor": None if seen.holder is None else {"pid": seen.holder.pid, "address": seen.holder.address},
        "broker": {"host": seen.broker[0], "port": seen.broker[1], "reachable": seen.broker_open},
        "database": {
            "trouble": None if seen.database is None else _both(seen.database.said),
            "size": seen.database_size,
        },
        "store": {
            "name": seen.store.name,
            "trouble": _both(seen.store.trouble),
            "size": seen.store.size,
            "asked": seen.store.asked,
        },
        "disk": None if seen.disk is None else {"free": seen.disk[0], "total": seen.disk[1]},
        "processes": [
            {
                "name": name,
                "runs": seen.runs(report),
                "state": None if report is None else report.state,
                "detail": None if report is None else _both(report.detail),
                "pid": None if report is None else report.pid,
                "started_at": None if report is None else format_time(report.started_at),
                "seen_at": None if report is None else format_time(report.seen_at),
                "counters": {} if report is None else dict(report.counters),
            }
            for service in seen.expected
            for name, report in seen.layout(service).items()
        ],
        "waiting": {
            consumer.value: {lane.value: count for lane, count in waiting_for(seen.gateways, consumer).items()}
            for consumer in Consumer
        }
        if seen.gateways_known
        else None,
        "open_alerts": {severity.value: count for severity, count in seen.alerts.items()},
        "dead_letters": {
            "kept": dict(seen.letters.kept),
            "last_hour": dict(seen.letters.last_hour),
            "replays_waiting": seen.letters.waiting,
        },
        "gateways": [_gateway(gateway, seen) for gateway in seen.gateways],
    }


def _both(text: Text | None) -> dict[str, str] | None:
    return None if text is None else {"zh": text.zh, "en": text.en}


def _gateway(gateway: GatewayFacts, seen: Situation) -> dict[str, Any]:
    """As last heard; whether it is well, and what waits at it, is null while nobody hears gateways."""
    beat, heard, known = gateway.beat, gateway.heard_at(), seen.gateways_known
    return {
        "id": gateway.id,
        "community": gateway.community,
        "well": gateway_is_well(gateway, seen.now) if known else None,
        "online": None if gateway.status is None else gateway.status.online,
        "heard_at": None if heard is None else format_time(heard),
        "version": None if beat is None else beat.version,
        "clock_offset_ms": None if beat is None else beat.clock_offset_ms,
        "queue_urgent": None if beat is None else beat.queue_urgent,
        "queue_bulk": None if beat is None else beat.queue_bulk,
        "queue_bytes": None if beat is None else beat.queue_bytes,
        "dropped": None if beat is None else beat.dropped,
        "dropped_today": gateway.dropped_today,
        "refused": None if beat is None else beat.refused,
        "waiting": {
            consumer.value: {lane.value: count for lane, count in gateway.waiting(consumer).items()}
            for consumer in Consumer
        }
        if known
        else None,
    }
