"""One signature of the model in an interpreter of its own, loaded by its first call.

Training's tensors take 20 MB that a phone needs for a moment a day, so they can be unloaded; and an
adaptation in one thread never holds up a prediction in another.

Keeps a phone's process small: memory that an adaptation took goes back to the system.

glibc raises its threshold for mapping blocks of their own to the largest block ever freed, after which
the tens of megabytes of every further adaptation fragment the heap: 116 MB after one grew to 161 MB
after eight. A fixed threshold keeps the process at 116 MB and back to 100 MB between adaptations.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from device_runtime.adapter.adapter import Array


class SignatureRunner:
    """Calls one signature by its tensors' names. Safe to use from several threads, one call at a time."""

    def __init__(self, model: bytes, name: str, num_threads: int, small: bool = False) -> None:
        """Args: small: without XNNPACK, whose packed weights and workspace make a call faster and larger.

        Measured on `adapt` at V=8192, 8 x 20 tokens: 17 MB and 17 ms a call instead of 47 MB and 6 ms,
        equally near to TensorFlow's float32 (0.026 nats a piece, the int8 weights' error).
        """
        self._model = model
        self._name = name
        self._num_threads = num_threads
        self._resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if small else OpResolverType.AUTO
        self._lock = threading.Lock()
        self._run: Callable[..., dict[str, Array]] | None = None

    def __call__(self, **tensors: object) -> dict[str, Array]:
        """Runs the signature; the arrays returned are the caller's."""
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
    """Fixes the threshold at 1 MB for this process; does nothing where the C library has no such setting."""
    setting = getattr(ctypes.CDLL(None), "mallopt", None)
    if setting is not None:
        setting(_M_MMAP_THRESHOLD, _THRESHOLD)
