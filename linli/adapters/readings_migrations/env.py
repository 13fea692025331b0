"""Alembic's entry for the readings file: runs revisions on the connection that `readings_schema` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
