# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings calibrate references`: photographs of the correctly filled shelf in, a file of reference crops out.

Written whole or not at all: a product without crops would never be judged, and nobody would notice.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from calibration.document import Calibration
from calibration.errors import CalibrationError
from calibration.files import load_calibration
from edge.counting import NO_ZONE, place_boxes
from edge.crop_features import HEIGHT_PX, WIDTH_PX
from edge.detector import Detector
from edge.errors import EdgeError, PictureError
from edge.frames import BgrImage
from edge.model_file import shipped_model
from edge.picture_file import picture_paths, read_picture
from edge.place import Place, box_wh_mm
from edge.reference_choice import LEAST_CROPS_COUNT, Choice, choose_crops
from edge.reference_crops import ReferenceCrops, save_reference_crops
from edge.second_look import SecondLook
from edge.thumbnails import take_thumbnails


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """Crops of one or more photographs, before any choice: as in `ReferenceCrops`."""

    thumbnails: NDArray[np.uint8]
    skus: tuple[str, ...]
    wh_mm: NDArray[np.float32]


def take_references(
    calibration_file: Path,
    paths: Sequence[Path],
    output: Path,
    onnx_file: Path | None,
    *,
    threads_count: int,
    allow_missing: bool,
    as_json: bool,
) -> bool:
    """Detect, choose and write; prints what was taken for each product. Returns whether the file was written."""
    try:
        calibration = load_calibration(calibration_file)
        pictures = picture_paths(list(paths))
        if not pictures:
            raise PictureError("no pictures in " + ", ".join(map(str, paths)))
        detector = Detector(onnx_file or shipped_model(), threads_count=threads_count)
        taken = joined([_of_picture(calibration, detector, path) for path in pictures])
        crops, choices = chosen_crops(taken, calibration, detector.card.model_id)
        missing = [choice.sku for choice in choices if choice.kept_count < LEAST_CROPS_COUNT]
        writes = bool(crops.skus) and (allow_missing or not missing)
        if writes:
            save_reference_crops(crops, output)
    except OSError as error:
        sys.stderr.write(f"{error.filename}: cannot be used ({error.strerror})\n")
        return False
    except (CalibrationError, EdgeError) as error:
        sys.stderr.write(f"{error}\n")
        return False
    look = SecondLook(crops) if crops.skus else None
    alike = {sku: sorted(others) for sku, others in look.alike.items() if others} if look else {}
    _tell(choices, alike, as_json=as_json)
    if missing:
        ending = "the others were written" if writes else "nothing was written (--allow-missing writes the others)"
        sys.stderr.write(
            f"too few whole packs of {', '.join(missing)}: at least {LEAST_CROPS_COUNT} are wanted, so photograph the "
            f"filled shelf once more; {ending}\n"
        )
    return writes


def crops_of(image_bgr: BgrImage, place: Place, detector: Detector) -> Taken:
    """The sure product boxes of a picture that lie in a zone."""
    card = detector.card
    found = detector.detect(image_bgr, facing_height_px=place.view.facing_height_px)
    placed = place_boxes(found, place.zone_map, dict(card.confidence_thresholds))
    sound = (placed.zone != NO_ZONE) & ~placed.defects.any(axis=1)
    boxes_px = placed.products.xyxy_px[sound]
    width_px, height_px = place.view.frame_wh_px
    whole = (boxes_px[:, :2] > 1).all(axis=1) & (boxes_px[:, 2:] < (width_px - 1, height_px - 1)).all(axis=1)
    boxes_px, zone = boxes_px[whole], placed.zone[sound][whole]
    return Taken(
        take_thumbnails(image_bgr, boxes_px),
        tuple(place.view.calibration.zones[index].sku for index in zone.tolist()),
        box_wh_mm(place.view, boxes_px).astype(np.float32),
    )


def joined(parts: Sequence[Taken]) -> Taken:
    """All crops of several photographs (at least one)."""
    return Taken(
        np.concatenate([part.thumbnails for part in parts]).reshape(-1, HEIGHT_PX, WIDTH_PX, 3),
        tuple(sku for part in parts for sku in part.skus),
        np.concatenate([part.wh_mm for part in parts]).reshape(-1, 2),
    )


def chosen_crops(taken: Taken, calibration: Calibration, model_id: str) -> tuple[ReferenceCrops, list[Choice]]:
    """The crops to keep, and what became of those of each product of the calibration, in its order."""
    choices = []
    kept: list[int] = []
    for sku in dict.fromkeys(zone.sku for zone in calibration.zones):
        own = np.array([index for index, one in enumerate(taken.skus) if one == sku], dtype=np.int64)
        chosen, choice = choose_crops(sku, taken.thumbnails[own], taken.wh_mm[own])
        choices.append(choice)
        kept += own[chosen].tolist()
    crops = ReferenceCrops(
        calibration.calibration_id,
        model_id,
        taken.thumbnails[kept],
        tuple(taken.skus[index] for index in kept),
        taken.wh_mm[kept],
    )
    return crops, choices


def _of_picture(calibration: Calibration, detector: Detector, path: Path) -> Taken:
    image_bgr = read_picture(path)
    try:
        place = Place.of(calibration, (image_bgr.shape[1], image_bgr.shape[0]))
    except CalibrationError as error:
        raise PictureError(f"{path}: {error}") from error
    return crops_of(image_bgr, place, detector)


def _tell(choices: Sequence[Choice], alike: dict[str, list[str]], *, as_json: bool) -> None:
    if as_json:
        products = [
            {
                "sku": choice.sku,
                "seen_count": choice.seen_count,
                "odd_count": choice.odd_count,
                "kept_count": choice.kept_count,
                "alike": alike.get(choice.sku, []),
            }
            for choice in choices
        ]
        sys.stdout.write(json.dumps({"products": products}) + "\n")
        return
    table = Table("sku", "packs seen", "odd, left out", "crops kept", "not told apart from")
    for choice in choices:
        counts = (choice.seen_count, choice.odd_count, choice.kept_count)
        table.add_row(choice.sku, *map(str, counts), ", ".join(alike.get(choice.sku, [])))
    Console().print(table)
