# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ugly picture files: the right picture, or one clear line, never a traceback."""

import contextlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge.errors import PictureError
from edge.picture_file import decode_picture, picture_paths, read_picture

BLUE_BGR, GREEN_BGR = (254, 0, 0), (0, 255, 0)


def scene() -> Image.Image:
    """A blue picture, 64 x 48, with a green top left corner."""
    picture = Image.new("RGB", (64, 48), (0, 0, 254))
    picture.paste((0, 255, 0), (0, 0, 16, 16))
    return picture


def encoded(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def assert_scene(image_bgr: np.ndarray, tolerance: int = 6) -> None:
    assert image_bgr.shape == (48, 64, 3)
    assert image_bgr.dtype == np.uint8
    assert np.allclose(image_bgr[4, 4].astype(int), GREEN_BGR, atol=tolerance)
    assert np.allclose(image_bgr[40, 60].astype(int), BLUE_BGR, atol=tolerance)


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 98}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_every_known_format_is_read(file_format: str, options: dict[str, Any]) -> None:
    assert_scene(decode_picture(encoded(scene(), file_format, **options)), tolerance=40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene().transpose(undo[orientation]) if orientation in undo else scene()
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_scene(decode_picture(encoded(stored, "JPEG", exif=exif, quality=95, subsampling=0)), tolerance=20)


def test_grey_becomes_three_equal_channels() -> None:
    image_bgr = decode_picture(encoded(Image.new("L", (8, 8), 77), "PNG"))
    assert image_bgr.shape == (8, 8, 3)
    assert set(image_bgr.reshape(-1).tolist()) == {77}


def test_sixteen_bits_keep_their_brightness() -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    image_bgr = decode_picture(encoded(Image.fromarray(ramp), "PNG"))
    assert np.abs(image_bgr[:, :, 0].astype(int) - ramp // 256).max() <= 1


def test_sixteen_bit_tiff_keeps_its_brightness() -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    image_bgr = decode_picture(encoded(Image.fromarray(ramp), "TIFF"))
    assert np.abs(image_bgr[:, :, 0].astype(int) - ramp // 256).max() <= 1


def test_transparent_parts_are_white() -> None:
    picture = scene().convert("RGBA")
    picture.putpixel((60, 40), (0, 0, 0, 0))
    image_bgr = decode_picture(encoded(picture, "PNG"))
    assert image_bgr[40, 60].tolist() == [255, 255, 255]
    assert image_bgr[4, 4].tolist() == [0, 255, 0]


def test_transparent_parts_are_white_all_the_way_down() -> None:
    picture = Image.new("RGBA", (3, 200), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 190, 3, 200))
    rows = decode_picture(encoded(picture, "PNG"))[:, 1, 0]
    assert set(rows[:190].tolist()) == {255}
    assert set(rows[190:].tolist()) == {0}


def test_cmyk_is_read_in_its_colours() -> None:
    assert_scene(decode_picture(encoded(scene().convert("CMYK"), "JPEG", quality=95, subsampling=0)), tolerance=20)


def test_palette_and_one_bit_pictures_are_read() -> None:
    assert_scene(decode_picture(encoded(scene().quantize(4), "PNG")))
    assert decode_picture(encoded(Image.new("1", (8, 8), 1), "PNG")).min() == 255


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
def test_one_pixel_is_a_picture(file_format: str) -> None:
    assert decode_picture(encoded(Image.new("RGB", (1, 1), (9, 9, 9)), file_format)).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("file_format", "options"),
    [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("BMP", {}), ("TIFF", {})],
)
@pytest.mark.parametrize("kept_fraction", [0.05, 0.3, 0.6, 0.9, 0.98])
def test_a_truncated_picture_is_refused_in_one_line(
    file_format: str, options: dict[str, Any], kept_fraction: float
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), file_format, **options)
    with pytest.raises(PictureError) as caught:
        decode_picture(whole[: int(len(whole) * kept_fraction)])
    assert "\n" not in str(caught.value)


def test_a_jpeg_with_bytes_after_its_end_is_still_whole() -> None:
    assert_scene(decode_picture(encoded(scene(), "JPEG", quality=95, subsampling=0) + b"\0" * 100), tolerance=20)


def test_an_end_marker_inside_a_thumbnail_does_not_make_a_cut_jpeg_whole() -> None:
    exif = Image.Exif()
    exif[0x9286] = encoded(Image.new("RGB", (8, 8)), "JPEG")  # a comment that holds a whole little JPEG
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), "JPEG", exif=exif)
    assert decode_picture(whole).shape == (120, 160, 3)
    with pytest.raises(PictureError, match="cut short"):
        decode_picture(whole[: len(whole) * 3 // 4])


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"<html><body>login</body></html>", b"GIF89a" + b"\0" * 20, b"%PDF-1.7", b"BM", b"II*\0"],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(PictureError) as caught:
        decode_picture(content)
    assert "\n" not in str(caught.value)


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(PictureError, match="60000 x 60000"):
        decode_picture(bomb)


def test_a_damaged_png_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    whole = bytearray(encoded(Image.fromarray(noise), "PNG"))
    whole[2000:2400] = b"\x55" * 400
    with pytest.raises(PictureError):
        decode_picture(bytes(whole))


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*"])
)
def test_rubbish_never_raises_anything_else(rubbish: bytes, start: bytes) -> None:
    with contextlib.suppress(PictureError):
        decode_picture(start + rubbish)


def test_the_path_begins_the_message(tmp_path: Path) -> None:
    missing = tmp_path / "missing.jpg"
    with pytest.raises(PictureError, match=r"missing\.jpg: cannot be read \(No such file"):
        read_picture(missing)
    with pytest.raises(PictureError, match="cannot be read"):
        read_picture(tmp_path)


def test_a_folder_stands_for_its_pictures_in_order(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    single = tmp_path / "notes.txt"
    assert [path.name for path in picture_paths([tmp_path, single])] == ["a.PNG", "b.jpg", "notes.txt"]


def noisy_scene() -> Image.Image:
    """A shelf's worth of detail, 320 x 240."""
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8))


@pytest.mark.parametrize("kept_fraction", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_jpeg_that_lost_its_end_but_has_an_end_marker_is_refused(kept_fraction: float, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    whole = encoded(noisy_scene(), "JPEG", quality=85, exif=exif.tobytes())
    scan_at = whole.rfind(b"\xff\xda") + 14
    cut = whole[: scan_at + int((len(whole) - scan_at) * kept_fraction)] + b"\xff\xd9"
    assert decode_picture(whole) is not None
    with pytest.raises(PictureError, match="part of the picture is missing"):
        decode_picture(cut)


@pytest.mark.parametrize("colour", [(128, 128, 128), (129, 127, 128), (0, 0, 0), (255, 255, 255)])
def test_a_grey_wall_below_the_shelf_is_no_missing_part(colour: tuple[int, int, int]) -> None:
    wall = np.asarray(noisy_scene()).copy()
    noise = np.random.default_rng(2).integers(-2, 3, (80, 320, 3))
    wall[160:] = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    assert decode_picture(encoded(Image.fromarray(wall), "JPEG", quality=95)) is not None
