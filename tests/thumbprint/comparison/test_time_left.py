from federated.methods import METHODS
from thumbprint.comparison.budget import Budget
from thumbprint.comparison.time_left import TimeLeft, cost

BUDGET = Budget(trials=3, tuning_rounds=5, rounds=20, epochs=1, seen_users=1)


def test_rounds_cost_and_what_has_none_costs_its_measuring():
    assert cost(METHODS["global_only"], BUDGET) == 40
    assert cost(METHODS["fine_tuning"], BUDGET) == 40 + 3 * 4
    assert cost(METHODS["ditto"], BUDGET) == 40 + 3 * (4 + 5) + 20


def test_the_rest_takes_as_long_by_its_cost_as_what_is_done():
    now = [100.0]
    left = TimeLeft([10, 30, 60], clock=lambda: now[0])
    assert left.said() == "method 1 of 3"
    now[0] += 60  # 10 took a minute: 90 take nine
    left.done()
    assert left.said() == "method 2 of 3, about 9 min left"
    now[0] += 120  # two of the three minutes of the second
    assert left.said() == "method 2 of 3, about 7 min left"
    now[0] += 180  # longer than was thought: the third's six are left
    assert left.said() == "method 2 of 3, about 6 min left"
    left.done()  # 40 took six minutes: 60 take nine
    assert left.said() == "method 3 of 3, about 9 min left"
