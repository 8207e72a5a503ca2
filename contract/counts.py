# SPDX-License-Identifier: AGPL-3.0-or-later
"""What one look at a zone says: a distribution over facings, or `unknown` with a reason. No sight is never zero."""

import math
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from contract.envelope import Message
from contract.ids import Sku, ZoneId

MAX_FACINGS = 2000
"""Above any real bay (dense shelf photographs reach 909 facings), so a hostile message cannot ask for gigabytes."""

_SUM_TOLERANCE = 0.005


class SightState(StrEnum):
    """Whether a zone or a view was seen."""

    SEEN = "seen"
    UNKNOWN = "unknown"


class UnknownReason(StrEnum):
    """Why nothing can be said. Each is a statement about the camera, never about the stock."""

    BLACK = "black"
    FROZEN = "frozen"
    BLURRED = "blurred"
    OCCLUDED = "occluded"
    """Something stands before the shelf; as a rule it goes away by itself."""
    COVERED = "covered"
    """The lens itself is covered: one flat colour, light or dark."""
    MOVED = "moved"
    NO_SHELF = "no_shelf"
    NO_CALIBRATION = "no_calibration"
    OUT_OF_VIEW = "out_of_view"
    CAMERA_LOST = "camera_lost"
    UNSETTLED = "unsettled"
    OTHER = "other"
    """A reason that a newer node knows and this reader does not; never sent on purpose."""

    @classmethod
    def _missing_(cls, value: object) -> "UnknownReason | None":
        """Node and hub are upgraded apart: a reason added later must not cost the whole report."""
        return cls.OTHER if isinstance(value, str) else None


class DefectKind(StrEnum):
    """What can be wrong with a pack that stands in its place."""

    DAMAGED = "damaged"
    TOPPLED = "toppled"
    WRONG_FACE = "wrong_face"
    OTHER = "other"
    """A defect that a newer node knows and this reader does not; never sent on purpose."""

    @classmethod
    def _missing_(cls, value: object) -> "DefectKind | None":
        """As for `UnknownReason`."""
        return cls.OTHER if isinstance(value, str) else None


class FacingsDistribution(Message):
    """Probability of each number of facings: `probabilities[i]` belongs to `lowest_count + i` facings."""

    lowest_count: Annotated[int, Field(ge=0, le=MAX_FACINGS)]
    probabilities: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1, max_length=512)]

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = math.fsum(self.probabilities)
        if abs(total - 1.0) > _SUM_TOLERANCE:
            raise ValueError(f"probabilities sum to {total:.4f}, expected 1")
        if self.lowest_count + len(self.probabilities) - 1 > MAX_FACINGS:
            raise ValueError(f"the distribution reaches beyond {MAX_FACINGS} facings")
        return self

    @classmethod
    def certain(cls, facings_count: int) -> Self:
        """All probability on one count."""
        return cls(lowest_count=facings_count, probabilities=(1.0,))

    @property
    def mode_count(self) -> int:
        """The likeliest number of facings; the smaller of equals."""
        return self.lowest_count + max(range(len(self.probabilities)), key=lambda i: self.probabilities[i])

    @property
    def mean_count(self) -> float:
        """Expected number of facings."""
        weighted = math.fsum((self.lowest_count + i) * p for i, p in enumerate(self.probabilities))
        return weighted / math.fsum(self.probabilities)

    def probability_at_most(self, facings_count: int) -> float:
        """P(facings <= `facings_count`)."""
        upto = facings_count - self.lowest_count + 1
        return min(1.0, math.fsum(self.probabilities[: max(0, upto)]))

    def quantile_count(self, fraction: float) -> int:
        """Smallest count whose cumulative probability reaches `fraction` (0..1)."""
        reached = 0.0
        for i, p in enumerate(self.probabilities):
            reached += p
            if reached >= fraction - 1e-9:
                return self.lowest_count + i
        return self.lowest_count + len(self.probabilities) - 1


class ZoneCount(Message):
    """One zone in one report. `facings` is present exactly when `state` is `seen`."""

    zone_id: ZoneId
    sku: Sku
    state: SightState
    reason: UnknownReason | None = None
    facings: FacingsDistribution | None = None
    gap_facings: Annotated[float, Field(ge=0, le=MAX_FACINGS)] = 0.0
    """Expected number of facings that look empty, in facings (a wide gap counts as several)."""
    defects: dict[DefectKind, Annotated[int, Field(ge=0, le=MAX_FACINGS)]] = Field(default_factory=dict)
    misplaced: dict[Sku, Annotated[int, Field(ge=0, le=MAX_FACINGS)]] | None = None
    """Packs of other products that stand in the zone, by what they are; `facings` leaves them out. Absent where nobody
    looked for them: the node has no reference crops, or is older than this field."""
    occluded_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0

    @model_validator(mode="after")
    def _no_sight_is_never_zero(self) -> Self:
        seen = self.state is SightState.SEEN
        if seen != (self.facings is not None):
            raise ValueError(f"zone {self.zone_id}: facings must be given exactly when state is 'seen'")
        if seen != (self.reason is None):
            raise ValueError(f"zone {self.zone_id}: a reason must be given exactly when state is 'unknown'")
        if not seen and self.misplaced is not None:
            raise ValueError(f"zone {self.zone_id}: misplaced must be absent when state is 'unknown'")
        return self
