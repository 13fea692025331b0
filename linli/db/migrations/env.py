"""Alembic's entry: runs revisions on the connection that `linli.db.migrate` hands over."""

from alembic import context

from linli.db.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
