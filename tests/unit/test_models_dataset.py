# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures to learn from: cuts carry boxes and ignored regions, unlabelled costs nothing, everything is on record."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from contract.model_card import DetectorLabel
from models.annotations import Photograph, as_boxes
from models.dataset import render_picture, without_tiny_defects, write_photographs, write_renders
from models.errors import AnnotationsError, LicenceError, RecipeError, WorkshopError
from models.manifest import data_sources, file_sha256, pictures_sha256, write_manifest
from models.pictures import Picture, cut, from_photograph, random_window
from models.recipe import Recipe, Stage, read_recipe
from models.samples import Sample, as_photographs, label_lines, write_sample

LABELS = (DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.PRICE_TAG)
RECIPE_TOML = """
model_id = "tiny-1"
train_input_px = 128
default_input_wh_px = [128, 96]
[renders]
train_count = 3
validation_count = 1
[[stages]]
name = "renders"
epochs = 1
"""


def _recipe(**changes: Any) -> Recipe:
    plain: dict[str, Any] = {
        "model_id": "tiny-1",
        "train_input_px": 128,
        "default_input_wh_px": (128, 96),
        "renders": {"train_count": 3, "validation_count": 1},
        "stages": [{"name": "renders", "epochs": 1}],
    }
    return Recipe.model_validate(plain | changes)


def _stage(repeats: int | dict[str, int]) -> Stage:
    return Stage(name="photographs", epochs=1, photographs_repeat_count=repeats)


def _photograph(folder: Path, **changes: Any) -> Photograph:
    path = folder / "bay.png"
    cv2.imwrite(str(path), np.full((100, 200, 3), 120, np.uint8))
    nothing = {label: as_boxes([]) for label in DetectorLabel}
    plain = Photograph(
        path=path,
        wh_px=(200, 100),
        source="corner_shop",
        group="bay-1",
        licence="CC BY 4.0 (somebody)",
        may_train=True,
        complete_for=frozenset({DetectorLabel.PRODUCT}),
        boxes_px=nothing | {DetectorLabel.PRODUCT: as_boxes([[10, 10, 40, 60]])},
        ignored_px=nothing | {DetectorLabel.PRODUCT: as_boxes([[100, 0, 200, 100]])},
    )
    return replace(plain, **changes)


def _picture(product: list[list[float]]) -> Picture:
    nothing = {label: as_boxes([]) for label in LABELS}
    image_bgr = np.zeros((100, 200, 3), np.uint8)
    return Picture(image_bgr, nothing | {DetectorLabel.PRODUCT: as_boxes(product)}, nothing)


def test_a_cut_moves_and_scales_boxes() -> None:
    part = cut(_picture([[60, 20, 80, 60]]), (50, 0, 150, 100), long_side_px=200)
    assert part.wh_px == (200, 200)
    assert part.boxes_px[DetectorLabel.PRODUCT].tolist() == [[20, 40, 60, 120]]


def test_a_product_cut_in_half_is_neither_right_nor_wrong() -> None:
    part = cut(_picture([[40, 20, 60, 60]]), (50, 0, 150, 100), long_side_px=100)
    assert len(part.boxes_px[DetectorLabel.PRODUCT]) == 0
    assert part.ignored_px[DetectorLabel.PRODUCT].tolist() == [[0, 20, 10, 60]]


def test_a_product_that_is_nearly_whole_keeps_its_label() -> None:
    part = cut(_picture([[48, 20, 68, 60]]), (50, 0, 150, 100), long_side_px=100)
    assert part.boxes_px[DetectorLabel.PRODUCT].tolist() == [[0, 20, 18, 60]]


def test_a_product_outside_the_cut_leaves_nothing() -> None:
    part = cut(_picture([[0, 20, 20, 60]]), (50, 0, 150, 100), long_side_px=100)
    assert label_lines(part, LABELS) == []


def test_a_window_shows_a_box_at_the_wanted_height() -> None:
    rng = np.random.default_rng(5)
    nothing = {label: as_boxes([]) for label in LABELS}
    image_bgr = np.zeros((720, 1280, 3), np.uint8)
    picture = Picture(image_bgr, nothing | {DetectorLabel.PRODUCT: as_boxes([[1100, 600, 1140, 660]])}, nothing)
    for _ in range(50):
        window = random_window(rng, picture, facing_height_px=60, target_height_px=80, long_side_px=416)
        x1, y1, x2, y2 = window
        assert 0 <= x1 < x2 <= 1280
        assert 0 <= y1 < y2 <= 720
        (box,) = cut(picture, window, long_side_px=416).boxes_px[DetectorLabel.PRODUCT]
        assert box[3] - box[1] == pytest.approx(80, rel=0.05)


def test_an_unlabelled_class_is_ignored_over_the_whole_photograph(tmp_path: Path) -> None:
    photograph = _photograph(tmp_path)
    picture = from_photograph(photograph, np.zeros((100, 200, 3), np.uint8), LABELS)
    assert picture.ignored_px[DetectorLabel.PRICE_TAG].tolist() == [[0, 0, 200, 100]]
    assert picture.ignored_px[DetectorLabel.PRODUCT].tolist() == [[100, 0, 200, 100]]
    assert label_lines(picture, LABELS) == [
        "0 0.125000 0.350000 0.150000 0.500000",  # the product
        "3 0.750000 0.500000 0.500000 1.000000",  # a heap of products that nobody separated
        "4 0.500000 0.500000 1.000000 1.000000",  # gaps are unlabelled here
        "5 0.500000 0.500000 1.000000 1.000000",  # and so are tags
    ]


def test_goods_taken_to_be_sound_teach_that_nothing_is_damaged(tmp_path: Path) -> None:
    labels = (DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.DAMAGED)
    image_bgr = np.zeros((100, 200, 3), np.uint8)
    whole, heap = [[0, 0, 200, 100]], [[100, 0, 200, 100]]
    plain = from_photograph(_photograph(tmp_path), image_bgr, labels)
    assert plain.ignored_px[DetectorLabel.DAMAGED].tolist() == whole
    sound = from_photograph(_photograph(tmp_path), image_bgr, labels, sound=True)
    assert len(sound.boxes_px[DetectorLabel.DAMAGED]) == 0
    assert sound.ignored_px[DetectorLabel.DAMAGED].tolist() == heap  # whose packs nobody looked at one by one
    assert sound.ignored_px[DetectorLabel.GAP].tolist() == whole  # a gap is no defect
    assert sound.ignored_px[DetectorLabel.PRODUCT].tolist() == heap


def test_nothing_is_sound_where_nobody_drew_the_products(tmp_path: Path) -> None:
    labels = (DetectorLabel.PRODUCT, DetectorLabel.TOPPLED)
    photograph = _photograph(tmp_path, complete_for=frozenset({DetectorLabel.GAP}))
    picture = from_photograph(photograph, np.zeros((100, 200, 3), np.uint8), labels, sound=True)
    assert picture.ignored_px[DetectorLabel.TOPPLED].tolist() == [[0, 0, 200, 100]]


def test_defects_that_somebody_drew_stand(tmp_path: Path) -> None:
    labels = (DetectorLabel.PRODUCT, DetectorLabel.DAMAGED)
    nothing = {label: as_boxes([]) for label in DetectorLabel}
    photograph = _photograph(
        tmp_path,
        complete_for=frozenset(labels),
        boxes_px=nothing | dict.fromkeys(labels, as_boxes([[10, 10, 40, 60]])),
        ignored_px=nothing,
    )
    picture = from_photograph(photograph, np.zeros((100, 200, 3), np.uint8), labels, sound=True)
    assert picture.boxes_px[DetectorLabel.DAMAGED].tolist() == [[10, 10, 40, 60]]
    assert len(picture.ignored_px[DetectorLabel.DAMAGED]) == 0


def test_boxes_of_an_incomplete_class_are_not_learned(tmp_path: Path) -> None:
    photograph = _photograph(tmp_path, complete_for=frozenset({DetectorLabel.GAP}))
    picture = from_photograph(photograph, np.zeros((100, 200, 3), np.uint8), LABELS)
    assert len(picture.boxes_px[DetectorLabel.PRODUCT]) == 0


def test_a_defect_teaches_its_product_where_nobody_drew_products(tmp_path: Path) -> None:
    damaged = as_boxes([[10, 10, 40, 60]])
    nothing = {label: as_boxes([]) for label in DetectorLabel}
    photograph = _photograph(
        tmp_path,
        complete_for=frozenset({DetectorLabel.DAMAGED}),
        boxes_px=nothing | {DetectorLabel.DAMAGED: damaged},
        ignored_px=nothing,
    )
    picture = from_photograph(photograph, np.zeros((100, 200, 3), np.uint8), (*LABELS, DetectorLabel.DAMAGED))
    assert picture.boxes_px[DetectorLabel.PRODUCT].tolist() == damaged.tolist()
    assert picture.ignored_px[DetectorLabel.PRODUCT].tolist() == [[0, 0, 200, 100]]


def test_boxes_for_another_size_of_the_picture_are_refused(tmp_path: Path) -> None:
    photograph = _photograph(tmp_path, wh_px=(400, 200))
    with pytest.raises(AnnotationsError, match="is 200x100, its annotations are for 400x200"):
        write_photographs(tmp_path / "out", _recipe(), [photograph], _stage(1))


def test_a_defect_on_a_tiny_pack_is_neither_taught_nor_asked_for() -> None:
    tiny, large = [10.0, 10.0, 30.0, 60.0], [50.0, 10.0, 90.0, 60.0]
    nothing = {label: as_boxes([]) for label in (DetectorLabel.PRODUCT, DetectorLabel.DAMAGED)}
    both = nothing | {label: as_boxes([tiny, large]) for label in nothing}
    told = without_tiny_defects(Picture(np.zeros((100, 200, 3), np.uint8), both, nothing))
    assert told.boxes_px[DetectorLabel.DAMAGED].tolist() == [large]
    assert told.ignored_px[DetectorLabel.DAMAGED].tolist() == [tiny]
    assert told.boxes_px[DetectorLabel.PRODUCT].tolist() == [tiny, large]


def test_pictures_of_other_labels_are_neither_mixed_with_nor_read(tmp_path: Path) -> None:
    write_renders(tmp_path, _recipe(), "val", 1)
    with pytest.raises(WorkshopError, match="its pictures are labelled"):
        write_renders(tmp_path, _recipe(labels=("product", "damaged")), "val", 1)
    with pytest.raises(WorkshopError, match="its pictures are labelled"):
        as_photographs(tmp_path, "val", (DetectorLabel.PRODUCT,), "ours")
    assert len(as_photographs(tmp_path, "val", LABELS, "ours")) == 1


def test_a_picture_that_cannot_be_written_leaves_no_half_sample(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file where a folder should be")
    sample = Sample(tmp_path / "images" / "val" / "a.jpg", tmp_path / "labels" / "val" / "a.txt")
    with pytest.raises(WorkshopError, match="cannot be written"):
        write_sample(sample, _picture([[10, 10, 40, 60]]), LABELS, jpeg_quality=80)
    assert not sample.label_path.exists()


def test_a_photograph_that_may_not_train_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LicenceError, match=r"bay.png: may_train is false"):
        write_photographs(tmp_path / "out", _recipe(), [_photograph(tmp_path, may_train=False)], _stage(1))
    assert not (tmp_path / "out").exists()


def test_photographs_become_as_many_pictures_as_asked(tmp_path: Path) -> None:
    samples = write_photographs(tmp_path / "out", _recipe(), [_photograph(tmp_path)], _stage(4))
    assert len(samples) == 4
    for sample in samples:
        image_bgr = cv2.imread(str(sample.image_path))
        assert image_bgr is not None
        assert max(image_bgr.shape[:2]) == 128
        assert sample.label_path.exists()


def test_a_source_that_the_stage_does_not_name_stays_out(tmp_path: Path) -> None:
    photographs = [_photograph(tmp_path), _photograph(tmp_path, source="held_out")]
    samples = write_photographs(tmp_path / "out", _recipe(), photographs, _stage({"corner_shop": 3}))
    assert len(samples) == 3


def test_drawn_products_are_sound_only_where_the_stage_says_so(tmp_path: Path) -> None:
    labels = (*LABELS, DetectorLabel.DAMAGED)
    image_bgr = np.zeros((100, 200, 3), np.uint8)
    unsaid = from_photograph(_photograph(tmp_path), image_bgr, labels)
    sound = from_photograph(_photograph(tmp_path), image_bgr, labels, sound=True)
    assert unsaid.ignored_px[DetectorLabel.DAMAGED].tolist() == [[0, 0, 200, 100]]
    assert sound.ignored_px[DetectorLabel.DAMAGED].tolist() == [[100, 0, 200, 100]], "only the heap stays unknown"


def test_a_render_is_the_same_for_the_same_seed_and_holds_products() -> None:
    first, again = (render_picture((1, 0, 3), _recipe()) for _ in range(2))
    assert np.array_equal(first.image_bgr, again.image_bgr)
    assert label_lines(first, LABELS) == label_lines(again, LABELS)
    assert max(first.wh_px) == 128
    assert any(len(render_picture((1, 0, seed), _recipe()).boxes_px[DetectorLabel.PRODUCT]) for seed in range(3))


def test_renders_are_written_once(tmp_path: Path) -> None:
    samples = write_renders(tmp_path, _recipe(), "train", 2, processes=1)
    before = [sample.image_path.stat().st_mtime_ns for sample in samples]
    assert write_renders(tmp_path, _recipe(), "train", 2, processes=1) == samples
    assert [sample.image_path.stat().st_mtime_ns for sample in samples] == before


def test_the_manifest_names_every_photograph_with_hash_and_licence(tmp_path: Path) -> None:
    recipe_path = tmp_path / "tiny.toml"
    recipe_path.write_text(RECIPE_TOML)
    photograph = _photograph(tmp_path)
    render = Sample(tmp_path / "a.jpg", tmp_path / "a.txt")
    render.image_path.write_bytes(b"picture")
    render.label_path.write_bytes(b"labels")
    path = write_manifest(tmp_path / "manifest.json", recipe_path, [render], [photograph])
    manifest = json.loads(path.read_text())
    assert manifest["recipe"]["sha256"] == file_sha256(recipe_path)
    assert manifest["renders"]["images_count"] == 1
    (entry,) = manifest["photographs"]
    assert (entry["file"], entry["sha256"]) == ("bay.png", file_sha256(photograph.path))
    assert (entry["licence"], entry["group"], entry["boxes_count"]) == ("CC BY 4.0 (somebody)", "bay-1", {"product": 1})
    assert str(tmp_path) not in path.read_text()
    renders, shop = data_sources(path)
    assert (renders.name, shop.name, shop.images_count) == ("renders", "corner_shop", 1)
    assert "CC BY 4.0 (somebody)" in (shop.credit or "")


def test_a_digest_of_pictures_knows_contents_and_not_folders(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").write_bytes(b"same")
    digests = {pictures_sha256([tmp_path / folder / "a.jpg"]) for folder in ("one", "two")}
    (tmp_path / "two" / "a.jpg").write_bytes(b"other")
    assert len(digests) == 1
    assert pictures_sha256([tmp_path / "two" / "a.jpg"]) not in digests


def test_every_shipped_recipe_is_readable_and_goes_on_with_the_same_labels() -> None:
    recipes = [read_recipe(path) for path in (Path(__file__).parents[2] / "models" / "recipes").glob("*.toml")]
    assert recipes
    labels = (*LABELS, DetectorLabel.DAMAGED, DetectorLabel.TOPPLED, DetectorLabel.WRONG_FACE)
    assert {recipe.labels for recipe in recipes} == {labels}


@pytest.mark.parametrize(
    ("found", "written", "complaint"),
    [
        ("train_input_px = 128", "train_input_px = 100", "train_input_px"),
        ("epochs = 1", "epochs = 0", "epochs"),
        ('model_id = "tiny-1"', 'model_id = "tiny-1"\ncolour = "red"', "colour: Extra inputs"),
        ("epochs = 1", "epochs = ", "is no TOML"),
    ],
)
def test_a_broken_recipe_is_refused_with_its_fault(tmp_path: Path, found: str, written: str, complaint: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE_TOML.replace(found, written))
    with pytest.raises(RecipeError, match=complaint):
        read_recipe(path)
