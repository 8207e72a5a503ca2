# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a picture file says before it is unpacked: format, size in pixels, and whether its end is there.

Layouts: JPEG ITU-T T.81 Annex B, PNG (third edition) section 5, the RIFF/WebP container specification, BMP
BITMAPINFOHEADER, TIFF 6.0 section 2.
"""

import re
import struct
from dataclasses import dataclass


class HeaderFault(Exception):  # noqa: N818 - caught and reworded by edge/picture_file.py
    """The bytes are no picture, or not a whole one."""


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """`stored_wh_px` is the size before any EXIF orientation."""

    file_format: str
    stored_wh_px: tuple[int, int]
    has_alpha: bool = False


def read_header(encoded: bytes) -> PictureHeader:
    """Read the header and check that the end is there.

    Raises HeaderFault with one line.
    """
    if not encoded:
        raise HeaderFault("the file is empty")
    try:
        header = _read_known(encoded)
    except (struct.error, IndexError) as error:
        raise HeaderFault("the picture is cut short within its header") from error
    if header is None:
        raise HeaderFault("not a picture of a known kind (JPEG, PNG, WebP, BMP or TIFF)")
    if min(header.stored_wh_px) < 1:
        raise HeaderFault(f"a picture of {header.stored_wh_px[0]} x {header.stored_wh_px[1]} pixels")
    return header


def _read_known(encoded: bytes) -> PictureHeader | None:
    if encoded.startswith(b"\xff\xd8\xff"):
        return _jpeg(encoded)
    if encoded.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(encoded)
    if encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
        return _webp(encoded)
    if encoded.startswith(b"BM"):
        return _bmp(encoded)
    if encoded[:4] in {b"II*\0", b"MM\0*"}:
        return _tiff(encoded)
    return None


_JPEG_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}
_JPEG_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9


def _jpeg(encoded: bytes) -> PictureHeader:
    wh_px: tuple[int, int] | None = None
    position = 2
    while True:
        start = encoded.find(b"\xff", position)
        if start < 0 or start + 1 >= len(encoded):
            raise HeaderFault("the JPEG picture is cut short: its end marker is missing")
        marker = encoded[start + 1]
        if marker == 0xFF:  # noqa: PLR2004 - a fill byte
            position = start + 1
            continue
        if marker == _JPEG_END:
            break
        position = start + 2
        if marker in _JPEG_NO_LENGTH:
            continue
        (length,) = struct.unpack_from(">H", encoded, position)
        if marker in _JPEG_FRAME:
            height_px, width_px = struct.unpack_from(">HH", encoded, position + 3)
            wh_px = (width_px, height_px)
        position += length
        if marker == _JPEG_SCAN:
            following = _JPEG_MARKER_IN_SCAN.search(encoded, position)
            if following is None:
                raise HeaderFault("the JPEG picture is cut short: its end marker is missing")
            position = following.start()
    if wh_px is None:
        raise HeaderFault("a JPEG file without a picture in it")
    return PictureHeader("jpeg", wh_px)


_PNG_COLOURS_WITH_ALPHA = {4, 6}


def _png(encoded: bytes) -> PictureHeader:
    width_px, height_px, _depth, colour = struct.unpack_from(">IIBB", encoded, 16)
    has_alpha = colour in _PNG_COLOURS_WITH_ALPHA
    position = 8
    while True:
        if position + 12 > len(encoded):
            raise HeaderFault("the PNG picture is cut short: its end chunk is missing")
        length, kind = struct.unpack_from(">I4s", encoded, position)
        has_alpha = has_alpha or kind == b"tRNS"
        position += 12 + length
        if kind == b"IEND":
            return PictureHeader("png", (width_px, height_px), has_alpha=has_alpha)


def _webp(encoded: bytes) -> PictureHeader:
    (riff_length,) = struct.unpack_from("<I", encoded, 4)
    if riff_length + 8 > len(encoded):
        raise HeaderFault("the WebP picture is cut short")
    match encoded[12:16]:
        case b"VP8X":
            flags = encoded[20]
            width_px = 1 + int.from_bytes(encoded[24:27], "little")
            height_px = 1 + int.from_bytes(encoded[27:30], "little")
            return PictureHeader("webp", (width_px, height_px), has_alpha=bool(flags & 0x10))
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", encoded, 21)
            wh_px = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
            return PictureHeader("webp", wh_px, has_alpha=bool(bits >> 28 & 1))
        case b"VP8 ":
            width_px, height_px = struct.unpack_from("<HH", encoded, 26)
            return PictureHeader("webp", (width_px & 0x3FFF, height_px & 0x3FFF))
        case _:
            raise HeaderFault("a WebP file without a picture in it")


def _bmp(encoded: bytes) -> PictureHeader:
    width_px, height_px = struct.unpack_from("<ii", encoded, 18)
    bits_count, compression = struct.unpack_from("<HI", encoded, 28)
    stride_bytes = (width_px * bits_count + 31) // 32 * 4
    (pixels_offset,) = struct.unpack_from("<I", encoded, 10)
    if compression in {0, 3} and pixels_offset + stride_bytes * abs(height_px) > len(encoded):
        raise HeaderFault("the BMP picture is cut short")
    return PictureHeader("bmp", (width_px, abs(height_px)))  # a negative height means top row first


_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_OFFSETS, _TIFF_BYTE_COUNTS = 256, 257, 273, 279
_TIFF_SHORT, _TIFF_LONG = 3, 4


def _tiff(encoded: bytes) -> PictureHeader:
    order = "<" if encoded.startswith(b"II") else ">"
    (directory,) = struct.unpack_from(order + "I", encoded, 4)
    (entries_count,) = struct.unpack_from(order + "H", encoded, directory)
    found: dict[int, list[int]] = {}
    for index in range(entries_count):
        tag, kind, values_count, value = struct.unpack_from(order + "HHII", encoded, directory + 2 + 12 * index)
        wanted = {_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_OFFSETS, _TIFF_BYTE_COUNTS}
        if tag not in wanted or kind not in {_TIFF_SHORT, _TIFF_LONG}:
            continue
        letter, width_bytes = ("H", 2) if kind == _TIFF_SHORT else ("I", 4)
        inline = values_count * width_bytes <= 4  # noqa: PLR2004 - TIFF keeps up to 4 bytes in the entry itself
        at = directory + 2 + 12 * index + 8 if inline else value
        if at + values_count * width_bytes > len(encoded):
            raise HeaderFault("the TIFF picture is cut short")
        found[tag] = list(struct.unpack_from(f"{order}{values_count}{letter}", encoded, at))
    if not found.get(_TIFF_WIDTH) or not found.get(_TIFF_HEIGHT):
        raise HeaderFault("a TIFF file without a picture in it")
    strips = zip(found.get(_TIFF_OFFSETS, []), found.get(_TIFF_BYTE_COUNTS, []), strict=False)
    if any(offset + byte_count > len(encoded) for offset, byte_count in strips):
        raise HeaderFault("the TIFF picture is cut short")
    return PictureHeader("tiff", (found[_TIFF_WIDTH][0], found[_TIFF_HEIGHT][0]))
