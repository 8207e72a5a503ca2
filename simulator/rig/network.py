# SPDX-License-Identifier: AGPL-3.0-or-later
"""A cable that can be pulled: a TCP relay between a node and its broker.

While it is cut nothing passes either way and nobody is told, as when a switch loses power: connections stand, bytes
wait at their sender, and not even the news that the other side hung up arrives. Mended, it passes on what waited.
"""

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from typing import Self

_CHUNK_BYTES = 4096
_DRIBBLE_BYTES = 16
_WAITING_CHUNKS_COUNT = 256
"""A delayed direction holds no more than so many chunks; beyond it the sender has to wait."""


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """How a link treats what passes it."""

    delay_s: float = 0.0
    """Every byte arrives so much later."""
    bytes_per_s: float | None = None
    """Absent: as fast as the machine can."""


class TcpRelay:
    """Listens on a free port of loopback and passes everything on to `port`, from a thread of its own.

    A context manager. `cut`, `mend` and `set_quality` may be called from any thread.
    """

    def __init__(self, port: int) -> None:
        self.listen_port = 0
        """Known once the relay is entered."""
        self._to_port = port
        self._loop = asyncio.new_event_loop()
        self._whole = asyncio.Event()
        self._whole.set()
        self._quality = LinkQuality()
        self._listening = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"relay-{port}", daemon=True)

    @property
    def is_cut(self) -> bool:
        """Whether nothing passes now."""
        return not self._whole.is_set()

    def cut(self) -> None:
        """Let nothing pass from now on."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """Let everything pass again, at full speed."""
        self._quality = LinkQuality()
        self._loop.call_soon_threadsafe(self._whole.set)

    def set_quality(self, quality: LinkQuality) -> None:
        """Make the link slow, for what enters it from now on."""
        self._quality = quality

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.listen_port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        connections = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0)  # transports that were closed say so in the loop's next round

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.CancelledError):  # cancelled when the relay leaves
            await self._whole.wait()
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
            except OSError:
                return
            with contextlib.closing(far_writer):
                async with asyncio.TaskGroup() as both_ways:
                    both_ways.create_task(self._pass_on(reader, far_writer))
                    both_ways.create_task(self._pass_on(far_reader, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction, until its sender hangs up or its receiver is gone."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WAITING_CHUNKS_COUNT)
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._take_in(reader, waiting))
            ends.create_task(self._give_out(waiting, writer))

    async def _take_in(self, reader: asyncio.StreamReader, waiting: asyncio.Queue[tuple[float, bytes]]) -> None:
        while True:
            await self._whole.wait()
            try:
                chunk = await reader.read(_CHUNK_BYTES)
            except OSError:
                chunk = b""
            await waiting.put((self._loop.time() + self._quality.delay_s, chunk))
            if not chunk:
                return

    async def _give_out(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due_s, chunk = await waiting.get()
            await asyncio.sleep(max(0.0, due_s - self._loop.time()))
            await self._whole.wait()
            if not chunk:
                writer.close()
                return
            with contextlib.suppress(OSError):  # the receiver is gone; what its sender still says is lost
                await self._write(chunk, writer)

    async def _write(self, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        bytes_per_s = self._quality.bytes_per_s
        step_bytes = len(chunk) if bytes_per_s is None else _DRIBBLE_BYTES
        for start in range(0, len(chunk), step_bytes):
            piece = chunk[start : start + step_bytes]
            writer.write(piece)
            await writer.drain()
            if bytes_per_s is not None:
                await asyncio.sleep(len(piece) / bytes_per_s)
                await self._whole.wait()
