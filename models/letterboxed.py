# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures as a network takes them, for the steps of the workshop that feed one without the node around it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.letterbox import BlobWriter, Letterbox
from models.pictures import read_image_bgr

STRIDE_PX = 32


def letterboxed_blob(path: Path, long_side_px: int) -> NDArray[np.float32]:
    """A picture file as float32 (1, 3, height, width), its longer side `long_side_px`, sides whole strides."""
    image_bgr = read_image_bgr(path)
    frame_wh_px = (image_bgr.shape[1], image_bgr.shape[0])
    scale = long_side_px / max(frame_wh_px)
    width_px, height_px = (max(1, -(-round(side * scale) // STRIDE_PX)) * STRIDE_PX for side in frame_wh_px)
    letterbox = Letterbox.fit(frame_wh_px, (width_px, height_px))
    return BlobWriter((width_px, height_px)).write(image_bgr, letterbox)
