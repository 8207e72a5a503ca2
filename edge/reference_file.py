# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keeps a camera's reference view in the node's state folder, about 150 kB, so that a bump during a restart is seen."""

import io
import os
from datetime import datetime
from pathlib import Path

import numpy as np
import structlog

from edge.reference import Reference

log = structlog.get_logger()


_LAYOUT = 1
"""Of the file. A file of another layout is not read; a new reference is taken in its place."""

_LEAST_DETERMINANT = 1e-6


class ReferenceFile:
    """One file per camera, `reference-CAMERA_ID.npz`; it is replaced whole or stays as it is."""

    def __init__(self, state_dir: Path, camera_id: str) -> None:
        self._file = state_dir / f"reference-{camera_id}.npz"

    def load(self, calibration_id: str) -> Reference | None:
        """The reference kept for a calibration; None when there is none, or none that can be read."""
        try:
            content = self._file.read_bytes()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._complain(error)
            return None
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as kept:
                if int(kept["layout"]) != _LAYOUT or str(kept["calibration_id"]) != calibration_id:
                    return None
                reference = Reference(
                    calibration_id,
                    datetime.fromisoformat(str(kept["captured_at"])),
                    np.asarray(kept["grey"], np.uint8),
                    np.asarray(kept["ground"], np.uint8),
                    np.asarray(kept["from_anchor"], np.float64),
                )
        except Exception as error:  # noqa: BLE001 - a damaged archive makes NumPy and zipfile raise nearly anything
            self._complain(error)
            return None
        return reference if _is_sound(reference) else None

    def _complain(self, error: Exception) -> None:
        log.warning("a reference view cannot be read; a new one is taken", file=str(self._file), reason=str(error))

    def keep(self, reference: Reference) -> None:
        """Replace the file. A full disk costs the reference, not the node: the old one stays."""
        fresh = self._file.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                np.savez_compressed(
                    file,
                    layout=np.array(_LAYOUT),
                    calibration_id=np.array(reference.calibration_id),
                    captured_at=np.array(reference.captured_at.isoformat()),
                    grey=reference.grey,
                    ground=reference.ground,
                    from_anchor=reference.from_anchor,
                )
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._file)
        except OSError as error:
            log.warning("a reference view is not on disk", file=str(self._file), reason=str(error))


def _is_sound(reference: Reference) -> bool:
    """Whether all parts fit together; a map that cannot be turned round would stop the camera at each look."""
    grey, from_anchor = reference.grey, reference.from_anchor
    if grey.ndim != 2 or reference.ground.shape != grey.shape or from_anchor.shape != (3, 3):  # noqa: PLR2004
        return False
    return bool(np.all(np.isfinite(from_anchor)) and abs(np.linalg.det(from_anchor)) > _LEAST_DETERMINANT)
