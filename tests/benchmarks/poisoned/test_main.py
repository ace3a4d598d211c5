import numpy as np

from benchmarks.poisoned.__main__ import belief_table, recall_table
from benchmarks.poisoned.training import Belief, Outcome

USERS = [f"user {i}" for i in range(6)]


def test_a_belief_is_the_mean_probability_and_the_median_rank_among_words():
    probabilities = np.array([[0.1, 0.4, 0.5], [0.25, 0.7, 0.05]])
    belief = Belief.of(probabilities, targets=[1, 0], words=[0, 1])
    assert np.isclose(belief.probability, np.sqrt(0.4 * 0.25))
    assert belief.rank == 1.5, "first, although piece 2 is more probable, and second"


def test_the_tables_show_the_change_of_users_whom_both_trainings_tested():
    before = Outcome(dict.fromkeys(USERS, 0.2), Belief(0.001, 30.0), turns=0)
    after = Outcome(dict.fromkeys(USERS[1:], 0.15), Belief(0.25, 2.0), turns=8)
    outcomes = {"no attack": {"mean": before}, "copies": {"mean": after}}
    assert recall_table(outcomes).splitlines() == [
        "| recall@3 of the others | poisoned turns | mean |",
        "| --- | --- | --- |",
        "| no attack | 0 | 20.0 % |",
        "| copies | 8 | -5.0 [-5.0, -5.0] |",
    ]
    assert belief_table(outcomes).splitlines()[2:] == ["| no attack | 0.1 %, 30 |", "| copies | 25 %, 2 |"]
