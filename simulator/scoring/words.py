# SPDX-License-Identifier: AGPL-3.0-or-later
"""Figures as people read them; a dash where there is none."""

from simulator.scoring.shares import Share

NONE = "\N{EN DASH}"
_MINUTE_S, _HOUR_S = 60.0, 3600.0


def percent(fraction: float | None, digits: int = 0) -> str:
    """`93 %`; what is not quite all never reads as 100 %, nor what is not quite nothing as 0 %."""
    if fraction is None:
        return NONE
    text = f"{fraction * 100:.{digits}f}"
    while digits < 4 and (  # noqa: PLR2004 - nobody reads more
        (fraction < 1.0 and float(text) == 100.0) or (fraction > 0.0 and float(text) == 0.0)  # noqa: PLR2004
    ):
        digits += 1
        text = f"{fraction * 100:.{digits}f}"
    return f"{text} %"


def share_words(share: Share) -> str:
    """`93 % (13 of 14; 69-99 %)`."""
    if share.low_fraction is None or share.high_fraction is None:
        return NONE
    interval = f"{share.low_fraction * 100:.0f}-{share.high_fraction * 100:.0f} %"
    return f"{percent(share.fraction)} ({share.hits:g} of {share.of:g}; {interval})"


def delay_words(seconds: float | None) -> str:
    """`45 s`, `3.5 min`, `2.1 h`."""
    if seconds is None:
        return NONE
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE_S:.1f} min" if seconds < 2 * _HOUR_S else f"{seconds / _HOUR_S:.1f} h"


def count_words(count: float | None, digits: int = 2) -> str:
    """`0.35`."""
    return NONE if count is None else f"{count:.{digits}f}"


def kind_words(kind: str) -> str:
    """`restock from back`."""
    return kind.replace("_", " ")
