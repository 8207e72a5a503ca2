# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pictures on which a network's ranges are measured: renders, and photographs that may train.

What a picture leaves in the weights' scales ships with them, so the licence chain of training holds here too.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.annotations import Photograph
from models.errors import LicenceError, WorkshopError
from models.letterboxed import STRIDE_PX, letterboxed_blob
from models.manifest import file_sha256

PICTURES_COUNT = 48
PHOTOGRAPHS_SHARE = 1 / 3
"""At most so many of the pictures are photographs: there are few, of few shops."""
SIDE_FACTORS = (1.0, 1.5)
"""Pictures are fed in turn at the default size and larger, as a node does that looks for small facings."""


def choose_pictures(
    renders: Sequence[Path], photographs: Sequence[Photograph], known: Iterable[Photograph] = (), *, count: int
) -> list[Path]:
    """`count` pictures, spread evenly over the sorted renders and photographs; fewer when there are not so many.

    `known` are further photographs whose licence is known. Raises LicenceError when one of `photographs`, or a render
    that is in truth one of `known`, may not train; WorkshopError when there is no picture at all.
    """
    for photograph in photographs:
        if not photograph.may_train:
            raise LicenceError(f"{photograph.path.name}: may_train is false ({photograph.licence}); leave it out")
    if not renders and not photographs:
        raise WorkshopError("no pictures to calibrate with: name a folder with images/train")
    free = sorted(photograph.path for photograph in photographs)
    chosen = _spread(free, min(len(free), max(round(count * PHOTOGRAPHS_SHARE), count - len(renders))))
    drawn = _spread(sorted(renders), count - len(chosen))
    closed = {file_sha256(one.path): one for one in known if not one.may_train}
    for path in drawn if closed else ():
        if (original := closed.get(file_sha256(path))) is not None:
            raise LicenceError(f"{path}: is {original.path.name}, whose may_train is false ({original.licence})")
    return [*drawn, *chosen]


def blobs(paths: Iterable[Path], long_side_px: int) -> Iterator[NDArray[np.float32]]:
    """Each picture as a node feeds it: float32 (1, 3, height, width), longer side about `long_side_px` or larger."""
    for number, path in enumerate(paths):
        side_px = long_side_px * SIDE_FACTORS[number % len(SIDE_FACTORS)]
        yield letterboxed_blob(path, round(side_px / STRIDE_PX) * STRIDE_PX)


def _spread(paths: list[Path], count: int) -> list[Path]:
    """`count` of the paths at even distances."""
    wanted = min(count, len(paths))
    return [paths[place * len(paths) // wanted] for place in range(wanted)]
