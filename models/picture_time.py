# SPDX-License-Identifier: AGPL-3.0-or-later
"""When a picture was taken, as its EXIF data say it, else as its file name does.

EXIF (CIPA DC-008, Exif 3.0, section 4.6.6): DateTimeOriginal with OffsetTimeOriginal, else DateTime with OffsetTime. A
time without an offset is one of this machine's time zone, since a store's cameras run on the store's clock.
"""

import re
import struct
import warnings
from datetime import UTC, datetime
from pathlib import Path

from PIL import ExifTags, Image

_IN_NAME = re.compile(
    r"(?<![0-9])(?P<date>20[0-9]{2}[-_.]?[0-9]{2}[-_.]?[0-9]{2})(?:[-_. T]{0,3}| at )"
    r"(?P<time>[0-9]{2}(?:[-_.:h][0-9]{2}(?:[-_.:m][0-9]{2})?|[0-9]{4}))(?:[.]?[0-9]{3})?(?P<utc>Z)?(?![0-9A-Za-z])"
)
"""Date and time; four digits behind a date could be a running number, so a time without seconds needs its separator."""


def taken_at(picture: Path) -> datetime | None:
    """The instant with its offset from UTC, to the second; None where neither file nor name tells it."""
    return _in_exif(picture) or in_name(picture.name)


def in_name(name: str) -> datetime | None:
    """The instant that a file name states, as `cam1-20261120-090000.jpg` or `2026-11-20T09-00Z.png` do."""
    for found in _IN_NAME.finditer(name):
        digits = "".join(re.findall("[0-9]", found["date"] + found["time"]))
        try:
            told = datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        return told.replace(tzinfo=UTC) if found["utc"] else told.astimezone()
    return None


def _in_exif(picture: Path) -> datetime | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes and of EXIF data that are not as they should be
            with Image.open(picture) as opened:
                exif = opened.getexif()
                details = exif.get_ifd(ExifTags.IFD.Exif)
    except (OSError, ValueError, SyntaxError, struct.error, KeyError, TypeError):  # whatever a broken header brings
        return None
    base = ExifTags.Base
    told = (
        (details.get(base.DateTimeOriginal), details.get(base.OffsetTimeOriginal)),
        (exif.get(base.DateTime), details.get(base.OffsetTime)),
    )
    return next((instant for text, offset in told if (instant := _instant(text, offset)) is not None), None)


def _instant(text: object, offset: object) -> datetime | None:
    """`2026:11:20 09:00:00` and `+01:00` as one; None where the text is no time."""
    try:
        told = datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - the zone follows
    except ValueError:
        return None
    try:
        return datetime.strptime(f"{told.isoformat()}{str(offset).strip(chr(0) + ' ')}", "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return told.astimezone()
