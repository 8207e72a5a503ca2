# SPDX-License-Identifier: AGPL-3.0-or-later
"""A scenario file: which store, how its people behave, what breaks when, and what should come of it."""

import tomllib
from datetime import date, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.errors import ScenarioError

SCENARIOS_FOLDER = Path(__file__).parents[1] / "scenarios"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Act(StrEnum):
    """What a scenario can make happen. The comment behind each group says what `target` names."""

    # A zone id.
    SELL = "sell"
    STEAL = "steal"
    RESTOCK = "restock"
    MISPLACE = "misplace"
    """Units of the SKU `sku` end up in this zone."""
    DAMAGE = "damage"
    # A SKU.
    DELIVER = "deliver"
    """`units` arrive, the books say `booked_units` (as many where left out)."""
    # A camera id. All but `mend` last `for_s`, or to the end.
    COVER = "cover"
    BLACK = "black"
    FREEZE = "freeze"
    DEFOCUS = "defocus"
    BUMP = "bump"
    """By `degrees`; does not mend by itself when `for_s` is left out."""
    HALF_FRAMES = "half_frames"
    STALL = "stall"
    SLOW = "slow"
    LOSE = "lose"
    MEND = "mend"
    # A node id.
    CLOCK_WRONG = "clock_wrong"
    """The node's clock goes wrong by `shift_s`."""
    PARTITION = "partition"
    """The node cannot reach the broker."""
    DISK_FULL = "disk_full"
    DUPLICATE = "duplicate"
    """Every message of the node arrives twice."""
    DELAY = "delay"
    """Messages arrive `shift_s` late."""
    REORDER = "reorder"
    # A node id, `hub` or `broker`.
    POWER_CUT = "power_cut"
    # `books`.
    BOOKS_LATE = "books_late"
    """What the till and the office write reaches the hub only when this is over."""
    BOOKS_TWICE = "books_twice"
    """Every file and message of the books is sent twice."""


ACTS_AT_A_ZONE = frozenset({Act.SELL, Act.STEAL, Act.RESTOCK, Act.MISPLACE, Act.DAMAGE})
ACTS_AT_A_CAMERA = frozenset(
    {
        Act.COVER,
        Act.BLACK,
        Act.FREEZE,
        Act.DEFOCUS,
        Act.BUMP,
        Act.HALF_FRAMES,
        Act.STALL,
        Act.SLOW,
        Act.LOSE,
        Act.MEND,
    }
)
ACTS_AT_A_NODE = frozenset({Act.CLOCK_WRONG, Act.PARTITION, Act.DISK_FULL, Act.DUPLICATE, Act.DELAY, Act.REORDER})
EVERY = "*"
"""As a target: every camera, or every node."""


class ScenarioEvent(_Part):
    """One thing that happens `at` after the run begins, written like `2h30m`, `90s` or `1d9h`."""

    at: timedelta
    act: Act
    target: str
    lasting: timedelta | None = None
    """Written like `at`; absent: to the end, or at once over for what takes no time."""
    units: Annotated[int, Field(ge=1, le=100_000)] = 1
    booked_units: Annotated[int, Field(ge=0, le=100_000)] | None = None
    sku: str | None = None
    degrees: Annotated[float, Field(gt=0, le=45)] = 5.0
    shift_s: float = 0.0

    @model_validator(mode="before")
    @classmethod
    def _durations(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {key: _duration(value) if key in {"at", "lasting"} else value for key, value in given.items()}
        return given


class Expectation(_Part):
    """One line that must hold after a run, checked by machine."""

    kind: str
    """Kind of alert."""
    place: str | None = None
    """Zone, SKU, camera or node; absent: anywhere."""
    happens: bool = True
    """False: no such alert may open at all."""
    within: timedelta | None = None
    """After the event `after`."""
    after: timedelta | None = None
    closes: bool | None = None
    """Whether it must be closed again at the end of the run."""

    @model_validator(mode="before")
    @classmethod
    def _durations(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {key: _duration(value) if key in {"within", "after"} else value for key, value in given.items()}
        return given


class Scenario(_Part):
    """The whole file."""

    title: str
    happens: str
    """Prose: what happens in the store."""
    expected: str
    """Prose: what the system should do about it, and why."""
    store: str = "corner"
    """Name of a file in simulator/stores."""
    begins_on: date = date(2026, 3, 2)
    """A Monday."""
    begins_at: time = time(8, 0)
    lasts: timedelta
    speed: Annotated[float, Field(gt=0, le=600)] = 30.0
    """World seconds per real second in processes mode."""
    habits: dict[str, Any] = Field(default_factory=dict)
    """Overrides of the store's `[habits]`, see simulator/store/plan.py."""
    events: tuple[ScenarioEvent, ...] = ()
    expect: tuple[Expectation, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _durations(cls, given: Any) -> Any:
        if isinstance(given, dict) and "lasts" in given:
            return {**given, "lasts": _duration(given["lasts"])}
        return given

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        late = [event for event in self.events if event.at > self.lasts]
        if late:
            raise ValueError(f"'{late[0].act}' at {late[0].at} lies behind the end of the run at {self.lasts}")
        return self


_UNITS_S = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def _duration(text: Any) -> Any:
    """`1d2h30m5s` in any part; raises ValueError."""
    if not isinstance(text, str):
        return text
    total_s, digits = 0.0, ""
    for letter in text:
        if letter.isdigit() or letter == ".":
            digits += letter
        elif letter in _UNITS_S and digits:
            total_s += float(digits) * _UNITS_S[letter]
            digits = ""
        else:
            raise ValueError(f"'{text}' is no duration; write it like 2h30m, 90s or 1d9h")
    if digits or not text:
        raise ValueError(f"'{text}' is no duration; write it like 2h30m, 90s or 1d9h")
    return timedelta(seconds=total_s)


def scenario_names() -> list[str]:
    """Every scenario of the library."""
    return sorted(path.stem for path in SCENARIOS_FOLDER.glob("*.toml"))


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises ScenarioError naming the file and every field that is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from error
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        faults = [f"{path}: {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
        raise ScenarioError("\n".join(faults)) from error
