# SPDX-License-Identifier: AGPL-3.0-or-later
"""The whole node on one screen.

camera -> watcher (sight, gate, detector, counting, smoothing) -> outbox on disk -> publisher -> broker -> hub
and back: desired configuration -> settings -> every next look; committed sequences -> outbox.
"""

import threading
import time
from datetime import UTC, datetime
from importlib import metadata
from uuid import uuid4

import structlog

from calibration.document import Calibration
from calibration.errors import CalibrationError
from calibration.files import load_calibration
from contract.status import NodeState, NodeStatus
from edge import desired
from edge.camera_loop import CameraLoop, LoopMaker
from edge.cameras.choose import open_camera
from edge.config import CameraConfig, NodeConfig
from edge.detector import Detector
from edge.errors import ConfigError, DesiredRefused, ReferencesError
from edge.model_file import shipped_model
from edge.outbox import Outbox
from edge.publisher import Publisher
from edge.reference_crops import ReferenceCrops, load_reference_crops
from edge.reference_file import ReferenceFile
from edge.settings import LiveSettings, Settings
from edge.state_folder import take_state_folder
from edge.supervisor import Supervisor
from edge.watcher import Watcher

log = structlog.get_logger()


class Node:
    """Built from node.toml; `run` returns when it is told to stop.

    Raises EdgeError when the configuration, the model or the state folder cannot be used.
    """

    def __init__(self, config: NodeConfig) -> None:
        self._config = config
        self._boot_id = uuid4().hex
        self._started_s = time.monotonic()
        self._own = _own_settings(config)
        self._crops = _own_crops(config)
        self._settings = LiveSettings(self._own)
        self._detector = Detector(config.model.onnx_file or shipped_model(), threads_count=config.model.threads_count)
        self._state_folder = take_state_folder(config.state_dir)
        self._outbox = _open_outbox(config, self._boot_id)
        self._recall_desired()
        self._publisher = Publisher(
            config.broker,
            node_id=config.node_id,
            boot_id=self._boot_id,
            outbox=self._outbox,
            make_status=self.status,
            on_desired=self._take_desired,
        )
        self._supervisor = Supervisor({camera.camera_id: self._loop_maker(camera) for camera in config.cameras})

    def run(self, stopping: threading.Event) -> bool:
        """Look and report until `stopping` is set. Returns False when the node gave up and should be started anew."""
        log.info("node starts", node_id=self._config.node_id, boot_id=self._boot_id, model=self._detector.card.model_id)
        self._publisher.start()
        healthy = self._supervisor.run(stopping)
        self._publisher.stop(in_good_order=healthy)
        self._outbox.close()
        self._state_folder.close()
        log.info("node stopped" if healthy else "node gave up", node_id=self._config.node_id)
        return healthy

    def status(self, state: NodeState) -> NodeStatus:
        """What the node says about itself now."""
        settings = self._settings.now
        return NodeStatus(
            node_id=self._config.node_id,
            boot_id=self._boot_id,
            state=state,
            reported_at=datetime.now(UTC),
            uptime_s=round(time.monotonic() - self._started_s, 3),
            software_version=_software_version(),
            model_id=self._detector.card.model_id,
            config_version=settings.config_version,
            config_error=settings.config_error,
            outbox_count=self._outbox.pending_count,
            dropped_count=self._outbox.dropped_count,
            last_sequence=self._outbox.last_sequence,
            cameras=self._supervisor.statuses(),
        )

    def _loop_maker(self, camera: CameraConfig) -> LoopMaker:
        def make() -> CameraLoop:
            look_interval_s = camera.look_interval_s or self._settings.now.look_interval_s
            source = open_camera(camera, look_interval_s=look_interval_s)
            watcher = Watcher(
                camera.camera_id,
                self._detector,
                node_id=self._config.node_id,
                boot_id=self._boot_id,
                is_live=source.is_live,
                frozen_after_s=camera.frozen_after_s,
                frozen_tolerance_grey=camera.frozen_tolerance,
                evidence_interval_s=self._config.evidence_interval_s,
                moved_tolerance_fraction=camera.moved_tolerance,
                references=ReferenceFile(self._config.state_dir, camera.camera_id),
                crops=self._crops.get(camera.camera_id),
            )
            return CameraLoop(
                camera.camera_id,
                source,
                watcher,
                settings=self._settings,
                outbox=self._outbox,
                publisher=self._publisher,
                look_interval_s=camera.look_interval_s,
            )

        return make

    def _recall_desired(self) -> None:
        try:
            payload = desired.kept(self._config.state_dir)
        except DesiredRefused as refusal:
            self._refuse(refusal)
            return
        if payload is not None:
            self._overlay(payload)

    def _take_desired(self, payload: bytes) -> None:
        """Receive a desired configuration; runs in the MQTT client's thread and raises nothing."""
        if self._overlay(payload):
            try:
                desired.keep(self._config.state_dir, payload)
            except OSError as error:
                log.critical("the desired configuration is not on disk", reason=str(error))
        self._publisher.tell_status()

    def _overlay(self, payload: bytes) -> bool:
        current = self._settings.now
        camera_ids = {camera.camera_id for camera in self._config.cameras}
        try:
            fresh = desired.overlay(self._own, current, payload, node_id=self._config.node_id, camera_ids=camera_ids)
        except DesiredRefused as refusal:
            self._refuse(refusal)
            return False
        if fresh is not None:
            self._settings.replace(fresh)
            log.info("desired configuration taken", config_version=fresh.config_version)
        return fresh is not None

    def _refuse(self, refusal: DesiredRefused) -> None:
        log.warning("a desired configuration is refused", reason=str(refusal))
        self._settings.replace(self._settings.now.with_error(str(refusal)))


def check(config: NodeConfig) -> None:
    """Open everything that a start needs, but write nothing: the state folder may belong to a node that runs.

    Raises EdgeError.
    """
    settings, crops = _own_settings(config), _own_crops(config)
    for camera_id in settings.calibrations.keys() & crops.keys():
        try:
            crops[camera_id].belonging_to(settings.calibrations[camera_id])
        except ReferencesError as error:
            raise ConfigError(f"cameras[{camera_id}].references_file: {error}") from error
    Detector(config.model.onnx_file or shipped_model())
    config.broker.password()
    for camera in config.cameras:
        open_camera(camera, look_interval_s=config.look_interval_s).close()


def _own_settings(config: NodeConfig) -> Settings:
    calibrations: dict[str, Calibration] = {}
    for camera in config.cameras:
        if camera.calibration_file is None:
            continue
        try:
            calibrations[camera.camera_id] = load_calibration(camera.calibration_file)
        except CalibrationError as error:
            raise ConfigError(str(error)) from error
        if calibrations[camera.camera_id].camera_id != camera.camera_id:
            raise ConfigError(
                f"{camera.calibration_file}: camera_id: is for {calibrations[camera.camera_id].camera_id}, "
                f"node.toml gives it to {camera.camera_id}"
            )
    return Settings(
        look_interval_s=config.look_interval_s,
        report_interval_s=config.report_interval_s,
        evidence=config.evidence,
        calibrations=calibrations,
    )


def _own_crops(config: NodeConfig) -> dict[str, ReferenceCrops]:
    """By camera id. Whether they belong to the calibration in force is seen when it is: the hub may send another."""
    files = {camera.camera_id: camera.references_file for camera in config.cameras}
    try:
        return {camera_id: load_reference_crops(file) for camera_id, file in files.items() if file is not None}
    except ReferencesError as error:
        raise ConfigError(str(error)) from error


def _open_outbox(config: NodeConfig, boot_id: str) -> Outbox:
    return Outbox(
        config.state_dir / "outbox.sqlite",
        node_id=config.node_id,
        boot_id=boot_id,
        started_at=datetime.now(UTC),
        max_reports_count=config.max_outbox_count,
    )


def _software_version() -> str | None:
    try:
        return metadata.version("facings")
    except metadata.PackageNotFoundError:
        return None
