# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signatures of a till's requests: HMAC-SHA256 over the timestamp, a dot, and the body, under the till's own secret."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

REPLAY_WINDOW_S = 300
"""A request is taken this long before and after the instant that it was signed for; clocks differ by less."""

_SIGNATURE = re.compile(r"v1=([0-9a-f]{64})")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_NOBODYS_SECRET = (b"\0" * 32,)
_MAX_SIGNATURES_COUNT = 4


class SignatureRefused(Exception):  # noqa: N818 - an answer, not a failure
    """The request is not known to come from that till, now. The message is for whoever sent it."""


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """What the header `Facings-Signature` has to say."""
    return "v1=" + hmac.new(secret, timestamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


def check_signature(
    secrets: Sequence[bytes] | None, *, timestamp: str, signatures: str, body: bytes, now: datetime
) -> None:
    """Refuse what was not signed with one of `secrets`, or was signed for another time.

    `secrets` is None for a source that nobody named: that takes as long and is answered the same, so names cannot be
    probed. `signatures` may hold several, separated by commas. Raises SignatureRefused.
    """
    stranger = (
        "is not signed by a source that the hub knows; see Facings-Timestamp and Facings-Signature in docs/hub.md"
    )
    shown = [part.strip() for part in signatures.split(",", _MAX_SIGNATURES_COUNT)][:_MAX_SIGNATURES_COUNT]
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused(stranger)
    expected = [signature(secret, timestamp, body) for secret in secrets or _NOBODYS_SECRET]
    same = [
        hmac.compare_digest(theirs.encode(), ours.encode())
        for theirs in shown
        if _SIGNATURE.fullmatch(theirs)
        for ours in expected
    ]
    if not any(same) or not secrets:
        raise SignatureRefused(stranger)
    away_s = now.timestamp() - int(timestamp)
    if abs(away_s) > REPLAY_WINDOW_S:
        raise SignatureRefused(
            f"was signed for an instant {abs(away_s):.0f} s {'ago' if away_s > 0 else 'ahead'} by the hub's clock; "
            f"at most {REPLAY_WINDOW_S} s are taken: sign it anew, or set the clock"
        )
