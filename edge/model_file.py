# SPDX-License-Identifier: AGPL-3.0-or-later
"""Loads an ONNX file and its card, and refuses the pair when they disagree about anything."""

import ast
import contextlib
import ctypes
import hashlib
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import onnxruntime as ort
from pydantic import ValidationError

from contract.model_card import DetectorHead, ModelCard, Precision
from edge.errors import CardMismatch, ModelError

SHIPPED_FOLDER = Path(__file__).resolve().parent.parent / "models"
CARD_SUFFIX = ".card.json"


def shipped_model() -> Path:
    """The model that came with the program: of the newest training, in 8 bits where that keeps the counts.

    Raises ModelError when there is none.
    """
    card = preferred_card([read_card(file) for file in SHIPPED_FOLDER.glob(f"*{CARD_SUFFIX}")])
    if card is None:
        raise ModelError(f"no model came with the program ({SHIPPED_FOLDER} holds no card); name one with --model")
    return SHIPPED_FOLDER / card.onnx_file


def preferred_card(cards: Iterable[ModelCard]) -> ModelCard | None:
    """The card that a node takes when it is told none, in whatever order they come.

    The newest float network, or its 8-bit twin where one passed its count gate, for a small computer's sake. An 8-bit
    network made of another file is no twin, and one that did not pass is never taken unasked.
    """

    def newest(card: ModelCard) -> tuple[datetime, str]:
        return card.trained_at, card.model_id

    known = list(cards)
    floats = [card for card in known if card.precision is Precision.FP32]
    quantised = [card for card in known if card.count_gate is not None and card.count_gate.passed]
    if not floats:
        return max(quantised, key=newest, default=None)
    best = max(floats, key=newest)
    twins = [card for card in quantised if card.quantised_from_sha256 == best.onnx_sha256]
    return max(twins, key=newest, default=best)


def read_card(card_file: Path) -> ModelCard:
    """Read a card.

    Raises ModelError naming the file and every wrong field.
    """
    try:
        return ModelCard.read(card_file.read_bytes())
    except OSError as error:
        raise ModelError(f"{card_file}: cannot be read ({error.strerror}); every model needs its card") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ModelError(f"{card_file}: {faults}") from error


def load_model(onnx_file: Path, *, threads_count: int) -> tuple[ModelCard, ort.InferenceSession]:
    """Load a network with the card beside it.

    Raises ModelError when either cannot be read, CardMismatch when they disagree.
    """
    card = read_card(onnx_file.with_name(onnx_file.name.removesuffix(".onnx") + CARD_SUFFIX))
    try:
        with onnx_file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{onnx_file}: cannot be read ({error.strerror})") from error
    if card.onnx_file != onnx_file.name:
        raise CardMismatch(f"{onnx_file}: its card describes {card.onnx_file}")
    if card.onnx_sha256 != sha256:
        raise CardMismatch(f"{onnx_file}: sha256 is {sha256}, its card says {card.onnx_sha256}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads_count
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # inputs of several sizes gain nothing from it, and it costs 13 MB
    # Several sessions in one process would spin against each other.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(str(onnx_file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no public root
        raise ModelError(f"{onnx_file}: onnxruntime cannot load it ({str(error).splitlines()[0]})") from error
    _give_back_memory()
    _check_input(onnx_file, card, session)
    _check_output(onnx_file, card, session)
    _check_names(onnx_file, card, session)
    return card, session


def _give_back_memory() -> None:
    """What parsing and optimising needed, a tenth of the process, goes back before the first look asks for more."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a C library without it keeps the memory
            ctypes.CDLL(None).malloc_trim(0)


def _check_input(onnx_file: Path, card: ModelCard, session: ort.InferenceSession) -> None:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:  # noqa: PLR2004 - NCHW
        raise CardMismatch(f"{onnx_file}: expected one float input (1, 3, height, width)")
    _, channels, height_px, width_px = inputs[0].shape
    if isinstance(channels, int) and channels != 3:  # noqa: PLR2004 - red, green, blue
        raise CardMismatch(f"{onnx_file}: takes {channels} channels, expected 3")
    fixed = (width_px, height_px) if isinstance(width_px, int) and isinstance(height_px, int) else None
    if fixed != card.input_wh_px:
        raise CardMismatch(f"{onnx_file}: input is {fixed or 'of any size'}, its card says {card.input_wh_px}")


def _check_output(onnx_file: Path, card: ModelCard, session: ort.InferenceSession) -> None:
    shape = session.get_outputs()[0].shape
    check_output_shape(onnx_file, card, [side if isinstance(side, int) else None for side in shape])


def check_output_shape(onnx_file: Path, card: ModelCard, shape: list[int | None]) -> None:
    """Compare an output shape (None where open) with the card.

    Raises CardMismatch.
    """
    if card.head is DetectorHead.RAW:
        expected: list[int | None] = [1, 4 + len(card.labels), None]
    else:
        expected = [1, card.max_boxes_count, 6]
    agrees = len(shape) == len(expected) and all(
        have is None or want is None or have == want for have, want in zip(shape, expected, strict=True)
    )
    if not agrees:
        raise CardMismatch(
            f"{onnx_file}: output shape is {tuple(shape)}, its card ({card.head}, {len(card.labels)} labels) "
            f"expects {tuple(expected)}"
        )


def _check_names(onnx_file: Path, card: ModelCard, session: ort.InferenceSession) -> None:
    written = session.get_modelmeta().custom_metadata_map.get("names")
    if written is None:
        return
    try:
        parsed = ast.literal_eval(written)
        names = [str(parsed[index]) for index in range(len(parsed))]
    except (ValueError, SyntaxError, KeyError, IndexError, TypeError) as error:
        raise CardMismatch(f"{onnx_file}: the class names inside it cannot be read") from error
    if names != [str(label) for label in card.labels]:
        raise CardMismatch(f"{onnx_file}: classes inside it are {names}, its card says {list(map(str, card.labels))}")
