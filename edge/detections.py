# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a detector found in one frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.model_card import DetectorLabel

FloatArray = NDArray[np.float32]
IndexArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Detections:
    """`xyxy_px` float32 (n, 4) in the original frame, `confidence` float32 (n,) 0..1, `class_id` int64 (n,).

    `labels[class_id]` is the label. Sorted by falling confidence.
    """

    xyxy_px: FloatArray
    confidence: FloatArray
    class_id: IndexArray
    labels: tuple[DetectorLabel, ...]

    def __len__(self) -> int:
        return len(self.confidence)

    def of(self, label: DetectorLabel) -> "Detections":
        """Those of one label."""
        if label not in self.labels:
            return self.where(np.zeros(len(self), dtype=bool))
        return self.where(self.class_id == self.labels.index(label))

    def where(self, chosen: NDArray[np.bool_]) -> "Detections":
        """Those that `chosen` bool (n,) marks."""
        return Detections(self.xyxy_px[chosen], self.confidence[chosen], self.class_id[chosen], self.labels)

    def moved(self, x_px: int, y_px: int) -> "Detections":
        """As seen in a frame in which the top left corner of their picture lies at (x_px, y_px)."""
        shift_px = np.array([x_px, y_px, x_px, y_px], dtype=np.float32)
        return Detections(self.xyxy_px + shift_px, self.confidence, self.class_id, self.labels)

    def at_least(self, thresholds: dict[DetectorLabel, float]) -> "Detections":
        """Those whose confidence reaches the threshold of their label."""
        return self.where(self.confidence >= thresholds_array(self.labels, thresholds)[self.class_id])

    def count_of(self, *labels: DetectorLabel) -> int:
        """How many there are of some labels."""
        return sum(len(self.of(label)) for label in labels)

    def label_of(self, index: int) -> DetectorLabel:
        """Label of one box."""
        return self.labels[int(self.class_id[index])]


def thresholds_array(labels: tuple[DetectorLabel, ...], thresholds: dict[DetectorLabel, float]) -> FloatArray:
    """Thresholds float32 (classes,) in the order of the class index."""
    return np.array([thresholds[label] for label in labels], dtype=np.float32)
