# SPDX-License-Identifier: AGPL-3.0-or-later
"""A split parts no group and no duplicates, lets nothing train that may not, and comes out the same every time."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from contract.model_card import DetectorLabel
from models.annotations import read_annotations
from models.cli import app
from models.errors import WorkshopError
from models.splitting import Group, choose_folds, choose_holdout
from models.train import photographs_for

groups = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9), st.integers(1, 5), st.booleans()), min_size=6, max_size=20
).map(
    lambda rows: [
        Group(f"g{index}", (boxes, tags, images), may_train or index < 4)
        for index, (boxes, tags, images, may_train) in enumerate(rows)
    ]
)


@given(groups, st.floats(0.1, 0.6), st.integers(0, 5))
def test_a_holdout_takes_what_may_not_train_and_leaves_something_to_train(
    those: list[Group], fraction: float, seed: int
) -> None:
    examining = choose_holdout(those, fraction, seed)
    assert {group.name for group in those if not group.may_train} <= examining
    free = {group.name for group in those if group.may_train}
    assert free - examining
    assert free & examining
    assert choose_holdout(list(reversed(those)), fraction, seed) == examining


@given(groups, st.integers(2, 4), st.integers(0, 5))
def test_every_group_that_may_train_examines_in_one_fold(those: list[Group], folds_count: int, seed: int) -> None:
    fold_of = choose_folds(those, folds_count, seed)
    assert set(fold_of) == {group.name for group in those if group.may_train}
    assert set(fold_of.values()) == set(range(folds_count))


@given(st.integers(2, 5), st.integers(0, 9))
def test_equal_groups_are_shared_out_evenly(folds_count: int, seed: int) -> None:
    those = [Group(f"g{index}", (10, 2, 1), may_train=True) for index in range(folds_count * 4)]
    fold_of = choose_folds(those, folds_count, seed)
    assert [list(fold_of.values()).count(number) for number in range(folds_count)] == [4] * folds_count
    examining = choose_holdout(those, 0.25, seed)
    assert len(examining) == folds_count


def test_boxes_are_balanced_rather_than_groups() -> None:
    heavy = [Group("heavy", (300, 10), may_train=True)]
    light = [Group(f"light{index}", (30, 1), may_train=True) for index in range(10)]
    assert choose_holdout(heavy + light, 0.5, 3) in ({"heavy"}, {group.name for group in light})


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(WorkshopError, match="1 groups of photographs that may train cannot make 2 parts"):
        choose_holdout([Group("a", (3, 1), may_train=True), Group("b", (3, 1), may_train=False)], 0.5, 0)


def _picture(seed: int) -> Any:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_NEAREST)


def _dataset(folder: Path, *rows: tuple[int, str, bool], source: str = "shop", **extra: Any) -> Path:
    """Photographs (seed of the picture, group, may_train), with one product each."""
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for number, (seed, group, may_train) in enumerate(rows, start=1):
        name = f"{source}-{number}.png"
        cv2.imwrite(str(folder / "images" / name), _picture(abs(seed))[:, :: -1 if seed < 0 else 1])
        image = {"id": number, "file_name": name, "width": 240, "height": 180, "group": group, "may_train": may_train}
        images.append(image | {"source": source, "complete_for": ["facing"], "rows": [1]} | extra)
        annotations.append({"id": number, "image_id": number, "category_id": 4, "bbox": [10, 20, 30, 40]})
    path = folder / "annotations.json"
    path.write_text(
        json.dumps({"categories": [{"id": 4, "name": "facing"}], "images": images, "annotations": annotations})
    )
    return path


def _split(*words: str | Path) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, ["split", *map(str, words)])
    return outcome.exit_code, outcome.output


def _names(path: Path) -> set[str]:
    return {photograph.path.name for photograph in read_annotations(path)}


ROWS = ((1, "a", True), (2, "a", True), (3, "b", True), (4, "c", True), (5, "d", False))


def test_files_of_a_split_read_like_the_whole(tmp_path: Path) -> None:
    path = _dataset(tmp_path, *ROWS)
    code, text = _split(path, "--holdout-group", "b")
    assert code == 0, text
    assert _names(tmp_path / "train.json") == {"shop-1.png", "shop-2.png", "shop-4.png"}
    assert _names(tmp_path / "evaluation.json") == {"shop-3.png", "shop-5.png"}
    whole = {photograph.path: photograph for photograph in read_annotations(path)}
    for photograph in read_annotations(tmp_path / "train.json"):
        same = whole[photograph.path]
        assert photograph.boxes_px[DetectorLabel.PRODUCT].tolist() == same.boxes_px[DetectorLabel.PRODUCT].tolist()
        assert (photograph.complete_for, photograph.split) == (same.complete_for, "train")
    assert json.loads((tmp_path / "train.json").read_text())["images"][0]["rows"] == [1]
    assert "evaluation" in text


def test_a_mirrored_copy_in_another_group_goes_the_same_way(tmp_path: Path) -> None:
    path = _dataset(tmp_path, *ROWS, (-3, "e", True), (8, "e", True))
    code, text = _split(path, "--holdout-group", "b")
    assert code == 0, text
    assert _names(tmp_path / "evaluation.json") == {"shop-3.png", "shop-5.png", "shop-6.png", "shop-7.png"}
    record = json.loads((tmp_path / "split.json").read_text())
    assert record["duplicate_sets"] == {"shop-3.png": ["shop-3.png", "shop-6.png"]}
    outcome = CliRunner().invoke(app, ["duplicates", str(path), "--json"])
    assert [[one["file"] for one in those] for those in json.loads(outcome.output)] == [["shop-3.png", "shop-6.png"]]


def test_folds_examine_everything_once_and_what_may_not_train_always(tmp_path: Path) -> None:
    path = _dataset(tmp_path / "set", *ROWS)
    code, text = _split(path, "--folds", "3", "--output", tmp_path / "folds", "--json")
    assert code == 0, text
    examined = [_names(tmp_path / "folds" / f"fold-{number}-evaluation.json") for number in (1, 2, 3)]
    trained = [_names(tmp_path / "folds" / f"fold-{number}-train.json") for number in (1, 2, 3)]
    assert sorted(name for names in examined for name in names - {"shop-5.png"}) == [
        f"shop-{n}.png" for n in (1, 2, 3, 4)
    ]
    assert all("shop-5.png" in names for names in examined)
    assert all(not one & other for one, other in zip(examined, trained, strict=True))
    assert all(photograph.path.exists() for photograph in read_annotations(tmp_path / "folds" / "fold-1-train.json"))


def test_a_group_with_a_photograph_that_may_not_train_examines_as_a_whole(tmp_path: Path) -> None:
    path = _dataset(tmp_path, *ROWS, (6, "d", True))
    code, text = _split(path, "--holdout-fraction", "0.3")
    assert code == 0, text
    assert {"shop-5.png", "shop-6.png"} <= _names(tmp_path / "evaluation.json")
    assert "1 not trained, since another photograph of the group may not train" in text


def test_boxes_of_a_model_never_examine(tmp_path: Path) -> None:
    people = _dataset(tmp_path / "people", *ROWS)
    model = {"model_id": "m-1", "onnx_sha256": "0" * 64}
    pseudo = _dataset(tmp_path / "model", (3, "x", True), (9, "y", True), source="more", pseudo_labelled_by=model)
    code, text = _split(people, pseudo, "--holdout-group", "b", "--output", tmp_path / "out")
    assert code == 0, text
    assert _names(tmp_path / "out" / "evaluation.json") == {"shop-3.png", "shop-5.png"}
    assert "more-2.png" in _names(tmp_path / "out" / "train.json")
    assert "more-1.png" not in _names(tmp_path / "out" / "train.json")
    assert "1 labelled by a model" in text
    outcome = CliRunner().invoke(app, ["evaluate", str(pseudo)])
    assert outcome.exit_code == 2
    assert "a model drew all its boxes" in outcome.output


def test_a_split_is_not_written_over_and_comes_out_the_same(tmp_path: Path) -> None:
    path = _dataset(tmp_path, *ROWS)
    assert _split(path)[0] == 0
    before = {one.name: one.read_bytes() for one in tmp_path.glob("*.json")}
    code, text = _split(path)
    assert code == 2
    assert "--replace" in text
    assert _split(path, "--replace")[0] == 0
    assert {one.name: one.read_bytes() for one in tmp_path.glob("*.json")} == before


def test_fewer_folds_leave_none_of_the_earlier_ones_behind(tmp_path: Path) -> None:
    """A part of the earlier split trains what a new one examines."""
    path = _dataset(tmp_path, *ROWS)
    assert _split(path, "--folds", "3")[0] == 0
    (tmp_path / "fold-9-train.json").write_text("somebody's own")
    code, text = _split(tmp_path / "fold-3-train.json", "--folds", "2", "--replace", "--output", tmp_path)
    assert code == 2  # what is being split is not thrown away
    assert "fold-3-train.json: exists already" in text
    assert (tmp_path / "fold-3-train.json").exists()
    assert _split(path, "--folds", "2", "--replace")[0] == 0
    parts = {f"fold-{number}-{role}.json" for number in (1, 2) for role in ("train", "evaluation")}
    assert {one.name for one in tmp_path.glob("fold-*.json")} == parts | {"fold-9-train.json"}
    assert _split(path, "--holdout-group", "b", "--replace")[0] == 0
    assert {one.name for one in tmp_path.glob("fold-*.json")} == {"fold-9-train.json"}


@pytest.mark.parametrize("content", ["{", '{"parts": {"../annotations": []}}'])
def test_a_record_that_names_no_parts_of_a_split_removes_nothing(tmp_path: Path, content: str) -> None:
    path = _dataset(tmp_path / "set", *ROWS)
    (tmp_path / "set" / "split.json").write_text(content)
    code, text = _split(path, "--folds", "2", "--replace")
    assert code == 2
    assert "move it away" in text
    assert path.exists()


def test_the_evaluation_part_does_not_train(tmp_path: Path) -> None:
    path = _dataset(tmp_path, *ROWS)
    assert _split(path)[0] == 0
    assert {photograph.may_train for photograph in photographs_for(tmp_path / "train.json")} == {True}
    with pytest.raises(WorkshopError, match="is the evaluation part of a split"):
        photographs_for(tmp_path / "evaluation.json")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--holdout-group", "z"), "no such group; there are a, b, c, d"),
        (("--folds", "9"), "cannot make 9 parts"),
        (("--folds", "1"), "expected 2 or more"),
        (("--holdout-fraction", "1.5"), "less than 1"),
        (("--folds", "2", "--holdout-group", "b"), "choose one of"),
    ],
)
def test_a_split_that_cannot_be_is_refused(tmp_path: Path, words: tuple[str, ...], complaint: str) -> None:
    code, text = _split(_dataset(tmp_path, *ROWS), *words)
    assert code == 2
    assert complaint in text
    assert not (tmp_path / "train.json").exists()


def test_photographs_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [_dataset(tmp_path / name, *ROWS) for name in ("one", "two")]
    code, text = _split(*paths, "--output", tmp_path / "out")
    assert code == 2
    assert "2 photographs have this name" in text
