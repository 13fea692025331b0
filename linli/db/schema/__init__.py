"""The tables, as SQLAlchemy Core has them, by area. A change here comes with an Alembic revision (a test compares the two).

Times are BIGINT microseconds since 1970 UTC. Ids are those of `linli.ids`. Each table says in its `info` whose its rows are
(`linli.db.scoping`): one that does not is refused.
"""

from linli.db.schema.accounts import api_tokens, enrolments, memberships, sessions, users
from linli.db.schema.alerting import actions, alert_changes, alerts, rules_positions
from linli.db.schema.base import metadata
from linli.db.schema.commanding import command_changes, commands
from linli.db.schema.modes import arming, arming_changes
from linli.db.schema.registry import (
    communities,
    devices,
    facilities,
    gateways,
    holidays,
    places,
    registry_history,
    registry_version,
)
from linli.db.schema.running import (
    dead_letters,
    gateway_days,
    gateway_heartbeats,
    gateway_status,
    rules_tallies,
    workers,
)

__all__ = [
    "actions",
    "alert_changes",
    "alerts",
    "api_tokens",
    "arming",
    "arming_changes",
    "command_changes",
    "commands",
    "communities",
    "dead_letters",
    "devices",
    "enrolments",
    "facilities",
    "gateway_days",
    "gateway_heartbeats",
    "gateway_status",
    "gateways",
    "holidays",
    "memberships",
    "metadata",
    "places",
    "registry_history",
    "registry_version",
    "rules_positions",
    "rules_tallies",
    "sessions",
    "users",
    "workers",
]
