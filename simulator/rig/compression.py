# SPDX-License-Identifier: AGPL-3.0-or-later
"""World time in less real time: which instant is which, and how patient hub and nodes may be meanwhile. Pure.

The processes live on the machine's real clock. A world second takes 1/speed of a real one, and every patience that can
be configured is divided by the speed. The hub counts some of its patience in opening time, and compressed time has no
time of day: so quiet stretches in which the shop is closed pass many times faster still, and the hub, always open,
counts next to nothing of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from server.judgement_settings import JudgeSettings, KindTiming

CLOSED_SPEED_FACTOR = 20.0
"""So much faster pass the quiet hours of a closed shop."""
QUIET_MARGIN = timedelta(minutes=45)
"""Around opening hours and scenario events time keeps its usual speed, so that staff and system can finish."""
LEAST_QUIET = timedelta(hours=1)
"""Shorter stretches are not worth another speed."""
LOOK_WITHIN = timedelta(seconds=15)
"""World time between two looks up to which a machine counts as carrying a run; a node's own default is 5 s."""
BUSY_SHARE = 0.5
"""Share of the cores that looking may take; the rest is for drawing, hub, broker and database."""
SILENT_REPORTS_COUNT = 3
SILENCE_JITTER_S = 3.0
"""No silence is believed before so many reports are overdue, and so many real seconds more: processes share cores."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """World time from `since_at` on passes at one speed, until the next stretch."""

    since_at: datetime
    speed: float


@dataclass(frozen=True, slots=True)
class WorldClock:
    """Which world instant a real instant is, and back. All instants are aware UTC datetimes."""

    began_at: datetime
    """Real instant at which the first stretch began."""
    stretches: tuple[Stretch, ...]

    def world_at(self, real_at: datetime) -> datetime:
        """World time at a real instant; before the beginning the first speed holds."""
        began_at = self.began_at
        for stretch, after in zip(self.stretches, (*self.stretches[1:], None), strict=True):
            reached_at = stretch.since_at + (real_at - began_at) * stretch.speed
            if after is None or reached_at <= after.since_at:
                return reached_at
            began_at += (after.since_at - stretch.since_at) / stretch.speed
        raise ValueError("a clock needs a stretch")

    def real_at(self, world_at: datetime) -> datetime:
        """Real instant of a world instant; the inverse of `world_at`."""
        began_at = self.began_at
        for stretch, after in zip(self.stretches, (*self.stretches[1:], None), strict=True):
            if after is None or world_at <= after.since_at:
                return began_at + (world_at - stretch.since_at) / stretch.speed
            began_at += (after.since_at - stretch.since_at) / stretch.speed
        raise ValueError("a clock needs a stretch")


def world_clock(
    *,
    began_at: datetime,
    opened_at: datetime,
    ended_at: datetime,
    open_spans: Sequence[tuple[datetime, datetime]],
    events_at: Iterable[datetime],
    speed: float,
) -> WorldClock:
    """The clock of a run from `opened_at` to `ended_at` (world) that begins at `began_at` (real)."""
    busy = [(since_at - QUIET_MARGIN, until_at + QUIET_MARGIN) for since_at, until_at in open_spans]
    busy += [(at - QUIET_MARGIN, at + QUIET_MARGIN) for at in events_at]
    stretches = [Stretch(opened_at, speed)]
    quiet_since_at = opened_at
    for since_at, until_at in [*sorted(busy), (ended_at, ended_at)]:
        if min(since_at, ended_at) - quiet_since_at >= LEAST_QUIET:
            if stretches[-1].since_at == quiet_since_at:
                stretches.pop()
            stretches += [
                Stretch(quiet_since_at, speed * CLOSED_SPEED_FACTOR),
                Stretch(min(since_at, ended_at), speed),
            ]
        quiet_since_at = max(quiet_since_at, until_at)
    return WorldClock(began_at, tuple(stretches))


def speed_carried(*, cameras_count: int, look_ms: float, cores_count: int) -> float:
    """Highest speed at which every camera can be looked at once in `LOOK_WITHIN` of world time.

    `look_ms` is what one look costs one core, from asking the camera to the count.
    """
    return LOOK_WITHIN.total_seconds() / look_floor_s(
        cameras_count=cameras_count, look_ms=look_ms, cores_count=cores_count
    )


def look_floor_s(*, cameras_count: int, look_ms: float, cores_count: int) -> float:
    """Real seconds between two looks of one camera that the machine can keep up with."""
    return cameras_count * look_ms / 1000.0 / (cores_count * BUSY_SHARE)


@dataclass(frozen=True, slots=True)
class NodePace:
    """What is written into node.toml, in real seconds."""

    settings: dict[str, float]
    camera_options: dict[str, float]
    keepalive_s: int
    notes: tuple[str, ...]


_NODE_FLOORS_S = {"report_interval_s": 0.5, "evidence_interval_s": 1.0}
_CAMERA_FLOORS_S = {"frozen_after_s": 2.0}
_LEAST_KEEPALIVE_S = 5


def node_pace(
    *,
    node: BaseModel,
    camera: BaseModel,
    keepalive_s: float,
    speed: float,
    least_look_s: float,
    least_stall_s: float,
) -> NodePace:
    """Divide every patience of a node's configuration by the speed, no lower than a process on a real machine allows.

    `node` and `camera` hold the product's own values; what ends in `_s` and is set is a patience. The look interval
    goes no lower than `least_look_s`, the time after which a camera is given up no lower than `least_stall_s`, and a
    report comes no more often than a look.
    """
    node_floors_s = {**_NODE_FLOORS_S, "look_interval_s": least_look_s}
    settings, node_notes = _divided(node, speed, node_floors_s)
    settings["report_interval_s"] = max(settings["report_interval_s"], settings["look_interval_s"])
    options, camera_notes = _divided(camera, speed, {**_CAMERA_FLOORS_S, "stall_timeout_s": least_stall_s})
    notes = node_notes + camera_notes
    hurried_keepalive_s = max(_LEAST_KEEPALIVE_S, round(keepalive_s / speed))
    if hurried_keepalive_s * speed > keepalive_s * _WORTH_A_NOTE:
        notes.append(_floor_note("keepalive_s", keepalive_s, hurried_keepalive_s, speed))
    return NodePace(settings, options, hurried_keepalive_s, tuple(notes))


def hurried_judge(judge: JudgeSettings, *, speed: float, report_interval_s: float) -> tuple[JudgeSettings, list[str]]:
    """Divide every patience of the hub by the speed; the notes name what could not be.

    `report_interval_s` is the real pause between two reports of a node. Opening hours go: see the head of this module.
    """
    changed: dict[str, Any] = {"opening_hours": None}
    for name, kept in judge:
        if isinstance(kept, KindTiming):
            open_after_s, close_after_s = kept.open_after_s / speed, kept.close_after_s / speed
            changed[name] = KindTiming(open_after_s=open_after_s, close_after_s=close_after_s)
        elif name.endswith("_s"):
            changed[name] = kept / speed
    least_silence_s = SILENT_REPORTS_COUNT * report_interval_s + SILENCE_JITTER_S
    notes = []
    if changed["silent_after_s"] < least_silence_s:
        changed["silent_after_s"] = least_silence_s
        notes.append(_floor_note("silent_after_s", judge.silent_after_s, least_silence_s, speed))
    return judge.model_copy(update=changed), notes


@dataclass(frozen=True, slots=True)
class FixedPatience:
    """A patience in the product's code that no configuration changes."""

    words: str
    real_s: float


def fixed_notes(fixed: Iterable[FixedPatience], speed: float) -> list[str]:
    """One sentence for each patience that is longer in the world than it should be."""
    return [
        f"not compressed: {patience.words} is {patience.real_s:g} s of real time, "
        f"{_minutes(patience.real_s * speed)} of the world instead of {_minutes(patience.real_s)}"
        for patience in fixed
    ]


_WORTH_A_NOTE = 1.2


def _divided(section: BaseModel, speed: float, floors_s: dict[str, float]) -> tuple[dict[str, float], list[str]]:
    divided, notes = {}, []
    for name, kept in section:
        if not name.endswith("_s") or not isinstance(kept, int | float):
            continue
        divided[name] = max(kept / speed, floors_s.get(name, 0.0))
        if divided[name] * speed > kept * _WORTH_A_NOTE:
            notes.append(_floor_note(name, kept, divided[name], speed))
    return divided, notes


def _floor_note(name: str, wanted_s: float, real_s: float, speed: float) -> str:
    return f"{name} is {_minutes(real_s * speed)} of the world instead of {_minutes(wanted_s)}: it goes no lower"


def _minutes(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.3g} min"  # noqa: PLR2004 - a matter of reading
