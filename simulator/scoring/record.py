# SPDX-License-Identifier: AGPL-3.0-or-later
"""All that one run of a scenario leaves behind: what was true, what was broken, what the system said.

Every instant is world time: an aware UTC datetime of the simulated calendar, whatever speed the run had. A record is
what the runners write and the scores read; it goes to JSON and back without loss.
"""

import gzip
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter


class Mode(StrEnum):
    """How the system under test ran."""

    PROCESSES = "processes"
    """True nodes, broker, hub and database in processes of their own, network cameras between them."""
    IN_PROCESS = "in_process"
    """The nodes' and the hub's own code called directly, in simulated time."""


class Sight(StrEnum):
    """What stood in for the eyes."""

    DETECTOR = "detector"
    """Rendered pictures and the shipped detector."""
    MODELLED = "modelled"
    """Schematic pictures, and boxes with the detector's measured errors."""


@dataclass(frozen=True, slots=True)
class ZoneTruth:
    """One zone from `at` on, until the zone's next row."""

    at: datetime
    zone_id: str
    facings_count: int
    """Front positions that show a unit of the zone's own SKU."""
    front_packs_count: int
    """Front positions that show a unit of any SKU: the most that a count can say."""
    misplaced_count: int
    """Of these, units of another SKU."""
    defects_count: int
    """Of these, units that a customer would not take: damaged, toppled, back to front."""
    shelf_units_count: int
    """Units of the zone's own SKU in it, seen or not."""


@dataclass(frozen=True, slots=True)
class SkuTruth:
    """One SKU from `at` on, until the SKU's next row."""

    at: datetime
    sku: str
    shelf_units_count: int
    """On any shelf, its own or a wrong one."""
    back_units_count: int
    basket_units_count: int
    """Taken and neither paid nor put back yet."""
    book_units: int
    """On-hand by the books."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody or something before a bay, from `since_at` to `until_at`."""

    bay_id: str
    kind: Literal["shopper", "staff", "trolley"]
    x_mm: float
    """Where along the bay, from its left edge."""
    since_at: datetime
    until_at: datetime
    look_seed: int
    """Chooses clothes and build."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something broken on purpose, from `since_at` to `until_at`."""

    kind: str
    """A `simulator.rig.scenario.Act`."""
    target: str
    """Camera id, node id, `hub`, `broker` or `books`."""
    since_at: datetime
    until_at: datetime
    blinds_camera_ids: tuple[str, ...] = ()
    """Cameras of which nothing, or nothing true, can be known meanwhile."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert as the hub held it at the end of the run."""

    alert_id: str
    kind: str
    place_kind: str
    place_id: str
    sku: str | None
    zone_ids: tuple[str, ...]
    camera_ids: tuple[str, ...]
    opened_at: datetime
    closed_at: datetime | None
    headline: str
    closed_because: str | None = None
    probability_fraction: float | None = None


@dataclass(frozen=True, slots=True)
class ZoneSample:
    """What the hub said of a zone at one instant; samples are taken every `RunRecord.sample_every_s`."""

    at: datetime
    zone_id: str
    state: Literal["seen", "unknown"]
    facings_count: float | None
    """Most probable number; None when unknown."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ZonePlace:
    """Where a zone is and what belongs there."""

    zone_id: str
    sku: str
    bay_id: str
    camera_id: str
    node_id: str
    expected_facings_count: int
    minimum_facings_count: int


@dataclass(frozen=True, slots=True)
class Transport:
    """What became of the reports."""

    numbered_count: int = 0
    """Reports that the nodes ever numbered."""
    ledger_count: int = 0
    lost_count: int = 0
    doubled_count: int = 0
    dead_letters_count: int = 0
    waiting_count: int = 0
    """Still on a node's disk at the end."""


@dataclass(slots=True)
class RunRecord:
    """One run."""

    scenario: str
    store_id: str
    seed: int
    mode: Mode
    sight: Sight
    speed: float
    """World seconds per real second; 0 where the run did not follow a clock."""
    opened_at: datetime
    ended_at: datetime
    open_spans: list[tuple[datetime, datetime]]
    """When the shop was open."""
    sample_every_s: float
    zones: list[ZonePlace] = field(default_factory=list)
    zone_truths: list[ZoneTruth] = field(default_factory=list)
    """Ordered by time; every zone has a row at `opened_at`."""
    sku_truths: list[SkuTruth] = field(default_factory=list)
    presences: list[Presence] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    alerts: list[AlertRow] = field(default_factory=list)
    samples: list[ZoneSample] = field(default_factory=list)
    transport: Transport = field(default_factory=Transport)
    notes: list[str] = field(default_factory=list)
    """What the reader of the scores must know, such as a trouble that this machine could not cause."""
    elapsed_s: float = 0.0
    """Real seconds that the run took."""

    def write(self, path: Path) -> None:
        """Write as JSON, packed where the name ends in `.gz`."""
        text = _ADAPTER.dump_json(self, indent=1)
        path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)

    @classmethod
    def read(cls, path: Path) -> "RunRecord":
        """Read what `write` wrote. Raises OSError, EOFError of a packed file cut short, pydantic.ValidationError."""
        text = path.read_bytes()
        return _ADAPTER.validate_json(gzip.decompress(text) if path.suffix == ".gz" else text)


_ADAPTER = TypeAdapter(RunRecord)
