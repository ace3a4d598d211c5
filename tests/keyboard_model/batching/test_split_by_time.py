import pytest

from keyboard_model.batching.split_by_time import split_by_time


@pytest.mark.parametrize(("count", "trained"), [(0, 0), (2, 1), (4, 3), (5, 4), (9, 7), (10, 8), (100, 80)])
def test_the_first_four_fifths_are_for_training(count, trained):
    training, testing = split_by_time(list(range(count)), 0.8)
    assert training == list(range(trained))
    assert [*training, *testing] == list(range(count))


def test_a_single_message_is_learned_from_and_leaves_nothing_to_test():
    assert split_by_time(["hi"], 0.8) == (["hi"], [])


def test_floating_point_loses_no_message():
    assert len(split_by_time(range(100), 0.29)[0]) == 29  # 100 * 0.29 = 28.999999999999996


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(ValueError, match="from 0 to 1"):
        split_by_time([1], share)
