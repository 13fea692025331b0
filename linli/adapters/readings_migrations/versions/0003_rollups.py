"""rollups"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SUMS = """CREATE TABLE rollups_{resolution} (
    series INTEGER NOT NULL,
    time INTEGER NOT NULL,
    count INTEGER NOT NULL,
    low REAL NOT NULL,
    mean REAL NOT NULL,
    high REAL NOT NULL,
    last REAL NOT NULL,
    PRIMARY KEY (series, time)
) WITHOUT ROWID"""

_TABLES = (
    _SUMS.format(resolution="1m"),
    _SUMS.format(resolution="1h"),
    # The hours of a series whose rows changed since they were summed up; `touched` counts how often.
    """CREATE TABLE rollups_due (
        series INTEGER NOT NULL,
        hour INTEGER NOT NULL,
        touched INTEGER NOT NULL,
        PRIMARY KEY (series, hour)
    ) WITHOUT ROWID""",
    "CREATE INDEX ix_rollups_due_hour ON rollups_due (hour)",
    # Before `horizon`, rows of this class have been thinned out.
    "CREATE TABLE retention (class TEXT PRIMARY KEY, horizon INTEGER NOT NULL) WITHOUT ROWID",
    (
        "INSERT INTO rollups_due (series, hour, touched)"
        " SELECT DISTINCT series, time / 3600000000 * 3600000000, 0 FROM readings"
    ),
)


def upgrade() -> None:
    """Make them; what there is of readings is due."""
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    for table in ("retention", "rollups_due", "rollups_1h", "rollups_1m"):
        op.execute(f"DROP TABLE {table}")
