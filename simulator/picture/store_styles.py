# SPDX-License-Identifier: AGPL-3.0-or-later
"""Kinds of shop, as ranges to draw from: what they sell, on what furniture, and how tidily."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from simulator.picture.scene import PackShape

Filling: TypeAlias = Literal["facings", "pushers", "pegs", "trays", "ready_trays", "crates", "bags"]


@dataclass(frozen=True, slots=True)
class StoreStyle:
    """One kind of shop. Pairs are ranges; tuples of names are choices, repeated to weigh them."""

    weight: float
    filling: Filling
    shapes: tuple[PackShape, ...]
    facing_mm: tuple[float, float]
    """Height of a typical facing."""
    clearance: tuple[float, float] = (1.1, 1.6)
    """Height of a row's opening, in facing heights (times tiers)."""
    depth_mm: tuple[float, float] = (300, 550)
    tiers: tuple[int, ...] = (1,)
    boards: tuple[str, ...] = ("metal", "metal", "metal", "wood", "glass", "wire")
    backs: tuple[str, ...] = ("plain", "plain", "pegboard", "mesh", "slatwall", "dark")
    fences: tuple[str, ...] = ("none", "none", "none", "clear", "wire")
    same_sku: tuple[int, int] = (1, 5)
    """How many facings of one SKU stand side by side."""
    spacing_mm: tuple[float, float] = (0, 6)
    tidy: float = 0.7
    """Share of rows whose packs stand straight."""
    uniform_rows: float = 0.3
    tags: float = 0.85
    dark: float = 0.25
    layout: str = ""
    size_spread: float = 0.25
    tilt_deg: tuple[float, float] = (0, 0)
    doors: float = 0.0
    """Share of bays behind glass doors."""
    edge_light: float = 0.12
    """Share of bays with strip lights under their boards."""


STORE_STYLES: dict[str, StoreStyle] = {
    "gondola_mixed": StoreStyle(
        weight=2.2,
        filling="facings",
        shapes=("box", "box", "box", "bag", "bottle", "can", "jar", "carton", "cup", "tube", "brick", "pouch", "tray"),
        facing_mm=(110, 240),
    ),
    "gondola_boxes": StoreStyle(
        weight=2.4,
        filling="facings",
        shapes=("box",),
        facing_mm=(70, 230),
        tiers=(1, 2, 2, 2, 3),
        backs=("mesh", "mesh", "plain", "pegboard", "dark"),
        fences=("none", "wire", "wire", "clear"),
        same_sku=(1, 6),
    ),
    "cosmetics": StoreStyle(
        weight=0.8,
        filling="facings",
        shapes=("box", "tube", "tube", "jar", "bottle", "box"),
        facing_mm=(60, 180),
        tiers=(1, 1, 2, 3),
        boards=("metal", "glass", "glass", "wood"),
        backs=("plain", "plain", "slatwall", "dark"),
        depth_mm=(150, 350),
        same_sku=(1, 4),
        tags=0.6,
    ),
    "cigarettes": StoreStyle(
        weight=1.3,
        filling="pushers",
        shapes=("box",),
        facing_mm=(85, 102),
        clearance=(1.1, 1.9),
        depth_mm=(120, 320),
        boards=("metal", "metal", "metal", "wood"),
        backs=("dark", "dark", "plain"),
        fences=("none", "clear", "clear"),
        same_sku=(1, 4),
        spacing_mm=(1, 14),
        uniform_rows=0.95,
        tags=0.45,
        dark=0.5,
        layout="warning",
        size_spread=0.06,
        tilt_deg=(-3, 12),
    ),
    "pegs": StoreStyle(
        weight=0.8,
        filling="pegs",
        shapes=("blister", "blister", "pouch", "bag"),
        facing_mm=(110, 220),
        clearance=(1.08, 1.35),
        depth_mm=(60, 120),
        boards=("none",),
        backs=("pegboard", "slatwall", "plain", "mesh"),
        fences=("none",),
        same_sku=(1, 3),
        spacing_mm=(4, 40),
        tags=0.4,
    ),
    "snack_bags": StoreStyle(
        weight=2.0,
        filling="bags",
        shapes=("bag", "bag", "bag", "pouch"),
        facing_mm=(130, 280),
        clearance=(1.02, 1.5),
        fences=("none", "clear", "clear", "wire"),
        same_sku=(1, 3),
        spacing_mm=(-25, 12),
        tidy=0.1,
        tilt_deg=(-2, 30),
    ),
    "sweets_trays": StoreStyle(
        weight=2.0,
        filling="trays",
        shapes=("bag", "bag", "box", "cup", "box", "can"),
        facing_mm=(70, 170),
        clearance=(1.15, 1.8),
        backs=("plain", "plain", "dark", "wood"),
        same_sku=(1, 3),
        spacing_mm=(-12, 8),
        tidy=0.2,
        dark=0.5,
        tilt_deg=(0, 35),
    ),
    "drinks": StoreStyle(
        weight=1.3,
        filling="facings",
        shapes=("bottle", "bottle", "can", "can", "carton", "brick", "jug"),
        facing_mm=(115, 310),
        clearance=(1.06, 1.35),
        boards=("metal", "wire", "wire", "glass"),
        backs=("plain", "dark", "plain"),
        same_sku=(1, 7),
        spacing_mm=(0, 4),
        doors=0.12,
    ),
    "chiller": StoreStyle(
        weight=0.9,
        filling="facings",
        shapes=("bottle", "carton", "cup", "cup", "brick", "jug", "pouch", "box"),
        facing_mm=(80, 260),
        clearance=(1.08, 1.5),
        tiers=(1, 1, 1, 2),
        boards=("metal", "wire", "glass"),
        backs=("plain", "plain", "dark"),
        fences=("none", "clear", "clear", "wire"),
        same_sku=(1, 6),
        spacing_mm=(0, 6),
        dark=0.1,
        doors=0.7,
        edge_light=0.6,
    ),
    "ready_trays": StoreStyle(
        weight=1.1,
        filling="ready_trays",
        shapes=("box", "bag", "can", "pouch", "jar", "cup", "brick"),
        facing_mm=(60, 190),
        clearance=(1.2, 1.8),
        same_sku=(2, 5),
        spacing_mm=(0, 2),
        tidy=0.6,
    ),
    "produce": StoreStyle(
        weight=0.6,
        filling="crates",
        shapes=("produce",),
        facing_mm=(170, 260),
        clearance=(1.3, 1.9),
        depth_mm=(380, 600),
        boards=("wood", "metal", "none"),
        backs=("dark", "wood", "plain"),
        fences=("none",),
        same_sku=(1, 2),
        spacing_mm=(4, 14),
        uniform_rows=0.8,
        tidy=0.9,
        tilt_deg=(12, 38),
        edge_light=0.35,
    ),
    "cups_jars": StoreStyle(
        weight=0.8,
        filling="facings",
        shapes=("cup", "cup", "jar", "can"),
        facing_mm=(65, 140),
        tiers=(1, 1, 2),
        same_sku=(1, 5),
    ),
}
