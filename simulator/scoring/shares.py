# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shares with the doubt that small numbers leave, and the spread of figures. Pure."""

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, computed_field

_Z95 = 1.959964
"""Standard normal quantile of 97.5 %."""


class Share(BaseModel):
    """`hits` of `of`. The interval is Wilson's score interval at 95 % (Wilson, JASA 1927), for independent trials."""

    model_config = ConfigDict(frozen=True)

    hits: float
    of: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def fraction(self) -> float | None:
        """None of nothing."""
        return self.hits / self.of if self.of else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def low_fraction(self) -> float | None:
        """Lower end of the interval."""
        return self._end(-1.0)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def high_fraction(self) -> float | None:
        """Upper end of the interval."""
        return self._end(1.0)

    def _end(self, sign: float) -> float | None:
        if not self.of:
            return None
        share, n = self.hits / self.of, self.of
        middle = share + _Z95**2 / (2 * n)
        half = _Z95 * math.sqrt(max(0.0, share * (1 - share) / n + _Z95**2 / (4 * n * n)))
        return min(1.0, max(0.0, (middle + sign * half) / (1 + _Z95**2 / n)))

    def __add__(self, other: "Share") -> "Share":
        return Share(hits=self.hits + other.hits, of=self.of + other.of)


def quantile(values: Sequence[float], fraction: float) -> float | None:
    """The smallest value that at least `fraction` of the values do not exceed; None of no values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(fraction * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float | None:
    """The middle value, or the mean of the two middle ones; None of no values."""
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
