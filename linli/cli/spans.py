"""Stretches and points of time as people type them: '2h', '30d', '2026-11-20', '2026-11-20 08:30'."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.errors import ConfigError
from linli.i18n import Text

_SPAN = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def span(text: str) -> int:
    """Microseconds of '30s', '15m', '2h' or '30d'; ConfigError for anything else."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            Text(f"{text} 不是时长，应如 30d、12h、15m", f"{text} is no stretch of time; one is like 30d, 12h, 15m")
        )
    return int(match[1]) * _UNITS[match[2]]


def moment(text: str, now: int, zone: str | None) -> int:
    """The point in time that `text` means: so long before `now`, or a date (and time) in `zone` (None: this machine's). ConfigError
    else."""
    if _SPAN.fullmatch(text.strip()):
        return now - span(text)
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(
            Text(
                f"{text} 不是时间，应如 2h、3d、2026-11-20 或 2026-11-20 08:30",
                f"{text} is no time; one is like 2h, 3d, 2026-11-20 or 2026-11-20 08:30",
            )
        ) from None
    if parsed.tzinfo is None:
        parsed = parsed.astimezone() if zone is None else parsed.replace(tzinfo=ZoneInfo(zone))
    return round(parsed.timestamp() * SECOND)
