# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lets a node know its camera's view from the first look, as one does that has hung there for a while.

A node that never saw its bay needs a minute to learn the view, and a knock within it goes unnoticed.
"""

from datetime import datetime
from pathlib import Path

import numpy as np

from calibration.document import Calibration
from calibration.view import CameraView
from contract.model_card import DetectorLabel
from edge.detections import Detections
from edge.frames import BgrImage
from edge.glimpse import glimpse
from edge.reference import Reference, draw_ground, smoothed
from edge.reference_file import ReferenceFile


def keep_view(state_folder: Path, calibration: Calibration, image_bgr: BgrImage, captured_at: datetime) -> None:
    """Write the reference that the node would have kept of this picture, uint8 (height, width, 3), before it starts.

    Goods are where the zones are: nothing is asked of a detector.
    """
    state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    grey = smoothed(glimpse(image_bgr).detail)
    nothing = Detections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), tuple(DetectorLabel)
    )
    view = CameraView(calibration, (grey.shape[1], grey.shape[0]))
    ground = draw_ground(view, nothing, grey.shape[1] / image_bgr.shape[1])
    reference = Reference(calibration.calibration_id, captured_at, grey, ground, np.eye(3))
    ReferenceFile(state_folder, calibration.camera_id).keep(reference)
