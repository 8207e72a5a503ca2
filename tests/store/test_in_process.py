# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs in simulated time: the same from the same seed, the same whether idle looks are made or left out."""

from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.model_card import DetectorLabel
from edge.detector import Detector
from edge.model_file import shipped_model
from simulator.cameras.moment import Moment
from simulator.cameras.schematic import SchematicCamera
from simulator.rig.in_process import run_in_process
from simulator.rig.modelled_detector import ModelledDetector, shipped_table
from simulator.rig.scenario import Scenario
from simulator.rig.schedule import opened_at_of, plan_of
from simulator.scoring.record import RunRecord, Sight
from simulator.store.luck import luck
from simulator.store.world import World


def scenario(**fields: Any) -> Scenario:
    given: dict[str, Any] = {
        "title": "a test",
        "happens": "see the test",
        "expected": "see the test",
        "begins_on": date(2026, 3, 7),
        "begins_at": time(10, 0),
        "lasts": "1h",
    }
    return Scenario.model_validate(given | fields)


EVENTFUL = scenario(
    lasts="70m",
    habits={"shoppers": {"demand_factor": 2.0, "trolleys_per_day": 8}},
    events=[
        {"at": "6m", "act": "sell", "target": "cola", "units": 99},
        {"at": "15m", "act": "cover", "target": "cam-breakfast", "lasting": "8m"},
        {"at": "20m", "act": "restock", "target": "cola"},
        {"at": "30m", "act": "power_cut", "target": "node-drinks", "lasting": "4m"},
        {"at": "40m", "act": "power_cut", "target": "broker", "lasting": "4m"},
        {"at": "42m", "act": "sell", "target": "jam", "units": 99},
        {"at": "50m", "act": "freeze", "target": "cam-drinks", "lasting": "6m"},
    ],
)


def run(one: Scenario, folder: Path, *, seed: int = 1, sight: Sight = Sight.MODELLED, **options: Any) -> RunRecord:
    return run_in_process("test", one, seed, sight=sight, folder=folder, **options)


def told(record: RunRecord) -> list[tuple[str, str]]:
    return sorted((alert.kind, alert.place_id) for alert in record.alerts)


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return run(EVENTFUL, tmp_path_factory.mktemp("eventful"))


def test_one_seed_gives_one_record(eventful: RunRecord, tmp_path: Path) -> None:
    again = run(EVENTFUL, tmp_path)
    assert replace(again, elapsed_s=0.0) == replace(eventful, elapsed_s=0.0)


def test_another_seed_gives_another_day(eventful: RunRecord, tmp_path: Path) -> None:
    other = run(EVENTFUL, tmp_path, seed=2)
    assert other.zone_truths != eventful.zone_truths
    assert other.presences != eventful.presences


def test_looks_that_are_left_out_would_have_changed_nothing(eventful: RunRecord, tmp_path: Path) -> None:
    thorough = run(EVENTFUL, tmp_path, every_look=True)
    assert told(thorough) == told(eventful)
    assert thorough.zone_truths == eventful.zone_truths
    for one, other in zip(thorough.alerts, eventful.alerts, strict=True):
        assert abs(one.opened_at - other.opened_at) <= timedelta(seconds=30), one.headline
    # A sample may fall between two looks of one of the runs; nothing may stay different.
    pairs = list(zip(thorough.samples, eventful.samples, strict=True))
    differing = [one for one, other in pairs if (one.state, one.facings_count) != (other.state, other.facings_count)]
    assert len(differing) <= 0.02 * len(pairs)


def test_everything_that_happened_is_told_and_nothing_is_lost(eventful: RunRecord) -> None:
    assert {("restock_from_back", "cola"), ("view_lost", "cam-breakfast"), ("node_lost", "node-drinks")} <= set(
        told(eventful)
    )
    assert ("view_lost", "cam-drinks") in told(eventful), "a frozen picture is no sight"
    assert (eventful.transport.lost_count, eventful.transport.doubled_count) == (0, 0)
    minutes_count = (eventful.ended_at - eventful.opened_at) // timedelta(minutes=1)
    assert len(eventful.samples) == (minutes_count - 1) * len(eventful.zones)
    assert eventful.open_spans == [(eventful.opened_at, eventful.ended_at)]


def test_what_a_node_has_on_disk_is_accounted_for_though_it_is_off_at_the_end(tmp_path: Path) -> None:
    events = [
        {"at": "4m", "act": "partition", "target": "node-drinks"},
        {"at": "10m", "act": "power_cut", "target": "node-drinks", "lasting": "1h"},
    ]
    transport = run(scenario(lasts="12m", events=events), tmp_path).transport
    assert transport.waiting_count > 0
    assert transport.lost_count == transport.doubled_count == 0
    assert transport.ledger_count + transport.waiting_count == transport.numbered_count


def test_messages_twice_late_and_shuffled_change_no_count(tmp_path: Path) -> None:
    calm = scenario(lasts="40m", events=[{"at": "5m", "act": "sell", "target": "tea", "units": 9}])
    rough = calm.model_copy(
        update={
            "events": (
                *calm.events,
                *scenario(
                    events=[
                        {"at": "1m", "act": "duplicate", "target": "*"},
                        {"at": "1m", "act": "reorder", "target": "*"},
                    ]
                ).events,
            )
        }
    )
    first, second = run(calm, tmp_path / "calm"), run(rough, tmp_path / "rough")
    assert second.transport.doubled_count == second.transport.lost_count == 0
    assert second.transport.ledger_count == second.transport.numbered_count
    last = {sample.zone_id: sample.facings_count for sample in first.samples}
    assert {sample.zone_id: sample.facings_count for sample in second.samples} == last


def test_rendered_views_and_the_detector_tell_the_same_as_their_model(tmp_path: Path) -> None:
    short = scenario(
        lasts="16m",
        begins_on=date(2026, 3, 2),
        habits={"shoppers": {"demand_factor": 0.0}},
        events=[
            {"at": "2m", "act": "sell", "target": "cola", "units": 99},
            {"at": "6m", "act": "cover", "target": "cam-breakfast", "lasting": "4m"},
        ],
    )
    seen = run(short, tmp_path / "seen", sight=Sight.DETECTOR)
    modelled = run(short, tmp_path / "modelled")
    assert told(seen) == told(modelled) == [("restock_from_back", "cola"), ("view_lost", "cam-breakfast")]
    assert seen.zone_truths == modelled.zone_truths


class TestModelledDetector:
    def frames(self, count: int) -> tuple[ModelledDetector, list[tuple[Any, Any]]]:
        plan = plan_of(scenario())
        opened_at = opened_at_of(scenario())
        world = World(plan, opened_at, luck(1, "world"))
        shapes = {zone.sku: zone.shape for _, zone in plan.zones()}
        card = Detector(shipped_model()).card
        detector = ModelledDetector(card, shapes, camera_id="c1", seed=1, table=shipped_table("corner"))
        camera = SchematicCamera(plan.bays[0], 1)
        frames = []
        for number in range(count):
            frame = camera.frame(world, Moment(at=opened_at + timedelta(seconds=number)))
            assert frame is not None
            detector.show(frame.boxes, number)
            frames.append((frame, detector.detect(frame.image_bgr)))
        return detector, frames

    def test_it_finds_about_as_many_packs_as_were_measured(self) -> None:
        detector, frames = self.frames(1)
        frame, found = frames[0]
        true_count = sum(1 for box in frame.boxes if box.label == "product")
        missed = shipped_table("corner").groups[DetectorLabel.PRODUCT].missed_fraction
        assert abs(len(found.of(DetectorLabel.PRODUCT)) - (1 - missed) * true_count) <= 0.15 * true_count
        assert set(found.labels) == set(detector.card.labels)

    def test_an_unchanged_shelf_is_seen_nearly_the_same_every_time(self) -> None:
        _, frames = self.frames(20)
        counts = [len(found.of(DetectorLabel.PRODUCT)) for _, found in frames]
        assert max(counts) - min(counts) <= 2
        firsts = [found.xyxy_px[0] for _, found in frames]
        assert not np.array_equal(firsts[0], firsts[1]), "sensor noise moves an edge a little"

    def test_what_hardly_shows_is_not_found(self) -> None:
        detector, frames = self.frames(1)
        frame, _ = frames[0]
        detector.show(tuple(replace(box, visible_fraction=0.1) for box in frame.boxes), 1)
        assert len(detector.detect(frame.image_bgr)) == 0
