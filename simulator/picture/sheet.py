# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings store sheet`: rendered bays beside real photographs of a similar kind, to be judged by eye."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import cv2
import numpy as np
import typer
from rich.console import Console

from simulator.picture.printing import Picture
from simulator.picture.random_scene import random_scene
from simulator.picture.render import RenderedView, render_scene
from simulator.picture.scene import Scene
from simulator.picture.store_styles import STORE_STYLES

_TILE_WH_PX: Final = (560, 420)
_CAPTION_PX: Final = 26
_INK: Final = {"product": (0, 255, 0), "gap": (0, 0, 255), "price_tag": (255, 128, 0)}
_DEFECT_INK: Final = (255, 0, 255)
_HIDDEN_INK: Final = (150, 150, 150)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One kind of fixture: the shop styles that draw it, and a source of photographs that shows it ('' for none)."""

    title: str
    styles: tuple[str, ...]
    source: str = ""
    accept: Callable[[Scene], bool] | None = None


def _shows_somebody(scene: Scene) -> bool:
    if not scene.occluders:
        return False
    boxes = render_scene(scene, np.random.default_rng(0)).boxes
    hidden = sum(box.occluded_fraction > 0.5 for box in boxes)
    return len(boxes) * 0.05 < hidden < len(boxes) * 0.5


ROWS: Final = (
    SheetRow("cigarette pushers", ("cigarettes",), "grocery_gulvarol"),
    SheetRow("boxes on wire-backed gondola", ("gondola_boxes",), "empty_pun"),
    SheetRow("sweets, trays and bags", ("sweets_trays", "snack_bags"), "pricetag_anuj"),
    SheetRow("mixed gondola", ("gondola_mixed",), "pricetag_anuj"),
    SheetRow("shelf-ready cartons", ("ready_trays",), "pricetag_anuj"),
    SheetRow("chiller with doors", ("chiller",), accept=lambda scene: bool(scene.doors)),
    SheetRow("pegs", ("pegs",)),
    SheetRow("produce crates", ("produce",)),
    SheetRow("people in front", ("gondola_mixed", "drinks"), accept=_shows_somebody),
)


def with_boxes(view: RenderedView) -> Picture:
    """A copy of the picture with boxes: products green, gaps red, tags blue, defects pink, hidden ones grey."""
    picture = view.image_bgr.copy()
    for box in view.boxes:
        x0, y0, x1, y1 = (round(v) for v in box.xyxy_px)
        ink = _INK.get(box.label, _DEFECT_INK) if box.is_clear else _HIDDEN_INK
        cv2.rectangle(picture, (x0, y0), (x1, y1), ink, 1)
    return picture


def sheet_command(
    *,
    out: Annotated[Path, typer.Option(help="Picture to write: .png or .jpg.")],
    photographs: Annotated[
        Path | None, typer.Option(help="Folder with annotations.json and images/ of real shelves.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other bays.")] = 0,
    boxes: Annotated[bool, typer.Option("--boxes", help="Draw the true boxes into the renders.")] = False,
) -> None:
    """Write a sheet: renders beside photographs of a similar kind, row by row a kind of fixture."""
    console = Console(stderr=True)
    found = _photographs(photographs) if photographs else {}
    missing = sorted({row.source for row in ROWS if row.source} - set(found))
    if missing:
        where = f"in {photographs}" if photographs else "(no --photographs given)"
        console.print(f"No photographs of {', '.join(missing)} {where}: their places say so", markup=False)
    sheet = np.vstack([_row(row, found.get(row.source, []), seed, boxes=boxes) for row in ROWS])
    try:
        written = cv2.imwrite(str(out), sheet)
    except cv2.error:
        written = False
    if not written:
        console.print(
            f"facings store sheet: cannot write {out}: name a .png or .jpg in an existing folder", markup=False
        )
        raise typer.Exit(2)
    typer.echo(f"{out}: {sheet.shape[1]} x {sheet.shape[0]} pixels, {len(ROWS)} kinds of fixture")


def _photographs(folder: Path) -> dict[str, list[Path]]:
    """Picture files by source, spread over their groups: fixtures differ more than frames of one fixture."""
    try:
        document = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
        images = [(image["source"], str(image.get("group")), image["file_name"]) for image in document["images"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    groups: dict[str, dict[str, list[Path]]] = {}
    for source, group, file_name in images:
        path = next((p for p in (folder / "images" / file_name, folder / file_name) if p.exists()), None)
        if path is not None:
            groups.setdefault(source, {}).setdefault(group, []).append(path)
    spread: dict[str, list[Path]] = {}
    for source, by_group in groups.items():
        longest = max(len(paths) for paths in by_group.values())
        spread[source] = [paths[i] for i in range(longest) for paths in by_group.values() if i < len(paths)]
    return spread


def scene_of_kind(row: SheetRow, seed: tuple[int, ...]) -> Scene:
    """A random scene of one of the row's styles, sought from `seed` on."""
    for attempt in range(200):
        rng = np.random.default_rng((*seed, attempt))
        name = row.styles[attempt % len(row.styles)]
        scene = random_scene(rng, _TILE_WH_PX, STORE_STYLES[name])
        facing_count = sum(pack.depth_index == 0 for pack in scene.packs)
        plain = replace(scene.look, motion_px=0.0) == scene.look and scene.look.downscale == 1.0
        people = bool(scene.occluders) and row.accept is None
        if facing_count > 6 and plain and not people and (row.accept is None or row.accept(scene)):
            return scene
    return scene


def _row(row: SheetRow, photographs: list[Path], seed: int, *, boxes: bool) -> Picture:
    tiles = []
    for number in range(2):
        place = (seed, ROWS.index(row), number)
        view = render_scene(scene_of_kind(row, place), np.random.default_rng(place))
        tiles.append(_captioned(with_boxes(view) if boxes else view.image_bgr, f"render: {row.title}"))
    for number in range(2):
        picture = None
        if photographs:
            picture = cv2.imread(str(photographs[(ROWS.index(row) * 2 + number) % len(photographs)]))
        if picture is None:
            tiles.append(_captioned(None, f"photograph: none of {row.source or row.title}"))
        else:
            tiles.append(_captioned(picture, f"photograph: {row.source}"))
    return np.hstack([tiles[0], tiles[2], tiles[1], tiles[3]])


def _captioned(picture: Picture | None, words: str) -> Picture:
    """A tile of one size: the picture fitted into it, a caption above."""
    width, height = _TILE_WH_PX
    tile: Picture = np.full((height + _CAPTION_PX, width, 3), 40, np.uint8)
    if picture is not None:
        scale = min(width / picture.shape[1], height / picture.shape[0])
        wh = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        tile[_CAPTION_PX : _CAPTION_PX + wh[1], : wh[0]] = cv2.resize(picture, wh, interpolation=cv2.INTER_AREA)
    ink = (120, 220, 255) if words.startswith("photograph") else (160, 255, 160)
    cv2.putText(tile, words, (6, _CAPTION_PX - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)
    return tile
