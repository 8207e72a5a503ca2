# SPDX-License-Identifier: AGPL-3.0-or-later
"""A training recipe: everything that decides what weights come out, in one TOML file."""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.ids import ModelId
from contract.model_card import DetectorLabel
from models.errors import RecipeError

PositiveInt = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
RepeatCount = Annotated[int, Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(_Section):
    """Which network is built, from scratch."""

    architecture: Annotated[str, Field(pattern=r"^[a-z0-9]+$")] = "yolo26n"
    """A detection network that ultralytics can build by name, without any weights."""
    nms_free: bool = False
    """Also train the one-to-one head, which needs no suppression but learns slower."""


class Renders(_Section):
    """How many pictures the simulator draws, and how large a facing becomes in them."""

    train_count: PositiveInt
    validation_count: PositiveInt
    seed: int = 0
    facing_height_range_px: tuple[float, float] = (16.0, 250.0)
    """Heights of a facing at the network's input that training covers."""
    whole_view_fraction: Fraction = 0.5
    """Share of pictures that show the whole scene; the others are cut out at a random scale."""
    harmed_fraction: Fraction = 0.0
    """Share of pictures in which many packs are damaged, toppled or back to front, where defect labels are learnt."""


class Augmentation(_Section):
    """Changes made to each picture anew whenever it is used."""

    zoom_fraction: Fraction = 0.5
    translate_fraction: Fraction = 0.1
    rotate_degrees: float = 3.0
    perspective: Annotated[float, Field(ge=0, le=0.001)] = 0.0003
    hue_fraction: Fraction = 0.1
    saturation_fraction: Fraction = 0.5
    value_fraction: Fraction = 0.4
    mosaic_probability: Fraction = 0.0


class Stage(_Section):
    """One run of training; each stage starts from the weights of the one before."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    epochs: PositiveInt
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 0.002
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.5
    input_px: Annotated[int, Field(ge=64, multiple_of=32)] | None = None
    """Longer side in this stage, where it is not the recipe's: small pictures teach the coarse things faster."""
    minutes_limit: Annotated[float, Field(gt=0)] | None = None
    """End after about this long, with the learning rate fully lowered; the outcome then depends on the machine."""
    renders_count: PositiveInt | None = None
    """How many of the renders take part; all of them when absent."""
    photographs_repeat_count: RepeatCount | dict[str, RepeatCount] = 0
    """How often each photograph that may train is shown per epoch, in all or by source; 0 leaves photographs out."""
    photographs_are_sound: bool = False
    """Take products on photographs that are complete for them to be undamaged where nobody looked for damage."""

    def repeat_count(self, source: str) -> int:
        """How often each photograph of a source is shown per epoch; a source that is not named stays out."""
        repeats = self.photographs_repeat_count
        return repeats.get(source, 0) if isinstance(repeats, dict) else repeats


class Recipe(_Section):
    """The whole file."""

    model_id: ModelId
    labels: tuple[DetectorLabel, ...] = (DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG)
    train_input_px: Annotated[int, Field(ge=64, multiple_of=32)] = 416
    """Longer side of a training picture."""
    default_input_wh_px: tuple[int, int] = (640, 384)
    """What a node feeds when it knows nothing about the scale."""
    batch_count: PositiveInt = 16
    seed: int = 0
    network: Network = Network()
    renders: Renders
    augmentation: Augmentation = Augmentation()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file.

    Raises RecipeError naming the file, the field and what was expected.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: is no TOML: {error}") from error
    try:
        return Recipe.model_validate(tables)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise RecipeError(f"{path}: {faults}") from error
