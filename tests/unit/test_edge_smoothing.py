# SPDX-License-Identifier: AGPL-3.0-or-later
"""Only verified changes are told."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contract.counts import FacingsDistribution, UnknownReason
from edge.facings import facings_distribution
from edge.smoothing import UNSETTLED, Consensus, Outlook

BLACK = Outlook(None, reason=UnknownReason.BLACK)


def seen(facings_count: int, gap_facings: float = 0.0) -> Outlook:
    return Outlook(FacingsDistribution.certain(facings_count), gap_facings)


def told(*looks: Outlook, every_s: float = 1.0) -> list[int | UnknownReason | None]:
    """What is told after each look: a count, a reason, or None."""
    consensus = Consensus()
    answers: list[int | UnknownReason | None] = []
    for index, look in enumerate(looks):
        consensus.take(look, index * every_s)
        verified = consensus.verified
        answers.append(
            None if verified is None else verified.facings.mode_count if verified.facings else verified.reason
        )
    return answers


def test_three_looks_that_agree_make_a_state() -> None:
    assert told(seen(4), seen(4), seen(4)) == [None, None, 4]


def test_one_odd_look_changes_nothing() -> None:
    assert told(seen(4), seen(4), seen(4), seen(2), seen(4), seen(4)) == [None, None, 4, 4, 4, 4]


def test_one_black_look_changes_nothing_and_three_do() -> None:
    assert told(seen(4), seen(4), seen(4), BLACK, seen(4))[-1] == 4
    assert told(seen(4), seen(4), seen(4), BLACK, BLACK, BLACK)[-1] is UnknownReason.BLACK


def test_an_emptied_place_becomes_zero_and_comes_back() -> None:
    looks = [seen(4)] * 3 + [seen(0, 4.0)] * 3 + [seen(4)] * 3
    assert told(*looks)[5] == 0
    assert told(*looks)[8] == 4


def test_three_states_within_five_looks_are_unsettled_until_it_calms_down() -> None:
    looks = [seen(4), seen(4), seen(4), seen(2), seen(7)]
    assert told(*looks)[-1] is UnknownReason.UNSETTLED
    assert told(*looks, seen(7), seen(7))[-1] == 7


def test_flicker_between_two_states_keeps_what_was_verified() -> None:
    assert told(seen(3), seen(3), seen(3), seen(2), seen(3), seen(2), seen(3), seen(2))[-1] == 3


def test_what_none_of_five_looks_saw_is_told_no_more() -> None:
    flicker = [seen(2), seen(3), seen(2), seen(3), seen(2)]
    assert told(seen(9), seen(9), seen(9), *flicker)[-1] is UnknownReason.UNSETTLED
    assert told(*flicker)[-1] is UnknownReason.UNSETTLED
    doubt = [doubtful(0.999, 0.7), doubtful(0.999, 0.45)] * 3
    assert told(seen(9), seen(9), seen(9), *doubt)[-1] == 2


def test_one_more_or_less_among_twenty_is_the_same_state() -> None:
    assert told(seen(20), seen(21), seen(20))[-1] == 20


def doubtful(*chances: float) -> Outlook:
    return Outlook(facings_distribution(np.array(chances)))


def test_boxes_in_doubt_do_not_unsettle_a_shelf() -> None:
    sure = (0.999, 0.999, 0.999)
    looks = [doubtful(*sure, *pair) for pair in ((0.5, 0.3), (0.3, 0.3), (0.5, 0.3), (0.7, 0.75), (0.5, 0.3))]
    assert {look.facings.mode_count for look in looks if look.facings} == {3, 4, 5}
    assert set(told(*looks, *looks, *looks)[4:]) == {4}


def test_the_last_pack_taken_is_a_change_even_if_it_was_in_doubt() -> None:
    assert told(*[doubtful(0.8, 0.6)] * 3, seen(0), seen(0), seen(0))[-1] == 0
    assert told(*[doubtful(0.7)] * 3, seen(0), seen(0), seen(0))[-1] == 0


def test_one_more_or_less_among_few_is_a_change() -> None:
    assert told(seen(1), seen(1), seen(1), seen(0), seen(0), seen(0))[-1] == 0


def test_a_slow_loss_from_a_full_shelf_is_told() -> None:
    looks = [seen(count) for count in (20, 20, 20, 19, 19, 19, 18, 18, 18, 17, 17, 17)]
    assert told(*looks)[-1] == 17


def test_looks_hours_apart_do_not_confirm_each_other() -> None:
    assert told(seen(4), seen(4), seen(4), every_s=3600) == [None, None, None]


def test_what_is_told_is_the_mean_of_the_looks_that_agree() -> None:
    consensus = Consensus()
    for look in (seen(20, 1.0), seen(21, 2.0), seen(21, 3.0)):
        consensus.take(look, 0)
    assert consensus.verified is not None
    assert consensus.verified.gap_facings == 2.0
    assert consensus.verified.facings is not None
    assert consensus.verified.facings.probabilities == (0.33333, 0.66667)


def test_undecided_asks_for_another_look() -> None:
    consensus = Consensus()
    undecided = []
    for look in (seen(4), seen(4), seen(4), seen(2), seen(4)):
        consensus.take(look, 0)
        undecided.append(consensus.is_undecided)
    assert undecided == [True, True, False, True, False]


outlooks = st.one_of(st.integers(0, 4).map(seen), st.sampled_from([BLACK, Outlook(None, reason=UnknownReason.FROZEN)]))


@given(st.lists(outlooks, max_size=40))
def test_nothing_is_told_that_three_looks_in_a_row_did_not_say(looks: list[Outlook]) -> None:
    consensus = Consensus()
    said_thrice: list[Outlook] = [UNSETTLED]
    for index, look in enumerate(looks):
        consensus.take(look, float(index))
        if index >= 2 and looks[index - 1].is_alike(look) and looks[index - 2].is_alike(look):
            said_thrice.append(look)
        assert consensus.verified is None or any(consensus.verified.is_alike(said) for said in said_thrice)
