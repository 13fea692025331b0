"""The repositories over the relational database, on SQLite and on PostgreSQL."""
