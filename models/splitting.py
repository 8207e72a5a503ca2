# SPDX-License-Identifier: AGPL-3.0-or-later
"""Chooses which groups of photographs train and which examine. Pure.

A group goes one way as a whole. One that holds a photograph which may not train examines always, and is no matter of
choice. The others are dealt out, heaviest first, to the part that lacks most of what they hold; then single groups move
as long as that brings the parts nearer to their shares. Equal seeds give equal splits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import WorkshopError

Weights = NDArray[np.float64]
ROUNDS_LIMIT = 50


@dataclass(frozen=True)
class Group:
    """`amounts` are counts that should be shared evenly: boxes of each label, and photographs."""

    name: str
    amounts: tuple[int, ...]
    may_train: bool


def choose_holdout(groups: Sequence[Group], fraction: float, seed: int) -> frozenset[str]:
    """Names of the groups that examine: about `fraction` of what may train, and all that may not.

    Raises WorkshopError when fewer than two groups may train.
    """
    if not 0 < fraction < 1:
        raise WorkshopError(f"--holdout-fraction {fraction:g}: expected more than 0 and less than 1")
    parts = _deal(groups, (1 - fraction, fraction), seed)
    return frozenset(name for name, part in parts.items() if part == 1) | always_examining(groups)


def choose_folds(groups: Sequence[Group], folds_count: int, seed: int) -> dict[str, int]:
    """For each group that may train the fold, from 0, in which it examines; in all others it trains.

    Raises WorkshopError when fewer groups than folds may train.
    """
    if folds_count < 2:  # noqa: PLR2004 - one fold would train on nothing
        raise WorkshopError(f"--folds {folds_count}: expected 2 or more")
    return _deal(groups, (1 / folds_count,) * folds_count, seed)


def always_examining(groups: Sequence[Group]) -> frozenset[str]:
    """Names of the groups that may not train."""
    return frozenset(group.name for group in groups if not group.may_train)


def _deal(groups: Sequence[Group], shares: tuple[float, ...], seed: int) -> dict[str, int]:
    free = sorted((group for group in groups if group.may_train), key=lambda group: group.name)
    if len(free) < len(shares):
        raise WorkshopError(
            f"{len(free)} groups of photographs that may train cannot make {len(shares)} parts; a group goes one "
            "way as a whole, so name finer groups (--group-by at the import) or ask for fewer parts"
        )
    rng = np.random.default_rng(seed)
    free = [free[index] for index in rng.permutation(len(free))]
    amounts = np.array([group.amounts for group in free], dtype=np.float64)
    weights = amounts / np.maximum(amounts.sum(axis=0), 1)
    targets = np.outer(shares, (weights.sum(axis=0) > 0).astype(np.float64))
    order = np.argsort(-weights.sum(axis=1), kind="stable")
    part_of = np.full(len(free), -1)
    filled = np.zeros_like(targets)
    for place, index in enumerate(order):
        gains = (targets - filled) @ weights[index]
        empty = [part for part in range(len(shares)) if not (part_of == part).any()]
        # Every part gets a group: the last ones go where nothing is yet.
        choices = empty if len(order) - place <= len(empty) else range(len(shares))
        part_of[index] = max(choices, key=lambda part: gains[part])
        filled[part_of[index]] += weights[index]
    _improve(part_of, filled, weights, targets)
    return {group.name: int(part) for group, part in zip(free, part_of, strict=True)}


def _improve(part_of: NDArray[np.int64], filled: Weights, weights: Weights, targets: Weights) -> None:
    """Move single groups while the sum of squared distances from the targets falls."""
    for _ in range(ROUNDS_LIMIT):
        moved = False
        for index in range(len(part_of)):
            here = int(part_of[index])
            if (part_of == here).sum() == 1:
                continue
            costs = [_cost_after(filled, targets, weights[index], here, there) for there in range(len(targets))]
            there = int(np.argmin(costs))
            if costs[there] < costs[here] - 1e-12:
                filled[here] -= weights[index]
                filled[there] += weights[index]
                part_of[index] = there
                moved = True
        if not moved:
            return


def _cost_after(filled: Weights, targets: Weights, weight: Weights, here: int, there: int) -> float:
    after = filled.copy()
    after[here] -= weight
    after[there] += weight
    return float(((after - targets) ** 2).sum())
