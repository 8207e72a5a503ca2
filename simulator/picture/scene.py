# SPDX-License-Identifier: AGPL-3.0-or-later
"""What stands where: the scene description that every drawing path reads.

Millimetres on the bay: x to the right, y up, origin at the bottom left of the bay's front plane, z to the camera.
Shelf boards reach from z = 0 (front) back to z = -depth. Angles are degrees. Colours are BGR, 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

Colour: TypeAlias = tuple[int, int, int]
PointMm: TypeAlias = tuple[float, float, float]
PackShape: TypeAlias = Literal[
    "box",
    "bottle",
    "can",
    "bag",
    "cup",
    "jar",
    "tube",
    "blister",
    "carton",
    "brick",
    "jug",
    "pouch",
    "tray",
    "produce",
]
"""What a pack is made like: a jug is a bottle with a handle, a pouch a bag that stands, a tray an open case of small
packs, and produce a crate heaped with loose fruit."""
ROUND_SHAPES: Final[frozenset[PackShape]] = frozenset({"bottle", "can", "cup", "jar", "jug"})
"""Drawn on their middle plane, with a lid."""
SOLID_SHAPES: Final[frozenset[PackShape]] = frozenset({"box", "brick", "carton", "tray"})
"""Drawn with sides and a top; all others are drawn flat."""
DamageKind: TypeAlias = Literal[
    "none", "dented", "torn", "crushed", "leaking", "toppled", "label_missing", "back_to_front"
]
BoardKind: TypeAlias = Literal["metal", "wood", "glass", "wire", "none"]
FenceKind: TypeAlias = Literal["none", "clear", "wire", "low"]
BackKind: TypeAlias = Literal["plain", "pegboard", "mesh", "slatwall", "dark", "wood"]
TagKind: TypeAlias = Literal["paper", "two_tone", "electronic", "promo", "strip_text"]
GapKind: TypeAlias = Literal["bare", "deep", "pusher", "hook", "tray", "tier"]
PropKind: TypeAlias = Literal[
    "poster", "strip", "talker", "wobbler", "card", "cable", "carton", "upright", "floor", "wall", "clutter"
]
PlateLook: TypeAlias = Literal["pusher", "cardboard", "ready_tray", "crate", "wood", "hook", "clear", "print", "wire"]
DividerLook: TypeAlias = Literal["plain", "cardboard", "crate", "hook"]
OccluderKind: TypeAlias = Literal["shopper", "trolley", "basket"]
HandleSide: TypeAlias = Literal["left", "right", "none"]


@dataclass(frozen=True, slots=True)
class PackStyle:
    """How one SKU looks. Equal styles are printed alike, to the last pixel."""

    shape: PackShape
    width_mm: float
    height_mm: float
    depth_mm: float
    face_seed: int
    """Chooses the variety: flavour colour, picture, small print."""
    brand_seed: int = 0
    """Who makes it: emblem, wordmark, inks and arrangement, shared by all its varieties. 0: made by nobody else."""
    layout: str = ""
    """Artwork family ('' lets the seed choose): see `simulator.picture.faces.LAYOUTS`."""
    tint_seed: int = 0
    """Turns all colours of the finished pack, which costs no new artwork; 0 leaves them as printed."""


@dataclass(frozen=True, slots=True)
class PlacedPack:
    """One pack on the shelf.

    `x_mm` is the middle of its base, `y_mm` its base, `z_mm` its front. `depth_index` 0 is the facing, 1 behind it.
    `yaw_deg` turns about the vertical, `tilt_deg` leans back, `roll_deg` leans sideways.
    """

    ref_id: str
    row: int
    column: int
    x_mm: float
    y_mm: float
    z_mm: float
    depth_index: int
    style: PackStyle
    yaw_deg: float = 0.0
    tilt_deg: float = 0.0
    roll_deg: float = 0.0
    variant: int = 0
    brightness: float = 1.0
    damage: DamageKind = "none"
    damage_seed: int = 0
    """Chooses where the dent, the tear or the stain is, or to which side the pack has fallen."""


@dataclass(frozen=True, slots=True)
class ShelfRow:
    """A board and the space above it. `y_mm` is the board's upper side; `clearance_mm` reaches to the board above."""

    y_mm: float
    clearance_mm: float
    depth_mm: float
    board: BoardKind = "metal"
    board_bgr: Colour = (215, 215, 215)
    thickness_mm: float = 25.0
    rail_mm: float = 40.0
    rail_bgr: Colour = (220, 220, 220)
    rail_seed: int = 0
    fence: FenceKind = "none"
    fence_mm: float = 40.0


@dataclass(frozen=True, slots=True)
class PriceTag:
    """A label on a shelf rail; `y_mm` is its middle."""

    ref_id: str
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    kind: TagKind = "paper"
    seed: int = 0
    roll_deg: float = 0.0
    tilt_deg: float = 0.0
    z_mm: float = 4.0


@dataclass(frozen=True, slots=True)
class Gap:
    """An interval of a shelf row where facings should be and are missing, as a rectangle at depth `z_mm`."""

    ref_id: str
    row: int
    x0_mm: float
    x1_mm: float
    y0_mm: float
    y1_mm: float
    kind: GapKind = "bare"
    z_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Divider:
    """A thin upright plate along the depth of a row, between two columns."""

    row: int
    column: int
    x_mm: float
    height_mm: float
    z0_mm: float
    z1_mm: float
    bgr: Colour = (230, 230, 230)
    opacity: float = 0.35
    look: DividerLook = "plain"
    base_mm: float = 0.0
    """How far above the board it begins: a hook's rod hangs high."""


@dataclass(frozen=True, slots=True)
class Plate:
    """An upright plate facing the camera inside a row: a pusher, a tray's or crate's front, a card, a hook's end."""

    row: int
    column: int
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    z_mm: float
    bgr: Colour = (240, 240, 240)
    opacity: float = 1.0
    look: PlateLook = "pusher"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Prop:
    """A flat printed thing that is no product and no tag: bottom-left corner and two edge vectors in millimetres."""

    kind: PropKind
    origin_mm: PointMm
    across_mm: PointMm
    up_mm: PointMm
    seed: int = 0
    bgr: Colour = (200, 200, 200)
    opacity: float = 1.0
    in_front: bool = True


@dataclass(frozen=True, slots=True)
class Door:
    """A glass door before the rows, as on a chiller: frame, handle, reflections of the aisle, mist."""

    x0_mm: float
    x1_mm: float
    y0_mm: float
    y1_mm: float
    z_mm: float = 30.0
    frame_mm: float = 45.0
    frame_bgr: Colour = (60, 60, 60)
    handle: HandleSide = "right"
    seed: int = 0
    reflection: float = 0.35
    """How bright the aisle is in the glass, 0..1."""
    condensation: float = 0.0
    """How much mist is on the glass, 0..1. From about 0.7 it hides what is behind its thickest parts."""


@dataclass(frozen=True, slots=True)
class Occluder:
    """A person, trolley or basket before the bay: on the floor at (`x_mm`, `z_mm`), z counted from the front plane."""

    kind: OccluderKind
    x_mm: float
    z_mm: float
    seed: int = 0
    """Chooses clothes, hair, skin, build, and what is in the trolley."""
    height_mm: float = 1700.0
    """Of the person; trolleys and baskets have their own."""
    floor_mm: float = 0.0
    turn_deg: float = 0.0
    """0 faces the shelf, back to the camera; 90 looks along the bay to the right."""
    reach_mm: PointMm | None = None
    """Where the right or left hand is, whichever is nearer; None lets the arms hang."""
    motion_px: float = 0.0
    """Length of the motion blur."""
    motion_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Bay:
    """The furniture: boards, back panel and side uprights."""

    width_mm: float
    height_mm: float
    depth_mm: float
    rows: tuple[ShelfRow, ...]
    back: BackKind = "plain"
    back_bgr: Colour = (200, 200, 200)
    back_seed: int = 0
    side_bgr: Colour = (190, 190, 190)
    uprights_mm: tuple[float, ...] = ()
    sides: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """A pinhole camera with radial distortion (k1, k2 on coordinates normalised by the focal length)."""

    position_mm: PointMm
    aim_mm: PointMm
    focal_px: float
    image_wh_px: tuple[int, int]
    roll_deg: float = 0.0
    k1: float = 0.0
    k2: float = 0.0


@dataclass(frozen=True, slots=True)
class Light:
    """Where the light comes from and how fast it dies inside the shelf."""

    ambient: float = 1.0
    row_shadow: float = 0.35
    """How much darker the top of a row's opening is than its bottom, 0..1."""
    falloff_mm: float = 350.0
    """Depth behind the front at which light has fallen to 1/e."""
    slope_x: float = 0.0
    slope_y: float = 0.0
    """Brightness change across the bay, as a fraction from edge to edge."""
    spot_seed: int = 0
    spots: int = 0
    contact: float = 0.6
    """How dark the shadows are that packs cast on their board and on what stands behind them, 0..1."""
    edge_light: float = 0.0
    """Strip lights under the front edge of every board, 0..1 (1 is a jeweller's)."""
    colour_bgr: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Tint of the light: (1.1, 1.0, 0.92) is cold, (0.85, 0.97, 1.08) warm."""


@dataclass(frozen=True, slots=True)
class CameraLook:
    """What lens, sensor and encoder do to the picture."""

    blur_px: float = 0.0
    motion_px: float = 0.0
    motion_deg: float = 0.0
    noise_sigma: float = 0.0
    jpeg_quality: int = 0
    """0 keeps the picture unencoded."""
    gain: float = 1.0
    gamma: float = 1.0
    balance_bgr: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    saturation: float = 1.0
    vignette: float = 0.0
    sharpen: float = 0.0
    glass_seed: int = 0
    """Non-zero: the bay is seen through a door with reflections."""
    downscale: float = 1.0
    """Below 1 the picture is drawn, shrunk and enlarged again, as cheap cameras do."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the renderer needs. Equal scenes with equally seeded generators give equal pixels."""

    bay: Bay
    view: View
    packs: tuple[PlacedPack, ...] = ()
    tags: tuple[PriceTag, ...] = ()
    gaps: tuple[Gap, ...] = ()
    dividers: tuple[Divider, ...] = ()
    plates: tuple[Plate, ...] = ()
    props: tuple[Prop, ...] = ()
    light: Light = field(default_factory=Light)
    look: CameraLook = field(default_factory=CameraLook)
    surround_seed: int = 0
    doors: tuple[Door, ...] = ()
    occluders: tuple[Occluder, ...] = ()
    """Painted far ones first, over everything else."""


@dataclass(frozen=True, slots=True)
class FacingSlot:
    """One facing of a planned row: where it is, what belongs there, and how many units stand in it now."""

    ref_id: str
    x_mm: float
    style: PackStyle
    units_count: int
    tiers_count: int = 1
    spacing_mm: float = 2.0


def merge_gaps(gaps: tuple[Gap, ...], reach_mm: float = 15.0) -> tuple[Gap, ...]:
    """Join gaps of one row and kind that touch (closer than `reach_mm`) into one: people mark an empty stretch once."""
    merged: list[Gap] = []
    for gap in sorted(gaps, key=lambda g: (g.row, g.y0_mm, g.x0_mm)):
        last = merged[-1] if merged else None
        touches = (
            last is not None
            and last.row == gap.row
            and gap.kind == last.kind
            and gap.x0_mm - last.x1_mm <= reach_mm
            and abs(gap.y0_mm - last.y0_mm) < reach_mm
            and gap.kind not in ("pusher", "hook")
        )
        if last is not None and touches:
            merged[-1] = replace(last, x1_mm=max(last.x1_mm, gap.x1_mm), y1_mm=max(last.y1_mm, gap.y1_mm))
        else:
            merged.append(gap)
    return tuple(merged)


def stock_row(bay: Bay, row: int, slots: tuple[FacingSlot, ...]) -> tuple[tuple[PlacedPack, ...], tuple[Gap, ...]]:
    """Stand the units of each slot on a row, front first, and say where a facing is missing.

    A slot fills its front position first (a faced-up shelf): one tier after another at the front, then behind.
    An empty slot becomes a gap as high as the pack that belongs there; neighbouring gaps are joined.
    """
    shelf = bay.rows[row]
    packs: list[PlacedPack] = []
    gaps: list[Gap] = []
    for column, slot in enumerate(slots):
        style = slot.style
        deep_count = max(1, int(shelf.depth_mm // (style.depth_mm + slot.spacing_mm)))
        for unit in range(min(slot.units_count, deep_count * slot.tiers_count)):
            depth_index, tier = divmod(unit, slot.tiers_count)
            packs.append(
                PlacedPack(
                    ref_id=f"{slot.ref_id}/{depth_index}.{tier}",
                    row=row,
                    column=column,
                    x_mm=slot.x_mm,
                    y_mm=shelf.y_mm + tier * style.height_mm,
                    z_mm=-4.0 - depth_index * (style.depth_mm + slot.spacing_mm),
                    depth_index=depth_index,
                    style=style,
                    variant=unit,
                )
            )
        half_mm = style.width_mm / 2
        top_mm = shelf.y_mm + style.height_mm * slot.tiers_count
        front_count = min(slot.units_count, slot.tiers_count)
        if front_count < slot.tiers_count:
            base_mm = shelf.y_mm + front_count * style.height_mm
            kind: GapKind = "bare" if front_count == 0 else "tier"
            gaps.append(Gap(slot.ref_id, row, slot.x_mm - half_mm, slot.x_mm + half_mm, base_mm, top_mm, kind, -4.0))
    return tuple(packs), merge_gaps(tuple(gaps))


def without_pack(scene: Scene, ref_id: str) -> Scene:
    """Take one front pack away: its place becomes a gap.

    Raises KeyError when no front pack has that id.
    """
    for pack in scene.packs:
        if pack.ref_id == ref_id and pack.depth_index == 0:
            break
    else:
        message = f"no front pack '{ref_id}' in the scene; front packs have depth_index 0"
        raise KeyError(message)
    half_mm = pack.style.width_mm / 2
    gap = Gap(
        pack.ref_id,
        pack.row,
        pack.x_mm - half_mm,
        pack.x_mm + half_mm,
        pack.y_mm,
        pack.y_mm + pack.style.height_mm,
        "bare",
        pack.z_mm,
    )
    left = tuple(p for p in scene.packs if p is not pack)
    return replace(scene, packs=left, gaps=merge_gaps((*scene.gaps, gap)))
