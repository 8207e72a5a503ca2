# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which node speaks for each camera; when the books of each SKU were last adjusted."""

import sqlalchemy as sa
from alembic import op

from server.tables import UtcInstant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both, and fill them from what is known."""
    op.create_table(
        "camera_node",
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("node_id", sa.String(length=63), nullable=False),
        sa.Column("since_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id", name="pk_camera_node"),
    )
    op.execute(
        "INSERT INTO camera_node (camera_id, node_id, since_at) "
        "SELECT camera_id, node_id, received_at FROM camera_latest"
    )
    op.add_column("book_latest", sa.Column("last_adjustment_at", UtcInstant(), nullable=True))
    op.execute(
        "UPDATE book_latest SET last_adjustment_at = (SELECT max(movement.occurred_at) FROM movement "
        "WHERE movement.sku = book_latest.sku AND movement.kind = 'adjustment')"
    )


def downgrade() -> None:
    """Take both away; the ledger keeps what they were made from."""
    op.drop_column("book_latest", "last_adjustment_at")
    op.drop_table("camera_node")
