# SPDX-License-Identifier: AGPL-3.0-or-later
"""Serves MJPEG streams over RTSP as H.264, with GStreamer's RTSP server.

A program of its own, run by the system's Python, because Debian's GStreamer bindings live there and not in a virtual
environment; it imports nothing of ours. `simulator.cameras.rtsp` starts it.

    python3 rtsp_serve.py < LINES

Each line of standard input is `NAME URL`; an empty line ends the list. Then it says `ready PORT` on standard output
and serves `rtsp://127.0.0.1:PORT/NAME` until standard input closes. When the stream behind a URL stops, stalls or
breaks, so does its RTSP stream: nothing is made up for it here.
"""

import http.client
import os
import sys
import threading
import urllib.request
from collections.abc import Callable

import gi  # type: ignore[import-not-found]  # the system's Python has it

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402 - versions are chosen first

# A key frame every other second lets a new viewer see soon; constant quality keeps the sensor's noise.
PIPELINE = (
    "( appsrc name=frames is-live=true do-timestamp=true format=time block=false max-buffers=4 leaky-type=downstream "
    "caps=image/jpeg ! jpegdec ! videoconvert ! video/x-raw,format=I420 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 pass=quant quantizer=20 threads=1 "
    "! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
REPEATS_COUNT, REPEAT_S = 2, 1 / 15
"""Each frame is sent up to three times: FFmpeg opens an H.264 stream only after some twenty frames."""


class Feed:
    """Carries JPEG frames from one MJPEG stream into one pipeline, as they come."""

    def __init__(self, url: str, entry: Gst.Element) -> None:
        self._url, self._entry = url, entry
        self._changed = threading.Condition()
        self._jpeg: bytes | None = None
        self._has_ended = False
        self._is_unwanted = False
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._push, daemon=True).start()

    def stop(self, *_: object) -> None:
        """Nobody watches any more."""
        with self._changed:
            self._is_unwanted = True
            self._changed.notify_all()

    def _read(self) -> None:
        try:
            # Loopback only: never through a proxy that the environment names.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(self._url) as answer:
                while (jpeg := _next_part(answer)) and not self._is_unwanted:
                    with self._changed:
                        self._jpeg = jpeg
                        self._changed.notify_all()
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the camera is gone, and its stream ends with it
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def _push(self) -> None:
        shown, repeats_left = None, 0
        while True:
            with self._changed:
                wait_s = REPEAT_S if repeats_left else None
                self._changed.wait_for(self._has_news_since(shown), wait_s)
                if self._is_unwanted or self._has_ended:
                    break
                repeats_left = REPEATS_COUNT if self._jpeg is not shown else repeats_left - 1
                shown = self._jpeg
            self._entry.emit("push-buffer", Gst.Buffer.new_wrapped(shown))
        if shown is None:  # an end before the first frame would leave the viewer waiting for its beginning
            lost = GLib.Error.new_literal(Gst.ResourceError.quark(), "camera lost", Gst.ResourceError.NOT_FOUND)
            self._entry.post_message(Gst.Message.new_error(self._entry, lost, self._url))
        self._entry.emit("end-of-stream")

    def _has_news_since(self, shown: bytes | None) -> Callable[[], bool]:
        return lambda: self._jpeg is not shown or self._has_ended or self._is_unwanted


def _next_part(answer: http.client.HTTPResponse) -> bytes:
    """The body of the next part of a multipart answer that gives lengths; empty at its end."""
    length = 0
    while line := answer.readline():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        if line == b"\r\n" and length:
            body = answer.read(length)
            return body if len(body) == length else b""
    return b""


def _configure(url: str, media: GstRtspServer.RTSPMedia) -> None:
    feed = Feed(url, media.get_element().get_by_name("frames"))
    media.connect("unprepared", feed.stop)


def main() -> None:
    """Serve until standard input closes."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    pool = GstRtspServer.RTSPThreadPool()
    pool.set_max_threads(-1)  # one stalled camera holds its viewer's request; others must not wait behind it
    server.set_thread_pool(pool)
    for line in sys.stdin:
        if not line.strip():
            break
        name, url = line.split()
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(PIPELINE)
        factory.set_shared(False)  # a viewer that comes after an end must not join the pipeline that ended
        factory.set_latency(0)
        factory.connect("media-configure", lambda _, media, url=url: _configure(url, media))
        server.get_mount_points().add_factory(f"/{name}", factory)
    if server.attach(None) == 0:
        sys.exit("the RTSP server found no free port")
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(f"ready {server.get_bound_port()}", flush=True)  # noqa: T201 - the line that the starter waits for
    loop.run()


if __name__ == "__main__":
    main()
