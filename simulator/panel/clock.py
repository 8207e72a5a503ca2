# SPDX-License-Identifier: AGPL-3.0-or-later
"""World time that a visitor may hurry, slow down or stop: real instants in, world instants out, and back."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class _Stretch:
    real_at: datetime
    world_at: datetime
    speed: float


class StoreClock:
    """Piecewise linear: each change of speed begins a new stretch. Speed is world seconds per real second."""

    def __init__(self, *, real_at: datetime, world_at: datetime, speed: float) -> None:
        self._stretches = [_Stretch(real_at, world_at, speed)]

    @property
    def speed(self) -> float:
        """World seconds per real second now; 0 while the store stands still."""
        return self._stretches[-1].speed

    def set_speed(self, speed: float, *, real_at: datetime) -> None:
        """From `real_at` on."""
        self._stretches.append(_Stretch(real_at, self.world_at(real_at), speed))

    def world_at(self, real_at: datetime) -> datetime:
        """The store's time at a real instant."""
        last = next((s for s in reversed(self._stretches) if s.real_at <= real_at), self._stretches[0])
        return last.world_at + (real_at - last.real_at) * last.speed

    def real_at(self, world_at: datetime) -> datetime:
        """The real instant at which the store's time was `world_at`: the first one, where it stood still."""
        last = next((s for s in reversed(self._stretches) if s.world_at <= world_at and s.speed), self._stretches[0])
        if not last.speed:
            return last.real_at
        return last.real_at + (world_at - last.world_at) / last.speed


def clock_words(at: datetime) -> str:
    """Like `Mon 08:42:07`."""
    return f"{at:%a %H:%M:%S}"
