# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model card without a model, for decisions that read no more than the card."""

from datetime import UTC, datetime

from contract.model_card import DetectorHead, DetectorLabel, ModelCard

LABELS = (DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG)


def card(
    input_wh_px: tuple[int, int] | None = None,
    *,
    default_input_wh_px: tuple[int, int] = (416, 256),
    head: DetectorHead = DetectorHead.RAW,
) -> ModelCard:
    """A card that holds for facings 20 to 90 px tall."""
    return ModelCard(
        model_id="toy",
        onnx_file="toy.onnx",
        onnx_sha256="0" * 64,
        labels=LABELS,
        head=head,
        input_wh_px=input_wh_px,
        default_input_wh_px=input_wh_px or default_input_wh_px,
        facing_height_range_px=(20.0, 90.0),
        max_boxes_count=1500,
        confidence_thresholds=dict.fromkeys(LABELS, 0.3),
        nms_iou=0.5,
        licence="AGPL-3.0-or-later",
        trained_at=datetime(2026, 11, 1, tzinfo=UTC),
        recipe="none",
        data_manifest_sha256="0" * 64,
        sources=(),
    )
