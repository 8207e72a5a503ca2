# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings hub run`: the pipeline's threads with the API in front of them, until SIGTERM or Ctrl-C."""

import signal
import socket
import threading

import uvicorn

from server.api import create_app
from server.config import HubSettings
from server.errors import HubError
from server.pipeline import Hub

_SHUTDOWN_PATIENCE_S = 3


def serve(settings: HubSettings) -> None:
    """Run until a signal comes, then finish the batch in hand.

    Raises HubError when a port is taken, sqlalchemy's errors when the database does not answer at the start.
    """
    listener = _listener(settings)
    # uvicorn raises the signal again once it has shut down; it must not end us before the ledger's last batch.
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    with Hub(settings) as hub:
        config = uvicorn.Config(
            create_app(settings, hub.engine),
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_PATIENCE_S,
        )
        if asked_to_stop.is_set():  # while broker and database were being opened
            return
        print(f"Facings hub: http://{settings.listen_host}:{settings.listen_port}/", flush=True)  # noqa: T201 - for people
        uvicorn.Server(config).run(sockets=[listener])


def _listener(settings: HubSettings) -> socket.socket:
    """Take the port before anything is started, so that a second hub ends at once and says why."""
    family = socket.AF_INET6 if ":" in settings.listen_host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.listen_host, settings.listen_port))
    except OSError as error:
        listener.close()
        raise HubError(f"cannot listen on {settings.listen_host}:{settings.listen_port}: {error.strerror}") from error
    return listener
