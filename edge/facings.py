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
_DECIMALS = 5
_MAX_PROBABILITIES = 512
_EDGE = 1e-6


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
    chances = np.array([1.0])
    for probability in probabilities[:MAX_FACINGS]:
        chances = np.convolve(chances, (1.0 - probability, probability))
    return trimmed_distribution(chances)


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
    likely = np.flatnonzero(chances >= _LEAST_PROBABILITY)
    first, last = int(likely[0]), int(likely[-1])
    if last - first >= _MAX_PROBABILITIES:
        middle = int(chances.argmax())
        first = min(max(first, middle - _MAX_PROBABILITIES // 2), last - _MAX_PROBABILITIES + 1)
        last = first + _MAX_PROBABILITIES - 1
    kept = chances[first : last + 1] / chances[first : last + 1].sum()
    rounded = [round(float(chance), _DECIMALS) for chance in kept]
    peak = int(kept.argmax())
    rounded[peak] = max(0.0, round(rounded[peak] + 1.0 - math.fsum(rounded), _DECIMALS))
    return FacingsDistribution(lowest_count=first, probabilities=tuple(rounded))


def _log_odds(fraction: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(fraction, _EDGE, 1.0 - _EDGE)
    log_odds: NDArray[np.float64] = np.log(inside / (1.0 - inside))
    return log_odds
