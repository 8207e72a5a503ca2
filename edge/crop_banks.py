# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far packs are from the crops of a product, cell by cell, each shifted and scaled as its box may be off. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.crop_features import (
    CELLS_ACROSS,
    CELLS_DOWN,
    FEATURES_COUNT,
    WINDOWS,
    FloatArray,
    cells,
    cells_in_columns_windows,
    cells_in_rows_windows,
    planes_of,
)

NEAREST_COUNT = 4
"""So many of a product's crops, the most alike, explain a pack together: packs of one facing are seen at one angle."""

_FAR = np.float32(1e9)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How packs (n,) compare with crops of a product.

    `difference` (n, CELLS_DOWN * CELLS_ACROSS) of each cell, `distance` (n,) from the nearest crop in root mean square
    of features; `cells` and `crop` (n, FEATURES_COUNT) are the pack as best boxed, and that crop.
    """

    difference: FloatArray
    distance: FloatArray
    cells: FloatArray
    crop: FloatArray

    def of(self, chosen: NDArray[np.int64]) -> "Fit":
        """That of the packs with these indices."""
        return Fit(self.difference[chosen], self.distance[chosen], self.cells[chosen], self.crop[chosen])


class CropBanks:
    """The crops of all products, as `cells` float32 (products, crops, FEATURES_COUNT); missing ones are far away."""

    def __init__(self, thumbnails: NDArray[np.uint8], product: NDArray[np.int64]) -> None:
        counts = np.bincount(product)
        self.place = np.zeros(len(product), np.int64)
        """Which crop of its product each is."""
        for index, count in enumerate(counts.tolist()):
            self.place[product == index] = np.arange(count)
        self.product = product
        self.planes = planes_of(thumbnails)
        self.bank = np.zeros((len(counts), int(counts.max(initial=0)), FEATURES_COUNT), np.float32)
        self.bank[product, self.place] = cells(self.planes)
        self._squared = np.full(self.bank.shape[:2], _FAR, np.float32)
        self._squared[product, self.place] = (self.bank[product, self.place] ** 2).sum(axis=1)

    def fit(
        self,
        planes: FloatArray,
        product: NDArray[np.int64],
        left_out: NDArray[np.int64] | None = None,
        *,
        windows_count: int = len(WINDOWS),
    ) -> Fit:
        """Compare packs with the crops of one product each, or of several.

        `planes` (n, 3, HEIGHT_PX, WIDTH_PX), `product` (n,) or (n, products), the latter fitted row by row;
        `left_out` (n,) a crop that counts for nothing; `windows_count` of `WIDE_WINDOWS` are tried. The height is found
        first, then the width, then the crops: 14 windows in place of 49.
        """
        times = 1 if product.ndim == 1 else product.shape[1]
        product = product.ravel()
        numbers = np.arange(len(product))
        bank, squared = self.bank[product], self._squared[product]
        if left_out is not None:
            squared[numbers, left_out] = _FAR
        tried = cells_in_rows_windows(planes, windows_count).repeat(times, axis=0)
        rows_window = _squared_distances(tried, bank, squared).min(axis=2).argmin(axis=1)
        tried = cells_in_columns_windows(planes.repeat(times, axis=0), rows_window, windows_count)
        apart = _squared_distances(tried, bank, squared)
        columns_window = apart.min(axis=2).argmin(axis=1)
        found, apart = tried[numbers, columns_window], apart[numbers, columns_window]
        nearest = np.argsort(apart, axis=1)[:, :NEAREST_COUNT]
        missing = np.take_along_axis(squared, nearest, axis=1) >= _FAR
        crops = bank[numbers[:, None], nearest]
        difference = ((found[:, None] - crops) ** 2).reshape(*nearest.shape, 3, CELLS_DOWN * CELLS_ACROSS).sum(axis=2)
        difference[missing] = _FAR
        least = np.maximum(apart.min(axis=1, initial=_FAR), 0) / FEATURES_COUNT
        return Fit(np.sqrt(difference.min(axis=1, initial=_FAR)), np.sqrt(least), found, crops[:, 0])

    def distances(self, packs: FloatArray) -> FloatArray:
        """Distance (n, products) of the cells (n, FEATURES_COUNT) of packs from each product's nearest crop."""
        flat = self.bank.reshape(-1, FEATURES_COUNT)
        apart = (packs**2).sum(axis=1)[:, None] - 2 * packs @ flat.T + self._squared.reshape(-1)
        nearest = apart.reshape(len(packs), *self._squared.shape).min(axis=2)
        distances: FloatArray = np.sqrt(np.maximum(nearest, 0) / FEATURES_COUNT)
        return distances


def _squared_distances(tried: FloatArray, bank: FloatArray, squared: FloatArray) -> FloatArray:
    """Of cells (n, windows, FEATURES_COUNT) from crops (n, crops, FEATURES_COUNT): (n, windows, crops)."""
    own = (tried**2).sum(axis=2, keepdims=True)
    distances: FloatArray = own - 2 * (tried @ bank.swapaxes(1, 2)) + squared[:, None]
    return distances
