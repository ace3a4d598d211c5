"""The plan of a private training: which noise, and what it costs if everybody takes part as often as they may."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import ValidationError

from federated.job import JobError, PrivacyConfig, SamplingConfig, TrainingConfig
from federated.privacy.accounting import epsilon_of, mu_of
from federated.privacy.mechanisms import BufferedNoise, IndependentNoise, Mechanism, TreeNoise, most_turns
from federated.settings import Strict

Seed = tuple[int, int]
"""Two secret numbers of 63 bits, from which the noise follows. Whoever knows them can subtract it."""
COUNTED = 0.5
"""What a client adds to the count of clipped clients, or subtracts from it: half, so that it changes it by no more."""
COUNT_SHARE = 0.02
"""Share of μ² for the counts of clipped clients."""


class NoisePlan(Strict):
    """The noise of the rounds of a training, and the limits of participation that its guarantee assumes.

    Attributes:
        mechanism: See `PrivacyConfig`.
        decays, weights: See `BufferedNoise`; empty for the other mechanisms.
        restart_every: See `TreeNoise`; None for the other mechanisms.
        noise_multiplier: σ, in clipping norms, of a sum.
        clipping_norm: S, or that of the first round.
        clipping_quantile: See `PrivacyConfig`.
        count_noise: Standard deviation of the noise on the number of clipped clients; 0 = it is not used.
        clients_per_round: What a sum is divided by.
        population: Clients in training.
        rounds: Most rounds.
        turns: Most rounds of a client.
        separation: Least separation of two of them.
        epsilon: The budget.
        delta: Its δ.
    """

    mechanism: Literal["blt", "tree", "independent"]
    decays: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    restart_every: int | None = None
    noise_multiplier: float
    clipping_norm: float
    clipping_quantile: float | None = None
    count_noise: float = 0.0
    clients_per_round: int
    population: int
    rounds: int
    turns: int
    separation: int
    epsilon: float
    delta: float

    @property
    def noise(self) -> Mechanism:
        """The mechanism's matrix."""
        match self.mechanism:
            case "blt":
                return BufferedNoise(self.decays, self.weights)
            case "tree":
                return TreeNoise(self.restart_every or self.rounds)
            case "independent":
                return IndependentNoise()

    def mu(self, rounds: int, turns: int, separation: int) -> float:
        """Returns the μ of rounds in which clients took part at most so often (see `Mechanism.sensitivity`)."""
        if not rounds or not turns:
            return 0.0
        mu = self.noise.sensitivity(rounds, turns, separation) / self.noise_multiplier
        if self.count_noise:
            mu = math.hypot(mu, IndependentNoise().sensitivity(rounds, turns, separation) * COUNTED / self.count_noise)
        return mu

    def epsilon_of(self, rounds: int, turns: int, separation: int) -> float:
        """Returns ε at the plan's δ (see `mu`)."""
        return epsilon_of(self.mu(rounds, turns, separation), self.delta)


def with_private_turns(config: TrainingConfig, population: int) -> TrainingConfig:
    """Returns the settings with the largest separation that the population allows, if they name none.

    The further apart the turns of a client lie, the less noise they need.
    """
    if config.min_separation is not None:
        return config
    return config.model_copy(update={"min_separation": max(population // config.cohort_size, 1)})


def plan_noise(privacy: PrivacyConfig, training: TrainingConfig, population: int) -> NoisePlan:
    """Returns the plan of a job: the least noise that keeps the budget in all of its rounds.

    Args:
        privacy: The budget.
        training: The rounds; see `with_private_turns`.
        population: Clients in training.

    Raises:
        JobError: δ is too large for the population.
    """
    if privacy.delta * population >= 1:
        raise JobError(
            f"privacy.delta = {privacy.delta:g} permits to publish the text of one user among {population:,}: "
            f"set it below {1 / population:.1g}"
        )
    training = with_private_turns(training, population)
    rounds, separation = training.rounds, training.min_separation or 1
    turns = most_turns(rounds, turns_of(training, rounds, training.cohort_size, population), separation)
    blt = BufferedNoise((), ())
    if privacy.mechanism == "blt":
        blt = BufferedNoise.optimal(rounds, turns, separation, training.server_momentum)
    mu = mu_of(privacy.epsilon, privacy.delta)
    count_share = COUNT_SHARE if privacy.clipping_quantile is not None else 0.0
    plan = NoisePlan(
        mechanism=privacy.mechanism,
        decays=blt.decays,
        weights=blt.weights,
        restart_every=privacy.restart_every,
        noise_multiplier=1.0,
        clipping_norm=privacy.clipping_norm,
        clipping_quantile=privacy.clipping_quantile,
        clients_per_round=training.clients_per_round,
        population=population,
        rounds=rounds,
        turns=turns,
        separation=separation,
        epsilon=privacy.epsilon,
        delta=privacy.delta,
    )
    noises = {"noise_multiplier": plan.mu(rounds, turns, separation) / (mu * math.sqrt(1 - count_share))}
    if count_share:
        noises["count_noise"] = COUNTED * math.sqrt(turns / count_share) / mu
    return plan.model_copy(update=noises)


def with_epsilon(privacy: PrivacyConfig, epsilon: float) -> PrivacyConfig:
    """Returns the settings with another budget.

    Raises:
        JobError: it is no budget.
    """
    try:
        return PrivacyConfig.model_validate(privacy.model_dump() | {"epsilon": epsilon})
    except ValidationError as error:
        raise JobError(f"epsilon = {epsilon:g}: {error.errors()[0]['msg']}") from error


def turns_of(config: SamplingConfig, rounds: int, cohort: int, population: int) -> int:
    """Returns the most turns that `UniformTurns` gives a client: everybody has one before anybody has another.

    >>> turns_of(SamplingConfig(), rounds=25, cohort=10, population=100)
    3
    """
    turns = math.ceil(rounds * cohort / population)
    return turns if config.max_turns is None else min(turns, config.max_turns)
