import numpy as np
import pytest
from rich.console import Console

from benchmarks.graded import GRADES, MESSAGES, advice_table, measured_table, populations
from federated.corpus.store import Corpus
from federated.corpus.synthetic.generate import RULES
from federated.corpus.synthetic.vocabulary import SHORT_FORMS
from federated.heterogeneity.measure import measure
from federated.heterogeneity.recommendation import recommend_method
from keyboard_model.text.units import words

USERS = 25
"""Fewer than in the benchmark: the work grows with the pairs of users."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("graded")


@pytest.fixture(scope="module")
def found(folder):
    return {name: (measured := measure(path), recommend_method(measured)) for name, path in populations(folder, USERS)}


def typed(path):
    with Corpus.open(path) as corpus:
        return [
            {word for message in corpus.messages(user) for word in words(message.text)} for user in corpus.user_ids()
        ]


def test_they_are_labelled_of_one_size_and_made_once(folder, found):
    paths = dict(populations(folder, USERS))
    assert list(paths) == [*GRADES, "clusters"]
    before = {path: path.stat().st_mtime_ns for path in paths.values()}
    assert {path: path.stat().st_mtime_ns for _, path in populations(folder, USERS)} == before
    for measured, _ in found.values():
        assert measured.synthetic
        assert "SYNTHETIC" in measured.corpus
        assert (measured.users_in_corpus, measured.messages.percentiles["max"]) == (USERS, round(0.8 * MESSAGES))


def test_the_same_code_makes_the_same_messages(folder, found, tmp_path):
    again = populations(tmp_path, users=3, messages=10)
    assert [Corpus.open(path).corpus_id for _, path in again] == [
        Corpus.open(path).corpus_id for _, path in populations(tmp_path / "again", users=3, messages=10)
    ]


def test_disjoint_users_share_no_more_than_the_grammar(folder, found):
    common = {word for things in RULES.values() for thing in things for word in words(thing)}
    common |= {word for spellings in SHORT_FORMS.values() for way in spellings[0] for word in words(way)}
    own = [vocabulary - common for vocabulary in typed(dict(populations(folder, USERS))["disjoint"])]
    assert min(map(len, own)) > 20
    shared = [len(first & second) / len(first) for i, first in enumerate(own) for second in own[i + 1 :]]
    assert np.mean(shared) < 0.05


def test_the_measures_grow_with_the_grade(found):
    graded = [found[name][0] for name in GRADES]
    for figure in ("between_users", "to_others"):
        differences = [getattr(measured, figure).difference.mean for measured in graded]
        assert differences[0] == pytest.approx(0.0, abs=0.015)
        assert all(np.diff(differences) > 0.02), (figure, differences)
    assert all(np.diff([measured.outside_shared.mean for measured in graded]) > 0)
    trusted = [measured.signal.trusted(500) for measured in graded]
    assert all(np.diff(trusted) > 0)


def test_nobody_drifts(found):
    assert all(abs(measured.drift.difference.mean) < 0.03 for measured, _ in found.values())


def test_the_clusters_are_found_and_nowhere_else(found):
    assert {name: measured.clusters.count for name, (measured, _) in found.items()} == {
        **dict.fromkeys(GRADES, 1),
        "clusters": 3,
    }


def test_the_advice_goes_from_nothing_to_personal(found):
    advised = [found[name][1] for name in GRADES]
    assert [advice.personalize for advice in advised] == [False, True, True, True, True]
    assert [advice.method for advice in advised] == ["global_only", "user_history", *["thumbprint"] * 3]
    steps = [advice.steps for advice in advised]
    assert steps == sorted(steps)
    assert (found["clusters"][1].method, found["clusters"][1].clusters) == ("thumbprint", 3)


def shown(table):
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_advice_is_advice_table_what_was_measured(found):
    advice = {name: advised for name, (_, advised) in found.items()}
    winners = {
        "identical": {"global_only": 0.25, "thumbprint": 0.249},
        "half": {"user_history": 0.30, "thumbprint": 0.28, "global_only": 0.2},
        "disjoint": {"user_history": 0.30},
    }
    lines = {line.split("│")[1].strip(): line for line in shown(advice_table(advice, winners)).splitlines()[3:-1]}
    assert "0.0 points" in lines["identical"]
    assert "user_history" in lines["half"]
    assert "2.0 points" in lines["half"]
    assert "not measured" in lines["disjoint"]
    assert "not measured" in lines["quarter"]


def test_the_table_shows_every_population(found):
    assert all(name in shown(measured_table(found)) for name in found)
