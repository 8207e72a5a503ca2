# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden frames of the virtual corner store: what its cameras see in chance states of trade, with the true facings."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.cameras.layout import seed_of
from simulator.cameras.moment import moment_of
from simulator.cameras.sensor import Sensor
from simulator.cameras.standing import fronts_of
from simulator.picture.render import render_scene
from simulator.store.luck import luck
from simulator.store.plan import STORES_FOLDER, load_store_plan
from simulator.store.world import World

OPENED_AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


def write_store_golden(folder: Path, *, frames_count: int, seed: int = 1, bays_count: int = 1) -> Path:
    """Write pictures, calibrations and golden.toml; one frame an hour, every zone's facings and gaps counted."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = load_store_plan(STORES_FOLDER / "corner.toml")
    rng = luck(seed, "golden")
    blocks = ['store_id = "corner"\n']
    for number in range(frames_count):
        bay = plan.bays[number % min(bays_count, len(plan.bays))]
        (folder / f"{bay.camera_id}.json").write_text(calibration_of(bay).to_json())
        world = World(plan, OPENED_AT, luck(seed, "golden", number))
        zones = [zone for row in bay.rows for zone in row.zones]
        for zone in zones:
            standing = world.own_units_count(zone.zone_id)
            share = float(rng.choice([0.0, rng.uniform(0.3, 1), 1.0], p=[0.4, 0.4, 0.2]))
            world.steal(zone.zone_id, round(share * standing), rng)
        at = OPENED_AT + timedelta(hours=number)
        moment = moment_of(plan, bay, at.replace(hour=9 + number % 8), seed=number)
        picture = render_scene(scene_of(bay, world, moment), np.random.default_rng(number)).image_bgr
        sensor = Sensor(bay.image_wh_px, seed_of("camera", bay.camera_id))
        name = f"{number:02d}-{bay.camera_id}.jpg"
        cv2.imwrite(str(folder / name), sensor.frame(picture, moment, number), [cv2.IMWRITE_JPEG_QUALITY, 88])
        fronts = {zone.zone_id: fronts_of(world, zone.zone_id) for zone in zones}
        facings = ", ".join(f"{zone_id} = {sum(one is not None for one in row)}" for zone_id, row in fronts.items())
        gaps = ", ".join(f"{zone_id} = {sum(one is None for one in row)}" for zone_id, row in fronts.items())
        blocks.append(
            f"\n[[frames]]\npicture = {json.dumps(name)}\ncalibration = {json.dumps(bay.camera_id + '.json')}\n"
            f"captured_at = {at.isoformat()}\nfacings = {{ {facings} }}\ngaps = {{ {gaps} }}\n"
        )
    path = folder / "golden.toml"
    path.write_text("".join(blocks))
    return path
