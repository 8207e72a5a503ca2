# SPDX-License-Identifier: AGPL-3.0-or-later
"""Confidences to a distribution over facings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.counts import FacingsDistribution
from edge.facings import (
    box_probability,
    facings_distribution,
    facings_distributions,
    mean_distribution,
    shared_probability,
)

chances = st.lists(st.floats(0, 1), max_size=60)


def test_two_coins_are_a_binomial() -> None:
    assert facings_distribution(np.array([0.5, 0.5])) == FacingsDistribution(
        lowest_count=0, probabilities=(0.25, 0.5, 0.25)
    )


def test_different_chances_by_hand() -> None:
    distribution = facings_distribution(np.array([0.9, 0.2]))
    assert distribution.probabilities == pytest.approx((0.1 * 0.8, 0.9 * 0.8 + 0.1 * 0.2, 0.9 * 0.2))


@given(chances)
def test_it_sums_to_one_and_its_mean_is_the_sum_of_the_chances(drawn: list[float]) -> None:
    distribution = facings_distribution(np.array(drawn))
    assert sum(distribution.probabilities) == pytest.approx(1, abs=1e-4)
    assert distribution.mean_count == pytest.approx(sum(drawn), abs=0.05)
    assert distribution.lowest_count + len(distribution.probabilities) - 1 <= len(drawn)


def test_no_boxes_are_certainly_zero() -> None:
    assert facings_distribution(np.array([])) == FacingsDistribution.certain(0)


def test_two_thousand_boxes_fit_the_message() -> None:
    distribution = facings_distribution(np.full(2000, 0.5))
    assert abs(distribution.mode_count - 1000) <= 1


def test_at_the_threshold_a_box_is_one_half_and_surer_boxes_are_more_probable() -> None:
    probability = box_probability(np.array([0.15, 0.3, 0.45, 0.9], np.float32), 0.3)
    assert probability[1] == pytest.approx(0.5, abs=1e-6)
    assert (np.diff(probability) > 0).all()
    assert probability[0] < 0.1
    assert probability[3] > 0.99


@given(chances, chances)
def test_shared_probability_is_symmetric_and_whole_with_itself(first: list[float], second: list[float]) -> None:
    one, other = facings_distribution(np.array(first)), facings_distribution(np.array(second))
    assert shared_probability(one, one) == pytest.approx(1, abs=1e-3)
    assert shared_probability(one, other) == pytest.approx(shared_probability(other, one))
    assert 0 <= shared_probability(one, other) <= 1.001


@given(st.lists(chances, min_size=1, max_size=4))
def test_the_mean_of_looks_has_the_mean_of_their_means(looks: list[list[float]]) -> None:
    distributions = [facings_distribution(np.array(look)) for look in looks]
    expected = sum(d.mean_count for d in distributions) / len(distributions)
    assert mean_distribution(distributions).mean_count == pytest.approx(expected, abs=0.05)


@given(st.lists(st.tuples(st.integers(-1, 5), st.floats(0, 1)), max_size=60))
def test_zones_counted_together_are_as_each_by_itself(drawn: list[tuple[int, float]]) -> None:
    zone_index = np.array([zone for zone, _ in drawn], np.int64)
    probabilities = np.array([chance for _, chance in drawn], np.float64)
    apart = [facings_distribution(probabilities[zone_index == zone]) for zone in range(6)]
    assert facings_distributions(probabilities, zone_index, 6) == apart


@given(chances)
def test_it_is_the_convolution_of_the_single_boxes(drawn: list[float]) -> None:
    expected = np.array([1.0])
    for chance in drawn:
        expected = np.convolve(expected, (1 - chance, chance))
    distribution = facings_distribution(np.array(drawn))
    whole = np.zeros(len(expected))
    whole[distribution.lowest_count :][: len(distribution.probabilities)] = distribution.probabilities
    # What is cut off and what is rounded off is little: each count has at most some tails and half a last decimal.
    assert np.abs(whole - expected).max() <= 1e-4 * len(expected)
