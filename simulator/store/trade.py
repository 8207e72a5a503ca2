# SPDX-License-Identifier: AGPL-3.0-or-later
"""The trade of a store: what is in stock at opening, how it sells, who brings more, and when the door is open."""

from datetime import date, time
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contract.ids import Sku

UnitsCount = Annotated[int, Field(ge=0, le=100_000)]
Pattern = Literal["even", "morning", "evening", "weekend"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StockPlan(_Part):
    """Stock of one SKU at opening. `book_error_units` is how much more the books hold than there is."""

    sku: Sku
    shelf_units: UnitsCount | None = None
    back_units: UnitsCount = 0
    book_error_units: int = 0


class DemandPlan(_Part):
    """How one SKU sells."""

    sku: Sku
    per_day: Annotated[float, Field(ge=0, le=100_000)] = 6.0
    """Mean units wanted on an average day of twelve or so open hours."""
    pattern: Pattern = "even"
    """When it sells better than the rest of the shop."""
    day_shape: Annotated[float, Field(gt=0, le=1000)] = 4.5
    """Shape of the gamma factor of a day, mean 1: days vary by 1 / sqrt(shape). Below 1 the SKU is intermittent."""
    units_per_buy: Annotated[float, Field(ge=1, le=50)] = 1.25
    """Mean units that one shopper takes; geometric."""
    twin: Sku | None = None
    """What the till or the office takes it for; absent: the nearest zone of the same shape."""


class PromotionPlan(_Part):
    """One SKU sells better for some days."""

    sku: Sku
    from_on: date
    until_on: date
    """Last day."""
    factor: Annotated[float, Field(gt=0, le=50)] = 2.5


class SupplierPlan(_Part):
    """Who brings what, and when. Orders follow the books, as they do in most shops."""

    supplier_id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    weekdays: Annotated[tuple[Annotated[int, Field(ge=0, le=6)], ...], Field(min_length=1)] = (0, 2, 4)
    """0 is Monday."""
    arrives_at: time = time(7, 0)
    skus: tuple[Sku, ...] = ()
    """Empty: all."""
    shelf_fraction: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Of full shelves, what an order brings the books up to, besides ..."""
    cover_days: Annotated[float, Field(gt=0, le=100)] = 5.0
    """... this many days of demand."""
    case_units: Annotated[int, Field(ge=1, le=1000)] = 6
    """Orders are whole cases."""


class OpeningHours(_Part):
    """When the shop is open, UTC."""

    opens_at: time = time(8, 0)
    closes_at: time = time(20, 0)
    weekdays: Annotated[tuple[Annotated[int, Field(ge=0, le=6)], ...], Field(min_length=1)] = (0, 1, 2, 3, 4, 5, 6)
    """0 is Monday."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.closes_at <= self.opens_at:
            raise ValueError(f"closes_at {self.closes_at} must lie behind opens_at {self.opens_at}")
        return self
