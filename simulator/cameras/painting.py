# SPDX-License-Identifier: AGPL-3.0-or-later
"""Paints a scene for a camera and keeps what is dear: the shelf is drawn anew only when something on it changed."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulator.picture.render import Still, finish, render_still
from simulator.picture.scene import Scene

BgrPicture = NDArray[np.uint8]


class Painting:
    """The last scene of one camera. Equal scenes give equal pixels, whatever was painted before."""

    def __init__(self) -> None:
        self._drawn: tuple[Scene, Still] | None = None
        self._finished: tuple[Scene, BgrPicture] | None = None

    def picture(self, scene: Scene) -> BgrPicture:
        """The scene as the lens shows it, uint8 (height, width, 3), before exposure and noise. Do not write into it."""
        if self._finished is None or self._finished[0] != scene:
            # Noise and JPEG are the sensor's and the server's, so the generator decides nothing here.
            quiet = replace(scene, look=replace(scene.look, noise_sigma=0.0, jpeg_quality=0))
            painted = finish(self._still_of(replace(quiet, occluders=())), quiet, np.random.default_rng(0))
            self._finished = (scene, np.asarray(painted.image_bgr, dtype=np.uint8))
        return self._finished[1]

    def _still_of(self, shelf: Scene) -> Still:
        if self._drawn is None or self._drawn[0] != shelf:
            self._drawn = (shelf, render_still(shelf))
        return self._drawn[1]
