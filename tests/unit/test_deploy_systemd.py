# SPDX-License-Identifier: AGPL-3.0-or-later
"""The units, read by systemd's own verifier."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "deploy/systemd"
INSTALLED = "/opt/facings/bin/facings"
NAMES = sorted(file.name for file in UNITS.glob("*.service"))

each_unit = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def systemd_analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    return program


def placed(name: str, folder: Path) -> Path:
    """The unit with its program where this test runs; the verifier insists that it exists."""
    text = (UNITS / name).read_text(encoding="utf-8")
    assert INSTALLED in text
    unit = folder / name
    unit.write_text(text.replace(INSTALLED, str(Path(sys.executable).parent / "facings")), encoding="utf-8")
    return unit


def test_hub_and_node_have_a_unit() -> None:
    assert NAMES == ["facings-hub.service", "facings-node.service"]


@each_unit
def test_systemd_finds_no_fault(name: str, tmp_path: Path, systemd_analyze: str) -> None:
    unit = placed(name, tmp_path)
    answer = subprocess.run(
        [systemd_analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    assert name not in answer.stderr  # a setting that systemd does not know is a line, not a failure


@each_unit
def test_systemd_calls_it_well_confined(name: str, tmp_path: Path, systemd_analyze: str) -> None:
    """Exposure from 0 (none) to 10; below 2.5 systemd itself says OK."""
    command = [systemd_analyze, "security", "--offline=true", "--threshold=25", str(placed(name, tmp_path))]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stdout[-500:] + answer.stderr


@each_unit
def test_it_comes_back_by_itself_and_holds_no_secret(name: str) -> None:
    lines = (UNITS / name).read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert settings["Restart"] == "always"
    assert "StartLimitIntervalSec" in settings
    assert settings["DynamicUser"] == "yes"
    assert any(line.startswith("LoadCredential=mqtt_password:") for line in lines)
    for line in lines:
        named = line.removeprefix("Environment=")
        assert line == named or "PASSWORD" not in named or "PASSWORD_FILE=%d/" in named
