# SPDX-License-Identifier: AGPL-3.0-or-later
"""Batches of pictures of one shape, in a fresh order every epoch.

ultralytics trains on rectangles too, but then shows the pictures sorted by shape in the same order every time.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


class ShapedBatches:
    """Batches of indices, such as a loader takes them; no batch mixes shapes. Every pass shuffles anew."""

    def __init__(self, shapes: NDArray[np.int64], batch_count: int, seed: int) -> None:
        """`shapes` is (pictures, 2): height and width of each picture at the network's input."""
        _, group = np.unique(shapes, axis=0, return_inverse=True)
        self._members = [np.flatnonzero(group.reshape(-1) == number) for number in range(int(group.max()) + 1)]
        self._batch_count = batch_count
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return sum(-(-len(members) // self._batch_count) for members in self._members)

    def __iter__(self) -> Iterator[list[int]]:
        batches = []
        for members in self._members:
            order = self._rng.permutation(members).tolist()
            batches += [order[start : start + self._batch_count] for start in range(0, len(order), self._batch_count)]
        for number in self._rng.permutation(len(batches)).tolist():
            yield batches[number]
