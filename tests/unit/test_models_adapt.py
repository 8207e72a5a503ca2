# SPDX-License-Identifier: AGPL-3.0-or-later
"""Adapting a model to a store: thresholds that count better come in, whatever counts worse stays out."""

import json
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from contract.counts import FacingsDistribution
from contract.model_card import DetectorLabel
from edge.detections import Detections
from edge.place import Place
from models.acceptance import judge
from models.cards import read_card
from models.cli import app
from models.detecting import card_of
from models.errors import StoreModelError
from models.golden import read_golden
from models.golden_lessons import lesson_of, regions_outside
from models.golden_truth import ZoneTruth
from models.recounting import FrameTally, Look, ZoneTally, count_as_node, look, open_detector, ranked_score
from models.store_model import discard, keep, put_in_place, stage, undo
from models.threshold_choice import choose, folds_of
from tests.toy_network import LABELS, toy_calibration, write_toy_model
from tests.toy_store import write_toy_store

PRODUCT, GAP, DAMAGED = DetectorLabel.PRODUCT, DetectorLabel.GAP, DetectorLabel.DAMAGED
CARD = {PRODUCT: 0.3, GAP: 0.3, DetectorLabel.PRICE_TAG: 0.3}


def adapted(*arguments: str | Path) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, ["adapt", *map(str, arguments)])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, outcome.output


def everything_in(folder: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture(scope="module")
def adapted_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `golden/golden.toml` and, adapted by it, `store-model`."""
    folder = tmp_path_factory.mktemp("adapted")
    golden, onnx = write_toy_store(folder / "golden"), write_toy_model(folder / "base")
    code, output = adapted(golden, "--store-folder", folder / "store-model", "--model", onnx)
    assert code == 0, output
    return folder


@pytest.fixture
def shop(adapted_once: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Golden frames and a store's folder of models of this test's own."""
    shutil.copytree(adapted_once / "store-model", tmp_path / "store-model", symlinks=True)
    return adapted_once / "golden" / "golden.toml", tmp_path / "store-model"


@pytest.mark.parametrize("frames_count", [8, 15])  # few groups check in turn; of many a third only checks
def test_a_store_that_was_overcounted_is_counted_right(tmp_path: Path, frames_count: int) -> None:
    golden = write_toy_store(tmp_path / "golden", frames_count=frames_count)
    onnx = write_toy_model(tmp_path / "base")
    home = tmp_path / "store-model"
    code, output = adapted(golden, "--store-folder", home, "--model", onnx)
    assert code == 0, output
    assert "Accepted" in output

    detector = open_detector(home / "current" / "detector.onnx")
    tallies = [count_as_node(frame, detector) for frame in read_golden(golden).frames]
    error = sum(zone.facings_error for tally in tallies for zone in tally.zones)
    assert error * 10 <= 6 * frames_count  # three reflections in each of two zones were miscounted before
    assert 0.44 < detector.card.confidence_thresholds[PRODUCT] < 0.6
    assert detector.card.confidence_thresholds[GAP] == 0.3  # nobody counted gaps, so the card's word stands
    assert detector.card.model_id.startswith("toy.shop.")

    record = json.loads((home / "current" / "adaptation.json").read_text())
    assert record["replaces"] == "toy"
    assert record["golden_sha256"] == read_golden(golden).sha256
    assert record["figures"]["old_error"] >= 10 * record["figures"]["new_error"]


def test_adapting_again_changes_nothing_and_undo_goes_back(shop: tuple[Path, Path], tmp_path: Path) -> None:
    golden, home = shop
    before = everything_in(home)
    code, output = adapted(golden, "--store-folder", home)
    assert code == 0
    assert "stays" in output
    assert everything_in(home) == before

    code, output = adapted("--store-folder", home, "--undo")
    assert code == 0, output
    detector = open_detector(home / "current" / "detector.onnx")
    assert detector.card.model_id == "toy"
    assert (home / "current" / "detector.onnx").read_bytes() == write_toy_model(tmp_path / "base").read_bytes()
    code, output = adapted("--store-folder", home, "--undo")
    assert code == 2
    assert "nothing to go back to" in output


def test_undo_goes_back_in_the_order_in_which_models_were_current(tmp_path: Path) -> None:
    """One that comes back replaces what runs now, not what it replaced when it came for the first time."""
    home = tmp_path / "store-model"
    for model_id, replaces in (("a", None), ("b", "a"), ("c", "b"), ("b", "c")):
        onnx = write_toy_model(tmp_path / "base", name=model_id)
        staged = stage(home, onnx, read_card(card_of(onnx)), {"model_id": model_id, "replaces": replaces})
        keep(home, staged, model_id)
        discard(staged)
        if replaces is not None:
            put_in_place(home, model_id)
    assert [undo(home) for _ in range(3)] == [("b", "c"), ("c", "b"), ("b", "a")]
    with pytest.raises(StoreModelError, match="nothing to go back to"):
        undo(home)
    put_in_place(home, "c")
    put_in_place(home, "c")
    assert undo(home) == ("c", "a")


def test_a_folder_from_before_the_order_was_kept_goes_back_by_its_records(shop: tuple[Path, Path]) -> None:
    _, home = shop
    (home / "order.json").unlink()
    code, output = adapted("--store-folder", home, "--undo")
    assert code == 0, output
    assert (home / "current").readlink() == Path("toy")


@contextmanager
def disk_that_takes(most_bytes: int) -> Iterator[None]:
    """Every file that grows further fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("most_bytes", [100, 2000])
def test_a_full_disk_leaves_nothing_behind(shop: tuple[Path, Path], tmp_path: Path, most_bytes: int) -> None:
    golden, home = shop
    newer = write_toy_model(tmp_path / "newer", name="newer", input_wh_px=None)
    before = everything_in(home)
    with disk_that_takes(most_bytes):
        code, output = adapted(golden, "--store-folder", home, "--candidate", newer)
    assert code == 2
    assert "cannot be written: File too large" in output
    assert everything_in(home) == before
    assert not list(home.glob(".*"))


def test_a_disk_that_is_full_at_the_last_step_keeps_the_old_model(shop: tuple[Path, Path]) -> None:
    _, home = shop
    (home / "order.json").write_text(json.dumps(["x" * 60] * 40 + json.loads((home / "order.json").read_text())))
    before = everything_in(home)
    with disk_that_takes(1000), pytest.raises(StoreModelError, match=r"order\.json: cannot be written"):
        put_in_place(home, "toy")
    assert everything_in(home) == before


def test_what_stands_in_the_way_of_the_link_is_named(tmp_path: Path) -> None:
    onnx = write_toy_model(tmp_path / "base")
    home = tmp_path / "store-model"
    staged = stage(home, onnx, read_card(card_of(onnx)), {})
    (home / "toy").symlink_to("nowhere")
    with pytest.raises(StoreModelError, match="toy: cannot be written: Not a directory"):
        keep(home, staged, "toy")
    (home / ".current.new").mkdir()
    with pytest.raises(StoreModelError, match=r"\.current\.new: cannot be written"):
        put_in_place(home, "toy")


def test_undo_never_points_at_a_model_that_is_gone(shop: tuple[Path, Path]) -> None:
    _, home = shop
    shutil.rmtree(home / "toy")
    before = everything_in(home)
    code, output = adapted("--store-folder", home, "--undo")
    assert code == 2
    assert str(home / "toy") in output
    assert everything_in(home) == before


def test_a_network_that_counts_worse_is_refused_and_the_old_stays_to_the_byte(
    shop: tuple[Path, Path], tmp_path: Path
) -> None:
    golden, home = shop
    before = everything_in(home)
    coarse = write_toy_model(tmp_path / "coarse", name="coarse", input_wh_px=None, default_input_wh_px=(320, 320))
    code, output = adapted(golden, "--store-folder", home, "--candidate", coarse)
    assert code == 1
    assert "Refused" in output
    assert "facings miscounted in all, 0 before" in output
    assert everything_in(home) == before


def test_another_network_comes_in_with_its_own_thresholds(shop: tuple[Path, Path], tmp_path: Path) -> None:
    golden, home = shop
    newer = write_toy_model(tmp_path / "newer", name="newer", input_wh_px=None)
    code, output = adapted(golden, "--store-folder", home, "--candidate", newer, "--json")
    assert code == 0, output
    card = read_card(home / "current" / "detector.card.json")
    assert card.model_id.startswith("newer.shop.")
    assert card.input_wh_px is None


def test_counts_that_contradict_each_other_make_nothing_worse(tmp_path: Path) -> None:
    golden, home = write_toy_store(tmp_path / "golden", ghosts_count=0, wrongly=True), tmp_path / "store-model"
    onnx = write_toy_model(tmp_path / "base")
    code, output = adapted(golden, "--store-folder", home, "--model", onnx, "--json")
    figures = json.loads(output[output.index("{\n") :])
    assert figures["old_error"] >= 40  # five made up in each zone of every other frame
    if code == 0 and not figures["unchanged"]:
        assert figures["new_error"] <= figures["old_error"]
    else:
        assert figures["model_id"] == "toy"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name the file of golden frames"),
        ("one group", "belong to one group"),
    ],
)
def test_what_cannot_be_judged_is_said_and_writes_nothing(tmp_path: Path, text: str, said: str) -> None:
    arguments: list[str | Path] = []
    if text:
        golden = write_toy_store(tmp_path / "golden", frames_count=2)
        golden.write_text(golden.read_text().replace("[[frames]]", '[[frames]]\ngroup = "monday"'))
        arguments = [golden, "--model", write_toy_model(tmp_path / "base")]
    code, output = adapted(*arguments, "--store-folder", tmp_path / "store-model")
    assert code == 2
    assert said in output
    assert not (tmp_path / "store-model").exists()


@settings(max_examples=15)
@given(product=st.floats(0.05, 0.9), gap=st.floats(0.05, 0.9))
def test_recounting_agrees_with_the_node_at_any_thresholds(
    tmp_path_factory: pytest.TempPathFactory, product: float, gap: float
) -> None:
    folder = tmp_path_factory.getbasetemp() / "recounting"
    golden = read_golden(
        write_toy_store(folder, frames_count=2) if not (folder / "golden.toml").exists() else folder / "golden.toml"
    )
    bars = {**CARD, PRODUCT: round(product, 3), GAP: round(gap, 3)}
    detector = open_detector(write_toy_model(folder / "model"))
    as_node = open_detector(write_toy_model(folder / "model", name="set", confidence_thresholds=bars))
    for frame in golden.frames:
        assert look(frame, detector).tally(bars) == count_as_node(frame, as_node)


def test_defects_are_counted_as_a_node_reports_them(tmp_path: Path) -> None:
    """A node tells each pack's damage once and none of no pack: neither may speak for or against a model."""
    golden = write_toy_store(tmp_path / "golden", frames_count=1, ghosts_count=0)
    pack, other, far = [32.0, 32.0, 48.0, 64.0], [96.0, 32.0, 112.0, 64.0], [200.0, 200.0, 216.0, 232.0]
    boxes = [(pack, PRODUCT), (other, PRODUCT), (pack, DAMAGED), ([32.0, 34.0, 48.0, 66.0], DAMAGED), (far, DAMAGED)]
    image = {"id": 1, "file_name": "00.png", "width": 640, "height": 480, "complete_for": ["product", "damaged"]}
    drawn = [
        {"image_id": 1, "category_id": int(label is DAMAGED), "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for (x1, y1, x2, y2), label in boxes
    ]
    categories = [{"id": 0, "name": "product"}, {"id": 1, "name": "damaged"}]
    coco = {"categories": categories, "images": [image], "annotations": drawn}
    (tmp_path / "golden" / "boxes.json").write_text(json.dumps(coco))
    head = 'store_id = "shop"\ncalibration = "cam-1.json"\nannotations = "boxes.json"\n'
    golden.write_text(head + '[[frames]]\npicture = "00.png"\n')
    (frame,) = read_golden(golden).frames
    assert frame.truth["left"] == ZoneTruth(2, None, {DAMAGED: 1})

    found = Detections(
        np.array([box for box, _ in boxes], np.float32),
        np.full(len(boxes), 0.9, np.float32),
        np.array([int(label is DAMAGED) for _, label in boxes]),
        (PRODUCT, DAMAGED),
    )
    seen = Look(frame, Place.of(toy_calibration(), (640, 480)), found)
    left = seen.tally({PRODUCT: 0.5, DAMAGED: 0.5}).zones[0]
    assert left.defects_count == {DAMAGED: 1}
    assert left.defects_error == 0


@given(groups=st.lists(st.sampled_from("abcdefghijklmnopq"), min_size=2, max_size=60), split=st.booleans())
def test_no_frame_judges_what_it_chose_and_groups_stay_whole(groups: list[str], split: bool) -> None:  # noqa: FBT001
    if len(set(groups)) < 2:
        with pytest.raises(ValueError, match="nothing is left to check on"):
            folds_of(groups, split=split)
        return
    folds = folds_of(groups, split=split)
    for fold in folds:
        assert sorted((*fold.choosing, *fold.checking)) == list(range(len(groups)))
        assert fold.choosing
        assert fold.checking
        assert not {groups[index] for index in fold.choosing} & {groups[index] for index in fold.checking}
    if len(folds) > 1:  # each frame checks once
        assert sorted(index for fold in folds for index in fold.checking) == list(range(len(groups)))


def test_little_evidence_moves_little() -> None:
    def moved(frames_count: float) -> float:
        chosen = choose(CARD, CARD, (PRODUCT,), lambda bars: frames_count * abs(bars[PRODUCT] - 0.7))
        assert chosen[GAP] == CARD[GAP]
        return chosen[PRODUCT] - CARD[PRODUCT]

    assert moved(0) == 0
    distances = [moved(frames_count) for frames_count in (1, 4, 16, 64)]
    assert distances == sorted(distances)
    assert distances[0] < 0.1
    assert distances[-1] == pytest.approx(0.4, abs=0.02)


@st.composite
def distributions(draw: st.DrawFn) -> FacingsDistribution:
    weights = draw(st.lists(st.integers(1, 20), min_size=1, max_size=6))
    return FacingsDistribution(
        lowest_count=draw(st.integers(0, 5)), probabilities=tuple(weight / sum(weights) for weight in weights)
    )


@given(said=distributions(), true=distributions(), count=st.integers(0, 12))
def test_the_score_is_a_count_error_that_honesty_makes_small(
    said: FacingsDistribution, true: FacingsDistribution, count: int
) -> None:
    assert ranked_score(FacingsDistribution.certain(count), 7) == abs(count - 7)

    def mean_score(distribution: FacingsDistribution) -> float:
        chances = enumerate(true.probabilities, start=true.lowest_count)
        return sum(chance * ranked_score(distribution, facings) for facings, chance in chances)

    assert mean_score(true) <= mean_score(said) + 1e-9


def tally(*counts: tuple[int, int], gaps: tuple[float, float] = (0, 0), is_shelf: bool = True) -> FrameTally:
    """Zones as (counted, true)."""
    zones = (
        ZoneTally(f"zone-{index}", ZoneTruth(true, gaps[1]), counted, 0.0, gaps[0], {})
        for index, (counted, true) in enumerate(counts)
    )
    return FrameTally("frame.png", tuple(zones), is_shelf)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (tally((4, 5), (5, 5)), tally((5, 5), (5, 5)), None),
        (tally((4, 5), (5, 5)), tally((5, 5), (4, 5)), None),
        (tally((5, 5), (5, 5)), tally((4, 5), (5, 5)), "1 facings miscounted in all, 0 before"),
        (tally((1, 5), (5, 5)), tally((4, 5), (3, 5)), "zone zone-1: 3 counted, 5 stand there"),
        (tally((5, 5), gaps=(1, 1)), tally((5, 5), gaps=(2, 1)), "empty facings are off by 1.0"),
        (tally((5, 5)), tally((5, 5), is_shelf=False), "no longer see a shelf"),
    ],
)
def test_the_gate_lets_in_only_what_counts_as_well(old: FrameTally, new: FrameTally, reason: str | None) -> None:
    verdict = judge([old], [new], ["monday"])
    assert verdict.accepted == (reason is None)
    if reason is not None:
        assert any(reason in said for said in verdict.reasons)


def test_only_zones_that_were_counted_right_teach(tmp_path: Path) -> None:
    golden = write_toy_store(tmp_path / "golden", frames_count=2, ghosts_count=0)
    first = read_golden(golden).frames[0]
    right = first.truth["left"].facings_count
    assert right is not None
    first.truth["right"] = ZoneTruth(first.truth["right"].facings_count + 1)  # type: ignore[operator] # it was counted
    seen = look(first, open_detector(write_toy_model(tmp_path / "model")))
    lesson = lesson_of(seen, CARD)
    assert lesson.taught_zones_count == 1
    assert len(lesson.boxes_px[PRODUCT]) == right
    assert (lesson.boxes_px[PRODUCT][:, 2] <= 320).all()
    (x1, y1, x2, y2) = lesson.ignored_px[PRODUCT][0]
    assert (x1, x2) == (320, 640)
    assert y2 - y1 == 480
    assert lesson.ignored_px[GAP].tolist() == [[0, 0, 640, 480]]  # nobody counted gaps


@given(believed=st.sets(st.integers(0, 1)))
def test_what_is_not_believed_is_covered_and_nothing_else(believed: set[int]) -> None:
    place = Place.of(toy_calibration(), (640, 480))
    covered = np.zeros((480, 640), dtype=int)
    for x1, y1, x2, y2 in regions_outside(place, sorted(believed)).astype(int):
        covered[y1:y2, x1:x2] += 1
    assert (covered == ~np.isin(place.zone_map, sorted(believed))).all()


def test_labels_of_the_toy_network_are_those_of_its_card() -> None:
    assert set(CARD) == set(LABELS)
