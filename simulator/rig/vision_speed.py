# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a look costs beside the bare network, both measured in turns so that whatever else runs cancels out."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from contract.model_card import DetectorHead
from edge.counting import count_zones
from edge.decode import decode, doubt_nested, suppress
from edge.detections import Detections, thresholds_array
from edge.detector import Detector
from edge.facings import FLOOR_SHARE
from edge.input_shape import choose_input_wh_px
from edge.letterbox import BlobWriter, Letterbox
from edge.place import Place
from simulator.rig.vision_bay import TimedBay
from simulator.rig.vision_peer_process import Peer, PeerSpeed
from simulator.rig.vision_start import NodeStart

STAGES = ("blob", "run", "decode", "suppress", "nested", "count")


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of one kind of run: median and quartiles of the clock, median of the thread's processor time."""

    wall_ms: float
    wall_quartiles_ms: tuple[float, float]
    cpu_ms: float
    cpu_least_ms: float


@dataclass(slots=True)
class Stopwatch:
    """Clock and processor seconds of every run of one kind."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def time(self, act: Callable[[], Any]) -> Any:
        """Do it and note what it took."""
        wall_s, cpu_s = time.perf_counter(), time.thread_time()
        outcome = act()
        self.cpu_s.append(time.thread_time() - cpu_s)
        self.wall_s.append(time.perf_counter() - wall_s)
        return outcome

    def spent(self) -> Spent:
        """All runs so far."""
        low, middle, high = np.quantile(self.wall_s, (0.25, 0.5, 0.75)) * 1000
        return Spent(
            round(middle, 3),
            (round(low, 3), round(high, 3)),
            round(1000 * statistics.median(self.cpu_s), 3),
            round(1000 * min(self.cpu_s), 3),
        )


@dataclass(frozen=True, slots=True)
class ModelSpeed:
    """One network on the timed bay.

    `ratio_wall` and `ratio_cpu` are the median over rounds of the full look over the bare run of the same round, by the
    clock and by the thread's processor time; `ratio_least` is the least processor time of each over all rounds.
    """

    model_id: str
    onnx_file: str
    input_wh_px: tuple[int, int]
    rounds: int
    boxes_count: int
    products_count: int
    facings_count: int
    zones_count: int
    zones_right_count: int
    """Zones whose likeliest count is the true one: a fast look that miscounts is worth nothing."""
    bare: Spent
    full: Spent
    ratio_wall: float
    ratio_cpu: float
    ratio_least: float
    stages: dict[str, Spent]
    start: NodeStart | None = None
    peer: PeerSpeed | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class Eye:
    """One network before the timed bay: whole looks, the bare run, and the steps of a look one by one."""

    def __init__(self, onnx_file: Path, bay: TimedBay) -> None:
        frame_wh_px = (bay.image_bgr.shape[1], bay.image_bgr.shape[0])
        self.onnx_file, self.bay = onnx_file, bay
        self.detector = Detector(onnx_file, threads_count=1)
        self.place = Place.of(bay.calibration, frame_wh_px)
        self.input_wh_px = choose_input_wh_px(self.detector.card, frame_wh_px, self.place.view.facing_height_px)
        self._letterbox = Letterbox.fit(frame_wh_px, self.input_wh_px)
        self._writer = BlobWriter(self.input_wh_px)
        self._ready_blob = self._writer.write(bay.image_bgr, self._letterbox).copy()
        self._thresholds = dict(self.detector.card.confidence_thresholds)
        self.floors = {label: FLOOR_SHARE * threshold for label, threshold in self._thresholds.items()}
        self.watches = {name: Stopwatch() for name in ("bare", "full", *STAGES)}

    def round(self, number: int) -> None:
        """One bare run and one whole look, the other first in every second round; then the steps."""
        both = (("bare", self._bare), ("full", self.look))
        for name, act in both if number % 2 else reversed(both):
            self.watches[name].time(act)
        self._steps()

    def look(self) -> Any:
        """What a node does with a decoded frame."""
        return self.place.count(self.detector, self.bay.image_bgr)

    def _bare(self) -> Any:
        return self.detector.run_bare(self._ready_blob)

    def _steps(self) -> None:
        card, watches = self.detector.card, self.watches
        wanted = thresholds_array(card.labels, self.floors)
        blob = watches["blob"].time(lambda: self._writer.write(self.bay.image_bgr, self._letterbox))
        output = watches["run"].time(lambda: self.detector.run_bare(blob))
        boxes = watches["decode"].time(lambda: decode(output, card.labels, card.head, wanted))
        if card.head is DetectorHead.RAW:
            boxes = watches["suppress"].time(
                lambda: suppress(boxes, iou=card.nms_iou, max_boxes_count=card.max_boxes_count)
            )
        xyxy_px, confidence, class_id = watches["nested"].time(lambda: doubt_nested(boxes, wanted))
        found = Detections(self._letterbox.to_frame(xyxy_px), confidence, class_id, card.labels)
        watches["count"].time(lambda: count_zones(found, self.place.zone_map, self.place.view, self._thresholds))

    def speed(self, start: NodeStart | None, peer: PeerSpeed | None) -> ModelSpeed:
        """Everything that the rounds so far have shown."""
        card, bay = self.detector.card, self.bay
        found, readings = self.look()
        bare, full = self.watches["bare"], self.watches["full"]
        expected = [zone.expected_facings_count for zone in bay.calibration.zones]
        modes = [reading.facings.mode_count if reading.facings else None for reading in readings]
        return ModelSpeed(
            model_id=card.model_id,
            onnx_file=self.onnx_file.name,
            input_wh_px=self.input_wh_px,
            rounds=len(bare.wall_s),
            boxes_count=len(found),
            products_count=len(found.of(card.labels[0])),
            facings_count=bay.facings_count,
            zones_count=len(readings),
            zones_right_count=sum(mode == true for mode, true in zip(modes, expected, strict=True)),
            bare=bare.spent(),
            full=full.spent(),
            ratio_wall=_ratio(full.wall_s, bare.wall_s),
            ratio_cpu=_ratio(full.cpu_s, bare.cpu_s),
            ratio_least=round(min(full.cpu_s) / min(bare.cpu_s), 4),
            stages={name: self.watches[name].spent() for name in STAGES if self.watches[name].wall_s},
            start=start,
            peer=peer,
        )


def measure(
    eyes: list[Eye],
    peers: list[Peer | None],
    starts: list[NodeStart | None],
    *,
    rounds: int,
    progress: Callable[[], None] = lambda: None,
) -> list[ModelSpeed]:
    """Look with every network in turn, `rounds` times, on one thread; its peer takes its turn after it."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for eye in eyes:
            eye.look()  # the first looks allocate
        for number in range(rounds):
            for eye, peer in zip(eyes, peers, strict=True):
                eye.round(number)
                if peer is not None:
                    peer.round()
                progress()
        return [
            eye.speed(start, None if peer is None else peer.speed())
            for eye, peer, start in zip(eyes, peers, starts, strict=True)
        ]
    finally:
        cv2.setNumThreads(threads)


def _ratio(above: list[float], below: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 4)
