# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shelf rows of a picture, so that counts can be judged row by row.

Rows are formed from the true products, never from what was found: a detector cannot move the line that it is judged
by. Whatever else is on the picture, true or found, belongs to the row of the true product that is nearest.
"""

import numpy as np
from numpy.typing import NDArray

from models.annotations import Boxes

SAME_ROW_FRACTION = 0.5
"""Two products whose heights overlap by more than this share of the smaller stand on one shelf."""
SIDEWAYS_SHARE = 1 / 3
"""A gap sideways counts this much of a gap up or down, since rows run sideways."""
CENTRE_SHARE = 0.1
"""Share of the vertical distance of centres that decides between rows which a box overlaps alike."""

RowIndex = NDArray[np.int64]
"""(n,) number of the row of each box, counted from the top."""


def rows_of(products: Boxes, facings_per_row: tuple[int, ...] | None = None) -> RowIndex:
    """The row of every true product.

    Products whose heights overlap are chained into a row. Where the annotator stated `facings_per_row`, top down, and
    the chains say otherwise (tiers on one shelf, rows that slant into each other), the products are taken by their
    lower edges from the top, as many as stated; a statement that does not add up to the products is left aside.
    """
    chained = _chained(products)
    if facings_per_row is None or sum(facings_per_row) != len(products):
        return chained
    if tuple(np.bincount(chained, minlength=len(facings_per_row))) == facings_per_row:
        return chained
    rows = np.empty(len(products), dtype=np.int64)
    rows[np.argsort(products[:, 3], kind="stable")] = np.repeat(np.arange(len(facings_per_row)), facings_per_row)
    return rows


def nearest_row(boxes: Boxes, products: Boxes, rows: RowIndex) -> RowIndex:
    """The row of the nearest true product for every box; `rows` are those of the `products`, of which there is one."""
    if not len(boxes):
        return np.zeros(0, dtype=np.int64)
    gap_x, gap_y = (_gaps(boxes[:, axis::2], products[:, axis::2]) for axis in (0, 1))
    centres = np.abs(boxes[:, 1::2].mean(axis=1)[:, None] - products[:, 1::2].mean(axis=1)[None, :])
    return np.asarray(rows[np.argmin(gap_y + SIDEWAYS_SHARE * gap_x + CENTRE_SHARE * centres, axis=1)])


def row_counts(boxes: Boxes, products: Boxes, rows: RowIndex) -> NDArray[np.int64]:
    """How many of `boxes` belong to each row: (rows,)."""
    return np.bincount(nearest_row(boxes, products, rows), minlength=int(rows.max()) + 1).astype(np.int64)


def _gaps(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance between intervals (n, 2) and (m, 2), 0 where they meet: (n, m)."""
    apart = np.maximum(ours[:, None, 0], theirs[None, :, 0]) - np.minimum(ours[:, None, 1], theirs[None, :, 1])
    return np.asarray(np.maximum(apart, 0.0), dtype=np.float64)


def _chained(products: Boxes) -> RowIndex:
    top, bottom = products[:, 1], products[:, 3]
    height = np.maximum(bottom - top, 1e-9)
    shared = np.minimum(bottom[:, None], bottom[None, :]) - np.maximum(top[:, None], top[None, :])
    linked = shared > SAME_ROW_FRACTION * np.minimum(height[:, None], height[None, :])
    label = np.arange(len(products))
    while len(products):
        spread = np.where(linked, label[None, :], len(products)).min(axis=1)
        spread = np.minimum(spread, label)
        if np.array_equal(spread, label):
            break
        label = spread
    lines = sorted(set(label.tolist()), key=lambda row: float(np.median(bottom[label == row])))
    place = {row: number for number, row in enumerate(lines)}
    return np.array([place[row] for row in label.tolist()], dtype=np.int64)
