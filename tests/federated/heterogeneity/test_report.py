import pytest

from federated.heterogeneity.report import gini, size_skew, summarize_users, top_share


def test_users_without_a_value_do_not_count():
    found = summarize_users([1.0, None, 3.0])
    assert (found.users, found.mean, found.median) == (2, 2.0, 2.0)
    assert found.p10 == pytest.approx(1.2)


def test_the_summary_without_values_is_none():
    assert summarize_users([None, None]) is None


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([5, 5, 5, 5], 0.0),
        ([0, 0, 0, 8], 0.75),  # (n - 1) / n: one user has everything
        ([1, 3], 0.25),  # |1 - 3| on half of the four ordered pairs: 1, over twice the mean of 2
        ([3, 1], 0.25),
        ([0, 0], 0.0),
        ([], 0.0),
    ],
)
def test_gini_agrees_with_hand_computed_values(sizes, expected):
    assert gini(sizes) == pytest.approx(expected)


def test_gini_is_the_mean_difference_of_two_users():
    sizes = [1, 4, 4, 9, 22]
    apart = sum(abs(a - b) for a in sizes for b in sizes) / 25
    assert gini(sizes) == pytest.approx(apart / (2 * 8))


def test_the_top_tenth_is_rounded_up():
    assert top_share([1] * 10 + [10], 0.1) == pytest.approx(11 / 20)  # two of eleven
    assert top_share([7], 0.1) == 1.0
    assert top_share([0, 0], 0.1) == 0.0


def test_percentiles_are_values_that_occur():
    skew = size_skew([1, 2, 3, 100])
    assert (skew.total, skew.percentiles["p50"], skew.percentiles["max"]) == (106, 2, 100)
