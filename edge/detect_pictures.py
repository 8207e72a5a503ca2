# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings detect` and `facings count`: photographs in, lines or a table and annotated pictures out.

A picture that cannot be used costs one line on standard error; the others are still done.
"""

import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from calibration.errors import CalibrationError
from calibration.files import load_calibration
from contract.counts import SightState, UnknownReason
from contract.model_card import DEFECT_LABELS, DetectorLabel
from edge.counting import ZoneReading
from edge.detections import Detections
from edge.detector import Detector
from edge.drawing import LEGEND, Outline, annotated
from edge.errors import EdgeError, PictureError
from edge.frames import BgrImage
from edge.glimpse import glimpse
from edge.model_file import shipped_model
from edge.picture_file import picture_paths, read_picture
from edge.place import Place
from edge.reference_crops import load_reference_crops
from edge.sight import darkness, shows_shelf
from edge.smoothing import Outlook
from edge.tiling import plan_tiles
from edge.watcher import zone_outline

Row = dict[str, Any]

_IMAGE_COLUMN = Column("image", overflow="fold")

PictureWork = Callable[[Path, BgrImage], tuple[Row, Detections, list[Outline]]]


def detect_pictures(
    paths: list[Path],
    onnx_file: Path | None,
    *,
    confidence: float | None,
    facing_height_px: float | None = None,
    threads_count: int,
    as_json: bool,
    draw_folder: Path | None,
) -> int:
    """Detect in every picture and print. Returns how many could not be used.

    Without a calibration nothing knows how large a facing is but who took the picture: `facing_height_px` chooses the
    scale, and tiles where that takes some. Without it the whole picture is shown at the card's default size.
    """
    detector = _detector(onnx_file, threads_count)
    if detector is None:
        return 1
    thresholds = None if confidence is None else dict.fromkeys(detector.card.labels, confidence)

    def work(path: Path, image_bgr: BgrImage) -> tuple[Row, Detections, list[Outline]]:
        plan = None
        if facing_height_px is not None:
            frame_wh_px = (image_bgr.shape[1], image_bgr.shape[0])
            plan = plan_tiles(detector.card, frame_wh_px, facing_height_px=facing_height_px)
        found = detector.detect(image_bgr, plan=plan, thresholds=thresholds)
        return _detect_row(path, image_bgr, detector, found), found, []

    def table(rows: list[Row]) -> Table:
        counted = [Counter(detection["label"] for detection in row["detections"]) for row in rows]
        labels = [
            label
            for label in detector.card.labels
            if label not in DEFECT_LABELS or any(counts[label] for counts in counted)
        ]
        shown = Table(_IMAGE_COLUMN, "pixels", *labels, title=detector.card.model_id)
        for name, row, counts in zip(_names_of(rows), rows, counted, strict=True):
            shown.add_row(name, f"{row['width_px']}x{row['height_px']}", *(str(counts[label]) for label in labels))
        return shown

    return _run(paths, work, table, as_json=as_json, draw_folder=draw_folder)


def count_pictures(
    paths: list[Path],
    calibration_file: Path,
    onnx_file: Path | None,
    *,
    threads_count: int,
    as_json: bool,
    draw_folder: Path | None,
    references_file: Path | None = None,
) -> int:
    """Count every picture's zones and print. Returns how many could not be used."""
    try:
        calibration = load_calibration(calibration_file)
        crops = None
        if references_file is not None:
            crops = load_reference_crops(references_file).belonging_to(calibration)
    except (CalibrationError, EdgeError) as error:
        _complain(str(error))
        return 1
    detector = _detector(onnx_file, threads_count)
    if detector is None:
        return 1

    def work(path: Path, image_bgr: BgrImage) -> tuple[Row, Detections, list[Outline]]:
        try:
            place = Place.of(calibration, (image_bgr.shape[1], image_bgr.shape[0]), crops)
        except CalibrationError as error:
            raise PictureError(f"{path}: {error}") from error
        found, readings = _count_honestly(place, detector, image_bgr)
        zones = []
        outlines = []
        for reading, (_, outline_px) in zip(readings, place.view.zone_polygons_px, strict=True):
            outlines.append(zone_outline(outline_px, Outlook.of(reading)))
            zones.append(_zone_row(reading))
        row = {"image": str(path), "model_id": detector.card.model_id, "calibration_id": calibration.calibration_id}
        return {**row, "zones": zones}, found, outlines

    def table(rows: list[Row]) -> Table:
        title = f"calibration {calibration.calibration_id}"
        shown = Table(_IMAGE_COLUMN, "zone", "sku", "facings", "gaps", "expected", "wrong", title=title)
        for name, row in zip(_names_of(rows), rows, strict=True):
            for zone in row["zones"]:
                facings = str(zone["facings_count"]) if "facings_count" in zone else f"unknown: {zone['reason']}"
                gaps, expected = zone.get("gap_facings", ""), zone.get("expected_facings_count", "")
                shown.add_row(name, zone["zone_id"], zone["sku"], facings, str(gaps), str(expected), _wrong_words(zone))
        return shown

    return _run(paths, work, table, as_json=as_json, draw_folder=draw_folder)


def _run(
    paths: list[Path],
    work: PictureWork,
    table: Callable[[list[Row]], Table],
    *,
    as_json: bool,
    draw_folder: Path | None,
) -> int:
    faults_count = 0
    rows: list[Row] = []
    try:
        pictures = picture_paths(paths)
        if draw_folder is not None:
            draw_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _complain(f"{error.filename}: cannot be used ({error.strerror})")
        return 1
    drawn_files = {} if draw_folder is None else _drawn_files(pictures, draw_folder)
    if not pictures:
        _complain("no pictures in " + ", ".join(map(str, paths)))
        return 1
    errors_console = Console(stderr=True)
    quiet = len(pictures) == 1 or not errors_console.is_terminal
    for path in track(pictures, "looking", console=errors_console, disable=quiet, transient=True):
        try:
            image_bgr = read_picture(path)
            row, found, outlines = work(path, image_bgr)
            if path in drawn_files:
                _write(drawn_files[path], annotated(image_bgr, found, outlines))
        except EdgeError as error:
            _complain(str(error))
            faults_count += 1
            continue
        if as_json:
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
        else:
            rows.append(row)
    if rows:
        Console().print(table(rows))
    if drawn_files:
        sys.stderr.write(f"{draw_folder}: {LEGEND}\n")
    return faults_count


def _names_of(rows: list[Row]) -> list[str]:
    """What a table calls the pictures: file names, where these tell them apart."""
    names = [Path(row["image"]).name for row in rows]
    files = {row["image"] for row in rows}
    return names if len(set(names)) == len(files) else [row["image"] for row in rows]


def _count_honestly(place: Place, detector: Detector, image_bgr: BgrImage) -> tuple[Detections, list[ZoneReading]]:
    """Count as the node does: a picture of something else says nothing about this shelf."""
    found, readings = place.count(detector, image_bgr)
    reason = darkness(glimpse(image_bgr).thumbnail)
    if reason is None and not shows_shelf(
        readings,
        place.tags_count(found),
        places_count=found.count_of(DetectorLabel.PRODUCT, DetectorLabel.GAP),
    ):
        reason = UnknownReason.NO_SHELF
    if reason is None:
        return found, readings
    return found, [ZoneReading(reading.zone, None, reason=reason) for reading in readings]


def _zone_row(reading: ZoneReading) -> Row:
    row: Row = {"zone_id": reading.zone.zone_id, "sku": reading.zone.sku}
    if reading.facings is None:
        return row | {"state": str(SightState.UNKNOWN), "reason": str(reading.reason)}
    return row | {
        "state": str(SightState.SEEN),
        "facings_count": reading.facings.mode_count,
        "facings_mean_count": round(reading.facings.mean_count, 2),
        "gap_facings": round(reading.gap_facings, 2),
        "expected_facings_count": reading.zone.expected_facings_count,
        "defects": {str(kind): count for kind, count in reading.defects.items()},
        **({} if reading.misplaced is None else {"misplaced": reading.misplaced}),
    }


def _wrong_words(zone: Row) -> str:
    """What is wrong with packs of a zone, in words for a table."""
    words = [f"{count} {kind.replace('_', ' ')}" for kind, count in zone.get("defects", {}).items()]
    words += [f"{count} {sku} misplaced" for sku, count in zone.get("misplaced", {}).items()]
    return ", ".join(words)


def _detect_row(path: Path, image_bgr: BgrImage, detector: Detector, found: Detections) -> Row:
    height_px, width_px = image_bgr.shape[:2]
    return {
        "image": str(path),
        "width_px": width_px,
        "height_px": height_px,
        "model_id": detector.card.model_id,
        "detections": [
            {
                "xyxy_px": [round(float(side), 2) for side in found.xyxy_px[index]],
                "confidence": round(float(found.confidence[index]), 5),
                "label": str(found.label_of(index)),
            }
            for index in range(len(found))
        ],
    }


def _detector(onnx_file: Path | None, threads_count: int) -> Detector | None:
    try:
        return Detector(onnx_file or shipped_model(), threads_count=threads_count)
    except EdgeError as error:
        _complain(str(error))
        return None


def _drawn_files(pictures: list[Path], draw_folder: Path) -> dict[Path, Path]:
    """Where each picture is drawn: `STEM.jpg`, numbered where that is a picture to read or another one's drawing."""
    taken = {picture.resolve() for picture in pictures}
    drawn_files: dict[Path, Path] = {}
    for picture in pictures:
        names = itertools.chain([f"{picture.stem}.jpg"], (f"{picture.stem}-{n}.jpg" for n in itertools.count(2)))
        drawn_files[picture] = next(file for name in names if (file := draw_folder / name).resolve() not in taken)
        taken.add(drawn_files[picture].resolve())
    return drawn_files


def _write(path: Path, image_bgr: BgrImage) -> None:
    encoded = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    try:
        path.write_bytes(encoded)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({error.strerror})") from error


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")
