# SPDX-License-Identifier: AGPL-3.0-or-later
"""Calibration files: a good one loads and keeps its id, a bad one is refused with every fault by field."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from calibration.cli import app
from calibration.document import Calibration
from calibration.errors import CalibrationError, CalibrationFault
from calibration.files import check_file, load_calibration
from calibration.view import CameraView


def good_document() -> dict[str, Any]:
    """A bay of 1000x1800 mm seen straight on in a picture of 400x720: 0.4 px per mm."""
    zone = {
        "zone_id": "cola",
        "sku": "COLA-330",
        "polygon_mm": [[0, 0], [500, 0], [500, 300], [0, 300]],
        "expected_facings_count": 5,
        "minimum_facings_count": 2,
        "depth_units_count": 4,
        "facing_width_mm": 100,
        "facing_height_mm": 250,
    }
    beside = {**zone, "zone_id": "tea", "sku": "TEA-50", "polygon_mm": [[500, 0], [1000, 0], [1000, 300], [500, 300]]}
    corners = [(0, 720, 0, 0), (400, 720, 1000, 0), (400, 0, 1000, 1800), (0, 0, 0, 1800)]
    return {
        "camera_id": "aisle-1",
        "image_wh_px": [400, 720],
        "bay": {"bay_id": "bay-1", "width_mm": 1000, "height_mm": 1800},
        "points": [dict(zip(("x_px", "y_px", "x_mm", "y_mm"), pair, strict=True)) for pair in corners],
        "zones": [zone, beside],
    }


def write(folder: Path, document: dict[str, Any]) -> Path:
    path = folder / "aisle-1.json"
    path.write_text(json.dumps(document))
    return path


TOML_DOCUMENT = """
camera_id = "aisle-1"
image_wh_px = [400, 720]
points = [
  { x_px = 0, y_px = 720, x_mm = 0, y_mm = 0 },
  { x_px = 400, y_px = 720, x_mm = 1000, y_mm = 0 },
  { x_px = 400, y_px = 0, x_mm = 1000, y_mm = 1800 },
  { x_px = 0, y_px = 0, x_mm = 0, y_mm = 1800 },
]
[bay]
bay_id = "bay-1"
width_mm = 1000
height_mm = 1800.0
[[zones]]
zone_id = "cola"
sku = "COLA-330"
polygon_mm = [[0, 0], [500, 0], [500, 300], [0, 300]]
expected_facings_count = 5
minimum_facings_count = 2
depth_units_count = 4
facing_width_mm = 100
facing_height_mm = 250
[[zones]]
zone_id = "tea"
sku = "TEA-50"
polygon_mm = [[500, 0], [1000, 0], [1000, 300], [500, 300]]
expected_facings_count = 5
minimum_facings_count = 2
depth_units_count = 4
facing_width_mm = 100
facing_height_mm = 250
"""


def test_toml_and_json_of_the_same_content_are_the_same_calibration(tmp_path: Path) -> None:
    toml_path = tmp_path / "aisle-1.toml"
    toml_path.write_text(TOML_DOCUMENT)
    from_toml = load_calibration(toml_path)
    assert from_toml.calibration_id == load_calibration(write(tmp_path, good_document())).calibration_id
    assert Calibration.from_json(from_toml.to_json()).calibration_id == from_toml.calibration_id


def test_any_change_makes_another_calibration(tmp_path: Path) -> None:
    first = load_calibration(write(tmp_path, good_document())).calibration_id
    document = good_document()
    document["zones"][0]["minimum_facings_count"] = 3
    assert load_calibration(write(tmp_path, document)).calibration_id != first


def _break(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        place: Any = document
        for parent in parents:
            place = place[int(parent)] if parent.isdigit() else place[parent]
        place[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (_break("camera_id", "Aisle 1"), "camera_id", "match pattern"),
        (_break("colour", "red"), "colour", "not permitted"),
        (_break("zones.0.product_name", "Cola\u001b[2J"), "zones.0.product_name", "cannot be printed"),
        (_break("image_wh_px", [400, "720"]), "image_wh_px.1", "integer"),
        (_break("bay.width_mm", -5), "bay.width_mm", "greater than 0"),
        (_break("points.1.x_px", 4000), "points", "disagree|cross over|outside"),
        (_break("points", []), "points", "at least 4"),
        (_break("zones.1.zone_id", "cola"), "", "twice"),
        (_break("zones.0.expected_facings_count", 0), "zones.0.expected_facings_count", "greater than or equal to 1"),
        (_break("zones.0.minimum_facings_count", 9), "zones.0", "above expected"),
        (_break("zones.0.polygon_mm", [[0, 0], [500, 300], [500, 0], [0, 200]]), "zones.0.polygon_mm", "crosses"),
        (_break("zones.0.polygon_mm", [[0, 0], [100, 0], [200, 0]]), "zones.0.polygon_mm", "no area"),
        (
            _break("zones.0.polygon_mm", [[0, 0], [500, 0], [500, 2300], [0, 300]]),
            "zones.0.polygon_mm",
            "leaves the bay",
        ),
        (_break("zones.1.polygon_mm", [[300, 0], [900, 0], [900, 300], [300, 300]]), "zones.1.polygon_mm", "shares"),
    ],
)
def test_a_fault_is_named_by_file_field_and_reason(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], field: str, words: str
) -> None:
    document = good_document()
    change(document)
    path = write(tmp_path, document)
    with pytest.raises(CalibrationFault, match=words) as caught:
        load_calibration(path)
    assert caught.value.faults[0].file == str(path)
    assert caught.value.faults[0].field.startswith(field)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    document = good_document()
    document["bay"]["width_mm"] = "wide"
    document["zones"][0]["sku"] = "../etc"
    document["zones"][1]["depth_units_count"] = 0
    fields = [fault.field for fault in check_file(write(tmp_path, document))]
    assert fields == ["bay.width_mm", "zones.0.sku", "zones.1.depth_units_count"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.toml", b"= 3", "cannot be parsed"),
        ("a.json", b"[1, 2]", "no table"),
        ("a.json", b"[" * 100_000, "cannot be parsed"),
        ("a.json", b'{"x": ' + b"9" * 5000 + b"}", "cannot be parsed"),
        ("a.toml", b"x = " + b"9" * 5000, "cannot be parsed"),
        ("a.yaml", b"", "expected .toml or .json"),
        ("a.json", b"\xff\xfe", "not UTF-8"),
        ("a.toml", b"when = 2026-01-01", "no field takes"),
        ("a.json", b" " * 1_000_001, "larger than"),
    ],
)
def test_a_file_that_is_no_calibration_is_refused_plainly(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CalibrationFault, match=words):
        load_calibration(path)


def test_the_command_prints_names_with_brackets_as_they_are(tmp_path: Path) -> None:
    document = good_document()
    document["zones"][0]["sku"] = "[/red]"
    path = tmp_path / "[b]bay[0].json"
    path.write_text(json.dumps(document))
    told = CliRunner().invoke(app, ["check", str(path)])
    assert told.exit_code == 1
    assert f"{path}: zones.0.sku" in told.output
    assert "(is '[/red]')" in told.output


def test_a_missing_file_is_a_fault_of_that_file(tmp_path: Path) -> None:
    (fault,) = check_file(tmp_path / "gone.toml")
    assert "cannot be read" in fault.reason
    assert "gone.toml" in fault.file


def test_a_zone_keeps_its_place_when_the_camera_sends_another_resolution(tmp_path: Path) -> None:
    view = CameraView(load_calibration(write(tmp_path, good_document())), (800, 1440))
    zone, outline_px = view.zone_polygons_px[0]
    assert zone.zone_id == "cola"
    assert np.allclose(outline_px.min(axis=0), [0, 1200], atol=0.01)
    assert np.allclose(outline_px.max(axis=0), [400, 1440], atol=0.01)
    assert view.facing_height_px == pytest.approx(200)


def test_a_stretched_stream_is_refused_rather_than_miscounted(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="another aspect ratio"):
        CameraView(load_calibration(write(tmp_path, good_document())), (720, 720))
