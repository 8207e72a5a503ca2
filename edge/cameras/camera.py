# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every kind of camera offers, and the stamp that each puts on its frames."""

import time
from datetime import UTC, datetime
from typing import Protocol

from edge.frames import BgrImage, Frame


class Camera(Protocol):
    """One camera. Used by one thread only."""

    @property
    def is_live(self) -> bool:
        """Whether the picture comes from a sensor, so that two identical pictures mean it hangs."""

    def grab(self) -> Frame:
        """Take the newest picture. Never blocks for longer than the camera's stall timeout.

        Raises CameraError: CameraLost when nothing arrives, BrokenFrame when it is no whole picture. The next call
        tries again from the start.
        """

    def close(self) -> None:
        """Let go of files, sockets and threads; allowed twice."""


def stamp(image_bgr: BgrImage, camera_id: str) -> Frame:
    """Make a frame of a picture that was grabbed just now."""
    return Frame(image_bgr, captured_at=datetime.now(UTC), monotonic_s=time.monotonic(), camera_id=camera_id)
