"""The shared model in LiteRT, one engine per process: all phones share the model; the adapter is an argument.

Any number of phones may use one engine from any number of threads.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from device_runtime.adapter.adapter import Adapter, Array
from device_runtime.bundle.loader import Bundle, BundleError
from device_runtime.bundle.model_signatures import read_signatures
from device_runtime.inference.context_cache import ContextCache, State
from device_runtime.inference.lexicon import Lexicon
from device_runtime.inference.ngram_interpolation import ngram_interpolator
from device_runtime.inference.signature_runner import SignatureRunner, release_large_blocks
from device_runtime.manifest import ModelShape
from keyboard_model.step_sizes import StepSizes
from keyboard_model.text.tokenizer import Tokenizer, TokenizerError

Ints = npt.NDArray[np.int32]


class TrainingEngine(Protocol):
    """What training and judging an adapter need of an engine. `Engine` is one; `BudgetedEngine` wraps another."""

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
    """Runs a bundle's three signatures.

    Attributes:
        bundle: What it runs.
        shape: The model's sizes.
        tokenizer: The bundle's.
        lexicon: The tokenizer's pieces, laid out for the search.
        reader: The contexts read last, with the bundle's n-grams mixed in.
    """

    def __init__(self, bundle: Bundle, num_threads: int = 1) -> None:
        """Loads the model.

        Raises:
            BundleError: the model, though signed, cannot be run or has other signatures than its manifest says.
        """
        release_large_blocks()
        self.bundle = bundle
        self.shape = bundle.manifest.model
        try:
            self.tokenizer = Tokenizer(bundle.tokenizer)
            found = read_signatures(Interpreter(model_content=bundle.model))
        except (ValueError, RuntimeError, TokenizerError) as error:
            raise BundleError(f"{bundle.path} cannot be run: {error}") from error
        if found != bundle.manifest.signatures or not found.keys() >= {"step", "adapt", "evaluate"}:
            raise BundleError(f"{bundle.path}: the model's signatures are not those that the manifest describes")
        if len(self.tokenizer) != self.shape.vocab or self.tokenizer.bos != self.shape.bos:
            raise BundleError(f"{bundle.path}: the tokenizer and the model are not of one make")
        self._step = SignatureRunner(bundle.model, "step", num_threads)
        self._adapt = SignatureRunner(bundle.model, "adapt", num_threads, small=True)
        self._evaluate = SignatureRunner(bundle.model, "evaluate", num_threads, small=True)
        self._tokens = [np.array([i], np.int32) for i in range(self.shape.vocab)]
        self._zero = State(np.zeros((1, self.shape.cells), np.float32), np.zeros((1, self.shape.embedding), np.float32))
        self.lexicon = Lexicon(self.tokenizer)
        self.reader = ContextCache(
            self.step, self._zero, ngram_interpolator(bundle.ngram, bundle.manifest.ngram_weight)
        )

    def zero_state(self) -> State:
        """The state before a message; its first token is BOS."""
        return self._zero

    def step(self, token: int, state: State, adapter: Adapter) -> tuple[Array, State]:
        """Reads one token. Returns the neural model's log-probabilities `[V]` of the next piece, and the new state."""
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
        """One SGD step. `tokens`, `targets` `[batch, window]`. Returns the new adapter and the loss before, in nats."""
        out = self._adapt(
            tokens=tokens,
            targets=targets,
            **adapter.tensors(),
            **{f"anchor_{name}": tensor for name, tensor in anchor.tensors().items()},
            **{name: np.float32(size) for name, size in rates._asdict().items()},
        )
        return Adapter(out["lora_a"], out["lora_b"], out["bias"]), float(out["loss"])

    def evaluate(self, tokens: Ints, targets: Ints, adapter: Adapter) -> Array:
        """Log-probability of each target `[batch, window]`, 0 where the target is -1."""
        return self._evaluate(tokens=tokens, targets=targets, **adapter.tensors())["log_probs"]

    def rest(self) -> None:
        """Frees the memory that `adapt` and `evaluate` took; their next call loads them again."""
        self._adapt.unload()
        self._evaluate.unload()
