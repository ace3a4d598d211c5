import dataclasses

import pytest

from federated.heterogeneity.divergence import signal
from federated.heterogeneity.gradient_dissimilarity import Gradients
from federated.heterogeneity.recommendation import ALIKE, MOST_PULL, MOST_STEPS, recommend_method
from federated.heterogeneity.report import Comparison, Heterogeneity, UserSummary, size_skew
from federated.heterogeneity.user_clusters import Clusters


def over(value):
    return UserSummary(20, value, value, value, value)


def compared(difference):
    return Comparison(over(0.5), over(0.5), over(difference))


def users(*, between=0.3, drift=0.0, outside=0.1, evidence=300.0, words=1000, clusters=None, within=None, **changes):
    """Users of these figures, who differ and typed enough unless said otherwise."""
    found = Heterogeneity(
        corpus_id="0", corpus="", synthetic=False, users_in_corpus=20, run=None, train_share=0.8, seed=0,
        messages=size_skew([100] * 20), words=size_skew([words] * 20), length=200, compared=20,
        plain_to_others=None, to_others=None, between_users=compared(between), drift=compared(drift),
        outside_shared=over(outside), outside_tokenizer=None,
        signal=signal(2.0, 1.0, evidence) if evidence else signal(1.0, 1.0, 1.0),
        clusters=clusters or Clusters(1, {2: 0.1}, (0,) * 20), within_clusters=within, gradients=None,
        users=(), pairs=(),
    )  # fmt: skip
    return dataclasses.replace(found, **changes)


GROUPS = Clusters(3, {2: 0.4, 3: 0.8}, (0, 1, 2) * 7)


@pytest.mark.parametrize(
    ("figures", "method"),
    [
        ({"between": 0.0}, "global_only"),
        ({"between": ALIKE - 0.001}, "global_only"),
        ({"between": ALIKE}, "thumbprint"),
        ({}, "thumbprint"),
        ({"outside": 0.0}, "thumbprint"),
        ({"evidence": 5000.0}, "user_history"),
        ({"evidence": None}, "user_history"),
        ({"evidence": 5000.0, "outside": 0.0}, "global_only"),
        ({"between": 0.95}, "local_only"),
        ({"clusters": GROUPS, "within": 0.0}, "thumbprint"),
        ({"clusters": GROUPS, "within": 0.0, "evidence": 5000.0}, "clustered"),
        ({"clusters": GROUPS, "within": 0.29, "evidence": 5000.0}, "user_history"),
        ({"words": 20, "outside": 0.0}, "global_only"),
        ({"length": None, "between_users": None, "drift": None, "signal": None}, "global_only"),
    ],
)
def test_the_method_follows_from_the_figures(figures, method):
    advice = recommend_method(users(**figures))
    assert advice.method == method
    assert advice.personalize == (method != "global_only")
    assert advice.because
    assert method not in advice.try_also


def test_the_number_of_groups_is_reported_unless_users_do_not_differ():
    assert recommend_method(users(clusters=GROUPS, within=0.29)).clusters == 3
    assert recommend_method(users(clusters=GROUPS, within=0.0)).clusters == 3
    assert recommend_method(users()).clusters == 1
    assert recommend_method(users(between=0.0, clusters=GROUPS)).clusters == 1


def test_steps_and_pull_depend_on_the_trusted_share():
    half = recommend_method(users(evidence=500.0))  # of the 500 words that an adaptation reads
    assert (half.steps, half.proximal) == (MOST_STEPS // 2, pytest.approx(0.01))
    more = recommend_method(users(evidence=100.0))
    assert more.steps > half.steps
    assert more.proximal == pytest.approx(0.01 / 5)
    assert recommend_method(users(between=0.0)).steps == 0
    assert recommend_method(users(outside=0.0, evidence=1400.0)).proximal < MOST_PULL


def test_gradients_are_used_instead_of_words_if_available():
    gradients = Gradients(20, 1.0, 0.1, 0.2, signal(2.0, 1.0, 5000.0))
    assert recommend_method(users(gradients=gradients)).method == "user_history"
    assert "pieces" in str(recommend_method(users(gradients=gradients)).findings)


def test_drifting_users_adapt_on_their_newest_words():
    assert recommend_method(users(drift=0.1)).newest_words < recommend_method(users(drift=0.01)).newest_words


def test_every_rule_reports_its_figure_and_reason():
    findings = recommend_method(users(clusters=GROUPS, within=0.1)).findings
    assert len(findings) == 7
    for finding in findings:
        assert finding.measured is not None
        assert finding.reason
        assert finding.holds == (finding.measured >= finding.threshold)
    unknown = recommend_method(users(between_users=None)).findings[0]
    assert (unknown.measured, unknown.holds) == (None, False)
    assert "not measured" in unknown.reason
