# SPDX-License-Identifier: AGPL-3.0-or-later
"""From confidences of boxes to a distribution over the number of facings. Pure."""

import math

import numpy as np
from numpy.typing import NDArray

from contract.counts import MAX_FACINGS, FacingsDistribution

FLOOR_SHARE = 0.5
"""Boxes below the threshold still count a little, down to this share of it."""

SHARPNESS = 3.0

_LEAST_PROBABILITY = 1e-4
_STEPS_COUNT = 100_000
"""Probabilities are written with five decimals."""
_MAX_PROBABILITIES = 512
_EDGE = 1e-6

CERTAINLY_NONE = FacingsDistribution.certain(0)


def box_probability(confidence: NDArray[np.float32], threshold: float) -> NDArray[np.float64]:
    """Probability (n,) that each box is a facing, from the detector's confidence (n,).

    A box at the threshold is one half: the threshold that maximises F1 lies where a box is right about as often as not
    (Lipton, Elkan and Narayanaswamy 2014, "Optimal thresholding of classifiers to maximize F1 measure": it equals half
    the best F1). Around it the log-odds of being right rise `SHARPNESS` times as fast as those of the confidence, so
    that a confidence well above the threshold is nearly certain. The slope is an assumption until a card states a
    measured one.
    """
    odds_ratio = _log_odds(confidence.astype(np.float64)) - _log_odds(np.asarray(threshold, dtype=np.float64))
    probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-SHARPNESS * odds_ratio))
    return probability


def facings_distribution(probabilities: NDArray[np.float64]) -> FacingsDistribution:
    """Distribution of the number of true boxes among independent ones (Poisson binomial), by convolution."""
    return facings_distributions(probabilities, np.zeros(len(probabilities), dtype=np.int64), 1)[0]


def facings_distributions(
    probabilities: NDArray[np.float64], zone_index: NDArray[np.int64], zones_count: int
) -> list[FacingsDistribution]:
    """That of each zone's boxes. `zone_index` (n,) says whose each box is; a negative one is nobody's.

    All zones take their first box at once, then their second, and so on.
    """
    chosen = np.flatnonzero(zone_index >= 0)
    chosen = chosen[np.argsort(zone_index[chosen], kind="stable")]
    zones = zone_index[chosen]
    boxes_count = np.bincount(zones, minlength=zones_count)
    place_in_zone = np.arange(len(chosen)) - np.repeat(boxes_count.cumsum() - boxes_count, boxes_count)
    if (most_count := int(boxes_count.max(initial=0))) > MAX_FACINGS:
        countable = place_in_zone < MAX_FACINGS
        chosen, zones, place_in_zone = chosen[countable], zones[countable], place_in_zone[countable]
        most_count = MAX_FACINGS
    # Zones with many boxes come first, so that those which still have one to take are the first few columns.
    order = np.argsort(-boxes_count, kind="stable")
    column = np.empty_like(order)
    column[order] = np.arange(zones_count)
    is_facing = np.zeros((most_count, zones_count))
    is_facing[place_in_zone, column[zones]] = probabilities[chosen]
    is_none = 1.0 - is_facing
    taken_by = (-boxes_count[order]).searchsorted(-np.arange(most_count + 1), side="left").tolist()
    chances = np.zeros((most_count + 1, zones_count))
    chances[0] = 1.0
    for taken, columns in enumerate(taken_by[:-1]):
        before = chances[: taken + 1, :columns]
        one_more = before * is_facing[taken, :columns]
        before *= is_none[taken, :columns]
        chances[1 : taken + 2, :columns] += one_more
    distributions = [CERTAINLY_NONE] * zones_count
    for zone, distribution in zip(
        order.tolist(), _trimmed(np.ascontiguousarray(chances[:, : taken_by[0]].T)), strict=False
    ):
        distributions[zone] = distribution
    return distributions


def mean_distribution(distributions: list[FacingsDistribution]) -> FacingsDistribution:
    """Mixture, in equal parts, of several looks at the same shelf (at least one)."""
    highest = max(d.lowest_count + len(d.probabilities) for d in distributions)
    chances = np.zeros(highest)
    for distribution in distributions:
        start = distribution.lowest_count
        chances[start : start + len(distribution.probabilities)] += distribution.probabilities
    return trimmed_distribution(chances / len(distributions))


def shared_probability(first: FacingsDistribution, second: FacingsDistribution) -> float:
    """How much two distributions overlap: the sum over counts of the smaller probability, 0..1."""
    chances = {first.lowest_count + i: p for i, p in enumerate(first.probabilities)}
    return math.fsum(min(chances.get(second.lowest_count + i, 0.0), p) for i, p in enumerate(second.probabilities))


def trimmed_distribution(chances: NDArray[np.float64]) -> FacingsDistribution:
    """Distribution of `chances[i]` = P(i facings), without its negligible tails and with few decimals."""
    return _trimmed(chances[None, :])[0]


def _trimmed(chances: NDArray[np.float64]) -> list[FacingsDistribution]:
    """One trimmed distribution for each row of `chances` (zones, counts)."""
    if not len(chances):
        return []
    counts = np.arange(chances.shape[1])
    likely = chances >= _LEAST_PROBABILITY
    first = likely.argmax(axis=1)
    last = len(counts) - 1 - likely[:, ::-1].argmax(axis=1)
    wide = last - first >= _MAX_PROBABILITIES
    if wide.any():
        middle = chances.argmax(axis=1)
        nearer = np.minimum(np.maximum(first, middle - _MAX_PROBABILITIES // 2), last - _MAX_PROBABILITIES + 1)
        first = np.where(wide, nearer, first)
        last = np.where(wide, first + _MAX_PROBABILITIES - 1, last)
    kept = np.where((counts >= first[:, None]) & (counts <= last[:, None]), chances, 0.0)
    # In whole steps of the last decimal, so that what rounding took can be given to the likeliest count exactly.
    steps = np.rint(kept * (_STEPS_COUNT / kept.sum(axis=1, keepdims=True)))
    rows, peak = np.arange(len(steps)), kept.argmax(axis=1)
    steps[rows, peak] = np.maximum(steps[rows, peak] + _STEPS_COUNT - steps.sum(axis=1), 0.0)
    probabilities = (steps / _STEPS_COUNT).tolist()
    return [
        FacingsDistribution(lowest_count=start, probabilities=tuple(row[start : end + 1]))
        for row, start, end in zip(probabilities, first.tolist(), last.tolist(), strict=True)
    ]


def _log_odds(fraction: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(fraction, _EDGE, 1.0 - _EDGE)
    log_odds: NDArray[np.float64] = np.log(inside / (1.0 - inside))
    return log_odds
