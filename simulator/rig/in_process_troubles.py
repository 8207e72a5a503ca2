# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a scenario breaks, carried out on the parts of an in-process run."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from simulator.cameras.faults import CameraFault
from simulator.rig.in_process_agenda import Agenda, Rank
from simulator.rig.in_process_books import BooksPost
from simulator.rig.in_process_broker import HUB_START_AFTER_S, InProcessBroker
from simulator.rig.in_process_eye import ShelfEye
from simulator.rig.in_process_node import START_AFTER_S, InProcessNode
from simulator.rig.scenario import ACTS_AT_A_CAMERA, Act
from simulator.rig.schedule import BROKER, HUB, Stretch

DEFAULT_DELAY_S = 60.0
"""Of messages, where the scenario does not say `shift_s`."""
DEFAULT_CLOCK_SHIFT_S = -3600.0

NOTES = {
    Act.DISK_FULL: "disk_full: the outbox refused new reports by order; no disk was really filled in this mode",
    Act.SLOW: "slow: a frame was taken to miss the node's patience of 10 s; no bytes were dribbled in this mode",
    Act.STALL: "stall: the node's patience was taken to run out after 10 s; no connection was held in this mode",
    Act.LOSE: "lose: a grab failed at once; no connection was refused in this mode",
    Act.POWER_CUT: "power_cut: what lies in memory was dropped between two steps of the program, never within one",
}
"""What a reader must know of troubles that this mode causes by order rather than by force."""


class Troubles:
    """Knows every part that can break."""

    def __init__(
        self,
        agenda: Agenda,
        broker: InProcessBroker,
        nodes: Mapping[str, InProcessNode],
        eyes: Mapping[str, ShelfEye],
        books: BooksPost,
        *,
        wake: Callable[[str, datetime], None],
        hub_is_up: Callable[[datetime], None],
    ) -> None:
        self._agenda = agenda
        self._broker = broker
        self._nodes = nodes
        self._eyes = eyes
        self._books = books
        self._wake = wake
        self._hub_is_up = hub_is_up

    def put(self, stretch: Stretch, ended_at: datetime) -> None:
        """Let it begin and, within the run, end."""
        self._agenda.put(stretch.since_at, Rank.TROUBLE, partial(self._begin, stretch))
        if stretch.until_at < ended_at:
            self._agenda.put(stretch.until_at, Rank.TROUBLE, partial(self._end, stretch))

    def _begin(self, stretch: Stretch, at: datetime) -> None:
        event, target = stretch.event, stretch.target
        if event.act in ACTS_AT_A_CAMERA:
            self._eyes[target].beset(CameraFault(event.act.value), degrees=event.degrees)
            self._wake(target, at)
        elif event.act is Act.POWER_CUT:
            self._cut_power(target, at)
        else:
            self._set(stretch, at, begins=True)

    def _end(self, stretch: Stretch, at: datetime) -> None:
        target = stretch.target
        if stretch.act in ACTS_AT_A_CAMERA:
            self._eyes[target].mend(CameraFault(stretch.act.value))
            self._wake(target, at)
        elif stretch.act is Act.POWER_CUT:
            self._restore_power(target, at)
        else:
            self._set(stretch, at, begins=False)

    def _set(self, stretch: Stretch, at: datetime, *, begins: bool) -> None:
        """Switch what is either wrong or not."""
        target, shift_s = stretch.target, stretch.event.shift_s
        match stretch.act:
            case Act.CLOCK_WRONG:
                wrong = timedelta(seconds=shift_s or DEFAULT_CLOCK_SHIFT_S)
                self._nodes[target].set_clock(wrong if begins else timedelta())
            case Act.PARTITION:
                self._part(target, at, begins=begins)
            case Act.DISK_FULL:
                self._nodes[target].is_disk_full = begins
            case Act.DUPLICATE:
                self._broker.mischief[target].duplicates = begins
            case Act.DELAY:
                self._broker.mischief[target].delay_s = (shift_s or DEFAULT_DELAY_S) if begins else 0.0
            case Act.REORDER:
                self._broker.mischief[target].reorders = begins
            case Act.BOOKS_LATE:
                self._books.is_late = begins
                self._books.post(at)
            case Act.BOOKS_TWICE:
                self._books.is_twice = begins
            case _:
                raise AssertionError(f"'{stretch.act}' is no trouble")

    def _part(self, node_id: str, at: datetime, *, begins: bool) -> None:
        if begins:
            self._broker.partitioned.add(node_id)
            self._break_connection(node_id, at)
        else:
            self._broker.partitioned.discard(node_id)

    def _cut_power(self, target: str, at: datetime) -> None:
        if target == HUB:
            self._broker.cut_hub_power(at)
        elif target == BROKER:
            self._broker.cut_power(at)
        else:
            self._break_connection(target, at)
            self._nodes[target].cut_power(at)

    def _restore_power(self, target: str, at: datetime) -> None:
        if target == HUB:
            self._agenda.put(at + timedelta(seconds=HUB_START_AFTER_S), Rank.TROUBLE, self._start_hub)
        elif target == BROKER:
            self._broker.restore_power(at)
        else:
            self._agenda.put(at + timedelta(seconds=START_AFTER_S), Rank.TROUBLE, self._nodes[target].boot)

    def _start_hub(self, at: datetime) -> None:
        self._broker.start_hub(at)
        self._hub_is_up(at)

    def _break_connection(self, node_id: str, at: datetime) -> None:
        if self._nodes[node_id].is_connected:
            self._broker.gone(node_id, at)
        self._nodes[node_id].lose_connection(at)
