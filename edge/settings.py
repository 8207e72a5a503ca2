# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the node runs at this moment: its own file, overlaid by the desired configuration it took."""

import threading
from dataclasses import dataclass, replace
from typing import Self

from calibration.document import Calibration
from contract.desired import DesiredConfig


@dataclass(frozen=True, slots=True)
class Settings:
    """One consistent set; never changed, only replaced."""

    look_interval_s: float
    report_interval_s: float
    evidence: bool
    calibrations: dict[str, Calibration]
    """By camera id; a camera without one is absent."""
    config_version: int | None = None
    config_error: str | None = None

    def overlaid(self, desired: DesiredConfig) -> "Settings":
        """Replace what `desired` states. The calibrations must have been checked before."""
        return Settings(
            look_interval_s=desired.look_interval_s or self.look_interval_s,
            report_interval_s=desired.report_interval_s or self.report_interval_s,
            evidence=self.evidence if desired.evidence is None else desired.evidence,
            calibrations={
                **self.calibrations,
                **{part.camera_id: Calibration.from_json(part.document_json) for part in desired.calibrations},
            },
            config_version=desired.config_version,
        )

    def with_error(self, reason: str) -> Self:
        """The same, with the reason why the latest desired configuration was refused."""
        return replace(self, config_error=reason[:2000])


class LiveSettings:
    """Hands the settings of the moment from the thread that receives them to those that look."""

    def __init__(self, settings: Settings) -> None:
        self._turn = threading.Lock()
        self._settings = settings

    @property
    def now(self) -> Settings:
        """The settings of the moment."""
        with self._turn:
            return self._settings

    def replace(self, settings: Settings) -> None:
        """Make these the settings of the moment."""
        with self._turn:
            self._settings = settings
