"""The shared model in LiteRT, and how its signatures (named functions of `model.tflite`) are called.

A process needs one engine for any number of phones and threads: the adapter is an argument of each call. Each signature
that a phone calls has its own interpreter, which its first call loads. Thus an adaptation in one thread never delays a
prediction in another, and the memory of training, 20 MB that a phone needs for a moment each day, can be freed.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from device_runtime.adapter.adapter import Adapter
from device_runtime.adapter.encodings import Array
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import Bundle
from device_runtime.inference.context_cache import ContextCache, State, ngram_interpolator
from device_runtime.inference.lexicon import Lexicon
from device_runtime.manifest import ModelShape, Signature, TensorSpec
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
    state = {"cell": [1, shape.cells], "projection": [1, shape.embedding]}
    adapter = {"lora_a": [shape.embedding, shape.rank], "lora_b": [shape.rank, shape.embedding], "bias": [shape.vocab]}
    windows = [shape.batch, shape.window]
    sizes = {
        "step": ({**state, **adapter}, {"log_probs": [1, shape.vocab], **state}),
        "adapt": ({"tokens": windows, "targets": windows, **adapter}, adapter),
        "evaluate": ({"tokens": windows, "targets": windows, **adapter}, {"log_probs": windows}),
    }
    return all(
        name in tensors and tensors[name].shape == size
        for signature, expected in sizes.items()
        for tensors, wanted in zip((signatures[signature].inputs, signatures[signature].outputs), expected, strict=True)
        for name, size in wanted.items()
    )


def read_signatures(interpreter: Interpreter) -> dict[str, Signature]:
    """Returns every signature of a model with the shapes and dtypes of its tensors, by name.

    The exporter writes them into the manifest, and the engine compares them when it loads the model.
    """
    signatures = {}
    for name in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(name)
        signatures[name] = Signature(
            inputs=_specs(runner.get_input_details()), outputs=_specs(runner.get_output_details())
        )
    return signatures


def _specs(details: Mapping[str, Mapping[str, Any]]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(shape=[int(size) for size in tensor["shape"]], dtype=np.dtype(tensor["dtype"]).name)
        for name, tensor in sorted(details.items())
    }


class SignatureRunner:
    """Calls one signature with its tensors by name. Safe to use from several threads; it runs one call at a time."""

    def __init__(self, model: bytes, name: str, num_threads: int, small: bool = False) -> None:
        """Prepares the calls; the first one loads the interpreter.

        Args:
            model: The content of `model.tflite`.
            name: The signature's name.
            num_threads: Threads of one call.
            small: Save memory: run without XNNPACK, whose packed weights and workspace make calls faster but larger.
                Measured on `adapt` at V=9216, E=160, 4 x 20 tokens: 19 ms a call instead of 14, and 30 MB less at the
                peak. Both are as close to TensorFlow's float32 (0.026 nats a piece, the error of the int8 weights).
        """
        self._model = model
        self._name = name
        self._num_threads = num_threads
        self._resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if small else OpResolverType.AUTO
        self._lock = threading.Lock()
        self._run: Callable[..., dict[str, Array]] | None = None

    def __call__(self, **tensors: object) -> dict[str, Array]:
        """Runs the signature. The returned arrays are copies, which the caller owns."""
        with self._lock:
            if self._run is None:
                interpreter = Interpreter(
                    model_content=self._model,
                    num_threads=self._num_threads,
                    experimental_op_resolver_type=self._resolver,
                )
                self._run = interpreter.get_signature_runner(self._name)
            return self._run(**tensors)

    def unload(self) -> None:
        """Frees the interpreter; the next call loads it again (a few ms)."""
        with self._lock:
            self._run = None


_M_MMAP_THRESHOLD = -3  # malloc.h
_THRESHOLD = 1024 * 1024


def release_large_blocks() -> None:
    """Makes this process return freed blocks of 1 MB or more to the system at once.

    glibc maps large blocks separately, but raises the threshold for this to the largest block ever freed. The tens of
    megabytes of each later adaptation then fragment the heap: a process of 116 MB after one adaptation grew to 161 MB
    after eight. With a fixed threshold it stays at 116 MB, and at 100 MB between adaptations. Does nothing if the C
    library does not have this setting.
    """
    setting = getattr(ctypes.CDLL(None), "mallopt", None)
    if setting is not None:
        setting(_M_MMAP_THRESHOLD, _THRESHOLD)
