# SPDX-License-Identifier: AGPL-3.0-or-later
"""From boxes to zones. Pure: boxes and a zone map in, one reading per zone out, nothing remembered between looks.

A product box belongs to exactly one zone or to none: to the zone that covers most of it, if zones cover at least half
of it; of two that cover equally much, to the one under its centre. So nothing is counted twice across a border, and a
zone without boxes is zero. A gap is space and no object, so its width is shared among the zones that it covers.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibration.document import Zone
from calibration.view import CameraView
from contract.counts import MAX_FACINGS, DefectKind, FacingsDistribution, UnknownReason
from contract.model_card import DetectorLabel
from edge.defects import Flags, detected_defects, overlaps
from edge.detections import Detections
from edge.facings import box_probability, facings_distributions

NO_ZONE = -1
"""Stands in a zone map where no zone is."""

LEAST_COVERED_FRACTION = 0.5
RIVAL_IOU = 0.5
"""A product and a gap that overlap by more are two readings of one place; the surer one stands."""

_LATTICE_SIDE = 9
"""A box is asked at 9 x 9 spots for the zone beneath; the middle one is its centre."""
_LATTICE_STEPS = (np.arange(_LATTICE_SIDE) + 0.5) / _LATTICE_SIDE
_SPOTS_COUNT = _LATTICE_SIDE**2


@dataclass(frozen=True, slots=True)
class ZoneReading:
    """One look at one zone: either facings, or the reason why nothing can be said."""

    zone: Zone
    facings: FacingsDistribution | None
    gap_facings: float = 0.0
    reason: UnknownReason | None = None
    occluded_fraction: float = 0.0
    """Share of the zone before which something stands."""
    defects: dict[DefectKind, int] = field(default_factory=dict)
    """Facings with each defect; kinds that none has are absent."""
    misplaced: dict[str, int] | None = None
    """Packs of other products that stand here, by SKU; they are no facings. None where nobody asked."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedBoxes:
    """Product boxes (n,) with the index `zone` int64 (n,) of the zone of each, and the gaps beside them."""

    products: Detections
    gaps: Detections
    zone: NDArray[np.int64]
    defects: NDArray[np.bool_]
    """bool (n, 3): what the detector says of each product, in the order of `defects.KINDS`."""


def count_zones(
    detections: Detections,
    zone_map: NDArray[np.signedinteger],
    view: CameraView,
    thresholds: dict[DetectorLabel, float],
) -> list[ZoneReading]:
    """One reading per zone of the calibration, in its order, from the boxes alone.

    `zone_map` (height, width) comes from `zone_map.draw_zone_map(view)`. `detections` reach down to `FLOOR_SHARE`
    of `thresholds`, so that doubtful boxes weigh in.
    """
    placed = place_boxes(detections, zone_map, thresholds)
    return read_zones(placed, Flags(placed.defects), zone_map, view, thresholds)


def place_boxes(
    detections: Detections, zone_map: NDArray[np.signedinteger], thresholds: dict[DetectorLabel, float]
) -> PlacedBoxes:
    """Find the zone of each product box and the defects that the detector sees on it."""
    products, gaps = without_rivals(detections.of(DetectorLabel.PRODUCT), detections.of(DetectorLabel.GAP), thresholds)
    defects = detected_defects(products, detections, thresholds)
    return PlacedBoxes(products, gaps, assign_zones(products.xyxy_px, zone_map), defects)


def read_zones(
    placed: PlacedBoxes,
    flags: Flags,
    zone_map: NDArray[np.signedinteger],
    view: CameraView,
    thresholds: dict[DetectorLabel, float],
) -> list[ZoneReading]:
    """One reading per zone of the calibration, in its order. `flags` speaks of the products of `placed`."""
    product_probability = _probability(placed.products, thresholds, DetectorLabel.PRODUCT)
    own_zone = np.where(flags.is_misplaced, NO_ZONE, placed.zone)
    facings = facings_distributions(product_probability, own_zone, len(view.zone_polygons_px))
    gap_probability = _probability(placed.gaps, thresholds, DetectorLabel.GAP)
    gap_facings = _gap_facings(placed.gaps, zone_map, view, gap_probability)
    gap_facings_counts = np.minimum(gap_facings, MAX_FACINGS).tolist()
    none_is_spoilt = not flags.defects.any()
    readings = []
    for index, (zone, _) in enumerate(view.zone_polygons_px):
        if zone.zone_id in view.out_of_view_zone_ids:
            readings.append(ZoneReading(zone, None, reason=UnknownReason.OUT_OF_VIEW))
            continue
        readings.append(
            ZoneReading(
                zone,
                facings[index],
                gap_facings=gap_facings_counts[index],
                defects={} if none_is_spoilt else flags.defects_of(own_zone == index),
                misplaced=None if flags.misplaced is None else flags.misplaced_of(placed.zone == index),
            )
        )
    return readings


def assign_zones(xyxy_px: NDArray[np.float32], zone_map: NDArray[np.signedinteger]) -> NDArray[np.int64]:
    """Zone index (n,) of each box (n, 4), NO_ZONE for those that mostly lie outside every zone."""
    beneath = _zones_beneath(xyxy_px, zone_map)
    centre = beneath[:, _SPOTS_COUNT // 2]
    assigned = centre.astype(np.int64)
    # What holds at the centre and at more than half of all spots decides: nothing else can cover as much.
    alike_count = np.count_nonzero(beneath == centre[:, None], axis=1)
    doubtful = np.flatnonzero(alike_count <= _SPOTS_COUNT // 2)
    if len(doubtful):
        assigned[doubtful] = _zones_by_cover(beneath[doubtful])
    return assigned


def _zones_by_cover(beneath: NDArray[np.signedinteger]) -> NDArray[np.int64]:
    """Zone index (n,) of boxes with these zones (n, lattice spots) beneath, by the share that each covers."""
    zones_count = int(beneath.max(initial=NO_ZONE)) + 1
    if zones_count == 0:
        return np.full(len(beneath), NO_ZONE, dtype=np.int64)
    covered = _covered_fractions(beneath, zones_count)
    most = covered.max(axis=1)
    assigned = covered.argmax(axis=1)
    centre = beneath[:, _SPOTS_COUNT // 2].astype(np.int64)
    centre_ties = (centre != NO_ZONE) & (covered[np.arange(len(beneath)), centre] >= most)
    assigned = np.where(centre_ties, centre, assigned)
    return np.where(covered.sum(axis=1) >= LEAST_COVERED_FRACTION, assigned, NO_ZONE)


def without_rivals(
    products: Detections, gaps: Detections, thresholds: dict[DetectorLabel, float]
) -> tuple[Detections, Detections]:
    """Drop the less probable of a product and a gap that claim the same place."""
    if not len(products) or not len(gaps):
        return products, gaps
    clash = overlaps(products.xyxy_px, gaps.xyxy_px) > RIVAL_IOU
    product_wins = (
        _probability(products, thresholds, DetectorLabel.PRODUCT)[:, None]
        >= _probability(gaps, thresholds, DetectorLabel.GAP)[None, :]
    )
    product_stands = np.all(~clash | product_wins, axis=1)
    gap_stands = np.all(~clash | ~product_wins, axis=0)
    return products.where(product_stands), gaps.where(gap_stands)


def _probability(
    boxes: Detections, thresholds: dict[DetectorLabel, float], label: DetectorLabel
) -> NDArray[np.float64]:
    return box_probability(boxes.confidence, thresholds.get(label, 0.5))


def _gap_facings(
    gaps: Detections, zone_map: NDArray[np.signedinteger], view: CameraView, probability: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Expected empty facings (zones,): each gap's width on the bay over the width of a facing, shared by cover."""
    zones = [zone for zone, _ in view.zone_polygons_px]
    if not len(gaps):
        return np.zeros(len(zones))
    boxes_px = gaps.xyxy_px.astype(np.float64)
    ends_px = boxes_px.reshape(-1, 2, 2)  # left and right of each
    ends_px[:, :, 1] = ends_px[:, :, 1].mean(axis=1, keepdims=True)
    left_mm, right_mm = view.to_bay_mm(ends_px).reshape(-1, 2, 2).transpose(1, 0, 2)
    width_mm = np.nan_to_num(np.linalg.norm(right_mm - left_mm, axis=1))
    covered = _covered_fractions(_zones_beneath(gaps.xyxy_px, zone_map), len(zones))
    facing_width_mm = np.array([zone.facing_width_mm for zone in zones])
    expected: NDArray[np.float64] = ((probability * width_mm)[:, None] * covered).sum(axis=0) / facing_width_mm
    return expected


def _zones_beneath(xyxy_px: NDArray[np.float32], zone_map: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]:
    """Zone index (n, lattice spots) at evenly spread spots of each box; spots outside the frame have no zone."""
    height_px, width_px = zone_map.shape
    low_px, high_px = xyxy_px[:, :2, None], xyxy_px[:, 2:, None]
    spots_px = np.floor(low_px + (high_px - low_px) * _LATTICE_STEPS).astype(np.int64)
    inside_px = np.clip(spots_px, 0, np.array([[width_px - 1], [height_px - 1]]))
    x_px, y_px = inside_px[:, 0, None, :], inside_px[:, 1, :, None]
    beneath: NDArray[np.signedinteger] = zone_map.take(y_px * width_px + x_px)
    is_outside = inside_px != spots_px
    if is_outside.any():
        beneath[is_outside[:, 0, None, :] | is_outside[:, 1, :, None]] = NO_ZONE
    return beneath.reshape(len(xyxy_px), _SPOTS_COUNT)


def _covered_fractions(beneath: NDArray[np.signedinteger], zones_count: int) -> NDArray[np.float64]:
    """Share (n, zones) of each box that lies in each zone."""
    boxes_count, spots_count = beneath.shape
    # Column 0 of each box counts the spots of no zone, which is -1.
    columns_count = zones_count + 1
    cells = beneath + (np.arange(boxes_count) * columns_count + 1)[:, None]
    counted = np.bincount(cells.reshape(-1), minlength=boxes_count * columns_count)
    fractions: NDArray[np.float64] = counted.reshape(boxes_count, columns_count)[:, 1:] / max(spots_count, 1)
    return fractions
