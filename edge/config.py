# SPDX-License-Identifier: AGPL-3.0-or-later
"""node.toml: what one node is, what it looks at and where it reports.

Every path may be relative to the folder of node.toml. Secrets have no defaults and never stand in the file: a password
is read from a file or from the environment.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from contract.ids import CameraId, NodeId
from edge.errors import ConfigError

PASSWORD_VARIABLE = "FACINGS_MQTT_PASSWORD"  # noqa: S105 - the name of a variable, not a password

Port = Annotated[int, Field(ge=1, le=65535)]
IntervalS = Annotated[float, Field(gt=0, le=3600)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _resolvable(host: str) -> str:
    # The MQTT client's thread would end over such a name, without a word and for good.
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise ValueError("is no host name: a part between its dots is empty or too long") from error
    return host


class BrokerConfig(_Section):
    """Where the broker listens and who this node is to it."""

    host: Annotated[str, Field(min_length=1), AfterValidator(_resolvable)]
    port: Port = 1883
    username: str | None = None
    password_file: Path | None = None
    """A file that holds the password and nothing else; without it, FACINGS_MQTT_PASSWORD is read."""
    tls_ca_file: Path | None = None
    """Certificate authority of the broker; giving it switches TLS on."""
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30

    def password(self) -> str | None:
        """The broker password, or None when no user name is given.

        Raises ConfigError when a user name is given and no password can be found.
        """
        if self.username is None:
            return None
        return _secret(self.password_file, PASSWORD_VARIABLE, "broker.password_file")


class ModelConfig(_Section):
    """Which detector runs, and on how many threads."""

    onnx_file: Path | None = None
    """Absent: the newest model that came with the program."""
    threads_count: Annotated[int, Field(ge=1, le=64)] = 1


class CameraConfig(_Section):
    """One camera. The form of `source`, a path or an address, chooses the kind of camera (edge/cameras/choose.py)."""

    camera_id: CameraId
    source: Annotated[str, Field(min_length=1)]
    username: str | None = None
    password_file: Path | None = None
    calibration_file: Path | None = None
    references_file: Path | None = None
    """Reference crops of its products, from `facings calibrate references`. Absent: no second look."""
    look_interval_s: IntervalS | None = None
    """Absent: the node's own interval."""
    stall_timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    """A camera that gives no frame for so long is lost, and asked again with growing pauses."""
    live: bool | None = None
    """Whether two identical pictures mean a frozen camera. Absent: true for streams, false for files and folders."""
    frozen_after_s: Annotated[float, Field(gt=0)] = 60.0
    """A live camera whose picture does not change at all for so long, noise included, is frozen."""
    frozen_tolerance: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Mean grey difference (0..255) up to which two pictures are the same; above 0 only for noise-free encoders."""
    moved_tolerance: Annotated[float, Field(ge=0, le=10)] | None = None
    """Share of a facing's width by which the zones may be off before the camera counts as moved; 0 never asks.
    Absent: 0.25 for streams, 0 for files and folders, which promise no fixed place."""
    hold_looks_count: Annotated[int, Field(ge=1)] = 5
    """Folder only: looks that each picture stays, so that a picture can be confirmed before the next."""
    loop: bool = True
    """Folder and video file only: begin again after the last picture."""
    order_file: Path | None = None
    """Folder only: a text file with one file name a line. Absent: names in sorted order."""

    def password(self) -> str | None:
        """The camera password, or None when no user name is given.

        Raises ConfigError when a user name is given and no password can be found.
        """
        if self.username is None:
            return None
        variable = "FACINGS_CAMERA_PASSWORD_" + self.camera_id.upper().replace("-", "_")
        return _secret(self.password_file, variable, f"cameras[{self.camera_id}].password_file")


class NodeConfig(_Section):
    """The whole node.toml."""

    node_id: NodeId
    state_dir: Path
    """Where the outbox and the desired configuration live; must survive a reboot."""
    broker: BrokerConfig
    model: ModelConfig = ModelConfig()
    cameras: Annotated[tuple[CameraConfig, ...], Field(min_length=1, max_length=64)]
    look_interval_s: IntervalS = 5.0
    report_interval_s: IntervalS = 60.0
    evidence: bool = False
    """Whether pictures may leave the node; off unless somebody decides otherwise."""
    evidence_interval_s: Annotated[float, Field(gt=0)] = 900.0
    max_outbox_count: Annotated[int, Field(ge=100)] = 1_000_000
    """Reports kept while the hub is away; about 1 kB each. Beyond it the oldest are given up, and counted."""

    @model_validator(mode="after")
    def _camera_ids_differ(self) -> Self:
        camera_ids = [camera.camera_id for camera in self.cameras]
        twice = sorted({camera_id for camera_id in camera_ids if camera_ids.count(camera_id) > 1})
        if twice:
            raise ValueError(f"camera_id given twice: {', '.join(twice)}")
        return self


def load_config(path: Path) -> NodeConfig:
    """Read node.toml, with paths made absolute.

    Raises ConfigError naming the file and every field that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # TOML and UTF-8 errors, and a number too long to convert
        raise ConfigError(f"{path}: not TOML ({error})") from error
    try:
        config = NodeConfig.model_validate(document)
    except ValidationError as error:
        # The value itself is left out: it may be a password somebody wrote into the wrong field.
        details = error.errors(include_input=False)
        # A list whose only item is wrong is reported as too short as well; that would only mislead.
        deeper = {detail["loc"][:-1][:depth] for detail in details for depth in range(1, len(detail["loc"]))}
        faults = [
            f"{path}: {_field_name(detail['loc'])}: {detail['msg']}"
            for detail in details
            if not (detail["type"] == "too_short" and detail["loc"] in deeper)
        ]
        raise ConfigError("\n".join(faults)) from error
    return _with_absolute_paths(config, path.resolve().parent)


def _field_name(loc: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".") or "(top level)"


def _with_absolute_paths(config: NodeConfig, folder: Path) -> NodeConfig:
    def anchored(section: BaseModel) -> dict[str, Path]:
        paths = {name: value for name, value in section if isinstance(value, Path)}
        return {name: folder / value for name, value in paths.items()}

    cameras = tuple(
        camera.model_copy(update={**anchored(camera), "source": _anchored_source(camera.source, folder)})
        for camera in config.cameras
    )
    return config.model_copy(
        update={
            **anchored(config),
            "broker": config.broker.model_copy(update=anchored(config.broker)),
            "model": config.model.model_copy(update=anchored(config.model)),
            "cameras": cameras,
        }
    )


def _anchored_source(source: str, folder: Path) -> str:
    return source if "://" in source or ":" in source.split("/", 1)[0] else str(folder / source)


def _secret(file: Path | None, variable: str, field: str) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{field}: {file} cannot be read") from error
    if variable in os.environ:
        return os.environ[variable]
    raise ConfigError(f"{field}: a user name is given but no password; name a file here or set {variable}")
