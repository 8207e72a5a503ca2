# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures that show the same are found, whatever was done to them; pictures that differ are left apart."""

from collections.abc import Callable
from pathlib import PurePosixPath

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.duplicates import belongings
from models.grouping import GroupRule, unite
from models.likeness import alike_pairs, likeness_of

Image = NDArray[np.uint8]


def bay(seed: int) -> Image:
    """A shelf of coloured packs in rows, different for every seed."""
    rng = np.random.default_rng(seed)
    picture = np.full((360, 480, 3), int(rng.integers(90, 200)), np.uint8)
    top = 0
    while top < 360:
        height = int(rng.integers(50, 110))
        left = int(rng.integers(0, 30))
        while left < 480:
            width = int(rng.integers(24, 70))
            colour = tuple(int(part) for part in rng.integers(0, 256, 3))
            high = int(rng.integers(height // 2, height))
            cv2.rectangle(
                picture, (left, top + height - high), (left + width - 3, top + height - 8), colour, cv2.FILLED
            )
            left += width + int(rng.integers(0, 12))
        top += height
    return picture


def _jpeg(picture: Image) -> Image:
    small = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 1), dtype=np.uint8)


def _moved(picture: Image) -> Image:
    return np.asarray(cv2.warpAffine(picture, np.array([[1.0, 0, 9], [0, 1, 6]]), (480, 360)), dtype=np.uint8)


CHANGES: dict[str, Callable[[Image], Image]] = {
    "smaller and compressed": _jpeg,
    "darker": lambda picture: (picture * 0.6 + 10).astype(np.uint8),
    "mirrored": lambda picture: picture[:, ::-1],
    "mirrored and darker": lambda picture: (picture[:, ::-1] * 0.7).astype(np.uint8),
    "trimmed": lambda picture: picture[20:340, 40:440],
    "trimmed at one corner": lambda picture: picture[:310, 70:],
    "trimmed and mirrored": lambda picture: picture[30:, :420][:, ::-1],
    "moved by a hand": _moved,
}


@pytest.mark.parametrize("change", CHANGES)
@settings(max_examples=12)
@given(seed=st.integers(0, 10_000))
def test_a_variant_of_a_picture_is_recognised(change: str, seed: int) -> None:
    picture = bay(seed)
    variant = np.ascontiguousarray(CHANGES[change](picture))
    (pair,) = alike_pairs([likeness_of(picture), likeness_of(bay(seed + 1)), likeness_of(variant)])
    assert (pair.first, pair.second) == (0, 2)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=6, unique=True))
def test_other_bays_are_left_apart(seeds: list[int]) -> None:
    assert alike_pairs([likeness_of(bay(seed)) for seed in seeds]) == []


def test_pictures_that_show_nothing_resemble_nothing() -> None:
    blank = likeness_of(np.full((100, 100, 3), 128, np.uint8))
    assert alike_pairs([blank, blank, likeness_of(bay(1))]) == []
    assert alike_pairs([]) == []


keys = st.integers(0, 12)


@given(st.lists(st.tuples(keys, keys), max_size=20))
def test_union_joins_what_a_chain_of_pairs_joins_and_nothing_else(pairs: list[tuple[int, int]]) -> None:
    first = unite(range(13), pairs)
    reachable = {key: {key} for key in range(13)}
    for _ in range(13):
        for one, other in pairs:
            both = reachable[one] | reachable[other]
            for member in both:
                reachable[member] = both
    assert first == {key: min(members) for key, members in reachable.items()}


def test_groups_that_share_a_picture_become_one() -> None:
    pictures = [bay(1), bay(2), bay(2)[:, ::-1], bay(3), bay(4)]
    likenesses = [likeness_of(np.ascontiguousarray(picture)) for picture in pictures]
    belong = belongings(["a", "b", "c", "d", "e"], ["north", "north", "south", "south", "east"], likenesses)
    assert [where.group for where in belong] == ["north", "north", "north", "north", "east"]
    assert [where.duplicate_set for where in belong] == [None, "b", "b", None, None]


@pytest.mark.parametrize(
    ("rule", "group"),
    [
        ("folder", "shop/aisle 3"),
        ("picture", "shop/aisle 3/cam2_001.jpg"),
        ("all", "shop"),
        ("name:^(cam[0-9]+)_", "shop/cam2"),
        ("name:cam", "shop/cam"),
        ("field:bay", "shop/7"),
        ("field:row", None),
        ("name:^x", None),
    ],
)
def test_a_group_follows_from_the_rule(rule: str, group: str | None) -> None:

    path = PurePosixPath("aisle 3/cam2_001.jpg")
    assert GroupRule.parse(rule).group_of(path, {"bay": "7"}, "shop") == group
