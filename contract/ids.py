# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ids and units that cross a process boundary, and the patterns they must match.

Unit rule: a quantity ends in its unit (`_px _mm _s _ms _fraction _count`); an instant ends in `_at` and is an
aware UTC datetime. Compatibility rule: a sender is strict, a receiver tolerates added fields; a field is never
renamed or given another unit, it is replaced by a new one and the schema version rises.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, StringConstraints

ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""Ids appear as MQTT topic levels and in file names, so they hold neither `/`, `+`, `#`, dots nor capitals."""

SKU_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""A stock keeping unit as the shop's books write it; never used as a path."""

NodeId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
CameraId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
ZoneId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
BayId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Sku = Annotated[str, StringConstraints(pattern=SKU_PATTERN)]

BootId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""One start of a node, 128 random bits in hex: sequences count from 1 within it."""

CalibrationId = Annotated[str, StringConstraints(pattern=r"^cal-[0-9a-f]{16}$")]
"""The first 16 hex digits of the SHA-256 of a calibration's canonical JSON."""

ModelId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]


def _as_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the instant lies outside the years 1 to 9999 in UTC") from error


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_as_utc)]
"""An aware instant, kept in UTC; a naive datetime is refused."""


def is_id(text: str) -> bool:
    """Whether `text` may serve as a node, camera, zone or bay id."""
    return re.fullmatch(ID_PATTERN, text) is not None
