import pytest

from thumbprint.comparison.measure.costs import _drift_point


def test_drift_is_the_mean_change_of_each_user_with_an_interval():
    before = dict.fromkeys("abcde", 0.2)
    after = {user: 0.2 + step / 100 for step, user in enumerate("abcde")}
    point = _drift_point(5, [before, before], [after, before], seed=0)
    assert point.own_gain.value == pytest.approx(0.02)
    assert 0 < point.own_gain.low < 0.02 < point.own_gain.high < 0.04
    assert (point.others_change.value, point.others_change.low, point.others_change.high) == (0, 0, 0)
