# SPDX-License-Identifier: AGPL-3.0-or-later
"""One SKU at one instant: its zones, its books, and the answers to the questions that tell causes apart."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from server.belief import Belief, OnHand, believe, phantom_fraction
from server.discrepancy import AlertKey, Kind, PlaceKind
from server.judgement_settings import JudgeSettings, open_seconds_between
from server.sight import Sureness, ZoneSight, answered


@dataclass(frozen=True)
class SkuCase:
    """All that is known about one SKU at one instant, and what follows for the questions that tell causes apart."""

    sku: str
    sights: tuple[ZoneSight, ...]
    """Every zone of the SKU, at least one."""
    on_hand: OnHand | None
    """None where no movement ever named the SKU."""
    now: datetime
    settings: JudgeSettings
    none_found_at: datetime | None = None
    """When a person last answered that none is in the back room."""

    @cached_property
    def belief(self) -> Belief:
        """What is believed about the shelf."""
        settings = self.settings
        return believe(
            self.sights,
            self.on_hand,
            interval_fraction=settings.interval_fraction,
            sure_fraction=settings.sure_fraction,
        )

    @cached_property
    def empty(self) -> Sureness:
        """Whether not one unit can be bought. Never `yes` while a zone of the SKU is not seen."""
        if all(sight.facings is None for sight in self.sights):
            return Sureness.UNSURE
        empty = self.sureness(self.belief.empty_fraction)
        return Sureness.UNSURE if empty is Sureness.YES and not self.belief.complete else empty

    @cached_property
    def empty_since_at(self) -> datetime | None:
        """Since when every zone is empty."""
        instants = [sight.memory.empty_since_at for sight in self.sights if sight.memory]
        known = [instant for instant in instants if instant is not None]
        return max(known) if len(known) == len(self.sights) else None

    @cached_property
    def nobody_found_any(self) -> bool:
        """A person found none in the back; no delivery, refill or correction of the books has come since."""
        if self.none_found_at is None:
            return False
        later = [sight.memory.restocked_at for sight in self.sights if sight.memory]
        if self.on_hand:
            later += [self.on_hand.last_receipt_at, self.on_hand.last_adjustment_at]
        return all(instant is None or instant < self.none_found_at for instant in later)

    @cached_property
    def phantom_fraction(self) -> float:
        """P(the books' units do not exist), were the shelf empty and the books above zero."""
        return phantom_fraction(
            prior_fraction=self.settings.prior_phantom_fraction,
            waited_open_s=self.waited_open_s,
            patience_s=self.settings.patience_s,
            sold_since_empty=self.on_hand is not None and self.on_hand.sales_since_empty_count > 0,
            nobody_found_any=self.nobody_found_any,
        )

    @cached_property
    def waited_open_s(self) -> float:
        """Opening time since the last of: shelf emptied, unexplained sale, delivery, correction of the books."""
        starts = [self.empty_since_at or self.now]
        if self.on_hand:
            sold_at = self.on_hand.last_sale_at if self.on_hand.sales_since_empty_count else None
            stated = (sold_at, self.on_hand.last_receipt_at, self.on_hand.last_adjustment_at)
            starts += [instant for instant in stated if instant]
        settings = self.settings
        return open_seconds_between(max(starts), self.now, settings.opening_hours, settings.zone_info)

    def sureness(self, probability: float) -> Sureness:
        """Answer with the thresholds in force."""
        settings = self.settings
        return answered(probability, sure_fraction=settings.sure_fraction, clear_fraction=settings.clear_fraction)

    def sku_key(self, kind: Kind) -> AlertKey:
        """Key of an alert about every zone of the SKU."""
        return AlertKey(kind, PlaceKind.SKU, self.sku)
