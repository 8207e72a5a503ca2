# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the detector and the second look say is wrong reaches the zone, once per pack."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.view import CameraView
from contract.counts import DefectKind, FacingsDistribution, SightState, ZoneCount
from contract.model_card import DetectorLabel
from edge.counting import ZoneReading, place_boxes, read_zones
from edge.defects import flagged
from edge.detections import Detections
from edge.second_look import UNSURE, Finding, Verdict
from edge.smoothing import Consensus, Outlook
from edge.zone_map import draw_zone_map
from tests.toy_network import CELL_PX, Picture, shelf_picture, toy_calibration, write_toy_model

ROOT = Path(__file__).resolve().parents[2]
LABELS = (
    DetectorLabel.PRODUCT,
    DetectorLabel.GAP,
    DetectorLabel.DAMAGED,
    DetectorLabel.TOPPLED,
    DetectorLabel.WRONG_FACE,
)
THRESHOLDS = dict.fromkeys(LABELS, 0.3)
VIEW = CameraView(toy_calibration(), (640, 480))
ZONE_MAP = draw_zone_map(VIEW)
FITS = Verdict(Finding.FITS)


def detections(*boxes: tuple[DetectorLabel, float, float]) -> Detections:
    """Boxes of 40 x 60 px, each a label, where its left edge is, and its confidence."""
    return Detections(
        np.array([(x, 100, x + 40, 160) for _, x, _ in boxes], np.float32).reshape(-1, 4),
        np.array([confidence for *_, confidence in boxes], np.float32),
        np.array([LABELS.index(label) for label, *_ in boxes], np.int64),
        LABELS,
    )


def readings(found: Detections, verdicts: list[Verdict] | None = None) -> tuple[ZoneReading, ZoneReading]:
    placed = place_boxes(found, ZONE_MAP, THRESHOLDS)
    left, right = read_zones(placed, flagged(placed.defects, verdicts), ZONE_MAP, VIEW, THRESHOLDS)
    return left, right


P, D, T, W = DetectorLabel.PRODUCT, DetectorLabel.DAMAGED, DetectorLabel.TOPPLED, DetectorLabel.WRONG_FACE


def test_a_defect_goes_with_its_product_to_its_zone() -> None:
    left, right = readings(detections((P, 20, 0.99), (P, 80, 0.99), (P, 400, 0.99), (D, 82, 0.8), (T, 400, 0.8)))
    assert (left.defects, right.defects) == ({DefectKind.DAMAGED: 1}, {DefectKind.TOPPLED: 1})
    assert (left.misplaced, right.misplaced) == (None, None)
    assert left.facings is not None
    assert left.facings.mode_count == 2


def test_a_defect_without_its_product_or_in_doubt_says_nothing() -> None:
    left, right = readings(detections((P, 20, 0.99), (D, 200, 0.9), (W, 20, 0.2), (P, 400, 0.2), (D, 400, 0.9)))
    assert (left.defects, right.defects) == ({}, {})


def test_two_who_say_the_same_of_a_pack_count_once() -> None:
    found = detections((P, 20, 0.99), (P, 80, 0.98), (D, 20, 0.9), (D, 24, 0.8))
    left, _ = readings(found, [Verdict(Finding.DAMAGED), Verdict(Finding.DAMAGED)])
    assert left.defects == {DefectKind.DAMAGED: 2}


def test_a_toppled_pack_is_not_turned_and_damaged_as_well() -> None:
    left, _ = readings(detections((P, 20, 0.99), (T, 20, 0.9)), [Verdict(Finding.WRONG_FACE)])
    assert left.defects == {DefectKind.TOPPLED: 1}


def test_a_misplaced_pack_is_no_facing_and_no_defect_of_the_zone() -> None:
    found = detections((P, 20, 0.999), (P, 80, 0.998), (P, 140, 0.997), (D, 20, 0.9))
    left, right = readings(found, [Verdict(Finding.MISPLACED, "TEA"), FITS, UNSURE])
    assert left.facings is not None
    assert left.facings.mode_count == 2
    assert (left.defects, left.misplaced, right.misplaced) == ({}, {"TEA": 1}, {})


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.floats(0, 600), st.floats(0.15, 1)), max_size=30))
def test_no_more_packs_are_wrong_than_there_are(drawn: list[tuple[DetectorLabel, float, float]]) -> None:
    found = detections(*drawn)
    placed = place_boxes(found, ZONE_MAP, THRESHOLDS)
    verdicts = [Verdict(Finding.MISPLACED, "TEA")] * len(placed.products)
    for reading in readings(found):
        assert all(count <= len(placed.products) for count in reading.defects.values())
    for reading in readings(found, verdicts):
        assert reading.defects == {}
        assert reading.facings is not None
        assert reading.facings.mode_count == 0


def seen(defects: dict[DefectKind, int], misplaced: dict[str, int] | None = None) -> Outlook:
    return Outlook(FacingsDistribution.certain(4), defects=defects, misplaced=misplaced)


def test_only_what_every_agreeing_look_saw_is_told() -> None:
    consensus = Consensus()
    torn, two = {DefectKind.DAMAGED: 1}, {DefectKind.DAMAGED: 2, DefectKind.TOPPLED: 1}
    for number, look in enumerate(
        (seen({}, {}), seen(torn, {"TEA": 1}), seen(two, {"TEA": 2}), seen(torn, {"TEA": 1}))
    ):
        consensus.take(look, float(number))
    assert consensus.verified is not None
    assert (consensus.verified.defects, consensus.verified.misplaced) == (torn, {"TEA": 1})
    consensus.take(seen({}, {}), 4.0)
    assert (consensus.verified.defects, consensus.verified.misplaced) == ({}, {})


def test_a_new_defect_is_worth_another_look_until_it_is_told() -> None:
    consensus = Consensus()
    undecided = []
    for number, look in enumerate([seen({})] * 3 + [seen({DefectKind.DAMAGED: 1})] * 3):
        consensus.take(look, float(number))
        undecided.append(consensus.is_undecided)
    assert undecided == [True, True, False, True, True, False]


def test_a_place_that_nobody_asked_about_says_nothing_of_misplaced_packs() -> None:
    consensus = Consensus()
    for number, look in enumerate((seen({}, {}), seen({}), seen({}, {}))):
        consensus.take(look, float(number))
    assert consensus.verified is not None
    assert consensus.verified.misplaced is None


def test_a_report_tells_none_misplaced_from_nobody_asked() -> None:
    def sent(misplaced: dict[str, int] | None) -> dict[str, object]:
        zone = ZoneCount(
            zone_id="z", sku="A", state=SightState.SEEN, facings=FacingsDistribution.certain(1), misplaced=misplaced
        )
        assert ZoneCount.read(zone.to_json()) == zone
        document: dict[str, object] = json.loads(zone.to_json())
        return document

    assert "misplaced" not in sent(None)
    assert sent({})["misplaced"] == {}
    assert sent({"TEA": 2})["misplaced"] == {"TEA": 2}
    with pytest.raises(ValueError, match="misplaced must be absent"):
        ZoneCount(zone_id="z", sku="A", state=SightState.UNKNOWN, reason="black", misplaced={})


def painted(tops_green: set[int], *, columns: range = range(2, 40, 4)) -> Picture:
    """Packs in every fourth cell, the upper half of some green and the left half of the others, as the toy network
    still takes both for products.
    """
    picture = shelf_picture({}, seed=None)
    for column in columns:
        cell = np.zeros((CELL_PX, CELL_PX, 3), np.uint8)
        part = np.s_[: CELL_PX // 2, :] if column in tops_green else np.s_[:, : CELL_PX // 2]
        cell[part] = (0, 255, 0)
        picture[3 * CELL_PX : 4 * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX] = cell
    return picture


def facings(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "facings.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_crops_taken_at_calibration_find_a_swapped_pack(tmp_path: Path) -> None:
    onnx_file = write_toy_model(tmp_path / "model")
    camera, output = tmp_path / "cam-1.json", tmp_path / "cam-1.npz"
    camera.write_text(toy_calibration().to_json())
    filled = set(range(2, 20, 4))
    cv2.imwrite(str(tmp_path / "filled.png"), painted(filled))
    cv2.imwrite(str(tmp_path / "swapped.png"), painted(filled - {6}))
    cv2.imwrite(str(tmp_path / "half.png"), painted(filled, columns=range(2, 20, 4)))
    model = ("--model", onnx_file)

    refused = facings("calibrate", "references", camera, tmp_path / "half.png", "--output", output, *model)
    assert refused.returncode == 1
    assert "too few whole packs of SKU-right" in refused.stderr
    assert not output.exists()

    taken = facings("calibrate", "references", camera, tmp_path / "filled.png", "--output", output, *model, "--json")
    assert taken.returncode == 0, taken.stderr
    products = json.loads(taken.stdout)["products"]
    assert [(one["sku"], one["seen_count"], one["alike"]) for one in products] == [
        ("SKU-left", 5, []),
        ("SKU-right", 5, []),
    ]

    counted = facings(
        "count", tmp_path / "swapped.png", "--calibration", camera, "--references", output, *model, "--json"
    )
    assert counted.returncode == 0, counted.stderr
    left, right = json.loads(counted.stdout)["zones"]
    assert (left["facings_count"], left["misplaced"]) == (4, {"SKU-right": 1})
    assert (right["facings_count"], right["misplaced"]) == (5, {})

    moved = toy_calibration().model_copy(update={"camera_id": "cam-2"})
    camera.write_text(moved.to_json())
    mismatch = facings("count", tmp_path / "swapped.png", "--calibration", camera, "--references", output, *model)
    assert mismatch.returncode == 1
    assert "take them anew" in mismatch.stderr
    assert "Traceback" not in mismatch.stderr
