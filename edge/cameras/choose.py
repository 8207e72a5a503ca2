# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one place where the form of a source decides the kind of camera.

| source | camera |
|---|---|
| `http://...`, `https://...` | snapshot: one picture per request |
| `mjpeg+http://...`, `mjpeg+https://...` | endless MJPEG answer |
| `rtsp://...`, `rtsps://...` | RTSP through OpenCV |
| `usb:0` or `/dev/video0` | USB camera |
| a folder | its pictures, one after the other |
| `*.mp4 *.mkv *.avi *.mov *.webm` | a video file |
| any other path | one picture file |
"""

import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from edge.cameras.camera import Camera
from edge.cameras.files import FolderCamera, ImageFileCamera, VideoFileCamera
from edge.cameras.http import CameraAuth, MjpegCamera, SnapshotCamera
from edge.cameras.opencv_stream import OpenCvCamera
from edge.config import CameraConfig
from edge.errors import ConfigError

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".webm"})


def open_camera(camera: CameraConfig, *, look_interval_s: float) -> Camera:
    """Make the camera that `camera.source` asks for; nothing is opened before the first grab.

    Raises ConfigError for a source of no known form, and for credentials written into an address.
    """
    source = camera.source
    usb = re.fullmatch(r"(?:usb:|/dev/video)(\d+)", source)
    if usb:
        return OpenCvCamera(
            camera.camera_id,
            int(usb[1]),
            stall_timeout_s=camera.stall_timeout_s,
            is_live=camera.live is not False,
        )
    if "://" in source:
        return _network_camera(camera)
    path = Path(source)
    is_live = camera.live is True
    if path.is_dir():
        return FolderCamera(
            camera.camera_id,
            path,
            hold_looks_count=camera.hold_looks_count,
            loop=camera.loop,
            order_file=camera.order_file,
            is_live=is_live,
        )
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return VideoFileCamera(camera.camera_id, path, step_s=look_interval_s, loop=camera.loop, is_live=is_live)
    return ImageFileCamera(camera.camera_id, path, is_live=is_live)


def _network_camera(camera: CameraConfig) -> Camera:
    parts = urlsplit(camera.source)
    if parts.username or parts.password:
        raise ConfigError(
            f"cameras[{camera.camera_id}].source: holds a user name or password; use username and password_file"
        )
    password = camera.password()
    auth = CameraAuth(camera.username, password) if camera.username and password is not None else None
    is_live = camera.live is not False
    match parts.scheme:
        case "http" | "https":
            return SnapshotCamera(
                camera.camera_id,
                camera.source,
                stall_timeout_s=camera.stall_timeout_s,
                auth=auth,
                is_live=is_live,
            )
        case "mjpeg+http" | "mjpeg+https":
            return MjpegCamera(
                camera.camera_id,
                camera.source.removeprefix("mjpeg+"),
                stall_timeout_s=camera.stall_timeout_s,
                auth=auth,
                is_live=is_live,
            )
        case "rtsp" | "rtsps":
            login = f"{quote(camera.username, safe='')}:{quote(password or '', safe='')}@" if camera.username else ""
            address = camera.source.replace("://", f"://{login}", 1)
            return OpenCvCamera(camera.camera_id, address, stall_timeout_s=camera.stall_timeout_s, is_live=is_live)
        case _:
            raise ConfigError(f"cameras[{camera.camera_id}].source: no camera speaks {parts.scheme}://")
