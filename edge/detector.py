# SPDX-License-Identifier: AGPL-3.0-or-later
"""The detector: a frame in, boxes in that frame out."""

import threading
from pathlib import Path

import numpy as np

from contract.model_card import DetectorHead, DetectorLabel, ModelCard
from edge.decode import decode, doubt_nested, suppress
from edge.detections import Detections, FloatArray, thresholds_array
from edge.errors import ModelError
from edge.frames import BgrImage
from edge.letterbox import BlobWriter, Letterbox
from edge.model_file import check_output_shape, load_model
from edge.tile_merge import merge_tiles
from edge.tiling import TilingPlan, whole_frame

MAX_KEPT_BLOBS_COUNT = 8
_FIRST_STRIDES_COUNT = 2


class Detector:
    """One network with its card. Threads may share it; they take turns.

    Raises ModelError when the file or its card cannot be used, CardMismatch when they disagree.
    """

    def __init__(self, onnx_file: Path, *, threads_count: int = 1) -> None:
        self.card: ModelCard
        self.card, self._session = load_model(onnx_file, threads_count=threads_count)
        self._onnx_file = onnx_file
        self._input_name: str = self._session.get_inputs()[0].name
        self._blobs: dict[tuple[int, int], BlobWriter] = {}
        self._turn = threading.Lock()
        # One run before the first look: only now is the shape of an open output known.
        width_px, height_px = self.card.default_input_wh_px
        if self.card.head is DetectorHead.RAW and self.card.input_wh_px is None:
            # Any size shows it. (An NMS-free head must have room for all its boxes.)
            width_px = height_px = _FIRST_STRIDES_COUNT * self.card.stride_px
        first = self._run(np.zeros((1, 3, height_px, width_px), dtype=np.float32))
        check_output_shape(onnx_file, self.card, list(first.shape))

    def detect(
        self,
        image_bgr: BgrImage,
        *,
        facing_height_px: float | None = None,
        plan: TilingPlan | None = None,
        thresholds: dict[DetectorLabel, float] | None = None,
    ) -> Detections:
        """Find boxes in an image uint8 (height, width, 3).

        `facing_height_px` is the usual height of a facing in this image, where a calibration knows it; it chooses at
        which size the whole image is shown. A `plan` for frames of this size says instead what is shown, and how large.
        `thresholds` replaces the card's confidence thresholds. Raises ValueError for a plan for another frame size.
        """
        frame_wh_px = (int(image_bgr.shape[1]), int(image_bgr.shape[0]))
        if plan is None:
            plan = whole_frame(self.card, frame_wh_px, facing_height_px)
        elif plan.frame_wh_px != frame_wh_px:
            raise ValueError(f"a plan for frames of {plan.frame_wh_px} px does not fit one of {frame_wh_px} px")
        wanted = thresholds_array(self.card.labels, thresholds or dict(self.card.confidence_thresholds))
        found = []
        for left, top, right, bottom in plan.windows_px:
            in_window = self._look(image_bgr[top:bottom, left:right], plan.input_wh_px, wanted)
            found.append(in_window.moved(left, top))
        return merge_tiles(found, plan)

    def _look(self, image_bgr: BgrImage, input_wh_px: tuple[int, int], thresholds: FloatArray) -> Detections:
        """Run the network once."""
        letterbox = Letterbox.fit((int(image_bgr.shape[1]), int(image_bgr.shape[0])), input_wh_px)
        with self._turn:
            output = self._run(self._blob(input_wh_px).write(image_bgr, letterbox))
        boxes = decode(output, self.card.labels, self.card.head, thresholds)
        if self.card.head is DetectorHead.RAW:
            boxes = suppress(boxes, iou=self.card.nms_iou, max_boxes_count=self.card.max_boxes_count)
        xyxy_px, confidence, class_id = doubt_nested(boxes, thresholds)
        found = Detections(letterbox.to_frame(xyxy_px), confidence, class_id, self.card.labels)
        # A box that lay wholly in the grey border has no extent in the frame.
        return found.where(np.all(found.xyxy_px[:, 2:] > found.xyxy_px[:, :2], axis=1))

    def run_bare(self, blob: np.ndarray) -> np.ndarray:
        """The network's output for a blob float32 (1, 3, height, width), and nothing around it."""
        with self._turn:
            return self._run(blob)

    def _run(self, blob: np.ndarray) -> np.ndarray:
        try:
            output: np.ndarray = self._session.run(None, {self._input_name: blob})[0]
        except Exception as error:  # onnxruntime raises classes of its own that share no public root
            raise ModelError(f"{self._onnx_file}: the network fails ({str(error).splitlines()[0]})") from error
        return output

    def _blob(self, input_wh_px: tuple[int, int]) -> BlobWriter:
        if input_wh_px not in self._blobs and len(self._blobs) >= MAX_KEPT_BLOBS_COUNT:
            self._blobs.clear()  # only a folder of pictures of many sizes gets here
        if input_wh_px not in self._blobs:
            self._blobs[input_wh_px] = BlobWriter(input_wh_px)
        return self._blobs[input_wh_px]
