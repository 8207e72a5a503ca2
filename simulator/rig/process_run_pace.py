# SPDX-License-Identifier: AGPL-3.0-or-later
"""What this machine carries: one look is timed, drawing included, and the speed follows from it."""

import os
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np

from edge.camera_loop import LONGEST_RETRY_S
from edge.detector import Detector
from edge.gate import ChangeGate
from edge.model_file import shipped_model
from edge.place import Place
from edge.publisher import RECONNECT_AT_MOST_EVERY_S, RESEND_AFTER_S
from edge.standpoint import PROBATION_S
from edge.watcher import OCCLUDED_AFTER_S
from simulator.cameras.bay_view import calibration_of
from simulator.rig.compression import FixedPatience, look_floor_s, speed_carried
from simulator.rig.process_run_cameras import StoreCameras
from simulator.rig.scenario import Act
from simulator.rig.schedule import Stretch
from simulator.store.plan import StorePlan

_LOOKS_COUNT = 3
_WARM_UP_MARGIN_S = 15.0
LEAST_LOOK_S = 0.2
"""Real time between two looks of a node: below it a process on a shared machine cannot be held to its pace."""


@dataclass(frozen=True, slots=True)
class Carried:
    """The pace of a run."""

    speed: float
    least_look_s: float
    """Real seconds between two looks that the machine keeps up with."""
    look_ms: float
    notes: tuple[str, ...]


def carried(cameras: StoreCameras, plan: StorePlan, *, wanted_speed: float, given: float | None) -> Carried:
    """The speed to run at: `given` whatever it costs, or else `wanted_speed` where the machine carries it."""
    cores_count = os.cpu_count() or 1
    look_ms = _look_ms(cameras, plan)
    highest = speed_carried(cameras_count=len(plan.bays), look_ms=look_ms, cores_count=cores_count)
    speed = given if given is not None else max(1.0, min(wanted_speed, highest))
    floor_s = look_floor_s(cameras_count=len(plan.bays), look_ms=look_ms, cores_count=cores_count)
    notes = [
        f"one look costs {look_ms:.0f} ms here; {len(plan.bays)} cameras on {cores_count} cores, speed {speed:.3g}"
    ]
    if speed > highest:
        notes.append(f"this machine carries a speed of {highest:.3g} only; looks are further apart than they should be")
    return Carried(speed, max(LEAST_LOOK_S, floor_s), look_ms, tuple(notes))


def _look_ms(cameras: StoreCameras, plan: StorePlan) -> float:
    """Median cost of one look on one core: the camera's frame, its decoding, the detector, the count."""
    detector = Detector(shipped_model())
    bay = plan.bays[0]
    place = Place.of(calibration_of(bay), bay.image_wh_px)
    spent_ms = []
    for _ in range(_LOOKS_COUNT + 1):
        began_s = time.perf_counter()
        jpeg = cameras.cameras[bay.camera_id].frame_jpeg() or b""
        image_bgr = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)
        place.count(detector, image_bgr)
        spent_ms.append((time.perf_counter() - began_s) * 1000)
    return statistics.median(spent_ms[1:])


def least_warm_up(stretches: Iterable[Stretch], opened_at: datetime, speed: float) -> timedelta:
    """Real time for which cameras must have been looked through before the run begins.

    A node learns where its camera stands in the first minute, whatever the speed; a bump before that goes unnoticed, as
    it would in a shop that somebody bumps into while the camera is being hung.
    """
    bumped = [stretch.since_at for stretch in stretches if stretch.act is Act.BUMP]
    if not bumped:
        return timedelta()
    return timedelta(seconds=PROBATION_S + _WARM_UP_MARGIN_S) - (min(bumped) - opened_at) / speed


def fixed_patience() -> list[FixedPatience]:
    """Patience that stands in the product's code, beyond any configuration."""
    settle_s = ChangeGate(is_live=True).settle_s
    return [
        FixedPatience("a node's longest pause before it asks a lost camera again", LONGEST_RETRY_S),
        FixedPatience("the time somebody may stand before a shelf until it counts as occluded", OCCLUDED_AFTER_S),
        FixedPatience("the time a much changed view must hold still before a node believes it", settle_s),
        FixedPatience("the time until a node trusts what it learned of a camera's place", PROBATION_S),
        FixedPatience("the time after which a node first sends unanswered reports again", RESEND_AFTER_S),
        FixedPatience("a node's longest pause before it tries its broker again", RECONNECT_AT_MOST_EVERY_S),
    ]
