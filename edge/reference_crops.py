# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reference crops: how the products of one calibration look from the front, in a file beside it.

The file holds thumbnails of packs and no features, so that a newer program reads it as well as the one that wrote it.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.document import Calibration
from edge.crop_features import HEIGHT_PX, WIDTH_PX
from edge.errors import ReferencesError, ReferencesMismatch

LAYOUT = 2
"""Of the file; it rises when an older program could no longer read a newer file."""

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_CROPS_COUNT = 512 * 24


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceCrops:
    """Crops of one camera's products as they should stand; entry i of each array belongs to crop i.

    `thumbnails` uint8 (n, HEIGHT_PX, WIDTH_PX, 3), `skus` (n,), `wh_mm` float32 (n, 2): the boxes on the bay plane.
    """

    calibration_id: str
    model_id: str
    thumbnails: NDArray[np.uint8]
    skus: tuple[str, ...]
    wh_mm: NDArray[np.float32]

    def belonging_to(self, calibration: Calibration) -> "ReferenceCrops":
        """Themselves. Raises ReferencesMismatch when they were taken with another calibration."""
        if self.calibration_id != calibration.calibration_id:
            raise ReferencesMismatch(
                f"the reference crops were taken with calibration {self.calibration_id}, camera "
                f"{calibration.camera_id} runs {calibration.calibration_id}: take them anew with "
                "`facings calibrate references`"
            )
        return self


def save_reference_crops(crops: ReferenceCrops, path: Path) -> None:
    """Write the file whole, or leave what was there. Raises ReferencesError when it cannot be written."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with fresh.open("wb") as file:
            np.savez_compressed(
                file,
                layout=np.array(LAYOUT),
                calibration_id=np.array(crops.calibration_id),
                model_id=np.array(crops.model_id),
                thumbnails=crops.thumbnails,
                skus=np.array(crops.skus, dtype=np.str_),
                wh_mm=crops.wh_mm,
            )
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ReferencesError(f"{path}: cannot be written ({error.strerror})") from error


def load_reference_crops(path: Path) -> ReferenceCrops:
    """Read the file. Raises ReferencesError naming what is wrong with it."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ReferencesError(f"{path}: larger than {MAX_FILE_BYTES} bytes; no file of reference crops")
        content = path.read_bytes()
    except OSError as error:
        raise ReferencesError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            layout = int(kept["layout"])
            crops = None
            if layout == LAYOUT:
                crops = ReferenceCrops(
                    str(kept["calibration_id"]),
                    str(kept["model_id"]),
                    np.asarray(kept["thumbnails"]),
                    tuple(str(sku) for sku in kept["skus"]),
                    np.asarray(kept["wh_mm"]),
                )
    except KeyError as error:
        raise ReferencesError(f"{path}: no file of reference crops, {error.args[0]}") from error
    except Exception as error:  # a damaged archive makes NumPy and zipfile raise nearly anything
        raise ReferencesError(f"{path}: no file of reference crops, or a damaged one ({error})") from error
    if crops is None:
        raise ReferencesError(f"{path}: layout: is {layout}, expected {LAYOUT}; take the crops anew")
    _check(crops, path)
    return crops


def _check(crops: ReferenceCrops, path: Path) -> None:
    count = len(crops.skus)
    if not 0 < count <= MAX_CROPS_COUNT:
        raise ReferencesError(f"{path}: skus: holds {count} crops, expected 1 to {MAX_CROPS_COUNT}")
    expected_shape = (count, HEIGHT_PX, WIDTH_PX, 3)
    if crops.thumbnails.dtype != np.uint8 or crops.thumbnails.shape != expected_shape:
        raise ReferencesError(
            f"{path}: thumbnails: is {crops.thumbnails.dtype} {crops.thumbnails.shape}, expected uint8 {expected_shape}"
        )
    if crops.wh_mm.shape != (count, 2) or not np.all(np.isfinite(crops.wh_mm)) or not np.all(crops.wh_mm > 0):
        raise ReferencesError(f"{path}: wh_mm: expected {count} positive widths and heights")
