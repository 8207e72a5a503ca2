# SPDX-License-Identifier: AGPL-3.0-or-later
"""The shipped detector before scenes without a shelf: a camera alert at most, never an empty shelf."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from numpy.random import Generator

from contract.counts import SightState
from contract.reports import CountReport
from edge.detector import Detector
from edge.frames import BgrImage, Frame
from edge.model_file import shipped_model
from edge.settings import Settings
from edge.watcher import Watcher
from tests.toy_network import toy_calibration

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WH_PX = (1280, 720)


def wall_with_a_window() -> BgrImage:
    picture = np.full((720, 1280, 3), (180, 190, 200), np.uint8)
    picture[480:] = (90, 110, 140)
    cv2.rectangle(picture, (800, 150), (1000, 400), (240, 230, 220), cv2.FILLED)
    cv2.rectangle(picture, (800, 150), (1000, 400), (60, 60, 60), 6)
    cv2.line(picture, (0, 480), (1280, 480), (40, 40, 40), 4)
    return picture


def tiled_floor() -> BgrImage:
    rng = np.random.default_rng(3)
    picture = np.full((720, 1280, 3), 90, np.uint8)
    for y_px in range(0, 720, 90):
        for x_px in range(0, 1280, 120):
            picture[y_px : y_px + 86, x_px : x_px + 116] = rng.integers(120, 160, 3)
    return picture


def ceiling_with_lamps() -> BgrImage:
    shade = np.linspace(60, 170, 1280)[None, :, None] * np.ones((720, 1, 3))
    picture = shade.astype(np.uint8)
    for x_px in (200, 640, 1080):
        cv2.ellipse(picture, (x_px, 200), (120, 30), 0, 0, 360, (250, 250, 250), cv2.FILLED)
    return picture


def with_noise(picture: BgrImage, rng: Generator) -> BgrImage:
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(shipped_model())


@pytest.mark.parametrize("scene", [wall_with_a_window, tiled_floor, ceiling_with_lamps])
def test_a_scene_without_a_shelf_is_unknown(detector: Detector, scene: object) -> None:
    assert callable(scene)
    watcher = Watcher("cam-1", detector, node_id="node-1", boot_id="e" * 32, is_live=True, frozen_after_s=60)
    settings = Settings(5, 60, evidence=True, calibrations={"cam-1": toy_calibration(wh_px=WH_PX)})
    rng = np.random.default_rng(0)
    reports: list[CountReport] = []
    for index in range(1, 6):
        frame = Frame(with_noise(scene(), rng), START + timedelta(seconds=5 * index), 5.0 * index, "cam-1")
        look = watcher.look(frame, settings)
        assert look.picture_jpeg is None
        if look.make_report:
            reports.append(look.make_report(len(reports) + 1))
    assert [report.view for report in reports] == [SightState.UNKNOWN]
    assert all(zone.facings is None for zone in reports[0].zones)
