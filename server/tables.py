# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every table of the hub. What the hub learns is appended; `*_latest` and `*_progress` are derived and can be rebuilt.

Instants are aware UTC. `captured_at` is what a node's clock said and may be nonsense; `looked_at` is the same instant
in the hub's time (see `server/instants.py`) and is what decides.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RowId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only for a column declared INTEGER."""


class UtcInstant(TypeDecorator[datetime]):
    """An aware UTC datetime on every database; SQLite, which knows no time zone, gets it back as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime before it can be stored as some local time."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: the hub stores aware UTC instants only")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give back an aware UTC datetime."""
        del dialect
        if value is None:
            return None
        instant: datetime = value
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


# --- what the cameras say -------------------------------------------------------------------------------------------

report = Table(
    "report",
    metadata,
    Column("report_id", RowId, primary_key=True, autoincrement=True),
    Column("node_id", String(63), nullable=False),
    Column("boot_id", String(32), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("camera_id", String(63), nullable=False),
    Column("captured_at", UtcInstant, nullable=False),
    Column("looked_at", UtcInstant, nullable=False),
    Column("received_at", UtcInstant, nullable=False),
    Column("monotonic_s", Float, nullable=False),
    Column("model_id", String(80), nullable=False),
    Column("calibration_id", String(20)),
    Column("view", String(16), nullable=False),
    Column("view_reason", String(24)),
    UniqueConstraint("node_id", "boot_id", "sequence"),
    Index("ix_report_camera_id_looked_at", "camera_id", "looked_at"),
)

zone_count = Table(
    "zone_count",
    metadata,
    Column("report_id", RowId, ForeignKey("report.report_id"), primary_key=True),
    Column("zone_id", String(63), primary_key=True),
    Column("looked_at", UtcInstant, nullable=False),
    Column("sku", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(24)),
    Column("facings_mode_count", Integer),
    Column("facings_mean_count", Float),
    Column("facings", JSON),
    Column("gap_facings", Float, nullable=False),
    Column("defects", JSON, nullable=False),
    Column("occluded_fraction", Float, nullable=False),
    Index("ix_zone_count_zone_id_looked_at", "zone_id", "looked_at"),
)

zone_latest = Table(
    "zone_latest",
    metadata,
    Column("zone_id", String(63), primary_key=True),
    Column("camera_id", String(63), nullable=False, index=True),
    Column("node_id", String(63), nullable=False),
    Column("boot_id", String(32), nullable=False),
    Column("monotonic_s", Float, nullable=False),
    Column("report_id", RowId, nullable=False),
    Column("captured_at", UtcInstant, nullable=False),
    Column("looked_at", UtcInstant, nullable=False),
    Column("received_at", UtcInstant, nullable=False),
    Column("calibration_id", String(20)),
    Column("model_id", String(80), nullable=False),
    Column("sku", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(24)),
    Column("facings_mode_count", Integer),
    Column("facings_mean_count", Float),
    Column("facings", JSON),
    Column("gap_facings", Float, nullable=False),
    Column("defects", JSON, nullable=False),
    Column("occluded_fraction", Float, nullable=False),
)

camera_latest = Table(
    "camera_latest",
    metadata,
    Column("camera_id", String(63), primary_key=True),
    Column("node_id", String(63), nullable=False),
    Column("boot_id", String(32), nullable=False),
    Column("monotonic_s", Float, nullable=False),
    Column("report_id", RowId, nullable=False),
    Column("captured_at", UtcInstant, nullable=False),
    Column("looked_at", UtcInstant, nullable=False),
    Column("received_at", UtcInstant, nullable=False),
    Column("view", String(16), nullable=False),
    Column("view_reason", String(24)),
    Column("calibration_id", String(20)),
)

camera_node = Table(
    "camera_node",
    metadata,
    Column("camera_id", String(63), primary_key=True),
    Column("node_id", String(63), nullable=False),  # the only one whose word about this camera counts
    Column("since_at", UtcInstant, nullable=False),
)

boot_progress = Table(
    "boot_progress",
    metadata,
    Column("node_id", String(63), primary_key=True),
    Column("boot_id", String(32), primary_key=True),
    Column("first_received_at", UtcInstant, nullable=False),
    Column("last_received_at", UtcInstant, nullable=False),
    Column("announced_at", UtcInstant),  # when the node first said it was online with this boot: orders boots
    Column("highest_sequence", BigInteger, nullable=False),
    Column("received_count", BigInteger, nullable=False),
    # highest_sequence - received_count reports are missing so far
)

node_latest = Table(
    "node_latest",
    metadata,
    Column("node_id", String(63), primary_key=True),
    Column("boot_id", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_since_at", UtcInstant, nullable=False),
    Column("received_at", UtcInstant, nullable=False),
    Column("clock_offset_s", Float, nullable=False),  # hub's clock minus the node's, from its last live status
    Column("status", JSON, nullable=False),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("dead_letter_id", RowId, primary_key=True, autoincrement=True),
    Column("received_at", UtcInstant, nullable=False),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload_bytes_count", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # cut to a bound; payload_bytes_count is the true length
    Column("node_id", String(63)),
    Column("boot_id", String(32)),
    Column("sequence", BigInteger),
    UniqueConstraint("node_id", "boot_id", "sequence"),  # repeated until settled, kept once
)

evidence_picture = Table(
    "evidence_picture",
    metadata,
    Column("picture_id", RowId, primary_key=True, autoincrement=True),
    Column("camera_id", String(63), nullable=False),
    Column("node_id", String(63), nullable=False),
    Column("received_at", UtcInstant, nullable=False),
    Column("jpeg", LargeBinary, nullable=False),
    Index("ix_evidence_picture_camera_id_picture_id", "camera_id", "picture_id"),
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("part", String(16), primary_key=True),  # ingest, judge, notices, books
    Column("beat_at", UtcInstant, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("detail", JSON, nullable=False),
)

# --- where things should be -----------------------------------------------------------------------------------------

calibration = Table(
    "calibration",
    metadata,
    Column("calibration_id", String(20), primary_key=True),
    Column("camera_id", String(63), nullable=False, index=True),
    Column("document", Text, nullable=False),
    Column("imported_at", UtcInstant, nullable=False),
)

camera = Table(
    "camera",
    metadata,
    Column("camera_id", String(63), primary_key=True),
    Column("calibration_id", String(20), ForeignKey("calibration.calibration_id"), nullable=False),
    Column("bay_id", String(63), nullable=False),
    Column("bay_name", Text, nullable=False),
)

zone = Table(
    "zone",
    metadata,
    Column("zone_id", String(63), primary_key=True),
    Column("camera_id", String(63), ForeignKey("camera.camera_id"), nullable=False, index=True),
    Column("bay_id", String(63), nullable=False),
    Column("ordinal", Integer, nullable=False),  # place in the calibration document
    Column("sku", String(64), nullable=False, index=True),
    Column("product_name", Text, nullable=False),
    Column("expected_facings_count", Integer, nullable=False),
    Column("minimum_facings_count", Integer, nullable=False),
    Column("depth_units_count", Integer, nullable=False),
)

desired_config = Table(
    "desired_config",
    metadata,
    Column("node_id", String(63), primary_key=True),
    Column("config_version", Integer, primary_key=True),
    Column("document", Text, nullable=False),
    Column("created_at", UtcInstant, nullable=False),
)

# --- what the books say ---------------------------------------------------------------------------------------------

product = Table(
    "product",
    metadata,
    Column("sku", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("updated_at", UtcInstant, nullable=False),
    # each the newest that was stated, see product_statement; null where nobody stated any
    Column("gtin", String(14), index=True),
    Column("case_pack_units", Integer),
    Column("cost_micros", BigInteger),  # millionths of the shop's currency for one unit
    Column("price_micros", BigInteger),
    Column("lead_time_days", Integer),
    Column("supplier", Text),
    Column("shelf_life_days", Integer),
)

product_statement = Table(
    "product_statement",
    metadata,
    Column("statement_id", RowId, primary_key=True, autoincrement=True),
    Column("sku", String(64), nullable=False),
    Column("as_of_at", UtcInstant, nullable=False),  # of two statements about a field the newer holds
    Column("name", Text),
    Column("gtin", String(14)),
    Column("case_pack_units", Integer),
    Column("cost_micros", BigInteger),
    Column("price_micros", BigInteger),
    Column("lead_time_days", Integer),
    Column("supplier", Text),
    Column("shelf_life_days", Integer),
    Column("recorded_at", UtcInstant, nullable=False),
    Column("source", Text, nullable=False),
    Column("idempotency_key", String(200), nullable=False, unique=True),
    Index("ix_product_statement_sku_as_of_at", "sku", "as_of_at"),
)

movement = Table(
    "movement",
    metadata,
    Column("movement_id", RowId, primary_key=True, autoincrement=True),
    Column("sku", String(64), nullable=False),
    Column("kind", String(24), nullable=False),  # see server.book_lines.MovementKind
    Column("units", BigInteger, nullable=False),  # signed: what it adds to on-hand; 0 for a hand count
    Column("occurred_at", UtcInstant, nullable=False),
    Column("recorded_at", UtcInstant, nullable=False),
    Column("source", Text, nullable=False),
    Column("idempotency_key", String(200), nullable=False, unique=True),
    Column("counted_units", BigInteger),  # what a hand count found
    Column("reference", Text),  # as its source wrote it
    Index("ix_movement_sku_occurred_at", "sku", "occurred_at"),
)

day_sales = Table(
    "day_sales",
    metadata,
    Column("sku", String(64), primary_key=True),
    Column("day", Date, primary_key=True),  # in the shop's calendar
    Column("units", BigInteger, nullable=False),  # as one movement in the ledger; none where it is 0
    Column("hourly_units", Text),  # 24 numbers with blanks between, of hours 0 to 23
    Column("recorded_at", UtcInstant, nullable=False),
    Column("source", Text, nullable=False),
)

book_latest = Table(
    "book_latest",
    metadata,
    Column("sku", String(64), primary_key=True),
    Column("units", BigInteger, nullable=False),  # see server.on_hand
    Column("as_of_at", UtcInstant, nullable=False),  # latest occurred_at
    Column("last_sale_at", UtcInstant),
    Column("last_receipt_at", UtcInstant),  # receipts, opening stock and what came from another place
    Column("last_adjustment_at", UtcInstant),  # adjustments and hand counts
    Column("last_count_at", UtcInstant),
    Column("source", Text, nullable=False),  # of the latest movement
)

# --- what is wrong, and who was told --------------------------------------------------------------------------------

zone_watch = Table(
    "zone_watch",
    metadata,
    Column("zone_id", String(63), primary_key=True),
    Column("sku", String(64), nullable=False),
    Column("looked_at", UtcInstant, nullable=False),
    Column("empty_since_at", UtcInstant),
    Column("low_since_at", UtcInstant),
    Column("restocked_at", UtcInstant),
)

suspicion = Table(
    "suspicion",
    metadata,
    Column("place_kind", String(16), primary_key=True),
    Column("place_id", String(64), primary_key=True),  # a zone, camera or node, or a SKU of the whole shop
    Column("kind", String(32), primary_key=True),
    Column("since_at", UtcInstant, nullable=False),
    Column("clear_since_at", UtcInstant),
    Column("frozen_at", UtcInstant),
    Column("muted", Boolean, nullable=False),
    # suspected but not yet an alert, open, not yet clear for long enough to close, or muted by the answer "not true"
)

alert = Table(
    "alert",
    metadata,
    Column("alert_id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("place_kind", String(16), nullable=False),
    Column("place_id", String(64), nullable=False),
    Column("sku", String(64)),
    Column("state", String(16), nullable=False),  # open, closed
    Column("severity", String(16), nullable=False),
    Column("headline", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("opened_at", UtcInstant, nullable=False),
    Column("updated_at", UtcInstant, nullable=False),
    Column("acknowledged_at", UtcInstant),
    Column("acknowledged_by", Text),
    Column("answer", String(16)),
    Column("closed_at", UtcInstant),
    Column("closed_because", Text),
    Column("picture_id", RowId),
    # one open alert per kind and place, whatever happens to the process
    Index(
        "uq_alert_open_place",
        "kind",
        "place_kind",
        "place_id",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_alert_state_opened_at", "state", "opened_at"),
)

alert_event = Table(
    "alert_event",
    metadata,
    Column("event_id", RowId, primary_key=True, autoincrement=True),
    Column("alert_id", String(32), ForeignKey("alert.alert_id"), nullable=False, index=True),
    Column("change", String(16), nullable=False),  # opened, updated, acknowledged, closed
    Column("at", UtcInstant, nullable=False),
    Column("snapshot", JSON, nullable=False),
)

notice = Table(
    "notice",
    metadata,
    Column("notice_id", RowId, primary_key=True, autoincrement=True),
    Column("event_id", RowId, ForeignKey("alert_event.event_id"), nullable=False),
    Column("recipient", Text, nullable=False),  # the name from the configuration, never the secret URL
    Column("state", String(16), nullable=False),  # pending, sent, given_up
    Column("attempts_count", Integer, nullable=False),
    Column("next_attempt_at", UtcInstant, nullable=False),
    Column("last_error", Text),
    Column("sent_at", UtcInstant),
    Column("urgent", Boolean, nullable=False),
    UniqueConstraint("event_id", "recipient"),
    Index("ix_notice_state_next_attempt_at", "state", "next_attempt_at"),
)
