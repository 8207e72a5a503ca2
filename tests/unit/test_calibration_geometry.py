# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pixels and millimetres: fits come back exact, degenerate pairs are refused, a bent lens is undone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.errors import DegenerateFit
from calibration.geometry import Homography
from calibration.lens import Lens

BAY_CORNERS_MM = np.array([[0, 0], [1000, 0], [1000, 1800], [0, 1800]], dtype=np.float64)


@st.composite
def seen_corners_px(draw: st.DrawFn) -> np.ndarray:
    """Corners of the bay as a camera in front of it may see them: a rectangle, each corner moved by up to a fifth."""
    nudge = st.floats(-0.2, 0.2)
    square = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], dtype=np.float64)
    nudges = np.array([[draw(nudge), draw(nudge)] for _ in range(4)])
    width_px, height_px = draw(st.floats(100, 4000)), draw(st.floats(100, 4000))
    return np.asarray((square + nudges) * [width_px, height_px] + [draw(st.floats(-200, 200)), 0])


@given(corners_px=seen_corners_px())
def test_four_corners_map_onto_themselves_and_back(corners_px: np.ndarray) -> None:
    fitted = Homography.fit(corners_px, BAY_CORNERS_MM)
    assert np.allclose(fitted.to_bay_mm(corners_px), BAY_CORNERS_MM, atol=1e-3)
    assert fitted.errors_px.max() < 1e-6 * np.abs(corners_px).max() + 1e-6


@given(corners_px=seen_corners_px(), x=st.floats(0.01, 0.99), y=st.floats(0.01, 0.99))
def test_a_point_within_the_bay_survives_the_round_trip(corners_px: np.ndarray, x: float, y: float) -> None:
    fitted = Homography.fit(corners_px, BAY_CORNERS_MM)
    point_mm = np.array([[x * 1000, y * 1800]])
    assert np.allclose(fitted.to_bay_mm(fitted.to_pixels(point_mm)), point_mm, atol=1e-3)


def test_the_bay_is_measured_upwards_from_its_bottom_left_corner() -> None:
    fitted = Homography.fit([[100, 500], [300, 500], [300, 140], [100, 140]], BAY_CORNERS_MM)
    assert np.allclose(fitted.to_bay_mm([[200, 320]]), [[500, 900]])
    assert fitted.to_bay_mm([[200, 200]])[0, 1] > fitted.to_bay_mm([[200, 400]])[0, 1]


def test_more_pairs_than_needed_share_the_error() -> None:
    points_px = np.array([[100, 500], [300, 500], [300, 140], [100, 140], [200, 320]], dtype=np.float64)
    points_mm = np.vstack([BAY_CORNERS_MM, [[500, 900]]])
    points_px[4] += [4, 0]
    errors_px = Homography.fit(points_px, points_mm).errors_px
    assert 0.1 < errors_px.max() < 4


@pytest.mark.parametrize(
    ("points_px", "points_mm", "words"),
    [
        ([[0, 1], [1, 1], [1, 0]], BAY_CORNERS_MM[:3], "at least 4"),
        ([[0, 1], [1, 1], [1, 0], [0, 0]], BAY_CORNERS_MM[:3], "pairs"),
        ([[0, 0], [10, 10], [20, 20], [30, 30]], BAY_CORNERS_MM, "one line"),
        ([[5, 5]] * 4, BAY_CORNERS_MM, "same point"),
        ([[0, 0], [10, 10], [20, 20], [30, 0]], BAY_CORNERS_MM, "one line"),
        ([[0, 100], [100, 0], [100, 100], [0, 0]], BAY_CORNERS_MM, "cross over"),
        ([[100, 100], [0, 100], [0, 0], [100, 0]], BAY_CORNERS_MM, "mirrored"),
        ([[0, 100], [100, 100], [100, 0], [0, float("nan")]], BAY_CORNERS_MM, "finite"),
    ],
)
def test_pairs_that_fix_nothing_are_refused_with_what_to_do(
    points_px: list[list[float]], points_mm: np.ndarray, words: str
) -> None:
    with pytest.raises(DegenerateFit, match=words):
        Homography.fit(points_px, points_mm)


@given(
    k1=st.floats(-0.3, 0.2),
    k2=st.floats(-0.05, 0.05),
    p1=st.floats(-0.005, 0.005),
    x_px=st.floats(0, 1280),
    y_px=st.floats(0, 720),
)
def test_a_bent_lens_is_straightened_again(k1: float, k2: float, p1: float, x_px: float, y_px: float) -> None:
    lens = Lens(fx_px=1000, fy_px=1000, cx_px=640, cy_px=360, k1=k1, k2=k2, p1=p1)
    assert np.allclose(lens.undistort(lens.distort([[x_px, y_px]])), [[x_px, y_px]], atol=0.01)
