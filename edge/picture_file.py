# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads one picture file into BGR, or says in one line why it cannot.

Stated choices: the EXIF orientation is applied, so boxes are in the upright picture that a person sees; 16-bit channels
keep their upper 8 bits; grey becomes three equal channels; CMYK becomes RGB without a colour profile; transparent parts
are shown on white. A file whose end is missing is refused: half a shelf would read as an empty one.
"""

from pathlib import Path

import cv2
import numpy as np

from edge.errors import PictureError
from edge.frames import BgrImage
from edge.picture_header import HeaderFault, read_header

MAX_PICTURE_PX = 120_000_000
"""Pixels a picture may have; a small file that unpacks to gigabytes is refused before it is unpacked."""

MAX_PICTURE_BYTES = 256 * 1024 * 1024

_STRIP_ROWS = 64

FILLED_ROWS_COUNT = 8
"""So many rows of nothing but the grey of a JPEG decoder at a loss, from side to side, are no part of a shelf."""

_FILLING_GREY = 128

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""File names taken from a folder; a file named on its own is judged by its content alone."""


def read_picture(path: Path) -> BgrImage:
    """Read a picture file as uint8 (height, width, 3), upright.

    Raises PictureError with one line that begins with the path.
    """
    try:
        byte_count = path.stat().st_size
        if byte_count > MAX_PICTURE_BYTES:
            raise PictureError(f"{path}: {byte_count} bytes, more than the {MAX_PICTURE_BYTES} allowed")
        encoded = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return decode_picture(encoded)
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from error


def decode_picture(encoded: bytes) -> BgrImage:
    """Decode one whole picture from memory to uint8 (height, width, 3), upright.

    Raises PictureError with one line.
    """
    try:
        header = read_header(encoded)
    except HeaderFault as fault:
        raise PictureError(str(fault)) from fault
    width_px, height_px = header.stored_wh_px
    if width_px * height_px > MAX_PICTURE_PX:
        raise PictureError(f"{width_px} x {height_px} pixels, more than the {MAX_PICTURE_PX} allowed")
    image_bgr = _decode(encoded, cv2.IMREAD_COLOR)
    if header.file_format == "jpeg" and ends_in_filling(image_bgr):
        raise PictureError("part of the picture is missing; the file is damaged")
    if header.has_alpha:
        image_bgr = _on_white(image_bgr, encoded)
    return image_bgr


def ends_in_filling(image_bgr: BgrImage) -> bool:
    """Whether a decoded JPEG runs out into even grey at one side.

    Where the coded data of a baseline picture end too early, libjpeg leaves what is missing at coefficients of nought,
    which is the grey 128 in every channel, and says so in a warning that OpenCV does not pass on. A camera's own grey
    has noise. All four sides are asked, since the picture may have been turned upright.
    """
    bands = (
        image_bgr[-FILLED_ROWS_COUNT:],
        image_bgr[:FILLED_ROWS_COUNT],
        image_bgr[:, -FILLED_ROWS_COUNT:],
        image_bgr[:, :FILLED_ROWS_COUNT],
    )
    return any(bool((band == _FILLING_GREY).all()) for band in bands)


def picture_paths(paths: list[Path]) -> list[Path]:
    """Replace each folder by its picture files in sorted order; keep files as they are named."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES)
        else:
            found.append(path)
    return found


def _decode(encoded: bytes, flags: int) -> BgrImage:
    try:
        decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    except cv2.error as error:
        raise PictureError(f"cannot be decoded ({error.err})") from error
    if decoded is None or decoded.size == 0:
        raise PictureError("cannot be decoded; the file is damaged")
    return decoded  # type: ignore[return-value] # IMREAD_COLOR always gives uint8


def _on_white(image_bgr: BgrImage, encoded: bytes) -> BgrImage:
    raw = _decode(encoded, cv2.IMREAD_UNCHANGED)
    if raw.ndim != 3 or raw.shape[2] != 4 or raw.shape[:2] != image_bgr.shape[:2]:  # noqa: PLR2004 - 3 axes, 4 channels
        return image_bgr
    # By strips: floats of a whole large picture would take gigabytes.
    for top in range(0, len(raw), _STRIP_ROWS):
        strip = image_bgr[top : top + _STRIP_ROWS]
        opaque_fraction = raw[top : top + _STRIP_ROWS, :, 3:].astype(np.float32) / np.iinfo(raw.dtype).max
        strip[:] = (strip * opaque_fraction + 255.0 * (1 - opaque_fraction)).round().astype(np.uint8)
    return image_bgr
