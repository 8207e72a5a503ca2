# SPDX-License-Identifier: AGPL-3.0-or-later
"""A clumsy bridge between a node's own broker and the hub's: a true MQTT client on each side, and bad hands between.

Faithful until told otherwise; then what the nodes say arrives twice, late or out of order. What the hub answers passes
faithfully always.
"""

import heapq
import itertools
import random
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from contract import topics

_KEEPALIVE_S = 10
_REORDER_WITHIN_S = 3.0
_CHANNELS = {channel.level: channel for channel in (topics.REPORT, topics.STATUS, topics.EVIDENCE)}
_ANSWERS = (topics.COMMITTED, topics.DESIRED)


class Clumsiness(StrEnum):
    """What the hands do with a message."""

    DUPLICATE = "duplicate"
    """Pass it on at once, and once more a little later."""
    DELAY = "delay"
    REORDER = "reorder"
    """Hold it for a time of its own, so that a later one may overtake it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class ClumsyHands:
    """Decides when each letter leaves. Pure; time is an argument."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._manner: dict[Clumsiness, float] = {}
        self._held: list[tuple[float, int, Letter]] = []
        self._turn = itertools.count()

    def set_manner(self, manner: dict[Clumsiness, float]) -> None:
        """What to do from now on; the number is the delay in seconds, which only `delay` reads."""
        self._manner = dict(manner)

    def take(self, letter: Letter, now_s: float) -> None:
        """Take one letter in."""
        due_s = now_s + self._manner.get(Clumsiness.DELAY, 0.0)
        if Clumsiness.REORDER in self._manner:
            due_s += self._rng.uniform(0.0, _REORDER_WITHIN_S)
        self._hold(letter, due_s)
        if Clumsiness.DUPLICATE in self._manner:
            self._hold(letter, due_s + self._rng.uniform(0.0, _REORDER_WITHIN_S))

    def due(self, now_s: float) -> list[Letter]:
        """Letters that leave now, in the order of their instants."""
        leaving = []
        while self._held and self._held[0][0] <= now_s:
            leaving.append(heapq.heappop(self._held)[2])
        return leaving

    @property
    def next_s(self) -> float | None:
        """When the next letter leaves; None while none is held."""
        return self._held[0][0] if self._held else None

    def _hold(self, letter: Letter, due_s: float) -> None:
        heapq.heappush(self._held, (due_s, next(self._turn), letter))


class ClumsyBridge:
    """Connects the broker at `from_port`, where nodes speak, with the one at `to_port`, where the hub listens.

    A context manager; both connections come back by themselves. Threads of its own.
    """

    def __init__(self, *, from_port: int, to_port: int, seed: int) -> None:
        self._hands = ClumsyHands(seed)
        self._turn = threading.Condition()
        self._leaving = False
        self._ports = (from_port, to_port)
        self._near = _client(self._on_near_connect, self._on_node_message)
        self._far = _client(self._on_far_connect, self._on_hub_message)
        self._thread = threading.Thread(target=self._run, name="clumsy-bridge", daemon=True)

    def set_manner(self, manner: dict[Clumsiness, float]) -> None:
        """What happens to what nodes say from now on; empty is faithful."""
        with self._turn:
            self._hands.set_manner(manner)
            self._turn.notify()

    def __enter__(self) -> Self:
        for client, port in zip((self._near, self._far), self._ports, strict=True):
            client.connect_async("127.0.0.1", port, keepalive=_KEEPALIVE_S)
            client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._turn:
            self._leaving = True
            self._turn.notify()
        self._thread.join(timeout=5)
        for client in (self._near, self._far):
            client.disconnect()
            client.loop_stop()

    def _run(self) -> None:
        while True:
            with self._turn:
                if self._leaving:
                    return
                next_s = self._hands.next_s
                self._turn.wait(None if next_s is None else max(0.0, next_s - time.monotonic()))
                letters = self._hands.due(time.monotonic())
            for letter in letters:
                self._far.publish(letter.topic, letter.payload, letter.qos, letter.retain)

    def _on_near_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(
            [
                (topics.REPORT.for_all_nodes(), topics.REPORT.qos),
                (topics.STATUS.for_all_nodes(), topics.STATUS.qos),
                (topics.EVIDENCE.for_all_nodes(deeper=True), topics.EVIDENCE.qos),
            ]
        )

    def _on_far_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe([(channel.for_all_nodes(), channel.qos) for channel in _ANSWERS])

    def _on_node_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        address = topics.parse_topic(message.topic)
        if address is None or address.channel not in _CHANNELS or message.retain:
            return  # what the broker kept was passed on when it was said
        channel = _CHANNELS[address.channel]
        letter = Letter(message.topic, bytes(message.payload), channel.qos, channel.retain)
        with self._turn:
            self._hands.take(letter, time.monotonic())
            self._turn.notify()

    def _on_hub_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        address = topics.parse_topic(message.topic)
        retain = address is not None and address.channel == topics.DESIRED.level
        self._near.publish(message.topic, bytes(message.payload), message.qos, retain)


def _client(on_connect: Any, on_message: Any) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.reconnect_delay_set(1, 2)
    client.on_connect = on_connect
    client.on_message = on_message
    return client
