# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first schema: reports, planogram, books, alerts."""

import sqlalchemy as sa
from alembic import op

from server.tables import RowId, UtcInstant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table of the first schema."""
    op.create_table(
        "alert",
        sa.Column("alert_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("place_kind", sa.String(length=16), nullable=False),
        sa.Column("place_id", sa.String(length=64), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("opened_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("acknowledged_at", UtcInstant(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("answer", sa.String(length=16), nullable=True),
        sa.Column("closed_at", UtcInstant(), nullable=True),
        sa.Column("closed_because", sa.Text(), nullable=True),
        sa.Column("picture_id", RowId, nullable=True),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alert")),
    )
    op.create_index("ix_alert_state_opened_at", "alert", ["state", "opened_at"], unique=False)
    op.create_index(
        "uq_alert_open_place",
        "alert",
        ["kind", "place_kind", "place_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "book_latest",
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("as_of_at", UtcInstant(), nullable=False),
        sa.Column("last_sale_at", UtcInstant(), nullable=True),
        sa.Column("last_receipt_at", UtcInstant(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sku", name=op.f("pk_book_latest")),
    )
    op.create_table(
        "boot_progress",
        sa.Column("node_id", sa.String(length=63), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=False),
        sa.Column("first_received_at", UtcInstant(), nullable=False),
        sa.Column("last_received_at", UtcInstant(), nullable=False),
        sa.Column("announced_at", UtcInstant(), nullable=True),
        sa.Column("highest_sequence", sa.BigInteger(), nullable=False),
        sa.Column("received_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node_id", "boot_id", name=op.f("pk_boot_progress")),
    )
    op.create_table(
        "calibration",
        sa.Column("calibration_id", sa.String(length=20), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("imported_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("calibration_id", name=op.f("pk_calibration")),
    )
    op.create_index(op.f("ix_calibration_camera_id"), "calibration", ["camera_id"], unique=False)
    op.create_table(
        "camera_latest",
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("node_id", sa.String(length=63), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=False),
        sa.Column("monotonic_s", sa.Float(), nullable=False),
        sa.Column("report_id", RowId, nullable=False),
        sa.Column("captured_at", UtcInstant(), nullable=False),
        sa.Column("looked_at", UtcInstant(), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("view", sa.String(length=16), nullable=False),
        sa.Column("view_reason", sa.String(length=24), nullable=True),
        sa.Column("calibration_id", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_camera_latest")),
    )
    op.create_table(
        "dead_letter",
        sa.Column("dead_letter_id", RowId, autoincrement=True, nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload_bytes_count", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("node_id", sa.String(length=63), nullable=True),
        sa.Column("boot_id", sa.String(length=32), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("dead_letter_id", name=op.f("pk_dead_letter")),
        sa.UniqueConstraint("node_id", "boot_id", "sequence", name=op.f("uq_dead_letter_node_id_boot_id_sequence")),
    )
    op.create_table(
        "desired_config",
        sa.Column("node_id", sa.String(length=63), nullable=False),
        sa.Column("config_version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("node_id", "config_version", name=op.f("pk_desired_config")),
    )
    op.create_table(
        "evidence_picture",
        sa.Column("picture_id", RowId, autoincrement=True, nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("node_id", sa.String(length=63), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("picture_id", name=op.f("pk_evidence_picture")),
    )
    op.create_index(
        "ix_evidence_picture_camera_id_picture_id", "evidence_picture", ["camera_id", "picture_id"], unique=False
    )
    op.create_table(
        "heartbeat",
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("beat_at", UtcInstant(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("part", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "movement",
        sa.Column("movement_id", RowId, autoincrement=True, nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", UtcInstant(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("movement_id", name=op.f("pk_movement")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_movement_idempotency_key")),
    )
    op.create_index("ix_movement_sku_occurred_at", "movement", ["sku", "occurred_at"], unique=False)
    op.create_table(
        "node_latest",
        sa.Column("node_id", sa.String(length=63), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_since_at", UtcInstant(), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("clock_offset_s", sa.Float(), nullable=False),
        sa.Column("status", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("node_id", name=op.f("pk_node_latest")),
    )
    op.create_table(
        "product",
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("sku", name=op.f("pk_product")),
    )
    op.create_table(
        "report",
        sa.Column("report_id", RowId, autoincrement=True, nullable=False),
        sa.Column("node_id", sa.String(length=63), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("captured_at", UtcInstant(), nullable=False),
        sa.Column("looked_at", UtcInstant(), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("monotonic_s", sa.Float(), nullable=False),
        sa.Column("model_id", sa.String(length=80), nullable=False),
        sa.Column("calibration_id", sa.String(length=20), nullable=True),
        sa.Column("view", sa.String(length=16), nullable=False),
        sa.Column("view_reason", sa.String(length=24), nullable=True),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_report")),
        sa.UniqueConstraint("node_id", "boot_id", "sequence", name=op.f("uq_report_node_id_boot_id_sequence")),
    )
    op.create_index("ix_report_camera_id_looked_at", "report", ["camera_id", "looked_at"], unique=False)
    op.create_table(
        "suspicion",
        sa.Column("place_kind", sa.String(length=16), nullable=False),
        sa.Column("place_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("since_at", UtcInstant(), nullable=False),
        sa.Column("clear_since_at", UtcInstant(), nullable=True),
        sa.Column("frozen_at", UtcInstant(), nullable=True),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("place_kind", "place_id", "kind", name=op.f("pk_suspicion")),
    )
    op.create_table(
        "zone_latest",
        sa.Column("zone_id", sa.String(length=63), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("node_id", sa.String(length=63), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=False),
        sa.Column("monotonic_s", sa.Float(), nullable=False),
        sa.Column("report_id", RowId, nullable=False),
        sa.Column("captured_at", UtcInstant(), nullable=False),
        sa.Column("looked_at", UtcInstant(), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("calibration_id", sa.String(length=20), nullable=True),
        sa.Column("model_id", sa.String(length=80), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("facings_mode_count", sa.Integer(), nullable=True),
        sa.Column("facings_mean_count", sa.Float(), nullable=True),
        sa.Column("facings", sa.JSON(), nullable=True),
        sa.Column("gap_facings", sa.Float(), nullable=False),
        sa.Column("defects", sa.JSON(), nullable=False),
        sa.Column("occluded_fraction", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("zone_id", name=op.f("pk_zone_latest")),
    )
    op.create_index(op.f("ix_zone_latest_camera_id"), "zone_latest", ["camera_id"], unique=False)
    op.create_table(
        "zone_watch",
        sa.Column("zone_id", sa.String(length=63), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("looked_at", UtcInstant(), nullable=False),
        sa.Column("empty_since_at", UtcInstant(), nullable=True),
        sa.Column("low_since_at", UtcInstant(), nullable=True),
        sa.Column("restocked_at", UtcInstant(), nullable=True),
        sa.PrimaryKeyConstraint("zone_id", name=op.f("pk_zone_watch")),
    )
    op.create_table(
        "alert_event",
        sa.Column("event_id", RowId, autoincrement=True, nullable=False),
        sa.Column("alert_id", sa.String(length=32), nullable=False),
        sa.Column("change", sa.String(length=16), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.alert_id"], name=op.f("fk_alert_event_alert_id_alert")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_alert_event")),
    )
    op.create_index(op.f("ix_alert_event_alert_id"), "alert_event", ["alert_id"], unique=False)
    op.create_table(
        "camera",
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("calibration_id", sa.String(length=20), nullable=False),
        sa.Column("bay_id", sa.String(length=63), nullable=False),
        sa.Column("bay_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calibration_id"], ["calibration.calibration_id"], name=op.f("fk_camera_calibration_id_calibration")
        ),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_camera")),
    )
    op.create_table(
        "zone_count",
        sa.Column("report_id", RowId, nullable=False),
        sa.Column("zone_id", sa.String(length=63), nullable=False),
        sa.Column("looked_at", UtcInstant(), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("facings_mode_count", sa.Integer(), nullable=True),
        sa.Column("facings_mean_count", sa.Float(), nullable=True),
        sa.Column("facings", sa.JSON(), nullable=True),
        sa.Column("gap_facings", sa.Float(), nullable=False),
        sa.Column("defects", sa.JSON(), nullable=False),
        sa.Column("occluded_fraction", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.report_id"], name=op.f("fk_zone_count_report_id_report")),
        sa.PrimaryKeyConstraint("report_id", "zone_id", name=op.f("pk_zone_count")),
    )
    op.create_index("ix_zone_count_zone_id_looked_at", "zone_count", ["zone_id", "looked_at"], unique=False)
    op.create_table(
        "notice",
        sa.Column("notice_id", RowId, autoincrement=True, nullable=False),
        sa.Column("event_id", RowId, nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts_count", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcInstant(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("sent_at", UtcInstant(), nullable=True),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["alert_event.event_id"], name=op.f("fk_notice_event_id_alert_event")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notice")),
        sa.UniqueConstraint("event_id", "recipient", name=op.f("uq_notice_event_id_recipient")),
    )
    op.create_index("ix_notice_state_next_attempt_at", "notice", ["state", "next_attempt_at"], unique=False)
    op.create_table(
        "zone",
        sa.Column("zone_id", sa.String(length=63), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("bay_id", sa.String(length=63), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("product_name", sa.Text(), nullable=False),
        sa.Column("expected_facings_count", sa.Integer(), nullable=False),
        sa.Column("minimum_facings_count", sa.Integer(), nullable=False),
        sa.Column("depth_units_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.camera_id"], name=op.f("fk_zone_camera_id_camera")),
        sa.PrimaryKeyConstraint("zone_id", name=op.f("pk_zone")),
    )
    op.create_index(op.f("ix_zone_camera_id"), "zone", ["camera_id"], unique=False)
    op.create_index(op.f("ix_zone_sku"), "zone", ["sku"], unique=False)


def downgrade() -> None:
    """Refuse: a ledger is not thrown away by a schema tool."""
    raise NotImplementedError("drop the database by hand if you mean it")
