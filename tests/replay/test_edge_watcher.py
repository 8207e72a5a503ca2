# SPDX-License-Identifier: AGPL-3.0-or-later
"""Recorded frames through one camera's whole chain, with a made clock: what a hub would hear."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from contract.counts import SightState, UnknownReason
from contract.model_card import DetectorLabel
from contract.reports import CountReport
from edge.detector import Detector
from edge.frames import Frame
from edge.settings import Settings
from edge.watcher import Watcher
from tests.toy_network import Picture, gaps, products, shelf_picture, toy_calibration, write_toy_model

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FULL = {**products(range(20), 3), **products(range(20, 40), 3)}
LEFT_EMPTIED = {**gaps(range(20), 3), **products(range(20, 40), 3)}
ALL_EMPTIED = {**gaps(range(20), 3), **gaps(range(20, 40), 3)}
RAILS_AND_TAGS = {(column, 21): DetectorLabel.PRICE_TAG for column in range(0, 40, 6)}
SETTINGS = Settings(look_interval_s=5, report_interval_s=600, evidence=True, calibrations={"cam-1": toy_calibration()})


@dataclass
class Camera:
    """A watcher with a clock that moves `every_s` at each look, and all that came out of it."""

    watcher: Watcher
    settings: Settings = SETTINGS
    every_s: float = 5.0
    elapsed_s: float = 0.0
    reports: list[CountReport] = field(default_factory=list)
    pictures_at_s: list[float] = field(default_factory=list)

    def show(self, *pictures: Picture | None) -> list[CountReport]:
        """Look at pictures, None for a camera that gives nothing; returns the reports that came of it."""
        before = len(self.reports)
        for picture in pictures:
            self.elapsed_s += self.every_s
            captured_at = START + timedelta(seconds=self.elapsed_s)
            if picture is None:
                look = self.watcher.lost(captured_at, self.elapsed_s, self.settings)
            else:
                frame = Frame(picture, captured_at, self.elapsed_s, "cam-1")
                look = self.watcher.look(frame, self.settings)
            if look.make_report:
                self.reports.append(look.make_report(len(self.reports) + 1))
            if look.picture_jpeg:
                self.pictures_at_s.append(self.elapsed_s)
        return self.reports[before:]


MakeCamera = Callable[..., Camera]


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return Detector(write_toy_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def camera(detector: Detector) -> MakeCamera:
    def make(*, is_live: bool = True, settings: Settings = SETTINGS, every_s: float = 5.0) -> Camera:
        watcher = Watcher(
            "cam-1",
            detector,
            node_id="node-1",
            boot_id="a" * 32,
            is_live=is_live,
            frozen_after_s=60,
            evidence_interval_s=900,
        )
        return Camera(watcher, settings, every_s)

    return make


def looks(cells: dict[tuple[int, int], DetectorLabel], count: int, first_seed: int = 0) -> list[Picture]:
    """The same shelf with fresh sensor noise each time."""
    return [shelf_picture(cells, seed=first_seed + index) for index in range(count)]


def said(reports: Sequence[CountReport]) -> list[dict[str, int | str]]:
    return [
        {zone.zone_id: zone.facings.mode_count if zone.facings else str(zone.reason) for zone in report.zones}
        for report in reports
    ]


def test_a_shelf_that_stands_still_is_told_once_and_then_every_report_interval(camera: MakeCamera) -> None:
    watched = camera()
    assert said(watched.show(*looks(FULL, 100))) == [{"left": 10, "right": 10}]
    watched.show(*looks(FULL, 40, 200))
    assert len(watched.reports) == 2


def test_taking_and_putting_back_is_told_each_time(camera: MakeCamera) -> None:
    watched = camera()
    watched.show(*looks(FULL, 5))
    assert said(watched.show(*looks(LEFT_EMPTIED, 6, 10))) == [{"left": 0, "right": 10}]
    assert watched.reports[-1].zones[0].gap_facings == pytest.approx(10, abs=0.6)
    assert said(watched.show(*looks(FULL, 6, 20))) == [{"left": 10, "right": 10}]


def test_a_truly_emptied_shelf_is_seen_and_zero(camera: MakeCamera) -> None:
    watched = camera()
    watched.show(*looks(FULL, 5))
    reports = watched.show(*looks(ALL_EMPTIED, 8, 10))
    assert said(reports) == [{"left": 0, "right": 0}]
    assert reports[0].view is SightState.SEEN


def test_an_emptied_shelf_whose_gaps_are_missed_is_known_by_its_tags(camera: MakeCamera) -> None:
    watched = camera()
    watched.show(*looks({**FULL, **RAILS_AND_TAGS}, 5))
    assert said(watched.show(*looks(RAILS_AND_TAGS, 8, 10))) == [{"left": 0, "right": 0}]


def scene(seed: int) -> Picture:
    """A room without a shelf: soft lights, edges of furniture."""
    room = np.random.default_rng(5).integers(60, 200, (12, 16), dtype=np.uint8)
    grey = cv2.resize(room, (640, 480), interpolation=cv2.INTER_NEAREST).astype(float)
    noise = np.random.default_rng(seed).normal(0, 3, (480, 640))
    return np.repeat(np.clip(grey + noise, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def black(seed: int) -> Picture:
    return np.random.default_rng(seed).normal(4, 2, (480, 640, 3)).clip(0, 255).astype(np.uint8)


def defocused(seed: int) -> Picture:
    return np.asarray(cv2.GaussianBlur(shelf_picture(FULL, seed=seed), (0, 0), 9), np.uint8)


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        ([black(seed) for seed in range(8)], UnknownReason.BLACK),
        ([scene(seed) for seed in range(12)], UnknownReason.NO_SHELF),
        ([shelf_picture(FULL, seed=3)] * 20, UnknownReason.FROZEN),
        ([defocused(seed) for seed in range(8)], UnknownReason.BLURRED),
        ([np.full((480, 640, 3), 200, np.uint8)] * 5, UnknownReason.COVERED),
        ([None] * 5, UnknownReason.CAMERA_LOST),
        ([shelf_picture({}, wh_px=(480, 480), seed=seed) for seed in range(5)], UnknownReason.NO_CALIBRATION),
    ],
    ids=["black", "empty scene", "frozen", "blurred", "covered", "lost", "another aspect ratio"],
)
def test_no_sight_is_unknown_with_its_reason_and_never_zero(
    camera: MakeCamera, pictures: list[Picture | None], reason: UnknownReason
) -> None:
    watched = camera()
    watched.show(*looks(FULL, 8, 100))
    reports = watched.show(*pictures)
    assert [(report.view, report.view_reason) for report in reports] == [(SightState.UNKNOWN, reason)]
    assert said(reports) == [{"left": str(reason), "right": str(reason)}]
    back = watched.show(*looks(FULL, 12, 200))
    assert said(back)[-1] == {"left": 10, "right": 10}


@pytest.mark.parametrize("first", [black(1), scene(1)], ids=["black", "empty scene"])
def test_a_camera_that_never_saw_its_shelf_does_not_call_it_empty(camera: MakeCamera, first: Picture) -> None:
    reports = camera(is_live=False).show(*[first] * 6)
    assert [report.view for report in reports] == [SightState.UNKNOWN]


def test_a_still_picture_of_a_file_is_not_frozen(camera: MakeCamera) -> None:
    reports = camera(is_live=False).show(*[shelf_picture(FULL)] * 60)
    assert said(reports) == [{"left": 10, "right": 10}]


def test_without_a_calibration_nothing_is_claimed(camera: MakeCamera) -> None:
    settings = Settings(look_interval_s=5, report_interval_s=600, evidence=True, calibrations={})
    reports = camera(settings=settings).show(*looks(FULL, 5))
    assert [(report.view_reason, report.zones) for report in reports] == [(UnknownReason.NO_CALIBRATION, ())]


def person(seed: int, left_px: int) -> Picture:
    picture = shelf_picture(FULL, seed=seed)
    picture[40:, left_px : left_px + 230] = (45, 60, 35)
    return picture


def test_people_who_pass_change_no_count_and_are_on_no_picture(camera: MakeCamera) -> None:
    watched = camera(every_s=1.0)
    watched.show(*looks(FULL, 5))
    watched.pictures_at_s.clear()
    assert watched.show(*[person(seed, 40 * seed) for seed in range(10)]) == []
    assert watched.show(*looks(FULL, 10, 50)) == []
    assert watched.pictures_at_s == []


def test_somebody_who_stays_before_the_shelf_occludes_it(camera: MakeCamera) -> None:
    watched = camera(every_s=1.0)
    watched.show(*looks(FULL, 5))
    reports = watched.show(*[person(seed, 30 * (seed % 12)) for seed in range(40)])
    assert [report.view_reason for report in reports] == [UnknownReason.OCCLUDED]
    assert watched.pictures_at_s[1:] == []


def test_pictures_go_out_on_a_change_and_then_slowly(camera: MakeCamera) -> None:
    watched = camera()
    watched.show(*looks(FULL, 20))
    assert len(watched.pictures_at_s) == 1
    watched.show(*looks(LEFT_EMPTIED, 20, 30))
    assert len(watched.pictures_at_s) == 2
    watched.show(*looks(LEFT_EMPTIED, 200, 60))
    assert len(watched.pictures_at_s) == 3


def test_no_picture_of_a_view_that_is_not_seen(camera: MakeCamera) -> None:
    watched = camera()
    watched.show(*[black(seed) for seed in range(10)], *[scene(seed) for seed in range(10)])
    assert watched.pictures_at_s == []


def test_a_new_calibration_begins_anew_under_its_own_id(camera: MakeCamera) -> None:
    watched = camera()
    watched.show(*looks(FULL, 5))
    renamed = toy_calibration().model_copy(update={"bay": toy_calibration().bay.model_copy(update={"name": "New"})})
    watched.settings = Settings(5, 600, evidence=True, calibrations={"cam-1": renamed})
    reports = watched.show(*looks(FULL, 5, 10))
    assert [report.calibration_id for report in reports] == [renamed.calibration_id]


def test_another_resolution_counts_the_same(camera: MakeCamera) -> None:
    watched = camera(is_live=False)
    twice = [np.repeat(np.repeat(picture, 2, axis=0), 2, axis=1) for picture in looks(LEFT_EMPTIED, 4)]
    assert said(watched.show(*twice)) == [{"left": 0, "right": 10}]


def test_a_finer_stream_is_not_taken_for_a_blurred_lens(camera: MakeCamera) -> None:
    watched = camera(is_live=False)
    coarse = [picture[::2, ::2] for picture in looks(FULL, 8)]
    watched.show(*coarse)
    soft = [np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.6), np.uint8) for picture in looks(FULL, 8, 20)]
    watched.show(*soft)
    assert watched.watcher.status().view is SightState.SEEN


def test_the_same_frames_give_the_same_reports(camera: MakeCamera) -> None:
    frames = [*looks(FULL, 5), *looks(LEFT_EMPTIED, 6, 10), *[black(seed) for seed in range(4)]]
    first, second = camera().show(*frames), camera().show(*frames)
    assert [report.to_json() for report in first] == [report.to_json() for report in second]


def test_a_report_that_did_not_reach_the_disk_is_made_again(camera: MakeCamera) -> None:
    watched = camera()
    watched.show(*looks(FULL, 5))
    watched.watcher.tell_again()
    assert len(watched.show(*looks(FULL, 2, 10))) == 1


def test_the_status_tells_what_the_camera_sees(camera: MakeCamera) -> None:
    watched = camera()
    assert watched.watcher.status().view is SightState.UNKNOWN
    watched.show(*looks(FULL, 5))
    status = watched.watcher.status()
    assert (status.view, status.view_reason) == (SightState.SEEN, None)
    assert status.looked_at == START + timedelta(seconds=25)
    assert status.inference_ms is not None
