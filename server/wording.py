# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sentences for a manager. Every fact in them comes in as an argument; nothing is decided here."""

from datetime import datetime
from zoneinfo import ZoneInfo

from contract.counts import UnknownReason

_VIEW = {
    UnknownReason.BLACK: "its picture is black: is the lens covered, or the light off?",
    UnknownReason.FROZEN: "its picture stands still: the camera needs a restart.",
    UnknownReason.BLURRED: "its picture is blurred: clean the lens or set the focus.",
    UnknownReason.OCCLUDED: "something stands in front of it.",
    UnknownReason.COVERED: "its lens is covered.",
    UnknownReason.MOVED: "it was moved and no longer shows what was drawn on it.",
    UnknownReason.NO_SHELF: "no shelf is to be seen in its picture.",
    UnknownReason.NO_CALIBRATION: "nobody has drawn its zones yet.",
    UnknownReason.OUT_OF_VIEW: "its shelf is out of the picture.",
    UnknownReason.CAMERA_LOST: "its node gets no picture from it: check power and cable.",
    UnknownReason.UNSETTLED: "its picture does not come to rest.",
    UnknownReason.OTHER: "its node gives a reason that this hub is too old to know.",
}


def clock_words(instant: datetime, now: datetime, zone_info: ZoneInfo) -> str:
    """The shop's wall clock, with the day where that is not today: `10:42`, `Mon 10:42`, `2026-01-31 10:42`."""
    local, today = instant.astimezone(zone_info), now.astimezone(zone_info)
    if local.date() == today.date():
        return local.strftime("%H:%M")
    days_ago = (today.date() - local.date()).days
    return local.strftime("%a %H:%M" if 0 < days_ago < 7 else "%Y-%m-%d %H:%M")  # noqa: PLR2004 (days of a week)


def view_words(reason: str | None) -> str:
    """What a person should look for when a camera sees nothing: a sentence that goes on from its name."""
    return _VIEW[UnknownReason(reason)] if reason else "it cannot see its shelf."


def books_words(units: int) -> str:
    """What the books say, as the start of a sentence."""
    if units < 0:
        return f"Books say {units}: more was sold than was ever booked in"
    return f"Books say {units} in the building"


def units_words(units_count: int) -> str:
    """`1 unit`, `12 units`."""
    return "1 unit" if units_count == 1 else f"{units_count} units"


def duration_words(seconds: float) -> str:
    """Coarse on purpose: `12 minutes`, `8 hours`, `3 days`."""
    for unit, unit_s in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 2 * unit_s or (unit == "minute" and seconds >= unit_s):
            count = int(seconds // unit_s)
            return f"{count} {unit}" + ("s" if count > 1 else "")
    return f"{int(seconds)} seconds"


def sold_words(sales_count: int, last_sale: str) -> str:
    """A sale that the shelf cannot explain."""
    if sales_count > 1:
        return f"{sales_count} were sold since then, the last at {last_sale}, so there are some"
    return f"One was sold at {last_sale}, long after the shelf emptied, so there are some"


def listed(names: tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) <= 1:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]
