# SPDX-License-Identifier: AGPL-3.0-or-later
"""What stands in books: movements, what is known of a product, a day's sales; and what can be wrong with a line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from server.errors import HubError

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many of it are done, and how many there are."""


def silent(what: str, done_count: int, all_count: int) -> None:
    """Progress that nobody watches."""


class MovementKind(StrEnum):
    """Why the books changed. Two kinds state how many there are; the others say what came and went."""

    OPENING = "opening"
    """States what the books held when they began. What happened before is history and not part of on-hand."""
    RECEIPT = "receipt"
    SALE = "sale"
    RETURN = "return"
    """From a customer, fit to be sold again. Goods that go back to a supplier are a transfer."""
    WASTE = "waste"
    TRANSFER = "transfer"
    """Between this shop and another place, with its own sign: positive came in."""
    ADJUSTMENT = "adjustment"
    """Corrects the books, with its own sign."""
    HAND_COUNT = "hand_count"
    """States what a person counted in the whole shop at that instant."""


STATING = frozenset({MovementKind.OPENING, MovementKind.HAND_COUNT})
"""Kinds that state how many units there are instead of changing their number."""

TAKING_AWAY = frozenset({MovementKind.SALE, MovementKind.WASTE})
SIGNED = frozenset({MovementKind.TRANSFER, MovementKind.ADJUSTMENT})


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the books as its source wrote it."""

    sku: str
    kind: MovementKind
    units: int
    """As written: positive for a sale. `signed_units` is what it adds to on-hand."""
    occurred_at: datetime
    reference: str = ""
    name: str = ""

    @property
    def signed_units(self) -> int:
        """What this adds to on-hand. A hand count adds nothing by itself: what it corrects follows from the ledger."""
        if self.kind is MovementKind.HAND_COUNT:
            return 0
        return -self.units if self.kind in TAKING_AWAY else self.units

    @property
    def counted_units(self) -> int | None:
        """What a hand count found; None for the other kinds."""
        return self.units if self.kind is MovementKind.HAND_COUNT else None


@dataclass(frozen=True, slots=True)
class ProductLine:
    """What a source says of one product. None where it says nothing."""

    sku: str
    as_of_at: datetime
    """Since when this holds: of two statements about one field the newer is true, whichever arrived last."""
    name: str | None = None
    gtin: str | None = None
    """14 digits, the last one its check digit; shorter numbers are filled with zeros on the left."""
    case_pack_units: int | None = None
    cost_micros: int | None = None
    """Millionths of the shop's currency for one unit, so that no amount is ever rounded."""
    price_micros: int | None = None
    lead_time_days: int | None = None
    supplier: str | None = None
    shelf_life_days: int | None = None


PRODUCT_FIELDS = (
    "name",
    "gtin",
    "case_pack_units",
    "cost_micros",
    "price_micros",
    "lead_time_days",
    "supplier",
    "shelf_life_days",
)
"""Fields of a product that a source may state or leave out."""


@dataclass(frozen=True, slots=True)
class DaySales:
    """Units of one SKU sold on one day that is over."""

    sku: str
    day: date
    """In the shop's own calendar."""
    units: int
    sold_at: datetime
    """Noon of that day. A sum has no instant; the middle errs least against a count in the morning or the evening."""
    hourly_units: str | None = None
    """24 whole numbers with blanks between, of hours 0 to 23, adding up to `units`; None where nobody told."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one line."""

    source: str
    line: int
    """As an editor counts lines; in a JSON request the item's number from 1. 0 concerns the whole."""
    field: str
    reason: str
    """What is there and what was expected."""

    def __str__(self) -> str:
        """`SOURCE:LINE: FIELD: REASON`."""
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.field}: {self.reason}" if self.field else f"{place}: {self.reason}"


class BooksError(HubError):
    """Books that cannot be taken. `faults` holds every fault found, in order of their lines; nothing was written."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))


@dataclass(slots=True)
class Books:
    """Everything that one file or request says, each with its line, and what is wrong with the rest."""

    source: str
    movements: list[tuple[int, Movement]] = field(default_factory=list)
    products: list[tuple[int, ProductLine]] = field(default_factory=list)
    day_sales: list[tuple[int, DaySales]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Taken:
    """What an import did, or, in a dry run, would do."""

    new_count: int
    """Movements that were not on record, a day's sales being one."""
    repeated_count: int
    products_named_count: int
    skus_count: int
    """SKUs with a new movement."""
    products_stated_count: int = 0
    """Statements about products that were not on record."""
    products_repeated_count: int = 0
