# SPDX-License-Identifier: AGPL-3.0-or-later
"""How people behave in a store: `[habits]` of a store file, which a scenario may override field by field.

Every default describes a calm and honest shop: nobody steals, nothing breaks, every delivery and every scan is right,
and staff come when they should. docs/virtual-store.md says where the figures of a less honest shop come from.
"""

from datetime import time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[float, Field(ge=0, le=10_000)]
WeekdayFactors = Annotated[tuple[Count, ...], Field(min_length=7, max_length=7)]
Minutes = Annotated[float, Field(gt=0, le=10_000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShopperHabits(_Part):
    """Who comes and what they do before a shelf."""

    demand_factor: Count = 1.0
    """Multiplies the demand of every SKU, and with it the number of shoppers."""
    weekday_factors: WeekdayFactors = (0.96, 0.98, 0.91, 0.87, 0.92, 1.16, 1.20)
    """Monday to Sunday; 1 is an average day."""
    basket_lines: Annotated[float, Field(ge=1, le=100)] = 2.2
    """Mean number of different products that a shopper wants from these bays."""
    browsers_fraction: Annotated[float, Field(ge=0, le=0.95)] = 0.15
    """Of those who come, who look at one bay and want nothing. They come on top of those who want something."""
    dwell_s: Annotated[float, Field(ge=1, le=3600)] = 18.0
    """Median time before a bay; a few stay for minutes."""
    walk_s: Annotated[float, Field(ge=1, le=3600)] = 40.0
    """Median time from one bay to the next."""
    till_min: Minutes = 5.0
    """Median time from the last pick to the till."""
    behind_fraction: Fraction = 0.08
    """Of picks, taken from behind the front pack."""
    substitute_fraction: Fraction = 0.45
    """Of those who find none, who take a neighbouring product instead; the others leave without."""
    put_back_fraction: Fraction = 0.0
    """Of picked units, put back before the till."""
    wrong_zone_fraction: Fraction = 0.7
    """Of units put back, put where they do not belong."""
    takes_damaged_fraction: Fraction = 0.1
    """Of those who find damaged packs only, who take one all the same."""
    trolleys_per_day: Count = 0.0
    """Left standing before a bay."""
    trolley_min: Minutes = 4.0
    """Median time that one stands there."""


class LossHabits(_Part):
    """What leaves or spoils without a line in the books."""

    thefts_per_day: Count = 0.0
    """Single units, anywhere in the shop."""
    sweeps_per_week: Count = 0.0
    """Somebody empties most of a zone at once."""
    sweep_fraction: Fraction = 0.9
    """Of the zone's units, taken in a sweep."""
    breakages_per_day: Count = 0.0
    """Units dropped and gone, booked by nobody."""
    damages_per_day: Count = 0.0
    """Packs left on the shelf dented, torn, crushed, leaking or without a label."""
    untidy_per_day: Count = 0.0
    """Packs left toppled or back to front."""


class TillHabits(_Part):
    """How the till errs."""

    misscan_fraction: Fraction = 0.0
    """Of units, scanned as the twin beside them: the books' total is right, two SKUs are wrong."""
    key_error_fraction: Fraction = 0.0
    """Of lines with several units, keyed with one more or one less."""


class SupplyHabits(_Part):
    """How deliveries and their papers err. Fractions are of delivered lines, one SKU each."""

    orders: bool = True
    """Whether suppliers come at all."""
    short_fraction: Fraction = 0.0
    """Fewer units arrive than are booked."""
    short_units_fraction: Fraction = 0.3
    """Of the ordered units, missing in a short line (at least one)."""
    wrong_count_fraction: Fraction = 0.0
    """Another number is booked than arrived, one case more or less."""
    wrong_sku_fraction: Fraction = 0.0
    """Booked as the twin of what arrived."""
    unbooked_fraction: Fraction = 0.0
    """Never booked."""
    late_fraction: Fraction = 0.0
    """Booked hours late."""
    late_h: Annotated[float, Field(gt=0, le=1000)] = 9.0
    """Median lateness of what is booked late."""
    booking_min: Minutes = 20.0
    """From arrival to the books, when all goes well."""


class StaffHabits(_Part):
    """How staff work."""

    people: Annotated[int, Field(ge=1, le=100)] = 1
    """Each looks after an equal share of the bays."""
    round_every_min: Minutes = 45.0
    lateness_min: Annotated[float, Field(ge=0, le=1000)] = 8.0
    """Mean delay of a round."""
    skips_fraction: Fraction = 0.0
    """Of rounds, not made at all."""
    overlooks_fraction: Fraction = 0.0
    """Of zones that need filling, passed over."""
    refill_below_fraction: Fraction = 0.5
    """A zone with less than this share of its units is filled; one below its minimum facings always is."""
    fetch_min: Minutes = 6.0
    """Median time to the back room and back."""
    face_up_fraction: Fraction = 0.7
    """Of bays passed on a round, packs pulled to the front and set upright."""
    overfill_fraction: Fraction = 0.0
    """Of fillings, what does not fit is pushed into an empty facing of a neighbour."""
    wrong_zone_fraction: Fraction = 0.0
    """Of fillings, stood in the neighbouring zone."""
    tidy_fraction: Fraction = 0.6
    """Of misplaced packs met on a round, carried to where they belong."""
    clear_fraction: Fraction = 0.7
    """Of damaged packs met on a round, taken off the shelf as waste."""
    forgets_waste_fraction: Fraction = 0.0
    """Of wasted packs, never booked."""
    night_fill: bool = False
    """All zones are filled and faced up before opening."""
    night_fill_at: time = time(6, 0)
    corrects_fraction: Fraction = 0.0
    """Of zones found empty on a round with none in the back, whose books are set right there and then."""
    counts_per_night: Annotated[int, Field(ge=0, le=100_000)] = 0
    """SKUs counted by hand after closing; the books are set to what was counted."""
    count_error_fraction: Fraction = 0.0
    """Of hand counts, wrong by one to three units."""


class Habits(_Part):
    """All of it."""

    shoppers: ShopperHabits = ShopperHabits()
    losses: LossHabits = LossHabits()
    till: TillHabits = TillHabits()
    supply: SupplyHabits = SupplyHabits()
    staff: StaffHabits = StaffHabits()
