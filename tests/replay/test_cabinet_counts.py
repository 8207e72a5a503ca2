# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counting on real cigarette cabinets, none of which trained the detector: one zone a shelf row."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.document import BaySize, Calibration, PointPair, Zone
from edge.detector import Detector
from edge.model_file import shipped_model
from edge.place import Place

SHELVES = Path(__file__).resolve().parents[3] / "shared" / "data" / "shelves"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SHELVES.is_dir(), reason="shared data set is absent"),
]


def rows_of(boxes: list[list[float]]) -> list[list[list[float]]]:
    """Boxes (x, y, w, h) grouped into shelf rows by the height of their middles, from the top down."""
    rows: list[list[list[float]]] = []
    for box in sorted(boxes, key=lambda b: b[1] + b[3] / 2):
        middle = box[1] + box[3] / 2
        if rows and middle - np.mean([b[1] + b[3] / 2 for b in rows[-1]]) < 0.5 * box[3]:
            rows[-1].append(box)
        else:
            rows.append([box])
    return rows


def drawn_calibration(wh_px: tuple[int, int], rows: list[list[list[float]]]) -> Calibration:
    """As an integrator draws it: four corners, and a band round each row of packs; one millimetre is one pixel."""
    width_px, height_px = wh_px
    corners = [(0, height_px), (width_px, height_px), (width_px, 0), (0, 0)]
    bands = []
    for row in rows:
        boxes = np.array(row)
        bands.append((boxes[:, 1].min() - 4, (boxes[:, 1] + boxes[:, 3]).max() + 4))
    for upper in range(len(bands) - 1):  # neighbours share their border
        if bands[upper][1] > bands[upper + 1][0]:
            border = (bands[upper][1] + bands[upper + 1][0]) / 2
            bands[upper], bands[upper + 1] = (bands[upper][0], border), (border, bands[upper + 1][1])
    zones = []
    for index, (row, (top, bottom)) in enumerate(zip(rows, bands, strict=True)):
        boxes = np.array(row)
        left, right = max(0.0, boxes[:, 0].min() - 6), min(float(width_px), (boxes[:, 0] + boxes[:, 2]).max() + 6)
        low, high = height_px - min(float(height_px), bottom), height_px - max(0.0, top)
        zones.append(
            Zone(
                zone_id=f"row-{index + 1}",
                sku=f"CIGARETTES-{index + 1}",
                polygon_mm=((left, low), (right, low), (right, high), (left, high)),
                expected_facings_count=len(row),
                minimum_facings_count=0,
                facing_width_mm=float(np.median(boxes[:, 2])),
                facing_height_mm=float(np.median(boxes[:, 3])),
            )
        )
    return Calibration(
        camera_id="cabinet",
        image_wh_px=wh_px,
        bay=BaySize(bay_id="cabinet", width_mm=width_px, height_mm=height_px),
        points=tuple(PointPair(x_px=x, y_px=y, x_mm=x, y_mm=height_px - y) for x, y in corners),
        zones=tuple(zones),
    )


def test_rows_of_cigarettes_are_counted() -> None:
    annotations = json.loads((SHELVES / "annotations.json").read_text())
    detector = Detector(shipped_model())
    errors_count = true_count = exact_rows_count = rows_count = 0
    for image in annotations["images"]:
        if image["source"] != "grocery_gulvarol":
            continue
        boxes = [
            a["bbox"] for a in annotations["annotations"] if a["image_id"] == image["id"] and a["category_id"] == 1
        ]
        rows = rows_of(boxes)
        picture = cv2.imread(str(SHELVES / "images" / image["file_name"]))
        assert picture is not None
        place = Place.of(drawn_calibration((image["width"], image["height"]), rows), (image["width"], image["height"]))
        _, readings = place.count(detector, np.asarray(picture, dtype=np.uint8))
        for row, reading in zip(rows, readings, strict=True):
            assert reading.facings is not None
            error = abs(reading.facings.mode_count - len(row))
            errors_count, true_count = errors_count + error, true_count + len(row)
            exact_rows_count, rows_count = exact_rows_count + (error == 0), rows_count + 1
    error_fraction = errors_count / true_count
    seen = f"{true_count} facings in {rows_count} rows: error {error_fraction:.1%}, {exact_rows_count} rows exact"
    assert true_count > 1600, seen
    assert error_fraction < 0.25, seen
