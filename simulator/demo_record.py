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

    def take(self, alert: dict[str, Any], after_s: float) -> str | None:
        """Fold in one alert as the hub's API shows it now; `opened` or `closed` when that is news."""
        kept = self.alerts.get(alert["alert_id"])
        news = None
        if kept is None:
            kept = {key: alert[key] for key in ("kind", "place_kind", "place_id")} | {"opened_after_s": after_s}
            self.alerts[alert["alert_id"]] = kept
            news = "opened"
            if self.first_alert_after_s is None:
                self.first_alert_after_s = after_s
        kept["headline"] = alert["headline"]
        if alert["state"] == "closed" and "closed_after_s" not in kept:
            kept["closed_after_s"], kept["closed_because"] = after_s, alert["closed_because"]
            news = "closed"
        return news

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "alerts": list(self.alerts.values())}
