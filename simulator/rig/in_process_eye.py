# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node's camera shows in simulated time: the bay as it stands at that instant, through whatever is wrong."""

from datetime import datetime
from typing import Protocol

from edge.config import CameraConfig
from simulator.cameras.bay_view import scene_of
from simulator.cameras.faults import CameraFault
from simulator.cameras.moment import Moment, moment_of
from simulator.cameras.schematic import SchematicCamera
from simulator.cameras.shelf_camera import ShelfCamera
from simulator.rig.in_process_camera import Grabbed
from simulator.rig.modelled_detector import ModelledDetector
from simulator.scoring.record import Presence
from simulator.store.plan import BayPlan, StorePlan
from simulator.store.world import World

_PATIENCE_S = CameraConfig.model_fields["stall_timeout_s"].default
"""How long a node waits for a frame."""
_WAITING_FAULTS = frozenset({CameraFault.STALLED, CameraFault.SLOW})


class ShelfEye(Protocol):
    """One camera before one bay, with faults."""

    def grab(self, at: datetime) -> Grabbed:
        """Ask for a picture."""

    def is_lively(self, at: datetime) -> bool:
        """Whether somebody moves before it."""

    def beset(self, fault: CameraFault, *, degrees: float) -> None:
        """Break it."""

    def mend(self, fault: CameraFault) -> None:
        """Mend it."""


class Visitors:
    """Who stands before which bay; only those of now are kept at hand."""

    def __init__(self) -> None:
        self._of_bay: dict[str, list[Presence]] = {}

    def come(self, presence: Presence) -> None:
        """Somebody's visit is known."""
        self._of_bay.setdefault(presence.bay_id, []).append(presence)

    def at(self, bay_id: str, at: datetime) -> list[Presence]:
        """Those who stand there now."""
        known = self._of_bay.get(bay_id, [])
        known[:] = [presence for presence in known if presence.until_at > at]
        return [presence for presence in known if presence.since_at <= at]


class ShopLight:
    """The moment before each camera, in one shop."""

    def __init__(self, plan: StorePlan, visitors: Visitors, opened_at: datetime, seed: int) -> None:
        self._plan = plan
        self._visitors = visitors
        self._opened_at = opened_at
        self._seed = seed

    def moment(self, bay: BayPlan, at: datetime) -> Moment:
        """Who stands there, and the light."""
        presences = self._visitors.at(bay.bay_id, at)
        return moment_of(self._plan, bay, at, presences, seed=self._seed, wiped_at=self._opened_at)

    def is_lively(self, bay: BayPlan, at: datetime) -> bool:
        """Whether a person stands there: nobody stands quite still. A trolley does."""
        return any(presence.kind != "trolley" for presence in self._visitors.at(bay.bay_id, at))


class SchematicEye:
    """Schematic frames, and the modelled detector told what they hold."""

    def __init__(self, bay: BayPlan, world: World, light: ShopLight, detector: ModelledDetector, seed: int) -> None:
        self._bay = bay
        self._world = world
        self._light = light
        self._detector = detector
        self._camera = SchematicCamera(bay, seed)

    def grab(self, at: datetime) -> Grabbed:
        """The frame of this instant."""
        frame = self._camera.frame(self._world, self._light.moment(self._bay, at))
        if frame is None:
            return Grabbed(None, waited_s(self._camera.faults.active))
        self._detector.show(frame.boxes, int(at.timestamp() * 1000))
        return Grabbed(frame.image_bgr)

    def is_lively(self, at: datetime) -> bool:
        """Whether somebody moves before it."""
        return self._light.is_lively(self._bay, at)

    def beset(self, fault: CameraFault, *, degrees: float) -> None:
        """Break it."""
        self._camera.set_fault(fault, degrees=degrees)

    def mend(self, fault: CameraFault) -> None:
        """Mend it."""
        self._camera.mend(fault)


class RenderedEye:
    """Rendered frames, for the detector itself."""

    def __init__(self, bay: BayPlan, world: World, light: ShopLight, seed: int, opened_at: datetime) -> None:
        self._bay = bay
        self._world = world
        self._light = light
        moment = light.moment(bay, opened_at)
        self._camera = ShelfCamera(bay.camera_id, scene_of(bay, world, moment), seed, moment=moment)

    def grab(self, at: datetime) -> Grabbed:
        """The frame of this instant."""
        moment = self._light.moment(self._bay, at)
        self._camera.show(scene_of(self._bay, self._world, moment), moment)
        image_bgr = self._camera.frame_bgr(at)
        return Grabbed(image_bgr, waited_s(self._camera.faults.active) if image_bgr is None else 0.0)

    def is_lively(self, at: datetime) -> bool:
        """Whether somebody moves before it."""
        return self._light.is_lively(self._bay, at)

    def beset(self, fault: CameraFault, *, degrees: float) -> None:
        """Break it."""
        self._camera.set_fault(fault, degrees=degrees)

    def mend(self, fault: CameraFault) -> None:
        """Mend it."""
        self._camera.mend(fault)


def waited_s(faults: frozenset[CameraFault]) -> float:
    """How long a node waits for a frame that never comes."""
    return float(_PATIENCE_S) if faults & _WAITING_FAULTS else 0.0
