# SPDX-License-Identifier: AGPL-3.0-or-later
"""Measures the shipped detector on rendered views of the stores, for `simulator.rig.modelled_detector`.

    python -m simulator.rig.measure_detector --views 150 --seed 1

Shelves in every state of filling are rendered and shown to the detector several times with fresh sensor noise. The
true boxes are those of the schematic twin of each view, scaled: the table says how the detector does on what the
modelled one will be given.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from calibration.view import CameraView
from contract.model_card import DetectorLabel
from edge.detections import Detections
from edge.detector import Detector
from edge.facings import FLOOR_SHARE
from edge.model_file import shipped_model
from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.cameras.layout import seed_of
from simulator.cameras.moment import moment_of
from simulator.cameras.schematic import SchematicCamera
from simulator.cameras.schematic_drawing import SchematicBox
from simulator.cameras.sensor import Sensor
from simulator.picture.render import render_scene
from simulator.rig.modelled_detector import TABLE_FILE, ErrorTable, ErrorTables, GroupErrors, Stray, group_of
from simulator.store.luck import luck
from simulator.store.plan import STORES_FOLDER, BayPlan, StorePlan, load_store_plan
from simulator.store.world import World

SAME_IOU = 0.5
PICTURES_PER_VIEW = 3
MOST_STRAYS_COUNT = 24
LEAST_GROUP_COUNT = 25
QUANTILES_COUNT = 26
_OPENED_AT = datetime(2026, 3, 2, 8, tzinfo=UTC)

Floats = NDArray[np.float64]


@dataclass(slots=True)
class _Seen:
    """One thing over all pictures of its view: confidences (0 where it was missed) and edges relative to its sides."""

    group: str
    sku: str
    confidences: list[float] = field(default_factory=list)
    edges: list[Floats] = field(default_factory=list)
    strays: list[list[Stray]] = field(default_factory=list)


def measure(*, views_count: int, seed: int, plan: StorePlan) -> tuple[list[_Seen], Detector]:
    """Look at `views_count` bays of a store in chance states, each `PICTURES_PER_VIEW` times."""
    detector = Detector(shipped_model(), threads_count=2)
    rng = luck(seed, "measure")
    seen: list[_Seen] = []
    for number in range(views_count):
        bay = plan.bays[number % len(plan.bays)]
        world = World(plan, _OPENED_AT, luck(seed, "measure", number))
        _disturb(world, bay, rng)
        at = _OPENED_AT + timedelta(minutes=float(rng.uniform(0, 12 * 60)))
        seen += _look_at(world, bay, at, number=number, detector=detector)
    return seen, detector


def _disturb(world: World, bay: BayPlan, rng: np.random.Generator) -> None:
    """Empty zones to any degree, as days of trade do, and face up some of them."""
    for zone in (zone for row in bay.rows for zone in row.zones):
        standing = world.own_units_count(zone.zone_id)
        share = float(rng.choice([0.0, rng.uniform(0, 1), rng.uniform(0.6, 1), 1.0], p=[0.25, 0.4, 0.2, 0.15]))
        world.steal(zone.zone_id, round(share * standing), rng)
        if rng.random() < 0.4:  # noqa: PLR2004 - staff were there
            world.face_up(zone.zone_id)


def _look_at(world: World, bay: BayPlan, at: datetime, *, number: int, detector: Detector) -> list[_Seen]:
    moment = moment_of(world.plan, bay, at, seed=number)
    small = SchematicCamera(bay, number)
    frame = small.frame(world, moment)
    assert frame is not None  # noqa: S101 - nothing is wrong with this camera
    scale = bay.image_wh_px[0] / small.frame_wh_px[0]
    shapes = {zone.sku: zone.shape for _, zone in world.plan.zones()}
    things = [replace(box, xyxy_px=_scaled(box.xyxy_px, scale)) for box in frame.boxes]
    seen = [_Seen(group_of(box, shapes.get(box.sku or "")), box.sku or box.ref_id) for box in things]
    picture = render_scene(scene_of(bay, world, moment), np.random.default_rng(number)).image_bgr
    sensor = Sensor(bay.image_wh_px, seed_of("camera", bay.camera_id))
    view = CameraView(calibration_of(bay), bay.image_wh_px)
    floors = {label: FLOOR_SHARE * bar for label, bar in detector.card.confidence_thresholds.items()}
    for turn in range(PICTURES_PER_VIEW):
        image_bgr = sensor.frame(picture, moment, 1000 * number + turn)
        found = detector.detect(image_bgr, facing_height_px=view.facing_height_px, thresholds=floors)
        _assign(found, things, seen)
    return [one for one in seen if one.group]


def _scaled(xyxy_px: tuple[float, float, float, float], scale: float) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = xyxy_px
    return scale * x0, scale * y0, scale * x1, scale * y1


def _assign(found: Detections, things: list[SchematicBox], seen: list[_Seen]) -> None:
    """Each true thing its best box of the same label; every other box to the true thing beside it, as a stray."""
    true_px = np.array([thing.xyxy_px for thing in things], dtype=np.float64)
    for one in seen:
        one.confidences.append(0.0)
        one.strays.append([])
    iou = _iou(found.xyxy_px.astype(np.float64), true_px)
    is_taken = np.zeros(len(things), dtype=bool)
    for index in range(len(found)):
        label = found.label_of(index)
        fits = [i for i, thing in enumerate(things) if thing.label == label and seen[i].group and not is_taken[i]]
        best = max(fits, key=lambda i: iou[index, i], default=-1)
        sides = true_px[:, 2:] - true_px[:, :2]
        if best >= 0 and iou[index, best] >= SAME_IOU:
            is_taken[best] = True
            seen[best].confidences[-1] = float(found.confidence[index])
            seen[best].edges.append((found.xyxy_px[index] - true_px[best]) / np.tile(sides[best], 2))
            continue
        home = _beside(found.xyxy_px[index].astype(np.float64), true_px, iou[index], seen)
        corner, side = true_px[home, :2], sides[home]
        place = (found.xyxy_px[index] - np.tile(corner, 2)) / np.tile(side, 2)
        stray = Stray(
            label=label,
            xyxy=tuple(round(float(edge), 3) for edge in place),
            confidence=round(float(found.confidence[index]), 4),
        )
        seen[home].strays[-1].append(stray)


def _beside(box_px: Floats, true_px: Floats, iou: Floats, seen: list[_Seen]) -> int:
    middle = (box_px[:2] + box_px[2:]) / 2
    away = np.linalg.norm((true_px[:, :2] + true_px[:, 2:]) / 2 - middle, axis=1)
    away = away - 1e4 * iou + np.array([0.0 if one.group else 1e6 for one in seen])
    return int(away.argmin())


def _iou(first: Floats, second: Floats) -> Floats:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    iou: Floats = shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-9)
    return iou


def table_of(seen: list[_Seen], *, model_id: str, measured_on: str, command: str, pictures_count: int) -> ErrorTable:
    """Sum up what was seen."""
    groups: dict[str, list[_Seen]] = defaultdict(list)
    for one in seen:
        name = one.group
        while name:
            groups[name].append(one)
            name = name.rpartition("/")[0]
    measured = {name: _errors(members) for name, members in sorted(groups.items()) if len(members) >= LEAST_GROUP_COUNT}
    edges = [np.array(one.edges) for one in seen if len(one.edges) >= 2]  # noqa: PLR2004 - a spread takes two
    within = float(np.sqrt(np.mean([looks.var(axis=0, ddof=1).mean() for looks in edges])))
    between = float(np.sqrt(np.mean([(looks.mean(axis=0) ** 2).mean() for looks in edges])))
    of_sku, of_box = _correlations(groups)
    return ErrorTable(
        model_id=model_id,
        measured_on=measured_on,
        command=command,
        pictures_count=pictures_count,
        sku_correlation=round(of_sku, 3),
        box_correlation=round(of_box, 4),
        edge_sd_fraction=round(float(np.hypot(within, between)), 4),
        edge_look_sd_fraction=round(within, 4),
        groups=measured,
    )


def _errors(members: list[_Seen]) -> GroupErrors:
    confidences = np.concatenate([one.confidences for one in members])
    found = confidences[confidences > 0]
    quantiles = np.quantile(found, np.linspace(0, 1, QUANTILES_COUNT)) if found.size else ()
    strays = [stray for one in members if one.confidences[0] > 0 for stray in one.strays[0]]
    instead = [stray for one in members if one.confidences[0] == 0 for stray in one.strays[0]]
    found_count = sum(1 for one in members if one.confidences[0] > 0)
    return GroupErrors(
        boxes_count=len(members),
        missed_fraction=round(1.0 - found.size / confidences.size, 4),
        confidence_quantiles=tuple(round(float(one), 4) for one in quantiles),
        strays_per_found=round(len(strays) / max(1, found_count), 4),
        strays=_some(strays),
        strays_per_missed=round(len(instead) / max(1, len(members) - found_count), 4),
        strays_instead=_some(instead),
    )


def _some(strays: list[Stray]) -> tuple[Stray, ...]:
    step = max(1, len(strays) // MOST_STRAYS_COUNT)
    return tuple(strays[::step][:MOST_STRAYS_COUNT])


def _correlations(groups: dict[str, list[_Seen]]) -> tuple[float, float]:
    """Of normal scores: between things of one SKU in different views, and between two pictures of one thing."""
    scores: dict[int, Floats] = {}
    for name, members in groups.items():
        own = [one for one in members if one.group == name]
        if len(own) < LEAST_GROUP_COUNT:
            continue
        flat = np.concatenate([one.confidences for one in own])
        ranks = flat.argsort(kind="stable").argsort(kind="stable")
        # Equal confidences, such as misses, share the middle of their ranks.
        _, inverse = np.unique(flat, return_inverse=True)
        mean_rank = np.bincount(inverse, weights=ranks) / np.bincount(inverse)
        fractions = (mean_rank[inverse] + 0.5) / len(flat)
        normal = np.sqrt(2.0) * _erfinv(2 * fractions - 1)
        for one, row in zip(own, normal.reshape(len(own), -1), strict=True):
            scores[id(one)] = row
    rows = [scores[id(one)] for members in groups.values() for one in members if id(one) in scores]
    firsts, seconds = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    of_box = float(np.corrcoef(firsts, seconds)[0, 1])
    by_sku: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in {id(one): one for members in groups.values() for one in members}.values():
        if id(one) in scores and one.group.startswith(DetectorLabel.PRODUCT):
            by_sku[one.group, one.sku].append(float(scores[id(one)][0]))
    spreads = [np.var(found) for found in by_sku.values() if len(found) > LEAST_GROUP_COUNT]
    return (max(0.0, 1.0 - float(np.mean(spreads))) if spreads else 0.0), of_box


def _erfinv(y: Floats) -> Floats:
    """Winitzki's approximation (2008), good to 0.002: enough to rank with."""
    log = np.log(np.maximum(1 - y * y, 1e-12))
    first = 2 / (np.pi * 0.147) + log / 2
    return np.asarray(np.sign(y) * np.sqrt(np.sqrt(first**2 - log / 0.147) - first))


def main(
    views: Annotated[int, typer.Option(help="Shelves to render of each store.", min=10)] = 150,
    seed: Annotated[int, typer.Option(help="Chooses their states.")] = 1,
    out: Annotated[Path, typer.Option(help="Where the tables go.")] = TABLE_FILE,
    measured_on: Annotated[str, typer.Option(help="Date, YYYY-MM-DD; today where left out.")] = "",
) -> None:
    """Measure the shipped detector on rendered shelves of every store and write the tables of its errors."""
    tables = {}
    for path in sorted(STORES_FOLDER.glob("*.toml")):
        plan = load_store_plan(path)
        seen, detector = measure(views_count=views, seed=seed, plan=plan)
        tables[plan.store_id] = table = table_of(
            seen,
            model_id=detector.card.model_id,
            measured_on=measured_on or date.today().isoformat(),  # noqa: DTZ011 - a date for people
            command=f"python -m simulator.rig.measure_detector --views {views} --seed {seed}",
            pictures_count=views * PICTURES_PER_VIEW,
        )
        typer.echo(f"{plan.store_id}: a box correlates by {table.box_correlation}, a SKU by {table.sku_correlation}")
        for name, errors in table.groups.items():
            counts = (
                f"{errors.boxes_count:6d} missed {errors.missed_fraction:6.2%} strays {errors.strays_per_found:.3f}"
            )
            typer.echo(f"  {name:32s} {counts}")
    out.write_text(ErrorTables(stores=tables).model_dump_json() + "\n")


if __name__ == "__main__":
    typer.run(main)
