# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a product box shows what belongs in its zone, by reference crops of the correctly filled shelf. Pure.

Each box is compared with the crops of its zone's product, cell by cell, each crop shifted and scaled as boxes are off.
How far its cells usually differ is known from the crops themselves, each compared with the others of its product: the
memory bank and the few-shot calibration of PatchCore (Roth et al. 2022, arXiv 2106.08265), with cells for deep
features. Few cells far off are damage, many are another face, or another product when that explains the box better.
When in doubt it says so, and nothing is flagged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from edge.crop_features import CELLS_COUNT, cells, mean_colours, shifted_cells
from edge.reference_crops import ReferenceCrops

FloatArray = NDArray[np.float32]

BANK_COUNT = 8
"""So many of a product's crops, the most alike, explain a box together."""

SPREAD_SLACK = 0.25
"""Added to how far a cell usually differs, for what no reference photograph showed."""

SHIFT_SHARE = 0.5
"""Share of what a cell changes when its box is shifted and scaled (`crop_features.WINDOWS`) that is allowed for too:
the edges of a bold print are further off than its plain parts, however good the crop."""

OFF_SCORE = 1.0
"""A cell is off when it differs by more than its usual difference with the slack."""

MISPLACED_RATIO = 1.25
"""Another product must be nearer than the own one by this factor."""

MISPLACED_REACH = 0.6
"""And no further away than this, in root mean square of cells; packs of one product seldom are beyond 0.4."""

MISPLACED_OFF_FRACTION = 0.12
"""And so many cells must not be the own product's."""

WRONG_FACE_OFF_FRACTION = 0.25
"""A front of which so many cells are off is another face: damage leaves most of a front as it was."""

FACE_COLOUR_DISTANCE = 0.8
"""The faces of a pack share its colour: their mean colours differ by no more than this, in units of cells."""

SAME_SIZE_RATIO = 1.3
"""A box that is longer or shorter than the product's by more along a side shows no single whole pack."""

DAMAGE_SCORE = 1.7
"""Damaged is a front whose worst tenth of cells differs by so many times the usual difference."""

ALIKE_RATIO, ALIKE_REACH = 1.5, (0.2, 0.4)
"""Products are alike to a camera when a crop of one is no further from the other than so many times as its own crops
are, and within this reach, in root mean square of cells."""

LEAST_LIGHT_ZONES_COUNT = 3
"""Zones of different products that must be seen for the tint of the light to be told from that of packs."""

_MOST_TINT = 0.35
_WORST_CELLS_COUNT = CELLS_COUNT**2 // 10


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


@dataclass(frozen=True, slots=True, eq=False)
class _Product:
    """One product's crops: `bank` (m, windows, 192), `spread` (64,), colours and size of its front."""

    bank: FloatArray
    spread: FloatArray
    usual_distance: float
    colour: FloatArray
    mean_bgr: FloatArray
    wh_mm: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Likeness:
    """How boxes (n,) compare with a product: `distance`, and the score of each cell (n, 64), 1 being off."""

    distance: FloatArray
    score: FloatArray


class SecondLook:
    """Made once per calibration and file of reference crops."""

    def __init__(self, crops: ReferenceCrops) -> None:
        self._skus = np.array(crops.skus)
        fronts, shifted = _flat(cells(crops.thumbnails)), _flat(shifted_cells(crops.thumbnails))
        means_bgr = mean_colours(crops.thumbnails)
        self._products: dict[str, _Product] = {}
        differences: dict[str, FloatArray] = {}
        shifts = _shift_differences(fronts, shifted)
        for sku in sorted(set(crops.skus)):
            own = np.flatnonzero(self._skus == sku)
            differences[sku], distances = _left_one_out(fronts[own], shifted[own])
            self._products[sku] = _Product(
                bank=shifted[own],
                spread=differences[sku],
                usual_distance=float(distances.max(initial=0.0)),
                colour=_colours(fronts[own]).mean(axis=0),
                mean_bgr=np.median(means_bgr[own], axis=0),
                wh_mm=np.median(crops.wh_mm[own], axis=0),
            )
        self._widen_spreads(differences, {sku: shifts[self._skus == sku].mean(axis=0) for sku in self._products})
        self._bank, self._bank_skus = shifted, self._skus
        self.alike = self._alike(fronts)

    def judge(
        self, thumbnails: NDArray[np.uint8], zone_skus: Sequence[str], wh_mm: NDArray[np.floating]
    ) -> list[Verdict]:
        """One verdict per box, in their order.

        `thumbnails` uint8 (n, SIDE_PX, SIDE_PX, 3) of the boxes of one frame, `zone_skus` (n,) what belongs where each
        stands, `wh_mm` (n, 2) their size on the bay plane. A product without crops is never judged.
        """
        skus = np.array(zone_skus, dtype=np.str_)
        fronts = _flat(cells(thumbnails, self._light_gains(thumbnails, skus)))
        verdicts = [UNSURE] * len(skus)
        for sku in sorted(set(zone_skus) & self._products.keys()):
            own = np.flatnonzero(skus == sku)
            for index, verdict in zip(own.tolist(), self._verdicts(sku, fronts[own], wh_mm[own]), strict=True):
                verdicts[index] = verdict
        return verdicts

    def _verdicts(self, sku: str, fronts: FloatArray, wh_mm: NDArray[np.floating]) -> list[Verdict]:
        product = self._products[sku]
        likeness = _compare(fronts, product)
        off_fraction = (likeness.score > OFF_SCORE).mean(axis=1)
        worst = np.sort(likeness.score, axis=1)[:, -_WORST_CELLS_COUNT:].mean(axis=1)
        ratio = np.maximum(wh_mm / product.wh_mm, product.wh_mm / np.maximum(wh_mm, 1e-3))
        sized = (ratio <= SAME_SIZE_RATIO).all(axis=1)
        coloured = np.linalg.norm(_colours(fronts) - product.colour, axis=1) <= FACE_COLOUR_DISTANCE
        verdicts = [
            _own_verdict(*facts)
            for facts in zip(off_fraction.tolist(), worst.tolist(), sized.tolist(), coloured.tolist(), strict=True)
        ]
        strange = np.flatnonzero(off_fraction >= MISPLACED_OFF_FRACTION)
        if len(strange):
            for index, other in zip(
                strange.tolist(), self._nearest_other(sku, fronts[strange], likeness.distance[strange]), strict=True
            ):
                verdicts[index] = Verdict(Finding.MISPLACED, other) if other is not None else verdicts[index]
        return verdicts

    def _nearest_other(self, sku: str, fronts: FloatArray, own_distance: FloatArray) -> list[str | None]:
        """The product that explains each front clearly better than the own one; None where there is none."""
        rivals = np.flatnonzero((self._bank_skus != sku) & ~np.isin(self._bank_skus, sorted(self.alike[sku])))
        if not len(rivals):
            return [None] * len(fronts)
        distance = _distances(fronts, self._bank[rivals]).min(axis=2)
        nearest = distance.argmin(axis=1)
        least = distance[np.arange(len(fronts)), nearest]
        clear = (own_distance >= MISPLACED_RATIO * least) & (least <= MISPLACED_REACH)
        return [
            str(self._bank_skus[rivals[index]]) if stands else None
            for index, stands in zip(nearest.tolist(), clear.tolist(), strict=True)
        ]

    def _light_gains(self, thumbnails: NDArray[np.uint8], skus: NDArray[np.str_]) -> FloatArray | None:
        """How much more of each colour (3,) there is now than in the crops, over all brightness; most packs are right.

        The median over products of the median over a product's boxes, so that no crowded zone outvotes the others.
        """
        means_bgr = np.maximum(mean_colours(thumbnails), 0.02)
        gains = [
            np.median(np.log(means_bgr[skus == sku] / np.maximum(self._products[sku].mean_bgr, 0.02)), axis=0)
            for sku in sorted(set(skus.tolist()) & self._products.keys())
        ]
        if len(gains) < LEAST_LIGHT_ZONES_COUNT:
            return None
        middle = np.median(gains, axis=0)
        tint = np.clip(middle - middle.mean(), -_MOST_TINT, _MOST_TINT)
        return np.asarray(np.exp(tint), dtype=np.float32)

    def _widen_spreads(self, differences: dict[str, FloatArray], shifts: dict[str, FloatArray]) -> None:
        """No product is taken to vary less than most do: two crops that happen to agree prove little."""
        known = [difference for difference in differences.values() if np.isfinite(difference).all()]
        usual = np.median(np.concatenate(known)) if known else SPREAD_SLACK
        for sku, product in self._products.items():
            spread = np.where(np.isfinite(product.spread), product.spread, usual)
            widened = np.maximum(spread, usual) + SHIFT_SHARE * shifts[sku] + SPREAD_SLACK
            self._products[sku] = _Product(
                product.bank,
                widened.astype(np.float32),
                product.usual_distance,
                product.colour,
                product.mean_bgr,
                product.wh_mm,
            )

    def _alike(self, fronts: FloatArray) -> dict[str, frozenset[str]]:
        """For each product those that this camera cannot tell from it; whichever of two varies more decides."""
        usual = float(np.median([product.usual_distance for product in self._products.values()]))
        alike: dict[str, set[str]] = {sku: set() for sku in self._products}
        for sku, product in self._products.items():
            distance = _distances(fronts, product.bank).min(axis=(1, 2))
            near = distance <= np.clip(ALIKE_RATIO * max(product.usual_distance, usual), *ALIKE_REACH)
            for other in set(self._skus[near].tolist()) - {sku}:
                alike[sku].add(other)
                alike[other].add(sku)
        return {sku: frozenset(others) for sku, others in alike.items()}


def _own_verdict(off_fraction: float, worst_score: float, is_sized: bool, is_coloured: bool) -> Verdict:  # noqa: FBT001 - facts of one box
    if off_fraction >= WRONG_FACE_OFF_FRACTION:
        return Verdict(Finding.WRONG_FACE) if is_sized and is_coloured else UNSURE
    if worst_score >= DAMAGE_SCORE:
        return Verdict(Finding.DAMAGED) if is_sized else UNSURE
    return Verdict(Finding.FITS)


def _flat(cells_: FloatArray) -> FloatArray:
    return cells_.reshape(*cells_.shape[:-3], CELLS_COUNT**2 * 3)


def _colours(fronts: FloatArray) -> FloatArray:
    """Mean colour (n, 2) of fronts (n, 192)."""
    colours: FloatArray = fronts.reshape(len(fronts), CELLS_COUNT**2, 3)[..., 1:].mean(axis=1)
    return colours


def _distances(fronts: FloatArray, bank: FloatArray) -> FloatArray:
    """Root mean square difference (n, m, windows) of fronts (n, 192) from a bank (m, windows, 192)."""
    flat = bank.reshape(-1, bank.shape[-1])
    squared = (fronts**2).sum(axis=1)[:, None] - 2 * fronts @ flat.T + (flat**2).sum(axis=1)
    distances: FloatArray = np.sqrt(np.maximum(squared, 0) / bank.shape[-1])
    return distances.reshape(len(fronts), *bank.shape[:2])


def _differences(fronts: FloatArray, bank: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least difference (n, 64) of each cell from the crops most alike, and the distance (n,) from the nearest one."""
    distance = _distances(fronts, bank)
    window, least = distance.argmin(axis=2), distance.min(axis=2)
    nearest = np.argsort(least, axis=1, kind="stable")[:, :BANK_COUNT]
    explained = bank[nearest, np.take_along_axis(window, nearest, axis=1)]
    apart = (fronts[:, None] - explained).reshape(len(fronts), nearest.shape[1], CELLS_COUNT**2, 3)
    return np.sqrt((apart**2).sum(axis=3)).min(axis=1), least.min(axis=1)


def _shift_differences(fronts: FloatArray, shifted: FloatArray) -> FloatArray:
    """How much each cell (n, 64) of crops changes with their box, in root mean square over the windows."""
    apart = (shifted - fronts[:, None]).reshape(*shifted.shape[:2], CELLS_COUNT**2, 3)
    changes: FloatArray = np.sqrt((apart**2).sum(axis=3).mean(axis=1))
    return changes


def _compare(fronts: FloatArray, product: _Product) -> _Likeness:
    difference, distance = _differences(fronts, product.bank)
    return _Likeness(distance, difference / product.spread)


def _left_one_out(fronts: FloatArray, bank: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Greatest difference (64,) of each cell of a product's crops from the other crops, and the distances (m,).

    NaN for a single crop, which has nothing to be compared with.
    """
    if len(fronts) < 2:  # noqa: PLR2004 - a crop and another one
        return np.full(CELLS_COUNT**2, np.nan, np.float32), np.zeros(0, np.float32)
    found = [_differences(fronts[index : index + 1], np.delete(bank, index, axis=0)) for index in range(len(fronts))]
    return np.concatenate([one for one, _ in found]).max(axis=0), np.concatenate([one for _, one in found])
