# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings detect` and `facings count`, run as a person runs them."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.model_card import DetectorLabel
from tests.toy_network import gaps, products, shelf_picture, toy_calibration, write_toy_model

ROOT = Path(__file__).resolve().parents[2]
SHELF = {**products(range(12), 3), **gaps(range(20, 26), 3), (30, 9): DetectorLabel.PRICE_TAG}


def facings(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "facings.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    return write_toy_model(tmp_path / "model")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "b.png"), shelf_picture(SHELF))
    cv2.imwrite(str(folder / "a.png"), shelf_picture({}))
    return folder


def test_detect_prints_one_json_line_per_picture(onnx_file: Path, pictures: Path) -> None:
    ended = facings("detect", pictures, "--model", onnx_file, "--json")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line["image"] for line in lines] == [str(pictures / "a.png"), str(pictures / "b.png")]
    assert set(lines[1]) == {"image", "width_px", "height_px", "model_id", "detections"}
    assert (lines[1]["width_px"], lines[1]["height_px"], lines[1]["model_id"]) == (640, 480, "toy")
    labels = [detection["label"] for detection in lines[1]["detections"]]
    assert {label: labels.count(label) for label in labels} == {"product": 6, "gap": 3, "price_tag": 1}
    tag = next(detection for detection in lines[1]["detections"] if detection["label"] == "price_tag")
    assert tag["xyxy_px"] == [480, 144, 496, 160]
    assert lines[0]["detections"] == []


def test_a_bad_file_costs_one_line_and_the_exit_code_and_the_others_are_done(
    onnx_file: Path, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "letter.jpg").write_text("Dear customer")
    whole = cv2.imencode(".jpg", shelf_picture(SHELF))[1].tobytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    ended = facings(
        "detect", tmp_path / "letter.jpg", tmp_path / "cut.jpg", tmp_path / "absent.jpg", pictures / "b.png",
        "--model", onnx_file, "--json",
    )  # fmt: skip
    assert ended.returncode == 1
    assert [json.loads(line)["image"] for line in ended.stdout.splitlines()] == [str(pictures / "b.png")]
    complaints = ended.stderr.splitlines()
    assert [Path(line.split(": ")[0]).name for line in complaints] == ["letter.jpg", "cut.jpg", "absent.jpg"]


def test_detect_for_people_is_a_table(onnx_file: Path, pictures: Path) -> None:
    ended = facings("detect", pictures, "--model", onnx_file)
    assert ended.returncode == 0
    assert "price_tag" in ended.stdout
    assert "640x480" in ended.stdout
    assert "a.png" in ended.stdout
    assert str(pictures) not in ended.stdout  # a long path breaks the table, and the name tells enough


def test_draw_writes_annotated_pictures(onnx_file: Path, pictures: Path, tmp_path: Path) -> None:
    ended = facings("detect", pictures, "--model", onnx_file, "--draw", tmp_path / "drawn" / "deep")
    assert ended.returncode == 0
    drawn = cv2.imread(str(tmp_path / "drawn" / "deep" / "b.jpg"))
    assert drawn is not None
    assert drawn.shape == (480, 640, 3)
    changed = np.abs(drawn.astype(int) - shelf_picture(SHELF)).max(axis=2) > 60
    assert changed[144:161, 478:498].any()
    assert not changed[300:400, :].any()


def test_draw_never_overwrites_a_photograph_or_another_drawing(onnx_file: Path, tmp_path: Path) -> None:
    for folder in ("left", "right"):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "a.jpg"), shelf_picture(SHELF))
    photographs = [tmp_path / "left" / "a.jpg", tmp_path / "right" / "a.jpg"]
    before = [photograph.read_bytes() for photograph in photographs]
    ended = facings("detect", *photographs, "--model", onnx_file, "--draw", tmp_path / "left")
    assert ended.returncode == 0, ended.stderr
    assert [photograph.read_bytes() for photograph in photographs] == before
    assert sorted(file.name for file in (tmp_path / "left").iterdir()) == ["a-2.jpg", "a-3.jpg", "a.jpg"]


def test_a_lower_confidence_finds_more(onnx_file: Path, tmp_path: Path) -> None:
    faint = shelf_picture({}, seed=None)
    faint[48:64, 32:48] = (80, 131, 80)
    cv2.imwrite(str(tmp_path / "faint.png"), faint)
    for confidence, boxes_count in ((0.1, 1), (0.5, 0)):
        ended = facings("detect", tmp_path / "faint.png", "--model", onnx_file, "--json", "--conf", confidence)
        assert len(json.loads(ended.stdout)["detections"]) == boxes_count


def test_count_gives_every_zone(onnx_file: Path, pictures: Path, tmp_path: Path) -> None:
    calibration_file = tmp_path / "cam-1.json"
    calibration_file.write_text(toy_calibration().to_json())
    ended = facings("count", pictures / "b.png", "--calibration", calibration_file, "--model", onnx_file, "--json")
    assert ended.returncode == 0, ended.stderr
    left, right = json.loads(ended.stdout)["zones"]
    assert (left["zone_id"], left["state"], left["facings_count"]) == ("left", "seen", 6)
    assert (right["facings_count"], right["gap_facings"]) == (0, pytest.approx(3, abs=0.1))
    table = facings("count", pictures / "b.png", "--calibration", calibration_file, "--model", onnx_file)
    assert "SKU-left" in table.stdout


def test_count_refuses_a_picture_of_another_shape(onnx_file: Path, tmp_path: Path) -> None:
    calibration_file = tmp_path / "cam-1.json"
    calibration_file.write_text(toy_calibration().to_json())
    cv2.imwrite(str(tmp_path / "square.png"), shelf_picture({}, wh_px=(480, 480)))
    ended = facings("count", tmp_path / "square.png", "--calibration", calibration_file, "--model", onnx_file)
    assert ended.returncode == 1
    assert "another aspect ratio" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_model_that_cannot_be_used_is_one_line(pictures: Path, tmp_path: Path) -> None:
    ended = facings("detect", pictures, "--model", tmp_path / "absent.onnx")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "every model needs its card" in ended.stderr


def test_an_empty_folder_says_so(onnx_file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = facings("detect", tmp_path / "empty", "--model", onnx_file, "--json")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "no pictures in" in ended.stderr


def test_checking_a_node_names_what_is_wrong_and_writes_nothing(onnx_file: Path, tmp_path: Path) -> None:
    (tmp_path / "cam-1.json").write_text(toy_calibration().to_json())
    config = tmp_path / "node.toml"
    config.write_text(
        f'node_id = "node-1"\nstate_dir = "state"\n[broker]\nhost = "localhost"\n[model]\nonnx_file = "{onnx_file}"\n'
        '[[cameras]]\ncamera_id = "cam-1"\nsource = "http://localhost/1.jpg"\ncalibration_file = "cam-1.json"\n'
    )
    ended = facings("edge", "run", "--config", config, "--check")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "node node-1, 1 camera(s), in order" in ended.stdout
    assert not (tmp_path / "state").exists()
    for right, wrong, told in (("http:", "gopher:", "no camera speaks"), ("cam-1.json", "gone.json", "gone.json")):
        config.write_text(config.read_text().replace(right, wrong))
        ended = facings("edge", "run", "--config", config, "--check")
        assert ended.returncode == 2
        assert told in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_node_loads_neither_hub_nor_workshop() -> None:
    code = (
        "import sys, edge.cli, edge.node, edge.detect_pictures\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & "
        "{'server', 'models', 'simulator', 'fastapi', 'sqlalchemy', 'torch', 'PIL', 'amqtt'}))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_help_of_the_commands_loads_no_detector() -> None:
    code = "import sys, edge.cli; print({'cv2', 'onnxruntime', 'paho'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
