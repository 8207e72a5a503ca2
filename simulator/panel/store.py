# SPDX-License-Identifier: AGPL-3.0-or-later
"""The store of the demo behind its panel: world, people, cameras and plugs, and what becomes of a visitor's wishes."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from simulator.cameras.bay_view import scene_of
from simulator.cameras.faults import CameraFault
from simulator.cameras.moment import Moment, moment_of
from simulator.cameras.shelf_camera import ShelfCamera
from simulator.errors import SimulatorError
from simulator.panel.clock import StoreClock
from simulator.panel.wishes import Wish, WishRefused
from simulator.rig.processes import Process
from simulator.rig.scenario import ACTS_AT_A_CAMERA, Act, Scenario, ScenarioEvent
from simulator.rig.schedule import WORLD_ACTS, ended_at_of, opened_at_of, plan_of, stretches_of, world_events
from simulator.rig.system import TrueSystem
from simulator.scoring.record import Presence
from simulator.store.life import Life
from simulator.store.plan import BayPlan
from simulator.store.world import World

HUB = "hub"
VISIT = timedelta(seconds=25)
"""Real time for which a visitor who stands before a bay stays there."""

_STATE_WORDS = {
    Act.COVER: "covered",
    Act.BLACK: "black picture",
    Act.FREEZE: "frozen",
    Act.DEFOCUS: "out of focus",
    Act.BUMP: "bumped",
    Act.HALF_FRAMES: "half frames only",
    Act.STALL: "stalled",
    Act.SLOW: "slow line",
    Act.LOSE: "unplugged",
}
_FAULT_WORDS = {
    Act.COVER: "something hangs before camera",
    Act.BLACK: "the picture is black at camera",
    Act.FREEZE: "a picture freezes at camera",
    Act.DEFOCUS: "somebody turns the lens of camera",
    Act.BUMP: "somebody bumps into camera",
    Act.HALF_FRAMES: "half of each picture is lost at camera",
    Act.STALL: "nothing more comes from camera",
    Act.SLOW: "the network grows slow at camera",
    Act.LOSE: "the cable is out of camera",
}


@dataclass(frozen=True, slots=True)
class _Visit:
    """The visitor stands before a bay. Real instants: whoever stops the store's clock still comes and goes."""

    bay_id: str
    x_mm: float
    real_since_at: datetime
    real_until_at: datetime
    look_seed: int

    def presence(self, now: datetime, real_now: datetime) -> Presence:
        """The same as the store's people are described, as if its clock ran at the real speed."""
        since_at, until_at = now - (real_now - self.real_since_at), now + (self.real_until_at - real_now)
        return Presence(self.bay_id, "shopper", self.x_mm, since_at, until_at, self.look_seed)


class DemoStore:
    """Owned by one thread. Instants are world time unless they say otherwise."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.plan = plan_of(scenario)
        self.opened_at = opened_at_of(scenario)
        self.world = World(self.plan, self.opened_at, np.random.default_rng(seed))
        self.life = Life(self.plan, self.world, seed)
        self._seed = seed
        self.cameras: dict[str, ShelfCamera] = {}
        self._plugs: dict[str, Process] = {}
        self._off: set[str] = set()
        self._faults: dict[str, list[Act]] = {bay.camera_id: [] for bay in self.plan.bays}
        self._visits: list[_Visit] = []
        self._visits_count = 0
        self._todo = self._scripted()

    def _scripted(self) -> list[tuple[datetime, ScenarioEvent]]:
        """What the scenario makes happen, in order, and the end of each trouble that ends before the day does."""
        todo = world_events(self.scenario)
        for stretch in stretches_of(self.scenario, self.plan):
            event = stretch.event.model_copy(update={"target": stretch.target})
            todo.append((stretch.since_at, event))
            if stretch.until_at < ended_at_of(self.scenario):
                todo.append((stretch.until_at, event.model_copy(update={"act": Act.MEND})))
        return sorted(todo, key=lambda one: one[0])

    def set_up_cameras(self) -> None:
        """Draw every bay as it is at opening."""
        for bay in self.plan.bays:
            moment = moment_of(self.plan, bay, self.opened_at, seed=self._seed)
            scene = scene_of(bay, self.world, moment)
            self.cameras[bay.camera_id] = ShelfCamera(bay.camera_id, scene, self._seed)

    def plug_in(self, system: TrueSystem) -> None:
        """From now on these processes may be cut off."""
        self._plugs = {HUB: system.hub, **system.nodes}

    def check(self, system: TrueSystem) -> None:
        """Raise ProcessError when a process ended that nobody cut off."""
        off = {id(self._plugs[target]) for target in self._off}
        for process in system.group.processes:
            if id(process) not in off:
                process.check()

    def plugs(self) -> list[tuple[str, str, bool]]:
        """Target, name for people, and whether it has power."""
        return [
            (target, "the hub" if target == HUB else f"node {target}", target not in self._off)
            for target in self._plugs
        ]

    def troubles_of(self, bay: BayPlan, now: datetime, real_now: datetime) -> list[str]:
        """What is wrong with the bay's camera now, in words."""
        words = [_STATE_WORDS[fault] for fault in self._faults[bay.camera_id]]
        if bay.node_id in self._off:
            words.append("its node has no power")
        if self._moment(bay, now, real_now).presences:
            words.append("somebody stands before it")
        return words

    def advance(self, now: datetime) -> list[tuple[datetime, str]]:
        """Let the store live up to `now`; what happened, in words."""
        happened = []
        while self._todo and self._todo[0][0] <= now:
            at, event = self._todo.pop(0)
            at = max(at, self.life.now)  # a visitor's press may have taken the store a little further
            happened += [(one.at, one.words) for one in self.life.advance(at)]
            try:
                happened.append((at, self._do(event, at)))
            except WishRefused as refused:
                happened.append((at, f"an event of the script is left out: {refused}"))
        return happened + [(one.at, one.words) for one in self.life.advance(now)]

    def refresh_cameras(self, now: datetime, real_now: datetime) -> None:
        """Put before each camera what it would see now; a camera draws only what changed."""
        self._visits = [visit for visit in self._visits if real_now < visit.real_until_at]
        for bay in self.plan.bays:
            moment = self._moment(bay, now, real_now)
            self.cameras[bay.camera_id].show(scene_of(bay, self.world, moment), moment)

    def _moment(self, bay: BayPlan, now: datetime, real_now: datetime) -> Moment:
        moment = moment_of(self.plan, bay, now, self.life.presences, seed=self._seed)
        visitors = [
            visit.presence(now, real_now)
            for visit in self._visits
            if visit.bay_id == bay.bay_id and visit.real_since_at <= real_now < visit.real_until_at
        ]
        return replace(moment, presences=(*moment.presences, *visitors)) if visitors else moment

    def grant(self, wish: Wish, clock: StoreClock, real_now: datetime) -> str:
        """Do what the visitor asked for; what came of it, in words. Raises WishRefused."""
        now = clock.world_at(real_now)
        if wish.act == "speed":
            clock.set_speed(wish.speed or 0.0, real_at=real_now)
            return (
                f"the store now runs at {wish.speed:g} times the real speed" if wish.speed else "the store stands still"
            )
        if wish.act == "stand":
            return self._stand(wish.target, real_now)
        return self._do(ScenarioEvent(at=timedelta(0), **wish.model_dump(exclude={"speed"}, exclude_none=True)), now)

    def _stand(self, bay_id: str, real_now: datetime) -> str:
        bay = next((bay for bay in self.plan.bays if bay.bay_id == bay_id), None)
        if bay is None:
            raise WishRefused(f"there is no bay {bay_id}")
        self._visits.append(_Visit(bay_id, bay.width_mm * 0.45, real_now, real_now + VISIT, self._visits_count))
        self._visits_count += 1
        return f"you stand before {bay.name} for {VISIT.total_seconds():g} seconds"

    def _power(self, event: ScenarioEvent) -> str:
        process = self._plugs.get(event.target)
        if process is None:
            raise WishRefused(f"nothing here is called {event.target}; there are {', '.join(self._plugs)}")
        if event.act is Act.POWER_CUT and event.target not in self._off:
            self._off.add(event.target)
            process.kill()
            return f"the power of {event.target} is cut"
        if event.act is Act.MEND and event.target in self._off:
            process.start()
            self._off.discard(event.target)
            return f"{event.target} has power again"
        has = "no power" if event.target in self._off else "power"
        raise WishRefused(f"{event.target} has {has} already")

    def _do(self, event: ScenarioEvent, now: datetime) -> str:
        if event.act is Act.POWER_CUT or (event.act is Act.MEND and event.target in self._plugs):
            return self._power(event)
        if event.act in ACTS_AT_A_CAMERA:
            return self._fault(event)
        if event.act not in WORLD_ACTS:
            raise WishRefused(f"'{event.act}' is not for the demo; call: facings store run --mode processes")
        try:
            return self.life.do(event, now).words
        except (KeyError, SimulatorError) as error:
            raise WishRefused(str(error)) from error

    def _fault(self, event: ScenarioEvent) -> str:
        camera = self.cameras.get(event.target)
        if camera is None:
            raise WishRefused(f"no camera is called {event.target}")
        faults = self._faults[event.target]
        if event.act is Act.MEND:
            faults.clear()
            camera.set_fault(None)
            return f"camera {event.target} is as it was"
        faults.append(event.act)
        camera.set_fault(CameraFault(event.act.value), degrees=event.degrees)
        return f"{_FAULT_WORDS[event.act]} {event.target}"
