"""The job file: everything a training run is decided by, with defaults that work."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

_LARGEST = 1e30  # all of them end up as float32
_MOST = 2**31 - 1  # and these as int32
Positive = Annotated[float, Field(gt=0, le=_LARGEST, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=_LARGEST, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
FairnessQ = Annotated[float, Field(ge=0, le=10)]


class JobError(ValueError):
    """The job file cannot be used; the message says which line of it and why."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _fits_the_programs_integers(cls, value: Any) -> Any:
        if isinstance(value, int) and value > _MOST:
            raise ValueError(f"Input should be less than or equal to {_MOST:,}")
        return value


class DataConfig(_Strict):
    """Who and what is held out (see `federated.data.federated_data`).

    new_phone_share: of the users, never seen in training.
    validation_share: of the others, for early stopping and tuning.
    train_share: of each user's messages, by time; the rest is the test part and is never read here.
    """

    new_phone_share: Share = 0.2
    validation_share: Share = 0.1
    train_share: Annotated[float, Field(gt=0, le=1)] = 0.8


class TokenizerConfig(_Strict):
    """vocab_size: pieces at most. min_clients: a word enters the vocabulary if so many clients typed it."""

    vocab_size: int = Field(8192, ge=300, le=65536)
    min_clients: int = Field(2, ge=1)
    count_cap: int = Field(100, ge=1, description="one client counts a word for at most so often")


class ModelConfig(_Strict):
    """Sizes of the shared model (see `keyboard_model.model.cifg_lstm`)."""

    embedding: int = Field(96, ge=4, le=1024)
    cells: int = Field(512, ge=4, le=4096)
    adapter_rank: int = Field(4, ge=1, le=64)


class TrainingConfig(_Strict):
    """Federated training (see `federated.training.fed_avg`).

    rounds: at most; `max_minutes` may end it earlier, as may `patience`.
    clients_per_round: the cohort.
    sampling: of the cohort: by_size draws clients by their messages, uniform all alike.
    batch, window: a local step reads so many windows of so many pieces.
    max_windows: a client trains on at most so many windows a round.
    dropout: share of the features left out of each local step.
    word_dropout: share of the pieces read that a placeholder hides.
    weight_cap: a client counts for at most so many targets in the average.
    fairness_q: clients weigh by loss^q too, so that the model serves them more evenly
        (`federated.aggregation`); 0 = off.
    average: what a round keeps of the running average of the shared weights, which is what is validated and kept
        (Polyak and Juditsky 1992); 0.98 averages some 50 rounds, 0 keeps each round's own weights.
    evaluate_every, patience: validation every so many rounds, and so many of them without a gain end it.
    checkpoint_every: rounds between saved program states.
    decay_from: share of the rounds after which the server's rate falls linearly, to a fiftieth at the end.
    """

    rounds: int = Field(1200, ge=1)
    max_minutes: Positive | None = None
    clients_per_round: int = Field(10, ge=1)
    sampling: Literal["by_size", "uniform"] = "by_size"
    batch: int = Field(16, ge=1, le=1024)
    window: int = Field(20, ge=2, le=200)
    max_windows: int = Field(32, ge=1)
    client_learning_rate: NotNegative = 1.0
    server_learning_rate: NotNegative = 0.01
    server_epsilon: Positive = 1e-6
    clip: Positive = 5.0
    dropout: Share = 0.5
    word_dropout: Share = 0.15
    weight_cap: Positive = 2000.0
    fairness_q: FairnessQ = 0.0
    average: Share = 0.0
    evaluate_every: int = Field(40, ge=1)
    patience: int = Field(20, ge=1)
    checkpoint_every: int = Field(20, ge=1)
    decay_from: Annotated[float, Field(ge=0, le=1)] = 0.3


class NgramConfig(_Strict):
    """The n-grams beside the neural model.

    See `federated.training.ngram_counts` and `keyboard_model.ngram.kneser_ney`.

    weight: of their distribution in the shared model's; 0 = none are counted, the neural model alone.
    min_clients: an n-gram is published if so many clients typed it.
    count_cap: one client counts an n-gram for at most so often.
    """

    weight: Share = 0.3
    min_clients: int = Field(2, ge=1)
    count_cap: int = Field(100, ge=1)


class GateConfig(_Strict):
    """See `device_runtime.manifest.GateRecipe`."""

    min_words: int = Field(5, ge=0)
    margin: NotNegative = 0.0


class HistoryConfig(_Strict):
    """See `device_runtime.manifest.HistoryRecipe`."""

    cache_weight: Share = 0.017
    cache_half: NotNegative = 500.0
    discount: Annotated[float, Field(ge=0, le=1)] = 0.58
    concentration_2: Positive = 25.0
    concentration_3: Positive = 3.1
    strengths: int = Field(3, ge=1, le=101)


class RoundsConfig(_Strict):
    """A method's own federated rounds, after the shared model's.

    See `federated.personalization.personalization_process`.

    rounds: 0 = none, null = as many as the method takes by itself.
    clients_per_round: the cohort, drawn as `[training]` draws it.
    max_windows: a client trains on at most so many windows a round, in batches of the personalization's shape.
    server_learning_rate: what the mean update is scaled by; 1 is FedAvg.
    fairness_q: q of q-FedAvg; 0 = off.
    compressed: whether updates travel in 8 bits a number.
    """

    rounds: int | None = Field(None, ge=0)
    clients_per_round: int = Field(10, ge=1)
    max_windows: int = Field(64, ge=1)
    server_learning_rate: NotNegative = 1.0
    fairness_q: FairnessQ = 0.0
    compressed: bool = False


class PersonalizationConfig(_Strict):
    """The method, and what the phone's recipe becomes (see `device_runtime.manifest.Recipe`).

    The defaults were chosen on the 15 validation users of the NUS SMS corpus who write enough, by
    `thumbprint.comparison.tuning` (18 trials; then 10 steps of half a batch, which a phone does in a second, and 19
    settings of rates, brake and gate tried by hand).

    method: a name in `federated.algorithms.registry`, which is checked when the method is asked for.
    options: the method's own hyperparameters, by the names that its file gives them.
    steps: 0 = no adapter is trained on the phone.
    adapter_dtype: a sparse one takes a fifth of float32's bytes, and suggests as well.
    """

    method: str = "thumbprint"
    options: dict[str, Any] = {}
    federated: RoundsConfig = RoundsConfig()
    steps: int = Field(10, ge=0)
    learning_rate: NotNegative = 0.4
    bias_rate: NotNegative = 16.0
    proximal: NotNegative = 0.0005
    clip: Positive = 5.0
    evidence: NotNegative = 50.0
    newest_words: int = Field(500, ge=1)
    holdout_share: Share = 0.2
    swap_margin: NotNegative = 1.0
    adapter_dtype: Literal["float32", "float16", "int8", "sparse"] = "sparse"
    batch: int = Field(4, ge=1, le=256)
    window: int = Field(20, ge=2, le=200)
    gate: GateConfig = GateConfig()
    history: HistoryConfig = HistoryConfig()


class Job(_Strict):
    """A training job. `name` is what its bundle is called; `seed` decides all that is drawn."""

    name: str = Field("thumbprint", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")
    seed: int = Field(0, ge=0, lt=2**31)
    corpus: Path | None = None
    data: DataConfig = DataConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    ngram: NgramConfig = NgramConfig()
    personalization: PersonalizationConfig = PersonalizationConfig()


_MOST_FAULTS = 10
"""Faults that are told of a job file at once."""


def load_job(path: Path) -> Job:
    """Reads a job file (TOML); a relative `corpus` counts from the file's folder.

    Raises:
        JobError: no such file, no TOML, an unknown key or a value out of range, with where it stands.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise JobError(f"{path} does not exist") from error
    except OSError as error:
        raise JobError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise JobError(f"{path} is no TOML: {error}") from error
    try:
        job = Job.model_validate(content)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:_MOST_FAULTS])
        raise JobError(f"{path}: {'; '.join(faults)}") from error
    if job.corpus is not None and not job.corpus.is_absolute():
        job = job.model_copy(update={"corpus": path.parent / job.corpus})
    return job
