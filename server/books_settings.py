# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where books come from besides commands and REST: watched folders, and tills that send what they sell."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from server.errors import SettingsError

MIN_SECRET_CHARACTERS = 32
_MAX_SECRETS_COUNT = 2
_MAX_SECRET_FILE_BYTES = 4096


class WatchedFolder(BaseModel):
    """A folder into which another program puts files of books."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    settle_s: Annotated[float, Field(ge=0.5, le=3600)] = 5.0
    """A file that has not changed for so long is taken to be whole."""
    layout_file: Path | None = None
    """How the files name things; None where they are written as docs/hub.md says."""


class WebhookSource(BaseModel):
    """A till that may send its sales. Its secret stands in a file, in no configuration and no process list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    secret_file: Path
    """One line, or two while the secret is being changed: both are taken."""

    def secrets(self) -> tuple[bytes, ...]:
        """Read the secret file.

        Raises SettingsError when it cannot be read or holds no secret worth the name.
        """
        where = f"books.webhooks: secret_file of {self.source}: {self.secret_file}"
        try:
            with self.secret_file.open("rb") as opened:
                lines = opened.read(_MAX_SECRET_FILE_BYTES).split(b"\n")
        except OSError as error:
            raise SettingsError(f"{where} cannot be read: {error.strerror}") from error
        secrets = tuple(line.strip() for line in lines if line.strip())
        if not 1 <= len(secrets) <= _MAX_SECRETS_COUNT:
            raise SettingsError(f"{where} has {len(secrets)} lines with a secret; expected one, or two during a change")
        if any(len(secret) < MIN_SECRET_CHARACTERS for secret in secrets):
            raise SettingsError(f"{where}: a secret is shorter than {MIN_SECRET_CHARACTERS} characters")
        return secrets


class BooksSettings(BaseModel):
    """All of it is optional; nothing is watched and nobody may send without being named here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    watched: tuple[WatchedFolder, ...] = ()
    webhooks: tuple[WebhookSource, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        folders = [str(item.folder) for item in self.watched]
        sources = [item.source for item in self.webhooks]
        twice = sorted({name for names in (folders, sources) for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return self
