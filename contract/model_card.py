# SPDX-License-Identifier: AGPL-3.0-or-later
"""The card that travels with a detector: what the file is, how to feed it, what it scores and where it came from."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contract.envelope import Message
from contract.ids import ModelId, UtcDatetime


class DetectorLabel(StrEnum):
    """What a detector of ours can name."""

    PRODUCT = "product"
    GAP = "gap"
    PRICE_TAG = "price_tag"
    DAMAGED = "damaged"
    TOPPLED = "toppled"
    WRONG_FACE = "wrong_face"


DEFECT_LABELS = frozenset({DetectorLabel.DAMAGED, DetectorLabel.TOPPLED, DetectorLabel.WRONG_FACE})
"""Traits of a product: such a box lies over that of its product, which is counted all the same."""


class DetectorHead(StrEnum):
    """Shape of the network's output, for n classes and N candidates."""

    RAW = "raw"
    """(1, 4 + n, N): centre x, centre y, width, height, then one score per class; suppression is the node's work."""
    NMS_FREE = "nms_free"
    """(1, N, 6): x1, y1, x2, y2, score, class; already one box per object."""


class DataSource(Message):
    """One source of training pictures."""

    name: str
    images_count: Annotated[int, Field(ge=0)]
    licence: str
    credit: str | None = None


class SourceScore(Message):
    """Score of one class on one source of real photographs."""

    source: str
    label: DetectorLabel
    images_count: Annotated[int, Field(ge=0)]
    boxes_count: Annotated[int, Field(ge=0)]
    ap50: Annotated[float, Field(ge=0, le=1)]
    ap75: Annotated[float, Field(ge=0, le=1)]
    f1: Annotated[float, Field(ge=0, le=1)]
    count_error_fraction: Annotated[float, Field(ge=0)]
    """Sum of absolute count errors over images, divided by the true count."""
    seen_in_training: bool
    """True when photographs of this source trained the weights: such a score shows memory, not skill."""
    precision: Annotated[float, Field(ge=0, le=1)] | None = None
    recall: Annotated[float, Field(ge=0, le=1)] | None = None
    rows_count: Annotated[int, Field(ge=0)] | None = None
    """Shelf rows that were counted one by one; absent on cards from before rows were."""
    row_count_error_fraction: Annotated[float, Field(ge=0)] | None = None
    """Sum of absolute count errors over rows, divided by the true count in these rows."""
    exact_rows_fraction: Annotated[float, Field(ge=0, le=1)] | None = None


class ScaleScore(Message):
    """Score of one class when every photograph is fed at `scale` times its size, through what the node does itself."""

    scale: Annotated[float, Field(gt=0)]
    source: str
    label: DetectorLabel
    boxes_count: Annotated[int, Field(ge=0)]
    ap50: Annotated[float, Field(ge=0, le=1)]
    ap75: Annotated[float, Field(ge=0, le=1)]
    count_error_fraction: Annotated[float, Field(ge=0)]


class FalseDefects(Message):
    """Defects that a node would report on photographs whose products nobody found any fault with."""

    images_count: Annotated[int, Field(ge=0)]
    products_count: Annotated[int, Field(ge=0)]
    """True product boxes on these photographs."""
    defects_count: dict[DetectorLabel, Annotated[int, Field(ge=0)]]
    """False boxes of each kind, at the card's thresholds."""
    per_200_products: Annotated[float, Field(ge=0)]


class Speed(Message):
    """One look on one thread of a machine, from a decoded frame to zone counts, beside the network alone."""

    machine: str
    input_wh_px: tuple[Annotated[int, Field(ge=32)], Annotated[int, Field(ge=32)]]
    bare_run_ms: Annotated[float, Field(gt=0)]
    """The bare onnxruntime run of the same network in the same sitting."""
    look_ms: Annotated[float, Field(gt=0)]
    ratio: Annotated[float, Field(gt=0)]
    """`look_ms` to `bare_run_ms`; times differ between machines, this hardly does."""
    int8_ratio: Annotated[float, Field(gt=0)] | None = None
    """Bare run of the INT8 network to that of the float one, where there is one."""


class Precision(StrEnum):
    """In which numbers a network computes."""

    FP32 = "fp32"
    INT8 = "int8"
    """Weights and activations in 8 bits; what makes boxes and scores of them may stay in float."""


class CountGate(Message):
    """How well a quantised network keeps the counts of products of its float twin, each at its own thresholds."""

    images_count: Annotated[int, Field(ge=1)]
    boxes_count: Annotated[int, Field(ge=1)]
    """True products on these pictures."""
    float_count_error_fraction: Annotated[float, Field(ge=0)]
    """Sum of absolute count errors of the float network over the pictures, divided by the true boxes."""
    count_error_fraction: Annotated[float, Field(ge=0)]
    """The same of the quantised network."""
    count_difference_fraction: Annotated[float, Field(ge=0)]
    """Sum over the pictures of |quantised count - float count|, divided by the sum of the float counts."""
    limit_fraction: Annotated[float, Field(ge=0)]
    """The most that the two errors, and the two counts, may differ by."""

    @property
    def passed(self) -> bool:
        """Whether the quantised network may take the float one's place."""
        error_change = abs(self.count_error_fraction - self.float_count_error_fraction)
        return max(error_change, self.count_difference_fraction) <= self.limit_fraction


class ModelCard(Message):
    """Stands beside the ONNX file as `NAME.card.json`. A node refuses a file that its card does not describe."""

    schema_version: Literal[1] = 1
    model_id: ModelId
    onnx_file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.onnx$")]
    onnx_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    labels: Annotated[tuple[DetectorLabel, ...], Field(min_length=1)]
    """In the order of the network's class index."""
    head: DetectorHead
    input_wh_px: tuple[Annotated[int, Field(ge=32)], Annotated[int, Field(ge=32)]] | None = None
    """Fixed input width and height; absent when any multiple of `stride_px` is accepted."""
    default_input_wh_px: tuple[Annotated[int, Field(ge=32)], Annotated[int, Field(ge=32)]]
    """What to feed when nothing is known about the scale of the facings."""
    stride_px: Annotated[int, Field(ge=1)] = 32
    facing_height_range_px: tuple[float, float]
    """Height of a facing at the network's input for which the training holds."""
    max_boxes_count: Annotated[int, Field(ge=1500)]
    confidence_thresholds: dict[DetectorLabel, Annotated[float, Field(ge=0, le=1)]]
    nms_iou: Annotated[float, Field(gt=0, le=1)]
    licence: str
    trained_at: UtcDatetime
    recipe: str
    data_manifest_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    sources: tuple[DataSource, ...]
    scores: tuple[SourceScore, ...] = ()
    scale_scores: tuple[ScaleScore, ...] = ()
    false_defects: FalseDefects | None = None
    speed: Speed | None = None
    weaknesses: tuple[str, ...] = ()
    precision: Precision = Precision.FP32
    quantised_from_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """The float ONNX file that this one was made of; absent when it is a float one itself."""
    count_gate: CountGate | None = None
    """What the comparison with the float twin showed; absent on a float network."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        missing = [label for label in self.labels if label not in self.confidence_thresholds]
        if missing:
            raise ValueError(f"confidence_thresholds lacks {', '.join(missing)}")
        for wh_px in (self.input_wh_px, self.default_input_wh_px):
            if wh_px and any(side % self.stride_px for side in wh_px):
                raise ValueError(f"input {wh_px} is no multiple of stride {self.stride_px}")
        if self.input_wh_px and self.input_wh_px != self.default_input_wh_px:
            raise ValueError("a fixed input must be its own default")
        return self
