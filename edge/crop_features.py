# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a pack looks like, in 8 x 8 cells of brightness and colour. Pure.

Brightness is taken relative to the pack's own mean and spread, colour relative to its own mean brightness, so neither
a shadow nor another exposure changes the cells. A tint of the whole light does: it is measured over many packs and
taken out before, since that of a single pack cannot be told from the colour of its print.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

SIDE_PX = 40
"""Side of a thumbnail: the box in 32 x 32 pixels and a margin around it."""

MARGIN_PX = 4

CELLS_COUNT = 8
"""A side. Finer cells gained nothing on rendered shelves whose packs are 30 to 120 pixels high."""

WINDOWS = ((0.0, 1.0), (-0.09, 0.91), (0.09, 1.09), (-0.08, 1.08), (0.08, 0.92))
"""From where to where a box may really have reached along one axis, in its own sides: a detector's boxes are off by so
much. References are kept in every combination of them."""

_CORE_PX = SIDE_PX - 2 * MARGIN_PX
_LEAST_SPREAD = 0.06
_LEAST_BRIGHTNESS = 0.05
_BRIGHTNESS_WEIGHT, _COLOUR_WEIGHT = 0.7, 2.5
_LUMA_BGR = np.array([0.114, 0.587, 0.299], np.float32)  # ITU-R BT.601


def mean_colours(thumbnails: NDArray[np.uint8]) -> FloatArray:
    """Mean colour (n, 3) of each box, 0..1, its margin left out."""
    inside = thumbnails[:, MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    means: FloatArray = inside.mean(axis=(1, 2), dtype=np.float32) / np.float32(255)
    return means


def cells(thumbnails: NDArray[np.uint8], gains_bgr: FloatArray | None = None) -> FloatArray:
    """Cells float32 (n, 8, 8, 3) of thumbnails (n, SIDE_PX, SIDE_PX, 3): brightness, bluishness, reddishness.

    `gains_bgr` float32 (3,) is how much more of each colour the light has now than it had for the references.
    """
    return _pooled(thumbnails, gains_bgr, _POOL[:1])[:, 0]


def shifted_cells(thumbnails: NDArray[np.uint8]) -> FloatArray:
    """Cells float32 (n, windows, 8, 8, 3), one for every way in which the box may have been off."""
    return _pooled(thumbnails, None, _POOL)


def _pooled(thumbnails: NDArray[np.uint8], gains_bgr: FloatArray | None, pool: FloatArray) -> FloatArray:
    pixels = thumbnails.astype(np.float32) / np.float32(255)
    if gains_bgr is not None:
        pixels /= gains_bgr
    brightness = pixels @ _LUMA_BGR
    planes = np.stack([brightness, pixels[..., 0] - brightness, pixels[..., 2] - brightness], axis=1)
    down = np.einsum("agy,ncyx->ncagx", pool, planes, optimize=True)
    pooled = np.einsum("ncagx,bhx->nabghc", down, pool, optimize=True)
    pooled = pooled.reshape(len(thumbnails), len(pool) ** 2, CELLS_COUNT, CELLS_COUNT, 3)
    mean = pooled[..., :1].mean(axis=(2, 3), keepdims=True)
    spread = pooled[..., :1].std(axis=(2, 3), keepdims=True)
    lightness = _BRIGHTNESS_WEIGHT * (pooled[..., :1] - mean) / np.maximum(spread, _LEAST_SPREAD)
    colour = _COLOUR_WEIGHT * pooled[..., 1:] / np.maximum(mean, _LEAST_BRIGHTNESS)
    return np.concatenate([lightness, colour], axis=-1).astype(np.float32)


def _pooling(window: tuple[float, float]) -> FloatArray:
    """Weights float32 (8, SIDE_PX) with which a window along one axis of a thumbnail makes eight cells."""
    start, end = window
    along = start + (np.arange(_CORE_PX) + 0.5) / _CORE_PX * (end - start)
    at_px = np.clip(along * _CORE_PX + MARGIN_PX - 0.5, 0, SIDE_PX - 1.001)
    first, share = at_px.astype(int), at_px - np.floor(at_px)
    sampled = np.zeros((_CORE_PX, SIDE_PX))
    sampled[np.arange(_CORE_PX), first] = 1 - share
    sampled[np.arange(_CORE_PX), first + 1] += share
    weights = sampled.reshape(CELLS_COUNT, _CORE_PX // CELLS_COUNT, SIDE_PX).mean(axis=1)
    narrow: NDArray[np.float32] = weights.astype(np.float32)
    return narrow


_POOL = np.stack([_pooling(window) for window in WINDOWS])
