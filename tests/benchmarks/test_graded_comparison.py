import pytest

from benchmarks.graded_comparison import METHODS, Outcome, outcome, table
from tests.support.thumbprint.comparison.rows import comparison, method, row

USERS = "abcdef"


def compared():
    """Six new phones of 100 words; the shared model hits 20 of each."""
    hits = {
        "global_only": [20] * 6,
        "user_history": [25, 25, 25, 25, 25, 25],
        "thumbprint": [30, 30, 30, 20, 20, 20],
        "apfl": [90] * 6,
    }
    methods = [method(name, [row(user, n) for user, n in zip(USERS, of, strict=True)]) for name, of in hits.items()]
    # TFF finds fewer words of everybody: what counts is its gain, 4 of 100, on top of what the phone shows.
    methods.append(method("local_only", [row(user, 14, shared_hits_at_3=10) for user in USERS], where="tff"))
    return comparison(methods)


def test_the_advised_method_against_the_best_of_those_that_can_be_advised():
    found = outcome(compared(), "thumbprint")
    assert found.recalls == pytest.approx(
        {"global_only": 0.2, "user_history": 0.25, "thumbprint": 0.25, "local_only": 0.24}
    )
    assert (found.best, found.users) == ("user_history", 6)
    assert found.loss[0] == pytest.approx(0.0)
    assert found.loss[1] < 0 < found.loss[2]


def test_what_the_advice_loses():
    found = outcome(compared(), "global_only")
    assert found.loss == pytest.approx((0.05, 0.05, 0.05))
    assert outcome(compared(), "ditto").loss is None


def test_the_table_has_a_row_a_population_and_marks_the_best():
    lines = table({"half": outcome(compared(), "global_only"), "none": Outcome("ditto", 0, {"ditto": 0.1}, None)})
    head, _, half, none = lines.splitlines()
    assert head.count("|") == half.count("|") == none.count("|") == len(METHODS) + 6
    assert "**25.0 %**" in half
    assert half.endswith("| `global_only` | 5.0 [5.0, 5.0] |")
    assert none.endswith("not measured |")
