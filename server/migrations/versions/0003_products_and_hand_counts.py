# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is stated of products; hand counts and references of movements; days of sales; opening stock that states."""

import sqlalchemy as sa
from alembic import op

from server.tables import RowId, UtcInstant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _product_columns() -> list["sa.Column[object]"]:
    return [
        sa.Column("gtin", sa.String(length=14), nullable=True),
        sa.Column("case_pack_units", sa.Integer(), nullable=True),
        sa.Column("cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("price_micros", sa.BigInteger(), nullable=True),
        sa.Column("lead_time_days", sa.Integer(), nullable=True),
        sa.Column("supplier", sa.Text(), nullable=True),
        sa.Column("shelf_life_days", sa.Integer(), nullable=True),
    ]


def upgrade() -> None:
    """Add them. Names that are known become statements; on-hand is derived anew where history precedes an opening."""
    for column in _product_columns():
        op.add_column("product", column)
    op.create_index("ix_product_gtin", "product", ["gtin"], unique=False)
    op.create_table(
        "product_statement",
        sa.Column("statement_id", RowId, autoincrement=True, nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("as_of_at", UtcInstant(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        *_product_columns(),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("statement_id", name="pk_product_statement"),
        sa.UniqueConstraint("idempotency_key", name="uq_product_statement_idempotency_key"),
    )
    op.create_index("ix_product_statement_sku_as_of_at", "product_statement", ["sku", "as_of_at"], unique=False)
    op.execute(
        "INSERT INTO product_statement (sku, as_of_at, name, recorded_at, source, idempotency_key) "
        "SELECT sku, updated_at, name, updated_at, 'before statements were kept', 'schema-0003|' || sku "
        "FROM product WHERE name <> sku"
    )
    op.create_table(
        "day_sales",
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("hourly_units", sa.Text(), nullable=True),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sku", "day", name="pk_day_sales"),
    )
    op.add_column("movement", sa.Column("counted_units", sa.BigInteger(), nullable=True))
    op.add_column("movement", sa.Column("reference", sa.Text(), nullable=True))
    op.add_column("book_latest", sa.Column("last_count_at", UtcInstant(), nullable=True))
    # Opening stock states what there was; a sale before it was in it already and had been taken away twice.
    op.execute(
        "UPDATE book_latest SET units = (SELECT sum(line.units) FROM movement AS line, movement AS opening "
        "WHERE line.sku = book_latest.sku AND opening.sku = book_latest.sku AND opening.kind = 'opening' "
        "AND line.occurred_at >= opening.occurred_at) "
        "WHERE sku IN (SELECT sku FROM movement WHERE kind = 'opening')"
    )


def downgrade() -> None:
    """Refuse: hand counts would be lost."""
    raise NotImplementedError("restore the copy of the database from before the upgrade")
