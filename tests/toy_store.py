# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden frames of a store that the toy network overcounts at its card's thresholds."""

from pathlib import Path

import cv2
import numpy as np

from tests.toy_network import CELL_PX, shelf_picture, toy_calibration


def write_toy_store(folder: Path, *, frames_count: int = 8, ghosts_count: int = 3, wrongly: bool = False) -> Path:
    """A store of green packs, each frame with as many faint green reflections that are none.

    A pack scores 0.6 to 0.9 with the toy network, a reflection 0.38 to 0.44: between them lies the right threshold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cam-1.json").write_text(toy_calibration().to_json())
    rng = np.random.default_rng(5)
    text = 'store_id = "shop"\ncalibration = "cam-1.json"\n'
    for number in range(frames_count):
        picture = shelf_picture({}, seed=number)
        counts = {"left": int(rng.integers(2, 9)), "right": int(rng.integers(2, 9))}
        for zone, first_column in (("left", 0), ("right", 20)):
            levels = [*rng.uniform(0.6, 0.9, counts[zone]), *rng.uniform(0.38, 0.44, ghosts_count)]
            for place, level in enumerate(levels):
                x_px, y_px = (first_column + 2 * (place % 9)) * CELL_PX, (2 + 3 * (place // 9)) * CELL_PX
                picture[y_px : y_px + CELL_PX, x_px : x_px + CELL_PX] = (0, round(255 * level), 0)
        cv2.imwrite(str(folder / f"{number:02d}.png"), picture)
        told = {zone: count + (5 if wrongly and number % 2 else 0) for zone, count in counts.items()}
        facings = f"left = {told['left']}, right = {told['right']}"
        text += f'[[frames]]\npicture = "{number:02d}.png"\nfacings = {{ {facings} }}\n'
    path = folder / "golden.toml"
    path.write_text(text)
    return path
