# SPDX-License-Identifier: AGPL-3.0-or-later
"""Starts the RTSP server beside the HTTP one: GStreamer's, in a process of its own (see rtsp_serve.py)."""

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from simulator.errors import CameraError

SYSTEM_PYTHON = Path("/usr/bin/python3")
"""Debian's, which finds Debian's GStreamer bindings."""

PACKAGES = (
    "python3-gi",
    "gir1.2-gst-rtsp-server-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-ugly",
)
_ELEMENTS = ("appsrc", "jpegdec", "videoconvert", "x264enc", "rtph264pay")
_PROBE = f"""
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
missing = [name for name in {json.dumps(_ELEMENTS)} if Gst.ElementFactory.find(name) is None]
raise SystemExit("no GStreamer element " + ", ".join(missing) if missing else 0)
"""
_PROGRAM = Path(__file__).with_name("rtsp_serve.py")
_PATIENCE_S = 30.0


def missing_programs() -> str | None:
    """What RTSP needs and this machine lacks, with the command that brings it; None where all is there."""
    install = f"install it with: sudo apt-get install --yes --no-install-recommends {' '.join(PACKAGES)}"
    if not SYSTEM_PYTHON.exists():
        return f"RTSP needs {SYSTEM_PYTHON} with GStreamer; {install}"
    probed = subprocess.run(  # noqa: S603 - fixed words
        [SYSTEM_PYTHON, "-c", _PROBE], env=_environment(), capture_output=True, text=True, timeout=60, check=False
    )
    if probed.returncode == 0:
        return None
    reason = (probed.stderr.strip().splitlines() or ["it does not say why"])[-1]
    return f"RTSP needs GStreamer's RTSP server ({reason}); {install}"


class RtspServer:
    """Serves MJPEG addresses as H.264 over RTSP on loopback. `start` it, ask for each `url`, `stop` it."""

    def __init__(self, stream_urls: Mapping[str, str]) -> None:
        self._stream_urls = stream_urls
        self._process: subprocess.Popen[str] | None = None
        self._complaints: IO[bytes] | None = None
        self._port = 0

    def url(self, camera_id: str) -> str:
        """Address of one camera's stream."""
        return f"rtsp://127.0.0.1:{self._port}/{camera_id}"

    @property
    def process_id(self) -> int | None:
        """Of the server, while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it listens. Raises CameraError."""
        if reason := missing_programs():
            raise CameraError(reason)
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the server is stopped
        self._process = subprocess.Popen(  # noqa: S603 - fixed words
            [SYSTEM_PYTHON, _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            env=_environment(),
        )
        lines = "".join(f"{name} {url}\n" for name, url in self._stream_urls.items())
        self._write(lines + "\n")
        word, _, port = self._first_line().partition(" ")
        if word != "ready":
            self._complaints.seek(0)
            reason = self._complaints.read().decode(errors="replace").strip()[-500:] or "without a word"
            self.stop()
            raise CameraError(f"the RTSP server did not start: {reason}")
        self._port = int(port)

    def stop(self) -> None:
        """End it; allowed twice."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.stdin is not None:
            process.stdin.close()  # which ends it
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdout, self._complaints):
            if stream is not None:
                stream.close()

    def _write(self, text: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(text)
            self._process.stdin.flush()

    def _first_line(self) -> str:
        if self._process is None or self._process.stdout is None:
            return ""
        deadline_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            if select.select([self._process.stdout], [], [], 0.2)[0]:
                return self._process.stdout.readline().strip()
        return ""


def _environment() -> dict[str, str]:
    """Ours without what would send the system's Python to our packages."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
