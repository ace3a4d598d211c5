"""The plan of a private training: which noise, and what it costs if everybody takes part as often as they may."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeVar

from pydantic import ValidationError
from scipy.special import ndtri

from federated.job import Job, JobError, PrivacyConfig, RoundsConfig, SamplingConfig, TrainingConfig
from federated.privacy.accounting import epsilon_of, mu_of
from federated.privacy.mechanisms import BufferedNoise, IndependentNoise, Mechanism, TreeNoise, most_turns
from federated.settings import Strict

Seed = tuple[int, int]
"""Two secret numbers of 63 bits, from which the noise follows. Whoever knows them can subtract it."""
COUNTED = 0.5
"""What a client adds to the count of clipped clients, or subtracts from it: half, so that it changes it by no more."""
COUNT_SHARE = 0.02
"""Share of the rounds' μ² for the counts of clipped clients."""
THRESHOLD_SHARE = 0.25
"""Share of δ for the threshold of each kind of counts."""


class NoisePlan(Strict):
    """The noise of the rounds, and the limits of participation that its guarantee assumes.

    Attributes:
        mechanism: See `PrivacyConfig`.
        decays, weights: See `BufferedNoise`; empty for the other mechanisms.
        restart_every: See `TreeNoise`; None for the other mechanisms.
        noise_multiplier: σ, in clipping norms, of a sum.
        clipping_norm: S, or that of the first round.
        clipping_quantile: See `PrivacyConfig`.
        count_noise: Standard deviation of the noise on the number of clipped clients; 0 = it is not used.
        clients_per_round: What a sum is divided by.
        rounds: Most rounds.
        turns: Most rounds of a client.
        separation: Least separation of two of them.
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
    rounds: int
    turns: int
    separation: int

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


class CountPlan(Strict):
    """The noise of published counts (see `federated.privacy.noisy_counts`).

    Attributes:
        mu: What it costs.
        norm: B, largest norm of the counts of a client.
        keys: m, most keys of a client.
        deviation: Standard deviation of the noise on a count.
        threshold: Least noisy count that is published.
        delta: δ_t, what the threshold costs.
    """

    mu: float
    norm: float
    keys: int
    deviation: float
    threshold: float
    delta: float

    @classmethod
    def of(cls, mu: float, norm: float, keys: int, delta: float) -> CountPlan:
        """Returns the noise of this μ with the least threshold of this δ.

        >>> plan = CountPlan.of(mu=0.5, norm=3.0, keys=1000, delta=1e-7)
        >>> plan.deviation, round(plan.threshold, 1)
        (6.0, 41.0)
        """
        deviation = norm / mu
        threshold = norm - deviation * float(ndtri(delta / keys))
        return cls(mu=mu, norm=norm, keys=keys, deviation=deviation, threshold=threshold, delta=delta)


class PrivacyPlan(Strict):
    """Everything that a private training publishes of its users.

    Attributes:
        epsilon: The budget.
        delta: Its δ, with what the thresholds cost.
        population: Clients in training.
        rounds: The noise of the rounds.
        method: The noise of the rounds of the personalization method; None = it has none.
        words: The noise of the words of the vocabulary; None = it has none of the users.
        ngrams: The noise of the n-grams; None = there are none of the users.
    """

    epsilon: float
    delta: float
    population: int
    rounds: NoisePlan
    method: NoisePlan | None = None
    words: CountPlan | None = None
    ngrams: CountPlan | None = None

    @property
    def gaussian_delta(self) -> float:
        """What the thresholds leave of δ."""
        return self.delta - sum(part.delta for part in (self.words, self.ngrams) if part)

    def epsilon_of(self, mu: float) -> float:
        """Returns the ε at δ of everything that was published, with the μ of all of it."""
        return epsilon_of(mu, self.gaussian_delta)


Sampling = TypeVar("Sampling", bound=SamplingConfig)


def with_private_turns(config: Sampling, cohort: int, population: int) -> Sampling:
    """Returns the settings with the separation of `separation_of`."""
    return config.model_copy(update={"min_separation": separation_of(config, cohort, population)})


def separation_of(config: SamplingConfig, cohort: int, population: int) -> int:
    """Returns the separation of a private training: if the settings name none, the largest that the population allows.

    The further apart the turns of a client lie, the less noise they need.
    """
    return config.min_separation or max(population // cohort, 1)


def plan_privacy(job: Job, population: int, method: RoundsConfig | None = None) -> PrivacyPlan:
    """Returns the plan of a job with a section [privacy]: the least noise that keeps its budget.

    Args:
        job: The job.
        population: Clients in training.
        method: The rounds of its personalization method; None = it has none.

    Raises:
        JobError: δ is too large for the population.
    """
    privacy = job.privacy
    assert privacy is not None
    if privacy.delta * population >= 1:
        raise JobError(
            f"privacy.delta = {privacy.delta:g} permits to publish the text of one user among {population:,}: "
            f"set it below {1 / population:.1g}"
        )
    shares = {"words": privacy.words_share * job.counts_words, "ngrams": privacy.ngrams_share * job.counts_ngrams}
    threshold_delta = THRESHOLD_SHARE * privacy.delta
    mu = mu_of(privacy.epsilon, privacy.delta - threshold_delta * sum(share > 0 for share in shares.values()))
    norms = {"words": privacy.word_norm, "ngrams": privacy.ngram_norm}
    # A message's first piece also counts as the end of a context, so there are up to four keys for each piece.
    keys = {"words": job.tokenizer.max_words, "ngrams": 4 * job.ngram.max_pieces}
    counts = {
        part: CountPlan.of(mu * math.sqrt(share), norms[part], keys[part], threshold_delta)
        for part, share in shares.items()
        if share
    }
    method_share = privacy.method_share if method and method.rounds else 0.0
    training = Rounds.of(job.training)
    own = None
    if method and method.rounds:
        own = _plan_rounds(privacy, Rounds.of(method), population, mu * math.sqrt(method_share))
        own = own.model_copy(update={"clipping_norm": privacy.method_clipping_norm})
    return PrivacyPlan(
        epsilon=privacy.epsilon,
        delta=privacy.delta,
        population=population,
        rounds=_plan_rounds(privacy, training, population, mu * math.sqrt(1 - sum(shares.values()) - method_share)),
        method=own,
        **counts,
    )


class Rounds(NamedTuple):
    """The rounds of a training or of a method.

    Attributes:
        config: How their cohorts are drawn.
        rounds: Most rounds.
        cohort: Clients that are drawn for a round.
        divisor: Clients that a mean is divided by.
        momentum: Of the server.
    """

    config: SamplingConfig
    rounds: int
    cohort: int
    divisor: int
    momentum: float

    @classmethod
    def of(cls, config: TrainingConfig | RoundsConfig) -> Rounds:
        """Returns the rounds of a section of the job."""
        if isinstance(config, TrainingConfig):
            return cls(config, config.rounds, config.cohort_size, config.clients_per_round, config.server_momentum)
        return cls(config, config.rounds or 0, config.clients_per_round, config.clients_per_round, momentum=0.0)


def _plan_rounds(privacy: PrivacyConfig, planned: Rounds, population: int, mu: float) -> NoisePlan:
    rounds, separation = planned.rounds, separation_of(planned.config, planned.cohort, population)
    turns = most_turns(rounds, turns_of(planned.config, rounds, planned.cohort, population), separation)
    blt = BufferedNoise((), ())
    if privacy.mechanism == "blt":
        blt = BufferedNoise.optimal(rounds, turns, separation, planned.momentum)
    count_share = COUNT_SHARE if privacy.clipping_quantile is not None else 0.0
    plan = NoisePlan(
        mechanism=privacy.mechanism,
        decays=blt.decays,
        weights=blt.weights,
        restart_every=privacy.restart_every,
        noise_multiplier=1.0,
        clipping_norm=privacy.clipping_norm,
        clipping_quantile=privacy.clipping_quantile,
        clients_per_round=planned.divisor,
        rounds=rounds,
        turns=turns,
        separation=separation,
    )
    noises = {"noise_multiplier": plan.mu(rounds, turns, separation) / (mu * math.sqrt(1 - count_share))}
    if count_share:
        noises["count_noise"] = COUNTED * math.sqrt(turns / count_share) / mu
    return plan.model_copy(update=noises)


def with_epsilon(job: Job, epsilon: float) -> Job:
    """Returns a job with a section [privacy] with another budget.

    Raises:
        JobError: it is no budget.
    """
    assert job.privacy is not None
    try:
        privacy = PrivacyConfig.model_validate(job.privacy.model_dump() | {"epsilon": epsilon})
    except ValidationError as error:
        raise JobError(f"epsilon = {epsilon:g}: {error.errors()[0]['msg']}") from error
    return job.model_copy(update={"privacy": privacy})


def turns_of(config: SamplingConfig, rounds: int, cohort: int, population: int) -> int:
    """Returns the most turns that `UniformTurns` gives a client: every client has one before any client has a second.

    >>> turns_of(SamplingConfig(), rounds=25, cohort=10, population=100)
    3
    """
    turns = math.ceil(rounds * cohort / population)
    return turns if config.max_turns is None else min(turns, config.max_turns)
