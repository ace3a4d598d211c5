"""The job of a training run: all of its settings, with defaults that work, and the job file that holds them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from federated.default_mixing_weights import DEFAULT_MIXING_WEIGHTS
from federated.settings import Coefficient, NotNegative, Positive, Share, Strict, read_settings
from keyboard_model import base_en

FairnessQ = Annotated[float, Field(ge=0, le=10)]


class JobError(ValueError):
    """A job or a job file cannot be used; the message says which key is wrong and why."""


class DataConfig(Strict):
    """The users and messages that are held out (see `federated.data.federated_data`).

    Attributes:
        new_phone_share: Share of the users that training never sees.
        fold: Which of the 1 / `new_phone_share` disjoint sets of users are the new phones. Trainings of all folds make
            each user a new phone once (cross-validation by user).
        validation_share: Share of the other users, for early stopping and tuning.
        train_share: Share of each user's messages, the first ones by time (or in the corpus's order without times), for
            training; the last ones are for tests only.
        max_messages: Most messages of a user that training reads, the newest of those for training. They also count in
            the draw of a cohort `by_size`, so that no user takes part in every round by typing more.
    """

    new_phone_share: Share = 0.2
    fold: int = Field(0, ge=0)
    validation_share: Share = 0.1
    train_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    max_messages: int = Field(5000, ge=1)

    @model_validator(mode="after")
    def _the_fold_exists(self) -> Self:
        if self.fold >= self.folds:
            share = f"a new_phone_share of {self.new_phone_share:g}"
            raise ValueError(f"fold is {self.fold}, but {share} gives the folds 0 to {self.folds - 1}")
        return self

    @property
    def folds(self) -> int:
        """Number of folds: disjoint sets of `new_phone_share` of the users."""
        return math.floor(1 / self.new_phone_share + 1e-9) if self.new_phone_share else 1


class TokenizerConfig(Strict):
    """The vocabulary (see `federated.training.word_counts`).

    Attributes:
        vocab_size: Most pieces in the vocabulary. If they are too few for all characters, rare ones are spelt in bytes.
        min_clients: The vocabulary is trained on words that at least this many clients typed.
        count_cap: A client contributes at most this much to the count of a word.
        max_words: A client contributes at most so many words, those that it types most.
        capacity: Most distinct words that the server counts at a time. If there are more, the counts are lower bounds,
            and the rarest words are left out.
        added_pieces: If the training starts from a base: most pieces that the vocabulary of the base gets for these
            words; 0 = the vocabulary of the base as it is.
    """

    vocab_size: int = Field(8192, ge=300, le=65536)
    min_clients: int = Field(2, ge=1)
    count_cap: int = Field(100, ge=1)
    max_words: int = Field(10_000, ge=1, le=100_000)
    capacity: int = Field(1_000_000, ge=1, le=10_000_000)
    added_pieces: int = Field(1024, ge=0, le=65536)


class ModelConfig(Strict):
    """The sizes of the shared model (see `keyboard_model.model.cifg_lstm`) and of its adapter.

    Attributes:
        embedding: Numbers in the embedding of a piece.
        cells: Cells of the LSTM.
        adapter_rank: Rank of the adapter.
    """

    embedding: int = Field(96, ge=4, le=1024)
    cells: int = Field(512, ge=4, le=4096)
    adapter_rank: int = Field(4, ge=1, le=64)


class SamplingConfig(Strict):
    """How the cohorts of rounds are drawn (see `federated.data.sampling`).

    Attributes:
        sampling: `uniform` gives all clients their turns equally often. `by_size` draws them with weights by their
            numbers of messages, which a server of real phones does not know.
        min_separation: A client of round r takes part in no round before r + `min_separation`; None lets half of the
            clients rest. Only with `uniform`.
        max_turns: Most rounds in which a client takes part; the rounds end when nobody has a turn left. None for no
            limit. Only with `uniform`.
    """

    sampling: Literal["by_size", "uniform"] = "uniform"
    min_separation: int | None = Field(None, ge=1)
    max_turns: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _limits_fit_the_sampling(self) -> Self:
        if self.sampling == "by_size" and (self.min_separation, self.max_turns) != (None, None):
            raise ValueError('min_separation and max_turns need sampling = "uniform"')
        return self


class TrainingConfig(SamplingConfig):
    """The rounds of federated training (see `federated.training.fed_avg`), and how their cohorts are drawn.

    Attributes:
        start: The folder of a pre-trained base (`thumbprint pretrain`, or `base_en` for the one that comes with
            Thumbprint), whose vocabulary and weights the training starts with; None for a vocabulary of its own and
            random weights. The base decides the embedding and the cells of the model, and `[tokenizer] vocab_size` has
            no effect (but `added_pieces` has).
        rounds: Most rounds; `max_minutes` and `patience` can end the training earlier.
        max_minutes: Minutes of training after which no further round starts; None for no limit.
        clients_per_round: Clients in a cohort.
        over_selection: Share of additional clients in a cohort. So many can be lost together with a worker elsewhere
            (Bonawitz et al. 2019, arXiv:1902.01046); if more are lost, they train again on another worker.
        batch: Windows in a local step.
        window: Pieces in a window.
        max_windows: Most windows on which a client trains in a round.
        client_learning_rate: Rate of local SGD.
        server_optimizer: `adam`, or `momentum` for SGD with momentum, which private training needs for its noise to
            cancel over the rounds.
        server_learning_rate: Rate of the server's optimizer.
        server_epsilon: Epsilon of the server's Adam.
        server_momentum: Momentum of the server's SGD.
        clip: Largest norm of the gradient in a local step.
        dropout: Share of the features that a local step drops.
        word_dropout: Share of the input pieces that a placeholder hides.
        secure_aggregation: Whether updates are summed as integers of bounded size, as secure aggregation needs them
            (see `federated.runtime.secure_sums`: a simulation, which hides nothing).
        weight_cap: Largest weight of a client in the average, in targets; None for `max_windows`·`window`, the most
            targets that a client can have in a round. A larger number has no effect.
        fairness_q: With q > 0, the weight of a client is multiplied by loss^q, so that the model serves clients more
            evenly (`federated.aggregation`); 0 = off.
        average: Share that the running average of the shared weights keeps in a round (Polyak and Juditsky 1992); the
            average is validated and saved. 0.98 averages about 50 rounds, 0 uses the weights of each round.
        validation_users: Most users on whom validation measures, a random sample of the validation users.
        evaluate_every: Rounds between validations.
        patience: Validations without a gain after which the training ends.
        checkpoint_every: Rounds between checkpoints.
        decay_from: Share of the rounds after which the server's rate falls linearly, to a fiftieth at the end.
    """

    start: Path | None = None
    rounds: int = Field(1200, ge=1)
    max_minutes: Positive | None = None
    clients_per_round: int = Field(10, ge=1)
    over_selection: Annotated[float, Field(ge=0, le=1)] = 0.0
    batch: int = Field(16, ge=1, le=1024)
    window: int = Field(20, ge=2, le=200)
    max_windows: int = Field(32, ge=1)
    client_learning_rate: NotNegative = 1.0
    server_optimizer: Literal["adam", "momentum"] = "adam"
    server_learning_rate: NotNegative = 0.01
    server_epsilon: Positive = 1e-6
    server_momentum: Share = 0.9
    clip: Positive = 5.0
    dropout: Share = 0.5
    word_dropout: Share = 0.15
    secure_aggregation: bool = False
    weight_cap: Positive | None = None
    fairness_q: FairnessQ = 0.0
    average: Share = 0.0
    validation_users: int = Field(200, ge=1)
    evaluate_every: int = Field(40, ge=1)
    patience: int = Field(20, ge=1)
    checkpoint_every: int = Field(20, ge=1)
    decay_from: Annotated[float, Field(ge=0, le=1)] = 0.3

    @property
    def cohort_size(self) -> int:
        """Clients drawn for a round, with those of `over_selection`.

        >>> TrainingConfig(clients_per_round=100, over_selection=0.07).cohort_size
        107
        """
        return self.clients_per_round + math.ceil(self.clients_per_round * self.over_selection - 1e-9)

    @property
    def largest_weight(self) -> float:
        """The largest weight that a client can have in the average, in targets.

        >>> TrainingConfig().largest_weight, TrainingConfig(weight_cap=300).largest_weight
        (640.0, 300.0)
        """
        most = float(self.max_windows * self.window)
        return most if self.weight_cap is None else min(self.weight_cap, most)


class NgramConfig(Strict):
    """The n-grams of the shared model.

    See `federated.training.ngram_counts` and `keyboard_model.ngram.kneser_ney`.

    Attributes:
        weight: Weight of the n-grams in the distribution of the shared model; 0 = the neural model alone.
        min_clients: An n-gram is published if at least this many clients typed it.
        count_cap: A client contributes at most this much to the count of an n-gram.
        max_pieces: A client contributes the n-grams of at most so many pieces, those of its newest messages.
        max_ngrams: Most bigrams and trigrams that are published. If more have `min_clients` clients, the lowest number
            of clients with which they are few enough counts instead.
    """

    weight: Share = 0.3
    min_clients: int = Field(2, ge=1)
    count_cap: int = Field(100, ge=1)
    max_pieces: int = Field(100_000, ge=1, le=10_000_000)
    max_ngrams: int = Field(1_000_000, ge=1)


class PrivacyConfig(Strict):
    """Differential privacy for each user in training (see `federated.privacy`).

    Attributes:
        epsilon: ε of everything that the training publishes, at `delta`.
        delta: δ; below 1 / (users in training), or the guarantee means nothing.
        mechanism: The noise of the rounds (see `federated.privacy.mechanisms`). `blt` needs the least. `tree` is
            DP-FTRL with binary trees. `independent` is DP-FedAvg; its noise does not cancel over the rounds.
        clipping_norm: Largest norm of a client's update; larger ones are scaled down. The noise is proportional to it.
        clipping_quantile: The norm follows this quantile of the clients' norms (Andrew et al. 2021, arXiv:1905.03871),
            and `clipping_norm` is that of the first round; None = it stays. Not with `tree`.
        restart_every: Rounds after which a new tree begins; None = one tree. Only with `tree`.
        method_share: Share of the budget (of μ²) for the rounds of the personalization method, if it has any. Their
            noise has the same mechanism.
        method_clipping_norm: Largest norm of a client's update in these rounds, or in the first of them.
        words_share: Share of the budget for the words of the vocabulary, if the job counts them.
        ngrams_share: Share of the budget for the n-grams of the users, if the job counts them.
        word_norm: Largest norm of the counts of a user's words; larger ones are scaled down.
        ngram_norm: Largest norm of the counts of a user's n-grams.
    """

    epsilon: Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False)]
    delta: Annotated[float, Field(ge=1e-15, lt=1)]
    mechanism: Literal["blt", "tree", "independent"] = "blt"
    clipping_norm: Positive = 0.3
    clipping_quantile: Annotated[float, Field(gt=0, lt=1)] | None = None
    restart_every: int | None = Field(None, ge=1)
    method_share: Share = 0.2
    method_clipping_norm: Positive = 1.0
    words_share: Share = 0.05
    ngrams_share: Share = 0.1
    word_norm: Positive = 3.0
    ngram_norm: Positive = 3.0

    @model_validator(mode="after")
    def _options_fit_the_mechanism(self) -> Self:
        if self.mechanism == "tree" and self.clipping_quantile is not None:
            raise ValueError('clipping_quantile needs the mechanism "blt" or "independent"')
        if self.mechanism != "tree" and self.restart_every is not None:
            raise ValueError('restart_every needs mechanism = "tree"')
        return self


class GateConfig(Strict):
    """The gate of the phones (see `device_runtime.manifest.GateRecipe`)."""

    min_words: int = Field(5, ge=0)
    margin: NotNegative = 0.0


class NeuralCacheConfig(Strict):
    """The neural cache of the phones (see `device_runtime.manifest.NeuralCacheRecipe`). It makes phones open slower."""

    words: int = Field(0, ge=0, le=100_000)
    weight: Share = 0.3
    half: NotNegative = 300.0
    sharpness: NotNegative = 12.0


_ROWS, _ROW = len(DEFAULT_MIXING_WEIGHTS), len(DEFAULT_MIXING_WEIGHTS[0])
MixingWeights = Annotated[
    tuple[Annotated[tuple[Coefficient, ...], Field(min_length=_ROW, max_length=_ROW)], ...],
    Field(min_length=_ROWS, max_length=_ROWS),
]


class HistoryConfig(Strict):
    """The history of the phones (see `device_runtime.manifest.HistoryRecipe`).

    Attributes:
        mixing: `federated` has weights of the mixture that depend on the context. If a run has validation users, they
            train them when its bundle is exported (`federated.personalization.mixing_weights`). `pitman_yor` has the
            fixed weights of the other settings.
        mixing_weights: The coefficients that this training starts from, and that a base is exported with.
        mixing_pull: How strongly the training is pulled towards them.
    """

    cache_weight: Share = 0.017
    cache_half: NotNegative = 500.0
    discount: Annotated[float, Field(ge=0, le=1)] = 0.58
    concentration_2: Positive = 25.0
    concentration_3: Positive = 3.1
    neural_cache: NeuralCacheConfig = NeuralCacheConfig()
    mixing: Literal["pitman_yor", "federated"] = "federated"
    mixing_weights: MixingWeights = DEFAULT_MIXING_WEIGHTS
    mixing_pull: NotNegative = 1.0
    strengths: int = Field(5, ge=1, le=101)
    strength_words: int = Field(50, ge=1)


class RoundsConfig(SamplingConfig):
    """A method's own federated rounds, after the training of the shared model, and how their cohorts are drawn.

    See `federated.personalization.personalization_process`.

    Attributes:
        rounds: Number of rounds; None for the method's default.
        clients_per_round: Clients in a cohort.
        max_windows: Most windows on which a client trains in a round, in batches of the personalization's shape.
        server_learning_rate: Factor of the mean update; 1 is FedAvg.
        fairness_q: q of q-FedAvg; 0 = off.
        compressed: Whether clients send updates with 8 bits per number.
    """

    rounds: int | None = Field(None, ge=0)
    clients_per_round: int = Field(10, ge=1)
    max_windows: int = Field(64, ge=1)
    server_learning_rate: NotNegative = 1.0
    fairness_q: FairnessQ = 0.0
    compressed: bool = False


class PersonalizationConfig(Strict):
    """The personalization method, and the recipe of the phones (see `device_runtime.manifest.Recipe`).

    The defaults were chosen on the 15 validation users of the NUS SMS corpus who write enough, with
    `thumbprint.comparison.tuning` (18 trials). Then 10 steps of half a batch were set, which a phone finishes in a
    second, and 19 settings of rates, proximal term and gate were tried by hand.

    Attributes:
        method: A name in `federated.algorithms.registry`; the name is checked when the method is used.
        options: The method's own hyperparameters, by name.
        federated: The method's own rounds.
        steps: Smallest number of steps of an adaptation on the phone, at most 10,000; 0 = no adapter is trained.
        adapter_dtype: Encoding of the adapter. `sparse` needs a fifth of the bytes of `float32` and predicts as well.

    The other settings have the meaning of the recipe's fields.
    """

    method: str = "thumbprint"
    options: dict[str, Any] = Field(default_factory=dict)
    federated: RoundsConfig = RoundsConfig()
    steps: int = Field(10, ge=0, le=10_000)
    passes: float = Field(1.0, ge=0, le=100)
    learning_rate: NotNegative = 0.4
    bias_rate: NotNegative = 16.0
    proximal: NotNegative = 0.0005
    clip: Positive = 5.0
    evidence: NotNegative = 50.0
    newest_words: int = Field(10_000, ge=1)
    holdout_share: Share = 0.2
    holdout_words: int = Field(1_000, ge=1)
    swap_margin: NotNegative = 0.25
    adapter_dtype: Literal["float32", "float16", "int8", "sparse"] = "sparse"
    batch: int = Field(4, ge=1, le=256)
    window: int = Field(20, ge=2, le=200)
    gate: GateConfig = GateConfig()
    history: HistoryConfig = HistoryConfig()


class Job(Strict):
    """The settings of a training run.

    Attributes:
        name: Name of the bundle.
        seed: Decides every random choice.
        corpus: The corpus file; None if it is given separately.
        data: Users and messages that are held out.
        tokenizer: The vocabulary.
        model: The sizes of the shared model.
        training: The federated rounds.
        ngram: The n-grams of the shared model.
        privacy: The guarantee of the training; None = it has none.
        personalization: The method and the recipe of the phones.

    >>> job = Job(name="mine", training=TrainingConfig(rounds=200))
    >>> job.training.rounds, job.training.clients_per_round, job.personalization.method
    (200, 10, 'thumbprint')
    """

    name: str = Field("thumbprint", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")
    seed: int = Field(0, ge=0, lt=2**31)
    corpus: Path | None = None
    data: DataConfig = DataConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    ngram: NgramConfig = NgramConfig()
    privacy: PrivacyConfig | None = None
    personalization: PersonalizationConfig = PersonalizationConfig()

    @model_validator(mode="after")
    def _training_can_be_private(self) -> Self:
        if self.privacy is None:
            return self
        training, momentum = self.training, self.training.server_optimizer == "momentum"
        if training.sampling != "uniform":
            raise ValueError('[privacy] needs training.sampling = "uniform": with another, nothing bounds the turns')
        if training.fairness_q:
            raise ValueError("[privacy] needs training.fairness_q = 0: a client's loss must not weigh its update")
        if self.privacy.mechanism == "tree" and training.secure_aggregation:
            raise ValueError('training.secure_aggregation needs privacy.mechanism = "blt" or "independent"')
        if self.privacy.mechanism != "independent" and not momentum:
            raise ValueError(
                f'privacy.mechanism = "{self.privacy.mechanism}" needs training.server_optimizer = "momentum": with '
                "Adam, its noise does not cancel over the rounds"
            )
        if self.counts_words and not self.privacy.words_share:
            raise ValueError("[privacy] needs a words_share above 0, or a base and tokenizer.added_pieces = 0")
        if self.training.start is None and self.ngram.weight and not self.counts_ngrams:
            raise ValueError("[privacy] needs an ngrams_share above 0, or a base, or ngram.weight = 0")
        if self.privacy.words_share + self.privacy.ngrams_share + self.privacy.method_share >= 1:
            raise ValueError("[privacy] needs shares with a sum below 1: the rest is for the rounds")
        return self

    @property
    def counts_words(self) -> bool:
        """Whether the vocabulary contains words of the users."""
        return self.training.start is None or self.tokenizer.added_pieces > 0

    @property
    def counts_ngrams(self) -> bool:
        """Whether the shared n-grams contain those of the users."""
        return self.ngram.weight > 0 and (self.privacy is None or self.privacy.ngrams_share > 0)

    def with_fold(self, fold: int) -> Job:
        """Returns the job with another fold of new phones.

        Raises:
            JobError: the job's `new_phone_share` gives fewer folds.
        """
        try:
            data = DataConfig.model_validate(self.data.model_dump() | {"fold": fold})
        except ValidationError as error:
            raise JobError(f"data: {error.errors()[0]['msg']}") from error
        return self.model_copy(update={"data": data})


def load_job(path: Path) -> Job:
    """Reads a job file (TOML). A relative `corpus` or `training.start` is relative to the folder of the file.

    Raises:
        JobError: the file does not exist, is not valid TOML, or has an unknown key or an unusable value. The message
            names the keys.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
    ...     size = file.write("seed = 7\\n[training]\\nrounds = 200")
    ...     file.flush()
    ...     job = load_job(Path(file.name))
    >>> job.seed, job.training.rounds
    (7, 200)
    """
    job = read_settings(path, Job, JobError)
    if job.corpus is not None:
        job = job.model_copy(update={"corpus": path.parent / job.corpus})
    if job.training.start is not None:
        start = base_en.resolve(job.training.start, base_en.BASE, path.parent)
        training = job.training.model_copy(update={"start": start})
        job = job.model_copy(update={"training": training})
    return job
