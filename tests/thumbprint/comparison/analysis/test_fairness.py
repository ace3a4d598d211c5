import pytest

from tests.support.thumbprint.comparison.rows import pairs
from thumbprint.comparison.analysis.fairness import attribute_fairness, attributes


def users_in_groups(**groups):
    """Returns pairs and profiles of users. `a=(recalls, shared)` gives the hits of the users in group a."""
    group_pairs, profiles = [], {}
    for value, (recalls, shared) in groups.items():
        named = {f"{value}{i}": hits for i, hits in enumerate(recalls)}
        group_pairs += pairs(named, dict(zip(named, shared, strict=True)))
        profiles |= {name: {"country": value} for name in named}
    return group_pairs, profiles


def test_computes_gaps_by_hand():
    group_pairs, profiles = users_in_groups(
        a=([30] * 5, [20] * 5), b=([20, 22, 24, 26, 28], [24] * 5), c=([25] * 6, [25] * 6)
    )
    fairness = attribute_fairness(group_pairs, profiles, "country", seed=0)
    # Means of recall 0.30, 0.24, 0.25; of gain 0.10, 0.00, 0.00; helped 5/5, 2/5 (gains +0.02 and +0.04), 0/6.
    assert fairness.equal_opportunity.value == pytest.approx(0.06)
    assert (fairness.equal_opportunity.highest, fairness.equal_opportunity.lowest) == ("a", "b")
    assert fairness.gain_parity.value == pytest.approx(0.10)
    assert fairness.helped_parity.value == pytest.approx(1.0)
    by_value = {group.value: group for group in fairness.groups}
    assert by_value["b"].helped == pytest.approx(0.4) and by_value["b"].hurt == pytest.approx(0.4)
    assert fairness.equal_opportunity.low < 0.06 < fairness.equal_opportunity.high


def test_a_clear_gap_is_significant_and_no_gap_is_not():
    group_pairs, profiles = users_in_groups(a=([40] * 8, [20] * 8), b=([20] * 8, [20] * 8))
    assert attribute_fairness(group_pairs, profiles, "country", 0).equal_opportunity.p_value < 0.01
    group_pairs, profiles = users_in_groups(a=([30, 20] * 4, [20] * 8), b=([20, 30] * 4, [20] * 8))
    assert attribute_fairness(group_pairs, profiles, "country", 0).equal_opportunity.p_value == pytest.approx(1)


def test_counts_small_groups_without_reporting_them():
    group_pairs, profiles = users_in_groups(a=([30] * 5, [20] * 5), b=([20] * 6, [20] * 6), few=([90] * 4, [20] * 4))
    profiles["a0"] = {"country": None}
    profiles.pop("b0")
    group_pairs += pairs({"x": 30, "y": 30}, {"x": 20, "y": 20})
    profiles |= {"x": {"country": " A "}, "y": {"country": "A"}}
    fairness = attribute_fairness(group_pairs, profiles, "country", 0)
    assert [(group.value, group.users) for group in fairness.groups] == [("a", 6), ("b", 5)]
    assert (fairness.users_in_small_groups, fairness.users_unknown) == (4, 2)


def test_a_single_large_group_cannot_be_compared():
    group_pairs, profiles = users_in_groups(a=([30] * 9, [20] * 9), b=([20] * 4, [20] * 4))
    assert attribute_fairness(group_pairs, profiles, "country", 0) is None
    assert attribute_fairness([], {}, "country", 0) is None
    assert attribute_fairness(group_pairs, profiles, "age", 0) is None


def test_lists_the_attributes_of_all_users():
    assert attributes({"a": {"x": None}, "b": {"y": "1", "x": "2"}}) == ["x", "y"]
