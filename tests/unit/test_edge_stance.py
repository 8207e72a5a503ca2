# SPDX-License-Identifier: AGPL-3.0-or-later
"""When a camera counts as moved: known turns and shifts of the picture, in millimetres on the bay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from calibration.document import BaySize, Calibration, PointPair, Zone
from calibration.view import CameraView
from edge.stance import Standing, far_is_sure, shift_of, standing_of

WH_PX = (640, 480)
MM_PER_PX = 2.0


def view(facing_width_mm: float = 80.0) -> CameraView:
    """A camera square before a bay of 1280 x 960 mm, two millimetres a pixel, one zone over its middle half."""
    width_mm, height_mm = WH_PX[0] * MM_PER_PX, WH_PX[1] * MM_PER_PX
    corners = [(0, 0), (WH_PX[0], 0), (WH_PX[0], WH_PX[1]), (0, WH_PX[1])]
    zone = Zone(
        zone_id="middle",
        sku="SKU",
        polygon_mm=((320, 240), (960, 240), (960, 720), (320, 720)),
        expected_facings_count=8,
        facing_width_mm=facing_width_mm,
        facing_height_mm=100,
    )
    calibration = Calibration(
        camera_id="cam-1",
        image_wh_px=WH_PX,
        bay=BaySize(bay_id="bay-1", width_mm=width_mm, height_mm=height_mm),
        points=tuple(PointPair(x_px=x, y_px=y, x_mm=x * MM_PER_PX, y_mm=height_mm - y * MM_PER_PX) for x, y in corners),
        zones=(zone,),
    )
    return CameraView(calibration, WH_PX)


def slid(x_px: float, y_px: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, x_px], [0.0, 1.0, y_px], [0.0, 0.0, 1.0]])


def turned(degrees: float) -> NDArray[np.float64]:
    """Turned about the middle of the picture."""
    turn = np.radians(degrees)
    about = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(slid(WH_PX[0] / 2, WH_PX[1] / 2) @ about @ slid(-WH_PX[0] / 2, -WH_PX[1] / 2))


@given(st.floats(-60, 60), st.floats(-60, 60))
def test_a_slide_is_as_long_on_the_bay_as_in_the_picture(x_px: float, y_px: float) -> None:
    shift = shift_of(view(), slid(x_px, y_px), 0.25)
    assert shift.most_mm == pytest.approx(np.hypot(x_px, y_px) * MM_PER_PX, abs=0.01)
    assert shift.roll_deg == pytest.approx(0, abs=1e-6)


@given(st.floats(-30, 30))
def test_a_roll_is_measured_in_degrees_and_at_the_zone_corner_farthest_from_the_middle(degrees: float) -> None:
    shift = shift_of(view(), turned(degrees), 0.25)
    arm_mm = np.hypot(320, 240)
    assert shift.roll_deg == pytest.approx(degrees, abs=1e-3)
    assert shift.most_mm == pytest.approx(2 * arm_mm * np.sin(np.radians(abs(degrees)) / 2), abs=0.2)


@pytest.mark.parametrize(
    ("matrix", "facing_width_mm", "standing"),
    [
        (np.eye(3), 80, Standing.IN_PLACE),
        (slid(9, 0), 80, Standing.IN_PLACE),  # 18 mm, less than a quarter of a facing
        (slid(14, 0), 80, Standing.MOVED),  # 28 mm, a third of a facing
        (slid(0, -14), 80, Standing.MOVED),
        (slid(14, 0), 300, Standing.MOVED),  # however wide the facings are, 25 mm are too much
        (slid(4, 0), 20, Standing.MOVED),
        (turned(0.5), 80, Standing.IN_PLACE),
        (turned(1), 80, Standing.MOVED),
        (turned(-1), 300, Standing.MOVED),
        (np.diag([1.1, 1.1, 1.0]), 80, Standing.MOVED),
        (np.diag([1.0, 1.0, -1.0]), 80, Standing.MOVED),  # behind the camera
    ],
)
def test_the_tolerance_is_a_quarter_of_a_facing(
    matrix: NDArray[np.float64], facing_width_mm: float, standing: Standing
) -> None:
    assert standing_of(shift_of(view(facing_width_mm), matrix, 0.25), was_moved=False) is standing


def test_a_camera_on_the_border_does_not_flap() -> None:
    shift = shift_of(view(), slid(9.5, 0), 0.25)  # 19 of 20 mm
    assert standing_of(shift, was_moved=False) is Standing.IN_PLACE
    assert standing_of(shift, was_moved=True) is Standing.MOVED


def test_a_wider_tolerance_bears_a_hand_held_camera() -> None:
    assert standing_of(shift_of(view(), slid(30, 5), 1.0), was_moved=False) is Standing.IN_PLACE


@pytest.mark.parametrize(
    ("matrix", "inliers_count", "candidates_count"),
    [
        (np.eye(3), 14, 20),  # too few
        (np.eye(3), 30, 400),  # too small a share
        (np.diag([4.0, 4.0, 1.0]), 100, 120),
        (np.diag([-1.0, 1.0, 1.0]), 100, 120),  # a mirror
        (np.array([[1.0, 0, 0], [0, 1.0, 0], [0.004, 0, 1.0]]), 100, 120),
    ],
)
def test_a_wild_map_is_not_believed(matrix: NDArray[np.float64], inliers_count: int, candidates_count: int) -> None:
    assert not far_is_sure(matrix, inliers_count, candidates_count)
    assert far_is_sure(turned(10), 49, 161)
