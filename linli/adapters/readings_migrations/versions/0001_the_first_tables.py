"""the first tables"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    # A series has a small number, so that a row of it costs a few bytes and lies beside its neighbours in time.
    """CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        community TEXT NOT NULL,
        device TEXT NOT NULL,
        quantity TEXT NOT NULL,
        UNIQUE (community, device, quantity)
    )""",
    """CREATE TABLE readings (
        series INTEGER NOT NULL,
        time INTEGER NOT NULL,
        value REAL NOT NULL,
        unit TEXT,
        received_at INTEGER NOT NULL,
        PRIMARY KEY (series, time)
    ) WITHOUT ROWID""",
    # `upto` is NULL for a lane that has rows and no position yet.
    """CREATE TABLE lanes (
        id INTEGER PRIMARY KEY,
        community TEXT NOT NULL,
        gateway TEXT NOT NULL,
        bootid TEXT NOT NULL,
        lane TEXT NOT NULL,
        upto INTEGER,
        UNIQUE (community, gateway, bootid, lane)
    )""",
    """CREATE TABLE events (
        lane INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        community TEXT NOT NULL,
        device TEXT NOT NULL,
        type TEXT NOT NULL,
        time INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        time_source TEXT NOT NULL,
        historic INTEGER NOT NULL,
        late INTEGER NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (lane, sequence)
    ) WITHOUT ROWID""",
    "CREATE INDEX ix_events_time ON events (community, time)",
    "CREATE INDEX ix_events_type ON events (community, type, time)",
    "CREATE INDEX ix_events_device ON events (community, device, time)",
)


def upgrade() -> None:
    """Make them."""
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    for table in ("events", "lanes", "readings", "series"):
        op.execute(f"DROP TABLE {table}")
