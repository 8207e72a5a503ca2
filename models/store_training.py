# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fine-tuning on a store's own golden frames, mixed with fresh renders against forgetting. Needs the `train` extra.

Only frames that choose teach; those that check are never shown. The pictures stay where the training runs: in its
folder, which may be removed afterwards, and in no file that a node gets.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract.model_card import DetectorHead, DetectorLabel, ModelCard
from models.adapt import folds
from models.annotations import Boxes
from models.cards import make_card, read_card, write_card
from models.detecting import card_of
from models.errors import GoldenError, WorkshopError
from models.float_twin import float_twin
from models.golden import GoldenFrame, GoldenSet
from models.golden_lessons import lesson_of
from models.manifest import start_manifest
from models.network import network_plan, stride_px
from models.recipe import Recipe, Stage, read_recipe
from models.recipe_toml import recipe_of_text, recipe_toml
from models.recounting import look, open_detector
from models.store_model import StoreModel

RECIPES_FOLDER = Path(__file__).parent / "recipes"
STAGE = "store"
LEARNING_RATE = 0.0002
"""A tenth of what begins a training: the store is to be learnt, nothing else forgotten."""
REPEATS_COUNT = 4
"""How often each golden frame is cut at another scale per pass."""
VALIDATION_RENDERS_COUNT = 24
"""So many that the 8-bit twin of the outcome can be judged by them."""
MOST_RENDERS_SEED = 2**31
MOST_BATCH_COUNT = 8
"""A store has few pictures, and steps are what is scarce."""


@dataclass(frozen=True)
class StorePlan:
    """How to fine-tune."""

    licence: str
    """By what right the pictures train a network, in words that the manifest keeps."""
    recipe: Path | None = None
    """Recipe of the network; the one in its manifest, else the one that the card names, when absent."""
    float_model: Path | None = None
    """ONNX file of the float network behind an 8-bit one; sought when absent."""
    renders_count: int = 300
    epochs: int = 3
    device: str = "cpu"
    processes: int = 2
    threads: int = 2


def fine_tuned(
    golden: GoldenSet, old: StoreModel, plan: StorePlan, folder: Path, *, say: Callable[[str], None] = print
) -> StoreModel:
    """Train the old network, of an 8-bit one its float twin, on the choosing frames.

    Run again in the same way, it goes on where it stopped. Raises WorkshopError, before anything is trained, without
    a licence, a recipe or a manifest of the old network, or when no zone's boxes may be believed; TrainExtraMissing
    without the `train` extra.
    """
    from models.export import export  # noqa: PLC0415 - beside the parts that load torch
    from models.train import require_train_extra, train  # noqa: PLC0415

    if not plan.licence.strip():
        raise WorkshopError(
            "--fine-tune: say with --licence by what right these pictures train a network, for instance "
            '"own photographs of Corner Shop Ltd, not to leave its machines"'
        )
    base = float_twin(old, named=plan.float_model)
    manifest = start_manifest(base.onnx)
    basis = recipe_of(base, manifest) if plan.recipe is None else read_recipe(plan.recipe)
    recipe_text = recipe_toml(store_recipe(basis, base, golden, plan))
    identity = f"{golden.sha256}\n{old.card.model_dump_json()}\n{plan.licence}\n{recipe_text}"
    home = folder / hashlib.sha256(identity.encode()).hexdigest()[:12]
    require_train_extra(home)
    annotations = write_lessons(golden, old, plan.licence, home / "frames", say)
    recipe_path = home / "recipe.toml"
    recipe_path.write_text(recipe_text, encoding="utf-8")
    trained = train(
        recipe_path,
        home,
        annotations=annotations,
        start=base.onnx,
        processes=plan.processes,
        threads=plan.threads,
        device=plan.device,
        say=say,
    )
    recipe, name = read_recipe(recipe_path), f"{base.base_model_id}.onnx"
    onnx = export(trained.weights[STAGE], home / "export" / name, recipe, DetectorHead.RAW)
    shutil.copyfile(trained.manifest, onnx.with_suffix(".manifest.json"))
    card = make_card(
        onnx,
        recipe,
        trained.manifest,
        head=DetectorHead.RAW,
        thresholds=dict(base.prior_thresholds),
        trained_at=datetime.fromtimestamp(trained.weights[STAGE].stat().st_mtime, UTC),
        stride_px=stride_px(network_plan(recipe.network)),
    )
    write_card(owned_card(card, base.card, golden, plan), card_of(onnx))
    record = {
        "training": {"golden_sha256": golden.sha256, "licence": plan.licence, "may_train": golden.may_train},
        "base_model_id": base.base_model_id,
    }
    return StoreModel(onnx, read_card(card_of(onnx)), record)


def recipe_of(model: StoreModel, manifest: Any, *, folder: Path = RECIPES_FOLDER) -> Recipe:
    """The recipe of a network: as its manifest holds it, else the file of that name in `folder`.

    Raises WorkshopError where neither has it.
    """
    name = model.card.recipe
    told = manifest.get("recipe") if isinstance(manifest, dict) else None
    if isinstance(told, dict) and "text" in told:
        return recipe_of_text(str(told["text"]), f"{model.onnx.with_suffix('.manifest.json')}: recipe.text")
    if not (folder / name).is_file():
        raise WorkshopError(
            f"{model.card.model_id} was trained by the recipe {name}, which neither its manifest nor {folder} holds; "
            f"name it with --recipe: it is models/recipes/{name} of the release that the network came with"
        )
    return read_recipe(folder / name)


def owned_card(card: ModelCard, old: ModelCard, golden: GoldenSet, plan: StorePlan) -> ModelCard:
    """The card with what fine-tuning leaves as it was, and with what may be done with the weights.

    What bound the old network binds the new one, which goes on from it.
    """
    store = f"trained on pictures of {golden.store_id} ({plan.licence.strip()})"
    bound = "" if golden.may_train else f"; not for redistribution: {store}"
    return card.model_copy(
        update={
            "facing_height_range_px": old.facing_height_range_px,
            "nms_iou": old.nms_iou,
            "licence": old.licence if old.licence.endswith(bound) else old.licence + bound,
            "weaknesses": (*old.weaknesses, f"{store}: elsewhere it may count worse than what it began with"),
        }
    )


def write_lessons(golden: GoldenSet, old: StoreModel, licence: str, folder: Path, say: Callable[[str], None]) -> Path:
    """Write the choosing frames as a COCO file with copies of their pictures; returns the file.

    Boxes that `old` found where it counts as a person did are its own, and the file says so. Raises GoldenError where
    nothing teaches.
    """
    fold = folds(golden, split=True)[0]
    detector = open_detector(old.onnx)
    bars = dict(old.card.confidence_thresholds)
    coco = _Coco(golden.store_id, licence)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    zones_count = taught_count = drawn_count = 0
    for index in fold.choosing:
        frame = golden.frames[index]
        name = f"{index:03d}-{frame.picture.name}"
        if frame.boxes is not None:
            drawn_count += 1
            shown = coco.add(name, frame, frame.boxes.wh_px, frame.boxes.complete_for)
            coco.draw(shown, frame.boxes.boxes_px, frame.boxes.ignored_px)
        else:
            seen = look(frame, detector)
            lesson = lesson_of(seen, bars)
            zones_count += len(frame.truth)
            taught_count += lesson.taught_zones_count
            if not lesson.taught_zones_count:
                continue
            wh_px = seen.place.view.frame_wh_px
            shown = coco.add(name, frame, wh_px, frozenset(lesson.boxes_px), drawn_by=old.card)
            coco.draw(shown, lesson.boxes_px, lesson.ignored_px)
        shutil.copyfile(frame.picture, folder / "images" / name)
    if not drawn_count and not taught_count:
        raise GoldenError(
            f"{old.card.model_id} counts no zone as it was counted by hand, so there is nothing to learn from; "
            "choose thresholds first (adapt without --fine-tune), or draw boxes"
        )
    say(f"learning from {drawn_count} frames with drawn boxes and from {taught_count} of {zones_count} zones without")
    path = folder / "annotations.json"
    path.write_text(json.dumps(coco.document), encoding="utf-8")
    return path


class _Coco:
    """A COCO file in our dialect while it grows."""

    def __init__(self, store_id: str, licence: str) -> None:
        self._store_id = store_id
        self._licence = licence
        categories = [{"id": number, "name": label.value} for number, label in enumerate(DetectorLabel)]
        self.document: dict[str, list[dict[str, Any]]] = {"categories": categories, "images": [], "annotations": []}

    def add(
        self,
        name: str,
        frame: GoldenFrame,
        wh_px: tuple[int, int],
        complete_for: frozenset[DetectorLabel],
        *,
        drawn_by: ModelCard | None = None,
    ) -> int:
        """Add a picture, whose boxes a person drew or the model of a card; returns its number."""
        images = self.document["images"]
        images.append(
            {
                "id": len(images),
                "file_name": name,
                "width": wh_px[0],
                "height": wh_px[1],
                "source": self._store_id,
                "group": frame.group,
                "licence": self._licence,
                "may_train": True,  # on this machine: the card says whether the outcome may leave it
                "complete_for": sorted(label.value for label in complete_for),
                "pseudo_labelled_by": None if drawn_by is None else _named(drawn_by),
            }
        )
        return len(images) - 1

    def draw(self, image_id: int, boxes_px: dict[DetectorLabel, Boxes], ignored_px: dict[DetectorLabel, Boxes]) -> None:
        """Add boxes and ignored regions of a picture."""
        for iscrowd, by_label in ((0, boxes_px), (1, ignored_px)):
            for category_id, label in enumerate(DetectorLabel):
                for x1, y1, x2, y2 in by_label.get(label, ()):
                    bbox = [round(float(part), 2) for part in (x1, y1, x2 - x1, y2 - y1)]
                    entry = {"image_id": image_id, "category_id": category_id, "bbox": bbox, "iscrowd": iscrowd}
                    self.document["annotations"].append(entry)


def _named(card: ModelCard) -> dict[str, str]:
    """A model that drew boxes, as `facings model pseudo-label` names it too."""
    return {
        "model_id": card.model_id,
        "onnx_sha256": card.onnx_sha256,
        "data_manifest_sha256": card.data_manifest_sha256,
        "licence": card.licence,
    }


def store_recipe(basis: Recipe, old: StoreModel, golden: GoldenSet, plan: StorePlan) -> Recipe:
    """The recipe that built the old network with one short stage in place of its own.

    Its renders are such that no other training drew. The raw head alone goes on, since it alone is in the ONNX file.
    """
    stage = Stage(
        name=STAGE,
        epochs=plan.epochs,
        learning_rate=LEARNING_RATE,
        warmup_epochs=0.1,
        input_px=basis.stages[-1].input_px,
        photographs_repeat_count=REPEATS_COUNT,
    )
    renders = {
        "train_count": plan.renders_count,
        "validation_count": VALIDATION_RENDERS_COUNT,
        "seed": int(golden.sha256[:12], 16) % MOST_RENDERS_SEED,
    }
    return basis.model_copy(
        update={
            "model_id": old.base_model_id,
            "labels": old.card.labels,
            "default_input_wh_px": old.card.default_input_wh_px,
            "batch_count": min(MOST_BATCH_COUNT, basis.batch_count),
            "network": basis.network.model_copy(update={"nms_free": False}),
            "renders": basis.renders.model_copy(update=renders),
            "stages": (stage,),
        }
    )
