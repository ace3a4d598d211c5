"""What a bundle says about itself: the schema of `manifest.json`.

Read by every phone, written by the exporter. Unknown keys are errors, so a misspelt one is never
silently a default; there are no defaults.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from device_runtime.algorithm_registry import algorithm_named

FORMAT = "thumbprint-bundle"
FORMAT_VERSION = 2

Share = Annotated[float, Field(ge=0, lt=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# Infinity has no number in JSON: it is written as the string "Infinity".
Concentration = Annotated[float, Field(ge=0, allow_inf_nan=True)]

AdapterEncoding = Literal["float32", "float16", "int8", "sparse"]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, ser_json_inf_nan="strings", protected_namespaces=()
    )


class ModelShape(_Strict):
    """Sizes of the shared model. `batch` x `window` is the shape of the windows `adapt` and `evaluate` take."""

    vocab: int = Field(gt=0)
    embedding: int = Field(gt=0)
    cells: int = Field(gt=0)
    rank: int = Field(gt=0)
    batch: int = Field(gt=0)
    window: int = Field(gt=0)
    bos: int = Field(ge=0)


class TensorSpec(_Strict):
    shape: list[int]
    dtype: str


class Signature(_Strict):
    """One signature of `model.tflite`: its tensors by name."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


class GateRecipe(_Strict):
    """When a new adapter replaces the old.

    min_words: held-out words below which nothing is judged and the old adapter stays.
    margin: gain the new one must show, in standard errors of the paired difference; 0 = not worse.
    """

    min_words: int = Field(ge=0)
    margin: NotNegative


class HistoryRecipe(_Strict):
    """How the user's own n-grams are mixed in (see `user_history`).

    cache_weight: largest weight of the user's word frequencies; 0 = off.
    cache_half: words of history at which half of that weight is reached.
    discount: taken off every count and given to the level below.
    concentration_2, concentration_3: pull of the level below, in words; infinite = that order is off.
    strengths: values between 1 and 0 of how strongly all of it is mixed in, of which the phone takes what fits the
        owner's tail best (see `history_strength`); 1 = always the whole.
    """

    cache_weight: Share
    cache_half: NotNegative
    discount: Annotated[float, Field(ge=0, le=1)]
    concentration_2: Concentration
    concentration_3: Concentration
    strengths: int = Field(ge=1, le=101)


class Recipe(_Strict):
    """How a phone adapts itself.

    method: whose result it is; for people and reports, a phone goes by the algorithm.
    algorithm, constants: how it comes to its adapter (see `algorithm_registry`), and the numbers of that algorithm.
    starts: adapters in `adapter_init.safetensors`; more than one for "clusters" only.
    steps: local SGD steps (K); 0 = the starts as they are.
    learning_rate, bias_rate: of the low-rank part and of the bias.
    proximal: λ of the pull back to the shared start; 0 = plain fine-tuning.
    clip: largest L2 norm of a gradient.
    evidence: pieces learnt from at which half of the rates is reached, so that who typed little is moved little;
        0 = full rates at once.
    newest_words: adapt on the newest that many words.
    holdout_share: tail of those messages that only the gate sees.
    swap_margin: a personal word takes a shared word's key when more than (1 + margin) times as probable (see `steady`).
    adapter_dtype: how an adapter is stored (see `device_runtime.adapter.encodings`).
    """

    method: str
    algorithm: str
    constants: dict[str, float]
    starts: int = Field(ge=1)
    steps: int = Field(ge=0)
    learning_rate: NotNegative
    bias_rate: NotNegative
    proximal: NotNegative
    clip: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    evidence: NotNegative
    newest_words: int = Field(gt=0)
    holdout_share: Share
    gate: GateRecipe
    history: HistoryRecipe
    swap_margin: NotNegative
    adapter_dtype: AdapterEncoding

    @property
    def trains_nothing(self) -> bool:
        """Whether no adapter but the first start can come of it."""
        return algorithm_named(self.algorithm).trains_nothing(self.constants, self.starts, self.steps)

    @model_validator(mode="after")
    def _fits_the_algorithm(self) -> Recipe:
        algorithm_named(self.algorithm).check(self.constants, self.starts)
        return self


class Provenance(_Strict):
    """Where the model comes from. `epsilon`, `delta`: of differential privacy; null = trained without."""

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
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Manifest(_Strict):
    """The whole of `manifest.json`.

    model_id: `bundle.model_id` of the four content files.
    ngram_weight: of the n-grams in the shared model (see `shared_ngrams`); 0 = the neural model alone.
    """

    format: Literal["thumbprint-bundle"]
    format_version: Literal[2]
    model_id: str = Field(pattern="^[0-9a-f]{64}$")
    name: str
    model: ModelShape
    signatures: dict[str, Signature]
    ngram_weight: Share
    recipe: Recipe
    provenance: Provenance
    metrics: dict[str, float]
    files: dict[str, FileEntry]
