"""The estimate of the remaining time of a comparison."""

from federated.algorithms.registry import METHODS
from federated.job import Job
from thumbprint.comparison.remaining_time import RemainingTime, measurement_cost, training_cost, tuning_cost
from thumbprint.comparison.results import Budget

BUDGET = Budget(trials=3, tuning_rounds=5, rounds=20, epochs=1, seen_users=1)


def test_estimates_the_cost_of_rounds_trials_and_measurement():
    assert measurement_cost(METHODS["fine_tuning"], BUDGET) == 30
    assert measurement_cost(METHODS["ditto"], BUDGET) == 30 + 20
    assert tuning_cost(METHODS["fine_tuning"], BUDGET) == 3 * 4
    assert tuning_cost(METHODS["ditto"], BUDGET) == 3 * (4 + 5)
    assert training_cost(Job()) == Job().training.rounds


def test_estimates_the_remaining_time_from_the_finished_methods():
    now = [100.0]
    left = RemainingTime({"a": 10, "b": 30, "c": 60}, clock=lambda: now[0])
    left.start("a")
    assert left.describe() == "0 of 3 done"
    now[0] += 60  # a cost of 10 took one minute, so 90 take nine
    left.finish("a")
    assert left.describe() == "1 of 3 done, about 9 min left"
    left.start("b")
    now[0] += 120  # two of the three minutes of b
    assert left.describe() == "1 of 3 done, about 7 min left"
    now[0] += 180  # b takes longer than estimated: the six minutes of c remain
    assert left.describe() == "1 of 3 done, about 6 min left"
    left.finish("b")  # 40 took six minutes, so 60 take nine
    assert left.describe() == "2 of 3 done, about 9 min left"


def test_two_methods_in_parallel_need_half_the_time():
    now = [0.0]
    left = RemainingTime({"a": 10, "b": 20, "c": 30}, at_once=2, clock=lambda: now[0])
    left.start("a")
    left.start("b")
    now[0] += 120  # 10 took two minutes: two of b's four minutes and six of c remain
    left.finish("a")
    left.start("c")
    assert left.describe() == "1 of 3 done, about 4 min left"


def test_tasks_that_are_not_needed_do_not_count():
    now = [0.0]
    left = RemainingTime({"a": 10, "b": 10, "c": 10}, clock=lambda: now[0])
    left.skip("b")
    left.start("a")
    now[0] += 60
    left.finish("a")
    assert left.describe() == "1 of 2 done, about 1 min left"
