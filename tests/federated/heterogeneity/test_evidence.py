import numpy as np
import pytest

from federated.heterogeneity.divergence import Halves, split_in_halves
from federated.heterogeneity.evidence import signal, word_evidence
from tests.support.federated.heterogeneity.users import speaker, user_texts


def test_word_evidence_agrees_with_hand_computed_moments():
    # One split of two words a half: A_1 = (1, 0), B_1 = (1/2, 1/2); A_2 = (0, 1) = B_2
    texts = [np.array([[[0, 0], [0, 1]]]), np.array([[[1, 1], [1, 1]]])]
    users = user_texts(ann=["a b"], bob=["b"]).users
    found = word_evidence(tuple(Halves(user, text, 0.0) for user, text in zip(users, texts, strict=True)), 2)
    assert found.within == pytest.approx((1 / 2 + 1) / 2)
    assert found.across == pytest.approx((0 + 1 / 2) / 2)  # <A_1, B_2> and <A_2, B_1>
    assert found.noise == pytest.approx((1 / 2 + 0) / 2)  # times the length of 2, over 2
    assert found.evidence == pytest.approx(0.25 / 0.5)


def test_the_weight_at_the_evidence_is_one_half():
    found = signal(within=3.0, across=1.0, noise=200.0)
    assert found.evidence == 100
    assert [found.trusted(size) for size in (0, 100, 300)] == [0.0, 0.5, 0.75]


def test_without_a_difference_the_trusted_share_is_zero():
    found = signal(within=1.0, across=1.0, noise=5.0)
    assert found.evidence is None
    assert found.trusted(1000) == 0.0


def test_the_evidence_agrees_with_the_generating_process():
    # Users draw 300 words from shares that are drawn from a Dirichlet prior with a total of 40:
    # its posterior mean takes n / (n + 40) from the user.
    rng = np.random.default_rng(0)
    people = {}
    for user in range(150):
        words = rng.choice(20, size=300, p=rng.dirichlet([2.0] * 20))
        people[f"u{user}"] = [f"w{word}" for word in words]
    made = user_texts(**people)
    assert word_evidence(split_in_halves(made, 150, seed=0), len(made.vocabulary)).evidence == pytest.approx(
        40, rel=0.1
    )


def test_similar_users_need_much_evidence():
    made = user_texts(**{f"u{i}": speaker("w", 60, seed=i) for i in range(20)})
    evidence = word_evidence(split_in_halves(made, 100, seed=0), len(made.vocabulary)).evidence
    assert evidence is None or evidence > 2000
