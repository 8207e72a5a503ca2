# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much of each SKU people want in each hour of a day.

The shapes over hours and weekdays and the scatter from day to day are those of FreshRetailNet-50K (Dingdong-Inc,
CC BY 4.0), counted over its hours without a stock-out; see docs/virtual-store.md.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

from simulator.store.luck import luck
from simulator.store.plan import StorePlan
from simulator.store.trade import DemandPlan, Pattern

HOUR_SHAPE = (
    0.22, 0.12, 0.07, 0.05, 0.06, 0.23, 0.67, 1.29, 1.99, 2.30, 2.18, 1.61,
    1.26, 1.18, 1.41, 1.87, 2.09, 1.63, 1.12, 0.91, 0.80, 0.48, 0.29, 0.17,
)  # fmt: skip
"""Demand of each hour of the day; 1 is the mean of 24 hours."""
_NOON = 12
_EVENING = 16
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class DayDemand:
    """One open day. `buys` (24, SKUs): mean number of shoppers who want the SKU, by hour of the clock."""

    opens_at: datetime
    closes_at: datetime
    skus: tuple[str, ...]
    buys: npt.NDArray[np.float64]

    def hours(self) -> list[tuple[datetime, datetime, npt.NDArray[np.float64]]]:
        """(from, until, buys) of each hour or part of one that is open."""
        midnight = self.opens_at.replace(hour=0, minute=0, second=0, microsecond=0)
        spans = []
        for hour in range(24):
            from_at = max(self.opens_at, midnight + timedelta(hours=hour))
            until_at = min(self.closes_at, midnight + timedelta(hours=hour + 1))
            if from_at < until_at:
                spans.append((from_at, until_at, self.buys[hour]))
        return spans


class Demand:
    """The wishes of everybody who may come."""

    def __init__(self, plan: StorePlan, seed: int) -> None:
        self._plan = plan
        self._seed = seed
        stated = {demand.sku: demand for demand in plan.demand}
        skus = dict.fromkeys(zone.sku for _, zone in plan.zones())
        self.of_sku = {sku: stated.get(sku, DemandPlan(sku=sku)) for sku in skus}

    def on(self, day: date) -> DayDemand | None:
        """The demand of a day; None when the shop is closed."""
        span = self._plan.open_span(day)
        if span is None:
            return None
        open_fraction = _open_fractions(*span)
        habits = self._plan.habits.shoppers
        factor = habits.demand_factor * habits.weekday_factors[day.weekday()]
        columns = []
        for sku, demand in self.of_sku.items():
            mean_buys = demand.per_day / demand.units_per_buy * factor * self._promotion(sku, day)
            mood = luck(self._seed, "mood", day, sku).gamma(demand.day_shape) / demand.day_shape
            columns.append(mean_buys * mood * _shape(demand.pattern, day, open_fraction))
        return DayDemand(*span, tuple(self.of_sku), np.stack(columns, axis=1))

    def _promotion(self, sku: str, day: date) -> float:
        factor = 1.0
        for promotion in self._plan.promotions:
            if promotion.sku == sku and promotion.from_on <= day <= promotion.until_on:
                factor *= promotion.factor
        return factor


def _open_fractions(opens_at: datetime, closes_at: datetime) -> npt.NDArray[np.float64]:
    midnight = opens_at.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    opens_h = (opens_at - midnight) / timedelta(hours=1)
    closes_h = (closes_at - midnight) / timedelta(hours=1)
    hours = np.arange(24)
    fractions: npt.NDArray[np.float64] = np.clip(np.minimum(hours + 1, closes_h) - np.maximum(hours, opens_h), 0.0, 1.0)
    return fractions


def _shape(pattern: Pattern, day: date, open_fraction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of an average day's demand by hour; sums to 1, but for the weekend pattern."""
    hours = np.arange(24)
    shape = np.array(HOUR_SHAPE) * open_fraction
    level = 1.0
    match pattern:
        case "morning":
            shape = shape * np.where(hours < _NOON, 1.6, 0.6)
        case "evening":
            shape = shape * np.where(hours >= _EVENING, 2.0, 0.7)
        case "weekend":
            level = 1.75 if day.weekday() >= _SATURDAY else 0.7
        case _:
            pass
    shares: npt.NDArray[np.float64] = shape / shape.sum() * level
    return shares
