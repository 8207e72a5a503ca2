# SPDX-License-Identifier: AGPL-3.0-or-later
"""The two manners of every message: strict when we write it, tolerant when we read it."""

from typing import Self

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A frozen message. Building one with an unknown field fails; `read` ignores fields that a newer sender added."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_json(self) -> bytes:
        """UTF-8 JSON without the fields that hold their default `None`."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def read(cls, payload: bytes | str) -> Self:
        """Parse what arrived. Added fields are ignored.

        Raises pydantic.ValidationError, which names every field that is wrong.
        """
        return cls.model_validate_json(payload, extra="ignore")
