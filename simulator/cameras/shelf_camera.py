# SPDX-License-Identifier: AGPL-3.0-or-later
"""A rendered bay as a camera: what stands before it, what is wrong with it, and the frame that it sends now.

Every frame carries its own sensor noise, as a real sensor's does; a frozen camera repeats one frame to the byte. The
shelf is painted in a thread of its own whenever it changed, so whoever asks for a frame never waits for a painter.
"""

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.cameras.camera_server import CameraServer
from simulator.cameras.faults import CameraFault, Faults, darkened, defocused, half_frame, is_cut_off
from simulator.cameras.layout import seed_of
from simulator.cameras.moment import Moment
from simulator.cameras.mounts import bumped
from simulator.cameras.painting import Painting
from simulator.cameras.sensor import Sensor, stamped
from simulator.errors import CameraError
from simulator.picture.scene import Scene

__all__ = ["CameraFault", "CameraServer", "ShelfCamera"]

BgrPicture = NDArray[np.uint8]

JPEG_QUALITY = 88

PAINTERS = threading.BoundedSemaphore(max(1, (os.cpu_count() or 2) - 1))
"""Painting takes a whole core; at least one is left for those who send and look."""


_UNTOLD = Moment(at=datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
"""The light until somebody says which: a bright noon."""


class ShelfCamera:
    """One simulated camera. Thread-safe.

    `show` says what stands before it, `set_fault` and `mend` what is wrong with it. `frame_jpeg` is what it sends now;
    `frame_bgr` the same for callers in this process that need equal pixels for equal moments. With `burns_in_clock`
    each picture bears the camera's own clock.
    """

    def __init__(
        self,
        camera_id: str,
        scene: Scene,
        seed: int,
        *,
        moment: Moment | None = None,
        jpeg_quality: int = JPEG_QUALITY,
        burns_in_clock: bool = False,
    ) -> None:
        self.camera_id = camera_id
        self._seed = seed_of("camera", camera_id) ^ seed
        self._jpeg_quality = jpeg_quality
        self._burns_in_clock = burns_in_clock
        self._changed = threading.Condition()
        self._scene = scene
        self._moment = moment or _UNTOLD
        self._faults = Faults()
        self._turn = 0
        self._painting = Painting()
        self._wanted = self._painted = self._aimed()
        self._picture = self._painting.picture(self._painted)
        self._is_painting = False
        self._painter_error: Exception | None = None
        self._sensing = threading.Lock()
        self._sensor = Sensor(scene.view.image_wh_px, self._seed)
        self._blurred: tuple[BgrPicture, BgrPicture] | None = None
        self._frozen: BgrPicture | None = None
        self._frozen_jpeg: bytes | None = None

    @property
    def faults(self) -> Faults:
        """All that is wrong with it now."""
        with self._changed:
            return self._faults

    def show(self, scene: Scene, moment: Moment | None = None) -> None:
        """Put another scene before the camera; returns at once, painted soon. Without a moment the light stays.

        Cheap when nothing changed, so it may be called as often as wanted. Raises CameraError when what was shown
        before could not be painted: until now the camera has sent a picture that is not true.
        """
        with self._changed:
            self._complain()
            self._scene = scene
            self._moment = moment or self._moment
            self._have_painted()

    def settle(self) -> None:
        """Wait until what was shown last is painted. Raises CameraError when it cannot be."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_painting)
            self._complain()

    def set_fault(
        self, fault: CameraFault | None, *, degrees: float | None = None, shift_s: float | None = None
    ) -> None:
        """Break the camera in one more way; None mends all."""
        if fault is None:
            self.mend()
            return
        if fault is CameraFault.FROZEN and fault not in self.faults:
            frozen = self._live(self._next_turn(), self._current_moment())
            jpeg = self._encoded(frozen)
            with self._changed:
                self._frozen, self._frozen_jpeg = frozen, jpeg
        with self._changed:
            self._faults = self._faults.beset(fault, degrees=degrees, shift_s=shift_s)
            self._have_painted()

    def mend(self, fault: CameraFault | None = None) -> None:
        """End one fault, or all."""
        with self._changed:
            self._faults = self._faults.mended(fault)
            if CameraFault.FROZEN not in self._faults:
                self._frozen = self._frozen_jpeg = None
            self._have_painted()

    def frame_jpeg(self) -> bytes | None:
        """The next frame as the bytes of a JPEG, damaged where that is the fault; None when the camera is lost."""
        with self._changed:
            faults, jpeg = self._faults, self._frozen_jpeg
        if CameraFault.LOST in faults:
            return None
        turn = self._next_turn()
        if jpeg is None:
            jpeg = self._encoded(self._live(turn, self._current_moment()))
        return half_frame(jpeg, turn) if CameraFault.HALF_FRAMES in faults else jpeg

    def frame_bgr(self, at: datetime) -> BgrPicture | None:
        """The frame of this instant without a line between, uint8 (height, width, 3): equal calls, equal pixels.

        Waits for the painter. None where no whole picture would get through: lost, stalled, slow or cut off.
        """
        self.settle()
        turn, faults = int(at.timestamp() * 1000), self.faults
        if faults.is_line_dead or (CameraFault.HALF_FRAMES in faults and is_cut_off(turn)):
            return None
        with self._changed:
            frozen = self._frozen
        frame = self._live(turn, replace(self._current_moment(), at=at)) if frozen is None else frozen
        if CameraFault.HALF_FRAMES in faults:
            encoded = np.frombuffer(half_frame(self._encoded(frame), turn), np.uint8)
            decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
            return None if decoded is None else np.asarray(decoded, dtype=np.uint8)
        return frame.copy()

    def _next_turn(self) -> int:
        with self._changed:
            self._turn += 1
            return self._turn

    def _current_moment(self) -> Moment:
        with self._changed:
            return self._moment

    def _live(self, turn: int, moment: Moment) -> BgrPicture:
        """What the sensor gives, nothing frozen."""
        with self._changed:
            picture, faults = self._picture, self._faults
        with self._sensing:
            picture = self._through_the_lens(picture, faults)
            frame = self._sensor.frame(picture, moment, turn)
        if self._burns_in_clock:
            shift_s = faults.shift_s if CameraFault.CLOCK_WRONG in faults else 0.0
            frame = stamped(frame, moment.at + timedelta(seconds=shift_s))
        return frame

    def _through_the_lens(self, picture: BgrPicture, faults: Faults) -> BgrPicture:
        picture = darkened(picture, faults, self._seed)
        if CameraFault.DEFOCUSED not in faults:
            return picture
        if self._blurred is None or self._blurred[0] is not picture:
            self._blurred = (picture, defocused(picture))
        return self._blurred[1]

    def _encoded(self, frame: BgrPicture) -> bytes:
        _, encoded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, self._jpeg_quality])
        return encoded.tobytes()

    def _aimed(self) -> Scene:
        """What stands before the camera, seen from where it points now."""
        if CameraFault.BUMPED not in self._faults:
            return self._scene
        return replace(self._scene, view=bumped(self._scene.view, self._faults.degrees, self._seed))

    def _complain(self) -> None:
        """Raise once what kept the painter from painting; the caller holds the lock."""
        error, self._painter_error = self._painter_error, None
        if error is not None:
            raise CameraError(f"camera {self.camera_id}: the scene cannot be painted: {error!r}") from error

    def _have_painted(self) -> None:
        """Let the painter know; the caller holds the lock."""
        self._wanted = self._aimed()
        if self._wanted == self._painted or self._is_painting:
            return
        self._is_painting = True
        threading.Thread(target=self._paint, name=f"paint-{self.camera_id}", daemon=True).start()

    def _paint(self) -> None:
        """Paint what is wanted until nothing newer is."""
        while True:
            with self._changed:
                scene = self._wanted
                if scene == self._painted:
                    self._is_painting = False
                    self._changed.notify_all()
                    return
            try:
                with PAINTERS:
                    picture = self._painting.picture(scene)
            except Exception as error:  # noqa: BLE001 - told to whoever waits; the camera keeps its last picture
                with self._changed:
                    self._is_painting, self._painter_error = False, error
                    self._changed.notify_all()
                return
            with self._changed:
                self._painted, self._picture = scene, picture
