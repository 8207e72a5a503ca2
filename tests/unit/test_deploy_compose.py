# SPDX-License-Identifier: AGPL-3.0-or-later
"""compose.yaml: understood by the schema, without a default secret, and closed until somebody opens it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from server.config import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE_FILE = DEPLOY / "compose.yaml"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


def services() -> dict[str, dict[str, Any]]:
    return dict(compose()["services"])


def compose() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(COMPOSE_FILE)
    return document


@pytest.fixture(scope="module")
def secrets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the shipped script makes for compose."""
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    environment = os.environ | {"FACINGS_SECRETS_DIR": str(folder)}
    if not any(Path(place, "mosquitto_passwd").exists() for place in (*os.get_exec_path(), "/usr/sbin")):
        pytest.skip("mosquitto is not installed")
    subprocess.run(
        [str(DEPLOY / "new-secrets"), "compose"], env=environment, check=True, capture_output=True, timeout=60
    )
    return folder


def test_the_broker_can_walk_to_its_passwords_through_folders_that_the_script_made(tmp_path: Path) -> None:
    if not any(Path(place, "mosquitto_passwd").exists() for place in (*os.get_exec_path(), "/usr/sbin")):
        pytest.skip("mosquitto is not installed")
    folder = tmp_path / "etc" / "facings" / "secrets"
    environment = os.environ | {"FACINGS_SECRETS_DIR": str(folder)}
    subprocess.run(
        [str(DEPLOY / "new-secrets"), "systemd"], env=environment, check=True, capture_output=True, timeout=60
    )
    assert [place.stat().st_mode & 0o001 for place in (folder, folder.parent, folder.parent.parent)] == [1, 1, 1]
    assert [path.stat().st_mode & 0o077 for path in (folder / "hub.env", folder / "mqtt")] == [0, 0]


def test_the_compose_schema_accepts_it() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_nothing_is_reachable_from_other_machines_unless_somebody_says_so() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert published
    for port in published:
        default = VARIABLE.sub(lambda found: found["default"] or "", port)
        assert default.startswith("127.0.0.1:"), port
    assert "ports" not in services()["postgres"]
    assert compose()["networks"]["inside"]["internal"] is True
    assert services()["postgres"]["networks"] == ["inside"]


def test_no_secret_stands_in_it_and_none_has_a_default() -> None:
    text = COMPOSE_FILE.read_text(encoding="utf-8")
    assert {found["name"] for found in VARIABLE.finditer(text)} == {"FACINGS_PAGE_BIND", "FACINGS_BROKER_BIND"}
    for service in services().values():
        for name, written in (service.get("environment") or {}).items():
            is_secret = re.search(r"PASSWORD|TOKEN|SECRET|KEY|DATABASE_URL", name)
            assert not is_secret or (name.endswith("_FILE") and written.startswith("/run/secrets/")), name


def test_every_secret_that_it_wants_is_made_by_the_script_and_no_other_way(secrets_folder: Path) -> None:
    wanted = [secret["file"] for secret in compose()["secrets"].values()]
    wanted += [service["env_file"] for service in services().values() if "env_file" in service]
    wanted.append(next(v["source"] for v in services()["mosquitto"]["volumes"] if isinstance(v, dict)))
    assert len(wanted) == 4
    for path in wanted:
        assert (secrets_folder / path.removeprefix("./").removeprefix("secrets/")).exists(), path
    ignored = (DEPLOY / ".gitignore").read_text(encoding="utf-8").split()
    assert "secrets/" in ignored


def test_the_secrets_agree_with_each_other_and_are_new_each_time(secrets_folder: Path) -> None:
    variables = dict(
        line.split("=", 1) for line in (secrets_folder / "hub.env").read_text(encoding="utf-8").splitlines()
    )
    database_password = (secrets_folder / "postgres.password").read_text(encoding="utf-8").strip()
    assert variables["FACINGS_HUB_DATABASE_URL"] == f"postgresql://facings:{database_password}@postgres:5432/facings"
    assert len({variables["FACINGS_HUB_API_TOKEN"], database_password}) == 2
    for file in secrets_folder.rglob("*"):
        assert not file.is_file() or file.stat().st_mode & 0o077 == 0, file


def test_the_hub_takes_the_environment_that_it_is_given(secrets_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (secrets_folder / "hub.env").read_text(encoding="utf-8").splitlines():
        monkeypatch.setenv(*line.split("=", 1))
    for name, written in services()["hub"]["environment"].items():
        moved = secrets_folder / "mqtt/hub.password" if written == "/run/secrets/hub_mqtt_password" else written
        monkeypatch.setenv(name, str(moved))
    settings = load_settings()
    assert (settings.listen_host, settings.broker.host, settings.broker.username) == ("0.0.0.0", "mosquitto", "hub")
    broker_rules = (DEPLOY / "mosquitto/container.d/container.conf").read_text(encoding="utf-8")
    assert f"\nlistener {settings.broker.port}\n" in broker_rules
    assert settings.broker.password() == (secrets_folder / "mqtt/hub.password").read_text(encoding="utf-8").strip()
    assert settings.api_token is not None
    assert settings.database_url.startswith("postgresql://")


def test_what_it_mounts_and_builds_exists() -> None:
    for name, service in services().items():
        for volume in service.get("volumes", []):
            if isinstance(volume, str) and volume.startswith("."):
                assert (DEPLOY / volume.split(":")[0]).exists(), volume
        if "build" in service:
            context = (DEPLOY / service["build"]["context"]).resolve()
            assert (context / service["build"]["dockerfile"]).is_file()
        assert service["restart"] == "unless-stopped"
        has_own_check = "healthcheck" in service
        built_check = "build" in service and "HEALTHCHECK" in (DEPLOY / f"{name}.Containerfile").read_text("utf-8")
        assert has_own_check or built_check, name
