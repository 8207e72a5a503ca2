# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a product box shows what belongs in its zone, by reference crops of the correctly filled shelf. Pure.

Each box is compared with the crops of its zone's product, cell by cell (`edge.crop_banks`). How far each cell of a good
pack is from the other crops is known from the crops themselves: a mean and a spread for every cell, as in PaDiM (Defard
et al. 2021, arXiv 2011.08785), over differences from a bank of a few good pictures, as in PatchCore (Roth et al. 2022,
arXiv 2106.08265), with cells of a thumbnail for deep features. A box is strange when its cells on the whole are further
off than those of good packs; no cell counts for much more than that, so that a neighbour that leans in is not enough.
A strange box is misplaced when another product explains it, else another face or damage. When in doubt it says so, and
nothing is flagged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from edge.crop_banks import CropBanks, Fit
from edge.crop_features import (
    CELLS_ACROSS,
    CELLS_DOWN,
    INNER_COLUMNS,
    INNER_ROWS,
    WIDE_WINDOWS,
    FloatArray,
    mean_colours,
    planes_of,
)
from edge.pack_traits import colour_distances, print_likeness, whitened_fractions
from edge.reference_crops import ReferenceCrops

SPREADS = 3.0
SPREAD_SLACK = 0.03
"""A cell is off by 1 when it is beyond the mean difference of good packs by so many spreads and the slack."""

LEAST_SPREAD_SHARE = 0.3
"""A spread is no less than this share of the mean: few crops that happen to agree prove little."""

MOST_OFF = 3.0
"""No cell counts for more."""

STRANGE_SCORE = 1.0
"""Mean over the cells of how far each is off, from which a box is strange."""

MISPLACED_RATIO, MISPLACED_GAIN = 1.25, 0.5
"""Another product must be nearer than the own one by this factor, and the box less strange by so much among it."""

MISPLACED_SCORE = 1.8
"""And no stranger than so. Packs of the other product stood elsewhere, at another angle to the camera."""

RIVALS_COUNT = 4
"""So many other products, the nearest by the box as it is, are tried with the box shifted and scaled."""

SAME_SIZE_RATIO = 1.5
"""A box that is longer or shorter than the product's by more along a side shows no single whole pack."""

PACK_COLOUR_DISTANCE = 0.6
"""The mean colours of a pack's faces differ by no more, whole or damaged; beyond it is a stranger in no crop."""

WHITE_WEIGHT = 4.0
"""A back lacks the front's print, and has white tables and bar codes where the front has colour. A face is another one
when the fraction turned white, so weighted, is more than the likeness of its print. Found on rendered packs."""

PLAIN_WHITE = 0.25
"""With so much turned white it is a back even where the box shows no whole pack: detectors box a table by itself."""

ALIKE_RATIO, ALIKE_REACH = 1.5, (0.06, 0.2)
"""Products are alike to a camera when crops of one are no further from the other than so many times as its own crops
are, and within this reach, in root mean square of features."""

LEAST_LIGHT_PRODUCTS_COUNT = 3
"""Different products that must be seen for the tint of the light to be told from that of packs."""

_MOST_TINT = 0.35
_USUAL_DIFFERENCE, _USUAL_SPREAD = 0.1, 0.06


class Finding(StrEnum):
    """What the second look says of a box."""

    FITS = "fits"
    UNSURE = "unsure"
    MISPLACED = "misplaced"
    WRONG_FACE = "wrong_face"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The finding for one box, and which product it is where it is `MISPLACED`."""

    finding: Finding
    sku: str | None = None


UNSURE = Verdict(Finding.UNSURE)
FITS = Verdict(Finding.FITS)


class SecondLook:
    """Made once per calibration and file of reference crops."""

    def __init__(self, crops: ReferenceCrops) -> None:
        self._skus = sorted(set(crops.skus))
        self._index = {sku: index for index, sku in enumerate(self._skus)}
        product = np.array([self._index[sku] for sku in crops.skus], np.int64)
        self._banks = CropBanks(crops.thumbnails, product)
        owns = [product == index for index in range(len(self._skus))]
        means_bgr = mean_colours(crops.thumbnails)
        self._mean_bgr = np.array([np.median(means_bgr[own], axis=0) for own in owns])
        self._wh_mm = np.array([np.median(crops.wh_mm[own], axis=0) for own in owns])
        among = self._banks.fit(self._banks.planes, product, self._banks.place)
        self._mean, self._spread = _usual(among.difference, owns)
        self.alike = self._alike(among.distance, owns)
        self._is_alike = np.array(
            [[other in self.alike[sku] or other == sku for other in self._skus] for sku in self._skus]
        )

    def judge(
        self, thumbnails: NDArray[np.uint8], zone_skus: Sequence[str], wh_mm: NDArray[np.floating]
    ) -> list[Verdict]:
        """One verdict per box, in their order.

        `thumbnails` uint8 (n, HEIGHT_PX, WIDTH_PX, 3) of the boxes of one frame, `zone_skus` (n,) what belongs where
        each stands, `wh_mm` (n, 2) their size on the bay plane. A product without crops is never judged.
        """
        product = np.array([self._index.get(sku, -1) for sku in zone_skus], np.int64)
        verdicts = [UNSURE] * len(product)
        asked = np.flatnonzero(product >= 0)
        if not len(asked):
            return verdicts
        product, thumbnails = product[asked], thumbnails[asked]
        planes = planes_of(thumbnails, self._light_gains(thumbnails, product))
        fit = self._banks.fit(planes, product)
        score = self._scores(fit, product)
        for index in asked.tolist():
            verdicts[index] = FITS
        strange = np.flatnonzero(score >= STRANGE_SCORE)
        if len(strange):
            sizes_mm = wh_mm[asked[strange]]
            found = self._strange_verdicts(fit.of(strange), planes[strange], product[strange], sizes_mm)
            for index, verdict in zip(asked[strange].tolist(), found, strict=True):
                verdicts[index] = verdict
        return verdicts

    def _scores(self, fit: Fit, product: NDArray[np.int64]) -> FloatArray:
        off = (fit.difference - self._mean[product]) / (SPREAD_SLACK + SPREADS * self._spread[product])
        inner = off.reshape(-1, CELLS_DOWN, CELLS_ACROSS)[:, INNER_ROWS, INNER_COLUMNS]
        scores: FloatArray = np.clip(inner, 0, MOST_OFF).mean(axis=(1, 2))
        return scores

    def _strange_verdicts(
        self, fit: Fit, planes: FloatArray, product: NDArray[np.int64], wh_mm: NDArray[np.floating]
    ) -> list[Verdict]:
        """What strange boxes (n,) are: packs of their product boxed in another way, else of another, else spoilt."""
        numbers = np.arange(len(product))
        rivals, is_rival = self._rivals(fit, product)
        asked = np.concatenate([product[:, None], rivals], axis=1)
        tried = self._banks.fit(planes, asked, windows_count=len(WIDE_WINDOWS))
        scores = self._scores(tried, asked.ravel()).reshape(asked.shape)
        distances = np.where(is_rival, tried.distance.reshape(asked.shape)[:, 1:], np.inf)
        best = distances.argmin(axis=1)
        other, other_score = rivals[numbers, best], scores[numbers, best + 1]
        is_other = (fit.distance >= MISPLACED_RATIO * distances[numbers, best]) & (other_score <= MISPLACED_SCORE)
        is_other &= self._scores(fit, product) - other_score >= MISPLACED_GAIN
        own = tried.of(numbers * asked.shape[1])
        usual_mm = self._wh_mm[product]
        ratio = np.maximum(wh_mm / usual_mm, usual_mm / np.maximum(wh_mm, 1e-3))
        is_pack = (ratio <= SAME_SIZE_RATIO).all(axis=1)
        is_pack &= colour_distances(own.cells, own.crop) <= PACK_COLOUR_DISTANCE
        whitened = whitened_fractions(own.cells, own.crop)
        is_turned = WHITE_WEIGHT * whitened > print_likeness(own.cells, own.crop)
        is_pack |= is_turned & (whitened >= PLAIN_WHITE)
        spoilt = [
            Verdict(Finding.WRONG_FACE if turned else Finding.DAMAGED) if whole else UNSURE
            for turned, whole in zip(is_turned.tolist(), is_pack.tolist(), strict=True)
        ]
        return [
            FITS
            if scores[row, 0] < STRANGE_SCORE
            else Verdict(Finding.MISPLACED, self._skus[other[row]])
            if is_other[row]
            else spoilt[row]
            for row in numbers.tolist()
        ]

    def _rivals(self, fit: Fit, product: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The other products (n, at most RIVALS_COUNT) nearest to boxes as they are, and which of these count."""
        distance = np.where(self._is_alike[product], np.inf, self._banks.distances(fit.cells))
        rivals = np.argsort(distance, axis=1)[:, :RIVALS_COUNT]
        return rivals, np.isfinite(np.take_along_axis(distance, rivals, axis=1))

    def _light_gains(self, thumbnails: NDArray[np.uint8], product: NDArray[np.int64]) -> FloatArray | None:
        """How much more of each colour (3,) there is now than in the crops, over all brightness; most packs are right.

        The median over boxes, of which those of one product together weigh as much as those of any other.
        """
        counts = np.bincount(product)
        if np.count_nonzero(counts) < LEAST_LIGHT_PRODUCTS_COUNT:
            return None
        gains = np.log(np.maximum(mean_colours(thumbnails), 0.02) / np.maximum(self._mean_bgr[product], 0.02))
        weights = 1 / counts[product]
        order = np.argsort(gains, axis=0)
        middle = (np.cumsum(weights[order], axis=0) >= weights.sum() / 2).argmax(axis=0)
        median = np.take_along_axis(gains, order[middle, np.arange(3)][None], axis=0)[0]
        tint = np.clip(median - median.mean(), -_MOST_TINT, _MOST_TINT)
        return np.asarray(np.exp(tint), dtype=np.float32)

    def _alike(self, own_distance: FloatArray, owns: list[NDArray[np.bool_]]) -> dict[str, frozenset[str]]:
        """For each product those that this camera cannot tell from it; whichever of two varies more decides."""
        known = own_distance[np.isfinite(own_distance) & (own_distance < 1)]
        usual = float(np.median(known)) if len(known) else 0.0
        alike: dict[str, set[str]] = {sku: set() for sku in self._skus}
        for index, own in enumerate(owns):
            fit = self._banks.fit(self._banks.planes[~own], np.full(np.count_nonzero(~own), index))
            own_usual = float(np.median(own_distance[own]))
            reach = np.clip(ALIKE_RATIO * max(own_usual if own_usual < 1 else 0.0, usual), *ALIKE_REACH)
            for other in set(self._banks.product[~own][fit.distance <= reach].tolist()):
                alike[self._skus[index]].add(self._skus[other])
                alike[self._skus[other]].add(self._skus[index])
        return {sku: frozenset(others) for sku, others in alike.items()}


def _usual(difference: FloatArray, owns: list[NDArray[np.bool_]]) -> tuple[FloatArray, FloatArray]:
    """Mean and spread (products, cells) of how far cells of good packs are from the other crops of their product.

    A single crop has nothing to be compared with: it is taken to vary as the crops of the other products do.
    """
    known = [difference[own] for own in owns if np.count_nonzero(own) > 1]
    usual_mean = np.mean([one.mean() for one in known] or [_USUAL_DIFFERENCE])
    usual_spread = np.mean([one.std(axis=0).mean() for one in known] or [_USUAL_SPREAD])
    mean = np.full((len(owns), difference.shape[1]), usual_mean, np.float32)
    spread = np.full_like(mean, usual_spread)
    for index, own in enumerate(owns):
        if np.count_nonzero(own) > 1:
            mean[index], spread[index] = difference[own].mean(axis=0), difference[own].std(axis=0)
    return mean, np.maximum(spread, LEAST_SPREAD_SHARE * mean)
