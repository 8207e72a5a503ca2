# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a run of the demo saw, alerted and lost."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class DemoRecord:
    """Filled as the demo goes; times are seconds since its start."""

    store_id: str
    seed: int
    page_after_s: float | None = None
    counts_after_s: float | None = None
    first_alert_after_s: float | None = None
    reports_count: int = 0
    missing_count: int = 0
    happenings: list[dict[str, Any]] = field(default_factory=list)
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    zones: list[dict[str, Any]] = field(default_factory=list)

    def take(self, event: dict[str, Any], after_s: float) -> None:
        """Fold one alert event of the hub's API into the record."""
        snapshot = event["snapshot"]
        kept = self.alerts.setdefault(
            event["alert_id"],
            {"kind": snapshot["kind"], "place_kind": snapshot["place_kind"], "place_id": snapshot["place_id"]},
        )
        kept["headline"] = snapshot["headline"]
        if event["change"] == "opened":
            kept["opened_after_s"] = after_s
            if self.first_alert_after_s is None:
                self.first_alert_after_s = after_s
        elif event["change"] == "closed":
            kept["closed_after_s"] = after_s
            kept["closed_because"] = snapshot.get("closed_because")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "alerts": list(self.alerts.values())}
