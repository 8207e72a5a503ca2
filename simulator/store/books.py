# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the till and the office write down: lines in the order of writing, never changed."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

BookKind = Literal["opening", "sale", "receipt", "adjustment"]
"""As the hub knows them; waste and hand counts are adjustments, told apart by their reference."""


@dataclass(frozen=True, slots=True)
class BookLine:
    """One line that somebody or the till wrote into the books. `units` is signed: what it adds to on-hand."""

    sku: str
    kind: BookKind
    units: int
    occurred_at: datetime
    """When it was written."""
    reference: str


class Books:
    """All lines, and their sum per SKU."""

    def __init__(self) -> None:
        self.lines: list[BookLine] = []
        self._on_hand: Counter[str] = Counter()
        self._numbers: Counter[str] = Counter()

    def number(self, word: str) -> str:
        """The next paper of its sort: `till-000001`."""
        self._numbers[word] += 1
        return f"{word}-{self._numbers[word]:06d}"

    def write(self, sku: str, kind: BookKind, units: int, at: datetime, reference: str) -> BookLine:
        """Append a line."""
        line = BookLine(sku, kind, units, at, reference)
        self.lines.append(line)
        self._on_hand[sku] += units
        return line

    def on_hand(self, sku: str) -> int:
        """Units according to the books; may be negative."""
        return self._on_hand[sku]
