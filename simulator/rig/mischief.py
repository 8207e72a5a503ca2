# SPDX-License-Identifier: AGPL-3.0-or-later
"""What befalls the running system apart from its cameras: power, network, disk, clock, broker, books.

Also the service manager that a real machine has: what ends by itself is started again, and that is told.
"""

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from simulator.rig.in_process_troubles import DEFAULT_CLOCK_SHIFT_S, DEFAULT_DELAY_S
from simulator.rig.mischief_bridge import Clumsiness, ClumsyBridge
from simulator.rig.mischief_clock import WrongClock
from simulator.rig.mischief_disk import SmallDisk, can_mount
from simulator.rig.network import TcpRelay
from simulator.rig.processes import Process
from simulator.rig.scenario import Act
from simulator.rig.schedule import BROKER, HUB, Stretch
from simulator.rig.system import NodeHost, TrueSystem

RESTART_AFTER_S = 1.0
MOST_RESTARTS_COUNT = 20
"""A process that ends by itself more often than this is broken, and the run with it."""

_USUAL_SHIFT_S = {Act.DELAY: DEFAULT_DELAY_S, Act.CLOCK_WRONG: DEFAULT_CLOCK_SHIFT_S}
_CLUMSY = {Act.DUPLICATE: Clumsiness.DUPLICATE, Act.DELAY: Clumsiness.DELAY, Act.REORDER: Clumsiness.REORDER}


@dataclass(slots=True)
class NodeRig:
    """All that one node can be hurt by."""

    relay: TcpRelay
    bridge: ClumsyBridge | None = None
    disk: SmallDisk | None = None
    clock: WrongClock | None = None
    broker: Process | None = None
    """Its own broker, when a clumsy bridge stands between it and the hub's."""

    def host(self, keepalive_s: int) -> NodeHost:
        """What the node's process is to stand on."""
        return NodeHost(
            broker_port=self.relay.listen_port,
            keepalive_s=keepalive_s,
            prefix=self.disk.prefix if self.disk else (),
            environment=self.clock.environment if self.clock else {},
        )


@dataclass(frozen=True, slots=True)
class Wishes:
    """Which nodes must be prepared for what."""

    bridged: frozenset[str]
    small_disk: frozenset[str]
    own_clock: frozenset[str]

    @classmethod
    def of(cls, stretches: Iterable[Stretch]) -> "Wishes":
        """What these troubles ask for."""
        troubles = list(stretches)

        def targets(*acts: Act) -> frozenset[str]:
            return frozenset(trouble.target for trouble in troubles if trouble.act in acts)

        return cls(targets(*_CLUMSY), targets(Act.DISK_FULL), targets(Act.CLOCK_WRONG))


def rig_node(
    node_id: str, system: TrueSystem, wishes: Wishes, stack: ExitStack, *, seed: int, notes: list[str]
) -> NodeRig:
    """Put the node between everything that may befall it; what this machine cannot do is noted."""
    port, bridge, broker, disk, clock = system.broker_port, None, None, None, None
    if node_id in wishes.bridged:
        broker, port = system.start_other_broker(f"{node_id}-broker")
        bridge = stack.enter_context(ClumsyBridge(from_port=port, to_port=system.broker_port, seed=seed))
    if node_id in wishes.small_disk:
        if can_mount():
            disk = stack.enter_context(SmallDisk(system.state_folder(node_id)))
        else:
            notes.append(f"not caused: the disk of {node_id} was never full, no small file system can be mounted here")
    if node_id in wishes.own_clock:
        clock = WrongClock(system.folder / f"{node_id}.clock")
    return NodeRig(stack.enter_context(TcpRelay(port)), bridge, disk, clock, broker)


class BooksDesk(Protocol):
    """Where the books leave for the hub."""

    late: bool
    twice: bool


@dataclass(slots=True)
class Mischief:
    """Begins and ends what a scenario asks for. Call from the thread that made the processes."""

    system: TrueSystem
    rigs: dict[str, NodeRig]
    books: BooksDesk
    speed: float
    notes: list[str]
    _wrong: Counter[tuple[Act, str]] = field(default_factory=Counter)
    _shift_s: dict[tuple[Act, str], float] = field(default_factory=dict)
    _dark: set[str] = field(default_factory=set)
    """Names of processes without power."""
    _restarts: Counter[str] = field(default_factory=Counter)
    _due_s: dict[str, float] = field(default_factory=dict)

    def begin(self, trouble: Stretch) -> None:
        """Let it go wrong."""
        self._wrong[trouble.act, trouble.target] += 1
        shift_s = trouble.event.shift_s or _USUAL_SHIFT_S.get(trouble.act, 0.0)
        self._shift_s[trouble.act, trouble.target] = shift_s / self.speed
        self._apply(trouble.act, trouble.target)

    def end(self, trouble: Stretch) -> None:
        """Put it right, unless something else keeps it wrong."""
        self._wrong[trouble.act, trouble.target] -= 1
        self._apply(trouble.act, trouble.target)

    def end_all(self) -> None:
        """Put everything right."""
        for act, target in [key for key, count in self._wrong.items() if count > 0]:
            self._wrong[act, target] = 0
            self._apply(act, target)

    def keep_running(self) -> None:
        """Start again what ended by itself. Raises ProcessError when that happens too often."""
        for process in self.system.group.processes:
            if process.name in self._dark or process.is_running():
                continue
            due_s = self._due_s.setdefault(process.name, time.monotonic() + RESTART_AFTER_S)
            if time.monotonic() < due_s:
                continue
            del self._due_s[process.name]
            self._restarts[process.name] += 1
            if self._restarts[process.name] > MOST_RESTARTS_COUNT:
                process.check()
            self.notes.append(f"{process.name} ended by itself and was started again: {_last_line(process)}")
            process.start()

    def _apply(self, act: Act, target: str) -> None:
        wrong = self._wrong[act, target] > 0
        if act is Act.POWER_CUT:
            self._set_power(target, on=not wrong)
        elif act is Act.BOOKS_LATE:
            self.books.late = wrong
        elif act is Act.BOOKS_TWICE:
            self.books.twice = wrong
        else:
            self._hurt(self.rigs[target], act, target, wrong=wrong)

    def _hurt(self, rig: NodeRig, act: Act, target: str, *, wrong: bool) -> None:
        shift_s = self._shift_s[act, target] if wrong else 0.0
        if act is Act.PARTITION:
            (rig.relay.cut if wrong else rig.relay.mend)()
        elif act is Act.DISK_FULL and rig.disk is not None:
            (rig.disk.fill if wrong else rig.disk.free)()
        elif act is Act.CLOCK_WRONG and rig.clock is not None:
            rig.clock.set_shift(shift_s)
        elif act in _CLUMSY and rig.bridge is not None:
            rig.bridge.set_manner(
                {
                    clumsiness: self._shift_s[one, target]
                    for one, clumsiness in _CLUMSY.items()
                    if self._wrong[one, target] > 0
                }
            )

    def _set_power(self, target: str, *, on: bool) -> None:
        for process in self._processes_of(target):
            if on:
                self._dark.discard(process.name)
                self._due_s.pop(process.name, None)
                process.start()
            else:
                self._dark.add(process.name)
                process.kill()

    def _processes_of(self, target: str) -> list[Process]:
        if target == HUB:
            return [self.system.hub]
        if target == BROKER:
            others = [rig.broker for rig in self.rigs.values() if rig.broker is not None]
            return others if self.system.broker is None else [self.system.broker, *others]
        return [self.system.nodes[target]]


def _last_line(process: Process) -> str:
    return next((line for line in reversed(process.log_tail().splitlines()) if line.strip()), "it said nothing")
