"""The signatures (named functions) of `model.tflite`: their tensors, and how they are called.

Each signature that a phone calls has its own interpreter, which its first call loads. Thus an adaptation in one thread
never delays a prediction in another, and the memory of training, 20 MB that a phone needs for a moment each day, can be
freed.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from device_runtime.adapter.encodings import Array
from device_runtime.manifest import Signature, TensorSpec


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
                Measured on `adapt` at V=8192, 8 x 20 tokens: 17 MB and 17 ms a call instead of 47 MB and 6 ms, and as
                close to TensorFlow's float32 (0.026 nats a piece, the error of the int8 weights).
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
