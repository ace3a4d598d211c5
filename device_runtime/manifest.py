"""The schema of `manifest.json`, the signed description of a bundle.

The exporter writes it and every phone reads it. There are no defaults, and unknown keys are errors, so that a
misspelled key is never ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from device_runtime.algorithm_registry import algorithm_named

FORMAT = "thumbprint-bundle"
FORMAT_VERSION = 5

Share = Annotated[float, Field(ge=0, lt=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# JSON has no infinite numbers: infinity is written as the string "Infinity".
Concentration = Annotated[float, Field(ge=0, allow_inf_nan=True)]

Coefficient = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
COMPONENTS, FEATURES = 5, 12
"""Of the mixture with the owner's history: see `device_runtime.prediction.mixing`, which names them."""

AdapterEncoding = Literal["float32", "float16", "int8", "sparse"]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, ser_json_inf_nan="strings", protected_namespaces=()
    )


class ModelShape(_Strict):
    """The sizes of the shared model. The windows of `adapt` and `evaluate` have the shape `[batch, window]`."""

    vocab: int = Field(gt=0)
    embedding: int = Field(gt=0)
    cells: int = Field(gt=0)
    rank: int = Field(gt=0)
    batch: int = Field(gt=0)
    window: int = Field(gt=0)
    bos: int = Field(ge=0)


class TensorSpec(_Strict):
    """Shape and dtype of a tensor."""

    shape: list[int]
    dtype: str


class Signature(_Strict):
    """The tensors of one signature of `model.tflite`, by name."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


class GateRecipe(_Strict):
    """When a new adapter replaces the old one.

    min_words: with fewer held-out words than this, the old adapter stays without a comparison.
    margin: the gain that the new adapter must show, in standard errors of the paired difference; 0 = not worse.
    """

    min_words: int = Field(ge=0)
    margin: NotNegative


class NeuralCacheRecipe(_Strict):
    """How the owner's words are mixed in by the similarity of the contexts (see `prediction.neural_cache`).

    words: how many of the newest words the phone keeps; 0 = off.
    weight: the largest weight of the cache; 0 = off.
    half: half of that weight is reached with this many words.
    sharpness: how much more a similar context counts; 0 = all contexts count the same.
    """

    words: int = Field(ge=0, le=100_000)
    weight: Share
    half: NotNegative
    sharpness: NotNegative

    @property
    def is_on(self) -> bool:
        """Whether the phone keeps a cache."""
        return self.words > 0 and self.weight > 0


class HistoryRecipe(_Strict):
    """How the owner's n-grams are mixed in (see `device_runtime.prediction.user_model`).

    cache_weight: the largest weight of the owner's word frequencies; 0 = off.
    cache_half: half of that weight is reached with this many words of history.
    discount: what is taken off each count and given to the level below.
    concentration_2, concentration_3: the pull towards the level below, in words; infinite = this order is off.
    neural_cache: words by the similarity of their contexts.
    mixing: coefficients `[K, 1 + F]` of learned weights (see `prediction.mixing`), which replace the weights and
        concentrations above; null = there are none.
    strengths: how many weights between 1 and 0 the phone tries for the whole mixture, to take the one that fits the
        held-out messages best (see `device_runtime.adaptation.ngram_weight`); 1 = always the full weight.
    strength_words: with fewer held-out words than this, the phone takes half of the weight instead.
    """

    cache_weight: Share
    cache_half: NotNegative
    discount: Annotated[float, Field(ge=0, le=1)]
    concentration_2: Concentration
    concentration_3: Concentration
    neural_cache: NeuralCacheRecipe
    mixing: tuple[tuple[Coefficient, ...], ...] | None
    strengths: int = Field(ge=1, le=101)
    strength_words: int = Field(ge=1)

    @model_validator(mode="after")
    def _has_all_coefficients(self) -> HistoryRecipe:
        if self.mixing is not None and [*map(len, self.mixing)] != [1 + FEATURES] * COMPONENTS:
            raise ValueError(f"mixing must be {COMPONENTS} rows of {1 + FEATURES} coefficients")
        return self


class Recipe(_Strict):
    """How a phone adapts.

    method: the personalization method, for readers and reports; the phone uses only `algorithm`.
    algorithm, constants: the device algorithm (see `algorithm_registry`) and its numbers.
    starts: the number of adapters in `adapter_init.safetensors`; more than one for "clusters" and "fed_em" only.
    steps: the smallest number of local SGD steps (K), at most 10,000; 0 = use the starts as they are.
    passes: the smallest number of passes over the messages, so that an owner who typed much gets more steps, with
        smaller rates (see `keyboard_model.step_sizes`); 0 = always `steps` steps.
    learning_rate, bias_rate: the rates of the low-rank part and of the bias for `steps` steps.
    proximal: λ of the pull back to the shared start; 0 = plain fine-tuning.
    clip: the largest L2 norm of a gradient.
    evidence: the rates reach half of their value with this many pieces to learn from, so that an owner who typed little
        gets small steps; 0 = always the full rates.
    newest_words: how many of the newest words the phone adapts on.
    holdout_share: the share of these messages, the newest ones, that is held out for the gate.
    holdout_words: no more messages are held out than it takes to have this many words.
    swap_margin: a personal word replaces a shared word if it is more than (1 + margin) times as probable (see
        `device_runtime.prediction.predictor.apply_swap_margin`).
    adapter_dtype: the encoding in which adapters are stored (see `device_runtime.adapter.encodings`).
    """

    method: str
    algorithm: str
    constants: dict[str, float]
    starts: int = Field(ge=1)
    steps: int = Field(ge=0, le=10_000)
    passes: Annotated[float, Field(ge=0, le=100)]
    learning_rate: NotNegative
    bias_rate: NotNegative
    proximal: NotNegative
    clip: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    evidence: NotNegative
    newest_words: int = Field(gt=0)
    holdout_share: Share
    holdout_words: int = Field(gt=0)
    gate: GateRecipe
    history: HistoryRecipe
    swap_margin: NotNegative
    adapter_dtype: AdapterEncoding

    @property
    def trains_nothing(self) -> bool:
        """Whether the result is always the first start."""
        return algorithm_named(self.algorithm).trains_nothing(self.constants, self.starts, self.steps)

    @model_validator(mode="after")
    def _fits_the_algorithm(self) -> Recipe:
        algorithm_named(self.algorithm).check(self.constants, self.starts)
        return self


class Provenance(_Strict):
    """Where the model comes from. `epsilon` and `delta` describe its differential privacy; null = it has none."""

    corpus_id: str
    corpus: str
    synthetic: bool
    algorithm: str
    rounds: int = Field(ge=0)
    seed: int
    epsilon: float | None
    delta: float | None
    thumbprint: str


class FileEntry(_Strict):
    """Hash and size of a content file."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Manifest(_Strict):
    """The content of `manifest.json`.

    model_id: the id of the four content files (see `device_runtime.bundle.loader.model_id`).
    ngram_weight: the weight of the n-grams in the shared model (see `device_runtime.inference.context_cache`); 0 = the
        neural model alone.
    """

    format: Literal["thumbprint-bundle"]
    format_version: Literal[5]
    model_id: str = Field(pattern="^[0-9a-f]{64}$")
    name: str
    model: ModelShape
    signatures: dict[str, Signature]
    ngram_weight: Share
    recipe: Recipe
    provenance: Provenance
    metrics: dict[str, float]
    files: dict[str, FileEntry]
