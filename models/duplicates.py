# SPDX-License-Identifier: AGPL-3.0-or-later
"""Puts photographs that show the same into one group, so that no split can part them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from models.grouping import unite
from models.likeness import Likeness, alike_pairs


class Belonging(NamedTuple):
    """Where a photograph belongs; `duplicate_set` is the name of the first that shows the same, where several do."""

    group: str
    duplicate_set: str | None


def belongings(
    names: Sequence[str],
    groups: Sequence[str],
    likenesses: Sequence[Likeness],
    known_pairs: Iterable[tuple[int, int]] = (),
) -> list[Belonging]:
    """For every photograph its group and duplicates; groups that near duplicates join take the name of the first.

    `known_pairs` are indices of photographs that are known to show the same.
    """
    pairs = [(pair.first, pair.second) for pair in alike_pairs(list(likenesses))] + list(known_pairs)
    first = unite(range(len(names)), pairs)
    set_sizes = Counter(first.values())
    first_group = unite(groups, [(groups[one], groups[other]) for one, other in pairs])
    return [
        Belonging(first_group[group], names[first[index]] if set_sizes[first[index]] > 1 else None)
        for index, group in enumerate(groups)
    ]
