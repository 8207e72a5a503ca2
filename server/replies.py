# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the API says, typed, so that `/openapi.json` is worth generating a client from. Instants are UTC."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from contract.desired import DesiredConfig


class Reply(BaseModel):
    """Base of every reply."""

    model_config = ConfigDict(frozen=True)


class ZoneNow(Reply):
    """One zone as the hub knows it now. Without `facings_count` nothing is known: it is not zero."""

    zone_id: str
    sku: str
    product_name: str
    state: Literal["seen", "unknown"]
    reason: str | None = Field(description="Why the zone is unknown; also never_seen, stale and node_lost.")
    facings_count: int | None = Field(description="Likeliest number of facings.")
    facings_mean_count: float | None
    gap_facings: float | None
    expected_facings_count: int | None = Field(description="None for a zone that is in no planogram of this hub.")
    minimum_facings_count: int | None
    depth_units_count: int | None
    missing_facings_count: int | None = Field(description="Expected minus counted, never below 0.")
    looked_at: datetime | None = Field(description="When the last look was taken, in the hub's time.")
    age_s: float | None
    on_hand_units: int | None = Field(description="What the books say; None where they say nothing.")
    books_as_of_at: datetime | None
    alert_ids: list[str]


class Shelf(Reply):
    """One camera's bay with its zones."""

    camera_id: str
    bay_id: str | None
    bay_name: str
    node_id: str | None
    node_state: str | None
    view: Literal["seen", "unknown"]
    view_reason: str | None
    looked_at: datetime | None
    age_s: float | None
    calibration_id: str | None
    picture_id: int | None = Field(description="Newest annotated picture: GET /api/v1/pictures/{picture_id}.")
    picture_at: datetime | None
    zones: list[ZoneNow]


class Shelves(Reply):
    """Every shelf, and the instant for which this holds."""

    now_at: datetime
    shelves: list[Shelf]


class ZoneLook(Reply):
    """One look at one zone, with everything needed to explain it later."""

    report_id: int
    looked_at: datetime
    captured_at: datetime
    received_at: datetime
    node_id: str
    camera_id: str
    model_id: str
    calibration_id: str | None
    sku: str
    state: str
    reason: str | None
    facings_count: int | None
    facings_mean_count: float | None
    facings: dict[str, Any] | None
    gap_facings: float
    defects: dict[str, int]
    occluded_fraction: float


class BootProgress(Reply):
    """How complete one start of a node is in the ledger."""

    node_id: str
    boot_id: str
    first_received_at: datetime
    last_received_at: datetime
    highest_sequence: int
    received_count: int
    dead_letters_count: int
    missing_count: int


class SequenceGap(Reply):
    """Sequences that never arrived, both ends included."""

    first: int
    last: int


class NodeNow(Reply):
    """A node's last word about itself."""

    node_id: str
    boot_id: str
    state: str
    state_since_at: datetime
    received_at: datetime
    clock_offset_s: float = Field(description="The hub's clock minus the node's; 0 when they agree.")
    status: dict[str, Any]
    missing_count: int = Field(description="Reports of its present boot that have not arrived.")


class CameraNow(Reply):
    """A camera's last look."""

    camera_id: str
    node_id: str
    view: str
    view_reason: str | None
    looked_at: datetime
    received_at: datetime
    calibration_id: str | None


class DeadLetterReply(Reply):
    """What arrived and could not be used."""

    dead_letter_id: int
    received_at: datetime
    topic: str
    reason: str
    payload_bytes_count: int
    payload_preview: str = Field(description="First characters; what cannot be printed is replaced.")
    node_id: str | None
    boot_id: str | None
    sequence: int | None


class BookPosition(Reply):
    """What the books say of one SKU."""

    sku: str
    name: str
    units: int
    as_of_at: datetime
    last_sale_at: datetime | None
    last_receipt_at: datetime | None
    last_adjustment_at: datetime | None
    last_count_at: datetime | None
    source: str


class ProductReply(Reply):
    """What is known of one product; null where nobody stated it."""

    sku: str
    name: str
    updated_at: datetime
    gtin: str | None = Field(description="14 digits, the last one its check digit.")
    case_pack_units: int | None
    cost: str | None = Field(description="Of one unit, exact, in the shop's currency.")
    price: str | None
    lead_time_days: int | None
    supplier: str | None
    shelf_life_days: int | None


class BooksTaken(Reply):
    """What an import did, or, in a dry run, would do."""

    new_count: int
    repeated_count: int
    products_named_count: int
    skus_count: int
    products_stated_count: int = 0
    products_repeated_count: int = 0
    dry_run: bool


class BooksFaultReply(Reply):
    """One thing wrong in one line."""

    source: str
    line: int
    field: str
    reason: str


class BooksRefused(Reply):
    """Every fault at once; nothing was written."""

    detail: str
    faults: list[BooksFaultReply]


class CalibrationTaken(Reply):
    """A calibration is in force for its camera."""

    camera_id: str
    calibration_id: str


class CameraAssigned(Reply):
    """This node, and no other, speaks for the camera."""

    camera_id: str
    node_id: str


class DesiredAsked(Reply):
    """A node was asked to run this; it says in its status what it applied."""

    desired: DesiredConfig


class PartHealth(Reply):
    """One part of the hub."""

    part: str
    ok: bool
    reason: str | None


class Health(Reply):
    """Whether the hub does its work."""

    ok: bool
    parts: list[PartHealth]


class Problem(Reply):
    """Why a request was not served."""

    detail: str
