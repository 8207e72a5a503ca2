# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can be wrong, where, how sure we are, and how a verdict about it is passed on to the alert's life."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Kind(StrEnum):
    """A cause that asks for one particular action. See docs/reconciliation.md for what tells them apart."""

    RESTOCK_FROM_BACK = "restock_from_back"
    OUT_OF_STOCK = "out_of_stock"
    PHANTOM_INVENTORY = "phantom_inventory"
    UNRECORDED_STOCK = "unrecorded_stock"
    VIEW_LOST = "view_lost"
    NODE_LOST = "node_lost"


STOCK_KINDS = frozenset({Kind.RESTOCK_FROM_BACK, Kind.OUT_OF_STOCK, Kind.PHANTOM_INVENTORY, Kind.UNRECORDED_STOCK})
"""Statements about goods. No sight never opens, changes or closes one of these."""


class PlaceKind(StrEnum):
    """What an alert is about: one zone, every zone of a SKU, a camera or a node."""

    ZONE = "zone"
    SKU = "sku"
    CAMERA = "camera"
    NODE = "node"


class Severity(StrEnum):
    """Urgent: a customer or the system itself goes without right now."""

    URGENT = "urgent"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class AlertKey:
    """At most one alert is open per key."""

    kind: Kind
    place_kind: PlaceKind
    place_id: str


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One cause at one place, with the evidence in words. Units on a shelf appear as intervals only."""

    key: AlertKey
    severity: Severity
    probability_fraction: float
    headline: str
    why: tuple[str, ...]
    sku: str | None = None
    zone_ids: tuple[str, ...] = ()
    camera_ids: tuple[str, ...] = ()
    figures: dict[str, float | int | str | None] = field(default_factory=dict)
    """For machines: the numbers behind `why`, each name with its unit."""
    open_after_s: float | None = None
    """More patience than its kind's, for what usually ends without anybody's doing; None: its kind's."""
    material: tuple[object, ...] = ()
    """What must change before an open alert is worth saying again."""


class Verdict(StrEnum):
    """What one look at all evidence says about one key."""

    PRESENT = "present"
    ABSENT = "absent"
    UNJUDGED = "unjudged"
    """Not seen well enough, or between the two thresholds: leaves everything as it is."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The verdict about one key at one instant."""

    key: AlertKey
    verdict: Verdict
    discrepancy: Discrepancy | None = None
    because: str = ""
    """Why it is absent, in words for the closed alert."""
    replaced_by: AlertKey | None = None
    """An absent cause waits for this one to open and then closes at once, so that a person never reads both."""


@dataclass(frozen=True, slots=True)
class AlertTiming:
    """How long a verdict must hold before it changes anything."""

    open_after: timedelta
    close_after: timedelta


def present(discrepancy: Discrepancy) -> Observation:
    """The cause is there."""
    return Observation(discrepancy.key, Verdict.PRESENT, discrepancy)


def absent(key: AlertKey, because: str, *, replaced_by: AlertKey | None = None) -> Observation:
    """The cause is not there."""
    return Observation(key, Verdict.ABSENT, because=because, replaced_by=replaced_by)


def unjudged(key: AlertKey) -> Observation:
    """Nothing can be said now."""
    return Observation(key, Verdict.UNJUDGED)
