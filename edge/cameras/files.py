# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cameras that are files: one picture, a folder of pictures, a video."""

from pathlib import Path

import cv2

from edge.cameras.camera import stamp
from edge.errors import BrokenFrame, CameraLost, PictureError
from edge.frames import BgrImage, Frame
from edge.picture_file import picture_paths, read_picture


class ImageFileCamera:
    """One picture file, read again at every grab, so that another program may replace it."""

    def __init__(self, camera_id: str, path: Path, *, is_live: bool = False) -> None:
        self._camera_id = camera_id
        self._path = path
        self.is_live = is_live

    def grab(self) -> Frame:
        """Read the file."""
        return stamp(_read(self._path, self._camera_id), self._camera_id)

    def close(self) -> None:
        """Nothing is held."""


class FolderCamera:
    """The pictures of a folder, one after the other, each for `hold_looks_count` grabs.

    Without `loop` the last picture stays. The folder is listed again when it begins anew, so added pictures join.
    """

    def __init__(
        self,
        camera_id: str,
        folder: Path,
        *,
        hold_looks_count: int,
        loop: bool = True,
        order_file: Path | None = None,
        is_live: bool = False,
    ) -> None:
        self._camera_id = camera_id
        self._folder = folder
        self._hold_looks_count = hold_looks_count
        self._loop = loop
        self._order_file = order_file
        self._paths: list[Path] = []
        self._grabs_count = 0
        self.is_live = is_live

    def grab(self) -> Frame:
        """Read the picture whose turn it is."""
        index = self._grabs_count // self._hold_looks_count
        if not self._paths or (index >= len(self._paths) and self._loop):
            self._paths = self._listed()
            self._grabs_count = index = 0
        path = self._paths[min(index, len(self._paths) - 1)]
        self._grabs_count += 1
        return stamp(_read(path, self._camera_id), self._camera_id)

    def close(self) -> None:
        """Nothing is held."""

    def _listed(self) -> list[Path]:
        try:
            if self._order_file is not None:
                names = self._order_file.read_text(encoding="utf-8").splitlines()
                paths = [self._folder / name.strip() for name in names if name.strip()]
            else:
                paths = picture_paths([self._folder]) if self._folder.is_dir() else []
        except (OSError, UnicodeDecodeError) as error:
            raise CameraLost(
                f"camera {self._camera_id}: {self._order_file or self._folder} cannot be listed"
            ) from error
        if not paths:
            raise CameraLost(f"camera {self._camera_id}: no pictures in {self._folder}")
        return paths


class VideoFileCamera:
    """A video, moved on by `step_s` of its own time at every grab. Without `loop` the last picture stays."""

    def __init__(self, camera_id: str, path: Path, *, step_s: float, loop: bool = True, is_live: bool = False) -> None:
        self._camera_id = camera_id
        self._path = path
        self._step_s = step_s
        self._loop = loop
        self._video: cv2.VideoCapture | None = None
        self._last_bgr: BgrImage | None = None
        self._frames_read_count = 0
        self._due_s = 0.0
        self.is_live = is_live

    def grab(self) -> Frame:
        """Decode up to the picture whose time it is."""
        image_bgr = self._read_due()
        if image_bgr is None and self._loop:
            self.close()
            image_bgr = self._read_due()
        if image_bgr is None:
            image_bgr = self._last_bgr
        if image_bgr is None:
            raise CameraLost(f"camera {self._camera_id}: {self._path} holds no picture that can be decoded")
        self._last_bgr = image_bgr
        return stamp(image_bgr, self._camera_id)

    def close(self) -> None:
        """Close the file; the next grab begins at its start."""
        if self._video is not None:
            self._video.release()
        self._video = None
        self._frames_read_count = 0
        self._due_s = 0.0

    def _read_due(self) -> BgrImage | None:
        if self._video is None:
            self._video = cv2.VideoCapture(str(self._path))
        frames_per_s = self._video.get(cv2.CAP_PROP_FPS) or 25.0
        while self._frames_read_count < self._due_s * frames_per_s:
            if not self._video.grab():
                return None
            self._frames_read_count += 1
        arrived, image_bgr = self._video.read()
        if not arrived:
            return None
        self._frames_read_count += 1
        self._due_s += self._step_s
        return image_bgr  # type: ignore[return-value] # a decoded video is always uint8 BGR


def _read(path: Path, camera_id: str) -> BgrImage:
    try:
        return read_picture(path)
    except PictureError as error:
        if path.exists():
            raise BrokenFrame(f"camera {camera_id}: {error}") from error
        raise CameraLost(f"camera {camera_id}: {path} is missing") from error
