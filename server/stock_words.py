# SPDX-License-Identifier: AGPL-3.0-or-later
"""Put a stock cause that has been decided into a headline, the evidence that separates it, and figures."""

from datetime import datetime

from contract.counts import FacingsDistribution
from server.discrepancy import AlertKey, Discrepancy, Severity
from server.sight import Sureness, ZoneSight
from server.sku_case import SkuCase
from server.wording import books_words, clock_words, duration_words, sold_words, units_words

_EVEN = 0.5
_LOW_FRACTION = 0.05


def restock(key: AlertKey, sight: ZoneSight, case: SkuCase) -> Discrepancy:
    """Stock is in the building and this zone lacks it."""
    on_hand, belief, facings = case.on_hand, case.belief, sight.facings
    if on_hand is None or facings is None or belief.back_units is None:
        raise ValueError(f"zone {sight.zone_id}: refilling cannot be told without a sight and books")
    empty = case.sureness(facings.probability_at_most(0)) is Sureness.YES
    memory = sight.memory
    since_at = None if memory is None else memory.empty_since_at if empty else memory.low_since_at
    since = _clock(since_at or case.now, case)
    books = books_words(on_hand.units)
    if empty:
        why = [f"{books}; the shelf has been empty since {since}."]
    else:
        standing = f"{_span(facings)} of {sight.expected_facings_count} facings"
        most = units_words(belief.hides_at_most_count)
        why = [f"{books}; the shelf has been down to {standing} since {since}, where at most {most} can stand."]
    if case.empty is Sureness.YES and on_hand.sales_since_empty_count and on_hand.last_sale_at:
        sold = sold_words(on_hand.sales_since_empty_count, _clock(on_hand.last_sale_at, case))
        why.append(f"{sold}: look in the back room.")
    else:
        why.append(f"If the books are right, {belief.back_units.words} stand elsewhere: look in the back room.")
    doubt_fraction = case.phantom_fraction if case.empty is Sureness.YES else case.settings.prior_phantom_fraction
    return Discrepancy(
        key=key,
        severity=Severity.URGENT if empty else Severity.NORMAL,
        probability_fraction=facings.probability_at_most(sight.low_below_count - 1) * (1.0 - doubt_fraction),
        headline=f"Refill {_name(sight, case)} from the back room",
        why=tuple(why),
        sku=case.sku,
        zone_ids=(sight.zone_id,),
        camera_ids=(sight.camera_id,),
        figures=_figures(case) | {"facings_mode_count": facings.mode_count, "since_at": _text(since_at)},
        material=(empty, on_hand.units, on_hand.sales_since_empty_count > 0, None if empty else _span(facings)),
    )


def empty_without_books(key: AlertKey, sight: ZoneSight, case: SkuCase) -> Discrepancy:
    """An empty shelf of a product that the books do not know."""
    since_at = sight.memory.empty_since_at if sight.memory else None
    return Discrepancy(
        key=key,
        severity=Severity.URGENT,
        probability_fraction=case.belief.empty_fraction * _EVEN,
        headline=f"Refill {_name(sight, case)}",
        why=(
            f"The shelf has been empty since {_clock(since_at or case.now, case)}.",
            f"The books do not know {case.sku}: look in the back room, and reorder if there is none.",
        ),
        sku=case.sku,
        zone_ids=(sight.zone_id,),
        camera_ids=(sight.camera_id,),
        figures=_figures(case) | {"since_at": _text(since_at)},
    )


def out_of_stock(key: AlertKey, case: SkuCase) -> Discrepancy:
    """Nothing on the shelf, nothing in the books."""
    on_hand = _books(case)
    books = books_words(on_hand)
    return _of_sku(
        key,
        case,
        severity=Severity.URGENT,
        probability_fraction=case.belief.empty_fraction * (1.0 - case.settings.prior_phantom_fraction),
        headline=f"{case.sights[0].product_name} is out of stock: reorder it",
        why=(
            f"{books}; the shelf has been empty since {_clock(case.empty_since_at or case.now, case)}.",
            "There is nothing to refill from."
            if on_hand == 0
            else "There should be nothing to refill from, and a delivery was not booked in: count it when it arrives.",
        ),
        material=(on_hand,),
    )


def phantom(key: AlertKey, case: SkuCase) -> Discrepancy:
    """The books hold stock that nobody can find."""
    on_hand = _books(case)
    why = [
        f"{books_words(on_hand)}, but the shelf has been empty since {_clock(case.empty_since_at or case.now, case)}."
    ]
    if case.nobody_found_any and case.none_found_at:
        why.append(f"Somebody looked in the back room at {_clock(case.none_found_at, case)} and found none.")
    else:
        why.append(f"In {duration_words(case.waited_open_s)} of opening time nobody refilled it and none was sold.")
    why.append("Count it once more and correct the books, or it will never be reordered.")
    return _of_sku(
        key,
        case,
        severity=Severity.NORMAL,
        probability_fraction=case.belief.empty_fraction * case.phantom_fraction,
        headline=f"The books hold {case.sights[0].product_name} that is not there",
        why=tuple(why),
        material=(on_hand, case.nobody_found_any),
    )


def unrecorded(key: AlertKey, case: SkuCase, more_fraction: float) -> Discrepancy:
    """The shelf shows more than the books hold."""
    on_hand = _books(case)
    seen_count = case.belief.at_least_count(case.settings.certain_fraction)
    return _of_sku(
        key,
        case,
        severity=Severity.NORMAL,
        probability_fraction=more_fraction,
        headline=f"More {case.sights[0].product_name} on the shelf than in the books",
        why=(
            f"{books_words(on_hand)}, but at least {units_words(seen_count)} can be seen on the shelf.",
            "A delivery or a return was not booked in, or another product stands in its place: look, then correct.",
        ),
        material=(on_hand,),
    )


def _of_sku(
    key: AlertKey,
    case: SkuCase,
    *,
    severity: Severity,
    probability_fraction: float,
    headline: str,
    why: tuple[str, ...],
    material: tuple[object, ...],
) -> Discrepancy:
    return Discrepancy(
        key=key,
        severity=severity,
        probability_fraction=probability_fraction,
        headline=headline,
        why=why,
        sku=case.sku,
        zone_ids=tuple(sight.zone_id for sight in case.sights),
        camera_ids=tuple(dict.fromkeys(sight.camera_id for sight in case.sights)),
        figures=_figures(case) | {"since_at": _text(case.empty_since_at)},
        material=material,
    )


def _figures(case: SkuCase) -> dict[str, float | int | str | None]:
    belief, on_hand = case.belief, case.on_hand
    figures: dict[str, float | int | str | None] = {
        "shelf_units_low_count": belief.shelf_units.low_count,
        "shelf_units_high_count": belief.shelf_units.high_count,
        "shelf_empty_fraction": round(belief.empty_fraction, 3),
    }
    if on_hand is not None and belief.back_units is not None:
        figures |= {
            "book_units": on_hand.units,
            "book_as_of_at": _text(on_hand.as_of),
            "back_units_low_count": belief.back_units.low_count,
            "back_units_high_count": belief.back_units.high_count,
        }
        if case.empty is Sureness.YES and on_hand.units > 0:
            figures["phantom_fraction"] = round(case.phantom_fraction, 3)
    return figures


def _books(case: SkuCase) -> int:
    if case.on_hand is None:
        raise ValueError(f"SKU {case.sku}: this cause cannot be told without books")
    return case.on_hand.units


def _name(sight: ZoneSight, case: SkuCase) -> str:
    """The product, with its zone where it has more than one."""
    return sight.product_name if len(case.sights) == 1 else f"{sight.product_name} ({sight.zone_id})"


def _clock(instant: datetime, case: SkuCase) -> str:
    return clock_words(instant, case.now, case.settings.zone_info)


def _span(facings: FacingsDistribution) -> str:
    """The facings that stand there as far as the camera can tell: `1`, `0 to 2`."""
    low_count, high_count = facings.quantile_count(_LOW_FRACTION), facings.quantile_count(1.0 - _LOW_FRACTION)
    return str(low_count) if low_count == high_count else f"{low_count} to {high_count}"


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
