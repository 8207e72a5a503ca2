# SPDX-License-Identifier: AGPL-3.0-or-later
"""A port for a process that is about to start."""

import random
import socket

_PORTS = range(10_000, 32_000)
"""Below those that the system hands to outgoing connections (from 32,768 on Linux): one of these may be taken by any
connection between the question and the start."""


def free_port() -> int:
    """A TCP port on loopback that nothing listens on at this moment, drawn so that two askers hardly get the same."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
