# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rendered shelves on which some packs stand wrong, with the truth: what the second look is measured on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from contract.model_card import DetectorLabel
from simulator.cameras.bay_view import scene_of
from simulator.cameras.layout import seed_of
from simulator.cameras.moment import moment_of
from simulator.cameras.sensor import Sensor
from simulator.picture.damage import defect_label, random_damage
from simulator.picture.render import render_scene
from simulator.picture.scene import PackStyle, PlacedPack, Scene
from simulator.store.luck import luck
from simulator.store.plan import BayPlan, StorePlan
from simulator.store.world import World

OPENED_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SLOPPY_YAW_DEG, SLOPPY_X_MM = 2.5, 1.5
"""How carelessly packs stand: standard deviations, drawn afresh for every picture."""

SHARES = {"misplaced": 0.06, "damaged": 0.07, "wrong_face": 0.06}
"""Of the front packs of a spoilt shelf, each; of `damaged` some lie toppled."""

LOOK_INTERVAL = timedelta(seconds=45)
"""Between two looks at one shelf."""

SIMILAR_SIZE = 1.35
"""A pack put back in a wrong place fits there: no side longer or shorter by more than this factor."""


class Wrong(StrEnum):
    """What is wrong with a pack."""

    NOTHING = "nothing"
    MISPLACED = "misplaced"
    DAMAGED = "damaged"
    TOPPLED = "toppled"
    WRONG_FACE = "wrong_face"


@dataclass(frozen=True, slots=True)
class TruePack:
    """One facing in a picture: where it is, what it is, what is wrong."""

    xyxy_px: tuple[float, float, float, float]
    visible_fraction: float
    zone_id: str
    sku: str
    wrong: Wrong
    kind: str
    """The simulator's name of the damage."""


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """Pictures uint8 (height, width, 3) of one shelf, one per look, with its packs."""

    looks_bgr: tuple[NDArray[np.uint8], ...]
    packs: tuple[TruePack, ...]


def tidy_shelves(plan: StorePlan, bay: BayPlan, *, count: int, seed: int) -> Iterator[Shelf]:
    """The bay as it should be, at different hours, every pack turned a little differently each time."""
    for number in range(count):
        rng = luck(seed, "tidy", bay.bay_id, number)
        yield _pictures(plan, bay, _careless(_full(plan, bay, seed), rng), rng, {}, looks_count=1)


def spoilt_shelves(plan: StorePlan, bay: BayPlan, *, count: int, seed: int, looks_count: int = 1) -> Iterator[Shelf]:
    """The bay with packs misplaced, damaged and turned; its brands are those of `tidy_shelves` of the same seed."""
    for number in range(count):
        rng = luck(seed, "spoilt", bay.bay_id, number)
        scene = _careless(_full(plan, bay, seed), rng)
        zone_of = {zone.zone_id: zone for row in bay.rows for zone in row.zones}
        styles = {zone_of[pack.ref_id.split("/")[0]].sku: pack.style for pack in scene.packs}
        strangers: dict[str, str] = {}
        packs = []
        for pack in scene.packs:
            own_sku = zone_of[pack.ref_id.split("/")[0]].sku
            spoilt, sku = (pack, own_sku) if pack.depth_index else _spoilt(pack, own_sku, styles, rng)
            packs.append(spoilt)
            if sku != own_sku:
                strangers[pack.ref_id] = sku
        yield _pictures(plan, bay, replace(scene, packs=tuple(packs)), rng, strangers, looks_count=looks_count)


def _full(plan: StorePlan, bay: BayPlan, seed: int) -> Scene:
    """The full bay. Each seed paints other brands on the products, so that no figure hangs on a few faces."""
    scene = scene_of(bay, World(plan, OPENED_AT, luck(seed, "full")))
    packs = tuple(
        replace(pack, style=replace(pack.style, face_seed=seed_of("face", str(pack.style.face_seed), str(seed))))
        for pack in scene.packs
    )
    return replace(scene, packs=packs)


def _careless(scene: Scene, rng: np.random.Generator) -> Scene:
    yaws_deg, asides_mm = rng.normal(0, SLOPPY_YAW_DEG, len(scene.packs)), rng.normal(0, SLOPPY_X_MM, len(scene.packs))
    packs = [
        replace(pack, yaw_deg=float(yaw), x_mm=pack.x_mm + float(aside), variant=int(rng.integers(8)))
        for pack, yaw, aside in zip(scene.packs, yaws_deg, asides_mm, strict=True)
    ]
    return replace(scene, packs=tuple(packs))


def _spoilt(
    pack: PlacedPack, own_sku: str, styles: dict[str, PackStyle], rng: np.random.Generator
) -> tuple[PlacedPack, str]:
    chance = float(rng.random())
    if chance < SHARES["misplaced"]:
        fitting = [sku for sku, style in styles.items() if sku != own_sku and _fits(style, pack.style)]
        if not fitting:
            return pack, own_sku
        sku = fitting[int(rng.integers(len(fitting)))]
        return replace(pack, style=styles[sku]), sku
    chance -= SHARES["misplaced"]
    if chance < SHARES["damaged"]:
        for _ in range(20):
            kind, damage_seed = random_damage(rng, pack.style)
            if defect_label(kind) in {DetectorLabel.DAMAGED, DetectorLabel.TOPPLED}:
                return replace(pack, damage=kind, damage_seed=damage_seed), own_sku
        return pack, own_sku
    if chance - SHARES["damaged"] < SHARES["wrong_face"]:
        return replace(pack, damage="back_to_front", damage_seed=int(rng.integers(6))), own_sku
    return pack, own_sku


def _fits(style: PackStyle, place: PackStyle) -> bool:
    ratios = (style.width_mm / place.width_mm, style.height_mm / place.height_mm)
    return all(1 / SIMILAR_SIZE <= ratio <= SIMILAR_SIZE for ratio in ratios)


def _pictures(
    plan: StorePlan,
    bay: BayPlan,
    scene: Scene,
    rng: np.random.Generator,
    strangers: dict[str, str],
    *,
    looks_count: int,
) -> Shelf:
    drawn = render_scene(scene, np.random.default_rng(0))
    sensor = Sensor(bay.image_wh_px, seed_of("camera", bay.camera_id))
    first_at = OPENED_AT + timedelta(minutes=float(rng.uniform(0, 10 * 60)))
    moments = [moment_of(plan, bay, first_at + number * LOOK_INTERVAL) for number in range(looks_count)]
    picture_bgr = np.asarray(drawn.image_bgr, dtype=np.uint8)
    looks_bgr = tuple(sensor.frame(picture_bgr, moment, int(rng.integers(2**31))) for moment in moments)
    by_ref = {pack.ref_id: pack for pack in scene.packs}
    sku_of = {zone.zone_id: zone.sku for row in bay.rows for zone in row.zones}
    packs = []
    for box in drawn.boxes:
        if box.label != "product" or box.depth_index:
            continue
        zone_id = box.ref_id.split("/")[0]
        pack = by_ref[box.ref_id]
        label = defect_label(pack.damage)
        wrong = Wrong(label.value) if label else Wrong.MISPLACED if box.ref_id in strangers else Wrong.NOTHING
        sku = strangers.get(box.ref_id, sku_of[zone_id])
        packs.append(TruePack(box.xyxy_px, box.visible_fraction, zone_id, sku, wrong, pack.damage))
    return Shelf(looks_bgr, tuple(packs))
