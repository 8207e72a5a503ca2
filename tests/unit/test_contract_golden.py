# SPDX-License-Identifier: AGPL-3.0-or-later
"""Messages of every released schema version stay readable for ever, and mean the same after a round trip."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from calibration.document import Calibration
from contract.counts import SightState, UnknownReason
from contract.desired import DesiredConfig
from contract.envelope import Message
from contract.model_card import ModelCard, Precision
from contract.reports import Committed, CountReport
from contract.schemas import WIRE_TYPES, json_schemas
from contract.status import NodeStatus

GOLDEN = Path(__file__).parents[1] / "golden"
GOLDEN_INT8_CARD = GOLDEN / "model_card.v1.int8.json"
"""A card with the fields that came with quantised networks; one from before them is a card of a float network."""


def golden_file(wire_type: type[Message], version: int = 1) -> Path:
    name = re.sub(r"(?<!^)([A-Z])", r"_\1", wire_type.__name__).lower()
    return GOLDEN / f"{name}.v{version}.json"


def grown_files(wire_type: type[Message]) -> list[Path]:
    """Messages of the same version with fields that were added after its golden file was written."""
    return sorted(GOLDEN.glob(f"{golden_file(wire_type).stem}.*.json"))


def golden(wire_type: type[Message]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(golden_file(wire_type).read_text(encoding="utf-8"))
    return document


def without_nulls(value: Any) -> Any:
    """A `null` and an absent field mean the same in every message."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def inner_objects(value: Any) -> list[dict[str, Any]]:
    """Every JSON object inside `value`, itself included."""
    if isinstance(value, dict):
        return [value, *(found for inner in value.values() for found in inner_objects(inner))]
    return [found for inner in value for found in inner_objects(inner)] if isinstance(value, list) else []


every_type = pytest.mark.parametrize("wire_type", WIRE_TYPES, ids=lambda wire_type: wire_type.__name__)


@every_type
def test_the_golden_message_means_the_same_after_a_round_trip(wire_type: type[Message]) -> None:
    first = wire_type.read(golden_file(wire_type).read_bytes())
    sent = json.loads(first.to_json())
    given = without_nulls(golden(wire_type))
    assert {key: sent[key] for key in given} == given
    assert wire_type.read(first.to_json()) == first


@every_type
def test_the_golden_message_fills_every_field(wire_type: type[Message]) -> None:
    """A field that no golden file shows could be renamed without anybody noticing."""
    shown = {field for file in grown_files(wire_type) for field in json.loads(file.read_text(encoding="utf-8"))}
    missing = set(wire_type.model_fields) - set(golden(wire_type)) - shown
    assert missing <= {"view_reason"}  # a seen view has none; the status shows it on a camera


@every_type
def test_a_message_with_fields_that_were_added_later_means_the_same_after_a_round_trip(
    wire_type: type[Message],
) -> None:
    for file in grown_files(wire_type):
        given = json.loads(file.read_text(encoding="utf-8"))
        sent = json.loads(wire_type.read(file.read_bytes()).to_json())
        assert {key: sent.get(key) for key in without_nulls(given)} == without_nulls(given)
        wire_type.model_validate_json(file.read_bytes())  # strictly: every field is one that we write


@every_type
def test_a_field_that_a_newer_sender_added_is_ignored_wherever_it_stands(wire_type: type[Message]) -> None:
    document = golden(wire_type)
    keyed_by_data = ("defects", "confidence_thresholds")  # their keys are values, not fields
    maps = [inner[name] for inner in inner_objects(document) for name in keyed_by_data if name in inner]
    for inner in inner_objects(document):
        if not any(inner is keyed for keyed in maps):
            inner["field_of_the_future"] = {"nested": [1, None]}
    assert wire_type.read(json.dumps(document)) == wire_type.read(golden_file(wire_type).read_bytes())


@every_type
def test_building_a_message_with_an_unknown_field_is_refused(wire_type: type[Message]) -> None:
    with pytest.raises(ValidationError, match="no_such_field"):
        wire_type.model_validate(golden(wire_type) | {"no_such_field": 1})


@every_type
def test_a_version_that_we_do_not_know_is_refused(wire_type: type[Message]) -> None:
    with pytest.raises(ValidationError, match="schema_version"):
        wire_type.read(json.dumps(golden(wire_type) | {"schema_version": 2}))


@every_type
def test_a_message_cannot_be_changed_after_it_was_built(wire_type: type[Message]) -> None:
    message = wire_type.read(golden_file(wire_type).read_bytes())
    with pytest.raises(ValidationError, match="frozen"):
        message.schema_version = 1  # type: ignore[attr-defined]


@every_type
def test_the_json_schema_accepts_the_golden_message_and_what_we_send(wire_type: type[Message]) -> None:
    schema = json_schemas()[wire_type.__name__]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(golden(wire_type))
    validator.validate(json.loads(wire_type.read(golden_file(wire_type).read_bytes()).to_json()))


@every_type
def test_the_json_schema_refuses_a_message_without_its_required_fields(wire_type: type[Message]) -> None:
    validator = jsonschema.Draft202012Validator(json_schemas()[wire_type.__name__])
    required = [name for name, field in wire_type.model_fields.items() if field.is_required()]
    assert required
    for name in required:
        document = golden(wire_type)
        del document[name]
        assert not validator.is_valid(document), f"{wire_type.__name__} without {name}"


def test_the_golden_report_says_what_it_said() -> None:
    report = CountReport.read(golden_file(CountReport).read_bytes())
    oats, muesli, cornflakes = report.zones
    assert (report.key.node_id, report.key.sequence) == ("aisle-3", 42)
    assert report.captured_at.utcoffset() == timedelta(0)
    assert oats.facings is not None
    assert oats.facings.mode_count == 3
    assert muesli.facings is not None
    assert muesli.facings.mode_count == 0  # seen, and empty
    assert cornflakes.facings is None  # not seen, hence no number at all
    assert (cornflakes.state, cornflakes.reason) == (SightState.UNKNOWN, UnknownReason.OCCLUDED)


def test_the_golden_answer_settles_two_runs_of_sequences() -> None:
    committed = Committed.read(golden_file(Committed).read_bytes())
    assert [(settled.first, settled.last) for settled in committed.ranges] == [(1, 40), (42, 42)]


def test_the_golden_status_tells_a_lost_camera() -> None:
    status = NodeStatus.read(golden_file(NodeStatus).read_bytes())
    assert [(camera.camera_id, camera.view_reason) for camera in status.cameras] == [
        ("cereal-left", None),
        ("cereal-right", UnknownReason.CAMERA_LOST),
    ]


def test_the_golden_configuration_carries_a_calibration_that_hashes_to_its_id() -> None:
    desired = DesiredConfig.read(golden_file(DesiredConfig).read_bytes())
    carried = desired.calibrations[0]
    document = Calibration.from_json(carried.document_json)
    assert document.calibration_id == carried.calibration_id
    assert document.camera_id == carried.camera_id
    assert CountReport.read(golden_file(CountReport).read_bytes()).calibration_id == carried.calibration_id


def test_the_golden_card_takes_any_input_of_its_stride() -> None:
    card = ModelCard.read(golden_file(ModelCard).read_bytes())
    assert card.input_wh_px is None
    assert [str(label) for label in card.labels] == ["product", "gap", "price_tag"]


def test_a_card_from_before_quantised_networks_is_one_of_a_float_network() -> None:
    card = ModelCard.read(golden_file(ModelCard).read_bytes())
    assert card.precision is Precision.FP32
    assert card.count_gate is None
    assert card.quantised_from_sha256 is None


def test_the_golden_card_of_a_quantised_network_names_its_float_twin_and_what_the_comparison_showed() -> None:
    card = ModelCard.read(GOLDEN_INT8_CARD.read_bytes())
    assert ModelCard.read(card.to_json()) == card
    assert card.precision is Precision.INT8
    assert card.quantised_from_sha256 == ModelCard.read(golden_file(ModelCard).read_bytes()).onnx_sha256
    assert card.count_gate is not None
    assert card.count_gate.passed
    assert not card.count_gate.model_copy(update={"count_difference_fraction": 0.021}).passed
    assert not card.count_gate.model_copy(update={"count_error_fraction": 0.071}).passed
