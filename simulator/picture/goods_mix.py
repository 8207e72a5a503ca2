# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which goods a random scene holds: how many are harmed, and whether their looks are held back for tests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GoodsMix:
    """Shares are probabilities per facing. The defaults are a shop's; a detector learns from more."""

    damaged_fraction: float = 0.025
    """Damaged or back to front, by the kinds that befall a shape."""
    toppled_fraction: float = 0.006
    held_out: bool = False
    """Draw brands that no other scene shows."""


SHOP_MIX = GoodsMix()
