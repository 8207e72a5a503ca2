# SPDX-License-Identifier: AGPL-3.0-or-later
"""A store's own photographs come in as they were labelled, whole or not at all, and nothing about them is guessed."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from contract.model_card import DetectorLabel
from models.annotations import Photograph, as_boxes, read_annotations
from models.class_map import Meaning, known_meaning
from models.cli import app
from models.foreign import ForeignBox, Notes
from models.placing import place_boxes
from models.turning import orientation_of, turned_boxes, turned_upright

WH_PX = (320, 240)
ORIENTATIONS = st.integers(1, 8)


def _noise(seed: int, wh_px: tuple[int, int] = WH_PX) -> NDArray[np.uint8]:
    """A picture like no other: coarse random patches."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, wh_px, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _pictures(folder: Path, *names: str, wh_px: tuple[int, int] = WH_PX) -> Path:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), _noise(seed, wh_px))
    return folder


def _coco(path: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]], *names: str) -> Path:
    categories = [{"id": index, "name": name} for index, name in enumerate(names, start=1)]
    numbered = [{"id": index, "category_id": 1, **one} for index, one in enumerate(annotations, start=1)]
    full = [{"width": WH_PX[0], "height": WH_PX[1], **image} for image in images]
    path.write_text(json.dumps({"categories": categories, "images": full, "annotations": numbered}))
    return path


def _import(labelled: Path, folder: Path, *options: str, images: Path | None = None) -> tuple[int, str, Path]:
    output = folder / "shop"
    words = ["import", str(labelled), "--output", str(output), "--source", "corner", "--licence", "own photographs"]
    words += [] if images is None else ["--images", str(images)]
    defaults = {"--group-by": "picture", "--complete-for": "product"}
    words += [word for name, value in defaults.items() if name not in options for word in (name, value)]
    words += [] if "--may-not-train" in options else ["--may-train"]
    outcome = CliRunner().invoke(app, [*words, *options])
    return outcome.exit_code, outcome.output, output


def _read(output: Path) -> dict[str, Photograph]:
    return {photograph.path.name: photograph for photograph in read_annotations(output / "annotations.json")}


def _one_coco(folder: Path, *boxes: dict[str, Any], names: tuple[str, ...] = ("product", "gap", "damaged")) -> Path:
    return _coco(
        folder / "labels.json", [{"id": 7, "file_name": "a.jpg"}], [{"image_id": 7, **box} for box in boxes], *names
    )


def test_coco_comes_in_with_everything_that_was_said(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "monday/a.jpg", "tuesday/a.jpg")
    labelled = _coco(
        tmp_path / "labels.json",
        [{"id": 7, "file_name": "monday/a.jpg", "rows": [3, 4]}, {"id": 9, "file_name": "tuesday/a.jpg"}],
        [
            {"image_id": 7, "bbox": [10, 20, 30, 40]},
            {"image_id": 7, "bbox": [100, 20, 90, 90], "iscrowd": 1},
            {"image_id": 9, "segmentation": [[10, 10, 50, 12, 30, 60]], "category_id": 2},
        ],
        "facing",
        "Price Tag",
    )
    code, text, output = _import(
        labelled, tmp_path, "--group-by", "folder", "--complete-for", "product,price_tag", images=images
    )
    assert code == 0, text
    photographs = _read(output)
    assert set(photographs) == {"corner-a.jpg", "corner-a-2.jpg"}
    monday, tuesday = photographs["corner-a.jpg"], photographs["corner-a-2.jpg"]
    assert monday.path.read_bytes() == (images / "monday" / "a.jpg").read_bytes()
    assert (monday.source, monday.group, monday.licence, monday.may_train) == (
        "corner",
        "corner/monday",
        "own photographs",
        True,
    )
    assert monday.complete_for == {DetectorLabel.PRODUCT, DetectorLabel.PRICE_TAG}
    assert monday.boxes_px[DetectorLabel.PRODUCT].tolist() == [[10, 20, 40, 60]]
    assert monday.ignored_px[DetectorLabel.PRODUCT].tolist() == [[100, 20, 190, 110]]
    assert tuesday.boxes_px[DetectorLabel.PRICE_TAG].tolist() == [[10, 10, 50, 60]]
    first = json.loads((output / "annotations.json").read_text())["images"][0]
    assert (first["rows"], first["original_file"]) == ([3, 4], "monday/a.jpg")


def test_nothing_that_only_the_integrator_knows_has_a_default(tmp_path: Path) -> None:
    labelled = _one_coco(tmp_path, {"bbox": [10, 20, 30, 40]})
    told = {"--source": "s", "--licence": "l", "--group-by": "all", "--complete-for": "product", "--output": "o"}
    for missing in [*told, "--may-train"]:
        words = [word for name, value in told.items() if name != missing for word in (name, value)]
        words += [] if missing == "--may-train" else ["--may-train"]
        outcome = CliRunner().invoke(app, ["import", str(labelled), *words])
        assert outcome.exit_code == 2
        assert missing in outcome.output


def test_pictures_that_say_they_may_not_train_are_not_talked_over(tmp_path: Path) -> None:
    labelled = _one_coco(tmp_path, {"category_id": 1, "bbox": [10, 20, 30, 40]})
    table = json.loads(labelled.read_text())
    table["images"] = [image | {"may_train": False} for image in table["images"]]
    labelled.write_text(json.dumps(table))
    code, said, output = _import(labelled, tmp_path, images=_pictures(tmp_path / "pictures", "a.jpg"))
    assert code == 2
    assert "1 pictures say themselves that they may not train" in said
    assert not output.exists()


def test_a_single_group_is_told_at_once_and_not_at_the_split(tmp_path: Path) -> None:
    names = ("a.jpg", "b.jpg")
    images = [{"id": number, "file_name": name} for number, name in enumerate(names, start=1)]
    boxes = [{"image_id": number, "category_id": 1, "bbox": [10, 20, 30, 40]} for number in (1, 2)]
    labelled = _coco(tmp_path / "labels.json", images, boxes, "product")
    code, said, _ = _import(labelled, tmp_path, "--group-by", "all", images=_pictures(tmp_path / "pictures", *names))
    assert code == 0
    assert "2 photographs in 1 group\n" in said
    assert "--group-by says which show the same fixture" in said


def test_unknown_classes_are_listed_with_their_boxes_and_can_be_mapped(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg")
    labelled = _one_coco(
        tmp_path,
        {"bbox": [10, 20, 30, 40]},
        {"bbox": [50, 20, 30, 40]},
        {"bbox": [90, 20, 30, 40], "category_id": 2},
        {"bbox": [190, 20, 30, 40], "category_id": 3},
        names=("koli", "heap", "shelf"),
    )
    code, text, output = _import(labelled, tmp_path, images=images)
    assert code == 2
    assert "'koli': 2 boxes" in text
    assert "'heap': 1 boxes" in text
    assert "--map" in text
    assert not output.exists()
    maps = ["--map", "koli=product", "--map", "heap=crowd:product", "--map", "shelf=ignore"]
    code, text, output = _import(labelled, tmp_path, *maps, images=images)
    assert code == 0, text
    (photograph,) = _read(output).values()
    assert photograph.boxes_px[DetectorLabel.PRODUCT].tolist() == [[10, 20, 40, 60], [50, 20, 80, 60]]
    assert photograph.ignored_px[DetectorLabel.PRODUCT].tolist() == [[90, 20, 120, 60]]
    assert "1 boxes of classes to ignore" in text


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("koli", "expected NAME=LABEL"),
        ("koli=pack", "'pack' is no label"),
        ("kolli=product", "has no class of that name"),
    ],
)
def test_a_slip_in_a_map_is_refused(tmp_path: Path, entry: str, complaint: str) -> None:
    labelled = _one_coco(tmp_path, {"bbox": [10, 20, 30, 40]}, names=("koli",))
    code, text, _ = _import(labelled, tmp_path, "--map", entry, images=_pictures(tmp_path / "photos", "a.jpg"))
    assert code == 2
    assert complaint in text


def test_faults_are_listed_with_their_place_and_nothing_is_written(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg")
    labelled = _one_coco(
        tmp_path,
        {"bbox": [10, 20, 30, 40]},
        {"bbox": [float("nan"), 20, 30, 40]},
        {"bbox": [10, 20, -30, 40]},
        {"bbox": [10, 20, 30, 40], "image_id": 8},
    )
    code, text, output = _import(labelled, tmp_path, images=images)
    assert code == 2
    for place in ("annotations.1.bbox", "annotations.2.bbox", "annotations.3: names an image or category"):
        assert place in text
    assert set(tmp_path.iterdir()) == {images, labelled}
    code, text, output = _import(labelled, tmp_path, "--skip-faulty", images=images)
    assert code == 0, text
    assert text.count("passed over") == 3
    assert len(_read(output)["corner-a.jpg"].boxes_px[DetectorLabel.PRODUCT]) == 1


def test_boxes_are_cut_to_the_picture_and_counted(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg")
    labelled = _one_coco(
        tmp_path,
        {"bbox": [300, 200, 60, 80]},
        {"bbox": [10, 10, 0, 30]},
        {"bbox": [40, 10, 30, 30]},
        {"bbox": [40, 10, 30, 30]},
    )
    code, text, output = _import(labelled, tmp_path, images=images)
    assert code == 0, text
    boxes = _read(output)["corner-a.jpg"].boxes_px[DetectorLabel.PRODUCT].tolist()
    assert boxes == [[300, 200, 320, 240], [40, 10, 70, 40]]
    for words in ("1 boxes over the edge", "1 boxes without extent", "1 boxes drawn twice"):
        assert words in text


def test_a_box_outside_its_picture_is_a_fault(tmp_path: Path) -> None:
    labelled = _one_coco(tmp_path, {"bbox": [400, 20, 30, 40]})
    code, text, _ = _import(labelled, tmp_path, images=_pictures(tmp_path / "photos", "a.jpg"))
    assert code == 2
    assert "outside the picture of 320 x 240" in text


def test_missing_and_damaged_pictures_are_faults_that_can_be_passed_over(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg")
    (images / "cut.jpg").write_bytes((images / "a.jpg").read_bytes()[:900])
    files = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "gone.jpg"}, {"id": 3, "file_name": "cut.jpg"}]
    labelled = _coco(
        tmp_path / "labels.json",
        files,
        [{"image_id": number, "bbox": [1, 2, 30, 40]} for number in (1, 2, 3)],
        "product",
    )
    code, text, output = _import(labelled, tmp_path, images=images)
    assert code == 2
    assert "gone.jpg: no such picture" in text
    code, text, output = _import(labelled, tmp_path, "--skip-faulty", images=images)
    assert code == 0, text
    assert "cut.jpg: the JPEG picture is cut short" in text
    assert list(_read(output)) == ["corner-a.jpg"]


def test_the_same_id_or_file_twice_cannot_be_passed_over(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg", "b.jpg")
    same_id = [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]
    same_file = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "a.jpg"}]
    for files, complaint in ((same_id, "images.1: id 1"), (same_file, "a.jpg: is labelled at")):
        labelled = _coco(
            tmp_path / "labels.json",
            files,
            [{"image_id": one["id"], "bbox": [1, 2, 30, 40]} for one in files],
            "product",
        )
        code, text, _ = _import(labelled, tmp_path, "--skip-faulty", images=images)
        assert code == 2
        assert complaint in text


def test_a_picture_of_another_size_is_refused_unless_it_was_only_resized(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg", wh_px=(640, 480))
    labelled = _one_coco(tmp_path, {"bbox": [10, 20, 30, 40]})
    code, text, _ = _import(labelled, tmp_path, images=images)
    assert code == 2
    assert "labelled at 320 x 240 pixels, the file has 640 x 480; --rescale" in text
    code, text, output = _import(labelled, tmp_path, "--rescale", images=images)
    assert code == 0, text
    assert _read(output)["corner-a.jpg"].boxes_px[DetectorLabel.PRODUCT].tolist() == [[20, 40, 80, 120]]


def test_a_picture_without_boxes_is_asked_about(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg", "b.jpg")
    files = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
    labelled = _coco(tmp_path / "labels.json", files, [{"image_id": 1, "bbox": [1, 2, 30, 40]}], "product")
    code, text, _ = _import(labelled, tmp_path, images=images)
    assert code == 2
    assert "--keep-empty" in text
    for option, count in (("--keep-empty", 2), ("--leave-out-empty", 1)):
        (tmp_path / option).mkdir()
        code, text, output = _import(labelled, tmp_path / option, option, images=images)
        assert code == 0, text
        assert len(_read(output)) == count


def test_an_existing_folder_is_not_written_into(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg")
    labelled = _one_coco(tmp_path, {"bbox": [10, 20, 30, 40]})
    assert _import(labelled, tmp_path, images=images)[0] == 0
    code, text, _ = _import(labelled, tmp_path, images=images)
    assert code == 2
    assert "exists already" in text


def test_a_defect_lies_over_a_product_with_the_same_corners(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg")
    labelled = _one_coco(
        tmp_path,
        {"bbox": [10, 20, 60, 80]},
        {"bbox": [13, 22, 58, 76], "category_id": 3},
        {"bbox": [200, 20, 60, 80], "category_id": 3},
    )
    code, text, output = _import(labelled, tmp_path, "--complete-for", "product,damaged", images=images)
    assert code == 0, text
    (photograph,) = _read(output).values()
    damaged = photograph.boxes_px[DetectorLabel.DAMAGED].tolist()
    assert damaged == photograph.boxes_px[DetectorLabel.PRODUCT].tolist() == [[10, 20, 70, 100], [200, 20, 260, 100]]
    assert "1 defects moved onto" in text
    assert "1 defects without a product" in text


def _yolo(folder: Path, lines: str, **table: Any) -> Path:
    _pictures(folder, "images/train/a.jpg", "images/val/b.jpg")
    for split, text in (("train/a.txt", lines), ("val/b.txt", "")):
        (folder / "labels" / split).parent.mkdir(parents=True)
        (folder / "labels" / split).write_text(text)
    whole = {"path": ".", "train": "images/train", "val": "images/val", "names": {0: "product", 1: "gap"}} | table
    (folder / "data.yaml").write_text(json.dumps(whole))  # JSON is YAML
    return folder


def test_yolo_comes_in_from_all_its_splits_with_boxes_and_polygons(tmp_path: Path) -> None:
    source = _yolo(tmp_path / "yolo", "0 0.5 0.5 0.25 0.5\n\n1 0.0 0.0 0.1 0.0 0.1 0.25 0.05 0.3\n")
    code, text, output = _import(source, tmp_path, "--complete-for", "product,gap")
    assert code == 0, text
    photographs = _read(output)
    assert photographs["corner-a.jpg"].boxes_px[DetectorLabel.PRODUCT].tolist() == [[120, 60, 200, 180]]
    assert photographs["corner-a.jpg"].boxes_px[DetectorLabel.GAP].tolist() == [[0, 0, 32, 72]]
    assert photographs["corner-a.jpg"].group == "corner/images/train/a.jpg"
    assert not any(len(boxes) for boxes in photographs["corner-b.jpg"].boxes_px.values())


def test_yolo_pictures_without_a_label_file_are_asked_about(tmp_path: Path) -> None:
    source = _yolo(tmp_path / "yolo", "0 0.5 0.5 0.25 0.5\n")
    (source / "labels" / "val" / "b.txt").unlink()
    code, text, _ = _import(source, tmp_path)
    assert code == 2
    assert "1 pictures have no box" in text


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("0 0.5 0.5 0.25", "a.txt:1: 4 words"),
        ("0 0.5 0.5 0.25 0.5 0.9", "six words are a prediction"),
        ("0 160 120 80 60", "160 is no fraction"),
        ("5 0.5 0.5 0.25 0.5", "class 5 is not among"),
        ("0 0.5 nan 0.25 0.5", "a.txt:1: expected centre x"),
        ("zero 0.5 0.5 0.25 0.5", "a.txt:1: 'zero"),
    ],
)
def test_a_broken_yolo_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    code, text, _ = _import(_yolo(tmp_path / "yolo", line + "\n"), tmp_path)
    assert code == 2
    assert complaint in text


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"names": 3}, "names: expected"),
        ({"kpt_shape": [4, 3]}, "key points"),
        ({"train": "gone"}, "gone: no such folder"),
    ],
)
def test_a_broken_yolo_table_is_named(tmp_path: Path, table: dict[str, Any], complaint: str) -> None:
    code, text, _ = _import(_yolo(tmp_path / "yolo", "", **table), tmp_path)
    assert code == 2
    assert complaint in text


def _region(kind: str, **value: Any) -> dict[str, Any]:
    sides = {"original_width": WH_PX[0], "original_height": WH_PX[1], "image_rotation": 0}
    return {"type": kind, "from_name": "label", "value": value, **sides}


def _task(name: str, *regions: dict[str, Any], **annotation: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"image": name, "bay": "bay-7"}, "annotations": [{"result": list(regions), **annotation}]}


def _label_studio(path: Path, *tasks: dict[str, Any]) -> Path:
    path.write_text(json.dumps(list(tasks)))
    return path


PACK = _region("rectanglelabels", x=10, y=20, width=25, height=50, rotation=0, rectanglelabels=["product"])


def test_label_studio_comes_in_from_uploads_and_local_files(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg", "day two/b.jpg", "c.jpg")
    skipped = _task("/data/upload/3/0badcafe-c.jpg", was_cancelled=True)
    labelled = _label_studio(
        tmp_path / "tasks.json",
        _task("/data/upload/3/0badcafe-a.jpg", PACK),
        _task(
            "/data/local-files/?d=day%20two/b.jpg",
            _region("polygonlabels", points=[[0, 0], [50, 0], [50, 50]], polygonlabels=["product"]),
        ),
        skipped,
    )
    code, text, output = _import(labelled, tmp_path, "--group-by", "field:bay", images=images)
    assert code == 0, text
    photographs = _read(output)
    assert photographs["corner-a.jpg"].boxes_px[DetectorLabel.PRODUCT].tolist() == [[32, 48, 112, 168]]
    assert photographs["corner-b.jpg"].boxes_px[DetectorLabel.PRODUCT].tolist() == [[0, 0, 160, 120]]
    assert {photograph.group for photograph in photographs.values()} == {"corner/bay-7"}
    assert "1 pictures that nobody annotated" in text


def test_annotators_say_for_each_picture_what_it_is_complete_for(tmp_path: Path) -> None:
    images = _pictures(tmp_path / "photos", "a.jpg", "b.jpg")
    choice = _region("choices", choices=["product", "gap"]) | {"from_name": "complete_for"}
    alone = _region("choices", choices=["gap"]) | {"from_name": "complete_for"}
    labelled = _label_studio(tmp_path / "tasks.json", _task("a.jpg", PACK, choice), _task("b.jpg", PACK, alone))
    code, text, output = _import(labelled, tmp_path, "--complete-for", "choices", images=images)
    assert code == 0, text
    complete = {name: photograph.complete_for for name, photograph in _read(output).items()}
    assert complete == {
        "corner-a.jpg": {DetectorLabel.PRODUCT, DetectorLabel.GAP},
        "corner-b.jpg": {DetectorLabel.GAP},
    }
    assert "1 boxes of labels that their picture is not complete for" in text
    unsaid = _label_studio(tmp_path / "tasks.json", _task("a.jpg", PACK))
    code, text, _ = _import(unsaid, tmp_path / "again", "--complete-for", "choices", images=images)
    assert code == 2
    assert "complete_for" in text


def test_a_turned_rectangle_becomes_the_box_around_it(tmp_path: Path) -> None:
    """A pack of 80 x 40 px lying at (160, 60), turned by 90 degrees about that corner, covers 40 x 80 to its left."""
    turned = _region("rectanglelabels", x=50, y=25, width=25, height=100 / 6, rotation=90, rectanglelabels=["product"])
    labelled = _label_studio(tmp_path / "tasks.json", _task("a.jpg", turned))
    code, text, output = _import(labelled, tmp_path, images=_pictures(tmp_path / "photos", "a.jpg"))
    assert code == 0, text
    assert _read(output)["corner-a.jpg"].boxes_px[DetectorLabel.PRODUCT] == pytest.approx(
        as_boxes([[120, 60, 160, 140]])
    )
    assert "1 turned rectangles" in text


def test_a_project_with_separate_tools_for_shape_and_label_comes_in_whole(tmp_path: Path) -> None:
    """Label Studio writes such a region twice, as shape and as label, in either order, with one id."""
    sides: dict[str, Any] = {"x": 10, "y": 20, "width": 25, "height": 50, "rotation": 0}
    corners = {"points": [[0, 0], [50, 0], [50, 50]]}
    note = _region("textarea", **sides, text=["dusty"]) | {"id": "r1", "from_name": "remark"}
    regions = [
        _region("rectangle", **sides) | {"id": "r1", "from_name": "box"},
        _region("labels", **sides, labels=["product"]) | {"id": "r1"},
        _region("labels", **corners, labels=["gap"]) | {"id": "r2"},
        _region("polygon", **corners) | {"id": "r2", "from_name": "outline"},
    ]
    labelled = _label_studio(tmp_path / "tasks.json", _task("a.jpg", *regions, note))
    images = _pictures(tmp_path / "photos", "a.jpg")
    code, text, output = _import(labelled, tmp_path, "--complete-for", "product,gap", images=images)
    assert code == 0, text
    boxes = _read(output)["corner-a.jpg"].boxes_px
    assert boxes[DetectorLabel.PRODUCT].tolist() == [[32, 48, 112, 168]]
    assert boxes[DetectorLabel.GAP].tolist() == [[0, 0, 160, 120]]
    assert "1 answers beside the labels" in text


@pytest.mark.parametrize(
    ("task", "complaint"),
    [
        (_task("a.jpg", _region("rectangle", x=10, y=20, width=25, height=50) | {"id": "r1"}), "without a label"),
        (_task("a.jpg", _region("labels", labels=["product"]) | {"id": "r1"}), "(task 1).result.0 (region r1): type"),
        (_task("a.jpg", _region("brush", rle=[1]) | {"id": "r1"}), "(task 1).result.0: brush have no box"),
        (_task("a.jpg", _region("magicwand", rle=[1])), "'magicwand' is not read; expected rectanglelabels"),
        (_task("a.jpg", PACK | {"image_rotation": 90}), "turned by 90 degrees"),
        (_task("a.jpg", _region("brushlabels", rle=[1], brushlabels=["product"])), "have no box"),
        (_task("a.jpg", _region("rectanglelabels", x=1, rectanglelabels=["product"])), "result.0.value"),
        (_task("a.pdf", PACK), "a picture's address"),
        (_task("a.jpg", PACK) | {"annotations": [{"result": [PACK]}, {"result": []}]}, "2 annotations"),
    ],
)
def test_what_label_studio_left_unclear_is_refused(tmp_path: Path, task: dict[str, Any], complaint: str) -> None:
    labelled = _label_studio(tmp_path / "tasks.json", task)
    code, text, _ = _import(labelled, tmp_path, images=_pictures(tmp_path / "photos", "a.jpg"))
    assert code == 2
    assert complaint in text


@pytest.mark.parametrize("content", ["{", "[1]", '{"boxes": []}', '[{"image": "a.jpg", "label": []}]'])
def test_a_file_of_no_known_kind_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    code, text, _ = _import(tmp_path / "x.json", tmp_path, images=_pictures(tmp_path / "photos", "a.jpg"))
    assert code == 2
    assert "x.json" in text


def _stored_sideways(path: Path, orientation: int, box_px: tuple[int, int, int, int], wh_px: tuple[int, int]) -> None:
    """A dark picture with a bright box, as a sensor stored it, to be turned by EXIF."""
    image = np.full((wh_px[1], wh_px[0], 3), 20, np.uint8)
    image[: wh_px[1] // 2, : wh_px[0] // 3] = 90  # no turn leaves it as it was
    x1, y1, x2, y2 = box_px
    image[y1:y2, x1:x2] = 250
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image).save(path, exif=exif, quality=95)


def _bright_share(photograph: Photograph) -> tuple[float, float]:
    upright = cv2.imread(str(photograph.path), cv2.IMREAD_GRAYSCALE)
    assert upright is not None
    assert (upright.shape[1], upright.shape[0]) == photograph.wh_px
    (x1, y1, x2, y2) = photograph.boxes_px[DetectorLabel.PRODUCT][0].round().astype(int)
    bright = upright > 170
    return float(bright[y1:y2, x1:x2].mean()), float(bright[y1:y2, x1:x2].sum() / bright.sum())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_drawn_on_the_stored_picture_follow_it_upright(tmp_path: Path, orientation: int) -> None:
    (tmp_path / "photos").mkdir()
    box_px = (200, 120, 280, 160)
    _stored_sideways(tmp_path / "photos" / "a.jpg", orientation, box_px, WH_PX)
    labelled = _one_coco(tmp_path, {"bbox": [200, 120, 80, 40]})
    code, text, output = _import(labelled, tmp_path, images=tmp_path / "photos")
    if orientation in {2, 3, 4}:
        assert code == 2
        assert f"EXIF orientation {orientation}" in text
        code, text, output = _import(labelled, tmp_path, "--boxes-in", "stored", images=tmp_path / "photos")
    assert code == 0, text
    inside, covered = _bright_share(_read(output)["corner-a.jpg"])
    assert min(inside, covered) > 0.95


def test_boxes_drawn_on_the_upright_picture_stay(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    _stored_sideways(tmp_path / "photos" / "a.jpg", 6, (200, 120, 280, 160), WH_PX)
    upright = {"id": 7, "file_name": "a.jpg", "width": WH_PX[1], "height": WH_PX[0]}
    # Turned clockwise, (200..280, 120..160) of 320 x 240 comes to lie at (80..120, 200..280) of 240 x 320.
    labelled = _coco(tmp_path / "labels.json", [upright], [{"image_id": 7, "bbox": [80, 200, 40, 80]}], "product")
    code, text, output = _import(labelled, tmp_path, images=tmp_path / "photos")
    assert code == 0, text
    inside, covered = _bright_share(_read(output)["corner-a.jpg"])
    assert min(inside, covered) > 0.95


@given(ORIENTATIONS, st.tuples(*[st.integers(0, 5)] * 2), st.tuples(*[st.integers(1, 3)] * 2))
def test_pixels_and_boxes_turn_alike(orientation: int, low: tuple[int, int], sides: tuple[int, int]) -> None:
    stored = np.zeros((9, 12), np.uint8)
    stored[0, 1] = 7  # tells all turns apart
    stored[low[1] + 1 : low[1] + 1 + sides[1], low[0] + 2 : low[0] + 2 + sides[0]] = 255
    upright = turned_upright(stored, orientation)
    fractions = as_boxes(
        [[(low[0] + 2) / 12, (low[1] + 1) / 9, (low[0] + 2 + sides[0]) / 12, (low[1] + 1 + sides[1]) / 9]]
    )
    height_px, width_px = upright.shape
    corners = turned_boxes(fractions, orientation)[0] * (width_px, height_px, width_px, height_px)
    x1, y1, x2, y2 = corners.round().astype(int)
    assert (upright[y1:y2, x1:x2] == 255).all()
    assert (upright == 255).sum() == (y2 - y1) * (x2 - x1)
    assert orientation_of(stored, upright) == orientation


edge = st.floats(-0.3, 1.3)


@given(st.lists(st.tuples(edge, edge, edge, edge), max_size=8), ORIENTATIONS)
def test_placed_boxes_lie_in_the_picture_and_every_box_is_accounted_for(
    drawn: list[tuple[float, float, float, float]], orientation: int
) -> None:
    boxes = tuple(ForeignBox(("p",), (min(a, c), min(b, d), max(a, c), max(b, d)), "file:1") for a, b, c, d in drawn)
    notes = Notes()
    placed = place_boxes(boxes, {"p": Meaning((DetectorLabel.PRODUCT,))}, (640, 480), orientation, notes)
    for box in placed:
        x1, y1, x2, y2 = box.xyxy_px
        assert 0 <= x1 < x2 <= 640
        assert 0 <= y1 < y2 <= 480
    assert len(placed) + len(notes.passable) + notes.left_out.total() == len(boxes)


@pytest.mark.parametrize("name", ["product", "Price Tag", "price-tag", "EMPTY_SLOT"])
def test_usual_names_need_no_map(name: str) -> None:
    assert known_meaning(name) is not None
