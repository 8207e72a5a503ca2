# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real network looks at a frame in tiles: each thing once, and nothing changes where facings are large enough."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from contract.model_card import DetectorHead, DetectorLabel
from edge.detections import Detections
from edge.detector import Detector
from edge.place import Place
from edge.tiling import TilingPlan
from tests.toy_network import CELL_PX, shelf_picture, toy_calibration, write_toy_model

ROOT = Path(__file__).resolve().parents[2]
WIDE_WH_PX = (1280, 480)
# Every second cell, so also such as lie under the seams at 608 and 672 px; and a gap among them.
STANDING = {(column, row): DetectorLabel.PRODUCT for column in range(0, 80, 2) for row in (3, 14, 22)}
STANDING[38, 14] = DetectorLabel.GAP


@pytest.fixture(params=[DetectorHead.RAW, DetectorHead.NMS_FREE])
def onnx_file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A network that knows cells of 16 px and takes inputs of any size, 640 x 640 by default."""
    return write_toy_model(
        tmp_path / "model", head=request.param, input_wh_px=None, facing_height_range_px=(CELL_PX * 0.8, CELL_PX * 1.25)
    )


def as_cells(found: Detections) -> dict[tuple[int, int], DetectorLabel]:
    assert (found.xyxy_px % CELL_PX == 0).all()
    cells = {
        (int(left) // CELL_PX, int(top) // CELL_PX): found.label_of(index)
        for index, (left, top, _, _) in enumerate(found.xyxy_px)
    }
    assert len(cells) == len(found)
    return cells


def test_a_wide_bay_is_counted_in_tiles_as_its_calibration_asks(onnx_file: Path) -> None:
    detector = Detector(onnx_file)
    place = Place.of(toy_calibration(wh_px=WIDE_WH_PX), WIDE_WH_PX)
    assert len(place.plan_for(detector.card).windows_px) > 1
    found, readings = place.count(detector, shelf_picture(STANDING, wh_px=WIDE_WH_PX))
    assert as_cells(found) == STANDING
    facings_counts = [reading.facings.mode_count for reading in readings if reading.facings is not None]
    assert facings_counts == [59, 60]
    assert [round(reading.gap_facings, 1) for reading in readings] == [1.0, 0.0]


def test_facings_that_are_large_enough_are_seen_as_without_tiles(onnx_file: Path) -> None:
    detector = Detector(onnx_file)
    place = Place.of(toy_calibration(wh_px=(640, 640)), (640, 640))
    plan = place.plan_for(detector.card)
    assert plan.windows_px == ((0, 0, 640, 640),)
    picture = shelf_picture({(2, 3): DetectorLabel.PRODUCT, (30, 20): DetectorLabel.GAP}, wh_px=(640, 640))
    tiled, whole = detector.detect(picture, plan=plan), detector.detect(picture)
    assert tiled.xyxy_px.tolist() == whole.xyxy_px.tolist()
    assert tiled.confidence.tolist() == whole.confidence.tolist()


def test_a_plan_for_another_frame_is_refused(onnx_file: Path) -> None:
    plan = TilingPlan((1280, 480), (640, 480), ((0, 0, 640, 480), (640, 0, 1280, 480)))
    with pytest.raises(ValueError, match="does not fit"):
        Detector(onnx_file).detect(shelf_picture({}), plan=plan)


@pytest.mark.parametrize(("options", "all_found"), [(["--facing-height", "16"], True), ([], False)])
def test_a_person_can_say_how_tall_facings_are(
    tmp_path: Path,
    options: list[str],
    all_found: bool,  # noqa: FBT001 - read off the table above
) -> None:
    onnx_file = write_toy_model(tmp_path, input_wh_px=None, facing_height_range_px=(CELL_PX * 0.8, CELL_PX * 1.25))
    cv2.imwrite(str(tmp_path / "wide.png"), shelf_picture(STANDING, wh_px=WIDE_WH_PX))
    command = [sys.executable, str(ROOT / "facings.py"), "detect", str(tmp_path / "wide.png"), "--json"]
    ended = subprocess.run(
        [*command, "--model", str(onnx_file), *options], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(ended.stdout)["detections"]
    assert (len(found) == len(STANDING)) == all_found
