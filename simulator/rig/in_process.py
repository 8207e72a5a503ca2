# SPDX-License-Identifier: AGPL-3.0-or-later
"""A scenario in simulated time: the nodes' and the hub's own code called directly, as fast as they run.

World, looks, messages, books and judgement take turns on one agenda, each at its own instant. Between two instants
nothing is computed. docs/virtual-store.md says what this mode leaves out; `RunRecord.notes` what it left out this time.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from simulator.cameras.bay_view import calibration_of
from simulator.rig.in_process_agenda import Agenda, Entry, Rank
from simulator.rig.in_process_books import BooksPost
from simulator.rig.in_process_broker import InProcessBroker
from simulator.rig.in_process_eye import ShopLight, Visitors
from simulator.rig.in_process_hub import InProcessHub
from simulator.rig.in_process_node import InProcessNode, NodePlan
from simulator.rig.in_process_sight import eyes_of
from simulator.rig.in_process_troubles import NOTES, Troubles
from simulator.rig.scenario import Scenario, ScenarioEvent
from simulator.rig.schedule import (
    ended_at_of,
    judge_settings_of,
    opened_at_of,
    plan_of,
    stretches_of,
    trouble_of,
    world_events,
    zone_places,
)
from simulator.rig.system_account import transport_of
from simulator.scoring.record import Mode, RunRecord, Sight
from simulator.store.life import Life
from simulator.store.luck import luck
from simulator.store.truth import Happening, TruthLog
from simulator.store.world import BookLine, World

SAMPLE_EVERY = timedelta(seconds=60)
JUDGE_AT_MOST_EVERY_S = 2.0
ZONES_PER_JUDGE_S = 100.0
"""The product judges twice a second. In a large shop something is new at nearly every instant and a judgement is dear,
so there it waits a second for every so many zones."""
Progress = Callable[[datetime, float], None]


def run_in_process(
    scenario_name: str,
    scenario: Scenario,
    seed: int,
    *,
    sight: Sight,
    folder: Path,
    progress: Progress | None = None,
    every_look: bool = False,
) -> RunRecord:
    """Run a scenario from a seed in `folder`, which holds the hub's database and the nodes' outboxes.

    The same scenario and seed give the same record but for `elapsed_s`. `every_look` makes every look that a node would
    make, also those of which nothing can come: slower, and the same in the end. Raises ScenarioError, StorePlanError,
    and edge.errors.ModelError where the shipped detector cannot be used.
    """
    started_s = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(scenario_name, scenario, seed, sight=sight, folder=folder, every_look=every_look)
    try:
        record = run.live(progress)
    finally:
        run.close()
    record.elapsed_s = round(time.perf_counter() - started_s, 3)
    return record


class _Run:
    """Everything of one run, wired."""

    def __init__(
        self, scenario_name: str, scenario: Scenario, seed: int, *, sight: Sight, folder: Path, every_look: bool
    ) -> None:
        self._scenario = scenario
        self._plan = plan_of(scenario)
        self._opened_at, self._ended_at = opened_at_of(scenario), ended_at_of(scenario)
        self._agenda = Agenda()
        self._world = World(self._plan, self._opened_at, luck(seed, "world"))
        self._life = Life(self._plan, self._world, seed)
        self._truth = TruthLog(self._world)
        self._visitors = Visitors()
        self._presences_count = 0
        self._judging: Entry | None = None
        self._judged_at: datetime | None = None
        self._hub = InProcessHub(folder, judge_settings_of(self._plan))
        self._broker = InProcessBroker(self._agenda, self._hub, seed, heard=self._want_judgement)
        self._books = BooksPost(lambda: self._world.books, self._take_books, lambda: self._broker.is_hub_up)
        light = ShopLight(self._plan, self._visitors, self._opened_at, seed)
        self._eyes, detectors = eyes_of(self._plan, self._world, light, sight=sight, seed=seed)
        self._calibrations = {bay.camera_id: calibration_of(bay) for bay in self._plan.bays}
        self._node_of = {bay.camera_id: bay.node_id for bay in self._plan.bays}
        self._cameras_of_zone = {zone.zone_id: bay.camera_id for bay, zone in self._plan.zones()}
        self._camera_of_bay = {bay.bay_id: bay.camera_id for bay in self._plan.bays}
        for node_id in dict.fromkeys(self._node_of.values()):
            camera_ids = [camera_id for camera_id, owner in self._node_of.items() if owner == node_id]
            node_plan = NodePlan(
                node_id=node_id,
                calibrations={camera_id: self._calibrations[camera_id] for camera_id in camera_ids},
                eyes={camera_id: self._eyes[camera_id] for camera_id in camera_ids},
                detectors={camera_id: detectors[camera_id] for camera_id in camera_ids},
                folder=folder / node_id,
                seed=seed,
                every_look=every_look,
            )
            self._broker.add(InProcessNode(node_plan, self._agenda, self._broker))
        self._record = RunRecord(
            scenario=scenario_name,
            store_id=self._plan.store_id,
            seed=seed,
            mode=Mode.IN_PROCESS,
            sight=sight,
            speed=0.0,
            opened_at=self._opened_at,
            ended_at=self._ended_at,
            open_spans=self._plan.open_spans(self._opened_at, self._ended_at),
            sample_every_s=SAMPLE_EVERY.total_seconds(),
            zones=zone_places(self._plan),
        )

    def live(self, progress: Progress | None) -> RunRecord:
        """From opening to end."""
        self._open()
        while True:
            agenda_at, life_at = self._agenda.next_at, self._life.next_at()
            due_at = min(at for at in (agenda_at, life_at, self._ended_at) if at is not None)
            if due_at >= self._ended_at:
                break
            if life_at is not None and life_at <= due_at:
                self._take(self._life.advance(due_at), due_at)
            else:
                self._agenda.run_one()
                if progress is not None:
                    progress(due_at, (due_at - self._opened_at) / self._scenario.lasts)
        return self._account()

    def close(self) -> None:
        """Close every file."""
        for node in self._broker.nodes.values():
            node.stop()
        self._hub.close()

    def _open(self) -> None:
        self._hub.open_shop(list(self._calibrations.values()), self._opened_at)
        self._broker.start_hub(self._opened_at)
        self._books.post(self._opened_at)
        for node in self._broker.nodes.values():
            node.boot(self._opened_at)
        troubles = Troubles(
            self._agenda,
            self._broker,
            self._broker.nodes,
            self._eyes,
            self._books,
            wake=self._wake,
            hub_is_up=self._hub_is_up,
        )
        stretches = stretches_of(self._scenario, self._plan)
        for stretch in stretches:
            troubles.put(stretch, self._ended_at)
        self._record.troubles = [trouble_of(stretch, self._plan) for stretch in stretches]
        self._record.notes += [
            NOTES[act] for act in dict.fromkeys(stretch.act for stretch in stretches) if act in NOTES
        ]
        for at, event in world_events(self._scenario):
            self._agenda.put(at, Rank.TROUBLE, partial(self._do, event))
        self._agenda.put(self._opened_at + SAMPLE_EVERY, Rank.SAMPLE, self._sample)
        self._want_judgement(self._opened_at)

    # --- the world

    def _do(self, event: ScenarioEvent, at: datetime) -> None:
        happening = self._life.do(event, at)
        self._take([*self._life.advance(at), happening], at)

    def _take(self, happenings: list[Happening], at: datetime) -> None:
        self._truth.take(happenings)
        camera_ids = {self._cameras_of_zone[zone_id] for happening in happenings for zone_id in happening.zone_ids}
        for camera_id in sorted(camera_ids):
            self._wake(camera_id, at)
        for presence in self._life.presences[self._presences_count :]:
            camera_id = self._camera_of_bay[presence.bay_id]
            self._visitors.come(presence)
            for changes_at in (presence.since_at, presence.until_at):
                self._agenda.put(max(at, changes_at), Rank.TROUBLE, partial(self._wake, camera_id))
        self._presences_count = len(self._life.presences)
        self._books.post(at)

    def _wake(self, camera_id: str, at: datetime) -> None:
        self._broker.nodes[self._node_of[camera_id]].wake(camera_id, at)

    # --- the hub

    def _take_books(self, lines: Sequence[BookLine], at: datetime) -> None:
        self._hub.take_books(lines, at)
        self._want_judgement(at)

    def _hub_is_up(self, at: datetime) -> None:
        self._books.post(at)
        self._want_judgement(at)

    def _want_judgement(self, at: datetime) -> None:
        if self._judged_at is not None:
            pause_s = max(JUDGE_AT_MOST_EVERY_S, len(self._record.zones) / ZONES_PER_JUDGE_S)
            at = max(at, self._judged_at + timedelta(seconds=pause_s))
        if self._judging is not None and not self._judging.cancelled:
            if self._judging.at <= at:
                return
            self._judging.cancelled = True
        self._judging = self._agenda.put(at, Rank.JUDGE, self._judge)

    def _judge(self, at: datetime) -> None:
        self._judging, self._judged_at = None, at
        if self._broker.is_hub_up:
            self._want_judgement(self._hub.judge(at))

    def _sample(self, at: datetime) -> None:
        if self._broker.is_hub_up:
            self._record.samples += self._hub.samples(at)
        self._agenda.put(at + SAMPLE_EVERY, Rank.SAMPLE, self._sample)

    # --- the account

    def _account(self) -> RunRecord:
        if self._broker.is_hub_up:
            self._broker.ingest(self._ended_at)
        record = self._record
        record.zone_truths, record.sku_truths = self._truth.zone_truths, self._truth.sku_truths
        record.presences = list(self._life.presences)
        record.alerts = self._hub.alert_rows()
        record.transport = transport_of(
            self._hub.database_url, [node.account() for node in self._broker.nodes.values()]
        )
        return record
