# SPDX-License-Identifier: AGPL-3.0-or-later
"""What no message may ever say, whoever builds it."""

import itertools
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.counts import MAX_FACINGS, DefectKind, FacingsDistribution, SightState, UnknownReason, ZoneCount
from contract.desired import DesiredConfig
from contract.model_card import ModelCard
from contract.reports import Committed, CountReport, SequenceRange
from contract.status import NodeState, NodeStatus

BOOT_ID = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
CALIBRATION_ID = "cal-0123456789abcdef"
CAPTURED_AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)

counts = st.integers(min_value=0, max_value=MAX_FACINGS - 12)
weights = st.lists(st.floats(min_value=1e-6, max_value=1.0), min_size=1, max_size=12)
reasons = st.sampled_from(UnknownReason)
sequences = st.lists(st.integers(min_value=1, max_value=300), min_size=1, max_size=200)


@st.composite
def distributions(draw: st.DrawFn) -> FacingsDistribution:
    drawn = draw(weights)
    return FacingsDistribution(lowest_count=draw(counts), probabilities=tuple(weight / sum(drawn) for weight in drawn))


def zone(**changes: Any) -> ZoneCount:
    fields: dict[str, Any] = {
        "zone_id": "row2-oats",
        "sku": "OATS",
        "state": "seen",
        "facings": FacingsDistribution.certain(3),
    }
    return ZoneCount(**(fields | changes))


def report(**changes: Any) -> CountReport:
    fields: dict[str, Any] = {
        "node_id": "aisle-3",
        "boot_id": BOOT_ID,
        "sequence": 1,
        "camera_id": "left",
        "captured_at": CAPTURED_AT,
        "monotonic_s": 1.0,
        "model_id": "m-1",
        "calibration_id": CALIBRATION_ID,
        "view": "seen",
        "zones": (zone(),),
    }
    return CountReport(**(fields | changes))


@given(facings=st.none() | distributions(), reason=st.none() | reasons, state=st.sampled_from(SightState))
def test_no_sight_is_never_zero(
    facings: FacingsDistribution | None, reason: UnknownReason | None, state: SightState
) -> None:
    """A number exactly when seen, a reason exactly when not: no third way to say something."""
    honest = (facings is not None, reason is None) == ((True, True) if state is SightState.SEEN else (False, False))
    if honest:
        zone(state=state, facings=facings, reason=reason)
    else:
        with pytest.raises(ValidationError, match="exactly when"):
            zone(state=state, facings=facings, reason=reason)


@given(view=st.sampled_from(SightState), view_reason=st.none() | reasons, zone_reason=st.none() | reasons)
def test_nothing_is_seen_through_a_view_that_is_not(
    view: SightState, view_reason: UnknownReason | None, zone_reason: UnknownReason | None
) -> None:
    looked = zone() if zone_reason is None else zone(state="unknown", reason=zone_reason, facings=None)
    allowed = (view is SightState.SEEN) == (view_reason is None) and (
        view is SightState.SEEN or zone_reason is not None
    )
    if allowed:
        assert report(view=view, view_reason=view_reason, zones=(looked,)).zones == (looked,)
    else:
        with pytest.raises(ValidationError):
            report(view=view, view_reason=view_reason, zones=(looked,))


def test_zones_need_the_calibration_that_drew_them() -> None:
    with pytest.raises(ValidationError, match="calibration_id"):
        report(calibration_id=None)
    assert report(calibration_id=None, zones=(), view="unknown", view_reason="no_calibration").zones == ()


def test_a_zone_is_counted_once_in_a_report() -> None:
    with pytest.raises(ValidationError, match="twice"):
        report(zones=(zone(), zone(facings=FacingsDistribution.certain(9))))


@given(sequence=st.integers())
def test_sequences_are_exact_in_javascript(sequence: int) -> None:
    if 1 <= sequence < 2**53:
        assert report(sequence=sequence).key.sequence == sequence
    else:
        with pytest.raises(ValidationError, match="sequence"):
            report(sequence=sequence)


def test_an_instant_without_a_zone_is_refused_and_any_other_becomes_utc() -> None:
    with pytest.raises(ValidationError, match="captured_at"):
        report(captured_at=CAPTURED_AT.replace(tzinfo=None))
    local = CAPTURED_AT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert report(captured_at=local).captured_at == CAPTURED_AT
    assert report(captured_at=local).captured_at.tzinfo is UTC


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    text = report().to_json().decode().replace('"monotonic_s":1.0', f'"monotonic_s":{number}')
    assert number in text
    with pytest.raises(ValidationError):
        CountReport.read(text)


@given(payload=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_arrives_is_read_or_refused_with_the_one_error(payload: bytes) -> None:
    for wire_type in (CountReport, Committed, NodeStatus, DesiredConfig, ModelCard):
        with pytest.raises(ValidationError):
            wire_type.read(payload)


@given(distribution=distributions(), fraction=st.floats(min_value=0.0, max_value=1.0))
def test_a_distribution_agrees_with_itself(distribution: FacingsDistribution, fraction: float) -> None:
    lowest, highest = distribution.lowest_count, distribution.lowest_count + len(distribution.probabilities) - 1
    assert lowest <= distribution.mode_count <= highest
    assert lowest - 1e-6 <= distribution.mean_count <= highest + 1e-6
    assert lowest <= distribution.quantile_count(fraction) <= highest
    assert distribution.probability_at_most(lowest - 1) == 0.0
    assert distribution.probability_at_most(highest) == pytest.approx(1.0, abs=0.005)
    cumulative = [distribution.probability_at_most(count) for count in range(lowest - 1, highest + 2)]
    assert all(below <= above for below, above in itertools.pairwise(cumulative))
    reached = distribution.quantile_count(fraction)
    assert distribution.probability_at_most(reached) >= min(fraction, 1.0) - 0.005


@given(count=st.integers(min_value=0, max_value=MAX_FACINGS))
def test_a_certain_count_is_that_count(count: int) -> None:
    certain = FacingsDistribution.certain(count)
    assert certain.mode_count == certain.mean_count == certain.quantile_count(0.5) == count


@pytest.mark.parametrize("probabilities", [(0.5,), (0.5, 0.49), (0.6, 0.5), (1.5, -0.5), ()])
def test_probabilities_that_do_not_sum_to_one_are_refused(probabilities: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        FacingsDistribution(lowest_count=0, probabilities=probabilities)


def test_a_count_beyond_any_shelf_is_refused() -> None:
    with pytest.raises(ValidationError, match=str(MAX_FACINGS)):
        FacingsDistribution(lowest_count=MAX_FACINGS, probabilities=(0.5, 0.5))


@given(given_sequences=sequences)
def test_folding_sequences_into_ranges_keeps_exactly_those(given_sequences: list[int]) -> None:
    ranges = Committed.of("aisle-3", BOOT_ID, given_sequences).ranges
    unfolded = [sequence for settled in ranges for sequence in range(settled.first, settled.last + 1)]
    assert unfolded == sorted(set(given_sequences))
    assert all(before.last + 1 < after.first for before, after in itertools.pairwise(ranges))


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(ValidationError, match="backwards"):
        SequenceRange(first=2, last=1)


def test_the_last_will_needs_no_clock() -> None:
    will = NodeStatus(node_id="aisle-3", boot_id=BOOT_ID, state=NodeState.LOST)
    assert will.to_json() == b'{"schema_version":1,"node_id":"aisle-3","boot_id":"%s","state":"lost","cameras":[]}' % (
        BOOT_ID.encode()
    )


@pytest.mark.parametrize("field", ["look_interval_s", "report_interval_s"])
@pytest.mark.parametrize("interval_s", [0, -1, 3601, float("inf")])
def test_an_interval_that_would_stop_or_flood_a_node_is_refused(field: str, interval_s: float) -> None:
    with pytest.raises(ValidationError, match=field):
        DesiredConfig.model_validate({"node_id": "aisle-3", "config_version": 1, field: interval_s})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"confidence_thresholds": {"product": 0.3, "gap": 0.3}}, "lacks price_tag"),
        ({"default_input_wh_px": [650, 416]}, "no multiple of stride"),
        ({"input_wh_px": [640, 640]}, "its own default"),
        ({"max_boxes_count": 300}, "max_boxes_count"),
        ({"onnx_file": "../elsewhere.onnx"}, "onnx_file"),
        ({"onnx_sha256": "abc"}, "onnx_sha256"),
        ({"labels": []}, "labels"),
    ],
)
def test_a_model_card_that_contradicts_itself_is_refused(changes: dict[str, Any], complaint: str) -> None:
    sound: dict[str, Any] = {
        "model_id": "m-1",
        "onnx_file": "m-1.onnx",
        "onnx_sha256": "0" * 64,
        "labels": ["product", "gap", "price_tag"],
        "head": "raw",
        "input_wh_px": None,
        "default_input_wh_px": [640, 416],
        "facing_height_range_px": [16, 250],
        "max_boxes_count": 1500,
        "confidence_thresholds": {"product": 0.3, "gap": 0.3, "price_tag": 0.3},
        "nms_iou": 0.6,
        "licence": "AGPL-3.0-or-later",
        "trained_at": CAPTURED_AT,
        "recipe": "first",
        "data_manifest_sha256": "1" * 64,
        "sources": [],
    }
    ModelCard.model_validate(sound)
    with pytest.raises(ValidationError, match=complaint):
        ModelCard.model_validate(sound | changes)


def test_a_reason_or_defect_that_a_newer_node_knows_does_not_cost_the_report() -> None:
    newer = report(view="unknown", view_reason="black", zones=()).to_json().replace(b'"black"', b'"condensation"')
    assert CountReport.read(newer).view_reason is UnknownReason.OTHER
    dented = report(zones=(zone(defects={"damaged": 2}),)).to_json().replace(b'"damaged"', b'"faded"')
    assert CountReport.read(dented).zones[0].defects == {DefectKind.OTHER: 2}
