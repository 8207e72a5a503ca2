# SPDX-License-Identifier: AGPL-3.0-or-later
"""The store's cameras on the network, and the thread that keeps telling them what stands before them."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Self

from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.cameras.faults import CameraFault
from simulator.cameras.moment import Moment, moment_of
from simulator.cameras.shelf_camera import CameraServer, ShelfCamera
from simulator.rig.compression import WorldClock
from simulator.rig.processes import utc_now
from simulator.rig.schedule import Stretch
from simulator.rig.system import CameraPlan
from simulator.scoring.record import Presence
from simulator.store.plan import BayPlan, StorePlan
from simulator.store.world import World

_SHOW_EVERY_S = 0.1


class CameraTransport(StrEnum):
    """How a node asks for pictures."""

    SNAPSHOT = "snapshot"
    MJPEG = "mjpeg"
    RTSP = "rtsp"


class StoreCameras:
    """One camera per bay. A context manager: entered, the cameras can be asked for pictures.

    `world_lock` is held while the world is read; whoever changes the world holds it too.
    """

    def __init__(self, plan: StorePlan, world: World, *, seed: int, world_lock: threading.Lock) -> None:
        self._plan = plan
        self._world = world
        self._seed = seed
        self._lock = world_lock
        self._bay_of_zone = {zone.zone_id: bay.bay_id for bay, zone in plan.zones()}
        self._faults: dict[str, list[Stretch]] = defaultdict(list)
        self._presences: Sequence[Presence] = ()
        self._changed_at: dict[str, datetime] = {}
        """Real instant since when a bay's picture is not true any more."""
        self._clock: WorldClock | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stage", daemon=True)
        self.failure: Exception | None = None
        """What ended the thread."""
        self.lags_s: list[float] = []
        """Real time from each change in the store to the picture that shows it."""
        self.cameras = {bay.camera_id: self._camera(bay) for bay in plan.bays}
        self._server = CameraServer(self.cameras)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._server.__exit__(*exc_info)

    def plan_of(self, bay: BayPlan, transport: CameraTransport, options: dict[str, float]) -> CameraPlan:
        """What to write into node.toml for this bay."""
        match transport:
            case CameraTransport.SNAPSHOT:
                source = self._server.snapshot_url(bay.camera_id)
            case CameraTransport.MJPEG:
                source = f"mjpeg+{self._server.stream_url(bay.camera_id)}"
            case CameraTransport.RTSP:
                source = self._server.rtsp_url(bay.camera_id)
        return CameraPlan(bay.camera_id, source, calibration_of(bay), dict(options))

    def begin(self, clock: WorldClock, presences: Sequence[Presence]) -> None:
        """Follow world time from now on. `presences` grows while the world's lock is held."""
        self._clock, self._presences = clock, presences
        self._thread.start()

    def note(self, zone_ids: Iterable[str], real_at: datetime) -> None:
        """Something in these zones changed at a real instant."""
        for bay_id in {self._bay_of_zone[zone_id] for zone_id in zone_ids}:
            self._changed_at.setdefault(bay_id, real_at)

    def break_(self, trouble: Stretch) -> None:
        """Let something be wrong with a camera."""
        self._faults[trouble.target].append(trouble)
        self.cameras[trouble.target].set_fault(CameraFault(trouble.act.value), degrees=trouble.event.degrees)

    def mend(self, trouble: Stretch) -> None:
        """End it, unless the same is wrong for another reason too."""
        left = [other for other in self._faults[trouble.target] if other is not trouble]
        self._faults[trouble.target] = left
        if all(other.act is not trouble.act for other in left):
            self.cameras[trouble.target].mend(CameraFault(trouble.act.value))

    def _camera(self, bay: BayPlan) -> ShelfCamera:
        moment = self._moment(bay, self._world.opened_at)
        return ShelfCamera(bay.camera_id, scene_of(bay, self._world, moment), self._seed, moment=moment)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(_SHOW_EVERY_S):
                self._show()
        except Exception as error:  # noqa: BLE001 - the run's own thread raises it
            self.failure = error

    def _show(self) -> None:
        if self._clock is None:
            return
        with self._lock:
            changed_at, self._changed_at = self._changed_at, {}
        for bay in self._plan.bays:
            with self._lock:
                moment = self._moment(bay, self._clock.world_at(utc_now()))
                scene = scene_of(bay, self._world, moment)
            self.cameras[bay.camera_id].show(scene, moment)
        for bay in self._plan.bays:
            if bay.bay_id in changed_at:
                self.cameras[bay.camera_id].settle()
                self.lags_s.append((utc_now() - changed_at[bay.bay_id]).total_seconds())

    def _moment(self, bay: BayPlan, at: datetime) -> Moment:
        wiped_at = self._world.opened_at
        return moment_of(self._plan, bay, at, self._presences, seed=self._seed, wiped_at=wiped_at)
