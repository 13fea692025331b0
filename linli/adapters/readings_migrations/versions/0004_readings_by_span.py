"""readings by span"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# By span of ten minutes first, then by series: what is written together lies together, whatever the number of devices,
# and the oldest rows are neighbours too. `span` is time / 600 s.
_BY_SPAN = """CREATE TABLE readings_by_span (
    span INTEGER NOT NULL,
    series INTEGER NOT NULL,
    time INTEGER NOT NULL,
    value REAL NOT NULL,
    unit TEXT,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (span, series, time)
) WITHOUT ROWID"""

_BY_SERIES = """CREATE TABLE readings_by_series (
    series INTEGER NOT NULL,
    time INTEGER NOT NULL,
    value REAL NOT NULL,
    unit TEXT,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (series, time)
) WITHOUT ROWID"""


def upgrade() -> None:
    """Put the rows in the new order."""
    op.execute(_BY_SPAN)
    op.execute(
        "INSERT INTO readings_by_span SELECT time / 600000000, series, time, value, unit, received_at FROM readings"
        " ORDER BY 1, 2, 3"
    )
    op.execute("DROP TABLE readings")
    op.execute("ALTER TABLE readings_by_span RENAME TO readings")


def downgrade() -> None:
    """Put them back."""
    op.execute(_BY_SERIES)
    op.execute(
        "INSERT INTO readings_by_series SELECT series, time, value, unit, received_at FROM readings ORDER BY 1, 2"
    )
    op.execute("DROP TABLE readings")
    op.execute("ALTER TABLE readings_by_series RENAME TO readings")
