"""The shared model in LiteRT.

A process needs one engine for any number of phones and threads: the adapter is an argument of each call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from device_runtime.adapter.adapter import Adapter
from device_runtime.adapter.encodings import Array
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import Bundle
from device_runtime.inference.context_cache import ContextCache, State, ngram_interpolator
from device_runtime.inference.lexicon import Lexicon
from device_runtime.inference.model_signatures import SignatureRunner, read_signatures, release_large_blocks
from device_runtime.manifest import ModelShape, Signature
from keyboard_model.step_sizes import StepSizes
from keyboard_model.text.tokenizer import Tokenizer, TokenizerError

Ints = npt.NDArray[np.int32]


class TrainingEngine(Protocol):
    """The part of an engine that adaptation needs. `Engine` implements it; `BudgetedEngine` wraps another one."""

    @property
    def shape(self) -> ModelShape: ...
    @property
    def tokenizer(self) -> Tokenizer: ...
    def adapt(
        self, tokens: Ints, targets: Ints, adapter: Adapter, anchor: Adapter, rates: StepSizes
    ) -> tuple[Adapter, float]: ...
    def evaluate(self, tokens: Ints, targets: Ints, adapter: Adapter) -> Array: ...
    def rest(self) -> None: ...


class Engine:
    """Runs the three signatures of a bundle's model. Safe to use from several threads.

    Attributes:
        bundle: The bundle.
        shape: The model's sizes.
        tokenizer: The bundle's tokenizer.
        lexicon: The tokenizer's pieces, arranged for the word search.
        reader: The cache through which predictions read contexts, with the bundle's n-grams mixed in.
    """

    def __init__(self, bundle: Bundle, num_threads: int = 1) -> None:
        """Loads the model.

        Raises:
            BundleError: the model is signed, but cannot be run, or its signatures differ from those in the manifest.
        """
        release_large_blocks()
        self.bundle = bundle
        self.shape = bundle.manifest.model
        try:
            self.tokenizer = Tokenizer(bundle.tokenizer)
            signatures = read_signatures(Interpreter(model_content=bundle.model))
        except (ValueError, RuntimeError, TokenizerError) as error:
            raise BundleError(f"{bundle.path} cannot be run: {error}") from error
        if signatures != bundle.manifest.signatures or not signatures.keys() >= {"step", "adapt", "evaluate"}:
            raise BundleError(f"{bundle.path}: the model's signatures differ from the manifest's; export it again")
        if not _fit(self.shape, signatures):
            raise BundleError(f"{bundle.path}: the manifest's sizes differ from the model's; export it again")
        if len(self.tokenizer) != self.shape.vocab or self.tokenizer.bos != self.shape.bos:
            raise BundleError(f"{bundle.path}: the tokenizer does not belong to the model; export it again")
        self._step = SignatureRunner(bundle.model, "step", num_threads)
        self._adapt = SignatureRunner(bundle.model, "adapt", num_threads, small=True)
        self._evaluate = SignatureRunner(bundle.model, "evaluate", num_threads, small=True)
        self._tokens = [np.array([i], np.int32) for i in range(self.shape.vocab)]
        self._zero = State(np.zeros((1, self.shape.cells), np.float32), np.zeros((1, self.shape.embedding), np.float32))
        try:
            self.lexicon = Lexicon(self.tokenizer)
        except UnicodeDecodeError as error:
            raise BundleError(f"{bundle.path}: a piece of the tokenizer is not UTF-8; export it again") from error
        self.reader = ContextCache(
            self.step, self._zero, ngram_interpolator(bundle.ngram, bundle.manifest.ngram_weight)
        )

    def zero_state(self) -> State:
        """The state before a message, whose first token is BOS."""
        return self._zero

    def step(self, token: int, state: State, adapter: Adapter) -> tuple[Array, State]:
        """Reads one token. Returns the neural log-probabilities `[V]` of the next piece, and the new state."""
        out = self._step(
            token=self._tokens[token],
            cell=state.cell,
            projection=state.projection,
            lora_a=adapter.lora_a,
            lora_b=adapter.lora_b,
            bias=adapter.bias,
        )
        return out["log_probs"][0], State(out["cell"], out["projection"])

    def adapt(
        self, tokens: Ints, targets: Ints, adapter: Adapter, anchor: Adapter, rates: StepSizes
    ) -> tuple[Adapter, float]:
        """Takes one SGD step.

        Args:
            tokens, targets: `[batch, window]`; targets of -1 do not count.
            adapter: The adapter before the step.
            anchor: The adapter to which the proximal term pulls.
            rates: The step sizes.

        Returns:
            The new adapter, and the mean loss before the step in nats.
        """
        out = self._adapt(
            tokens=tokens,
            targets=targets,
            **adapter.tensors(),
            **{f"anchor_{name}": tensor for name, tensor in anchor.tensors().items()},
            **{name: np.float32(size) for name, size in rates._asdict().items()},
        )
        return Adapter(out["lora_a"], out["lora_b"], out["bias"]), float(out["loss"])

    def evaluate(self, tokens: Ints, targets: Ints, adapter: Adapter) -> Array:
        """Returns the log-probability of each target, 0 where the target is -1. `[batch, window]`"""
        return self._evaluate(tokens=tokens, targets=targets, **adapter.tensors())["log_probs"]

    def rest(self) -> None:
        """Frees the memory of `adapt` and `evaluate`; their next call loads them again."""
        self._adapt.unload()
        self._evaluate.unload()


def _fit(shape: ModelShape, signatures: Mapping[str, Signature]) -> bool:
    """Returns whether the sizes are those of the signatures. Others would fail later, or fill the memory."""
    sizes = {
        "step": {"cell": [1, shape.cells], "projection": [1, shape.embedding]},
        "adapt": {"tokens": [shape.batch, shape.window], "lora_a": [shape.embedding, shape.rank]},
        "evaluate": {"tokens": [shape.batch, shape.window], "bias": [shape.vocab]},
    }
    return all(
        name in signatures[signature].inputs and signatures[signature].inputs[name].shape == size
        for signature, tensors in sizes.items()
        for name, size in tensors.items()
    )
