# SPDX-License-Identifier: AGPL-3.0-or-later
"""When a picture was really taken, and which of two readings is the newer one, whatever a node's clock says.

A node's clock may stand at 1970 after a power cut, or at 2099 by mistake, and its reports may arrive hours late from
its outbox. So no order rests on `captured_at`:

- Within one boot of a node its monotonic clock orders readings exactly.
- A boot is newer than another when the node announced it later (`NodeStatus` on connect, before any report). A boot
  that was never announced ran without us; its reports come from an outbox and are older than any announced boot.
- Age is told in the hub's time: `captured_at` plus the offset between the two clocks that the node's last live status
  showed, and never after the report's arrival.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_OFFSET_NOISE_S = 2.0
"""A difference this small is the network's delay, not a wrong clock."""

_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)


def clock_offset_s(*, reported_at: datetime, received_at: datetime) -> float:
    """The hub's clock minus the node's, from a status that was just spoken; 0 when they agree."""
    offset_s = (received_at - reported_at).total_seconds()
    return offset_s if abs(offset_s) > _OFFSET_NOISE_S else 0.0


def looked_at(*, captured_at: datetime, received_at: datetime, offset_s: float) -> datetime:
    """The instant of capture in the hub's time: never after `received_at`."""
    try:
        corrected = captured_at + timedelta(seconds=offset_s)
    except OverflowError:
        corrected = _EARLIEST if offset_s < 0 else received_at
    return min(corrected, received_at)


@dataclass(frozen=True, slots=True)
class BootRank:
    """Where a boot stands among all boots the hub has heard of."""

    announced_at: datetime | None
    first_received_at: datetime

    def is_later_than(self, other: "BootRank") -> bool:
        """Whether this boot began after `other`, as far as the hub can know."""
        if (self.announced_at is None) != (other.announced_at is None):
            return self.announced_at is not None
        mine = self.announced_at or self.first_received_at
        return mine > (other.announced_at or other.first_received_at)


@dataclass(frozen=True, slots=True)
class ReadingOrder:
    """What decides between two readings of one place."""

    node_id: str
    boot_id: str
    monotonic_s: float
    boot: BootRank

    def is_newer_than(self, other: "ReadingOrder") -> bool:
        """Whether this reading was taken after `other`; False for the very same reading."""
        if (self.node_id, self.boot_id) == (other.node_id, other.boot_id):
            return self.monotonic_s > other.monotonic_s
        return self.boot.is_later_than(other.boot)
