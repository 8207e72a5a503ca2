# SPDX-License-Identifier: AGPL-3.0-or-later
"""Boxes to zones: each box counts once, an emptied zone is zero, gaps are measured in facings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from calibration.view import CameraView
from contract.counts import UnknownReason
from contract.model_card import DetectorLabel
from edge.counting import NO_ZONE, ZoneReading, assign_zones, count_zones, without_rivals
from edge.detections import Detections
from edge.zone_map import draw_zone_map
from tests.toy_network import LABELS, toy_calibration

FRAME_WH_PX = (640, 480)
VIEW = CameraView(toy_calibration(), FRAME_WH_PX)
ZONE_MAP = draw_zone_map(VIEW)
THRESHOLDS = dict.fromkeys(LABELS, 0.3)

boxes_px = st.lists(
    st.tuples(st.floats(-40, 660), st.floats(-40, 500), st.floats(2, 200), st.floats(2, 200), st.floats(0.15, 1)),
    max_size=40,
)


def found(*boxes: tuple[float, float, float, float], label: DetectorLabel, confidence: float = 0.999) -> Detections:
    """Boxes given as left, top, right, bottom."""
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), confidence, np.float32),
        np.full(len(boxes), LABELS.index(label), np.int64),
        LABELS,
    )


def joined(*parts: Detections) -> Detections:
    return Detections(
        np.concatenate([part.xyxy_px for part in parts]),
        np.concatenate([part.confidence for part in parts]),
        np.concatenate([part.class_id for part in parts]),
        LABELS,
    )


def count(detections: Detections, view: CameraView = VIEW) -> dict[str, ZoneReading]:
    zone_map = ZONE_MAP if view is VIEW else draw_zone_map(view)
    return {reading.zone.zone_id: reading for reading in count_zones(detections, zone_map, view, THRESHOLDS)}


def modes(detections: Detections) -> dict[str, int | None]:
    return {
        name: reading.facings.mode_count if reading.facings else None for name, reading in count(detections).items()
    }


@given(boxes_px)
def test_a_box_is_in_exactly_one_zone_or_in_none_and_none_is_lost(
    drawn: list[tuple[float, float, float, float, float]],
) -> None:
    xyxy_px = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in drawn], np.float32).reshape(-1, 4)
    confidence = np.array([c for *_, c in drawn], np.float32)
    zone = assign_zones(xyxy_px, ZONE_MAP)
    assert zone.shape == (len(drawn),)
    assert set(zone.tolist()) <= {NO_ZONE, 0, 1}
    products = Detections(xyxy_px, confidence, np.zeros(len(drawn), np.int64), LABELS)
    everything = count(products)
    in_zones = count(products.where(zone != NO_ZONE))
    apart: list[dict[str, ZoneReading]] = [count(products.where(np.arange(len(drawn)) == i)) for i in range(len(drawn))]
    total = sum(mean_count(reading) for reading in everything.values())
    assert total == pytest.approx(sum(mean_count(r) for one in apart for r in one.values()), abs=0.05)
    assert total == pytest.approx(sum(mean_count(reading) for reading in in_zones.values()), abs=0.05)


def mean_count(reading: ZoneReading) -> float:
    assert reading.facings is not None
    return reading.facings.mean_count


@given(st.integers(-280, 280))
def test_a_box_on_the_border_of_two_zones_counts_once(offset_px: int) -> None:
    on_border = found((320 + offset_px - 20, 100, 320 + offset_px + 20, 160), label=DetectorLabel.PRODUCT)
    readings = modes(on_border)
    assert list(readings.values()) in ([0, 1], [1, 0])


def test_the_larger_share_wins_and_the_centre_breaks_a_tie() -> None:
    product = DetectorLabel.PRODUCT
    assert modes(found((300, 100, 335, 150), label=product)) == {"left": 1, "right": 0}
    assert modes(found((305, 100, 345, 150), label=product)) == {"left": 0, "right": 1}


def test_an_emptied_zone_is_zero_and_keeps_nothing_from_before() -> None:
    full = found((10, 10, 40, 60), (50, 10, 80, 60), (400, 10, 430, 60), label=DetectorLabel.PRODUCT)
    assert modes(full) == {"left": 2, "right": 1}
    assert modes(found(label=DetectorLabel.PRODUCT)) == {"left": 0, "right": 0}
    assert count(found(label=DetectorLabel.PRODUCT))["left"].facings.probabilities == (1.0,)  # type: ignore[union-attr]


def test_a_box_mostly_outside_every_zone_counts_nowhere() -> None:
    assert modes(found((-90, 10, 20, 60), label=DetectorLabel.PRODUCT)) == {"left": 0, "right": 0}


def test_price_tags_are_not_facings() -> None:
    assert modes(found((10, 10, 40, 60), label=DetectorLabel.PRICE_TAG)) == {"left": 0, "right": 0}


def test_a_gap_counts_as_many_facings_as_fit_its_width() -> None:
    readings = count(found((20, 100, 84, 150), label=DetectorLabel.GAP))
    assert readings["left"].gap_facings == pytest.approx(64 / 16, rel=0.01)
    assert readings["right"].gap_facings == 0


def test_a_gap_across_two_zones_is_shared_and_its_width_conserved() -> None:
    readings = count(found((320 - 64, 100, 320 + 64, 150), label=DetectorLabel.GAP))
    assert readings["left"].gap_facings + readings["right"].gap_facings == pytest.approx(128 / 16, rel=0.01)
    assert readings["left"].gap_facings == pytest.approx(readings["right"].gap_facings, rel=0.3)


def test_gap_width_is_measured_on_the_bay_not_in_pixels() -> None:
    twice_as_large = CameraView(toy_calibration(), (1280, 960))
    readings = count(found((40, 200, 168, 300), label=DetectorLabel.GAP), twice_as_large)
    assert readings["left"].gap_facings == pytest.approx(4, rel=0.01)


def test_the_surer_of_a_product_and_a_gap_in_one_place_stands() -> None:
    product = found((10, 10, 50, 60), label=DetectorLabel.PRODUCT, confidence=0.9)
    gap = found((12, 10, 52, 60), label=DetectorLabel.GAP, confidence=0.4)
    products, gaps = without_rivals(product, gap, THRESHOLDS)
    assert (len(products), len(gaps)) == (1, 0)
    sure_gap = found((12, 10, 52, 60), label=DetectorLabel.GAP, confidence=0.95)
    assert count(joined(product, sure_gap))["left"].facings.mode_count == 0  # type: ignore[union-attr]


def test_neighbours_that_barely_touch_both_stand() -> None:
    product = found((10, 10, 50, 60), label=DetectorLabel.PRODUCT)
    gap = found((45, 10, 85, 60), label=DetectorLabel.GAP)
    products, gaps = without_rivals(product, gap, THRESHOLDS)
    assert (len(products), len(gaps)) == (1, 1)


def test_a_zone_outside_the_picture_is_unknown_never_zero() -> None:
    calibration = toy_calibration()
    shifted = calibration.model_copy(
        update={"points": tuple(p.model_copy(update={"x_px": p.x_px - 400}) for p in calibration.points)}
    )
    readings = count(found(label=DetectorLabel.PRODUCT), CameraView(shifted, FRAME_WH_PX))
    assert readings["left"].facings is None
    assert readings["left"].reason is UnknownReason.OUT_OF_VIEW
    assert readings["right"].facings is not None


def test_adjacent_zones_share_no_pixel_and_leave_none_between() -> None:
    columns: NDArray[np.int16] = ZONE_MAP[240]
    assert set(columns.tolist()) == {0, 1}
    assert np.flatnonzero(np.diff(columns)).shape == (1,)


def test_fifteen_hundred_facings_are_all_counted() -> None:
    places = [(x * 12, y * 8, x * 12 + 10, y * 8 + 6) for x in range(26) for y in range(58)]
    assert modes(found(*places[:1500], label=DetectorLabel.PRODUCT))["left"] == 1500


def zone_by_the_rule(box: NDArray[np.float32], zone_map: NDArray[np.signedinteger]) -> int:
    """Spot by spot: most of the 81 spots, from half of them on, and of zones with as many the one in the middle."""
    beneath = []
    steps = (np.arange(9) + 0.5) / 9
    for y_px in np.floor(box[1] + (box[3] - box[1]) * steps).astype(int):
        for x_px in np.floor(box[0] + (box[2] - box[0]) * steps).astype(int):
            inside = 0 <= y_px < zone_map.shape[0] and 0 <= x_px < zone_map.shape[1]
            beneath.append(int(zone_map[y_px, x_px]) if inside else NO_ZONE)
    spots = {zone: beneath.count(zone) for zone in sorted(set(beneath) - {NO_ZONE})}
    if 2 * sum(spots.values()) < len(beneath):
        return NO_ZONE
    most = [zone for zone, count in spots.items() if count == max(spots.values())]
    return beneath[40] if beneath[40] in most else most[0]


@given(boxes_px, st.integers(1, 40), st.integers(0, 99), st.sampled_from([np.int8, np.int16]))
def test_the_zone_of_a_box_is_that_of_the_rule_spot_by_spot(
    drawn: list[tuple[float, float, float, float, float]], cell_px: int, seed: int, narrow: type[np.signedinteger]
) -> None:
    """On maps of small random zones, where a box covers many."""
    patches = np.random.default_rng(seed).integers(NO_ZONE, 4, size=(480 // cell_px + 1, 640 // cell_px + 1))
    zone_map = np.kron(patches, np.ones((cell_px, cell_px)))[:480, :640].astype(narrow)
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in drawn], np.float32).reshape(-1, 4)
    assert assign_zones(boxes, zone_map).tolist() == [zone_by_the_rule(box, zone_map) for box in boxes]
