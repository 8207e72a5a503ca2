# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a strange pack differs from the crop nearest to it: in its print, in white where there was colour, in hue. Pure.

`packs` and `crops` are cells float32 (n, FEATURES_COUNT) of `edge.crop_features`, row i of one belonging to row i of
the other.
"""

import numpy as np

from edge.crop_features import CELLS_ACROSS, CELLS_DOWN, INNER_COLUMNS, INNER_ROWS, FloatArray

_AROUND_COUNT = 5
"""Print is what differs from the mean over so many cells around, both ways."""

_WHITE_SHARE, _COLOURED = 0.5, 0.15
"""A cell turned white has less than this share of the colour that it had, and had more than that."""


def print_likeness(packs: FloatArray, crops: FloatArray) -> FloatArray:
    """Correlation (n,) of the coloured print of two faces, -1 to 1: high for a damaged front, low for another face."""
    ours, theirs = _prints(packs), _prints(crops)
    both = np.sqrt((ours**2).sum(axis=1) * (theirs**2).sum(axis=1))
    likeness: FloatArray = (ours * theirs).sum(axis=1) / np.maximum(both, 1e-6)
    return likeness


def whitened_fractions(packs: FloatArray, crops: FloatArray) -> FloatArray:
    """Share (n,) of inner cells that are brighter and colourless where the crop has colour: tables, bar codes."""
    ours, theirs = _parted(packs)[..., INNER_ROWS, INNER_COLUMNS], _parted(crops)[..., INNER_ROWS, INNER_COLUMNS]
    colour, was = np.hypot(ours[:, 1], ours[:, 2]), np.hypot(theirs[:, 1], theirs[:, 2])
    whitened = (colour < _WHITE_SHARE * was) & (was > _COLOURED) & (ours[:, 0] > theirs[:, 0])
    fractions: FloatArray = whitened.mean(axis=(1, 2), dtype=np.float32)
    return fractions


def colour_distances(packs: FloatArray, crops: FloatArray) -> FloatArray:
    """Distance (n,) between the mean colours of two faces."""
    apart = (_parted(packs) - _parted(crops))[:, 1:].mean(axis=(2, 3))
    distances: FloatArray = np.linalg.norm(apart, axis=1)
    return distances


def _parted(features: FloatArray) -> FloatArray:
    return features.reshape(len(features), 3, CELLS_DOWN, CELLS_ACROSS)


def _around(count: int) -> FloatArray:
    """Weights (count, count) of the mean over the neighbours along one axis, mirrored at the ends."""
    weights = np.zeros((count, count), np.float32)
    for step in range(-(_AROUND_COUNT // 2), _AROUND_COUNT // 2 + 1):
        at = np.abs(np.arange(count) + step)
        at = np.where(at >= count, 2 * (count - 1) - at, at)
        weights[np.arange(count), at] += 1 / _AROUND_COUNT
    return weights


_AROUND_DOWN, _AROUND_ACROSS = _around(CELLS_DOWN), _around(CELLS_ACROSS)


def _prints(features: FloatArray) -> FloatArray:
    parted = _parted(features)[:, 1:]
    around: FloatArray = np.matmul(np.matmul(_AROUND_DOWN, parted), _AROUND_ACROSS.T)
    fine: FloatArray = parted - around
    return fine[..., INNER_ROWS, INNER_COLUMNS].reshape(len(features), -1)
