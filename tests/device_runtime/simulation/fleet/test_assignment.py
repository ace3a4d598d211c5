from collections import Counter

from device_runtime.simulation.fleet.simulate import assign_users


def test_every_user_comes_before_any_comes_again():
    dealt = assign_users(7, 16, seed=0).tolist()
    assert sorted(dealt[:7]) == sorted(dealt[7:14]) == list(range(7))
    assert max(Counter(dealt).values()) == 3
    assert dealt[:7] != dealt[7:14]


def test_a_larger_fleet_begins_with_the_smaller_one():
    assert assign_users(5, 4, seed=3).tolist() == assign_users(5, 12, seed=3).tolist()[:4]
    assert assign_users(5, 12, seed=3).tolist() != assign_users(5, 12, seed=4).tolist()
