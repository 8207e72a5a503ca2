# SPDX-License-Identifier: AGPL-3.0-or-later
"""One camera's looks, from frame to report: sight, gate, detector, counting, smoothing, in this order.

Holds no thread and reads no wall clock, so recorded frames give the same reports every time.
"""

import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import structlog
from numpy.typing import NDArray

from calibration.document import Calibration
from calibration.errors import CalibrationError
from contract.counts import SightState, UnknownReason, ZoneCount
from contract.model_card import DetectorLabel
from contract.reports import CountReport
from contract.status import CameraStatus
from edge.counting import ZoneReading
from edge.detections import Detections
from edge.detector import Detector
from edge.drawing import Outline, evidence_jpeg
from edge.errors import ReferencesMismatch
from edge.frames import Frame
from edge.gate import ChangeGate
from edge.glimpse import Glimpse, glimpse
from edge.occlusion import without_hidden
from edge.place import Place
from edge.reference_crops import ReferenceCrops
from edge.settings import Settings
from edge.sight import BlurWatch, FrozenWatch, darkness, shows_shelf
from edge.smoothing import SEEN_VIEW, UNSETTLED, Consensus, Outlook
from edge.stance import DEFAULT_TOLERANCE_FRACTION, Standing
from edge.standpoint import Judgement, ReferenceKeeper, Standpoint

UNRECOGNISED_PATIENCE_S = 300.0
"""A view of which nothing is recognised is taken to be hidden for so long: who stands there goes away. Afterwards the
camera must look elsewhere."""

OCCLUDED_AFTER_S = 30.0
"""So long may somebody stand before the shelf until the view counts as occluded."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Look:
    """What one look leads to."""

    make_report: Callable[[int], CountReport] | None = None
    """Builds the report for a sequence, when one is due."""
    picture_jpeg: bytes | None = None
    look_again_soon: bool = False
    view_changed: bool = False


class Watcher:
    """The memory of one camera. `frozen_after_s` is None for a camera whose picture may rightly stand still.

    `moved_tolerance_fraction` None stands for the usual one of a live camera and for no check of any other: a folder
    of photographs promises no fixed place. 0 switches the check off.
    """

    def __init__(
        self,
        camera_id: str,
        detector: Detector,
        *,
        node_id: str,
        boot_id: str,
        is_live: bool,
        frozen_after_s: float | None,
        frozen_tolerance_grey: float = 0.0,
        evidence_interval_s: float = 900.0,
        moved_tolerance_fraction: float | None = None,
        references: ReferenceKeeper | None = None,
        crops: ReferenceCrops | None = None,
    ) -> None:
        self._camera_id = camera_id
        self._detector = detector
        self._ids = {"node_id": node_id, "boot_id": boot_id, "camera_id": camera_id}
        self._evidence_interval_s = evidence_interval_s
        usual_fraction = DEFAULT_TOLERANCE_FRACTION if is_live else 0.0
        self._tolerance_fraction = usual_fraction if moved_tolerance_fraction is None else moved_tolerance_fraction
        self._references = references
        self._crops = crops
        self._standpoint: Standpoint | None = None
        self._is_hidden = False
        self._unrecognised_since_s: float | None = None
        self._frozen = FrozenWatch(frozen_after_s if is_live else None, frozen_tolerance_grey)
        self._blur = BlurWatch()
        self._frame_wh_px: tuple[int, int] | None = None
        self._gate = ChangeGate(is_live=is_live)
        self._calibration: Calibration | None = None
        self._place: Place | None = None
        self._view = Consensus()
        self._zones: list[Consensus] = []
        self._boxes: Detections | None = None
        self._told: list[Outlook] | None = None
        self._told_s = 0.0
        self._pictured_s: float | None = None
        self._looked_at: datetime | None = None
        self._inference_ms: deque[float] = deque(maxlen=31)

    def look(self, frame: Frame, settings: Settings) -> Look:
        """Take one frame."""
        self._looked_at = frame.captured_at
        if frame.frame_wh_px != self._frame_wh_px:
            self._blur = BlurWatch()  # another resolution has another usual sharpness
            self._frame_wh_px = frame.frame_wh_px
        self._use(settings.calibrations.get(self._camera_id))
        seen = glimpse(frame.image_bgr)
        reason = self._blindness(seen, frame)
        trusted = reason is None
        if reason is None:
            verdict = self._gate.judge(seen.thumbnail, frame.monotonic_s, wanted=self._wants_look(frame.monotonic_s))
            if verdict.worth_a_run:
                self._count(frame, seen)
            elif verdict.obstructed_s >= OCCLUDED_AFTER_S:
                self._take_unknown(UnknownReason.OCCLUDED, frame.monotonic_s)
            trusted = verdict.trusted and not self._is_hidden
        else:
            self._take_unknown(reason, frame.monotonic_s)
        return self._outcome(frame.captured_at, frame.monotonic_s, settings, frame if trusted else None)

    def lost(self, captured_at: datetime, monotonic_s: float, settings: Settings) -> Look:
        """Take the news that no frame came."""
        self._use(settings.calibrations.get(self._camera_id))
        self._take_unknown(UnknownReason.CAMERA_LOST, monotonic_s)
        return self._outcome(captured_at, monotonic_s, settings, None)

    def tell_again(self) -> None:
        """The last report did not reach the disk: make the next look report in its place."""
        self._told = None

    def status(self) -> CameraStatus:
        """This camera as the node sees it now."""
        reason = self._view_reason if self._view.verified is not None else UnknownReason.UNSETTLED
        return CameraStatus(
            camera_id=self._camera_id,
            view=SightState.SEEN if reason is None else SightState.UNKNOWN,
            view_reason=reason,
            calibration_id=self._calibration.calibration_id if self._calibration else None,
            looked_at=self._looked_at,
            inference_ms=round(statistics.median(self._inference_ms), 2) if self._inference_ms else None,
        )

    @property
    def camera_id(self) -> str:
        """Whose looks these are."""
        return self._camera_id

    @property
    def still_looks_count(self) -> int:
        """Looks at an unchanged view until the detector sees it again."""
        return self._gate.still_looks_count

    def pass_over(self, looks_count: int) -> None:
        """Account for looks that a simulation left out, as nothing had changed."""
        self._gate.pass_over(looks_count)

    @property
    def _view_reason(self) -> UnknownReason | None:
        return self._view.verified.reason if self._view.verified is not None else None

    @property
    def _is_undecided(self) -> bool:
        return self._view.is_undecided or any(zone.is_undecided for zone in self._zones)

    def _wants_look(self, monotonic_s: float) -> bool:
        learning = self._standpoint is not None and self._standpoint.wants_look(monotonic_s)
        return learning or self._is_undecided or self._view_reason is not None

    def _use(self, calibration: Calibration | None) -> None:
        if calibration == self._calibration:
            return
        self._calibration = calibration
        self._place = None
        self._blur = BlurWatch()
        self._view = Consensus()
        self._zones = [Consensus() for _ in calibration.zones] if calibration else []
        self._told = self._boxes = None
        self._is_hidden = False
        self._unrecognised_since_s = None
        self._standpoint = (
            Standpoint(calibration, self._tolerance_fraction, self._references)
            if calibration and self._tolerance_fraction > 0
            else None
        )
        self._gate.forget()

    def _blindness(self, seen: Glimpse, frame: Frame) -> UnknownReason | None:
        """Why this frame cannot be used, as far as can be told without the detector."""
        if reason := darkness(seen.thumbnail):
            return reason
        if self._frozen.is_frozen(seen.sample, frame.monotonic_s):
            return UnknownReason.FROZEN
        if self._blur.is_blurred(seen.sharpness):
            return UnknownReason.BLURRED
        if self._calibration is None or not self._lay_out(self._calibration, frame.frame_wh_px):
            return UnknownReason.NO_CALIBRATION
        return None

    def _lay_out(self, calibration: Calibration, frame_wh_px: tuple[int, int]) -> bool:
        if self._place is None or self._place.view.frame_wh_px != frame_wh_px:
            try:
                self._place = Place.of(calibration, frame_wh_px, self._crops_for(calibration))
            except CalibrationError as error:
                self._place = None
                log.warning("the calibration does not fit the picture", camera_id=self._camera_id, reason=str(error))
        return self._place is not None

    def _crops_for(self, calibration: Calibration) -> ReferenceCrops | None:
        """The reference crops, where they are this calibration's: others cost the second look, never the count."""
        try:
            return self._crops.belonging_to(calibration) if self._crops else None
        except ReferencesMismatch as mismatch:
            log.warning("no second look", camera_id=self._camera_id, reason=str(mismatch))
            return None

    def _count(self, frame: Frame, seen: Glimpse) -> None:
        """Ask the furniture whether the view is the calibrated one, then the detector what stands on it."""
        if self._place is None:
            return
        judgement = self._standpoint.judge(seen.detail) if self._standpoint else None
        self._is_hidden = False
        if judgement is None or judgement.standing is not Standing.UNRECOGNISED:
            self._unrecognised_since_s = None
        elif self._unrecognised_since_s is None:
            self._unrecognised_since_s = frame.monotonic_s
        if judgement is not None and judgement.standing is Standing.MOVED:
            self._take_unknown(UnknownReason.MOVED, frame.monotonic_s)
            return
        started_s = time.perf_counter()
        self._boxes, readings = self._place.count(self._detector, frame.image_bgr)
        self._inference_ms.append((time.perf_counter() - started_s) * 1000)
        if judgement is not None and judgement.sighting is not None:
            products = self._boxes.of(DetectorLabel.PRODUCT)
            readings = without_hidden(readings, judgement.sighting, products, self._place.view)
        if reason := self._unusable(readings, judgement, frame.monotonic_s):
            self._take_unknown(reason, frame.monotonic_s)
            return
        self._is_hidden = any(reading.reason is UnknownReason.OCCLUDED for reading in readings)
        self._view.take(SEEN_VIEW, frame.monotonic_s)
        for zone, reading in zip(self._zones, readings, strict=True):
            zone.take(Outlook.of(reading), frame.monotonic_s)
        if self._standpoint and self._view_reason is None and not self._is_hidden and not self._is_undecided:
            self._standpoint.learn(
                seen.detail,
                self._boxes,
                frame.frame_wh_px[0],
                judgement,
                captured_at=frame.captured_at,
                monotonic_s=frame.monotonic_s,
            )

    def _unusable(
        self, readings: list[ZoneReading], judgement: Judgement | None, monotonic_s: float
    ) -> UnknownReason | None:
        """Why a look at which the detector was asked says nothing about any zone."""
        assert self._boxes is not None and self._place is not None  # noqa: S101, PT018 - the detector was asked
        if all(reading.reason is UnknownReason.OCCLUDED for reading in readings):
            return UnknownReason.OCCLUDED
        if not shows_shelf(
            readings,
            self._place.tags_count(self._boxes),
            places_count=self._boxes.count_of(DetectorLabel.PRODUCT, DetectorLabel.GAP),
        ):
            return UnknownReason.NO_SHELF
        if judgement is None or self._unrecognised_since_s is None:
            return None
        if judgement.is_dim:
            return UnknownReason.BLACK
        for_long = monotonic_s - self._unrecognised_since_s >= UNRECOGNISED_PATIENCE_S
        return UnknownReason.MOVED if for_long else UnknownReason.OCCLUDED

    def _take_unknown(self, reason: UnknownReason, monotonic_s: float) -> None:
        for consensus in (self._view, *self._zones):
            consensus.take(Outlook(None, reason=reason), monotonic_s)

    def _outcome(self, captured_at: datetime, monotonic_s: float, settings: Settings, calm: Frame | None) -> Look:
        """Decide what is due. `calm` is the frame when nobody stands in it."""
        soon = self._is_undecided or calm is None
        view = self._view.verified
        if view is None:
            return Look(look_again_soon=soon)
        said = [view] + [(zone.verified or UNSETTLED) if view.reason is None else view for zone in self._zones]
        changed = self._told is None or any(
            not (a.is_alike(b) and a.has_flags_of(b)) for a, b in zip(said, self._told, strict=True)
        )
        view_changed = self._told is None or not said[0].is_alike(self._told[0])
        make_report = None
        if changed or monotonic_s - self._told_s >= settings.report_interval_s:
            make_report = self._report_maker(captured_at, monotonic_s, said)
            self._told, self._told_s = said, monotonic_s
        picture_jpeg = None
        if calm is not None and settings.evidence and view.reason is None and self._picture_due(monotonic_s, changed):
            picture_jpeg = self._picture(calm, said)
            self._pictured_s = monotonic_s
        return Look(make_report, picture_jpeg, look_again_soon=soon, view_changed=view_changed)

    def _report_maker(
        self, captured_at: datetime, monotonic_s: float, said: list[Outlook]
    ) -> Callable[[int], CountReport]:
        calibration = self._calibration
        zones = calibration.zones if calibration else ()
        counts = tuple(_zone_count(zone.zone_id, zone.sku, o) for zone, o in zip(zones, said[1:], strict=True))

        def make(sequence: int) -> CountReport:
            return CountReport(
                **self._ids,
                sequence=sequence,
                captured_at=captured_at,
                monotonic_s=monotonic_s,
                model_id=self._detector.card.model_id,
                calibration_id=calibration.calibration_id if calibration else None,
                view=SightState.SEEN if said[0].reason is None else SightState.UNKNOWN,
                view_reason=said[0].reason,
                zones=counts,
            )

        return make

    def _picture_due(self, monotonic_s: float, changed: bool) -> bool:  # noqa: FBT001 - one fact of the look
        elapsed = self._pictured_s is None or monotonic_s - self._pictured_s >= self._evidence_interval_s
        return self._boxes is not None and not self._view.is_undecided and (changed or elapsed)

    def _picture(self, frame: Frame, said: list[Outlook]) -> bytes | None:
        if self._place is None or self._boxes is None:
            return None
        outlines = [
            zone_outline(outline_px, outlook)
            for (_, outline_px), outlook in zip(self._place.view.zone_polygons_px, said[1:], strict=True)
        ]
        return evidence_jpeg(frame.image_bgr, self._boxes, outlines)


def zone_outline(outline_px: NDArray[np.float32], outlook: Outlook) -> Outline:
    """A zone's polygon with its count, or a question mark."""
    return outline_px, "?" if outlook.facings is None else str(outlook.facings.mode_count)


def _zone_count(zone_id: str, sku: str, outlook: Outlook) -> ZoneCount:
    seen = outlook.facings is not None
    return ZoneCount(
        zone_id=zone_id,
        sku=sku,
        state=SightState.SEEN if seen else SightState.UNKNOWN,
        reason=outlook.reason,
        facings=outlook.facings,
        gap_facings=round(outlook.gap_facings, 3) if seen else 0.0,
        defects=dict(outlook.defects) if seen else {},
        misplaced=dict(outlook.misplaced) if seen and outlook.misplaced is not None else None,
        occluded_fraction=round(outlook.occluded_fraction, 3),
    )
