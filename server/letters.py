# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an arrived message is: a report, a status, a picture, or a dead letter with its reason. Never raises."""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from contract.reports import MAX_REPORT_BYTES, CountReport, ReportKey
from contract.status import NodeStatus
from contract.topics import REPORT, Address, parse_topic
from server.inbox import Arrival

MAX_PICTURE_BYTES = 2 * 1024 * 1024
MAX_STATUS_BYTES = 64 * 1024
MAX_DEAD_PAYLOAD_BYTES = 16 * 1024
"""How much of a dead letter is kept."""
MAX_REASON_CHARACTERS = 500

_JPEG_BEGINS, _JPEG_ENDS = b"\xff\xd8\xff", b"\xff\xd9"
_BOOT_ID = re.compile(rb'"boot_id"\s*:\s*"([0-9a-f]{32})"')
_SEQUENCE = re.compile(rb'"sequence"\s*:\s*([1-9][0-9]{0,15})\s*[,}]')


@dataclass(frozen=True, slots=True)
class ReportLetter:
    """A report that may enter the ledger."""

    report: CountReport
    received_at: datetime


@dataclass(frozen=True, slots=True)
class StatusLetter:
    """What a node, or its last will, says about it."""

    status: NodeStatus
    received_at: datetime
    live: bool
    """Spoken just now, not kept by the broker from earlier: only then does it tell the node's clock."""


@dataclass(frozen=True, slots=True)
class PictureLetter:
    """A JPEG of a bay."""

    node_id: str
    camera_id: str
    jpeg: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What cannot be used, why, and, where it can be read, which report it was meant to be."""

    topic: str
    reason: str
    payload: bytes
    payload_bytes_count: int
    received_at: datetime
    key: ReportKey | None = None


Letter = ReportLetter | StatusLetter | PictureLetter | DeadLetter


def read_letter(arrival: Arrival) -> Letter | None:
    """Sort one message; None for a topic that is not the hub's business (some brokers send what nobody asked for)."""
    address = parse_topic(arrival.topic)
    match address:
        case Address(channel="report"):
            return _read_report(arrival, address)
        case Address(channel="status"):
            return _read_status(arrival, address)
        case Address(channel="evidence", camera_id=str(camera_id)):
            return _read_picture(arrival, address.node_id, camera_id)
        case _:
            return None


def dead_letter_of(letter: ReportLetter, reason: str) -> DeadLetter:
    """A report that reads well but that the database refuses."""
    payload = letter.report.to_json()
    return DeadLetter(
        topic=REPORT.topic(letter.report.node_id),
        reason=_tidy(reason),
        payload=payload[:MAX_DEAD_PAYLOAD_BYTES],
        payload_bytes_count=len(payload),
        received_at=letter.received_at,
        key=letter.report.key,
    )


def _read_report(arrival: Arrival, address: Address) -> Letter:
    if arrival.payload_bytes_count > MAX_REPORT_BYTES:
        reason = f"report of {arrival.payload_bytes_count} bytes, at most {MAX_REPORT_BYTES} are read"
        return _dead(arrival, reason, address)
    try:
        report = CountReport.read(arrival.payload)
    except (ValueError, ArithmeticError, RecursionError) as error:
        return _dead(arrival, _why(error), address)
    if report.node_id != address.node_id:
        return _dead(arrival, f"node {address.node_id} sent a report in the name of {report.node_id!r}", address)
    return ReportLetter(report, arrival.received_at)


def _read_status(arrival: Arrival, address: Address) -> Letter | None:
    if not arrival.payload:
        return None  # an empty retained message only clears the topic
    if arrival.payload_bytes_count > MAX_STATUS_BYTES:
        return _dead(arrival, f"status of {arrival.payload_bytes_count} bytes, at most {MAX_STATUS_BYTES} are read")
    try:
        status = NodeStatus.read(arrival.payload)
    except (ValueError, ArithmeticError, RecursionError) as error:
        return _dead(arrival, _why(error))
    if status.node_id != address.node_id:
        return _dead(arrival, f"node {address.node_id} sent a status in the name of {status.node_id!r}")
    return StatusLetter(status, arrival.received_at, live=not arrival.retained)


def _read_picture(arrival: Arrival, node_id: str, camera_id: str) -> Letter:
    if arrival.payload_bytes_count > MAX_PICTURE_BYTES:
        return _dead(arrival, f"picture of {arrival.payload_bytes_count} bytes, at most {MAX_PICTURE_BYTES} are kept")
    whole = arrival.payload.startswith(_JPEG_BEGINS) and arrival.payload.rstrip(b"\0").endswith(_JPEG_ENDS)
    if not whole:
        return _dead(arrival, "picture is not a whole JPEG")
    return PictureLetter(node_id, camera_id, arrival.payload, arrival.received_at)


def _dead(arrival: Arrival, reason: str, address: Address | None = None) -> DeadLetter:
    return DeadLetter(
        topic=arrival.topic[:1000],
        reason=_tidy(reason),
        payload=arrival.payload[:MAX_DEAD_PAYLOAD_BYTES],
        payload_bytes_count=arrival.payload_bytes_count,
        received_at=arrival.received_at,
        key=_salvage_key(arrival.payload, address.node_id) if address else None,
    )


def _salvage_key(payload: bytes, node_id: str) -> ReportKey | None:
    """Which report this was meant to be, so that its node need not send it for ever.

    The node is taken from the topic, which the broker guards, never from the payload: a report in another node's
    name must not settle anything of that node.
    """
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return _search_key(payload, node_id)
    if not isinstance(document, dict):
        return None
    try:
        return ReportKey(node_id=node_id, boot_id=document["boot_id"], sequence=document["sequence"])
    except (KeyError, ValueError):
        return None


def _search_key(payload: bytes, node_id: str) -> ReportKey | None:
    """Read the key of a broken JSON text, when it names exactly one."""
    boots, sequences = set(_BOOT_ID.findall(payload)), set(_SEQUENCE.findall(payload))
    if len(boots) != 1 or len(sequences) != 1:
        return None
    try:
        return ReportKey(node_id=node_id, boot_id=boots.pop().decode(), sequence=int(sequences.pop()))
    except ValueError:
        return None


def _why(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"
    faults = [
        f"{'.'.join(str(level) for level in fault['loc']) or 'payload'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""  # noqa: PLR2004 - five are enough to see it
    return "; ".join(faults[:5]) + more


def _tidy(reason: str) -> str:
    """Printable and bounded: a reason may quote what a stranger sent."""
    printable = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in reason)
    return printable[:MAX_REASON_CHARACTERS]
