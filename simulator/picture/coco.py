# SPDX-License-Identifier: AGPL-3.0-or-later
"""True boxes as COCO: the dialect of `models.annotations`, with what only a renderer can know about every box."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from contract.model_card import DetectorLabel
from simulator.picture.truth import IGNORE_BELOW_FRACTION, TrueBox

CATEGORY_IDS: Final = {label: number for number, label in enumerate(DetectorLabel, start=1)}
LICENCE: Final = "AGPL-3.0-or-later (rendered)"


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """What one written picture needs to be annotated: pixels and boxes in the order of `file_name`."""

    file_name: str
    wh_px: tuple[int, int]
    seed: int
    boxes: tuple[TrueBox, ...]


def coco_document(images: Iterable[RenderedImage], *, source: str = "virtual_store") -> dict[str, Any]:
    """A COCO file as a dictionary: every image is complete for every category, and each has a group of its own.

    An annotation adds to COCO: `visibility` (share that shows, 0..1), `occluded` (share that people and trolleys
    hide), `depth_order` (0 is the front; 1 and more stand behind) and `ref_id` (the same for a defect and its
    product). `iscrowd` is 1 where less than IGNORE_BELOW_FRACTION shows or the pack is no front: to be ignored.
    """
    names = [label.value for label in CATEGORY_IDS]
    rows: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, image in enumerate(images, start=1):
        rows.append(
            {
                "id": image_id,
                "file_name": image.file_name,
                "width": image.wh_px[0],
                "height": image.wh_px[1],
                "source": source,
                "group": f"{source}-{image.seed}-{image_id}",
                "licence": LICENCE,
                "complete_for": names,
                "may_train": True,
                "seed": image.seed,
            }
        )
        annotations.extend(_annotation(len(annotations) + n, image_id, box) for n, box in enumerate(image.boxes, 1))
    return {
        "info": {"description": f"Rendered shelves; boxes that show less than {IGNORE_BELOW_FRACTION} are iscrowd"},
        "licenses": [],
        "categories": [{"id": number, "name": label.value} for label, number in CATEGORY_IDS.items()],
        "images": rows,
        "annotations": annotations,
    }


def _annotation(annotation_id: int, image_id: int, box: TrueBox) -> dict[str, Any]:
    x0, y0, x1, y1 = (round(v, 2) for v in box.xyxy_px)
    width, height = round(x1 - x0, 2), round(y1 - y0, 2)
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": CATEGORY_IDS[DetectorLabel(box.label)],
        "bbox": [x0, y0, width, height],
        "area": round(width * height, 2),
        "iscrowd": int(not box.is_clear),
        "visibility": round(box.visible_fraction, 4),
        "occluded": round(box.occluded_fraction, 4),
        "depth_order": box.depth_index,
        "ref_id": box.ref_id,
    }
