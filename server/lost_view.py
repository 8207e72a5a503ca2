# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cameras and nodes that stopped telling us about the shop. They raise alerts of their own and never stock alerts."""

from dataclasses import dataclass
from datetime import datetime

from contract.counts import SightState, UnknownReason
from contract.status import NodeState
from server.discrepancy import AlertKey, Discrepancy, Kind, Observation, PlaceKind, Severity, absent, present, unjudged
from server.judgement_settings import JudgeSettings
from server.wording import clock_words, listed, view_words

_BLIND_FOR_GOOD = frozenset({UnknownReason.MOVED, UnknownReason.NO_CALIBRATION, UnknownReason.OUT_OF_VIEW})
"""Reasons of a single zone that do not pass by themselves, unlike a person in front of it."""


@dataclass(frozen=True, slots=True)
class CameraSight:
    """What is known of one camera. All but its id are absent for one that has never reported."""

    camera_id: str
    node_id: str | None = None
    view: str | None = None
    view_reason: str | None = None
    looked_at: datetime | None = None
    received_at: datetime | None = None
    zone_ids: tuple[str, ...] = ()
    zone_reasons: tuple[tuple[str, str], ...] = ()
    """(zone, reason) of each zone that the newest report did not see."""


@dataclass(frozen=True, slots=True)
class NodeSight:
    """What is known of one node."""

    node_id: str
    state: str
    state_since_at: datetime
    received_at: datetime
    camera_ids: tuple[str, ...] = ()


def node_key(node_id: str) -> AlertKey:
    """Key of a node's alert."""
    return AlertKey(Kind.NODE_LOST, PlaceKind.NODE, node_id)


def camera_key(camera_id: str) -> AlertKey:
    """Key of a camera's alert."""
    return AlertKey(Kind.VIEW_LOST, PlaceKind.CAMERA, camera_id)


def judge_node(
    node: NodeSight, now: datetime, settings: JudgeSettings, *, listening_since_at: datetime | None
) -> Observation:
    """Lost (says the broker), stopped (says the node) or silent; while the hub hears nobody, nobody is silent."""
    key = node_key(node.node_id)
    since = clock_words(node.state_since_at, now, settings.zone_info)
    if node.state == NodeState.LOST:
        why = f"It broke off at {since} without a word: check its power and network."
        return present(_node_discrepancy(node, Severity.URGENT, f"Node {node.node_id} is lost", why))
    if node.state == NodeState.STOPPED:
        why = f"It was stopped in good order at {since}: start it again when that work is done."
        return present(_node_discrepancy(node, Severity.NORMAL, f"Node {node.node_id} is stopped", why))
    if now - node.received_at <= settings.silent_after:
        return absent(key, "the node is back")
    if not _listened_long_enough(now, settings, listening_since_at):
        return unjudged(key)
    heard = clock_words(node.received_at, now, settings.zone_info)
    why = f"Nothing was heard of it since {heard}: check its power and network."
    return present(_node_discrepancy(node, Severity.URGENT, f"Node {node.node_id} is silent", why))


def judge_camera(
    camera: CameraSight,
    now: datetime,
    settings: JudgeSettings,
    *,
    node: Observation | None,
    listening_since_at: datetime | None,
) -> Observation:
    """`node` is the verdict about the camera's node: a lost node folds its cameras into its own alert."""
    key = camera_key(camera.camera_id)
    if node is not None and node.discrepancy is not None:
        return absent(key, f"it belongs to node {node.key.place_id}, which is gone as a whole", replaced_by=node.key)
    if camera.received_at is None or now - camera.received_at > settings.silent_after:
        if not _listened_long_enough(now, settings, listening_since_at):
            return unjudged(key)
        return present(_camera_discrepancy(camera, _silence_words(camera, now, settings), UnknownReason.CAMERA_LOST))
    trouble = _trouble(camera, now, settings)
    if trouble is not None:
        longer_s = settings.occluded_open_after_s if trouble[1] == UnknownReason.OCCLUDED else None
        return present(_camera_discrepancy(camera, *trouble, open_after_s=longer_s))
    hidden = [zone_id for zone_id, reason in camera.zone_reasons if reason == UnknownReason.OCCLUDED]
    if not hidden:
        return absent(key, "the camera sees its shelf again")
    why = f"It does not see {listed(tuple(hidden))}: {view_words(UnknownReason.OCCLUDED)}"
    longer_s = settings.hidden_zone_open_after_s
    return present(_camera_discrepancy(camera, why, UnknownReason.OCCLUDED, open_after_s=longer_s))


def _trouble(camera: CameraSight, now: datetime, settings: JudgeSettings) -> tuple[str, str | None] | None:
    """What keeps a camera that reports from being of use, and its reason; None when it sees."""
    if camera.view != SightState.SEEN:
        return _upper(view_words(camera.view_reason)), camera.view_reason
    if camera.looked_at is not None and now - camera.looked_at > settings.silent_after:
        taken = clock_words(camera.looked_at, now, settings.zone_info)
        return f"Its newest picture is from {taken}: its node is sending what it kept, or its clock is wrong.", "late"
    blind = [(zone_id, reason) for zone_id, reason in camera.zone_reasons if reason in _BLIND_FOR_GOOD]
    if not blind:
        return None
    names = listed(tuple(zone_id for zone_id, _ in blind))
    return f"It does not see {names}: {view_words(blind[0][1])}", blind[0][1]


def _listened_long_enough(now: datetime, settings: JudgeSettings, listening_since_at: datetime | None) -> bool:
    return listening_since_at is not None and now - listening_since_at > settings.silent_after


def _silence_words(camera: CameraSight, now: datetime, settings: JudgeSettings) -> str:
    if camera.received_at is None:
        return "Nothing was ever heard of it: is it named in its node's configuration?"
    return f"No report of it since {clock_words(camera.received_at, now, settings.zone_info)}: check power and cable."


def _node_discrepancy(node: NodeSight, severity: Severity, headline: str, why: str) -> Discrepancy:
    blind = f"Until then nobody watches {listed(node.camera_ids)}." if node.camera_ids else ""
    return Discrepancy(
        key=node_key(node.node_id),
        severity=severity,
        probability_fraction=1.0,
        headline=headline,
        why=(why, blind) if blind else (why,),
        camera_ids=node.camera_ids,
        figures={"state": node.state, "state_since_at": node.state_since_at.isoformat()},
        material=(headline,),
    )


def _camera_discrepancy(
    camera: CameraSight, why: str, reason: str | None, *, open_after_s: float | None = None
) -> Discrepancy:
    zones = f"Not watched meanwhile: {listed(camera.zone_ids)}." if camera.zone_ids else ""
    return Discrepancy(
        key=camera_key(camera.camera_id),
        severity=Severity.NORMAL,
        probability_fraction=1.0,
        headline=f"Camera {camera.camera_id} cannot see its shelf",
        why=(why, zones) if zones else (why,),
        zone_ids=camera.zone_ids,
        camera_ids=(camera.camera_id,),
        figures={"reason": str(reason) if reason else None, "node_id": camera.node_id},
        open_after_s=open_after_s,
        material=(str(reason),),
    )


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
