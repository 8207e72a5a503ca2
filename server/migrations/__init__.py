# SPDX-License-Identifier: AGPL-3.0-or-later
"""Alembic revisions of the hub's schema, run by `server.database.migrate`."""
