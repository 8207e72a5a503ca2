# SPDX-License-Identifier: AGPL-3.0-or-later
"""The second look on painted packs: it tells what is wrong, in any light and with boxes as loose as a detector's."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.reference_choice import choose_crops
from edge.reference_crops import ReferenceCrops
from edge.second_look import Finding, SecondLook, Verdict
from edge.thumbnails import take_thumbnails
from tests.toy_network import Picture

SKUS = ("COLA", "TEA", "SOAP", "RICE", "JAM")
PACK_WH_PX = (48, 80)
PITCH_PX = 72
WH_MM = np.array(PACK_WH_PX, np.float32)
GROUNDS_BGR = {
    "COLA": (40, 40, 190),
    "TEA": (60, 150, 60),
    "SOAP": (190, 120, 50),
    "RICE": (200, 200, 205),
    "JAM": (40, 170, 200),
}


def artwork(name: str, ground_bgr: tuple[int, int, int]) -> Picture:
    """A front of its own: blocks of other inks on a ground."""
    rng = np.random.default_rng(sum(map(ord, name)) * 7)
    width_px, height_px = PACK_WH_PX
    face = np.full((height_px, width_px, 3), ground_bgr, np.uint8)
    for _ in range(5):
        x, y = int(rng.integers(0, width_px - 12)), int(rng.integers(0, height_px - 16))
        ink = tuple(int(part) for part in rng.integers(0, 255, 3))
        cv2.rectangle(face, (x, y), (x + int(rng.integers(10, 30)), y + int(rng.integers(10, 30))), ink, cv2.FILLED)
    return face


FACES = {sku: artwork(sku, GROUNDS_BGR[sku]) for sku in SKUS}


def shelf(faces: list[Picture]) -> tuple[Picture, np.ndarray]:
    """A grey shelf with packs side by side, and their boxes float32 (n, 4)."""
    width_px, height_px = PACK_WH_PX
    picture = np.full((height_px + 40, PITCH_PX * max(len(faces), 1), 3), 90, np.uint8)
    boxes = []
    for index, face in enumerate(faces):
        left, top = index * PITCH_PX + 12, 20
        picture[top : top + height_px, left : left + width_px] = face
        boxes.append((left, top, left + width_px, top + height_px))
    return picture, np.array(boxes, np.float32).reshape(-1, 4)


def noisy(picture: Picture, seed: int, sigma: float = 2.0) -> Picture:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def references(count: int = 3, faces: dict[str, Picture] = FACES) -> ReferenceCrops:
    thumbnails, skus = [], []
    for number in range(count):
        picture, boxes = shelf(list(faces.values()))
        slack = np.random.default_rng(number).normal(0, 1.2, boxes.shape).astype(np.float32)
        thumbnails.append(take_thumbnails(noisy(picture, number), boxes + slack))
        skus += list(faces)
    sides = np.tile(WH_MM, (len(skus), 1))
    return ReferenceCrops("cal-0", "toy", np.concatenate(thumbnails), tuple(skus), sides)


LOOK = SecondLook(references())


def judged(
    faces: list[Picture], zone_skus: list[str], look: SecondLook = LOOK, *, wh_mm: np.ndarray | None = None
) -> list[Verdict]:
    picture, boxes = shelf(faces)
    sides = np.tile(WH_MM, (len(faces), 1)) if wh_mm is None else wh_mm
    return look.judge(take_thumbnails(noisy(picture, 99), boxes), zone_skus, sides)


def findings(verdicts: list[Verdict]) -> list[Finding]:
    return [verdict.finding for verdict in verdicts]


def test_packs_in_their_place_fit() -> None:
    assert findings(judged(list(FACES.values()), list(SKUS))) == [Finding.FITS] * len(SKUS)


def test_a_pack_of_another_product_is_named() -> None:
    verdicts = judged([FACES["TEA"], *[FACES[sku] for sku in SKUS[1:]]], list(SKUS))
    assert verdicts[0] == Verdict(Finding.MISPLACED, "TEA")
    assert findings(verdicts[1:]) == [Finding.FITS] * 4


def back_of(sku: str) -> Picture:
    """The pack from behind: a white table with lines of small print, and a bar code, on the front's ground."""
    width_px, height_px = PACK_WH_PX
    face = np.full((height_px, width_px, 3), GROUNDS_BGR[sku], np.uint8)
    face[8:48, 6:-6] = 235
    face[10:46:4, 8:-8] = 60
    face[56:74, 10:-10] = 235
    face[57:73, 12:-12:3] = 20
    return face


def test_a_hole_in_the_front_is_damage_and_a_table_on_its_ground_is_another_face() -> None:
    torn = FACES["COLA"].copy()
    torn[8:30, 6:26] = (225, 230, 232)
    back = back_of("COLA")
    assert findings(judged([torn, *[FACES[sku] for sku in SKUS[1:]]], list(SKUS)))[0] is Finding.DAMAGED
    assert findings(judged([back, *[FACES[sku] for sku in SKUS[1:]]], list(SKUS)))[0] is Finding.WRONG_FACE


def test_a_stranger_of_another_colour_or_a_piece_of_a_pack_is_left_open() -> None:
    stranger = artwork("something new", (170, 40, 160))
    assert judged([stranger, *[FACES[sku] for sku in SKUS[1:]]], list(SKUS))[0].finding is Finding.UNSURE
    back = artwork("cola from behind", GROUNDS_BGR["COLA"])
    halved = np.tile(WH_MM, (5, 1))
    halved[0, 1] /= 2
    verdicts = judged([back, *[FACES[sku] for sku in SKUS[1:]]], list(SKUS), wh_mm=halved)
    assert verdicts[0].finding is Finding.UNSURE


fractions = st.floats(0.88, 1.12)


@settings(max_examples=60, deadline=None)
@given(
    level=st.floats(0.6, 1.2),
    tint=st.tuples(fractions, fractions, fractions),
    seed=st.integers(0, 2**32 - 1),
    sigma=st.floats(0, 4),
    wrong=st.sampled_from([None, *range(len(SKUS))]),
)
def test_light_noise_and_loose_boxes_change_no_verdict(
    level: float, tint: tuple[float, float, float], seed: int, sigma: float, wrong: int | None
) -> None:
    standing = list(SKUS)
    if wrong is not None:
        standing[wrong] = SKUS[(wrong + 1) % len(SKUS)]
    picture, boxes = shelf([FACES[sku] for sku in standing])
    lit = np.clip(picture * (0.75 * level * np.array(tint)), 0, 255).round().astype(np.uint8)
    slack = np.random.default_rng(seed).uniform(-0.05, 0.05, boxes.shape) * np.tile(PACK_WH_PX, 2)
    loose = (boxes + slack).astype(np.float32)
    sides = (loose[:, 2:] - loose[:, :2]).astype(np.float32)
    verdicts = LOOK.judge(take_thumbnails(noisy(lit, seed, sigma), loose), list(SKUS), sides)
    for index, verdict in enumerate(verdicts):
        if index == wrong:
            assert verdict == Verdict(Finding.MISPLACED, standing[index])
        else:
            assert verdict.finding is Finding.FITS, SKUS[index]


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(len(SKUS))))
def test_the_order_of_boxes_and_of_crops_means_nothing(order: list[int]) -> None:
    torn = FACES["SOAP"].copy()
    torn[20:44, 10:34] = 240
    standing = [FACES["COLA"], FACES["COLA"], torn, FACES["RICE"], FACES["JAM"]]
    picture, boxes = shelf(standing)
    thumbnails = take_thumbnails(noisy(picture, 5), boxes)
    plain = LOOK.judge(thumbnails, list(SKUS), np.tile(WH_MM, (5, 1)))
    crops = references()
    turned = np.argsort([order[SKUS.index(sku)] for sku in crops.skus], kind="stable")
    shuffled = ReferenceCrops(
        "cal-0", "toy", crops.thumbnails[turned], tuple(crops.skus[i] for i in turned), crops.wh_mm[turned]
    )
    mixed = SecondLook(shuffled).judge(
        thumbnails[list(order)], [SKUS[index] for index in order], np.tile(WH_MM, (5, 1))
    )
    assert mixed == [plain[index] for index in order]
    assert findings(plain)[1] is Finding.MISPLACED


def test_a_neighbour_that_leans_in_or_a_box_that_takes_in_more_flags_no_right_pack() -> None:
    leant_on = FACES["TEA"].copy()
    leant_on[:, -5:] = 30
    assert findings(judged([FACES["COLA"], leant_on, *[FACES[sku] for sku in SKUS[2:]]], list(SKUS)))[1] is Finding.FITS
    picture, boxes = shelf(list(FACES.values()))
    boxes[0] += (0, -PACK_WH_PX[1] * 0.12, 0, 0)
    verdicts = LOOK.judge(take_thumbnails(noisy(picture, 7), boxes), list(SKUS), np.tile(WH_MM, (5, 1)))
    assert findings(verdicts) == [Finding.FITS] * 5


def test_nothing_there_is_nothing_to_say() -> None:
    assert judged([], []) == []


def test_one_crop_a_product_tells_other_products_and_flags_no_right_one() -> None:
    look = SecondLook(references(1))
    assert findings(judged(list(FACES.values()), list(SKUS), look)) == [Finding.FITS] * 5
    swapped = judged([FACES["JAM"], *[FACES[sku] for sku in SKUS[1:]]], list(SKUS), look)
    assert swapped[0] == Verdict(Finding.MISPLACED, "JAM")


def test_a_product_without_crops_is_not_judged() -> None:
    assert findings(judged([FACES["COLA"], FACES["TEA"]], ["COLA", "SALT"])) == [Finding.FITS, Finding.UNSURE]


def test_products_that_look_the_same_are_said_to_and_never_told_apart() -> None:
    twins = {**FACES, "COLA-ZERO": FACES["COLA"]}
    look = SecondLook(references(faces=twins))
    assert look.alike["COLA"] == {"COLA-ZERO"}
    assert look.alike["TEA"] == frozenset()
    standing = [*FACES.values(), FACES["COLA"]]
    assert findings(judged(standing, [*SKUS, "COLA-ZERO"], look)) == [Finding.FITS] * 6


def test_an_odd_pack_does_not_become_a_reference() -> None:
    picture, boxes = shelf([FACES["COLA"]] * 4 + [FACES["RICE"]])
    kept, choice = choose_crops("COLA", take_thumbnails(noisy(picture, 1), boxes), np.tile(WH_MM, (5, 1)))
    assert kept.tolist() == [0, 1, 2, 3]
    assert (choice.seen_count, choice.odd_count, choice.kept_count) == (5, 1, 4)


@given(count=st.integers(0, 40))
@settings(max_examples=12, deadline=None)
def test_crops_are_few_and_each_is_taken_once(count: int) -> None:
    picture, boxes = shelf([FACES["TEA"]] * count)
    kept, choice = choose_crops("TEA", take_thumbnails(noisy(picture, 1), boxes), np.tile(WH_MM, (count, 1)))
    assert len(set(kept.tolist())) == len(kept) == choice.kept_count == min(count, 24)
