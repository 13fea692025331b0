"""The tables, as SQLAlchemy Core has them, by area. A change here comes with an Alembic revision (a test compares the two).

Times are BIGINT microseconds since 1970 UTC. Ids are those of `linli.ids`. Each table says in its `info` whose its rows are
(`linli.db.scoping`): one that does not is refused.
"""

from linli.db.schema.accounts import (
    api_tokens,
    committee_memberships,
    enrolments,
    identities,
    memberships,
    recovery_codes,
    second_factors,
    sessions,
    users,
)
from linli.db.schema.alerting import actions, alert_changes, alerts, rules_positions
from linli.db.schema.audit import audit_entries, audit_subjects, audit_texts
from linli.db.schema.base import metadata
from linli.db.schema.commanding import command_changes, commands
from linli.db.schema.drawings import drawings
from linli.db.schema.inhabitants import (
    consents,
    contacts,
    households,
    inhabitant_history,
    inhabitant_statements,
    persons,
    residents,
)
from linli.db.schema.modes import arming, arming_changes
from linli.db.schema.outward import idempotency_keys, webhook_deliveries, webhook_replays, webhooks
from linli.db.schema.pictures import snapshots
from linli.db.schema.registry import (
    committees,
    communities,
    devices,
    districts,
    doubts,
    facilities,
    floor_plans,
    gateways,
    holidays,
    installations,
    organisations,
    places,
    registry_history,
    registry_version,
    staff,
    statements,
    strangers,
    strangers_left_out,
    team_areas,
    team_members,
    teams,
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
    "audit_entries",
    "audit_subjects",
    "audit_texts",
    "command_changes",
    "commands",
    "committee_memberships",
    "committees",
    "communities",
    "consents",
    "contacts",
    "dead_letters",
    "devices",
    "districts",
    "doubts",
    "drawings",
    "enrolments",
    "facilities",
    "floor_plans",
    "gateway_days",
    "gateway_heartbeats",
    "gateway_status",
    "gateways",
    "holidays",
    "households",
    "idempotency_keys",
    "identities",
    "inhabitant_history",
    "inhabitant_statements",
    "installations",
    "memberships",
    "metadata",
    "organisations",
    "persons",
    "places",
    "recovery_codes",
    "registry_history",
    "registry_version",
    "residents",
    "rules_positions",
    "rules_tallies",
    "second_factors",
    "sessions",
    "snapshots",
    "staff",
    "statements",
    "strangers",
    "strangers_left_out",
    "team_areas",
    "team_members",
    "teams",
    "users",
    "webhook_deliveries",
    "webhook_replays",
    "webhooks",
    "workers",
]
