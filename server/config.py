# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hub's configuration: one TOML file, each field also settable as `FACINGS_HUB_...` (`__` between levels).

Works without any file: SQLite, a broker on this machine, pages on loopback. What opens the hub to a network has to be
said, and has to bring its secret.
"""

import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from server.books_settings import BooksSettings
from server.errors import SettingsError
from server.judgement_settings import JudgeSettings, NoticeSettings

MIN_TOKEN_CHARACTERS = 16

Port = Annotated[int, Field(ge=1, le=65535)]


class BrokerSettings(BaseModel):
    """Where reports come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedded: bool = False
    """Run a small broker inside the hub; it knows no passwords, so it listens on loopback only."""
    host: str = "127.0.0.1"
    port: Port = 1883
    username: str | None = None
    password_file: Path | None = None
    """File whose first line is the password, so that it stands in no configuration and no process list."""
    ca_file: Path | None = None
    """Certificate authority of the broker; given, the connection is encrypted."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.embedded and not is_loopback(self.host):
            raise ValueError("an embedded broker listens on loopback only; run mosquitto for nodes on the network")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file belong together")
        return self

    def password(self) -> str:
        """Read the password file.

        Raises SettingsError when it cannot be read or is empty.
        """
        if self.password_file is None:
            raise SettingsError("broker.password_file: not set")
        try:
            lines = self.password_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"broker.password_file: cannot read {self.password_file}: {error}") from error
        if not lines or not lines[0]:
            raise SettingsError(f"broker.password_file: {self.password_file} is empty, expected the password on line 1")
        return lines[0]


class HubSettings(BaseSettings):
    """Everything the hub can be told."""

    model_config = SettingsConfigDict(env_prefix="FACINGS_HUB_", env_nested_delimiter="__", extra="forbid", frozen=True)

    database_url: str = "sqlite:///var/hub.sqlite"
    listen_host: str = "127.0.0.1"
    listen_port: Port = 8360
    api_token: SecretStr | None = None
    """Whoever shows it may read and write; needed as soon as the hub listens beyond loopback."""
    pictures_per_camera_count: Annotated[int, Field(ge=1, le=10_000)] = 50
    books: BooksSettings = BooksSettings()
    broker: BrokerSettings = BrokerSettings()
    judge: JudgeSettings = JudgeSettings()
    notices: NoticeSettings = NoticeSettings()

    @model_validator(mode="after")
    def _not_open_to_the_network(self) -> Self:
        if self.api_token is not None and len(self.api_token.get_secret_value()) < MIN_TOKEN_CHARACTERS:
            raise ValueError(f"api_token is shorter than {MIN_TOKEN_CHARACTERS} characters")
        if self.api_token is None and not is_loopback(self.listen_host):
            raise ValueError(f"listening on {self.listen_host} needs an api_token; without one use 127.0.0.1")
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(config_file: Path | None = None) -> HubSettings:
    """Read the file, if one is given, and the environment, which wins.

    Raises SettingsError naming the file and every field at fault.
    """
    if config_file is not None:
        _check_toml(config_file)

    class _FromFile(HubSettings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del dotenv_settings, file_secret_settings
            if config_file is None:
                return (init_settings, env_settings)
            return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file))

    try:
        return _FromFile()
    except ValidationError as error:
        where = str(config_file) if config_file else "environment"
        faults = [
            f"{where}: {'.'.join(str(level) for level in fault['loc']) or 'settings'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise SettingsError("\n".join(faults)) from None  # the cause would print secrets
    except ValueError as error:
        raise SettingsError(f"environment: {error}") from error


def _check_toml(config_file: Path) -> None:
    try:
        with config_file.open("rb") as opened:
            tomllib.load(opened)
    except OSError as error:
        raise SettingsError(f"{config_file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{config_file}: not TOML: {error}") from error
