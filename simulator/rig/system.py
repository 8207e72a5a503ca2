# SPDX-License-Identifier: AGPL-3.0-or-later
"""The true system in processes of its own: a broker, a hub and nodes, on free ports of loopback, in one folder.

The demo, the replay of photographs and the durability run all stand on this.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from calibration.document import Calibration
from simulator.errors import ProcessError
from simulator.rig.free_port import free_port
from simulator.rig.processes import Process, ProcessGroup, wait_until

START_PATIENCE_S = 60.0
"""A busy Raspberry Pi needs tens of seconds to start a hub; a broken one is found by its process ending."""

MOSQUITTO_FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


def listens(port: int) -> bool:
    """Whether something on this machine's loopback takes connections on that TCP port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def port_is_free(port: int) -> bool:
    """Whether a server could listen on that TCP port of this machine's loopback now."""
    with socket.socket() as probe:
        # As servers do, so that connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def find_mosquitto() -> str | None:
    """The mosquitto program, which Debian keeps off a user's path."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=MOSQUITTO_FOLDERS)


def usual_broker() -> str:
    """What a shop would run, where it is installed; else the small one that comes along."""
    return "mosquitto" if find_mosquitto() else "amqtt"


@dataclass(frozen=True, slots=True)
class NodeHost:
    """What a node stands on, where that is not simply this machine."""

    broker_port: int | None = None
    """Where the node finds its broker; absent: the hub's."""
    keepalive_s: int | None = None
    prefix: Sequence[str] = ()
    """Written before its command, such as to enter another mount namespace."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """One camera of a node: what it looks at, and further keys of its section in node.toml."""

    camera_id: str
    source: str
    calibration: Calibration | None
    options: dict[str, Any] = field(default_factory=dict)


class TrueSystem:
    """Starts and stops the processes. As a context manager it leaves nothing running.

    `broker` is `embedded` (amqtt inside the hub), `amqtt` (the same in a process of its own) or `mosquitto`. `judge` is
    the section of that name in the hub's file.
    """

    def __init__(
        self,
        folder: Path,
        *,
        broker: str = "embedded",
        database_url: str | None = None,
        hub_options: str = "",
        judge: Mapping[str, Any] | None = None,
        hub_port: int | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.group = ProcessGroup()
        self.broker_kind = broker
        self.broker_port = free_port()
        self.hub_port = hub_port or free_port()
        self.database_url = database_url or f"sqlite:///{folder / 'hub.sqlite'}"
        self.hub_url = f"http://127.0.0.1:{self.hub_port}"
        self._hub_config = folder / "hub.toml"
        self._hub_config.write_text(
            _toml(
                {
                    "database_url": self.database_url,
                    "listen_port": self.hub_port,
                    "broker": {"embedded": broker == "embedded", "port": self.broker_port},
                    **({"judge": judge} if judge else {}),
                }
            )
            + hub_options
        )
        self.broker = self._broker_process("broker", self.broker_port) if broker != "embedded" else None
        self.hub = Process.facings("hub", ["hub", "run", "--config", str(self._hub_config)], folder)
        self.nodes: dict[str, Process] = {}
        self.client = httpx.Client(base_url=self.hub_url, timeout=10.0)

    def _broker_process(self, name: str, port: int) -> Process:
        if self.broker_kind != "mosquitto":
            return Process.facings(name, ["broker", "run", "--port", str(port)], self.folder)
        program = find_mosquitto()
        if program is None:
            raise ProcessError("mosquitto is not installed; call: sudo apt-get install mosquitto")
        config = self.folder / f"{name}.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {self.folder}/\npersistence_file {name}.db\nautosave_interval 1\n"
            + ("user root\n" if os.geteuid() == 0 else "")
        )
        return Process(name, [program, "-c", str(config)], self.folder)

    def start_other_broker(self, name: str) -> tuple[Process, int]:
        """Start one more broker and wait until it listens; its process and its port."""
        port = free_port()
        process = self.group.start(self._broker_process(name, port))
        wait_until(lambda: listens(port), f"broker {name}", START_PATIENCE_S, self.group)
        return process, port

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.client.close()
        self.group.__exit__(*exc_info)

    def run_hub_command(self, *arguments: str) -> None:
        """Run `facings hub ...` to its end. Raises ProcessError with what it said when it fails."""
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "facings", "hub", *arguments, "--config", str(self._hub_config)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ProcessError(f"facings hub {' '.join(arguments)}: {done.stdout}{done.stderr}")

    def start_hub(self) -> None:
        """Start broker and hub and wait until the hub says that it is well."""
        if self.broker is not None:
            self.group.start(self.broker)
        self.group.start(self.hub)
        wait_until(self.hub_is_well, "a healthy hub", START_PATIENCE_S, self.group)

    def hub_is_well(self) -> bool:
        """Whether /healthz answers 200."""
        try:
            return self.client.get("/healthz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def bring_in(self, calibrations: list[Calibration], books_csv: str | None) -> None:
        """Give the hub its planogram and its books over REST. Raises httpx.HTTPStatusError when it refuses."""
        for calibration in calibrations:
            document = json.loads(calibration.to_json())
            self.client.put(f"/api/v1/cameras/{calibration.camera_id}/calibration", json=document).raise_for_status()
        if books_csv is not None:
            headers = {"Content-Type": "text/csv"}
            self.client.post("/api/v1/books", content=books_csv, headers=headers).raise_for_status()

    def add_node(
        self, node_id: str, cameras: list[CameraPlan], *, host: NodeHost | None = None, **settings: Any
    ) -> Process:
        """Write the node's files and start it."""
        host = host or NodeHost()
        config = self.write_node(node_id, cameras, host=host, **settings)
        process = Process.facings(node_id, ["edge", "run", "--config", str(config)], self.folder, host.environment)
        process.arguments[:0] = host.prefix
        self.nodes[node_id] = process
        return self.group.start(process)

    def write_node(
        self, node_id: str, cameras: list[CameraPlan], *, host: NodeHost | None = None, **settings: Any
    ) -> Path:
        """Write node.toml and calibrations; the file's path."""
        sections = []
        for camera in cameras:
            section: dict[str, Any] = {"camera_id": camera.camera_id, "source": camera.source, **camera.options}
            if camera.calibration is not None:
                path = self.folder / f"{camera.camera_id}.calibration.json"
                path.write_text(camera.calibration.to_json())
                section["calibration_file"] = str(path)
            sections.append("[[cameras]]\n" + _toml(section))
        host = host or NodeHost()
        broker = {"host": "127.0.0.1", "port": host.broker_port or self.broker_port}
        if host.keepalive_s is not None:
            broker["keepalive_s"] = host.keepalive_s
        state_dir = str(self.state_folder(node_id))
        head = _toml({"node_id": node_id, "state_dir": state_dir, **settings, "broker": broker})
        config = self.folder / f"{node_id}.toml"
        config.write_text(head + "".join(sections))
        return config

    def state_folder(self, node_id: str) -> Path:
        """Where a node keeps its outbox."""
        return self.folder / f"{node_id}-state"

    def read(self, path: str) -> Any:
        """JSON from the hub's API. Raises httpx.HTTPError."""
        answer = self.client.get(f"/api/v1/{path}")
        answer.raise_for_status()
        return answer.json()


def _toml(table: Mapping[str, Any], prefix: str = "") -> str:
    """Strings, numbers, booleans and sections; JSON's spelling of these is TOML's. What is None is left out."""
    plain = [
        f"{key} = {json.dumps(value)}\n"
        for key, value in table.items()
        if not isinstance(value, Mapping) and value is not None
    ]
    sections = [
        f"[{prefix}{key}]\n{_toml(value, f'{prefix}{key}.')}"
        for key, value in table.items()
        if isinstance(value, Mapping)
    ]
    return "".join(plain + sections)
