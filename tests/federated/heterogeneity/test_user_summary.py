import pytest

from federated.heterogeneity.user_summary import summarize_users


def test_who_has_no_figure_does_not_count():
    found = summarize_users([1.0, None, 3.0])
    assert (found.users, found.mean, found.median) == (2, 2.0, 2.0)
    assert found.p10 == pytest.approx(1.2)


def test_of_nobody():
    assert summarize_users([None, None]) is None
