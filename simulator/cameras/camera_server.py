# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cameras on the network: HTTP snapshots, MJPEG streams, and RTSP beside them.

A node under test is unmodified: it fetches `http://HOST:PORT/CAMERA_ID/snapshot.jpg`, follows
`mjpeg+http://HOST:PORT/CAMERA_ID/stream.mjpg`, or plays `rtsp://HOST:PORT/CAMERA_ID`.
"""

import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self

from simulator.cameras.faults import CameraFault, Faults
from simulator.cameras.rtsp import RtspServer

STREAM_FPS = 5.0
SLOW_BYTES_PER_S = 2000
_SLOW_STEP_S = 0.25
_BOUNDARY = "frame"


class ServedCamera(Protocol):
    """What the server needs of a camera."""

    @property
    def faults(self) -> Faults:
        """All that is wrong with it now."""

    def frame_jpeg(self) -> bytes | None:
        """The next frame; None when the camera is lost."""


class CameraServer:
    """Serves cameras on loopback, from threads of its own, as a context manager."""

    def __init__(self, cameras: Mapping[str, ServedCamera], port: int = 0) -> None:
        self.cameras = cameras
        self._stopping = threading.Event()
        handler = type("Handler", (_Handler,), {"cameras": cameras, "stopping": self._stopping})
        self._server = _Server(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="camera-server", daemon=True)
        self._rtsp: RtspServer | None = None

    def snapshot_url(self, camera_id: str) -> str:
        """Address of one frame at a time."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{camera_id}/snapshot.jpg"

    def stream_url(self, camera_id: str) -> str:
        """Address of an MJPEG stream; a node wants `mjpeg+` before it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{camera_id}/stream.mjpg"

    def rtsp_url(self, camera_id: str) -> str:
        """Address of an H.264 stream over RTSP; the first call starts the server for all cameras.

        Raises CameraError where GStreamer is missing, with the command that installs it.
        """
        if self._rtsp is None:
            self._rtsp = RtspServer({one: self.stream_url(one) for one in self.cameras})
            self._rtsp.start()
        return self._rtsp.url(camera_id)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        if self._rtsp is not None:
            self._rtsp.stop()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer that went away is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    cameras: Mapping[str, ServedCamera]
    stopping: threading.Event
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a snapshot, a stream, or 404."""
        camera_id, _, wanted = self.path.strip("/").partition("/")
        camera = self.cameras.get(camera_id)
        try:
            if camera is None or wanted not in {"snapshot.jpg", "stream.mjpg"}:
                self._send_text(HTTPStatus.NOT_FOUND, "no such camera")
            elif CameraFault.LOST in camera.faults:
                self._send_text(HTTPStatus.SERVICE_UNAVAILABLE, "camera lost")
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

    def _send_snapshot(self, camera: ServedCamera) -> None:
        self._outlast_stall(camera)
        jpeg = camera.frame_jpeg()
        if jpeg is None:
            self.close_connection = True  # lost while the request waited
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(jpeg)))
        self.end_headers()
        self._send_body(camera, jpeg)

    def _send_stream(self, camera: ServedCamera) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while not self.stopping.is_set():
            self._outlast_stall(camera)
            jpeg = camera.frame_jpeg()
            if jpeg is None:
                return
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self._send_body(camera, head.encode() + jpeg + b"\r\n")
            self.stopping.wait(1 / STREAM_FPS)

    def _outlast_stall(self, camera: ServedCamera) -> None:
        """Keep the connection and say nothing for as long as the camera stalls."""
        while CameraFault.STALLED in camera.faults and not self.stopping.wait(0.1):
            pass

    def _send_body(self, camera: ServedCamera, body: bytes) -> None:
        """All at once, or dribbling for as long as the line is slow."""
        sent = 0
        while sent < len(body) and CameraFault.SLOW in camera.faults and not self.stopping.wait(_SLOW_STEP_S):
            step = int(SLOW_BYTES_PER_S * _SLOW_STEP_S)
            self.wfile.write(body[sent : sent + step])
            self.wfile.flush()
            sent += step
        self.wfile.write(body[sent:])
        self.wfile.flush()

    def log_message(self, *args: Any) -> None:
        """Say nothing: a camera does not write into the terminal."""
