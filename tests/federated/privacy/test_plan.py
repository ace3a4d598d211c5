"""Plans: the noise that a budget needs, and the limits of participation that it assumes."""

import math

import pytest
from pydantic import ValidationError

from federated.data.sampling import UniformTurns
from federated.job import Job, JobError, RoundsConfig, SamplingConfig, TrainingConfig
from federated.privacy.plan import PrivacyPlan, plan_privacy, turns_of, with_epsilon, with_private_turns


def job_with(training: dict = {}, tokenizer: dict = {}, ngram: dict = {}, **privacy: object) -> dict:  # noqa: B006
    settings = {"start": "base_en", "server_optimizer": "momentum", "rounds": 60, "clients_per_round": 10}
    return {
        "tokenizer": tokenizer,
        "ngram": ngram,
        "training": settings | training,
        "privacy": {"epsilon": 8, "delta": 1e-6} | privacy,
    }


def plan_of(population: int, **settings: object) -> PrivacyPlan:
    return plan_privacy(Job.model_validate(job_with(**settings)), population)


def spent(plan: PrivacyPlan, rounds: int, turns: int, *counts: str) -> float:
    parts = [getattr(plan, name).mu for name in counts]
    return plan.epsilon_of(math.hypot(plan.rounds.mu(rounds, turns, plan.rounds.separation), *parts))


@pytest.mark.parametrize("mechanism", ["blt", "tree", "independent"])
@pytest.mark.parametrize("epsilon", [0.5, 8.0, 100.0])
@pytest.mark.parametrize("quantile", [None, 0.5])
def test_a_plan_spends_its_budget_if_everything_takes_place(mechanism, epsilon, quantile):
    if mechanism == "tree" and quantile:
        pytest.skip("trees have a fixed clipping norm")
    plan = plan_of(200, epsilon=epsilon, mechanism=mechanism, clipping_quantile=quantile)
    assert spent(plan, 60, 3, "words", "ngrams") == pytest.approx(epsilon)
    assert spent(plan, 60, 3, "words") < epsilon
    assert spent(plan, 30, 2, "words", "ngrams") < epsilon
    assert spent(plan, 0, 0) == 0.0


def test_the_rounds_of_a_method_have_a_share_of_their_own():
    job = Job.model_validate(job_with())
    alone, both = plan_privacy(job, 200), plan_privacy(job, 200, RoundsConfig(rounds=20, clients_per_round=10))
    assert alone.method is None and plan_privacy(job, 200, RoundsConfig(rounds=0)).method is None
    assert (both.method.rounds, both.method.turns, both.method.separation, both.method.clipping_norm) == (
        20,
        1,
        20,
        1.0,
    )
    assert both.rounds.noise_multiplier > alone.rounds.noise_multiplier
    parts = both.rounds.mu(60, 3, 20), both.method.mu(20, 1, 20), both.words.mu, both.ngrams.mu
    assert both.epsilon_of(math.hypot(*parts)) == pytest.approx(8)


def test_what_a_job_does_not_count_costs_nothing():
    everything = plan_of(200)
    assert everything.words and everything.ngrams and everything.gaussian_delta == pytest.approx(0.5e-6)
    rounds_alone = plan_of(200, tokenizer={"added_pieces": 0}, ngram={"weight": 0.0})
    assert (rounds_alone.words, rounds_alone.ngrams, rounds_alone.gaussian_delta) == (None, None, 1e-6)
    assert rounds_alone.rounds.noise_multiplier < everything.rounds.noise_multiplier
    assert plan_of(200, ngrams_share=0.0).ngrams is None
    assert spent(rounds_alone, 60, 3) == pytest.approx(8)


def test_a_larger_share_gives_counts_a_lower_threshold():
    small, large = plan_of(200, ngrams_share=0.1), plan_of(200, ngrams_share=0.4)
    assert large.ngrams.threshold < small.ngrams.threshold
    assert large.rounds.noise_multiplier > small.rounds.noise_multiplier


def test_without_a_separation_the_turns_lie_as_far_apart_as_the_population_allows():
    plan = plan_of(205).rounds
    assert (plan.turns, plan.separation) == (3, 20)
    narrow = plan_of(205, training={"min_separation": 5}).rounds
    assert narrow.separation == 5 and narrow.noise_multiplier > plan.noise_multiplier


@pytest.mark.parametrize(("population", "cohort", "most"), [(205, 10, None), (37, 4, None), (100, 7, 2), (9, 9, 3)])
def test_the_sampler_keeps_the_limits_of_the_plan(population, cohort, most):
    config = with_private_turns(TrainingConfig(rounds=60, clients_per_round=cohort, max_turns=most), cohort, population)
    sampler = UniformTurns(population, cohort, 3, config.min_separation, config.max_turns)
    last, turns = {}, {}
    for number in range(1, 61):
        for client in sampler.cohort(number).tolist():
            assert number - last.get(client, -math.inf) >= config.min_separation
            last[client], turns[client] = number, turns.get(client, 0) + 1
    assert max(turns.values()) == turns_of(config, 60, cohort, population)


def test_more_people_need_less_noise_in_the_mean():
    def in_mean(population, cohort):
        return plan_of(population, training={"clients_per_round": cohort}).rounds.noise_multiplier / cohort

    assert in_mean(2_000, 100) == pytest.approx(in_mean(200, 10) / 10)
    assert in_mean(2_000, 10) < in_mean(200, 10)


def test_a_delta_that_permits_to_publish_a_user_is_refused():
    with pytest.raises(JobError, match=r"privacy.delta = 0.01 .* one user among 200: set it below 0.005"):
        plan_of(200, delta=0.01)


@pytest.mark.parametrize("epsilon", [0, -1, float("nan"), float("inf")])
def test_what_is_no_budget_is_refused(epsilon):
    with pytest.raises(ValidationError, match=r"privacy\.epsilon"):
        Job.model_validate(job_with(epsilon=epsilon))
    with pytest.raises(JobError, match="epsilon = "):
        with_epsilon(Job.model_validate(job_with()), epsilon)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (job_with({"sampling": "by_size"}), 'needs training.sampling = "uniform"'),
        (job_with({"fairness_q": 1.0}), "fairness_q = 0"),
        (job_with({"server_optimizer": "adam"}), 'needs training.server_optimizer = "momentum"'),
        (job_with(words_share=0.0), "a words_share above 0, or a base"),
        (job_with({"start": None}, {"added_pieces": 0}, words_share=0.0), "a words_share above 0, or a base"),
        (job_with({"start": None}, ngrams_share=0.0), "an ngrams_share above 0, or a base"),
        (job_with(words_share=0.4, ngrams_share=0.4), "a sum below 1"),
        (job_with(mechanism="tree", clipping_quantile=0.5), "clipping_quantile needs"),
        (job_with(restart_every=8), "restart_every needs"),
        (job_with({"secure_aggregation": True}, mechanism="tree"), "secure_aggregation needs"),
    ],
)
def test_a_job_that_cannot_be_private_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Job.model_validate(settings)


def test_independent_noise_works_with_any_optimizer():
    assert Job.model_validate(job_with({"server_optimizer": "adam"}, mechanism="independent")).privacy
    assert turns_of(SamplingConfig(max_turns=2), rounds=90, cohort=10, population=100) == 2
