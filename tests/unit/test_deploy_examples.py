# SPDX-License-Identifier: AGPL-3.0-or-later
"""The example files are read by the programs that they are examples for."""

from pathlib import Path

import pytest

from edge.cameras.choose import open_camera
from edge.config import load_config
from server.config import load_settings
from server.errors import SettingsError

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_node_takes_its_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACINGS_CAMERA_PASSWORD_CEREAL_LEFT", "secret")
    config = load_config(DEPLOY / "examples/node.toml")
    assert config.broker.username == config.node_id  # the broker's rules rest on it
    assert config.broker.tls_ca_file == (DEPLOY / "examples/broker-ca.crt").resolve()
    assert not config.evidence
    for camera in config.cameras:
        assert open_camera(camera, look_interval_s=config.look_interval_s) is not None


def test_the_nodes_example_and_its_unit_agree() -> None:
    config = load_config(DEPLOY / "examples/node.toml")
    unit = (DEPLOY / "systemd/facings-node.service").read_text(encoding="utf-8")
    assert config.broker.password_file == Path("/run/credentials/facings-node.service/mqtt_password")
    assert "LoadCredential=mqtt_password:" in unit
    assert f"StateDirectory={config.state_dir.relative_to('/var/lib')}\n" in unit


def test_the_hub_takes_its_example_with_what_its_unit_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = (DEPLOY / "systemd/facings-hub.service").read_text(encoding="utf-8")
    for line in unit.splitlines():
        if line.startswith("Environment="):
            name, given = line.removeprefix("Environment=").split("=", 1)
            monkeypatch.setenv(name, given.replace("%d", str(tmp_path)))
    (tmp_path / "mqtt_password").write_text("secret\n", encoding="utf-8")
    settings = load_settings(DEPLOY / "examples/hub.toml")
    assert settings.broker.username == "hub"
    assert settings.broker.password() == "secret"
    assert settings.listen_host == "127.0.0.1"
    state = settings.database_url.removeprefix("sqlite:////var/lib/").split("/")[0]
    assert f"StateDirectory={state}\n" in unit
    assert list(settings.notices.recipients) == ["floor"]
    assert settings.judge.opening_hours is not None


def test_the_hub_refuses_the_network_without_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACINGS_HUB_LISTEN_HOST", "0.0.0.0")
    with pytest.raises(SettingsError, match="api_token"):
        load_settings(DEPLOY / "examples/hub.toml")
