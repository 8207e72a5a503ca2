# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shelf rows: formed from true products, and everything else put into the nearest."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from contract.model_card import DetectorLabel
from models.annotations import FoundBoxes, Photograph, as_boxes
from models.rows import nearest_row, row_counts, rows_of
from models.scoring import score_label

HEIGHTS = st.lists(st.floats(20, 90), min_size=1, max_size=5)


def _shelves(heights: list[float], facings: int, slant: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of packs of these heights, 40 px of air between them, each sinking by `slant` of a height to the right."""
    boxes, rows, top = [], [], 10.0
    for row, height in enumerate(heights):
        for column in range(facings):
            y = top + slant * height * column / max(1, facings - 1)
            boxes.append([column * 50.0, y, column * 50.0 + 45, y + height])
            rows.append(row)
        top += height * (1 + slant) + 40
    return as_boxes(boxes), np.array(rows)


@given(heights=HEIGHTS, facings=st.integers(1, 8), slant=st.floats(0, 0.4), seed=st.integers(0, 99))
def test_packs_on_one_shelf_are_one_row_also_when_the_shelf_slants(
    heights: list[float], facings: int, slant: float, seed: int
) -> None:
    boxes, rows = _shelves(heights, facings, slant)
    order = np.random.default_rng(seed).permutation(len(boxes))
    assert_array_equal(rows_of(boxes[order]), rows[order])


@given(heights=HEIGHTS, facings=st.integers(2, 8), slant=st.floats(0, 0.4), jitter=st.integers(0, 99))
def test_a_box_that_is_found_loosely_stays_in_the_row_of_its_product(
    heights: list[float], facings: int, slant: float, jitter: int
) -> None:
    boxes, rows = _shelves(heights, facings, slant)
    loose = boxes + np.random.default_rng(jitter).uniform(-8, 8, boxes.shape)
    assert_array_equal(nearest_row(loose, boxes, rows), rows)
    tags = boxes * [1, 0, 1, 0] + (boxes[:, [1, 3, 1, 3]] * [0, 0, 0, 1] + boxes[:, [0, 3, 0, 3]] * [0, 1, 0, 0])
    tags += [0, 2, 0, 14]  # a tag hangs right below its product
    assert_array_equal(nearest_row(tags, boxes, rows), rows)


def test_tiers_on_one_shelf_are_one_row_where_the_annotator_says_so() -> None:
    shelf = [[x, 0, x + 20, 60] for x in (0, 30)]
    tiers = [[x, y, x + 20, y + 18] for y in (100, 119) for x in (0, 30, 60)]
    boxes = as_boxes(shelf + tiers)
    assert np.bincount(rows_of(boxes)).tolist() == [2, 3, 3]
    assert np.bincount(rows_of(boxes, (2, 6))).tolist() == [2, 6]
    assert np.bincount(rows_of(boxes, (2, 7))).tolist() == [2, 3, 3]  # adds up to nothing that is there


def test_no_products_are_no_rows() -> None:
    assert len(rows_of(as_boxes([]))) == 0


def test_errors_that_cancel_out_over_a_picture_show_in_its_rows() -> None:
    boxes, rows = _shelves([40, 40], 3, 0)
    nothing = {label: as_boxes([]) for label in DetectorLabel}
    photograph = Photograph(
        path=Path("bay.png"),
        wh_px=(200, 200),
        source="here",
        group="bay",
        licence="",
        may_train=False,
        complete_for=frozenset({DetectorLabel.PRODUCT}),
        boxes_px=nothing | {DetectorLabel.PRODUCT: boxes},
        ignored_px=nothing,
    )
    wrong = as_boxes([[160, 95, 190, 130]])  # one too many below, one missed above
    found = FoundBoxes(np.concatenate([boxes[1:], wrong]), np.full(6, 0.9), (DetectorLabel.PRODUCT,) * 6)
    score = score_label(DetectorLabel.PRODUCT, [photograph], {"bay.png": found}, 0.5)
    assert score is not None
    assert row_counts(found.xyxy_px, boxes, rows).tolist() == [2, 4]
    assert (score.count_error_fraction, score.rows_count, score.exact_rows_fraction) == (0, 2, 0)
    assert score.row_error_mean == 1
    assert score.row_error_fraction == 2 / 6
