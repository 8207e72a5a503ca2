# SPDX-License-Identifier: AGPL-3.0-or-later
"""A rendered bay as a network camera: HTTP snapshot and MJPEG, with faults on demand.

A node under test is unmodified: it fetches `http://HOST:PORT/CAMERA_ID/snapshot.jpg` or `/CAMERA_ID/stream.mjpg`.
Every frame carries its own sensor noise, as a real sensor's does; a frozen camera repeats one frame to the byte.
"""

import threading
import time
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.picture.render import render_scene
from simulator.picture.scene import Scene

BgrPicture = NDArray[np.uint8]

NOISE_SIGMA = 2.0
"""Grey levels; a small sensor indoors."""
JPEG_QUALITY = 88
STREAM_FPS = 5.0
_BOUNDARY = "frame"
_NOISE_FIELDS_COUNT = 8


class CameraFault(StrEnum):
    """What can be wrong with a camera."""

    COVERED = "covered"
    FROZEN = "frozen"
    DEFOCUSED = "defocused"
    LOST = "lost"


class ShelfCamera:
    """One simulated camera. `show` changes what stands before it; `frame_jpeg` is what it sends now. Thread-safe."""

    def __init__(self, camera_id: str, scene: Scene, seed: int) -> None:
        self.camera_id = camera_id
        self._seed = seed
        self._lock = threading.Lock()
        self._fault: CameraFault | None = None
        self._frozen_jpeg: bytes | None = None
        self._noise_turn = 0
        height_px, width_px = scene.view.image_wh_px[1], scene.view.image_wh_px[0]
        rng = np.random.default_rng(seed)
        shape = (_NOISE_FIELDS_COUNT, height_px, width_px, 3)
        self._noise = np.rint(rng.normal(0, NOISE_SIGMA, shape)).astype(np.int8)
        self._picture = self._render(scene)

    def _render(self, scene: Scene) -> BgrPicture:
        # The same generator each time: the furniture must not change its look because a can was sold.
        picture: BgrPicture = render_scene(scene, np.random.default_rng(self._seed)).image_bgr
        return picture

    def show(self, scene: Scene) -> None:
        """Put another scene before the camera."""
        picture = self._render(scene)
        with self._lock:
            self._picture = picture

    def set_fault(self, fault: CameraFault | None) -> None:
        """Break the camera, or mend it."""
        frozen_jpeg = self.frame_jpeg() if fault is CameraFault.FROZEN else None
        with self._lock:
            self._fault, self._frozen_jpeg = fault, frozen_jpeg

    def frame_jpeg(self) -> bytes | None:
        """The next frame as JPEG; None when the camera is lost."""
        with self._lock:
            fault, picture, frozen_jpeg = self._fault, self._picture, self._frozen_jpeg
            self._noise_turn += 1
            turn = self._noise_turn
        if fault is CameraFault.LOST:
            return None
        if frozen_jpeg is not None:
            return frozen_jpeg
        if fault is CameraFault.COVERED:
            picture = np.full_like(picture, 6)
        elif fault is CameraFault.DEFOCUSED:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 14), dtype=np.uint8)
        # Fields are few and precomputed; rolling them makes the repetition invisible to any consumer.
        noise = np.roll(self._noise[turn % _NOISE_FIELDS_COUNT], turn * 37, axis=0)
        noisy = np.clip(picture.astype(np.int16) + noise, 0, 255).astype(np.uint8)
        _, encoded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return bytes(encoded)


class CameraServer:
    """Serves cameras over HTTP on loopback, from a thread of its own, as a context manager."""

    def __init__(self, cameras: dict[str, ShelfCamera], port: int = 0) -> None:
        self.cameras = cameras
        self._stopping = threading.Event()
        handler = type("Handler", (_Handler,), {"cameras": cameras, "stopping": self._stopping})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="camera-server", daemon=True)

    def snapshot_url(self, camera_id: str) -> str:
        """Address of one frame at a time."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{camera_id}/snapshot.jpg"

    def stream_url(self, camera_id: str) -> str:
        """Address of an MJPEG stream."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{camera_id}/stream.mjpg"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    cameras: dict[str, ShelfCamera]
    stopping: threading.Event
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a snapshot, a stream, or 404."""
        camera_id, _, wanted = self.path.strip("/").partition("/")
        camera = self.cameras.get(camera_id)
        try:
            if camera is None or wanted not in {"snapshot.jpg", "stream.mjpg"}:
                self._send_text(HTTPStatus.NOT_FOUND, "no such camera")
            elif wanted == "snapshot.jpg":
                self._send_snapshot(camera)
            else:
                self._send_stream(camera)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the viewer went away

    def _send_text(self, status: HTTPStatus, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def _send_snapshot(self, camera: ShelfCamera) -> None:
        jpeg = camera.frame_jpeg()
        if jpeg is None:
            self._send_text(HTTPStatus.SERVICE_UNAVAILABLE, "camera lost")
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(jpeg)))
        self.end_headers()
        self.wfile.write(jpeg)

    def _send_stream(self, camera: ShelfCamera) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while not self.stopping.is_set():
            jpeg = camera.frame_jpeg()
            if jpeg is None:
                return
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")
            self.wfile.flush()
            time.sleep(1 / STREAM_FPS)

    def log_message(self, *args: Any) -> None:
        """Say nothing: a camera does not write into the terminal."""
