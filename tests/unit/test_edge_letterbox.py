# SPDX-License-Identifier: AGPL-3.0-or-later
"""The network's input holds the bilinear picture to the last bit, whichever way it was shrunk."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.letterbox import BlobWriter, Letterbox, shrink


@given(st.integers(1, 9), st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32 - 1))
def test_a_whole_factor_is_the_bilinear_picture(factor: int, width_px: int, height_px: int, seed: int) -> None:
    frame = np.random.default_rng(seed).integers(0, 256, (factor * height_px, factor * width_px, 3), dtype=np.uint8)
    out = np.empty((height_px, width_px, 3), np.uint8)
    expected = cv2.resize(frame, (width_px, height_px), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(shrink(frame, (width_px, height_px), out), expected)


@pytest.mark.parametrize("frame_wh_px", [(1920, 1080), (1280, 720), (960, 720), (640, 360), (333, 517)])
def test_every_pixel_of_the_input_is_its_channel_over_255(frame_wh_px: tuple[int, int]) -> None:
    width_px, height_px = frame_wh_px
    frame = np.random.default_rng(1).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    letterbox = Letterbox.fit(frame_wh_px, (640, 384))
    blob = BlobWriter((640, 384)).write(frame, letterbox)
    (left, top), (inner_w, inner_h) = letterbox.offset_xy_px, letterbox.inner_wh_px
    inner = cv2.resize(frame, (inner_w, inner_h), interpolation=cv2.INTER_LINEAR)
    expected = inner[:, :, ::-1].transpose(2, 0, 1).astype(np.float32) * np.float32(1 / 255)
    assert np.array_equal(blob[0, :, top : top + inner_h, left : left + inner_w], expected)


def test_a_writer_goes_from_one_shape_of_frame_to_another_and_back() -> None:
    wide, tall = np.full((90, 160, 3), 255, np.uint8), np.full((160, 90, 3), 255, np.uint8)
    writer = BlobWriter((64, 64))
    first = writer.write(wide, Letterbox.fit((160, 90), (64, 64))).copy()
    writer.write(tall, Letterbox.fit((90, 160), (64, 64)))
    assert np.array_equal(writer.write(wide, Letterbox.fit((160, 90), (64, 64))), first)
