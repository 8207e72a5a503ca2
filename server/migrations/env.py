# SPDX-License-Identifier: AGPL-3.0-or-later
"""Run by Alembic: revisions go through the connection and transaction that `server.database.migrate` opened."""

from alembic import context

from server.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
