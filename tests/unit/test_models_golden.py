# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files of golden frames: read whole or refused with every fault, and drafted by a model for a person to correct."""

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from typer.testing import CliRunner

from contract.model_card import DetectorLabel
from models.cli import app
from models.errors import GoldenError
from models.golden import read_golden
from models.picture_time import in_name
from tests.toy_network import products, shelf_picture, toy_calibration, write_toy_model

HEAD = 'store_id = "shop"\ncalibration = "cam-1.json"\n'


def folder_with_pictures(folder: Path, *names: str) -> Path:
    (folder / "cam-1.json").write_text(toy_calibration().to_json())
    for name in names:
        cv2.imwrite(str(folder / name), shelf_picture(products(range(8), 2)))
    return folder


def written(folder: Path, text: str) -> Path:
    path = folder / "golden.toml"
    path.write_text(text)
    return path


def refusal(path: Path) -> list[str]:
    with pytest.raises(GoldenError) as caught:
        read_golden(path)
    return str(caught.value).splitlines()


def coco(folder: Path, boxes: list[dict[str, Any]], **image: Any) -> None:
    document = {
        "categories": [{"id": 1, "name": "product"}, {"id": 2, "name": "gap"}],
        "images": [{"id": 1, "file_name": "a.png", "width": 640, "height": 480, **image}],
        "annotations": [{"image_id": 1, "category_id": 1, **box} for box in boxes],
    }
    (folder / "boxes.json").write_text(json.dumps(document))


def test_counts_are_read_for_the_zones_that_somebody_counted(tmp_path: Path) -> None:
    folder_with_pictures(tmp_path, "a.png", "b.png")
    text = (
        HEAD + '[[frames]]\npicture = "b.png"\ncaptured_at = 2026-11-20T09:50:00Z\nfacings = { left = 4 }\n'
        "gaps = { left = 1.5 }\ndefects = { left = { damaged = 1 } }\n"
        '[[frames]]\npicture = "a.png"\ncaptured_at = 2026-11-20T09:10:00Z\nfacings = { left = 4, right = 0 }\n'
    )
    golden = read_golden(written(tmp_path, text))
    assert [frame.picture.name for frame in golden.frames] == ["a.png", "b.png"]  # in order of time
    first, second = golden.frames
    assert first.group == second.group  # one camera within one hour: the shelf hardly changed
    assert set(first.truth) == {"left", "right"}
    assert set(second.truth) == {"left"}
    assert second.truth["left"].gap_facings == 1.5
    assert second.truth["left"].defects_count == {DetectorLabel.DAMAGED: 1}
    assert not golden.may_train


def test_every_fault_is_named_with_line_and_field(tmp_path: Path) -> None:
    folder_with_pictures(tmp_path, "a.png")
    text = (
        HEAD + '\n[[frames]]\npicture = "a.png"\nfacings = { left = 4, middle = 1 }\n'
        '\n[[frames]]\npicture = "none.png"\nfacings = { left = 1 }\n'
        '\n[[frames]]\npicture = "a.png"\nchecked = false\nfacings = { left = 1 }\n'
    )
    path = written(tmp_path, text)
    lines = refusal(path)
    assert lines[0] == (f"{path}:4: frames.0.facings.middle: no such zone; the calibration of cam-1 has left, right")
    assert lines[1].startswith(f"{path}:8: frames.1.picture: ")
    assert lines[2].startswith(f"{path}:12: frames.2.checked: false: count its zones")
    assert lines[3] == f"{path}:12: frames.2.picture: a.png is named twice"


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("facings = { left = -1 }", "frames.0.facings.left: Input should be greater than or equal to 0"),
        ("facings = { left = 2.5 }", "frames.0.facings.left: Input should be a valid integer"),
        ("facings = { left = true }", "frames.0.facings.left: Input should be a valid integer"),
        ("gap = { left = 1 }", "frames.0.gap: Extra inputs are not permitted"),
        ("gaps = { left = 1 }", "frames.0.facings: absent; state how many facings stand in each zone"),
        ("captured_at = 2026-11-20T09:00:00", "frames.0.captured_at: Input should have timezone info"),
        ("facings = { left = 1 }\ndefects = { left = { gap = 1 } }", "frames.0.defects.left.gap: is no defect"),
        ("calibration = 'other.json'\nfacings = { left = 1 }", "frames.0.calibration: "),
        ("facings = ", "is no TOML"),
    ],
)
def test_a_wrong_field_is_refused(tmp_path: Path, frame: str, said: str) -> None:
    folder_with_pictures(tmp_path, "a.png")
    lines = refusal(written(tmp_path, f'{HEAD}[[frames]]\npicture = "a.png"\n{frame}\n'))
    assert len(lines) == 1
    assert said in lines[0]
    assert lines[0].startswith(f"{tmp_path / 'golden.toml'}:")


def test_drawn_boxes_count_their_zones_where_nothing_is_ignored(tmp_path: Path) -> None:
    folder_with_pictures(tmp_path, "a.png")
    boxes = [{"bbox": [x, 32, 16, 16]} for x in (0, 32, 64)] + [{"bbox": [500, 100, 100, 60], "iscrowd": 1}]
    coco(tmp_path, boxes, complete_for=["product"])
    path = written(tmp_path, HEAD + 'annotations = "boxes.json"\n[[frames]]\npicture = "a.png"\n')
    (frame,) = read_golden(path).frames
    assert {zone_id: truth.facings_count for zone_id, truth in frame.truth.items()} == {"left": 3}
    assert frame.truth["left"].gap_facings is None  # nobody looked for gaps

    path.write_text(path.read_text() + "facings = { left = 4 }\n")
    (line,) = refusal(path)
    assert line.endswith("frames.0.facings.left: 4 stated, 3 boxes drawn; correct one")


def test_what_a_model_drew_is_no_truth_to_judge_it_by(tmp_path: Path) -> None:
    folder_with_pictures(tmp_path, "a.png")
    onnx = write_toy_model(tmp_path / "model")
    words = ["pseudo-label", str(tmp_path), "--card", str(onnx.with_name("toy.card.json")), "--group-by", "all"]
    words += ["--output", str(tmp_path / "drawn"), "--source", "shop", "--licence", "own photographs", "--may-train"]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0, outcome.output
    frame = '[[frames]]\npicture = "drawn/images/shop-a.png"\n'
    (line,) = refusal(written(tmp_path, HEAD + 'annotations = "drawn/annotations.json"\n' + frame))
    assert "a model drew all its boxes" in line

    drawn = json.loads((tmp_path / "drawn" / "annotations.json").read_text())
    by_hand = {"id": 99, "file_name": "b.png", "width": 640, "height": 480, "complete_for": ["product"]}
    drawn["images"].append(by_hand)
    (tmp_path / "drawn" / "annotations.json").write_text(json.dumps(drawn))
    (line,) = refusal(tmp_path / "golden.toml")
    assert "frames.0.facings: absent" in line
    assert "a model's own boxes are no truth" in line


def test_the_hash_tells_another_picture_from_the_same_name(tmp_path: Path) -> None:
    folder_with_pictures(tmp_path, "a.png")
    path = written(tmp_path, HEAD + '[[frames]]\npicture = "a.png"\nfacings = { left = 4 }\n')
    before = read_golden(path).sha256
    cv2.imwrite(str(tmp_path / "a.png"), shelf_picture({}))
    assert read_golden(path).sha256 != before


def drafted(folder: Path, *pictures: str) -> tuple[Path, str]:
    draft = folder / "draft.toml"
    words = ["golden", *(str(folder / name) for name in pictures), "--calibration", str(folder / "cam-1.json")]
    words += ["--output", str(draft), "--store", "shop", "--model", str(write_toy_model(folder / "model"))]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0, outcome.output
    draft.write_text(draft.read_text().replace("checked = false", "checked = true"))
    return draft, outcome.output


def test_snapshots_of_one_minute_make_one_group(tmp_path: Path) -> None:
    names = [f"cam-20261120-0900{second:02d}.png" for second in (1, 20, 40)] + ["cam-20261120-110000.png"]
    folder_with_pictures(tmp_path, *names)
    draft, said = drafted(tmp_path, *names)
    frames = read_golden(draft).frames
    assert [len({frame.group for frame in frames[:end]}) for end in (3, 4)] == [1, 2]
    assert "warning" not in said


def test_the_camera_s_own_time_goes_before_that_in_the_name(tmp_path: Path) -> None:
    folder_with_pictures(tmp_path, "20261120-110000.png")
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:11:20 09:50:00"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.OffsetTimeOriginal] = "+09:00"
    picture = Image.open(tmp_path / "20261120-110000.png")
    picture.save(tmp_path / "20261120-110000.jpg", exif=exif)
    draft, _ = drafted(tmp_path, "20261120-110000.jpg")
    assert tomllib.loads(draft.read_text())["frames"][0]["captured_at"] == datetime(2026, 11, 20, 0, 50, tzinfo=UTC)


def test_frames_of_no_time_and_group_are_warned_of(tmp_path: Path) -> None:
    folder_with_pictures(tmp_path, "a.png", "cam-20261120-0001.png")  # a running number is no time
    draft, said = drafted(tmp_path, "a.png", "cam-20261120-0001.png")
    assert "warning: 2 of 2 pictures tell no time" in said
    words = [str(draft), "--store-folder", str(tmp_path / "store"), "--model", str(tmp_path / "model" / "toy.onnx")]
    assert "warning: no frame tells captured_at or group" in CliRunner().invoke(app, ["adapt", *words]).output
    draft.write_text(draft.read_text().replace("checked = true", 'group = "monday"\nchecked = true', 1))
    assert "warning" not in CliRunner().invoke(app, ["adapt", *words]).output


@given(
    instant=st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001 - the clock's time
    pattern=st.sampled_from(
        [
            "IMG_%Y%m%d_%H%M%S.jpg",
            "PXL_%Y%m%d_%H%M%S123.jpg",
            "cam1-%Y%m%dT%H%M%SZ.png",
            "%Y-%m-%d %H.%M.%S.jpeg",
            "WhatsApp Image %Y-%m-%d at %H.%M.%S.jpeg",
            "7_%Y-%m-%d_%H-%M.jpg",
            "%Y%m%d%H%M%S.bmp",
        ]
    ),
)
def test_a_time_in_a_name_is_read_as_a_person_reads_it(instant: datetime, pattern: str) -> None:
    told = in_name(instant.strftime(pattern))
    meant = instant.replace(tzinfo=UTC) if "Z." in pattern else instant.astimezone()
    assert told is not None
    assert told.replace(second=0) == meant.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    "name", ["a.png", "20261320-090000.jpg", "aisle-3-0900.jpg", "IMG_20261120.jpg", "1234567890123456.jpg"]
)
def test_a_name_that_states_no_time_tells_none(name: str) -> None:
    assert in_name(name) is None


def test_a_draft_must_be_checked_before_it_counts(tmp_path: Path) -> None:
    folder_with_pictures(tmp_path, "a.png", "b.png")
    onnx = write_toy_model(tmp_path / "model")
    draft = tmp_path / "draft" / "golden.toml"
    arguments = [
        "golden",
        str(tmp_path / "a.png"),
        str(tmp_path / "b.png"),
        "--calibration",
        str(tmp_path / "cam-1.json"),
    ]
    arguments += ["--output", str(draft), "--store", "shop", "--model", str(onnx)]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    assert len(list((tmp_path / "draft" / "golden-drawn").glob("*.jpg"))) == 2
    assert all("checked: false" in line for line in refusal(draft))

    draft.write_text(draft.read_text().replace("checked = false", "checked = true"))
    golden = read_golden(draft)
    assert [frame.truth["left"].facings_count for frame in golden.frames] == [4, 4]

    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    assert "is there already" in again.output
