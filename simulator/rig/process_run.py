# SPDX-License-Identifier: AGPL-3.0-or-later
"""A scenario played by the true system: network cameras, nodes, broker, hub and database in processes of their own.

    world + people -> pictures -> cameras on the network ~> nodes ~> relay (and clumsy bridge) ~> broker ~> hub
    till and office ~> the hub's API ~> what it says of zones and alerts -> the record

The processes know nothing of a simulation but shorter patience. Nothing is left running, however the run ends.
"""

import math
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from edge.config import BrokerConfig, CameraConfig, NodeConfig
from simulator.cameras.bay_view import calibration_of
from simulator.errors import ProcessError
from simulator.rig.compression import NodePace, WorldClock, fixed_notes, hurried_judge, node_pace, world_clock
from simulator.rig.mischief import Mischief, Wishes, rig_node
from simulator.rig.process_run_books import BooksDesk
from simulator.rig.process_run_cameras import CameraTransport, StoreCameras
from simulator.rig.process_run_clerk import Clerk
from simulator.rig.process_run_pace import Carried, carried, fixed_patience, least_warm_up
from simulator.rig.process_run_turns import turns_of
from simulator.rig.process_run_watch import Watch
from simulator.rig.processes import utc_now, wait_until
from simulator.rig.scenario import ACTS_AT_A_CAMERA, Scenario
from simulator.rig.schedule import (
    Stretch,
    ended_at_of,
    judge_settings_of,
    opened_at_of,
    plan_of,
    stretches_of,
    trouble_of,
    zone_places,
)
from simulator.rig.system import CameraPlan, NodeHost, TrueSystem, usual_broker
from simulator.rig.system_account import OutboxAccount, outbox_account, transport_of
from simulator.scoring.record import Mode, RunRecord, Sight, Transport
from simulator.store.life import Life
from simulator.store.luck import luck
from simulator.store.plan import StorePlan
from simulator.store.truth import Happening, TruthLog
from simulator.store.world import World

Progress = Callable[[datetime, float], None]
"""Told the world's time and how much of the run is over, 0 to 1."""

SAMPLE_EVERY = timedelta(minutes=1)
LEAST_POLL_S = 0.5
START_PATIENCE_S = 120.0
SETTLE_PATIENCE_S = 30.0
LEAST_STALL_S = 4.0
"""Real time that a camera over HTTP is given for a picture."""
LATE_WORLD_S = 60.0
"""World events that are shown later than this make a run worth a warning."""
_TICK_S = 0.05


def run_processes(
    scenario_name: str,
    scenario: Scenario,
    seed: int,
    *,
    speed: float | None = None,
    broker: str | None = None,
    database_url: str | None = None,
    folder: Path,
    progress: Progress,
    transport: CameraTransport = CameraTransport.SNAPSHOT,
) -> RunRecord:
    """Play the scenario and say all that it left behind.

    `speed` is world seconds per real second; absent: the scenario's own, or what this machine carries where that is
    less. `broker` is `mosquitto` or `amqtt`; absent: mosquitto where installed. Raises ScenarioError, StorePlanError,
    and ProcessError when the system cannot be started or breaks in a way that no trouble explains.
    """
    began_s = time.monotonic()
    folder = folder.resolve()  # processes have working folders of their own
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            run = _Run(scenario_name, scenario, seed, speed, stack)
            run.set_up(folder, broker or usual_broker(), database_url, transport)
            run.live(progress)
            record = run.account()
    except httpx.HTTPError as error:
        raise ProcessError(f"the hub does not answer as it should: {error!r}") from error
    record.elapsed_s = round(time.monotonic() - began_s, 1)
    return record


class _Run:
    """One run; its parts live as long as `stack`."""

    def __init__(self, name: str, scenario: Scenario, seed: int, speed: float | None, stack: ExitStack) -> None:
        self._name, self._scenario, self._seed, self._stack = name, scenario, seed, stack
        self._plan: StorePlan = plan_of(scenario)
        self._opened_at, self._ended_at = opened_at_of(scenario), ended_at_of(scenario)
        self._open_spans = self._plan.open_spans(self._opened_at, self._ended_at)
        self._stretches = stretches_of(scenario, self._plan)
        self._turns = turns_of(scenario, self._stretches, self._ended_at)
        self._world = World(self._plan, self._opened_at, luck(seed, "world"))
        self._life = Life(self._plan, self._world, seed)
        self._truth = TruthLog(self._world)
        self._lock = threading.Lock()
        self._cameras = StoreCameras(self._plan, self._world, seed=seed, world_lock=self._lock)
        self._carried: Carried = carried(self._cameras, self._plan, wanted_speed=speed or scenario.speed, given=speed)
        self._speed = self._carried.speed
        self._notes: list[str] = [*self._carried.notes]

    # Setting up

    def set_up(self, folder: Path, broker: str, database_url: str | None, transport: CameraTransport) -> None:
        """Start everything and wait until every zone is counted."""
        # The least that a node needs to be told; everything else is the product's own.
        camera = CameraConfig(camera_id="any", source="any")
        node = NodeConfig(node_id="any", state_dir=folder, broker=BrokerConfig(host="any"), cameras=(camera,))
        pace = node_pace(
            node=node,
            camera=camera,
            keepalive_s=node.broker.keepalive_s,
            speed=self._speed,
            least_look_s=self._carried.least_look_s,
            # A stream over RTSP takes seconds to begin on a busy machine, whatever the speed.
            least_stall_s=camera.stall_timeout_s if transport is CameraTransport.RTSP else LEAST_STALL_S,
        )
        judge, judge_notes = hurried_judge(
            judge_settings_of(self._plan), speed=self._speed, report_interval_s=pace.settings["report_interval_s"]
        )
        self._notes += [*pace.notes, *judge_notes, *fixed_notes(fixed_patience(), self._speed)]
        self._system = self._stack.enter_context(
            TrueSystem(folder, broker=broker, database_url=database_url, judge=judge.model_dump(mode="json"))
        )
        self._stack.enter_context(self._cameras)
        self._system.start_hub()
        self._desk = BooksDesk(self._client(), {zone.sku: zone.name for _, zone in self._plan.zones()})
        self._watch = Watch(self._client())
        self._start_nodes(pace, transport)
        self._open_shop()

    def _client(self) -> httpx.Client:
        return self._stack.enter_context(httpx.Client(base_url=self._system.hub_url, timeout=10.0))

    def _start_nodes(self, pace: NodePace, transport: CameraTransport) -> None:
        cameras_of: dict[str, list[CameraPlan]] = {}
        for bay in self._plan.bays:
            cameras_of.setdefault(bay.node_id, []).append(self._cameras.plan_of(bay, transport, pace.camera_options))
        wishes = Wishes.of(self._stretches)
        self._rigs = {
            node_id: rig_node(node_id, self._system, wishes, self._stack, seed=self._seed + turn, notes=self._notes)
            for turn, node_id in enumerate(cameras_of)
        }
        for node_id, cameras in cameras_of.items():
            host: NodeHost = self._rigs[node_id].host(pace.keepalive_s)
            self._system.add_node(node_id, cameras, host=host, **pace.settings)

    def _open_shop(self) -> None:
        """Give the hub planogram and books once it hears every camera, so that nothing seems lost before it began."""
        group, camera_ids = self._system.group, {bay.camera_id for bay in self._plan.bays}

        def all_heard() -> bool:
            try:
                return camera_ids <= {camera["camera_id"] for camera in self._system.read("cameras")}
            except httpx.TransportError:
                return False  # a busy machine: asked again

        wait_until(all_heard, "a report of every camera", START_PATIENCE_S, group)
        ready_at = utc_now() + least_warm_up(self._stretches, self._opened_at, self._speed)
        self._system.bring_in([calibration_of(bay) for bay in self._plan.bays], None)
        self._desk.bring_opening(self._world.books, utc_now())
        deadline_s = time.monotonic() + START_PATIENCE_S
        while not self._watch.all_seen():
            group.check()
            if time.monotonic() > deadline_s:
                seen_count, zones_count = self._watch.seen_share()
                self._notes.append(f"the run began with {seen_count} of {zones_count} zones counted")
                break
            time.sleep(0.2)
        while utc_now() < ready_at:
            group.check()
            time.sleep(0.2)

    # Living

    def live(self, progress: Progress) -> None:
        """Let the store live until the scenario is over."""
        self._clock: WorldClock = world_clock(
            began_at=utc_now(),
            opened_at=self._opened_at,
            ended_at=self._ended_at,
            open_spans=self._open_spans,
            events_at=[turn.at for turn in self._turns],
            speed=self._speed,
        )
        self._mischief = Mischief(self._system, self._rigs, self._desk, self._speed, self._notes)
        self._cameras.begin(self._clock, self._life.presences)
        clerk = Clerk(self._bring_books, self._poll, poll_every_s=self._poll_every_s)
        self._stack.callback(clerk.stop)
        clerk.start()
        span = self._ended_at - self._opened_at
        while (now := self._clock.world_at(utc_now())) < self._ended_at:
            self._live_until(now)
            self._mischief.keep_running()
            self._check(clerk)
            progress(now, (now - self._opened_at) / span)
            time.sleep(_TICK_S)
        self._live_until(self._ended_at - timedelta(microseconds=1))
        clerk.stop()
        self._check(clerk)
        progress(self._ended_at, 1.0)

    def _check(self, clerk: Clerk) -> None:
        for failure in (clerk.failure, self._cameras.failure):
            if failure is not None:
                raise failure

    @property
    def _poll_every_s(self) -> float:
        return max(LEAST_POLL_S, SAMPLE_EVERY.total_seconds() / self._speed)

    def _live_until(self, until_at: datetime) -> None:
        while self._turns and self._turns[0].at <= until_at:
            turn = self._turns.pop(0)
            if turn.event is not None:
                with self._lock:
                    done = self._life.do(turn.event, turn.at)
                    self._take([*self._life.advance(turn.at), done])
            if turn.trouble is not None:
                self._trouble(turn.trouble, begins=turn.begins)
        with self._lock:
            self._take(self._life.advance(until_at))

    def _take(self, happenings: list[Happening]) -> None:
        self._truth.take(happenings)
        for happening in happenings:
            self._cameras.note(happening.zone_ids, self._clock.real_at(happening.at))

    def _trouble(self, trouble: Stretch, *, begins: bool) -> None:
        if trouble.act in ACTS_AT_A_CAMERA:
            (self._cameras.break_ if begins else self._cameras.mend)(trouble)
        else:
            (self._mischief.begin if begins else self._mischief.end)(trouble)

    def _bring_books(self) -> None:
        with self._lock:
            lines = list(self._world.books[self._desk.taken_count :])
        self._desk.bring(lines, self._clock)

    def _poll(self) -> None:
        self._watch.look(lambda: min(self._ended_at, self._clock.world_at(utc_now())))

    # Accounting

    def account(self) -> RunRecord:
        """Let what is under way arrive, stop the nodes, and write everything down."""
        self._poll()
        alerts = [
            row
            for row in self._watch.alert_rows(self._clock, opened_at=self._opened_at)
            if row.closed_at is None or row.closed_at > self._opened_at
        ]
        transport = self._settle()
        self._warn()
        return RunRecord(
            scenario=self._name,
            store_id=self._plan.store_id,
            seed=self._seed,
            mode=Mode.PROCESSES,
            sight=Sight.DETECTOR,
            speed=self._speed,
            opened_at=self._opened_at,
            ended_at=self._ended_at,
            open_spans=self._open_spans,
            sample_every_s=self._poll_every_s * self._speed,
            zones=zone_places(self._plan),
            zone_truths=self._truth.zone_truths,
            sku_truths=self._truth.sku_truths,
            presences=list(self._life.presences),
            troubles=[trouble_of(stretch, self._plan) for stretch in self._stretches],
            alerts=alerts,
            samples=self._watch.samples,
            transport=transport,
            notes=self._notes,
        )

    def _settle(self) -> Transport:
        self._mischief.end_all()
        left = set(self._rigs)
        deadline_s = time.monotonic() + SETTLE_PATIENCE_S
        while left and time.monotonic() < deadline_s:
            left -= {node_id for node_id in left if not self._outbox(node_id).waiting}
            self._mischief.keep_running()
            time.sleep(_TICK_S)
        for node in self._system.nodes.values():
            node.stop()
        return transport_of(self._system.database_url, [self._outbox(node_id) for node_id in self._rigs])

    def _outbox(self, node_id: str) -> OutboxAccount:
        disk = self._rigs[node_id].disk
        return outbox_account(self._system.state_folder(node_id) / "outbox.sqlite", disk.prefix if disk else ())

    def _warn(self) -> None:
        lags_s = sorted(self._cameras.lags_s)
        if lags_s:
            median_s, worst_s = statistics.median(lags_s), lags_s[-1]
            late_s = lags_s[math.ceil(0.95 * len(lags_s)) - 1] * self._speed
            words = (
                f"world events were shown {median_s * self._speed:.0f} s of world time late in the median, "
                f"{late_s:.0f} s at the 95th percentile, {worst_s * self._speed:.0f} s at worst"
            )
            warning = "THE MACHINE DID NOT KEEP UP: " if late_s > LATE_WORLD_S else ""
            self._notes.append(f"{warning}{words}")
        if self._watch.misses_count:
            self._notes.append(f"{self._watch.misses_count} samples are missing: the hub did not answer")
