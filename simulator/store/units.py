# SPDX-License-Identifier: AGPL-3.0-or-later
"""One physical pack, and where packs of one SKU can be."""

from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """How one pack looks from the front."""

    OK = "ok"
    DENTED = "dented"
    TORN = "torn"
    CRUSHED = "crushed"
    LEAKING = "leaking"
    TOPPLED = "toppled"
    LABEL_MISSING = "label_missing"
    BACK_TO_FRONT = "back_to_front"


UNTIDY = frozenset({Condition.TOPPLED, Condition.BACK_TO_FRONT})
"""Right again as soon as a hand sets it right."""
DAMAGED = frozenset(Condition) - UNTIDY - {Condition.OK}
"""Spoilt for good."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One physical pack; its id is never given to another one."""

    unit_id: int
    sku: str
    condition: Condition = Condition.OK


@dataclass(frozen=True, slots=True)
class Tally:
    """Where the units of one SKU are: opening + received = shelf + back + baskets + sold + lost + wasted, always."""

    opening: int
    received: int
    shelf: int
    """On any shelf, its own or a wrong one."""
    back: int
    baskets: int
    """Taken and neither paid nor put back yet."""
    sold: int
    lost: int
    """Stolen, or broken and swept up without a word."""
    wasted: int
    """Taken off the shelf by staff because nobody would buy it."""
