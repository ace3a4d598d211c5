import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.heterogeneity.divergence import Divergence, between_texts, jensen_shannon


def test_by_hand():
    # p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4):
    # KL(p, m) = 1/2 log2(2/3) + 1/2 log2(2), KL(q, m) = log2(4/3)
    expected = (0.5 * math.log2(2 / 3) + 0.5 + math.log2(4 / 3)) / 2
    assert jensen_shannon([1, 1], [4, 0]) == pytest.approx(expected)
    assert expected == pytest.approx(0.311278, abs=1e-6)


def test_its_ends_are_0_and_1():
    assert jensen_shannon([2, 6], [1, 3]) == 0.0
    assert jensen_shannon([1, 0, 0], [0, 2, 3]) == pytest.approx(1.0)


def test_of_texts_it_is_that_of_their_counts():
    assert between_texts(np.array([7, 9]), np.array([7, 7, 7])) == pytest.approx(jensen_shannon([1, 1], [3, 0]))


counts = st.lists(st.integers(0, 50), min_size=5, max_size=5).filter(any)


@given(counts, counts)
def test_it_is_symmetric_and_from_0_to_1(first, second):
    found = jensen_shannon(first, second)
    assert 0 <= found <= 1
    assert found == pytest.approx(jensen_shannon(second, first))


def test_the_difference_is_the_excess_over_the_floor_as_a_share_of_the_room():
    found = Divergence(observed=0.7, floor=0.4)
    assert found.excess == pytest.approx(0.3)
    assert found.difference == pytest.approx(0.5)
    assert Divergence(1.0, 0.4).difference == 1.0
    assert Divergence(0.4, 0.4).difference == 0.0
    assert Divergence(1.0, 1.0).difference == 0.0
