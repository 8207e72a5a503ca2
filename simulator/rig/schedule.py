# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a scenario and its store to instants: what the world does when, and what is broken from when to when.

Both ways of running a scenario read it through here, so that they mean the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time

from server.judgement_settings import JudgeSettings, OpeningHours
from simulator.errors import ScenarioError
from simulator.rig.scenario import (
    ACTS_AT_A_CAMERA,
    ACTS_AT_A_NODE,
    ACTS_AT_A_ZONE,
    EVERY,
    Act,
    Scenario,
    ScenarioEvent,
)
from simulator.scoring.record import Trouble, ZonePlace
from simulator.store.plan import STORES_FOLDER, StorePlan, load_store_plan

WORLD_ACTS = ACTS_AT_A_ZONE | {Act.DELIVER}
HUB, BROKER, BOOKS = "hub", "broker", "books"
_BLIND_NODE_ACTS = frozenset({Act.POWER_CUT, Act.PARTITION, Act.DISK_FULL})
_SEEING_CAMERA_ACTS = frozenset({Act.SLOW})
"""A slow line brings true pictures late, or none; what it does to the view depends on how slow it is."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One trouble at one target, from when to when (the end of the run at the latest)."""

    event: ScenarioEvent
    target: str
    since_at: datetime
    until_at: datetime

    @property
    def act(self) -> Act:
        """What is wrong."""
        return self.event.act


def plan_of(scenario: Scenario) -> StorePlan:
    """The scenario's store with its habits.

    Raises StorePlanError, and ScenarioError naming everything that the store has not.
    """
    path = STORES_FOLDER / f"{scenario.store}.toml"
    if not path.exists():
        raise ScenarioError(f"store: there is no {path.name} in {STORES_FOLDER}")
    plan = load_store_plan(path).with_habits(scenario.habits)
    check_names(scenario, plan)
    return plan


def check_names(scenario: Scenario, plan: StorePlan) -> None:
    """Raises ScenarioError naming every target, SKU and place that the store has not."""
    zones = {zone.zone_id for _, zone in plan.zones()}
    skus = {zone.sku for _, zone in plan.zones()}
    cameras, nodes = {bay.camera_id for bay in plan.bays}, {bay.node_id for bay in plan.bays}
    faults = []
    for index, event in enumerate(scenario.events):
        known = _known_targets(event.act, zones, skus, cameras, nodes)
        if event.target not in known:
            faults.append(f"events.{index}.target: '{event.act}' knows no '{event.target}' in store {plan.store_id}")
        if event.sku is not None and event.sku not in skus:
            faults.append(f"events.{index}.sku: store {plan.store_id} has no '{event.sku}'")
        if event.act is Act.MISPLACE and event.sku is None:
            faults.append(f"events.{index}.sku: 'misplace' needs the SKU whose units end up there")
    for index, line in enumerate(scenario.expect):
        if line.place is not None and line.place not in zones | skus | cameras | nodes:
            faults.append(f"expect.{index}.place: store {plan.store_id} has no '{line.place}'")
    if faults:
        raise ScenarioError("\n".join(faults))


def _known_targets(act: Act, zones: set[str], skus: set[str], cameras: set[str], nodes: set[str]) -> set[str]:
    if act in ACTS_AT_A_ZONE:
        return zones
    if act is Act.DELIVER:
        return skus
    if act in ACTS_AT_A_CAMERA:
        return cameras | {EVERY}
    if act in ACTS_AT_A_NODE:
        return nodes | {EVERY}
    if act is Act.POWER_CUT:
        return nodes | {HUB, BROKER, EVERY}
    return {BOOKS}


def opened_at_of(scenario: Scenario) -> datetime:
    """When the run begins."""
    return datetime.combine(scenario.begins_on, scenario.begins_at, tzinfo=UTC)


def ended_at_of(scenario: Scenario) -> datetime:
    """When it ends."""
    return opened_at_of(scenario) + scenario.lasts


def world_events(scenario: Scenario) -> list[tuple[datetime, ScenarioEvent]]:
    """What the scenario makes happen to goods, by time."""
    events = sorted((event for event in scenario.events if event.act in WORLD_ACTS), key=lambda event: event.at)
    return [(opened_at_of(scenario) + event.at, event) for event in events]


def stretches_of(scenario: Scenario, plan: StorePlan) -> list[Stretch]:
    """Everything that breaks, by time, every target on its own. `mend` ends what is wrong with its camera.

    What has no `lasting` stays to the end; a power cut without one is off and on again at once.
    """
    opened_at, ended_at = opened_at_of(scenario), ended_at_of(scenario)
    mends = [
        (target, opened_at + event.at)
        for event in scenario.events
        if event.act is Act.MEND
        for target in _targets(event, plan)
    ]
    stretches = []
    for event in sorted(scenario.events, key=lambda event: event.at):
        if event.act in WORLD_ACTS or event.act is Act.MEND:
            continue
        since_at = opened_at + event.at
        until_at = ended_at
        if event.lasting is not None:
            until_at = min(since_at + event.lasting, ended_at)
        elif event.act is Act.POWER_CUT:
            until_at = since_at
        for target in _targets(event, plan):
            mended_at = [at for camera_id, at in mends if camera_id == target and at >= since_at]
            stretches.append(Stretch(event, target, since_at, min([until_at, *mended_at])))
    return stretches


def _targets(event: ScenarioEvent, plan: StorePlan) -> tuple[str, ...]:
    if event.target != EVERY:
        return (event.target,)
    if event.act in ACTS_AT_A_CAMERA:
        return tuple(bay.camera_id for bay in plan.bays)
    return tuple(dict.fromkeys(bay.node_id for bay in plan.bays))


def trouble_of(stretch: Stretch, plan: StorePlan) -> Trouble:
    """The same for the record."""
    return Trouble(
        kind=stretch.act.value,
        target=stretch.target,
        since_at=stretch.since_at,
        until_at=stretch.until_at,
        blinds_camera_ids=blinded_camera_ids(stretch.act, stretch.target, plan),
    )


def blinded_camera_ids(act: Act, target: str, plan: StorePlan) -> tuple[str, ...]:
    """Cameras of which nothing, or nothing true, can be known at the hub meanwhile."""
    if act in ACTS_AT_A_CAMERA and act not in _SEEING_CAMERA_ACTS:
        return (target,)
    if act is Act.POWER_CUT and target in {HUB, BROKER}:
        return tuple(bay.camera_id for bay in plan.bays)
    if act in _BLIND_NODE_ACTS:
        return tuple(bay.camera_id for bay in plan.bays if bay.node_id == target)
    return ()


def judge_settings_of(plan: StorePlan) -> JudgeSettings:
    """The product's own settings with the shop's opening hours.

    The hub knows one pair of times for all its open days. A store with several gets the widest, so that no opening
    time is passed over.
    """
    hours = plan.opening_hours
    if not hours:
        return JudgeSettings()
    return JudgeSettings(
        timezone="UTC",
        opening_hours=OpeningHours(
            opens_at=_extreme((one.opens_at for one in hours), first=True),
            closes_at=_extreme((one.closes_at for one in hours), first=False),
            weekdays=frozenset(day for one in hours for day in one.weekdays),
        ),
    )


def _extreme(times: Iterable[time], *, first: bool) -> time:
    return min(times) if first else max(times)


def zone_places(plan: StorePlan) -> list[ZonePlace]:
    """Where every zone is."""
    return [
        ZonePlace(
            zone_id=zone.zone_id,
            sku=zone.sku,
            bay_id=bay.bay_id,
            camera_id=bay.camera_id,
            node_id=bay.node_id,
            expected_facings_count=zone.facings,
            minimum_facings_count=zone.minimum,
        )
        for bay, zone in plan.zones()
    ]
