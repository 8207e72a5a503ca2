# SPDX-License-Identifier: AGPL-3.0-or-later
"""A quantised model from start to end: calibrate, choose thresholds, compare the counts, and only then write it."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from contract.model_card import CountGate, ModelCard, Precision
from models.annotations import Photograph, drawn_by_people, read_annotations
from models.calibration_pictures import PICTURES_COUNT, blobs, choose_pictures
from models.cards import photograph_scores, read_card, source_scores, write_card
from models.count_gate import Compared, count_gate, thresholds_that_keep_counts
from models.detecting import card_of, detect
from models.errors import ExportError, WorkshopError
from models.evaluate import score_sources
from models.false_defects import false_defects
from models.manifest import RENDERS_LICENCE, file_sha256
from models.quantise import quantise
from models.samples import as_photographs
from models.slim_graph import slimmed


def quantise_model(
    onnx_path: Path,
    target: Path,
    folder: Path,
    *,
    annotations: Path | None = None,
    gate_annotations: Path | None = None,
    pictures_count: int = PICTURES_COUNT,
    seven_bits: bool = False,
    say: Callable[[str], None] = print,
) -> CountGate:
    """Write the 8-bit twin of a float model and its card, if it keeps the counts; how well is returned either way.

    `folder` is a training's `pictures` folder: its training renders calibrate; of its validation renders every second
    one sets thresholds, and the others are counted. Of `annotations` the photographs that may train do the same.
    Counted are further the photographs of `gate_annotations`, or of `annotations` where that is absent, that set no
    threshold, since counting trains nothing. When the gate did not pass, nothing is written. Raises WorkshopError,
    LicenceError when a render is a photograph that may not train.
    """
    if target.resolve() == onnx_path.resolve() or target.suffix != ".onnx":
        raise ExportError(f"{target}: name another file than the float one, ending in .onnx")
    float_card = read_card(card_of(onnx_path))
    if float_card.precision is not Precision.FP32:
        raise ExportError(f"{onnx_path}: its card says {float_card.precision}; start from the float one")
    labelled = [] if annotations is None else drawn_by_people(read_annotations(annotations), annotations)
    counted = (
        labelled if gate_annotations is None else drawn_by_people(read_annotations(gate_annotations), gate_annotations)
    )
    free = [photograph for photograph in labelled if photograph.may_train]
    train_renders = sorted((folder / "images" / "train").glob("*.jpg"))
    chosen = choose_pictures(train_renders, free, [*labelled, *counted], count=pictures_count)
    say(f"calibrating on {len(chosen)} pictures")
    pictures = blobs(chosen, max(float_card.default_input_wh_px))
    network = slimmed(quantise(_read(onnx_path), pictures, seven_bits=seven_bits))
    renders = as_photographs(folder, "val", float_card.labels, RENDERS_LICENCE)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".quantised-", dir=target.parent) as scratch:
        candidate = Path(scratch) / target.name
        onnx.save(network, str(candidate))
        write_card(_first_card(float_card, candidate), card_of(candidate))
        say("counting with both networks")
        card, gate = _judged(card_of(onnx_path), card_of(candidate), renders, free, counted)
        if gate.passed:
            write_card(card, card_of(candidate))
            candidate.replace(target)
            card_of(candidate).replace(card_of(target))
    return gate


def _read(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(str(path))
    except (OSError, DecodeError) as error:
        raise ExportError(f"{path}: cannot be read as a network: {error}") from error


def _first_card(float_card: ModelCard, candidate: Path) -> ModelCard:
    return float_card.model_copy(
        update={
            "model_id": f"{float_card.model_id}-int8",
            "onnx_file": candidate.name,
            "onnx_sha256": file_sha256(candidate),
            "precision": Precision.INT8,
            "quantised_from_sha256": float_card.onnx_sha256,
            "scores": (),
            "scale_scores": (),
            "false_defects": None,
            "speed": None,
        }
    )


def _judged(
    float_path: Path, card_path: Path, renders: list[Photograph], free: list[Photograph], counted: list[Photograph]
) -> tuple[ModelCard, CountGate]:
    """The card with thresholds chosen again, the count gate and scores."""
    card, float_thresholds = read_card(card_path), read_card(float_path).confidence_thresholds
    drawn = _compared(renders, float_path, card_path, calibrated=True)
    counted_names = {one.path.name for one in counted}
    union = [*counted, *(one for one in free if one.path.name not in counted_names)]
    shot = _compared(union, float_path, card_path)
    # What chose the thresholds shows nothing about them: every second picture chooses, the others pass the gate.
    choosing = [drawn._replace(photographs=renders[::2]), shot._replace(photographs=free[::2])]
    thresholds = thresholds_that_keep_counts(choosing, card.labels, float_thresholds)
    chose = {one.path.name for one in free[::2]}
    judging = [one for one in counted if one.path.name not in chose]
    gate = count_gate(
        [drawn._replace(photographs=renders[1::2]), shot._replace(photographs=judging)], float_thresholds, thresholds
    )
    scores = photograph_scores(card, score_sources(counted, shot.found_by_quantised, thresholds))
    scores += source_scores(score_sources(renders, drawn.found_by_quantised, thresholds), frozenset())
    update = {
        "confidence_thresholds": thresholds,
        "count_gate": gate,
        "scores": tuple(scores),
        "false_defects": false_defects(counted, shot.found_by_quantised, thresholds),
    }
    return card.model_copy(update=update), gate


def _compared(
    photographs: list[Photograph], float_path: Path, card_path: Path, *, calibrated: bool = False
) -> Compared:
    if len({photograph.path.name for photograph in photographs}) != len(photographs):
        raise WorkshopError("two photographs share a file name, so their counts would mix; rename one")
    found = (detect(photographs, path, calibrated=calibrated) for path in (float_path, card_path))
    return Compared(photographs, *found)
