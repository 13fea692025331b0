"""The relational database: alerts, registry, people, dead letters. SQLite by default, PostgreSQL by a setting."""
