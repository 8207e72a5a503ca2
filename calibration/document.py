# SPDX-License-Identifier: AGPL-3.0-or-later
"""What one camera's calibration file holds. Its id hashes its content: an edited file is another calibration."""

import hashlib
import json
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from calibration.errors import DegenerateFit
from calibration.geometry import Homography
from calibration.lens import Lens
from contract.ids import BayId, CameraId, Sku, ZoneId

MAXIMUM_ERROR_PX_FRACTION = 0.02
"""A fit whose worst pair is off by more than this share of the picture's width has a wrong pair in it."""

Millimetres = Annotated[float, Field(gt=-100_000, lt=100_000)]
PositiveMillimetres = Annotated[float, Field(gt=0, lt=100_000)]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds a character that cannot be printed")
    return text


Name = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
"""A name for people; it ends up on pages, in notices and in logs, so it holds no control characters."""
Pixels = Annotated[float, Field(gt=-100_000, lt=100_000)]


class Part(BaseModel):
    """A piece of a calibration: frozen, and strict about unknown fields, since a slip must not pass silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BaySize(Part):
    """The bay that the camera looks at; its plane is the front edges of its shelves."""

    bay_id: BayId
    name: Name = ""
    width_mm: PositiveMillimetres
    height_mm: PositiveMillimetres


class PointPair(Part):
    """The same spot in the picture and on the bay."""

    x_px: Pixels
    y_px: Pixels
    x_mm: Millimetres
    y_mm: Millimetres


class Zone(Part):
    """The part of a bay that belongs to one SKU, and what the planogram wants there."""

    zone_id: ZoneId
    sku: Sku
    product_name: Name = ""
    polygon_mm: Annotated[tuple[tuple[Millimetres, Millimetres], ...], Field(min_length=3, max_length=64)]
    expected_facings_count: Annotated[int, Field(ge=1, le=500)]
    minimum_facings_count: Annotated[int, Field(ge=0, le=500)] = 1
    depth_units_count: Annotated[int, Field(ge=1, le=200)] = 1
    """Units that one facing can hide, itself included."""
    facing_width_mm: PositiveMillimetres
    facing_height_mm: PositiveMillimetres

    @field_validator("polygon_mm")
    @classmethod
    def _simple_polygon(cls, polygon: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        if abs(signed_area_mm2(polygon)) < 1.0:
            raise ValueError("the polygon encloses no area")
        if _crosses_itself(polygon):
            raise ValueError("the polygon crosses itself; list its corners in order around the zone")
        return polygon

    @model_validator(mode="after")
    def _minimum_fits(self) -> Self:
        if self.minimum_facings_count > self.expected_facings_count:
            raise ValueError(
                f"minimum_facings_count {self.minimum_facings_count} is above expected_facings_count "
                f"{self.expected_facings_count}"
            )
        return self


class Calibration(Part):
    """One camera: what it looks at, how pixels become millimetres, and which zone belongs to which SKU."""

    schema_version: Literal[1] = 1
    camera_id: CameraId
    image_wh_px: tuple[Annotated[int, Field(ge=16, le=20_000)], Annotated[int, Field(ge=16, le=20_000)]]
    """Width and height of the picture in which the points were marked."""
    bay: BaySize
    lens: Lens | None = None
    points: Annotated[tuple[PointPair, ...], Field(min_length=4, max_length=64)]
    zones: Annotated[tuple[Zone, ...], Field(min_length=1, max_length=512)]

    @model_validator(mode="after")
    def _ids_once(self) -> Self:
        seen: set[str] = set()
        for zone in self.zones:
            if zone.zone_id in seen:
                raise ValueError(f"zone_id {zone.zone_id!r} appears twice")
            seen.add(zone.zone_id)
        return self

    @property
    def calibration_id(self) -> str:
        """`cal-` and 16 hex digits of the SHA-256 of the canonical JSON: keys sorted, defaults written out."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "cal-" + hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """The document as JSON text, from which `from_json` rebuilds a calibration with the same id."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, document: str) -> Self:
        """Parse JSON text. Raises pydantic.ValidationError."""
        return cls.model_validate_json(document)

    def homography(self) -> Homography:
        """Fit picture to bay on the marked points, with the lens taken out.

        Raises DegenerateFit, also when one pair is so far off that it must be a mistake.
        """
        points_px = np.array([(point.x_px, point.y_px) for point in self.points])
        points_mm = np.array([(point.x_mm, point.y_mm) for point in self.points])
        if self.lens is not None:
            points_px = self.lens.undistort(points_px)
        fitted = Homography.fit(points_px, points_mm)
        worst = int(np.argmax(fitted.errors_px))
        allowed_px = MAXIMUM_ERROR_PX_FRACTION * self.image_wh_px[0]
        if fitted.errors_px[worst] > allowed_px:
            raise DegenerateFit(
                f"the points disagree: worst is points.{worst}, {fitted.errors_px[worst]:.1f} px off "
                f"(allowed {allowed_px:.1f}); mark it again"
            )
        return fitted


def signed_area_mm2(polygon: tuple[tuple[float, float], ...]) -> float:
    """Area by the shoelace formula; positive when the corners run counter-clockwise."""
    corners = np.asarray(polygon, dtype=np.float64)
    following = np.roll(corners, -1, axis=0)
    return float(0.5 * np.sum(corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1]))


def _side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _crosses_itself(polygon: tuple[tuple[float, float], ...]) -> bool:
    edges = list(zip(polygon, polygon[1:] + polygon[:1], strict=True))
    for i, (a, b) in enumerate(edges):
        for j in range(i + 2, len(edges)):
            if i == 0 and j == len(edges) - 1:
                continue  # neighbours around the start share a corner
            c, d = edges[j]
            if _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0:
                return True
    return False
