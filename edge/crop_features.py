# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a pack looks like, in 8 x 12 cells of brightness and colour. Pure.

All of a cell is relative to the pack's own mean brightness, so neither a shadow nor another exposure changes it. A tint
of the whole light does: it is measured over many packs and taken out before, since that of a single pack cannot be
told from the colour of its print.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

WIDTH_PX, HEIGHT_PX = 40, 60
"""Of a thumbnail: the box in 32 x 48 pixels and a margin around it."""

MARGIN_X_PX, MARGIN_Y_PX = 4, 6

CELLS_ACROSS, CELLS_DOWN = 8, 12
FEATURES_COUNT = 3 * CELLS_DOWN * CELLS_ACROSS

INNER_ROWS, INNER_COLUMNS = slice(1, -1), slice(1, -1)
"""The outermost cells show as much of the neighbours as of the pack."""

WINDOWS = ((0.0, 1.0), (-0.06, 0.94), (0.06, 1.06), (-0.06, 1.0), (0.0, 0.94), (0.0, 1.06), (0.06, 1.0))
"""From where to where a pack may really reach along one axis, in sides of its box: a detector's boxes are off by so
much. The first is the box itself."""

WIDE_WINDOWS = (*WINDOWS, (0.0, 0.88), (0.12, 0.88), (0.12, 1.0), (0.24, 0.88), (0.24, 1.0))
"""The same for a pack that may stand at another angle to the camera than the crops did, so that its box shows more of
its lid or side."""

_LEAST_BRIGHTNESS = 0.05
_COLOUR_WEIGHT = 1.5
_LUMA_BGR = np.array([0.114, 0.587, 0.299], np.float32)  # ITU-R BT.601
_PLANES = np.stack(
    [_LUMA_BGR, *(_COLOUR_WEIGHT * (np.eye(3, dtype=np.float32)[index] - _LUMA_BGR) for index in (0, 2))], axis=1
) / np.float32(255)
"""From blue, green, red to brightness, bluishness, reddishness."""


def mean_colours(thumbnails: NDArray[np.uint8]) -> FloatArray:
    """Mean colour (n, 3) of each box, 0..1, its margin left out; every second pixel will do."""
    inside = thumbnails[:, MARGIN_Y_PX:-MARGIN_Y_PX:2, MARGIN_X_PX:-MARGIN_X_PX:2]
    means: FloatArray = inside.mean(axis=(1, 2), dtype=np.float32) / np.float32(255)
    return means


def planes_of(thumbnails: NDArray[np.uint8], gains_bgr: FloatArray | None = None) -> FloatArray:
    """Brightness, bluishness, reddishness float32 (n, 3, HEIGHT_PX, WIDTH_PX) of thumbnails uint8 (n, ..., 3).

    `gains_bgr` float32 (3,) is how much more of each colour the light has now than it had for the references.
    """
    weights = _PLANES if gains_bgr is None else _PLANES / gains_bgr[:, None]
    turned = weights.T @ thumbnails.reshape(-1, 3).T.astype(np.float32)
    planes = turned.reshape(3, len(thumbnails), HEIGHT_PX, WIDTH_PX).swapaxes(0, 1)
    contiguous: FloatArray = np.ascontiguousarray(planes)
    return contiguous


def cells(planes: FloatArray) -> FloatArray:
    """Cells float32 (n, FEATURES_COUNT) of the boxes themselves, by plane, row, column."""
    pooled: FloatArray = _DOWN[0] @ (planes @ _ACROSS[0].T)
    return _relative(pooled)


def cells_in_rows_windows(planes: FloatArray, windows_count: int) -> FloatArray:
    """Cells float32 (n, windows, FEATURES_COUNT), for every way in which the box may be off in height."""
    pooled: FloatArray = _DOWN[:windows_count].reshape(-1, HEIGHT_PX) @ (planes @ _ACROSS[0].T)
    parted = pooled.reshape(len(planes), 3, windows_count, CELLS_DOWN, CELLS_ACROSS)
    return _relative(parted.swapaxes(1, 2))


def cells_in_columns_windows(planes: FloatArray, rows_window: NDArray[np.int64], windows_count: int) -> FloatArray:
    """Cells float32 (n, windows, FEATURES_COUNT), for every way in which the box may be off in width.

    `rows_window` (n,) is the one of `WINDOWS` that each box was found to reach over in height.
    """
    lowered: FloatArray = np.matmul(_DOWN[rows_window][:, None], planes)
    pooled: FloatArray = lowered @ _ACROSS[:windows_count].reshape(-1, WIDTH_PX).T
    parted = pooled.reshape(len(planes), 3, CELLS_DOWN, windows_count, CELLS_ACROSS)
    return _relative(parted.transpose(0, 3, 1, 2, 4))


def _relative(pooled: FloatArray) -> FloatArray:
    """Relative to the mean brightness; `pooled` (..., 3, CELLS_DOWN, CELLS_ACROSS) becomes (..., FEATURES_COUNT)."""
    flat = pooled.reshape(*pooled.shape[:-3], FEATURES_COUNT)
    brightness = flat[..., : FEATURES_COUNT // 3].mean(axis=-1, keepdims=True)
    relative: FloatArray = flat / np.maximum(brightness, np.float32(_LEAST_BRIGHTNESS))
    return relative


def _pooling(core_px: int, margin_px: int, cells_count: int, window: tuple[float, float]) -> FloatArray:
    """Weights float32 (cells, core and margins) with which a window along one axis of a thumbnail makes its cells."""
    start, end = window
    side_px = core_px + 2 * margin_px
    along = start + (np.arange(core_px) + 0.5) / core_px * (end - start)
    at_px = np.clip(along * core_px + margin_px - 0.5, 0, side_px - 1.001)
    first, share = at_px.astype(int), at_px - np.floor(at_px)
    sampled = np.zeros((core_px, side_px))
    sampled[np.arange(core_px), first] = 1 - share
    sampled[np.arange(core_px), first + 1] += share
    weights: FloatArray = sampled.reshape(cells_count, -1, side_px).mean(axis=1).astype(np.float32)
    return weights


_ACROSS = np.stack(list(map(partial(_pooling, WIDTH_PX - 2 * MARGIN_X_PX, MARGIN_X_PX, CELLS_ACROSS), WIDE_WINDOWS)))
_DOWN = np.stack(list(map(partial(_pooling, HEIGHT_PX - 2 * MARGIN_Y_PX, MARGIN_Y_PX, CELLS_DOWN), WIDE_WINDOWS)))
