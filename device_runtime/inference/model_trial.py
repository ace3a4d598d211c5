"""Tries a bundle's model before anyone relies on it: every signature runs, with tokens from the whole vocabulary.

A model file can be signed by the right key and still be damaged, if it was damaged before it was signed. LiteRT does
not check everything in it: some damaged models end the process (SIGSEGV, SIGABRT), use up the memory, or never return.
So the exporter and the service try a model in a child process. A phone without child processes tries it in its own
process; `last_good` then finds out that it died.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from device_runtime.adapter.encodings import Array
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import Bundle
from device_runtime.inference.engine import Engine, read_signatures
from device_runtime.manifest import Signature
from keyboard_model.step_sizes import StepSizes

SECONDS = 60
"""How long a trial can take. A model of 2 MB takes one second, most of which is the start of the process."""
MEMORY_BYTES = 4 * 1024**3
"""Address space of the child process. A model of 2 MB needs less than a tenth of it."""
_STEPS = 32
_MASS_TOLERANCE = 0.01
_REFUSED = 3
_CHILD = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from device_runtime.inference.model_trial import _child
_child()
"""


def run_signatures(engine: Engine) -> None:
    """Runs every signature that a phone calls, more than once, and checks the results.

    Raises:
        BundleError: a signature fails, a result has other sizes or is not finite, or the probabilities of the next
            piece do not add up to 1.
    """
    try:
        _step(engine)
        _train(engine)
        engine.rest()
    except BundleError:
        raise
    except (RuntimeError, ValueError, LookupError, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BundleError(
            f"{engine.bundle.path} cannot be run: {reason}; its model is damaged: export it again"
        ) from error


def _step(engine: Engine) -> None:
    state = engine.zero_state()
    for token in [engine.shape.bos, *np.linspace(0, engine.shape.vocab - 1, _STEPS).astype(int)]:
        log_probs, state = engine.step(int(token), state, engine.bundle.adapter_init)
        _require(engine, "step", *_like(state, engine.zero_state()))
        mass = float(np.exp(log_probs.astype(np.float64)).sum())
        if log_probs.shape != (engine.shape.vocab,) or not abs(mass - 1.0) < _MASS_TOLERANCE:
            raise BundleError(f"{engine.bundle.path}: the model's probabilities do not add up to 1; export it again")


def _train(engine: Engine) -> None:
    shape, adapter = engine.shape, engine.bundle.adapter_init
    tokens = np.linspace(0, shape.vocab - 1, shape.batch * shape.window).astype(np.int32)
    tokens = tokens.reshape(shape.batch, shape.window)
    targets = np.ascontiguousarray(tokens[::-1, ::-1])
    for _ in range(2):  # a damaged graph can run once
        _require(engine, "evaluate", (engine.evaluate(tokens, targets, adapter), tokens.shape))
        adapted, loss = engine.adapt(tokens, targets, adapter, adapter, StepSizes(1.0, 1.0, 0.0, 1.0))
        tensors = _like(adapted.tensors().values(), adapter.tensors().values())
        _require(engine, "adapt", (np.asarray(loss), ()), *tensors)


def _like(results: Iterable[Array], expected: Iterable[Array]) -> list[tuple[Array, tuple[int, ...]]]:
    return [(result, part.shape) for result, part in zip(results, expected, strict=True)]


def _require(engine: Engine, signature: str, *results: tuple[Array, tuple[int, ...]]) -> None:
    """Checks results and the sizes that they should have."""
    if any(result.shape != sizes for result, sizes in results):
        raise BundleError(f"{engine.bundle.path}: {signature} of the model gives other sizes; export it again")
    if not all(np.isfinite(result).all() for result, _ in results):
        raise BundleError(f"{engine.bundle.path}: {signature} of the model gives no finite numbers; export it again")


def try_in_child(bundle: Bundle, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
    """Loads the model and runs every signature in a child process, with limits.

    Args:
        bundle: A verified bundle.
        seconds: How long this can take.
        memory_bytes: Address space of the process.

    Raises:
        BundleError: the model ends the process, exceeds a limit, or `run_signatures` refuses it.
    """
    _in_child(str(bundle.path), seconds, memory_bytes, _run_bundle, bundle)


def read_signatures_in_child(model: bytes) -> dict[str, Signature]:
    """Returns what `read_signatures` returns for the content of a `model.tflite`. A child process reads it.

    Raises:
        BundleError: the model ends the process, exceeds a limit, or cannot be read.
    """
    found: dict[str, Signature] = _in_child("the model", SECONDS, MEMORY_BYTES, _read_model, model)
    return found


def _run_bundle(bundle: Bundle) -> None:
    run_signatures(Engine(bundle))


def _read_model(model: bytes) -> dict[str, Signature]:
    try:
        return read_signatures(Interpreter(model_content=model))
    except (RuntimeError, ValueError) as error:
        raise BundleError(f"the model cannot be read: {error}") from error


def _in_child(name: str, seconds: float, memory_bytes: int, call: Callable[..., Any], *args: Any) -> Any:
    """Returns `call(*args)`, computed in a child process. `name` is what error messages call the model."""
    content = pickle.dumps(sys.path) + pickle.dumps((memory_bytes, call, args))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # its buffers for each core would count as memory
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD], input=content, capture_output=True, timeout=seconds, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(
            f"{name} cannot be used: the model did not finish within {seconds:g} seconds, so it is damaged; "
            "export it again"
        ) from error
    if done.returncode == _REFUSED:
        raise BundleError(done.stdout.decode())
    if done.returncode:
        raise BundleError(
            f"{name} cannot be used: the model crashes the interpreter ({_ending(done)}), so it is damaged; "
            "export it again"
        )
    return pickle.loads(done.stdout)


def _ending(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    last = done.stderr.decode(errors="replace").strip().splitlines()
    return last[-1][:200] if last else f"exit code {done.returncode}"


def _child() -> None:
    """What the child process does. It answers on its standard output."""
    memory_bytes, call, args = pickle.load(sys.stdin.buffer)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    try:
        answer = pickle.dumps(call(*args))
    except BundleError as error:
        answer = str(error).encode()
        status = _REFUSED
    else:
        status = 0
    sys.stdout.buffer.write(answer)
    sys.exit(status)
