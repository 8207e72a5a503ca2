# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fill one shelf row by chance: facings with gaps among them, the way each kind of shop does it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from simulator.picture.assortment import random_style, sister_style
from simulator.picture.damage import random_damage
from simulator.picture.goods_mix import SHOP_MIX, GoodsMix
from simulator.picture.scene import Bay, Divider, Gap, GapKind, PackStyle, PlacedPack, Plate, PlateLook, merge_gaps
from simulator.picture.store_styles import StoreStyle


@dataclass(frozen=True, slots=True)
class RowPlan:
    """What a row is meant to hold."""

    style: StoreStyle
    facing_mm: float
    tiers: int = 1
    mix: GoodsMix = SHOP_MIX


@dataclass(slots=True)
class RowFill:
    """What a row holds."""

    packs: list[PlacedPack] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    plates: list[Plate] = field(default_factory=list)
    dividers: list[Divider] = field(default_factory=list)
    tag_x_mm: list[float] = field(default_factory=list)
    flags_mm: list[tuple[float, float, float]] = field(default_factory=list)
    """Ends of hooks that may carry a tag."""


_SISTER_SHARE = 0.4
_CARDBOARDS = ((120, 165, 200), (95, 140, 178), (150, 190, 215), (215, 222, 226))
_PUSHERS = ((26, 26, 26), (76, 76, 76), (216, 217, 217), (242, 242, 242))
_LEANING = ("box", "blister", "produce")
_CRATES = ((60, 130, 40), (150, 80, 30), (40, 40, 45), (60, 60, 170), (120, 160, 190))


class _Filler:
    def __init__(self, rng: Generator, bay: Bay, index: int, plan: RowPlan, scarcity: float) -> None:
        self.rng, self.bay, self.index, self.plan = rng, bay, index, plan
        self.row, self.store = bay.rows[index], plan.style
        self.scarcity = scarcity
        self.fill = RowFill()
        self.column = 0
        self.straight = rng.random() < self.store.tidy
        self.spacing = float(rng.uniform(*self.store.spacing_mm))
        self.tilt = float(rng.uniform(*self.store.tilt_deg))
        self.inset = float(rng.choice([3.0, 12.0, 30.0]))
        self.empty_left = 0
        self.low_left, self.low_tiers = 0, 1
        self.last: PackStyle | None = None
        self.cardboard = _CARDBOARDS[int(rng.integers(len(_CARDBOARDS)))]
        self.crate_bgr = _CRATES[int(rng.integers(len(_CRATES)))]
        self.pusher_bgr = _PUSHERS[int(rng.integers(len(_PUSHERS)))]

    def sku(self) -> PackStyle:
        if self.last is not None and self.rng.random() < _SISTER_SHARE and not self.store.layout:
            self.last = sister_style(self.rng, self.last)
        else:
            self.last = self._stranger()
        return self.last

    def _stranger(self) -> PackStyle:
        shape = self.store.shapes[int(self.rng.integers(len(self.store.shapes)))]
        spread = 1 + float(self.rng.normal(0, self.store.size_spread * 0.6))
        height = min(self.plan.facing_mm * min(max(spread, 0.5), 1.5), self.row.clearance_mm / self.plan.tiers * 0.97)
        style = random_style(self.rng, shape, height, held_out=self.plan.mix.held_out)
        if self.store.layout:
            narrow = height * (0.52 + 0.05 * (style.face_seed % 4))
            style = replace(style, layout=self.store.layout, width_mm=narrow, depth_mm=height * 0.26)
        return style

    def run(self) -> RowFill:
        x = float(self.rng.uniform(0, 0.3)) * self.plan.facing_mm
        while True:
            style = self.sku()
            count = int(self.rng.integers(self.store.same_sku[0], self.store.same_sku[1] + 1))
            tiers = self._tiers(style)
            pitch = style.width_mm + max(self.spacing, -0.3 * style.width_mm)
            start = x
            if self.rng.random() < 0.4 * self.scarcity:
                self.empty_left = max(self.empty_left, count)
            if self.low_left == 0 and tiers > 1 and self.rng.random() < 0.7 * self.scarcity:
                self.low_left, self.low_tiers = count + int(self.rng.integers(0, 6)), int(self.rng.integers(1, tiers))
            for _ in range(count):
                if x + style.width_mm > self.bay.width_mm - 4:
                    break
                if self._topple(style, x):
                    x += style.height_mm + self.spacing
                else:
                    self._facing(style, x + style.width_mm / 2, tiers)
                    x += pitch
                self.column += 1
            if x > start:
                self.fill.tag_x_mm.append(start + (x - start) * float(self.rng.uniform(0.2, 0.6)))
                self._between(x - self.spacing / 2, style)
            if x + style.width_mm * 0.6 > self.bay.width_mm - 4 or self.column > 90:
                break
            if self.rng.random() < 0.06:
                x += float(self.rng.uniform(0.05, 0.5)) * self.plan.facing_mm
        self.fill.gaps = list(merge_gaps(tuple(self.fill.gaps), self.spacing + 12.0))
        return self.fill

    def _topple(self, style: PackStyle, x: float) -> bool:
        """Now and then a pack lies on its side or its back where one should stand."""
        if self.rng.random() > self.plan.mix.toppled_fraction or self.store.filling in ("pegs", "crates", "pushers"):
            return False
        wide = max(style.height_mm, style.width_mm)
        if x + wide > self.bay.width_mm - 4 or max(style.width_mm, style.depth_mm) > self.row.clearance_mm:
            return False
        self._pack(style, x + wide / 2, 0, 0, -self.inset)
        self.fill.packs[-1] = replace(
            self.fill.packs[-1], damage="toppled", damage_seed=int(self.rng.integers(12)), yaw_deg=0.0, roll_deg=0.0
        )
        return True

    def _tiers(self, style: PackStyle) -> int:
        stackable = style.shape in ("box", "can", "cup", "jar", "brick")
        most = int(self.row.clearance_mm // style.height_mm)
        return max(1, min(self.plan.tiers, most)) if stackable else 1

    def _is_empty(self) -> bool:
        if self.empty_left > 0:
            self.empty_left -= 1
            return True
        if self.rng.random() < self.scarcity * 0.55:
            self.empty_left = int(self.rng.geometric(0.5)) - 1
            return True
        return False

    def _facing(self, style: PackStyle, x: float, tiers: int) -> None:
        filling = self.store.filling
        if filling == "pegs":
            self._peg(style, x)
            return
        if filling == "pushers":
            self._pusher(style, x)
            return
        if self._is_empty():
            self._empty(style, x, tiers)
            return
        standing = self._standing_tiers(tiers)
        for tier in range(standing):
            self._front(style, x, tier)
        deep = -self.inset - style.depth_mm - 3
        if self.rng.random() < 0.65:
            behind = tiers if self.rng.random() < (0.7 if self.low_left == 0 else 0.35) else standing
            for tier in range(behind):
                self._pack(style, x, tier, 1, deep)
        if standing < tiers:
            self._gap(style, x, self.row.y_mm + standing * style.height_mm, tiers * style.height_mm, "tier")

    def _standing_tiers(self, tiers: int) -> int:
        """How many of the tiers stand at the front: customers take the upper ones first, often all along a row."""
        if self.low_left > 0:
            self.low_left -= 1
            return min(tiers, self.low_tiers)
        if tiers > 1 and self.rng.random() < self.scarcity * 0.8:
            return int(self.rng.integers(1, tiers))
        return tiers

    def _front(self, style: PackStyle, x: float, tier: int) -> None:
        """A facing, now and then a damaged one."""
        self._pack(style, x, tier, 0, -self.inset)
        if self.rng.random() < self.plan.mix.damaged_fraction:
            kind, seed = random_damage(self.rng, style)
            if kind != "toppled":
                self.fill.packs[-1] = replace(self.fill.packs[-1], damage=kind, damage_seed=seed)

    def _pack(self, style: PackStyle, x: float, tier: int, depth_index: int, z: float) -> None:
        rng = self.rng
        loose = 0.25 if self.straight else 1.0
        if style.shape == "bag":
            yaw, roll = rng.normal(0, 6) * loose, rng.normal(0, 4.5) * loose
            tilt = self.tilt + rng.normal(0, 4) * loose
        else:
            yaw = rng.normal(0, 3.5) * loose if rng.random() < 0.92 else rng.normal(0, 16)
            roll = rng.normal(0, 1.0) * loose if self.store.filling != "pushers" else rng.normal(0, 1.8)
            tilt = self.tilt if style.shape in _LEANING and self.plan.tiers == 1 else 0.0
        self.fill.packs.append(
            PlacedPack(
                ref_id=f"{self.index}-{self.column}-{depth_index}-{tier}",
                row=self.index,
                column=self.column,
                x_mm=x + float(rng.normal(0, 1.2)) * loose,
                y_mm=self.row.y_mm + tier * style.height_mm,
                z_mm=min(-1.0, z + float(rng.normal(0, 4)) * loose),
                depth_index=depth_index,
                style=style,
                yaw_deg=float(yaw),
                tilt_deg=float(tilt),
                roll_deg=float(roll),
                variant=int(rng.integers(3)),
                brightness=float(rng.normal(1, 0.03)),
            )
        )

    def _gap(self, style: PackStyle, x: float, base: float, height: float, kind: GapKind) -> None:
        half = (style.width_mm + max(self.spacing, 0)) / 2
        top = min(self.row.y_mm + height, self.row.y_mm + self.row.clearance_mm)
        self.fill.gaps.append(
            Gap(f"gap-{self.index}-{self.column}", self.index, x - half, x + half, base, top, kind, -self.inset / 2)
        )

    def _empty(self, style: PackStyle, x: float, tiers: int) -> None:
        """Bare board, or packs that stand deep behind an empty front."""
        tall = tiers * style.height_mm
        kind: GapKind = "bare"
        if self.rng.random() < 0.4 and self.row.depth_mm > 2.2 * style.depth_mm + 60:
            deepest = max(1.6 * style.depth_mm + 60, 110.0)
            z = -float(self.rng.uniform(deepest, max(deepest + 1, self.row.depth_mm - style.depth_mm)))
            for tier in range(int(self.rng.integers(1, tiers + 1))):
                self._pack(style, x, tier, 1, z)
            kind = "deep"
        elif self.store.filling in ("trays", "ready_trays") and self.rng.random() < 0.3:
            kind = "tray"
        self._gap(
            style, x, self.row.y_mm, tall * float(self.rng.uniform(0.95, 1.08)), "bare" if kind == "deep" else kind
        )

    def _pusher(self, style: PackStyle, x: float) -> None:
        """A spring-fed lane: packs press against a stop, an empty lane shows its paddle or its depth."""
        lane_clear = self.rng.random() < 0.5
        if self._is_empty():
            z = -float(self.rng.uniform(4, 30)) if self.rng.random() < 0.6 else -float(self.rng.uniform(30, 200))
            z = max(z, -self.row.depth_mm + 20)
            if self.rng.random() < 0.75:
                height = style.height_mm * float(self.rng.uniform(0.45, 0.85))
                self.fill.plates.append(
                    Plate(
                        self.index,
                        self.column,
                        x,
                        self.row.y_mm,
                        style.width_mm * 0.85,
                        height,
                        z,
                        self.pusher_bgr,
                        1.0,
                        "pusher",
                        int(self.rng.integers(400)),
                    )
                )
            self._gap(style, x, self.row.y_mm, style.height_mm, "pusher")
        else:
            self._pack(style, x, 0, 0, -self.inset)
            if self.rng.random() < 0.7:
                self._pack(style, x, 0, 1, -self.inset - style.depth_mm - 2)
        if lane_clear:
            self.fill.plates.append(
                Plate(
                    self.index,
                    self.column,
                    x,
                    self.row.y_mm,
                    style.width_mm * 1.02,
                    style.height_mm * 0.28,
                    -0.5,
                    (235, 235, 235),
                    0.14,
                    "clear",
                    1,
                )
            )

    def _peg(self, style: PackStyle, x: float) -> None:
        """A card on a wire hook that reaches out to the front, with a flag for a tag at its end."""
        base = self.row.y_mm + (self.row.clearance_mm - style.height_mm) * 0.7
        hook = self.row.clearance_mm * 0.06
        empty = self._is_empty()
        if empty:
            self._gap_peg(style, x, base)
        else:
            for depth_index in range(1 + int(self.rng.integers(0, 3))):
                aside = float(self.rng.normal(0, 3)) if depth_index else 0.0
                self._pack(style, x + aside, 0, min(depth_index, 1), -8.0 - 14.0 * depth_index)
                name = f"{self.index}-{self.column}-{depth_index}-0"
                self.fill.packs[-1] = replace(self.fill.packs[-1], ref_id=name, y_mm=base, tilt_deg=0.0)
        top = base + style.height_mm
        back = -self.row.depth_mm + 2 if empty else -6.0
        rod = Divider(
            self.index, self.column, x, 5.0, back, 22.0, (196, 196, 192), 1.0, "hook", top - 9 - self.row.y_mm
        )
        self.fill.dividers.append(rod)
        end = Plate(self.index, self.column, x, top - hook, hook * 0.6, hook, -1.0, (200, 200, 200), 1.0, "hook", 3)
        self.fill.plates.append(end)
        self.fill.flags_mm.append((x, top - 4, 24.0))

    def _gap_peg(self, style: PackStyle, x: float, base: float) -> None:
        half = style.width_mm / 2
        name = f"gap-{self.index}-{self.column}"
        self.fill.gaps.append(Gap(name, self.index, x - half, x + half, base, base + style.height_mm, "hook", -8.0))

    def _between(self, x: float, style: PackStyle) -> None:
        """Dividers, trays and crates at the border of two SKUs."""
        rng, row = self.rng, self.row
        self.column += 1
        filling = self.store.filling
        if filling in ("trays", "ready_trays") and rng.random() < 0.85:
            self._tray(x, style)
        elif filling == "crates":
            tall = style.height_mm * 0.5
            side = Divider(self.index, self.column, x, tall, -row.depth_mm + 2, -1.0, self.crate_bgr, 1.0, "crate")
            self.fill.dividers.append(side)
        elif filling in ("facings", "pushers", "bags") and rng.random() < 0.25:
            tall = style.height_mm * float(rng.uniform(0.25, 0.9))
            clear = Divider(self.index, self.column, x, tall, -row.depth_mm + 2, -1.0, (235, 235, 235), 0.18)
            self.fill.dividers.append(clear)

    def _tray(self, x: float, style: PackStyle) -> None:
        """A wooden or cardboard tray around the facings since the last one: front and side."""
        rng, row = self.rng, self.row
        ready = self.store.filling == "ready_trays"
        tall = style.height_mm * float(rng.uniform(0.45, 0.95) if ready else rng.uniform(0.35, 0.8))
        low = style.height_mm * float(rng.uniform(0.16, 0.45)) if ready else tall * float(rng.uniform(0.25, 0.6))
        look: PlateLook = "ready_tray" if ready else "wood" if rng.random() < 0.5 else "cardboard"
        side = Divider(
            self.index,
            self.column,
            x,
            tall,
            -row.depth_mm + 2 if not ready else -min(row.depth_mm - 2, 300.0),
            -2.0,
            self.cardboard,
            1.0,
            "plain" if look == "wood" else "cardboard",
        )
        self.fill.dividers.append(side)
        start = self._tray_start
        if x - start > 20:
            middle, seed = (start + x) / 2, int(rng.integers(400))
            front = Plate(
                self.index, self.column - 1, middle, row.y_mm, x - start, low, -0.5, self.cardboard, 1.0, look, seed
            )
            self.fill.plates.append(front)
        self._tray_start = x

    _tray_start = 0.0


def fill_row(rng: Generator, bay: Bay, index: int, plan: RowPlan, scarcity: float) -> RowFill:
    """Packs, gaps and fittings of one row. `scarcity` 0 is a full shelf, 1 a nearly empty one."""
    return _Filler(rng, bay, index, plan, float(np.clip(scarcity, 0, 1))).run()
