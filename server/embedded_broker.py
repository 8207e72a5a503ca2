# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small MQTT broker (amqtt) for a demo, a test or a corner shop on one machine.

It knows no passwords, so it binds to loopback and nothing else. It forgets everything when it stops and sends nothing
twice; the outboxes of the nodes make up for both.
"""

import asyncio
import logging
import threading

from amqtt.broker import Broker
from amqtt.errors import BrokerError

from server.errors import HubError

_START_PATIENCE_S = 20.0


class EmbeddedBrokerError(HubError):
    """The embedded broker cannot listen."""


class EmbeddedBroker:
    """The broker in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._failure: str | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="embedded-broker", daemon=True)

    def start(self) -> None:
        """Listen on loopback. Raises EmbeddedBrokerError when the port is taken."""
        # amqtt logs every packet and every refused connection; what matters to the hub, the hub logs itself.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._thread.start()
        if not self._started.wait(_START_PATIENCE_S):
            raise EmbeddedBrokerError(f"embedded broker: no start on port {self._port} in {_START_PATIENCE_S:g} s")
        if self._failure is not None:
            raise EmbeddedBrokerError(f"embedded broker: cannot listen on 127.0.0.1:{self._port}: {self._failure}")

    def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._stop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._cancel_leftovers()
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self._port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            },
            loop=self._loop,
        )
        try:
            await broker.start()
        except BrokerError as error:
            self._failure = str(error)
            self._started.set()
            return
        self._started.set()
        await self._stop.wait()
        await broker.shutdown()

    def _cancel_leftovers(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
