from federated.algorithms.registry import METHODS
from thumbprint.comparison.compare import TimeLeft, cost
from thumbprint.comparison.results import Budget

BUDGET = Budget(trials=3, tuning_rounds=5, rounds=20, epochs=1, seen_users=1)


def test_rounds_cost_and_what_has_none_costs_its_measuring():
    assert cost(METHODS["global_only"], BUDGET) == 40
    assert cost(METHODS["fine_tuning"], BUDGET) == 40 + 3 * 4
    assert cost(METHODS["ditto"], BUDGET) == 40 + 3 * (4 + 5) + 20


def test_the_rest_takes_as_long_by_its_cost_as_what_is_done():
    now = [100.0]
    left = TimeLeft({"a": 10, "b": 30, "c": 60}, clock=lambda: now[0])
    left.begun("a")
    assert left.said() == "0 of 3 done"
    now[0] += 60  # 10 took a minute: 90 take nine
    left.done("a")
    assert left.said() == "1 of 3 done, about 9 min left"
    left.begun("b")
    now[0] += 120  # two of the three minutes of the second
    assert left.said() == "1 of 3 done, about 7 min left"
    now[0] += 180  # longer than was thought: the third's six are left
    assert left.said() == "1 of 3 done, about 6 min left"
    left.done("b")  # 40 took six minutes: 60 take nine
    assert left.said() == "2 of 3 done, about 9 min left"


def test_two_at_a_time_take_half_as_long():
    now = [0.0]
    left = TimeLeft({"a": 10, "b": 20, "c": 30}, at_once=2, clock=lambda: now[0])
    left.begun("a")
    left.begun("b")
    now[0] += 120  # 10 took two minutes: two of the second's four are left, and six of the third
    left.done("a")
    left.begun("c")
    assert left.said() == "1 of 3 done, about 4 min left"
