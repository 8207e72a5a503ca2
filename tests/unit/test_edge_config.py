# SPDX-License-Identifier: AGPL-3.0-or-later
"""node.toml: relative paths, secrets, and faults that name file and field."""

from pathlib import Path

import pytest

from edge.config import NodeConfig, load_config
from edge.errors import ConfigError

LEAST = """
node_id = "node-1"
state_dir = "state"
[broker]
host = "broker.local"
[[cameras]]
camera_id = "cam-1"
source = "http://camera/snapshot.jpg"
"""


def load(tmp_path: Path, text: str) -> NodeConfig:
    file = tmp_path / "node.toml"
    file.write_text(text)
    return load_config(file)


def test_the_least_configuration_sends_no_pictures_and_holds_no_secret(tmp_path: Path) -> None:
    config = load(tmp_path, LEAST)
    assert not config.evidence
    assert config.broker.password() is None
    assert config.cameras[0].password() is None
    assert "password" not in NodeConfig.model_fields


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    text = LEAST.replace('"http://camera/snapshot.jpg"', '"pictures"\ncalibration_file = "cam-1.toml"')
    config = load(tmp_path, text)
    assert config.state_dir == tmp_path / "state"
    assert config.cameras[0].source == str(tmp_path / "pictures")
    assert config.cameras[0].calibration_file == tmp_path / "cam-1.toml"


@pytest.mark.parametrize("source", ["http://camera/1.jpg", "mjpeg+http://camera/1", "rtsp://camera/1", "usb:0"])
def test_addresses_are_not_paths(tmp_path: Path, source: str) -> None:
    assert load(tmp_path, LEAST.replace("http://camera/snapshot.jpg", source)).cameras[0].source == source


def test_every_wrong_field_is_named_with_its_place(tmp_path: Path) -> None:
    wrong = LEAST.replace('"cam-1"', '"Cam 1"').replace('host = "broker.local"', "port = 0\nhots = 1")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, wrong)
    fields = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert sorted(fields) == ["broker.host", "broker.hots", "broker.port", "cameras[0].camera_id"]
    assert all(line.startswith(str(tmp_path / "node.toml")) for line in str(caught.value).splitlines())


@pytest.mark.parametrize("text", ["x = " + "9" * 5000, "x = " + "[" * 3000, "\x00"])
def test_what_is_no_toml_is_one_clear_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"node\.toml: not TOML"):
        load(tmp_path, text)


@pytest.mark.parametrize("host", ["broker..local", "b" * 64 + ".local"])
def test_a_host_name_that_nobody_can_look_up_is_refused_at_the_door(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match=r"broker\.host: .*no host name"):
        load(tmp_path, LEAST.replace("broker.local", host))


def test_a_password_written_into_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, LEAST.replace("[[cameras]]", 'password = "s3cret"\n[[cameras]]'))
    assert "broker.password" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_password_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("from file\n")
    named = LEAST.replace("[[cameras]]", 'username = "node-1"\npassword_file = "secret"\n[[cameras]]')
    assert load(tmp_path, named).broker.password() == "from file"
    unnamed = load(tmp_path, LEAST.replace("[[cameras]]", 'username = "node-1"\n[[cameras]]'))
    with pytest.raises(ConfigError, match="FACINGS_MQTT_PASSWORD"):
        unnamed.broker.password()
    monkeypatch.setenv("FACINGS_MQTT_PASSWORD", "from environment")
    assert unnamed.broker.password() == "from environment"


def test_a_camera_password_has_a_variable_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(tmp_path, LEAST + 'username = "viewer"\n')
    monkeypatch.setenv("FACINGS_CAMERA_PASSWORD_CAM_1", "seen")
    assert config.cameras[0].password() == "seen"


def test_one_camera_id_cannot_serve_two_cameras(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="camera_id given twice: cam-1"):
        load(tmp_path, LEAST + '[[cameras]]\ncamera_id = "cam-1"\nsource = "b.jpg"\n')


@pytest.mark.parametrize(("content", "told"), [(b"node_id = ", "not TOML"), (b"\xff\xfe", "not TOML")])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "node.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        load_config(tmp_path / "node.toml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read"):
        load_config(tmp_path / "absent.toml")
