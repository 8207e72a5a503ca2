# SPDX-License-Identifier: AGPL-3.0-or-later
"""What tiles are worth: wide, dense bays counted whole at the card's default size, whole and large, and in tiles.

Every way runs in a process of its own, so that each has its own peak of memory.
"""

import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from calibration.document import Calibration
from contract.model_card import DetectorLabel, ModelCard
from edge.counting import ZoneReading, count_zones
from edge.detections import Detections
from edge.detector import Detector
from edge.model_file import shipped_model
from edge.place import Place
from edge.tiling import TilingPlan, whole_frame
from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.picture.render import RenderedView, render_scene
from simulator.store.luck import luck
from simulator.store.plan import StorePlan
from simulator.store.world import World

_SHAPES = ("box", "can", "carton", "bottle", "jar", "brick")
_PACK_WH_MM = (58, 134)
_STOCKED_AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
_LEAST_VISIBLE_FRACTION = 0.35


class WideBay(NamedTuple):
    """A frame uint8 (height, width, 3), its calibration, and the boxes that are truly there."""

    image_bgr: NDArray[np.uint8]
    calibration: Calibration
    truth: Detections


def wide_bay(seed: int, *, wh_px: tuple[int, int], rows_count: int, zones_count: int, facings_count: int) -> WideBay:
    """A bay of `zones_count` zones in each row, some of them sold down to any degree."""
    plan = StorePlan.model_validate(
        {
            "store_id": "wide",
            "bays": [_bay(wh_px, rows_count=rows_count, zones_count=zones_count, facings=facings_count)],
        }
    )
    bay, rng = plan.bays[0], np.random.default_rng(seed)
    world = World(plan, _STOCKED_AT, luck(seed, "wide bay"))
    for zone in (zone for row in bay.rows for zone in row.zones):
        sold_share = float(rng.choice([0.0, rng.uniform(0, 1), 1.0], p=[0.6, 0.3, 0.1]))
        world.steal(zone.zone_id, round(sold_share * world.own_units_count(zone.zone_id)), rng)
    view = render_scene(scene_of(bay, world), rng)
    return WideBay(np.ascontiguousarray(view.image_bgr), calibration_of(bay), _truth(view))


def _bay(wh_px: tuple[int, int], *, rows_count: int, zones_count: int, facings: int) -> dict[str, Any]:
    def zone(row: int, place: int) -> dict[str, Any]:
        number = zones_count * row + place
        return {
            "zone_id": f"zone-{number + 1}",
            "sku": f"SKU-{number + 1}",
            "name": f"Product {number + 1}",
            "shape": _SHAPES[(row + place) % len(_SHAPES)],
            "wh_mm": _PACK_WH_MM,
            "depth_mm": _PACK_WH_MM[0],
            "facings": facings,
            "minimum": 1,
        }

    rows = [{"clearance_mm": 190, "zones": [zone(row, n) for n in range(zones_count)]} for row in range(rows_count)]
    return {
        "bay_id": "wide",
        "name": "Wide bay",
        "camera_id": "cam-wide",
        "node_id": "node-wide",
        "width_mm": zones_count * facings * (_PACK_WH_MM[0] + 6) + 120,
        "depth_mm": 300,
        "image_wh_px": wh_px,
        "rows": rows,
    }


def _truth(view: RenderedView) -> Detections:
    labels = (DetectorLabel.PRODUCT, DetectorLabel.GAP)
    there = [
        box
        for box in view.boxes
        if box.label in labels and box.depth_index == 0 and box.visible_fraction >= _LEAST_VISIBLE_FRACTION
    ]
    return Detections(
        np.array([box.xyxy_px for box in there], dtype=np.float32).reshape(-1, 4),
        np.ones(len(there), dtype=np.float32),
        np.array([labels.index(DetectorLabel(box.label)) for box in there], dtype=np.int64),
        labels,
    )


def _small(_place: Place, card: ModelCard, frame_wh_px: tuple[int, int]) -> TilingPlan:
    return whole_frame(card, frame_wh_px)


def _large(place: Place, card: ModelCard, frame_wh_px: tuple[int, int]) -> TilingPlan:
    return whole_frame(card, frame_wh_px, place.view.facing_height_px)


def _tiled(place: Place, card: ModelCard, _frame_wh_px: tuple[int, int]) -> TilingPlan:
    return place.plan_for(card)


WAYS: dict[str, Callable[[Place, ModelCard, tuple[int, int]], TilingPlan]] = {
    "whole, default size": _small,
    "whole, enlarged": _large,
    "tiles": _tiled,
}


def measure(way: str, bays: list[WideBay]) -> dict[str, Any]:
    """Count every bay in one way; errors are sums over zones of absolute differences, over the true sums."""
    detector = Detector(shipped_model())
    card = detector.card
    floors = {label: 0.5 * threshold for label, threshold in card.confidence_thresholds.items()}
    off = {"facings": 0.0, "gaps": 0.0}
    true = {"facings": 0.0, "gaps": 0.0}
    spent_s = 0.0
    row: dict[str, Any] = {"way": way}
    for bay in bays:
        frame_wh_px = (bay.image_bgr.shape[1], bay.image_bgr.shape[0])
        place = Place.of(bay.calibration, frame_wh_px)
        plan = WAYS[way](place, card, frame_wh_px)
        began_s = time.process_time()
        found = detector.detect(bay.image_bgr, plan=plan, thresholds=floors)
        spent_s += time.process_time() - began_s
        thresholds = dict(card.confidence_thresholds)
        counted = count_zones(found, place.zone_map, place.view, thresholds)
        really = count_zones(bay.truth, place.zone_map, place.view, dict.fromkeys(bay.truth.labels, 0.5))
        for have, want in zip(counted, really, strict=True):
            for name, of in (("facings", _facings), ("gaps", _gaps)):
                off[name] += abs(of(have) - of(want))
                true[name] += of(want)
        scale = plan.input_wh_px[0] / (plan.windows_px[0][2] - plan.windows_px[0][0])
        row |= {
            "looks_count": len(plan.windows_px),
            "input_wh_px": plan.input_wh_px,
            "facing_height_input_px": round(place.view.facing_height_px * scale, 1),
        }
    row["true_facings_count"], row["true_gap_facings"] = round(true["facings"]), round(true["gaps"])
    row |= {f"{name}_error_fraction": round(off[name] / max(1.0, true[name]), 4) for name in off}
    row["cpu_ms"] = round(1000 * spent_s / len(bays))
    row["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return row


def _facings(reading: ZoneReading) -> float:
    return reading.facings.mode_count if reading.facings is not None else 0.0


def _gaps(reading: ZoneReading) -> float:
    return reading.gap_facings


def main(
    *,
    bays: Annotated[int, typer.Option(min=1, help="Bays to render.")] = 4,
    seed: Annotated[int, typer.Option(help="Chooses what they hold.")] = 1,
    width: Annotated[int, typer.Option(min=640)] = 3840,
    height: Annotated[int, typer.Option(min=360)] = 1080,
    rows: Annotated[int, typer.Option(min=1)] = 5,
    zones: Annotated[int, typer.Option(min=1, help="Zones in each row.")] = 12,
    facings: Annotated[int, typer.Option(min=1, help="Facings in each zone.")] = 6,
) -> None:
    """Print one JSON line for each way of showing the bays to the shipped detector."""
    shape = {"rows_count": rows, "zones_count": zones, "facings_count": facings}
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(1) as pool:
        drawn = [pool.apply(wide_bay, (seed + n,), {"wh_px": (width, height), **shape}) for n in range(bays)]
    for way in WAYS:
        with spawn.Pool(1) as pool:
            typer.echo(json.dumps(pool.apply(measure, (way, drawn))))


if __name__ == "__main__":
    typer.run(main)
