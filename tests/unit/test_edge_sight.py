# SPDX-License-Identifier: AGPL-3.0-or-later
"""No sight is never zero: what counts as no sight, and what does not."""

import cv2
import numpy as np
import pytest

from calibration.document import Zone
from contract.counts import FacingsDistribution, UnknownReason
from contract.model_card import DetectorLabel
from edge.counting import ZoneReading
from edge.detections import Detections
from edge.gate import ChangeGate
from edge.glimpse import glimpse
from edge.place import Place
from edge.sight import BlurWatch, FrozenWatch, darkness, shows_shelf
from tests.toy_network import Picture, products, shelf_picture, toy_calibration

SHELF = {**products(range(20), 3), **products(range(20, 40), 9)}


def blurred(picture: Picture, sigma_px: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.uint8)


def looks_dark(picture: Picture) -> UnknownReason | None:
    return darkness(glimpse(picture).thumbnail)


class TestDarkness:
    def test_a_black_frame_is_black_with_and_without_sensor_noise(self) -> None:
        noise = np.random.default_rng(1).normal(4, 3, (480, 640, 3)).clip(0, 255).astype(np.uint8)
        assert looks_dark(np.zeros((480, 640, 3), np.uint8)) is UnknownReason.BLACK
        assert looks_dark(noise) is UnknownReason.BLACK

    def test_a_flat_bright_picture_is_a_covered_lens(self) -> None:
        assert looks_dark(np.full((480, 640, 3), 200, np.uint8)) is UnknownReason.COVERED

    def test_a_shelf_in_the_evening_is_still_seen(self) -> None:
        assert looks_dark(np.asarray(shelf_picture(SHELF) * 0.25, np.uint8)) is None

    def test_an_emptied_shelf_is_not_dark(self) -> None:
        assert looks_dark(shelf_picture({})) is None


class TestFrozen:
    def test_the_same_picture_for_long_enough_is_frozen(self) -> None:
        watch = FrozenWatch(frozen_after_s=60)
        sample = glimpse(shelf_picture(SHELF)).sample
        assert [watch.is_frozen(sample, second) for second in (0, 20, 40, 59, 60, 80)] == [
            False, False, False, False, True, True,
        ]  # fmt: skip

    def test_sensor_noise_is_life(self) -> None:
        watch = FrozenWatch(frozen_after_s=60)
        samples = [glimpse(shelf_picture(SHELF, seed=seed)).sample for seed in range(10)]
        assert not any(watch.is_frozen(sample, 30.0 * index) for index, sample in enumerate(samples))

    def test_two_equal_looks_far_apart_are_not_enough(self) -> None:
        watch = FrozenWatch(frozen_after_s=60)
        sample = glimpse(shelf_picture(SHELF)).sample
        assert [watch.is_frozen(sample, second) for second in (0, 3600)] == [False, False]

    def test_a_camera_that_thaws_is_alive_at_once(self) -> None:
        watch = FrozenWatch(frozen_after_s=3)
        still, other = (glimpse(shelf_picture(SHELF, seed=seed)).sample for seed in (1, 2))
        assert [watch.is_frozen(still, second) for second in range(5)][-1]
        assert not watch.is_frozen(other, 6)

    def test_a_file_camera_may_show_one_file_for_hours(self) -> None:
        watch = FrozenWatch(frozen_after_s=None)
        sample = glimpse(shelf_picture(SHELF)).sample
        assert not any(watch.is_frozen(sample, 600.0 * index) for index in range(20))

    def test_a_tolerance_catches_an_encoder_that_shimmers(self) -> None:
        still = glimpse(shelf_picture(SHELF)).sample
        shimmering = still.copy()
        shimmering[::50, ::50] += 1
        strict, tolerant = FrozenWatch(frozen_after_s=1), FrozenWatch(frozen_after_s=1, tolerance_grey=0.05)
        pictures = [still, shimmering] * 3
        assert not any(strict.is_frozen(picture, second) for second, picture in enumerate(pictures))
        assert [tolerant.is_frozen(picture, second) for second, picture in enumerate(pictures)][-1]


class TestBlurred:
    def test_a_defocused_camera_is_blurred_against_its_own_past(self) -> None:
        watch = BlurWatch()
        for seed in range(6):
            assert not watch.is_blurred(glimpse(shelf_picture(SHELF, seed=seed)).sharpness)
        assert watch.is_blurred(glimpse(blurred(shelf_picture(SHELF), 3)).sharpness)

    def test_a_camera_that_was_never_sharp_is_blurred_too(self) -> None:
        assert BlurWatch().is_blurred(glimpse(blurred(shelf_picture(SHELF), 20)).sharpness)

    def test_emptying_the_shelf_does_not_blur_it(self) -> None:
        watch = BlurWatch()
        for seed in range(6):
            assert not watch.is_blurred(glimpse(shelf_picture(SHELF, seed=seed)).sharpness)
        assert not watch.is_blurred(glimpse(shelf_picture({}, seed=9)).sharpness)

    def test_blurred_looks_do_not_become_usual(self) -> None:
        watch = BlurWatch()
        for seed in range(6):
            watch.is_blurred(glimpse(shelf_picture(SHELF, seed=seed)).sharpness)
        hazy = glimpse(blurred(shelf_picture(SHELF), 4)).sharpness
        assert all(watch.is_blurred(hazy) for _ in range(200))


class TestShelf:
    ZONES = toy_calibration().zones

    def reading(self, zone: Zone, facings_count: int, gap_facings: float = 0.0) -> ZoneReading:
        return ZoneReading(zone, FacingsDistribution.certain(facings_count), gap_facings)

    def test_nothing_anywhere_is_no_shelf(self) -> None:
        assert not shows_shelf([self.reading(zone, 0) for zone in self.ZONES], tags_count=0, places_count=3)

    def test_one_stray_box_makes_no_shelf(self) -> None:
        left, right = self.ZONES
        assert not shows_shelf([self.reading(left, 1), self.reading(right, 0)], tags_count=1, places_count=3)

    def test_an_emptied_shelf_with_its_gaps_is_a_shelf(self) -> None:
        assert shows_shelf(
            [self.reading(zone, 0, gap_facings=9.0) for zone in self.ZONES], tags_count=0, places_count=3
        )

    def test_an_emptied_shelf_with_its_tags_is_a_shelf(self) -> None:
        assert shows_shelf([self.reading(zone, 0) for zone in self.ZONES], tags_count=4, places_count=3)

    def test_a_second_tier_is_a_shelf_but_a_wall_of_boxes_is_not(self) -> None:
        assert shows_shelf([self.reading(zone, 20) for zone in self.ZONES], tags_count=0, places_count=3)
        assert not shows_shelf([self.reading(zone, 25) for zone in self.ZONES], tags_count=4, places_count=3)

    def test_a_few_last_packs_are_a_shelf(self) -> None:
        left, right = self.ZONES
        assert shows_shelf([self.reading(left, 2), self.reading(right, 0)], tags_count=0, places_count=3)

    def test_doubts_that_add_up_are_no_shelf(self) -> None:
        left, right = self.ZONES
        doubts = [self.reading(left, 2), self.reading(right, 1)]
        assert not shows_shelf(doubts, tags_count=1, places_count=0)
        assert shows_shelf(doubts, tags_count=2, places_count=0)


def thumbnail(cells: dict[tuple[int, int], DetectorLabel], seed: int) -> Picture:
    return glimpse(shelf_picture(cells, seed=seed)).thumbnail


def with_person(seed: int, left_px: int = 200) -> Picture:
    picture = shelf_picture(SHELF, seed=seed)
    picture[:, left_px : left_px + 220] = (40, 60, 30)
    return glimpse(picture).thumbnail


class TestGate:
    def test_the_first_look_runs_and_a_still_view_runs_rarely(self) -> None:
        gate = ChangeGate(is_live=True)
        runs = [gate.judge(thumbnail(SHELF, seed), seed, wanted=False).worth_a_run for seed in range(41)]
        assert [index for index, ran in enumerate(runs) if ran] == [0, 20, 40]

    def test_one_pack_taken_calls_for_a_run(self) -> None:
        gate = ChangeGate(is_live=True)
        gate.judge(thumbnail(SHELF, 0), 0, wanted=False)
        one_less = {cell: label for cell, label in SHELF.items() if cell != (4, 3)}
        verdict = gate.judge(thumbnail(one_less, 1), 5, wanted=False)
        assert (verdict.worth_a_run, verdict.trusted) == (True, True)

    def test_lights_dimmed_a_little_are_no_change(self) -> None:
        gate = ChangeGate(is_live=True)
        before = thumbnail(SHELF, 0)
        gate.judge(before, 0, wanted=False)
        assert not gate.judge((before - 12).astype(np.uint8), 5, wanted=False).worth_a_run

    def test_a_person_in_view_is_not_trusted_and_leaves_no_trace(self) -> None:
        gate = ChangeGate(is_live=True)
        gate.judge(thumbnail(SHELF, 0), 0, wanted=False)
        passing = [gate.judge(with_person(seed, 60 * seed), seed, wanted=True) for seed in range(1, 6)]
        assert not any(verdict.trusted or verdict.worth_a_run for verdict in passing)
        assert passing[-1].obstructed_s == 4
        gone = [gate.judge(thumbnail(SHELF, seed), seed, wanted=False) for seed in range(6, 8)]
        assert [verdict.trusted for verdict in gone] == [False, True]

    def test_somebody_who_stands_still_is_not_trusted_for_a_while(self) -> None:
        gate = ChangeGate(is_live=True, settle_s=15)
        gate.judge(thumbnail(SHELF, 0), 0, wanted=False)
        trusted = [gate.judge(with_person(seed), seed, wanted=True).trusted for seed in range(1, 15)]
        assert not any(trusted)

    def test_a_rebuilt_shelf_is_believed_once_it_holds_still(self) -> None:
        gate = ChangeGate(is_live=True, settle_s=15)
        gate.judge(thumbnail(SHELF, 0), 0, wanted=False)
        trusted = [gate.judge(with_person(second), second, wanted=False).trusted for second in range(1, 30)]
        assert trusted[-1]

    def test_pictures_of_a_folder_are_all_trusted(self) -> None:
        gate = ChangeGate(is_live=False)
        shown = [thumbnail(SHELF, 0), with_person(1), thumbnail({}, 2)]
        assert all(gate.judge(picture, index, wanted=False).worth_a_run for index, picture in enumerate(shown))


@pytest.mark.parametrize("wh_px", [(1, 1), (3, 2), (640, 480), (4000, 10)])
def test_a_glimpse_of_any_size_works(wh_px: tuple[int, int]) -> None:
    seen = glimpse(np.full((wh_px[1], wh_px[0], 3), 90, np.uint8))
    assert seen.thumbnail.shape[1] <= 160
    assert seen.sharpness >= 0


def with_clock(sample: Picture, second: int) -> Picture:
    """The same picture with digits in a corner that change."""
    shown = sample.copy()
    cv2.rectangle(shown, (4, 4), (70, 18), (0,), cv2.FILLED)
    cv2.putText(shown, f"12:00:{second:02d}", (5, 16), cv2.FONT_HERSHEY_PLAIN, 0.9, (255,))
    return shown


def test_a_frozen_picture_under_a_running_clock_is_frozen() -> None:
    watch = FrozenWatch(60)
    sample = np.asarray(np.random.default_rng(1).integers(0, 255, (180, 320), dtype=np.uint8))
    frozen = [watch.is_frozen(with_clock(sample, second % 60), float(second)) for second in range(0, 75, 5)]
    assert not any(frozen[:12])
    assert all(frozen[12:])


def test_a_quiet_camera_with_a_running_clock_is_not_frozen() -> None:
    watch = FrozenWatch(60)
    rng = np.random.default_rng(1)
    scene = rng.integers(40, 200, (180, 320))
    for second in range(0, 300, 5):
        noisy = np.clip(scene + (rng.random(scene.shape) < 0.01), 0, 255).astype(np.uint8)
        assert not watch.is_frozen(with_clock(noisy, second % 60), float(second))


def test_what_is_much_taller_than_a_facing_is_no_tag() -> None:
    place = Place.of(toy_calibration(), (640, 480))
    heights_px = np.array([0.5, 1.0, 3.0]) * place.view.facing_height_px
    xyxy = np.array([[50.0 * row, 100.0, 50.0 * row + 30.0, 100.0 + tall] for row, tall in enumerate(heights_px)])
    sure, first = np.full(3, 0.9, np.float32), np.zeros(3, np.int64)
    tags = Detections(xyxy.astype(np.float32), sure, first, (DetectorLabel.PRICE_TAG,))
    assert place.tags_count(tags) == 2
