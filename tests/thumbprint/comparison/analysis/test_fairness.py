import pytest

from tests.support.thumbprint.comparison.rows import pairs
from thumbprint.comparison.analysis.fairness import attribute_fairness, attributes


def people(**groups):
    """`a=(recalls, shared)`: users of group a; returns their pairs and profiles."""
    found, profiles = [], {}
    for value, (recalls, shared) in groups.items():
        named = {f"{value}{i}": hits for i, hits in enumerate(recalls)}
        found += pairs(named, dict(zip(named, shared, strict=True)))
        profiles |= {name: {"country": value} for name in named}
    return found, profiles


def test_gaps_by_hand():
    found, profiles = people(a=([30] * 5, [20] * 5), b=([20, 22, 24, 26, 28], [24] * 5), c=([25] * 6, [25] * 6))
    fairness = attribute_fairness(found, profiles, "country", seed=0)
    # Means of recall 0.30, 0.24, 0.25; of gain 0.10, 0.00, 0.00; helped 5/5, 2/5 (gains +0.02 and +0.04), 0/6.
    assert fairness.equal_opportunity.value == pytest.approx(0.06)
    assert (fairness.equal_opportunity.highest, fairness.equal_opportunity.lowest) == ("a", "b")
    assert fairness.gain_parity.value == pytest.approx(0.10)
    assert fairness.helped_parity.value == pytest.approx(1.0)
    by_value = {group.value: group for group in fairness.groups}
    assert by_value["b"].helped == pytest.approx(0.4) and by_value["b"].hurt == pytest.approx(0.4)
    assert fairness.equal_opportunity.low < 0.06 < fairness.equal_opportunity.high


def test_a_clear_gap_is_not_chance_and_none_is():
    found, profiles = people(a=([40] * 8, [20] * 8), b=([20] * 8, [20] * 8))
    assert attribute_fairness(found, profiles, "country", 0).equal_opportunity.p_value < 0.01
    found, profiles = people(a=([30, 20] * 4, [20] * 8), b=([20, 30] * 4, [20] * 8))
    assert attribute_fairness(found, profiles, "country", 0).equal_opportunity.p_value == pytest.approx(1)


def test_small_groups_are_counted_not_reported():
    found, profiles = people(a=([30] * 5, [20] * 5), b=([20] * 6, [20] * 6), few=([90] * 4, [20] * 4))
    profiles["a0"] = {"country": None}
    profiles.pop("b0")
    found += pairs({"x": 30, "y": 30}, {"x": 20, "y": 20})
    profiles |= {"x": {"country": " A "}, "y": {"country": "A"}}
    fairness = attribute_fairness(found, profiles, "country", 0)
    assert [(group.value, group.users) for group in fairness.groups] == [("a", 6), ("b", 5)]
    assert (fairness.users_in_small_groups, fairness.users_unknown) == (4, 2)


def test_one_group_is_no_comparison():
    found, profiles = people(a=([30] * 9, [20] * 9), b=([20] * 4, [20] * 4))
    assert attribute_fairness(found, profiles, "country", 0) is None
    assert attribute_fairness([], {}, "country", 0) is None
    assert attribute_fairness(found, profiles, "age", 0) is None


def test_attributes_of_anybody():
    assert attributes({"a": {"x": None}, "b": {"y": "1", "x": "2"}}) == ["x", "y"]
