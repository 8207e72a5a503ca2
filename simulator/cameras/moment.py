# SPDX-License-Identifier: AGPL-3.0-or-later
"""One instant before a camera: who stands there, the light in the shop, and what exposure makes of it. Pure.

Light is the sum of the shop's lamps while it is open, daylight through its windows, and a few emergency lamps. The
camera's automatic exposure makes up for most of what is missing by gain, and gain shows as noise.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import cos, exp, pi, sin

import numpy as np

from simulator.cameras.layout import seed_of
from simulator.scoring.record import Presence
from simulator.store.plan import BayPlan, StorePlan

LAMPS_LEVEL, DAYLIGHT_LEVEL, EMERGENCY_LEVEL = 0.85, 0.45, 0.06
_LAMPS_AROUND_HOURS = timedelta(minutes=45)
"""Lamps are on this long before opening and after closing."""
_SUN_NOON_H, _SUN_HALF_DAY_H = 12.5, 6.0
LONGEST_PRESENCE = timedelta(hours=2)
"""Nobody stands before one bay for longer."""
_EXPOSURE_POWER = 0.2
"""How much of a lack of light is left after automatic exposure: the picture's level is light to this power."""
_NOISE_SIGMA = 2.0
"""Grey levels in good light; a small sensor indoors."""
_MOST_NOISE_SIGMA = 9.0
_LAMPS_BGR = np.array([0.96, 1.0, 1.03])
_NOON_BGR = np.array([1.05, 1.0, 0.96])
_DUSK_BGR = np.array([0.88, 0.98, 1.10])
_EMERGENCY_BGR = np.array([1.04, 1.02, 0.90])
DUST_DAYS = 60.0
"""Days between two cleanings of the lens."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What differs between two pictures of the same shelf. The defaults are a bright, empty aisle."""

    at: datetime
    presences: tuple[Presence, ...] = ()
    """Those before this bay at this instant."""
    level: float = 1.0
    """Brightness of the picture, exposure included."""
    balance_bgr: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise_sigma: float = _NOISE_SIGMA
    """Grey levels."""
    flicker_fraction: float = 0.0
    """Amplitude of the bands that lamps on alternating current leave under a rolling shutter."""
    flicker_hz: float = 100.0
    """Twice the mains frequency."""
    dust_fraction: float = 0.0
    """0 a clean lens, 1 one that nobody wiped for two months."""


def moment_of(
    plan: StorePlan,
    bay: BayPlan,
    at: datetime,
    presences: Sequence[Presence] = (),
    *,
    seed: int = 0,
    wiped_at: datetime | None = None,
) -> Moment:
    """The moment before a bay's camera, by the hour and by what `seed` says of its lamps, window and lens.

    `presences` are all of the run so far, in the order of `since_at`; those before this bay at `at` are found.
    `wiped_at` is when the lens was last clean; None leaves dust out.
    """
    window, drift_phase, slow_phase, flicker, mains = _place_luck(bay.camera_id, seed)
    hour = at.hour + at.minute / 60 + at.second / 3600
    span = plan.open_span(at.date())
    is_lit = span is not None and span[0] - _LAMPS_AROUND_HOURS <= at < span[1] + _LAMPS_AROUND_HOURS
    lamps = LAMPS_LEVEL if is_lit else 0.0
    sun = max(0.0, cos((hour - _SUN_NOON_H) / _SUN_HALF_DAY_H * pi / 2)) if _is_day(hour) else 0.0
    daylight = DAYLIGHT_LEVEL * window * sun
    light = lamps + daylight + EMERGENCY_LEVEL
    dusk = exp(-3 * sun)
    colour = (
        lamps * _LAMPS_BGR + daylight * (dusk * _DUSK_BGR + (1 - dusk) * _NOON_BGR) + EMERGENCY_LEVEL * _EMERGENCY_BGR
    ) / light
    seconds = at.timestamp()
    drift = 0.02 * sin(2 * pi * (seconds / 431 + drift_phase)) + 0.03 * sin(2 * pi * (seconds / 2213 + slow_phase))
    level = light**_EXPOSURE_POWER * (1 + drift)
    gain = level / light
    blue, green, red = (round(float(part), 2) for part in colour)
    return Moment(
        at=at,
        presences=present(presences, bay.bay_id, at),
        level=round(level, 2),
        balance_bgr=(blue, green, red),
        noise_sigma=round(min(_NOISE_SIGMA * max(1.0, gain) ** 0.5, _MOST_NOISE_SIGMA), 1),
        flicker_fraction=round(0.03 * flicker, 3) if is_lit and flicker > 0.5 else 0.0,  # noqa: PLR2004 - every other
        flicker_hz=100.0 if mains < 0.7 else 120.0,  # noqa: PLR2004 - share of countries, roughly
        dust_fraction=0.0 if wiped_at is None else _dust_fraction(at - wiped_at),
    )


@lru_cache(maxsize=2048)
def _place_luck(camera_id: str, seed: int) -> tuple[float, float, float, float, float]:
    """How near the window is, where exposure stands in its drift, how bad the lamps are: fixed for a camera."""
    window, drift, slow, flicker, mains = np.random.default_rng((seed, seed_of("light", camera_id))).random(5).tolist()
    return window, drift, slow, flicker, mains


def _is_day(hour: float) -> bool:
    return abs(hour - _SUN_NOON_H) < _SUN_HALF_DAY_H


def present(presences: Sequence[Presence], bay_id: str, at: datetime) -> tuple[Presence, ...]:
    """Those before this bay at this instant. `presences` must be in the order of `since_at`."""
    there: list[Presence] = []
    for index in range(bisect_right(presences, at, key=lambda one: one.since_at) - 1, -1, -1):
        one = presences[index]
        if one.since_at < at - LONGEST_PRESENCE:
            break
        if one.bay_id == bay_id and at < one.until_at:
            there.append(one)
    return tuple(reversed(there))


def _dust_fraction(unwiped: timedelta) -> float:
    return round(max(0.0, unwiped / timedelta(days=DUST_DAYS)) % 1.0, 2)
