# SPDX-License-Identifier: AGPL-3.0-or-later
"""The JSON Schemas of everything on the wire, as `facings schema` prints them."""

from typing import Any

from contract.desired import DesiredConfig
from contract.envelope import Message
from contract.model_card import ModelCard
from contract.reports import Committed, CountReport
from contract.status import NodeStatus

WIRE_TYPES: tuple[type[Message], ...] = (CountReport, Committed, NodeStatus, DesiredConfig, ModelCard)


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (draft 2020-12) by type name."""
    return {
        wire_type.__name__: {"$schema": "https://json-schema.org/draft/2020-12/schema", **wire_type.model_json_schema()}
        for wire_type in WIRE_TYPES
    }
