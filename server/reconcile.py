# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tell the causes of one SKU's trouble apart: what its zones show against what the books say.

Every cause gets a verdict at every look. A zone that is not seen leaves what rests on it `unjudged`.
"""

from datetime import timedelta

from server import stock_words
from server.discrepancy import AlertKey, Kind, Observation, PlaceKind, absent, present, unjudged
from server.sight import Sureness, ZoneSight
from server.sku_case import SkuCase

_EVEN = 0.5


def judge_sku(case: SkuCase) -> list[Observation]:
    """One verdict per stock cause: refilling per zone, the others per SKU."""
    restock = [_judge_restock(case, sight) for sight in case.sights]
    return [*restock, _judge_out_of_stock(case), _judge_phantom(case), _judge_unrecorded(case)]


def restock_key(zone_id: str) -> AlertKey:
    """Key of the alert that sends somebody to refill one zone."""
    return AlertKey(Kind.RESTOCK_FROM_BACK, PlaceKind.ZONE, zone_id)


def _judge_restock(case: SkuCase, sight: ZoneSight) -> Observation:
    key = restock_key(sight.zone_id)
    if sight.facings is None:
        return unjudged(key)
    if case.on_hand is None:
        return _judge_empty_without_books(case, sight)
    if case.sureness(sight.facings.probability_at_most(sight.full_again_count - 1)) is Sureness.NO:
        return absent(key, "the shelf is full again")
    if case.on_hand.units <= case.belief.hides_at_most_count:
        return _judge_none_left(case, key)
    low = case.sureness(sight.facings.probability_at_most(sight.low_below_count - 1))
    if low is not Sureness.YES or _may_be_in_baskets(case, sight):
        return unjudged(key)
    return _judge_findable(case, sight)


def _judge_findable(case: SkuCase, sight: ZoneSight) -> Observation:
    """The zone is low and the books hold more than the shelf can: is it really in the back?"""
    key = restock_key(sight.zone_id)
    if case.empty is Sureness.YES and case.phantom_fraction >= _EVEN:
        return absent(key, "nothing seems to be left in the back", replaced_by=case.sku_key(Kind.PHANTOM_INVENTORY))
    if case.empty is not Sureness.YES and case.nobody_found_any:
        return absent(key, "somebody looked and found none in the back room")
    return present(stock_words.restock(key, sight, case))


def _judge_none_left(case: SkuCase, key: AlertKey) -> Observation:
    """The books hold no more than what may stand on the shelf."""
    if not case.belief.complete or case.empty is Sureness.UNSURE:
        return unjudged(key)
    if case.empty is Sureness.YES:
        return absent(key, "the books say that none is left", replaced_by=case.sku_key(Kind.OUT_OF_STOCK))
    return absent(key, "the books leave none for the back room")


def _judge_empty_without_books(case: SkuCase, sight: ZoneSight) -> Observation:
    key = restock_key(sight.zone_id)
    match case.empty:
        case Sureness.YES:
            return present(stock_words.empty_without_books(key, sight, case))
        case Sureness.NO:
            return absent(key, "the shelf has stock again")
        case Sureness.UNSURE:
            return unjudged(key)


def _may_be_in_baskets(case: SkuCase, sight: ZoneSight) -> bool:
    """Whether the few units of the books may be on their way to the till."""
    if case.on_hand is None or case.on_hand.units > case.settings.basket_units_count or sight.memory is None:
        return False
    low_since_at = sight.memory.low_since_at or case.now
    return case.now - low_since_at < timedelta(seconds=case.settings.basket_lag_s)


def _judge_out_of_stock(case: SkuCase) -> Observation:
    key = case.sku_key(Kind.OUT_OF_STOCK)
    if case.empty is Sureness.NO:
        return absent(key, "the shelf has stock again")
    if case.empty is Sureness.UNSURE or case.on_hand is None:
        return unjudged(key)
    if case.on_hand.units > 0:
        return absent(key, "the books have stock again", replaced_by=_cause_with_books(case))
    return present(stock_words.out_of_stock(key, case))


def _judge_phantom(case: SkuCase) -> Observation:
    key = case.sku_key(Kind.PHANTOM_INVENTORY)
    if case.empty is Sureness.NO:
        return absent(key, "the shelf has stock again")
    if case.empty is Sureness.UNSURE or case.on_hand is None:
        return unjudged(key)
    if case.on_hand.units <= 0:
        return absent(key, "the books were corrected", replaced_by=case.sku_key(Kind.OUT_OF_STOCK))
    if case.phantom_fraction < _EVEN:
        return absent(key, "there is stock to be found after all", replaced_by=_cause_with_books(case))
    return present(stock_words.phantom(key, case))


def _cause_with_books(case: SkuCase) -> AlertKey:
    """What an empty shelf means while the books are above zero."""
    if case.phantom_fraction >= _EVEN:
        return case.sku_key(Kind.PHANTOM_INVENTORY)
    return restock_key(case.sights[0].zone_id)


def _judge_unrecorded(case: SkuCase) -> Observation:
    key = case.sku_key(Kind.UNRECORDED_STOCK)
    if case.on_hand is None or all(sight.facings is None for sight in case.sights):
        return unjudged(key)
    more_fraction = case.belief.more_than_fraction(max(0, case.on_hand.units))
    if more_fraction >= case.settings.certain_fraction:
        return present(stock_words.unrecorded(key, case, more_fraction))
    if case.belief.complete and more_fraction < case.settings.clear_fraction:
        return absent(key, "the books cover what the shelf shows")
    return unjudged(key)
