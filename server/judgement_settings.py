# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every threshold of the hub's judgement and every recipient of its notices; docs/reconciliation.md explains each."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from server.discrepancy import AlertTiming, Kind

Fraction = Annotated[float, Field(gt=0, lt=1)]
Seconds = Annotated[float, Field(ge=0, le=30 * 86400)]

_FROZEN = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
"""Faults are reported without the value that was given: a recipient's URL is a secret."""


class OpeningHours(BaseModel):
    """When customers are in the shop, in the shop's own time. Patience is counted in this time only."""

    model_config = _FROZEN

    opens_at: time
    closes_at: time
    weekdays: Annotated[frozenset[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1)] = frozenset(range(7))
    """0 is Monday."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.opens_at.tzinfo is not None or self.closes_at.tzinfo is not None:
            raise ValueError("opens_at and closes_at are times of the shop's own clock: leave the offset away")
        if self.closes_at <= self.opens_at:
            raise ValueError("closes_at must be later than opens_at on the same day")
        return self


class KindTiming(BaseModel):
    """Seconds that a cause must last before its alert opens, and be gone before it closes."""

    model_config = _FROZEN

    open_after_s: Seconds
    close_after_s: Seconds

    @property
    def durations(self) -> AlertTiming:
        """The same as durations."""
        return AlertTiming(timedelta(seconds=self.open_after_s), timedelta(seconds=self.close_after_s))


class JudgeSettings(BaseModel):
    """How the hub judges. The defaults suit a grocery shop whose till reports every few minutes."""

    model_config = _FROZEN

    timezone: str = "UTC"
    """The shop's time zone, for the words of an alert and for opening hours."""
    opening_hours: OpeningHours | None = None
    """Absent: always open."""
    sure_fraction: Fraction = 0.9
    """A shelf is empty (or low) from this probability on."""
    clear_fraction: Fraction = 0.5
    """It is not empty (or low) any more below this one; in between nothing changes."""
    certain_fraction: Fraction = 0.95
    """How sure the camera must be of seeing more than the books hold before it says so."""
    interval_fraction: Fraction = 0.9
    """Every interval of units holds the truth this often, as far as the camera's own doubt goes."""
    prior_phantom_fraction: Annotated[float, Field(gt=0, lt=0.5)] = 0.2
    """Share of freshly emptied shelves whose books, though above zero, stand for nothing."""
    patience_s: Annotated[float, Field(gt=0)] = 8 * 3600
    """Opening time after which an empty shelf that nobody refills is as likely phantom stock as not."""
    basket_lag_s: Seconds = 1200
    """From the shelf to the till: a sale this soon after the shelf emptied was taken before it did."""
    basket_units_count: Annotated[int, Field(ge=0)] = 2
    """So many units may be in customers' baskets during that time."""
    silent_after_s: Annotated[float, Field(gt=0)] = 180
    """A camera or node unheard of for so long is lost; a sight older than this says nothing about now."""
    update_every_s: Seconds = 60
    """An open alert is reworded at most this often, unless it became urgent."""
    restock_from_back: KindTiming = KindTiming(open_after_s=60, close_after_s=30)
    out_of_stock: KindTiming = KindTiming(open_after_s=60, close_after_s=30)
    phantom_inventory: KindTiming = KindTiming(open_after_s=60, close_after_s=30)
    unrecorded_stock: KindTiming = KindTiming(open_after_s=1800, close_after_s=60)
    view_lost: KindTiming = KindTiming(open_after_s=60, close_after_s=30)
    occluded_open_after_s: Seconds = 600
    """A shopper, a trolley or staff before a camera go away by themselves: only after so long is its view lost."""
    hidden_zone_open_after_s: Seconds = 3600
    """A single zone that is hidden for so long has something put before it for good; until then others are seen."""
    node_lost: KindTiming = KindTiming(open_after_s=30, close_after_s=30)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"no time zone is called {name!r}; write it like Europe/Berlin") from error
        return name

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.clear_fraction >= self.sure_fraction:
            raise ValueError("clear_fraction must be below sure_fraction, or alerts would flap")
        return self

    @property
    def zone_info(self) -> ZoneInfo:
        """The shop's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def silent_after(self) -> timedelta:
        """`silent_after_s` as a duration."""
        return timedelta(seconds=self.silent_after_s)

    def timing(self, kind: Kind, *, open_after_s: float | None = None) -> AlertTiming:
        """Durations of one kind of alert; `open_after_s` asks for more patience before it opens."""
        kind_timing: KindTiming = getattr(self, kind.value)
        timing = kind_timing.durations
        return replace(timing, open_after=max(timing.open_after, timedelta(seconds=open_after_s or 0.0)))


class Recipient(BaseModel):
    """Someone who is told. The URL is in apprise's manner (mailto://, ntfy://, json:// and many more)."""

    model_config = _FROZEN

    url: SecretStr
    when: Literal["all", "urgent"] = "all"


RecipientName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}$")]
"""Free of `:` and `/`, so that nobody writes the secret URL where the name belongs."""


class NoticeSettings(BaseModel):
    """Who is told, and how hard we try."""

    model_config = _FROZEN

    recipients: dict[RecipientName, Recipient] = Field(default_factory=dict)
    page_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """Address of the hub's page as a phone reaches it; a notice links to it."""
    closing: bool = False
    """Whether to tell that an alert is over."""
    attempts_count: Annotated[int, Field(ge=1, le=100)] = 10
    first_retry_s: Annotated[float, Field(gt=0)] = 5
    """Wait after the first failure; doubles with each further one."""
    longest_retry_s: Annotated[float, Field(gt=0)] = 900
    lease_s: Annotated[float, Field(gt=0)] = 120
    """A delivery that never came back (the hub was killed) is tried again after so long."""
    per_round_count: Annotated[int, Field(ge=1)] = 20
    """At most so many deliveries in one call."""

    def retry_after(self, attempts_count: int) -> timedelta:
        """Wait after the `attempts_count`-th failed attempt (1 is the first)."""
        doubled_s = self.first_retry_s * 2.0 ** min(attempts_count - 1, 32)
        return timedelta(seconds=min(self.longest_retry_s, doubled_s))


def open_seconds_between(
    since_at: datetime, until_at: datetime, hours: OpeningHours | None, zone_info: ZoneInfo
) -> float:
    """Seconds of opening time from `since_at` to `until_at` (aware UTC); 0 when they run backwards."""
    if hours is None or until_at <= since_at:
        return max(0.0, (until_at - since_at).total_seconds())
    total_s = 0.0
    day = since_at.astimezone(zone_info).date()
    last_day = until_at.astimezone(zone_info).date()
    while day <= last_day:
        if day.weekday() in hours.weekdays:
            opens_at = datetime.combine(day, hours.opens_at, zone_info)
            closes_at = datetime.combine(day, hours.closes_at, zone_info)
            overlap_s = min(until_at.timestamp(), closes_at.timestamp()) - max(
                since_at.timestamp(), opens_at.timestamp()
            )
            total_s += max(0.0, overlap_s)
        day += timedelta(days=1)
    return total_s
