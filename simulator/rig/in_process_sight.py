# SPDX-License-Identifier: AGPL-3.0-or-later
"""Eyes and detectors of a store's cameras, for either kind of sight."""

from collections.abc import Mapping
from typing import cast

from edge.detector import Detector
from edge.model_file import CARD_SUFFIX, read_card, shipped_model
from simulator.rig.in_process_eye import RenderedEye, SchematicEye, ShelfEye, ShopLight
from simulator.rig.modelled_detector import ModelledDetector, shipped_table
from simulator.scoring.record import Sight
from simulator.store.plan import StorePlan
from simulator.store.world import World


def eyes_of(
    plan: StorePlan, world: World, light: ShopLight, *, sight: Sight, seed: int
) -> tuple[Mapping[str, ShelfEye], Mapping[str, Detector]]:
    """By camera: what it shows, and who finds packs in it.

    Raises edge.errors.ModelError where the shipped detector, or its card, cannot be used.
    """
    model_file = shipped_model()
    if sight is Sight.DETECTOR:
        rendered = {bay.camera_id: RenderedEye(bay, world, light, seed, world.opened_at) for bay in plan.bays}
        return rendered, dict.fromkeys(rendered, Detector(model_file))
    card = read_card(model_file.with_name(model_file.name.removesuffix(".onnx") + CARD_SUFFIX))
    table = shipped_table(plan.store_id)
    shapes = {zone.sku: zone.shape for _, zone in plan.zones()}
    eyes: dict[str, ShelfEye] = {}
    detectors: dict[str, Detector] = {}
    for bay in plan.bays:
        modelled = ModelledDetector(card, shapes, camera_id=bay.camera_id, seed=seed, table=table)
        eyes[bay.camera_id] = SchematicEye(bay, world, light, modelled, seed)
        # It is no Detector, but does all that a watcher asks of one.
        detectors[bay.camera_id] = cast("Detector", modelled)
    return eyes, detectors
