# SPDX-License-Identifier: AGPL-3.0-or-later
"""RTSP and USB cameras through OpenCV, read in a thread that may hang without the node hanging."""

import os
import threading
from collections.abc import Iterator

import cv2

from edge.cameras.camera import stamp
from edge.cameras.newest import NewestReader
from edge.errors import CameraLost
from edge.frames import BgrImage, Frame

# Over UDP a lost packet smears the picture; TCP delivers whole pictures or none.
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")


class OpenCvCamera:
    """An address that OpenCV's FFmpeg reader knows, or the number of a USB camera."""

    def __init__(self, camera_id: str, source: str | int, *, stall_timeout_s: float, is_live: bool = True) -> None:
        self._camera_id = camera_id
        self._source = source
        self._stall_timeout_s = stall_timeout_s
        self._reader = NewestReader(camera_id, self._pictures, stall_timeout_s=stall_timeout_s)
        self.is_live = is_live

    def grab(self) -> Frame:
        """Hand out the newest picture."""
        return stamp(self._reader.newest(), self._camera_id)

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    def _pictures(self, unwanted: threading.Event) -> Iterator[BgrImage]:
        stream = self._open()
        try:
            if not stream.isOpened():
                raise CameraLost(f"camera {self._camera_id}: the stream does not open")
            while not unwanted.is_set():
                arrived, image_bgr = stream.read()
                if not arrived or image_bgr is None:
                    raise CameraLost(f"camera {self._camera_id}: the stream ended")
                yield image_bgr  # type: ignore[misc] # OpenCV converts every stream to uint8 BGR unless told otherwise
        finally:
            stream.release()

    def _open(self) -> cv2.VideoCapture:
        if isinstance(self._source, int):
            return cv2.VideoCapture(self._source, cv2.CAP_V4L2)
        timeout_ms = int(self._stall_timeout_s * 1000)
        settings = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
        return cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, settings)
