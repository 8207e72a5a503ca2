# SPDX-License-Identifier: AGPL-3.0-or-later
"""Thresholds chosen on golden counts, held back by the card's own, and which frames choose and which check. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from contract.model_card import DEFECT_LABELS, DetectorLabel
from models.golden import GoldenFrame
from models.recounting import LEAST_THRESHOLD, MOST_THRESHOLD, Thresholds

HOLD_FACINGS = 2.0
"""What it takes to move a threshold by 1 in log-odds (0.37 to 0.61, say): so many facings of error saved, over all
frames together. A few frames rarely save that; thirty do where the card is wrong. As in a maximum a posteriori
estimate, errors add up with the evidence and the pull of the prior does not."""
COARSE_COUNT, FINE_COUNT = 15, 13
ROUNDS_COUNT = 2
SPLIT_GROUPS_COUNT = 12
"""With fewer groups every one checks in turn, and the others choose; with as many, each third one only checks."""
CHECK_EVERY = 3
DIGITS = 3

Loss = Callable[[dict[DetectorLabel, float]], float]


@dataclass(frozen=True)
class Fold:
    """Indexes of the frames that choose, and of those that check what was chosen. Never one in both."""

    choosing: tuple[int, ...]
    checking: tuple[int, ...]


def folds_of(groups: Sequence[str], *, split: bool = False) -> list[Fold]:
    """One fold that keeps each third group for checking, or, of few groups, one fold a group (leave one group out).

    `groups` is the group of each frame, in order of time; equal ones stay together. `split` asks for one fold
    however few there are. Raises ValueError with fewer than two groups: nothing would be left to check on.
    """
    names = list(dict.fromkeys(groups))
    if len(names) < 2:  # noqa: PLR2004 - one to choose, one to check
        raise ValueError(
            "all golden frames belong to one group, so nothing is left to check on; add another hour or day"
        )
    each_in_turn = len(names) < SPLIT_GROUPS_COUNT and not split
    held = [{name} for name in names] if each_in_turn else [set(names[1::CHECK_EVERY])]
    return [
        Fold(
            tuple(index for index, name in enumerate(groups) if name not in kept),
            tuple(index for index, name in enumerate(groups) if name in kept),
        )
        for kept in held
    ]


def labels_with_evidence(frames: Iterable[GoldenFrame], labels: tuple[DetectorLabel, ...]) -> tuple[DetectorLabel, ...]:
    """The labels whose threshold the golden counts can judge; of the others the card's stands."""
    truths = [truth for frame in frames for truth in frame.truth.values()]
    judged: set[DetectorLabel] = set()
    if any(truth.facings_count is not None for truth in truths):
        judged.add(DetectorLabel.PRODUCT)
    if any(truth.gap_facings is not None for truth in truths):
        judged.add(DetectorLabel.GAP)
    judged |= {kind for truth in truths for kind in truth.defects_count if kind in DEFECT_LABELS}
    return tuple(label for label in labels if label in judged)


def choose(
    prior: Thresholds, start: Thresholds, labels: tuple[DetectorLabel, ...], loss: Loss
) -> dict[DetectorLabel, float]:
    """The thresholds of `labels` with the least loss plus hold, one label after the other, coarse, then fine.

    `loss` is in facings over all choosing frames. `prior` are the card's thresholds, towards which the hold pulls;
    `start` are those now in force, which are left only for something better.
    """
    best = dict(start)

    def price(thresholds: dict[DetectorLabel, float]) -> float:
        moved = sum((_log_odds(thresholds[label]) - _log_odds(prior[label])) ** 2 for label in labels)
        return loss(thresholds) + HOLD_FACINGS * moved

    low, high = _log_odds(LEAST_THRESHOLD), _log_odds(MOST_THRESHOLD)
    step = (high - low) / (COARSE_COUNT - 1)
    for turn in range(ROUNDS_COUNT):
        before = dict(best)
        for label in labels:
            if turn == 0:
                rungs = [prior[label], *(_fraction(spot) for spot in np.linspace(low, high, COARSE_COUNT))]
                best = _better(best, label, rungs, price)
            around = _log_odds(best[label])
            spots = np.clip(np.linspace(around - step, around + step, FINE_COUNT), low, high)
            best = _better(best, label, [_fraction(spot) for spot in spots], price)
        if turn and best == before:
            break
    return best


def _better(
    best: dict[DetectorLabel, float],
    label: DetectorLabel,
    rungs: Iterable[float],
    price: Loss,
) -> dict[DetectorLabel, float]:
    tried = [{**best, label: round(float(rung), DIGITS)} for rung in rungs]
    return min([best, *tried], key=price)


def _log_odds(fraction: float) -> float:
    inside = min(max(fraction, 1e-3), 1 - 1e-3)
    return math.log(inside / (1 - inside))


def _fraction(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
