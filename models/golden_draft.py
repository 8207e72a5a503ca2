# SPDX-License-Identifier: AGPL-3.0-or-later
"""Drafts a file of golden frames: what a model counts in each picture, for a person to put right."""

import json
import os
from pathlib import Path
from typing import NamedTuple

import cv2

from calibration.errors import CalibrationError
from calibration.files import load_calibration
from contract.ids import is_id
from edge.detector import Detector
from edge.drawing import annotated
from edge.errors import EdgeError
from edge.model_file import shipped_model
from edge.picture_file import picture_paths, read_picture
from edge.place import Place
from edge.smoothing import Outlook
from edge.watcher import zone_outline
from models.errors import GoldenError
from models.picture_time import taken_at

HEADING = """\
# Golden frames of {store_id}, drafted with {model_id}. For each frame: look at the picture, put every figure right,
# take out zones that cannot be told, and say `checked = true`. Figures that nobody checked only teach a model its own
# mistakes. Empty facings may be added: gaps = {{ {zone_id} = 1 }}; so may the time where the picture did not tell it:
# captured_at = 2026-11-20T09:00:00Z.
store_id = {store}
calibration = {calibration}
"""


class Draft(NamedTuple):
    """What was written: so many frames, of so many of them the time, and the folder of drawings."""

    frames_count: int
    timed_frames_count: int
    drawings: Path


def write_draft(
    pictures: list[Path], calibration_file: Path, output: Path, *, store_id: str, onnx: Path | None
) -> Draft:
    """Write the draft and, beside it, each picture with its zones and boxes drawn.

    Raises GoldenError, and then writes no draft.
    """
    if output.exists():
        raise GoldenError(f"{output}: is there already, perhaps with somebody's counts in it; choose another name")
    if not is_id(store_id):
        raise GoldenError(f"--store: {store_id!r} is no id; use small letters, digits, - and _")
    drawings = output.with_name(f"{output.stem}-drawn")
    try:
        calibration = load_calibration(calibration_file)
        detector = Detector(onnx or shipped_model(), threads_count=2)
        paths = picture_paths(pictures)
        output.parent.mkdir(parents=True, exist_ok=True)
        drawings.mkdir(exist_ok=True)
        blocks = [
            HEADING.format(
                store_id=store_id,
                model_id=detector.card.model_id,
                zone_id=calibration.zones[0].zone_id,
                store=json.dumps(store_id),
                calibration=_relative(calibration_file, output),
            )
        ]
        times = [taken_at(path) for path in paths]
        for number, (path, instant) in enumerate(zip(paths, times, strict=True)):
            image_bgr = read_picture(path)
            place = Place.of(calibration, (image_bgr.shape[1], image_bgr.shape[0]))
            found, readings = place.count(detector, image_bgr)
            counted = [
                f"{reading.zone.zone_id} = {reading.facings.mode_count}"
                for reading in readings
                if reading.facings is not None
            ]
            facings = "".join(f"\n{line}" for line in counted)
            captured_at = "" if instant is None else f"captured_at = {instant.isoformat(timespec='seconds')}\n"
            blocks.append(
                f"\n[[frames]]\npicture = {_relative(path, output)}\n{captured_at}checked = false\n"
                f"[frames.facings]{facings}\n"
            )
            outlines = [
                zone_outline(outline_px, Outlook.of(reading))
                for reading, (_, outline_px) in zip(readings, place.view.zone_polygons_px, strict=True)
            ]
            drawn = drawings / f"{number:03d}-{path.stem}.jpg"
            cv2.imwrite(str(drawn), annotated(image_bgr, found, outlines))
    except (EdgeError, CalibrationError) as error:
        raise GoldenError(str(error)) from error
    except OSError as error:
        raise GoldenError(f"{error.filename}: cannot be used: {error.strerror}") from error
    if len(blocks) == 1:
        raise GoldenError("no pictures in " + ", ".join(map(str, pictures)))
    output.write_text("".join(blocks), encoding="utf-8")
    return Draft(len(paths), sum(instant is not None for instant in times), drawings)


def _relative(path: Path, output: Path) -> str:
    """As a TOML string, relative to the draft's folder, so that the folder can be moved."""
    return json.dumps(os.path.relpath(path, output.parent), ensure_ascii=False)
