"""Plans: the noise that a budget needs, and the limits of participation that it assumes."""

import math

import pytest
from pydantic import ValidationError

from federated.data.sampling import UniformTurns
from federated.job import Job, JobError, PrivacyConfig, SamplingConfig, TrainingConfig
from federated.privacy.plan import plan_noise, turns_of, with_epsilon, with_private_turns

PRIVACY = PrivacyConfig(epsilon=8, delta=1e-6)
ROUNDS = TrainingConfig(start="base_en", server_optimizer="momentum", rounds=60, clients_per_round=10)


def job_with(training: dict = {}, **privacy: object) -> dict:  # noqa: B006 (read only)
    settings = {"start": "base_en", "server_optimizer": "momentum"}
    return {
        "tokenizer": {"added_pieces": 0},
        "training": settings | training,
        "privacy": {"epsilon": 8, "delta": 1e-6} | privacy,
    }


@pytest.mark.parametrize("mechanism", ["blt", "tree", "independent"])
@pytest.mark.parametrize("epsilon", [0.5, 8.0, 100.0])
@pytest.mark.parametrize("quantile", [None, 0.5])
def test_a_plan_spends_its_budget_if_everything_takes_place(mechanism, epsilon, quantile):
    if mechanism == "tree" and quantile:
        pytest.skip("trees have a fixed clipping norm")
    privacy = PrivacyConfig(epsilon=epsilon, delta=1e-6, mechanism=mechanism, clipping_quantile=quantile)
    plan = plan_noise(privacy, ROUNDS, population=200)
    assert plan.epsilon_of(plan.rounds, plan.turns, plan.separation) == pytest.approx(epsilon)
    assert plan.epsilon_of(plan.rounds // 2, plan.turns - 1, plan.separation) < epsilon
    assert plan.epsilon_of(0, 0, 1) == 0.0


def test_without_a_separation_the_turns_lie_as_far_apart_as_the_population_allows():
    plan = plan_noise(PRIVACY, ROUNDS, population=205)
    assert (plan.turns, plan.separation) == (3, 20)
    narrow = plan_noise(PRIVACY, ROUNDS.model_copy(update={"min_separation": 5}), population=205)
    assert narrow.separation == 5 and narrow.noise_multiplier > plan.noise_multiplier


@pytest.mark.parametrize(("population", "cohort", "most"), [(205, 10, None), (37, 4, None), (100, 7, 2), (9, 9, 3)])
def test_the_sampler_keeps_the_limits_of_the_plan(population, cohort, most):
    config = with_private_turns(TrainingConfig(rounds=60, clients_per_round=cohort, max_turns=most), population)
    sampler = UniformTurns(population, cohort, 3, config.min_separation, config.max_turns)
    last, turns = {}, {}
    for number in range(1, 61):
        for client in sampler.cohort(number).tolist():
            assert number - last.get(client, -math.inf) >= config.min_separation
            last[client], turns[client] = number, turns.get(client, 0) + 1
    assert max(turns.values()) == turns_of(config, 60, cohort, population)


def test_more_people_need_less_noise_in_the_mean():
    def in_mean(population, cohort):
        rounds = ROUNDS.model_copy(update={"clients_per_round": cohort})
        return plan_noise(PRIVACY, rounds, population).noise_multiplier / cohort

    assert in_mean(2_000, 100) == pytest.approx(in_mean(200, 10) / 10)
    assert in_mean(2_000, 10) < in_mean(200, 10)


def test_a_delta_that_permits_to_publish_a_user_is_refused():
    with pytest.raises(JobError, match=r"privacy.delta = 0.01 .* one user among 200: set it below 0.005"):
        plan_noise(PrivacyConfig(epsilon=8, delta=0.01), ROUNDS, population=200)


@pytest.mark.parametrize("epsilon", [0, -1, float("nan"), float("inf")])
def test_what_is_no_budget_is_refused(epsilon):
    with pytest.raises(ValidationError, match=r"privacy\.epsilon"):
        Job.model_validate(job_with(epsilon=epsilon))
    with pytest.raises(JobError, match="epsilon = "):
        with_epsilon(PRIVACY, epsilon)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (job_with({"sampling": "by_size"}), 'needs training.sampling = "uniform"'),
        (job_with({"fairness_q": 1.0}), "fairness_q = 0"),
        (job_with({"server_optimizer": "adam"}), 'needs training.server_optimizer = "momentum"'),
        (job_with({"start": None}), "start from a base"),
        (job_with() | {"tokenizer": {"added_pieces": 10}}, "tokenizer.added_pieces = 0"),
        (job_with(mechanism="tree", clipping_quantile=0.5), "clipping_quantile needs"),
        (job_with(restart_every=8), "restart_every needs"),
    ],
)
def test_a_job_that_cannot_be_private_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Job.model_validate(settings)


def test_independent_noise_works_with_any_optimizer():
    assert Job.model_validate(job_with({"server_optimizer": "adam"}, mechanism="independent")).privacy
    assert turns_of(SamplingConfig(max_turns=2), rounds=90, cohort=10, population=100) == 2
