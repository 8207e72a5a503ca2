# SPDX-License-Identifier: AGPL-3.0-or-later
"""Our scores against an independent scorer, on made-up detections over the real annotations."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from models.annotations import LABEL_BY_CATEGORY, read_annotations
from models.cli import app
from models.evaluate import ALL_SOURCES

SHARED = Path(__file__).parents[2].parent / "shared"
ANNOTATIONS = SHARED / "data" / "shelves" / "annotations.json"
SCORER = SHARED / "tools" / "score_detections.py"
FIELDS = {
    "ap50": "ap50",
    "ap75": "ap75",
    "f1": "f1",
    "precision": "precision",
    "recall": "recall",
    "count_mae": "count_error_mean",
    "count_wape": "count_error_fraction",
    "exact_images": "exact_images_fraction",
}


def _made_up_detections(path: Path) -> None:
    """Every box jittered, some left out, some doubled, wrong ones strewn about, also into ignored regions.

    Confidence loosely tells them apart, and with two digits there are many of equal confidence.
    """
    rng = np.random.default_rng(3)
    lines = []
    for photograph in read_annotations(ANNOTATIONS):
        detections = []
        for label, truth in photograph.boxes_px.items():
            for box in truth[rng.random(len(truth)) < 0.9]:
                sides = np.tile(box[2:] - box[:2], 2)
                times = 1 + int(rng.random() < 0.1)
                detections += [(box + rng.normal(0, 0.07, 4) * sides, rng.beta(5, 2), label) for _ in range(times)]
            for region in photograph.ignored_px[label]:
                sides = np.tile(region[2:] - region[:2], 2)
                detections.append((region + rng.normal(0, 0.2, 4) * sides, rng.beta(3, 3), label))
            for _ in range(int(rng.integers(0, 6))):
                corner = rng.uniform(0, 0.8, 2) * photograph.wh_px
                wrong = np.concatenate([corner, corner + rng.uniform(0.02, 0.15, 2) * photograph.wh_px])
                detections.append((wrong, rng.beta(2, 4), label))
        lines.append(
            {
                "image": photograph.path.name,
                "detections": [
                    {"xyxy_px": list(box), "confidence": round(float(sure), 2), "label": label.value}
                    for box, sure, label in detections
                ],
            }
        )
    path.write_text("\n".join(json.dumps(line) for line in lines))


@pytest.mark.parametrize("source", ["all", "grocery_gulvarol", "empty_pun", "pricetag_anuj", "verified_facings"])
def test_our_scores_are_those_of_the_independent_scorer(tmp_path: Path, source: str) -> None:
    if not (ANNOTATIONS.exists() and SCORER.exists()):
        pytest.skip(f"shared data set is absent ({SHARED.name}/)")
    detections = tmp_path / "detections.jsonl"
    _made_up_detections(detections)
    narrowed = [] if source == ALL_SOURCES else ["--source", source]
    printed = subprocess.run(
        [sys.executable, str(SCORER), str(ANNOTATIONS), str(detections), *narrowed],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    theirs = {LABEL_BY_CATEGORY[name]: figures for name, figures in json.loads(printed).items()}
    outcome = CliRunner().invoke(
        app, ["evaluate", str(ANNOTATIONS.parent), "--detections", str(detections), "--json"], catch_exceptions=False
    )
    rows = json.loads(outcome.stdout)["scores"]
    ours = {row["label"]: row for row in rows if row["source"] == source}
    assert ours.keys() == theirs.keys()
    for label, figures in theirs.items():
        if not figures["boxes"]:
            continue
        for their_field, our_field in FIELDS.items():
            assert ours[label][our_field] == pytest.approx(figures[their_field], abs=0.0006), (label, our_field)
