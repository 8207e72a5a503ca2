# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rendered looks at one bay through a bumped camera, past a shopper and after a restart: never a word about stock."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from calibration.view import CameraView
from contract.counts import UnknownReason
from contract.model_card import DetectorLabel
from contract.reports import CountReport
from edge.detections import Detections
from edge.detector import Detector
from edge.frames import Frame
from edge.glimpse import glimpse
from edge.model_file import shipped_model
from edge.reference import RAIL_MM, Reference
from edge.reference_file import ReferenceFile
from edge.settings import Settings
from edge.stance import DEFAULT_TOLERANCE_FRACTION, Standing
from edge.standpoint import Judgement, ReferenceKeeper, Standpoint
from edge.watcher import Watcher
from simulator.cameras.bay_view import calibration_of, scene_of
from simulator.cameras.mounts import view_of
from simulator.picture.render import RenderedView, render_scene
from simulator.picture.scene import Scene, View
from simulator.store.plan import STORES_FOLDER, load_store_plan
from simulator.store.world import World

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLAN = load_store_plan(STORES_FOLDER / "corner.toml")
BAY = PLAN.bays[0]
CALIBRATION = calibration_of(BAY)
ZONE_IDS = tuple(zone.zone_id for zone in CALIBRATION.zones)
FULL_SCENE = scene_of(BAY, World(PLAN, START, np.random.default_rng(0)))
LABELS = (DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG)

Picture = NDArray[np.uint8]


def thinned(rng: Generator, share: float | None = None) -> Scene:
    """The shelf after some hours of selling: whole facings are gone, as many as luck wants or `share` of them."""
    share = rng.uniform(0, 1) if share is None else share
    places = sorted({(pack.row, pack.column) for pack in FULL_SCENE.packs})
    gone = {place for place in places if rng.random() < share}
    return replace(FULL_SCENE, packs=tuple(p for p in FULL_SCENE.packs if (p.row, p.column) not in gone))


def rendered(scene: Scene, rng: Generator, *, view: View | None = None, light: float | None = None) -> RenderedView:
    """One look, in a light of its own."""
    ambient = rng.uniform(0.75, 1.2) if light is None else light
    return render_scene(
        replace(
            scene,
            view=view or scene.view,
            light=replace(scene.light, ambient=ambient, slope_y=rng.uniform(-0.15, 0.15)),
            look=replace(scene.look, noise_sigma=3.0, gamma=rng.uniform(0.85, 1.2), jpeg_quality=75),
        ),
        rng,
    )


def turned(yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> View:
    """The bay's camera, knocked aside."""
    view = view_of(BAY)
    eye, aim = np.array(view.position_mm), np.array(view.aim_mm)
    ahead = aim - eye
    far_mm = float(np.linalg.norm(ahead))
    yaw = np.arctan2(ahead[0], -ahead[2]) + np.radians(yaw_deg)
    pitch = np.arcsin(ahead[1] / far_mm) + np.radians(pitch_deg)
    way = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), -np.cos(yaw) * np.cos(pitch)])
    x_mm, y_mm, z_mm = (eye + far_mm * way).tolist()
    return replace(view, aim_mm=(x_mm, y_mm, z_mm), roll_deg=view.roll_deg + roll_deg)


def found(view: RenderedView) -> Detections:
    """What a perfect detector would find."""
    boxes = [box for box in view.boxes if box.is_clear and box.label in set(LABELS)]
    return Detections(
        np.array([box.xyxy_px for box in boxes], np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.9, np.float32),
        np.array([LABELS.index(DetectorLabel(box.label)) for box in boxes], np.int64),
        LABELS,
    )


def with_shopper(picture: Picture, left_px: int, width_px: int) -> Picture:
    """Somebody in a plain coat, from the shoulders down, and a head."""
    shown = picture.copy()
    height_px = picture.shape[0]
    top_px = height_px // 5
    cv2.rectangle(shown, (left_px, top_px), (left_px + width_px, height_px), (70, 50, 40), cv2.FILLED)
    cv2.circle(shown, (left_px + width_px // 2, top_px - width_px // 6), width_px // 4, (120, 150, 200), cv2.FILLED)
    rough = np.random.default_rng(left_px).normal(0, 12, (height_px // 16, picture.shape[1] // 16)).astype(np.float32)
    folds = cv2.resize(rough, (picture.shape[1], height_px), interpolation=cv2.INTER_CUBIC)[..., None]
    coat = (shown != picture).any(axis=2, keepdims=True)
    return np.clip(shown + np.where(coat, folds, 0), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def standpoint() -> Standpoint:
    """A camera that learnt its bay while a third of the facings were gone."""
    learner = Standpoint(CALIBRATION, DEFAULT_TOLERANCE_FRACTION, None)
    rng = np.random.default_rng(7)
    scene = thinned(rng, 0.3)
    for seconds in (0.0, 61.0):
        look = rendered(scene, rng, light=1.0)
        detail = glimpse(look.image_bgr).detail
        learner.learn(detail, found(look), BAY.image_wh_px[0], None, captured_at=START, monotonic_s=seconds)
    return learner


def judged(standpoint: Standpoint, picture: Picture) -> Judgement:
    judgement = standpoint.judge(glimpse(picture).detail)
    assert judgement is not None
    return judgement


@pytest.mark.parametrize("seed", range(6))
def test_selling_restocking_and_light_do_not_move_a_camera(standpoint: Standpoint, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for share in (0.0, 1.0, None):
        judgement = judged(standpoint, rendered(thinned(rng, share), rng).image_bgr)
        assert judgement.standing is Standing.IN_PLACE
        assert judgement.shift is not None
        assert judgement.shift.most_mm < 3


@pytest.mark.parametrize("light", [0.35, 0.2])
def test_an_evening_light_does_not_move_a_camera(standpoint: Standpoint, light: float) -> None:
    rng = np.random.default_rng(11)
    assert judged(standpoint, rendered(thinned(rng), rng, light=light).image_bgr).standing is Standing.IN_PLACE


@pytest.mark.parametrize("degrees", [1, -2, 3, -5, 10])
@pytest.mark.parametrize("axis", ["yaw_deg", "pitch_deg", "roll_deg"])
def test_a_camera_that_was_knocked_is_moved(standpoint: Standpoint, axis: str, degrees: float) -> None:
    rng = np.random.default_rng(abs(int(degrees)))
    judgement = judged(standpoint, rendered(thinned(rng), rng, view=turned(**{axis: degrees})).image_bgr)
    assert judgement.standing is not Standing.IN_PLACE
    if judgement.shift is not None and axis == "yaw_deg":
        # The bay is two metres away; beyond the middle a turn shifts more.
        assert judgement.shift.most_mm >= 2000 * np.tan(np.radians(abs(degrees))) * 0.9


@pytest.mark.parametrize("degrees", [0.1, 0.25])
def test_a_camera_that_trembles_is_in_place(standpoint: Standpoint, degrees: float) -> None:
    rng = np.random.default_rng(3)
    assert judged(standpoint, rendered(thinned(rng), rng, view=turned(degrees)).image_bgr).standing is Standing.IN_PLACE


def relabelled(picture: Picture, *zone_ids: str) -> Picture:
    """New strips on the rails below these zones."""
    shown, view = picture.copy(), CameraView(CALIBRATION, BAY.image_wh_px)
    rng = np.random.default_rng(3)
    for zone in CALIBRATION.zones:
        if zone.zone_id in zone_ids:
            outline = np.asarray(zone.polygon_mm)
            (left, low), right = outline.min(axis=0), outline[:, 0].max()
            corners = np.array([(left, low - RAIL_MM), (right, low - RAIL_MM), (right, low), (left, low)])
            rail = np.zeros(picture.shape[:2], np.uint8)
            cv2.fillPoly(rail, [np.rint(view.to_pixels(corners)).astype(np.int32)], 1)
            blocks = rng.integers(40, 220, (picture.shape[0] // 12 + 1, picture.shape[1] // 12 + 1), dtype=np.uint8)
            strip = np.kron(blocks, np.ones((12, 12), np.uint8))[: picture.shape[0], : picture.shape[1]]
            shown[rail > 0] = strip[rail > 0][:, None]
    return shown


def slid(picture: Picture, down_px: float) -> Picture:
    """The whole picture further down, as by a camera that sinks on its arm."""
    height_px, width_px = picture.shape[:2]
    way = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, down_px]])
    return np.asarray(cv2.warpAffine(picture, way, (width_px, height_px), borderMode=cv2.BORDER_REPLICATE), np.uint8)


class Shelf:
    """Keeps references in memory, in order."""

    def __init__(self) -> None:
        self.kept: list[Reference] = []

    def load(self, _calibration_id: str) -> Reference | None:
        return self.kept[-1] if self.kept else None

    def keep(self, reference: Reference) -> None:
        self.kept.append(reference)


def learn(learner: Standpoint, look: RenderedView, picture: Picture, seconds: float) -> None:
    detail = glimpse(picture).detail
    judgement = learner.judge(detail)
    learner.learn(detail, found(look), BAY.image_wh_px[0], judgement, captured_at=START, monotonic_s=seconds)


def test_new_strips_are_learned_within_an_hour_and_a_camera_that_sinks_is_not_followed() -> None:
    shelf = Shelf()
    learner = Standpoint(CALIBRATION, DEFAULT_TOLERANCE_FRACTION, shelf)
    rng = np.random.default_rng(7)
    upright = rendered(FULL_SCENE, rng, light=1.0)
    for seconds in (0.0, 61.0):
        learn(learner, upright, upright.image_bgr, seconds)
    strips = relabelled(upright.image_bgr, *ZONE_IDS)
    sunk, deeper = (slid(strips, down_px) for down_px in (4.0, 14.0))
    learn(learner, upright, sunk, 600.0)
    assert len(shelf.kept) == 1, "ten minutes are too soon: somebody may stand there"
    before = judged(learner, sunk)
    learn(learner, upright, sunk, 3700.0)
    assert len(shelf.kept) == 2
    assert before.shift is not None
    for knowing in (learner, Standpoint(CALIBRATION, DEFAULT_TOLERANCE_FRACTION, shelf)):
        after = judged(knowing, sunk)
        assert after.furniture_fraction > 0.95 > before.furniture_fraction
        assert after.shift is not None
        assert after.shift.most_mm == pytest.approx(before.shift.most_mm, abs=1.0), "off against the calibration still"
        further = judged(knowing, deeper)
        assert further.shift is not None
        assert further.shift.most_mm == pytest.approx(before.shift.most_mm * 14 / 4, rel=0.1)
        assert further.standing is Standing.MOVED, "though it slid by less than that since the newer reference"


@dataclass
class Node:
    """One camera's chain with the shipped detector."""

    watcher: Watcher
    seconds: float = 0.0
    reports: list[CountReport] = field(default_factory=list)
    settings: Settings = field(
        default_factory=lambda: Settings(5, 600, evidence=True, calibrations={BAY.camera_id: CALIBRATION})
    )
    pictures_count: int = 0
    every_s: float = 5.0

    def show(self, picture: Picture, looks_count: int) -> CountReport:
        """Show one scene for some looks, each with sensor noise of its own; returns the newest report."""
        for _ in range(looks_count):
            self.seconds += self.every_s
            noise = np.random.default_rng(int(self.seconds)).normal(0, 2, picture.shape)
            noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
            frame = Frame(noisy, START + timedelta(seconds=self.seconds), self.seconds, BAY.camera_id)
            look = self.watcher.look(frame, self.settings)
            self.pictures_count += look.picture_jpeg is not None
            if look.make_report:
                self.reports.append(look.make_report(len(self.reports) + 1))
        return self.reports[-1]


MakeNode = Callable[[ReferenceKeeper | None], Node]


@pytest.fixture(scope="module")
def make_node() -> MakeNode:
    detector = Detector(shipped_model())

    def make(references: ReferenceKeeper | None = None) -> Node:
        watcher = Watcher(
            BAY.camera_id,
            detector,
            node_id="node-1",
            boot_id="c" * 32,
            is_live=True,
            frozen_after_s=600,
            references=references,
        )
        return Node(watcher)

    return make


def facings(report: CountReport) -> dict[str, int | str]:
    return {zone.zone_id: zone.facings.mode_count if zone.facings else str(zone.reason) for zone in report.zones}


@pytest.mark.slow
def test_a_bump_silences_every_zone_until_the_camera_is_back_even_after_a_restart(
    make_node: MakeNode, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    upright = rendered(FULL_SCENE, rng, light=1.0).image_bgr
    aside = rendered(FULL_SCENE, rng, light=1.0, view=turned(3)).image_bgr
    node = make_node(ReferenceFile(tmp_path, BAY.camera_id))
    before = facings(node.show(upright, 22))
    assert all(isinstance(count, int) for count in before.values())
    assert set(facings(node.show(aside, 10)).values()) == {"moved"}
    node = make_node(ReferenceFile(tmp_path, BAY.camera_id))  # the node starts anew, the camera still looks aside
    assert set(facings(node.show(aside, 4)).values()) == {"moved"}
    assert len(node.reports) == 1
    assert facings(node.show(upright, 10)) == before


@pytest.mark.slow
def test_somebody_who_stands_still_hides_zones_and_empties_none(make_node: MakeNode) -> None:
    rng = np.random.default_rng(2)
    shelf = rendered(FULL_SCENE, rng, light=1.0).image_bgr
    node = make_node(None)
    before = facings(node.show(shelf, 22))
    sent_count = node.pictures_count
    report = node.show(with_shopper(shelf, 560, 230), 12)
    during = facings(report)
    hidden = {zone_id for zone_id, count in during.items() if count == UnknownReason.OCCLUDED}
    assert hidden >= {"juice", "lemonade"}
    assert all(zone.occluded_fraction > 0 for zone in report.zones if zone.zone_id in hidden)
    assert {zone_id: count for zone_id, count in during.items() if zone_id not in hidden}.items() <= before.items()
    assert node.pictures_count == sent_count
    assert facings(node.show(shelf, 10)) == before


@pytest.mark.slow
def test_a_crowd_that_hides_nearly_everything_has_not_moved_the_camera(make_node: MakeNode) -> None:
    rng = np.random.default_rng(4)
    shelf = rendered(FULL_SCENE, rng, light=1.0).image_bgr
    node = make_node(None)
    before = facings(node.show(shelf, 22))
    crowd = with_shopper(with_shopper(with_shopper(shelf, 90, 300), 380, 280), 640, 290)
    during = facings(node.show(crowd, 12))
    assert set(during.values()) <= {"occluded", "no_shelf", *before.values()}
    assert {zone_id: n for zone_id, n in during.items() if isinstance(n, int)}.items() <= before.items()
    assert facings(node.show(shelf, 10)) == before


@pytest.mark.slow
def test_a_camera_turned_to_another_bay_counts_nothing_there_and_is_moved_in_the_end(make_node: MakeNode) -> None:
    rng = np.random.default_rng(5)
    node = make_node(None)
    node.show(rendered(FULL_SCENE, rng, light=1.0).image_bgr, 22)
    other_scene = scene_of(PLAN.bays[1], World(PLAN, START, np.random.default_rng(0)))
    other = rendered(other_scene, rng, light=1.0).image_bgr
    seen_before = len(node.reports)
    node.every_s = 60.0
    last = facings(node.show(other, 16))
    told = [count for report in node.reports[seen_before:] for count in facings(report).values()]
    assert not any(isinstance(count, int) for count in told)
    assert set(last.values()) == {"moved"}
