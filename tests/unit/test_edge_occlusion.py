# SPDX-License-Identifier: AGPL-3.0-or-later
"""What stands before a zone, told from the landmarks on the rail below it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.document import Zone
from edge.occlusion import Sighting, hidden_fraction

ZONE = Zone(
    zone_id="cola",
    sku="COLA",
    polygon_mm=((100, 400), (900, 400), (900, 600), (100, 600)),
    expected_facings_count=10,
    facing_width_mm=80,
    facing_height_mm=120,
)
RAIL_X_MM = np.arange(0.0, 1000.0, 25.0)


def rail(*covered_mm: tuple[float, float], y_mm: float = 380.0) -> Sighting:
    """Landmarks every 25 mm on one rail, those within `covered_mm` out of sight."""
    hidden = np.zeros(len(RAIL_X_MM), dtype=bool)
    for start_mm, end_mm in covered_mm:
        hidden |= (start_mm <= RAIL_X_MM) & (end_mm >= RAIL_X_MM)
    return Sighting(np.column_stack([RAIL_X_MM, np.full(len(RAIL_X_MM), y_mm)]), hidden)


def test_a_rail_in_sight_hides_nothing() -> None:
    assert hidden_fraction(ZONE, rail()) == 0


def test_a_rail_out_of_sight_hides_the_whole_zone() -> None:
    assert hidden_fraction(ZONE, rail((0, 1000))) == 1


@given(st.floats(100, 560), st.floats(200, 500))
def test_somebody_hides_at_least_what_he_covers_and_little_more(start_mm: float, width_mm: float) -> None:
    covered_mm = min(start_mm + width_mm, 900) - start_mm
    fraction = hidden_fraction(ZONE, rail((start_mm, start_mm + width_mm)))
    assert fraction >= covered_mm / 800 - 0.05
    assert fraction <= covered_mm / 800 + 3 * 0.05 + 0.02  # half a facing, 0.05 of the zone, on each side and to round


@given(st.floats(100, 820), st.floats(40, 100))
def test_a_changed_tag_hides_nothing(start_mm: float, width_mm: float) -> None:
    assert hidden_fraction(ZONE, rail((start_mm, start_mm + width_mm))) == 0


def test_goods_seen_over_a_changed_rail_are_not_hidden() -> None:
    promotion = rail((200, 600))
    goods_mm = np.array([(float(left), left + 78.0) for left in range(100, 900, 80)])
    assert hidden_fraction(ZONE, promotion) > 0.5
    assert hidden_fraction(ZONE, promotion, goods_mm) == 0


def test_goods_beside_somebody_do_not_excuse_him() -> None:
    goods_mm = np.array([(100.0, 300.0), (620.0, 900.0)])
    assert hidden_fraction(ZONE, rail((300, 600)), goods_mm) > 0.3


def test_the_rail_of_another_row_says_nothing() -> None:
    assert hidden_fraction(ZONE, rail((0, 1000), y_mm=700)) == 0


def test_without_landmarks_nothing_is_said() -> None:
    assert hidden_fraction(ZONE, Sighting(np.zeros((0, 2)), np.zeros(0, dtype=bool))) == 0


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 400)), max_size=4), st.floats(0, 1000), st.floats(0, 400))
def test_covering_more_never_shows_more(spots: list[tuple[float, float]], start_mm: float, width_mm: float) -> None:
    covered = [(start, start + width) for start, width in spots]
    fewer = hidden_fraction(ZONE, rail(*covered))
    assert hidden_fraction(ZONE, rail(*covered, (start_mm, start_mm + width_mm))) >= fewer


def test_landmarks_outside_the_picture_are_not_out_of_sight() -> None:
    spots_mm = np.column_stack([RAIL_X_MM, np.full(len(RAIL_X_MM), 380.0)])
    sighting = Sighting.of(spots_mm, np.full(len(RAIL_X_MM), np.nan, np.float32))
    assert hidden_fraction(ZONE, sighting) == 0


@pytest.mark.parametrize(("correlation", "expected"), [(0.9, 0.0), (0.1, 1.0)])
def test_a_landmark_is_out_of_sight_when_it_looks_like_another_thing(correlation: float, expected: float) -> None:
    spots_mm = np.column_stack([RAIL_X_MM, np.full(len(RAIL_X_MM), 380.0)])
    sighting = Sighting.of(spots_mm, np.full(len(RAIL_X_MM), correlation, np.float32))
    assert hidden_fraction(ZONE, sighting) == expected
