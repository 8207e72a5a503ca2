# SPDX-License-Identifier: AGPL-3.0-or-later
"""What happened, with what was true from then on; and the log of all of it for a run's record."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from simulator.scoring.record import SkuTruth, ZoneTruth
from simulator.store.world import World


class Deed(StrEnum):
    """What can happen in a store."""

    SELL = "sell"
    """Taken and paid in one."""
    PICK = "pick"
    PAY = "pay"
    PUT_BACK = "put_back"
    LOST_SALE = "lost_sale"
    """Somebody wanted what was not there."""
    STEAL = "steal"
    BREAK = "break"
    DAMAGE = "damage"
    MISPLACE = "misplace"
    DELIVER = "deliver"
    BOOK = "book"
    RESTOCK = "restock"
    FACE_UP = "face_up"
    TIDY = "tidy"
    WASTE = "waste"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened, and what it made true."""

    at: datetime
    what: Deed
    words: str
    """For a person."""
    zone_ids: tuple[str, ...] = ()
    """Zones in which something moved or looks different."""
    skus: tuple[str, ...] = ()
    """Whose stock or books changed."""
    zone_truths: tuple[ZoneTruth, ...] = ()
    sku_truths: tuple[SkuTruth, ...] = ()


class TruthLog:
    """Rows for a run's record, from the state at its making on. Each row holds until the next of its place."""

    def __init__(self, world: World, at: datetime | None = None) -> None:
        since_at = at or world.opened_at
        self.zone_truths = [world.zone_truth(zone.zone_id, since_at) for _, zone in world.plan.zones()]
        self.sku_truths = [world.sku_truth(sku, since_at) for sku in world.skus]

    def take(self, happenings: Iterable[Happening]) -> None:
        """Append what they made true; each happening is given once, in order."""
        for happening in happenings:
            self.zone_truths += happening.zone_truths
            self.sku_truths += happening.sku_truths
