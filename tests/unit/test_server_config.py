# SPDX-License-Identifier: AGPL-3.0-or-later
"""Configuration: works from nothing, refuses to open the hub without a secret, names every fault and leaks none."""

from pathlib import Path

import pytest

from server.config import load_settings
from server.errors import SettingsError


def write(folder: Path, text: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(text)
    return path


def test_from_nothing_it_listens_on_loopback_only() -> None:
    settings = load_settings()
    assert (settings.listen_host, settings.listen_port) == ("127.0.0.1", 8360)
    assert settings.database_url.startswith("sqlite:///")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, 'listen_port = 9000\n[broker]\nhost = "10.0.0.5"\nport = 1884\n')
    monkeypatch.setenv("FACINGS_HUB_BROKER__PORT", "1999")
    settings = load_settings(path)
    assert settings.listen_port == 9000
    assert (settings.broker.host, settings.broker.port) == ("10.0.0.5", 1999)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "hub.example"])
def test_beyond_loopback_a_token_is_required(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="api_token"):
        load_settings(write(tmp_path, f'listen_host = "{host}"\n'))
    opened = load_settings(write(tmp_path, f'listen_host = "{host}"\napi_token = "0123456789abcdef"\n'))
    assert opened.listen_host == host


def test_a_short_token_is_refused_without_being_printed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, 'api_token = "hunter2"\n'))
    assert "shorter than 16" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_every_fault_is_named_with_file_and_field(tmp_path: Path) -> None:
    path = write(tmp_path, 'listen_port = 0\nlisten_prot = 1\n[broker]\nport = "x"\nusername = "hub"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    message = str(caught.value)
    assert message.count(str(path)) >= 3
    for field in ("listen_port", "listen_prot", "broker.port"):
        assert field in message


def test_an_embedded_broker_stays_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        load_settings(write(tmp_path, '[broker]\nembedded = true\nhost = "0.0.0.0"\n'))


@pytest.mark.parametrize("text", ["listen_port = ", "\x00"])
def test_broken_toml_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"hub\.toml: not TOML"):
        load_settings(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml"):
        load_settings(tmp_path / "absent.toml")


def test_the_brokers_password_comes_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("pass word\n")
    text = f'[broker]\nusername = "hub"\npassword_file = "{secret}"\n'
    assert load_settings(write(tmp_path, text)).broker.password() == "pass word"
    secret.write_text("")
    with pytest.raises(SettingsError, match="empty"):
        load_settings(write(tmp_path, text)).broker.password()
