# SPDX-License-Identifier: AGPL-3.0-or-later
"""Labelled pictures as another tool's file says it, before anything is judged or renamed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from models.errors import ImportFaults

Corners = tuple[float, float, float, float]


class ForeignFormat(StrEnum):
    """Formats that can be taken over."""

    COCO = "coco"
    YOLO = "yolo"
    LABEL_STUDIO = "label-studio"


@dataclass(frozen=True)
class ForeignBox:
    """`fractions` are corners x1, y1, x2, y2 as shares of the picture that the tool showed; `place` is for errors."""

    names: tuple[str, ...]
    fractions: Corners
    place: str
    is_crowd: bool = False


@dataclass(frozen=True)
class ForeignPicture:
    """One picture of the file.

    `is_labelled` is `None` where the file cannot tell a picture that shows nothing from one that nobody labelled.
    `path` is known already where the format says where pictures lie.
    """

    name: str
    place: str
    boxes: tuple[ForeignBox, ...]
    is_labelled: bool | None = True
    path: Path | None = None
    claimed_wh_px: tuple[int, int] | None = None
    complete_names: tuple[str, ...] | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[int, ...] | None = None


@dataclass
class Notes:
    """What an import met: faults that stop it, faults that may be passed over on request, and what it changed."""

    fatal: list[str] = field(default_factory=list)
    passable: list[str] = field(default_factory=list)
    changed: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    class_names: set[str] = field(default_factory=set)
    """Those that the file declares, whether boxes have them or not."""

    def raise_if_any(self, heading: str, *, skip_faulty: bool) -> None:
        """Raise ImportFaults with everything that stands in the way."""
        if self.fatal:
            raise ImportFaults(f"{heading}: {len(self.fatal)} faults", self.fatal)
        if self.passable and not skip_faulty:
            raise ImportFaults(
                f"{heading}: {len(self.passable)} faults",
                self.passable,
                "mend them, or leave these boxes and pictures out with --skip-faulty",
            )


def is_finite_box(corners: Corners) -> bool:
    """Whether all four are numbers; comparisons with a NaN are never true."""
    return all(abs(edge) < float("inf") for edge in corners)


def bounds(points: list[tuple[float, float]]) -> Corners:
    """The upright box around points."""
    x, y = zip(*points, strict=True)
    return min(x), min(y), max(x), max(y)
