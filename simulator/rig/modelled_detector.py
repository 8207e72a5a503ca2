# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stand-in for the detector that knows what is there and errs as the real one was measured to err.

`simulator.rig.measure_detector` writes the table that stands beside this file. One look at a box is a draw from the
measured distribution of confidences for its kind, misses included. Draws are tied together in the way that the
measurement found (a Gaussian copula): packs of one SKU are alike, one box keeps its luck while it stays as it is, and
only a little is the noise of a single picture. So a box that was missed stays missed, as a real detector's does, and
twenty looks at one shelf are not twenty opinions. Boxes where nothing is belong to the true box beside them, and come
and go with it.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from math import erf, sqrt
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from contract.model_card import DetectorLabel, ModelCard
from edge.detections import Detections
from edge.frames import BgrImage
from edge.tiling import TilingPlan

TABLE_FILE = Path(__file__).with_name("modelled_detector.json")
LEAST_VISIBLE_FRACTION = 0.25
"""Less of a thing is nothing to find, as in the pictures that the detector learned from."""
PARTLY_VISIBLE_BELOW_FRACTION = 0.7

_GRID = np.linspace(-4.0, 4.0, 401)
_NORMAL_CDF = np.array([0.5 * (1.0 + erf(z / sqrt(2.0))) for z in _GRID])

Floats = NDArray[np.float64]


class TrueThing(Protocol):
    """What the model needs to know of a thing in the picture."""

    @property
    def label(self) -> str:
        """`product`, `gap` or `price_tag`."""

    @property
    def xyxy_px(self) -> tuple[float, float, float, float]:
        """Where it is in the frame."""

    @property
    def visible_fraction(self) -> float:
        """How much of it shows."""

    @property
    def ref_id(self) -> str:
        """Which it is."""

    @property
    def sku(self) -> str | None:
        """Of a product: what it is."""

    @property
    def condition(self) -> str:
        """Of a product: what befell it."""

    @property
    def depth_index(self) -> int:
        """Of a product: how many empty slots stand before it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stray(_Part):
    """A box where its label is not, as it was once measured; `xyxy` with the true box as the unit square."""

    label: DetectorLabel
    xyxy: tuple[float, float, float, float]
    confidence: float


class GroupErrors(_Part):
    """How the detector does on one kind of thing."""

    boxes_count: int
    """How many were measured."""
    missed_fraction: float
    confidence_quantiles: tuple[float, ...]
    """Of those found, evenly spaced from the 0th to the 100th percentile."""
    strays_per_found: float
    strays: tuple[Stray, ...]
    """Beside things that were found."""
    strays_per_missed: float
    strays_instead: tuple[Stray, ...]
    """Beside, and often in place of, things that were missed."""


class ErrorTable(_Part):
    """All that was measured, and of what."""

    model_id: str
    measured_on: str
    command: str
    pictures_count: int
    sku_correlation: float
    """Of two boxes of one SKU in different pictures."""
    box_correlation: float
    """Of one box in two pictures of the same unchanged view."""
    edge_sd_fraction: float
    """Standard deviation of each edge over the side of the true box."""
    edge_look_sd_fraction: float
    """Of that, what differs between two pictures of the same view."""
    groups: dict[str, GroupErrors]

    def errors_of(self, name: str) -> GroupErrors | None:
        """The nearest measured kind: `product/can/back/part` falls back to `product/can/back`, then `product/can`."""
        while name:
            if name in self.groups:
                return self.groups[name]
            name = name.rpartition("/")[0]
        return None


class ErrorTables(_Part):
    """One table for each store that was measured: how large a facing is in the picture decides most."""

    stores: dict[str, ErrorTable]


@lru_cache
def shipped_table(store_id: str) -> ErrorTable:
    """The table of a store that came with the program; of the smallest measured one where there is none."""
    stores = ErrorTables.model_validate_json(TABLE_FILE.read_bytes()).stores
    return stores.get(store_id) or min(
        stores.values(), key=lambda table: table.groups[DetectorLabel.PRODUCT].boxes_count
    )


def group_of(thing: TrueThing, shape: str | None) -> str:
    """Name of the kind of thing; empty for one that shows too little of itself."""
    if thing.visible_fraction < LEAST_VISIBLE_FRACTION:
        return ""
    name = thing.label if shape is None else f"{thing.label}/{shape}"
    if thing.depth_index:
        name += "/back"
    return name + ("/part" if thing.visible_fraction < PARTLY_VISIBLE_BELOW_FRACTION else "")


@dataclass(frozen=True, slots=True)
class _Luck:
    """What stays with one thing while it stays as it is."""

    errors: GroupErrors
    score: float
    """Standard normal, but for the share of a single look."""
    edges: tuple[float, ...]
    strays: tuple[Stray, ...]
    strays_instead: tuple[Stray, ...]


class ModelledDetector:
    """As `edge.detector.Detector`, for one camera. `show` says what the next frame holds."""

    def __init__(
        self,
        card: ModelCard,
        shape_of_sku: dict[str, str],
        *,
        camera_id: str,
        seed: int,
        table: ErrorTable,
    ) -> None:
        self.card = card
        self._table = table
        self._shape_of_sku = shape_of_sku
        self._camera_id = camera_id
        self._seed = seed
        self._things: tuple[TrueThing, ...] = ()
        self._turn = 0
        self._lucks: dict[tuple[str, str, str | None, str, int, bool], _Luck | None] = {}
        self.runs_count = 0
        own, alike = self._table.box_correlation, min(self._table.sku_correlation, self._table.box_correlation)
        self._weights = (sqrt(alike), sqrt(own - alike), sqrt(1.0 - own))

    def show(self, things: tuple[TrueThing, ...], turn: int) -> None:
        """The true content of the next frame; the same content at the same `turn` is seen the same."""
        self._things, self._turn = things, turn

    def detect(
        self,
        image_bgr: BgrImage,
        *,
        facing_height_px: float | None = None,
        plan: TilingPlan | None = None,
        thresholds: dict[DetectorLabel, float] | None = None,
    ) -> Detections:
        """Boxes as the real one would give them. The image only says how large the frame is."""
        del facing_height_px, plan
        self.runs_count += 1
        wanted = thresholds or dict(self.card.confidence_thresholds)
        rng = np.random.default_rng((self._seed, _number(self._camera_id), self._turn))
        noise = rng.standard_normal((len(self._things), 6))
        found = [
            row for thing, look in zip(self._things, noise, strict=True) for row in self._seen(thing, look, wanted)
        ]
        height_px, width_px = image_bgr.shape[:2]
        return _detections(found, self.card.labels, (width_px, height_px))

    def _seen(
        self, thing: TrueThing, look: Floats, thresholds: dict[DetectorLabel, float]
    ) -> list[tuple[float, DetectorLabel, Floats]]:
        luck = self._luck_of(thing)
        if luck is None:
            return []
        x0, y0, x1, y1 = thing.xyxy_px
        sides_px = np.array([x1 - x0, y1 - y0, x1 - x0, y1 - y0])
        score = luck.score + self._weights[2] * float(look[0])
        confidence = _confidence(luck.errors, score)
        rows = []
        label = DetectorLabel(thing.label)
        if confidence >= thresholds.get(label, 1.0):
            edges = np.array(luck.edges) + self._table.edge_look_sd_fraction * look[1:5]
            rows.append((confidence, label, np.array(thing.xyxy_px) + edges * sides_px))
        for stray in luck.strays if confidence else luck.strays_instead:
            doubt = _shaken(stray.confidence, self._weights[2] * float(look[5]))
            if doubt >= thresholds.get(stray.label, 1.0):
                place = np.array([x0, y0, x0, y0]) + np.array(stray.xyxy) * sides_px
                rows.append((doubt, stray.label, place))
        return rows

    def _luck_of(self, thing: TrueThing) -> _Luck | None:
        part = thing.visible_fraction < PARTLY_VISIBLE_BELOW_FRACTION
        key = (thing.label, thing.ref_id, thing.sku, thing.condition, thing.depth_index, part)
        if thing.visible_fraction < LEAST_VISIBLE_FRACTION:
            return None
        if key not in self._lucks:
            self._lucks[key] = self._drawn(thing, key)
        return self._lucks[key]

    def _drawn(self, thing: TrueThing, key: tuple[object, ...]) -> _Luck | None:
        shape = self._shape_of_sku.get(thing.sku) if thing.sku is not None else None
        name = group_of(thing, shape)
        errors = self._table.errors_of(name)
        if errors is None:
            return None
        rng = np.random.default_rng((self._seed, _number(self._camera_id, *map(str, key))))
        of_sku = np.random.default_rng((self._seed, _number("sku", str(thing.sku or thing.ref_id), thing.label)))
        score = self._weights[0] * of_sku.standard_normal() + self._weights[1] * rng.standard_normal()
        lasting_sd = sqrt(max(0.0, self._table.edge_sd_fraction**2 - self._table.edge_look_sd_fraction**2))
        edges = tuple(float(edge) for edge in lasting_sd * rng.standard_normal(4))
        strays = _chosen(errors.strays, errors.strays_per_found, rng)
        strays_instead = _chosen(errors.strays_instead, errors.strays_per_missed, rng)
        return _Luck(errors, float(score), edges, strays, strays_instead)


def _chosen(strays: tuple[Stray, ...], per_box: float, rng: np.random.Generator) -> tuple[Stray, ...]:
    count = int(rng.poisson(per_box)) if strays else 0
    return tuple(strays[int(rng.integers(len(strays)))] for _ in range(count))


def _confidence(errors: GroupErrors, score: float) -> float:
    """The measured confidence at a standard normal score; 0 for a miss."""
    fraction = float(np.interp(score, _GRID, _NORMAL_CDF))
    if fraction < errors.missed_fraction or not errors.confidence_quantiles:
        return 0.0
    found_fraction = (fraction - errors.missed_fraction) / (1.0 - errors.missed_fraction)
    places = np.linspace(0.0, 1.0, len(errors.confidence_quantiles))
    return float(np.interp(found_fraction, places, errors.confidence_quantiles))


def _shaken(confidence: float, look: float) -> float:
    inside = min(max(confidence, 1e-4), 1 - 1e-4)
    return 1.0 / (1.0 + (1.0 - inside) / inside * float(np.exp(-look)))


def _number(*words: str) -> int:
    return int.from_bytes(hashlib.sha256("/".join(words).encode()).digest()[:8], "big")


def _detections(
    found: list[tuple[float, DetectorLabel, Floats]], labels: tuple[DetectorLabel, ...], frame_wh_px: tuple[int, int]
) -> Detections:
    found = sorted((row for row in found if row[1] in labels), key=lambda row: -row[0])
    width_px, height_px = frame_wh_px
    xyxy_px = np.array([row[2] for row in found], dtype=np.float32).reshape(-1, 4)
    xyxy_px = np.clip(xyxy_px, 0, np.array([width_px, height_px] * 2, dtype=np.float32))
    boxes = Detections(
        xyxy_px,
        np.array([row[0] for row in found], dtype=np.float32),
        np.array([labels.index(row[1]) for row in found], dtype=np.int64),
        labels,
    )
    return boxes.where(np.all(boxes.xyxy_px[:, 2:] > boxes.xyxy_px[:, :2], axis=1))
