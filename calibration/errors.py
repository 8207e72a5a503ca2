# SPDX-License-Identifier: AGPL-3.0-or-later
"""Errors of calibration.

CalibrationError
├── DegenerateFit      the point pairs do not determine a homography
└── CalibrationFault   a calibration file is wrong; carries every fault with its field
"""

from dataclasses import dataclass


class CalibrationError(Exception):
    """Anything that keeps a camera from knowing where things are."""


class DegenerateFit(CalibrationError):  # noqa: N818 - names what happened, reads better at the call
    """The point pairs do not determine a homography; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one file."""

    file: str
    field: str
    """Dotted path, for instance `zones.3.polygon_mm`; empty when the file as a whole cannot be read."""
    reason: str

    def __str__(self) -> str:
        """`FILE: FIELD: REASON`."""
        return f"{self.file}: {self.field}: {self.reason}" if self.field else f"{self.file}: {self.reason}"


class CalibrationFault(CalibrationError):  # noqa: N818 - a file has faults, not errors
    """A calibration file is wrong. `faults` holds every fault found, in file order."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))
