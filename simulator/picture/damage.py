# SPDX-License-Identifier: AGPL-3.0-or-later
"""What goes wrong with packs: which kinds there are, what a detector should call them, and how a fallen pack lies."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from numpy.random import Generator

from contract.model_card import DetectorLabel
from simulator.picture.scene import SOLID_SHAPES, DamageKind, PackShape, PackStyle, PlacedPack

_LABELS: Final[dict[DamageKind, DetectorLabel | None]] = {
    "none": None,
    "dented": DetectorLabel.DAMAGED,
    "torn": DetectorLabel.DAMAGED,
    "crushed": DetectorLabel.DAMAGED,
    "leaking": DetectorLabel.DAMAGED,
    "label_missing": DetectorLabel.DAMAGED,
    "toppled": DetectorLabel.TOPPLED,
    "back_to_front": DetectorLabel.WRONG_FACE,
}
_KINDS_OF: Final[dict[PackShape, tuple[DamageKind, ...]]] = {
    "box": ("dented", "torn", "crushed", "toppled", "back_to_front"),
    "carton": ("dented", "crushed", "leaking", "toppled", "back_to_front"),
    "brick": ("dented", "crushed", "leaking", "toppled", "back_to_front"),
    "bottle": ("dented", "crushed", "leaking", "toppled", "label_missing", "back_to_front"),
    "jug": ("dented", "leaking", "toppled", "label_missing", "back_to_front"),
    "can": ("dented", "crushed", "leaking", "toppled", "back_to_front"),
    "jar": ("leaking", "toppled", "label_missing", "back_to_front"),
    "cup": ("dented", "torn", "crushed", "leaking", "toppled", "back_to_front"),
    "tube": ("crushed", "leaking", "toppled", "back_to_front"),
    "bag": ("torn", "crushed", "toppled", "back_to_front"),
    "pouch": ("torn", "crushed", "leaking", "toppled", "back_to_front"),
    "blister": ("torn", "crushed", "back_to_front"),
    "tray": ("torn", "crushed"),
    "produce": (),
}
"""What befalls each shape in a shop. Any kind can be drawn on any shape; chance picks from these."""
DAMAGE_SEEDS: Final = 6
"""Chance picks one of so many dents, tears and stains a pack, so that damaged artwork stays cached."""


def defect_label(kind: DamageKind) -> DetectorLabel | None:
    """What a detector should report for a damage kind; None for a sound pack."""
    return _LABELS[kind]


def random_damage(rng: Generator, style: PackStyle) -> tuple[DamageKind, int]:
    """A kind of damage that suits a style, and its seed; ("none", 0) for what does not break in these ways."""
    kinds = _KINDS_OF[style.shape]
    if not kinds:
        return "none", 0
    return kinds[int(rng.integers(len(kinds)))], int(rng.integers(DAMAGE_SEEDS))


def as_it_lies(pack: PlacedPack) -> PlacedPack:
    """The pack in the pose that its damage gives it: a toppled one lies on its left or right side, or on its back.

    Everything else stays as it is. A pack on its side reaches as far as it was high, centred on its old place; one on
    its back keeps its place and reaches back into the shelf.
    """
    if pack.damage != "toppled":
        return pack
    style = pack.style
    turn_deg = pack.damage_seed * 37 % 21 - 10.0
    if pack.damage_seed % 3 == 0 and style.shape in SOLID_SHAPES:
        lying_y_mm = pack.y_mm + style.depth_mm
        return replace(pack, tilt_deg=90.0, roll_deg=0.0, yaw_deg=turn_deg, y_mm=lying_y_mm)
    side = 1.0 if pack.damage_seed % 2 else -1.0
    reach_mm = side * style.height_mm / 2
    lean_mm = reach_mm * math.sin(math.radians(turn_deg))
    return replace(
        pack,
        roll_deg=90.0 * side,
        tilt_deg=0.0,
        yaw_deg=turn_deg,
        x_mm=pack.x_mm - reach_mm * math.cos(math.radians(turn_deg)),
        y_mm=pack.y_mm + style.width_mm / 2,
        z_mm=min(-1.0, pack.z_mm - abs(lean_mm)),
    )
