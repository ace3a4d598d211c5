"""The three signatures of the engine agree with each other, in every thread."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from device_runtime.bundle.files import TOKENIZER, BundleError
from device_runtime.inference.engine import Engine
from keyboard_model.batching import IGNORE, pack
from keyboard_model.step_sizes import StepSizes
from tests.support.device_runtime.bundle_parts import Content

MESSAGES = ["see you at home", "ok thanks, see you", "are you coming home now?", "thanks!"] * 3


def test_steps_and_evaluation_agree(engine: Engine) -> None:
    shape, adapter = engine.shape, engine.bundle.adapter_init
    windows = pack([engine.tokenizer.encode(text) for text in MESSAGES], shape.window, shape.bos)
    tokens, targets = windows.tokens[: shape.batch], windows.targets[: shape.batch]
    padding = shape.batch - len(tokens)
    tokens = np.pad(tokens, ((0, padding), (0, 0)), constant_values=shape.bos)
    targets = np.pad(targets, ((0, padding), (0, 0)), constant_values=IGNORE)
    evaluated = engine.evaluate(tokens, targets, adapter)
    state = engine.zero_state()
    for token, target, expected in zip(tokens[0], targets[0], evaluated[0], strict=True):
        if token == shape.bos:
            state = engine.zero_state()
        log_probs, state = engine.step(int(token), state, adapter)
        if target == IGNORE:
            assert expected == 0.0
        else:  # int8 weights run in two kinds of kernels, up to 0.08 nats apart
            assert abs(log_probs[target] - expected) < 0.2


def test_probabilities_sum_to_one(engine: Engine) -> None:
    log_probs, _ = engine.step(engine.shape.bos, engine.zero_state(), engine.bundle.adapter_init)
    assert log_probs.shape == (engine.shape.vocab,)
    np.testing.assert_allclose(np.exp(log_probs).sum(), 1.0, atol=1e-4)


def test_training_lowers_the_loss_and_leaves_its_inputs_alone(engine: Engine) -> None:
    shape, anchor = engine.shape, engine.bundle.adapter_init
    sizes = StepSizes(learning_rate=0.3, bias_rate=1.0, proximal=0.0, clip=engine.bundle.manifest.recipe.clip)
    windows = pack([engine.tokenizer.encode(MESSAGES[0])] * shape.batch * 10, shape.window, shape.bos)
    tokens, targets = windows.tokens[: shape.batch], windows.targets[: shape.batch]
    before = {name: tensor.copy() for name, tensor in anchor.tensors().items()}
    adapter, losses = anchor, []
    for _ in range(8):
        adapter, loss = engine.adapt(tokens, targets, adapter, anchor, sizes)
        losses.append(loss)
    assert losses[-1] < losses[0]
    for name, tensor in anchor.tensors().items():
        np.testing.assert_array_equal(tensor, before[name])


def test_several_threads_get_the_same_results(engine: Engine) -> None:
    adapter = engine.bundle.adapter_init

    def read(token: int) -> bytes:
        return engine.step(token, engine.zero_state(), adapter)[0].tobytes()

    tokens = list(range(20)) * 10
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(read, tokens))
    assert together == [read(token) for token in tokens]


def test_evaluation_is_the_same_after_a_rest(engine: Engine) -> None:
    shape, adapter = engine.shape, engine.bundle.adapter_init
    tokens = np.full((shape.batch, shape.window), 5, np.int32)
    before = engine.evaluate(tokens, tokens, adapter)
    engine.rest()
    np.testing.assert_array_equal(engine.evaluate(tokens, tokens, adapter), before)


def test_a_signed_tokenizer_whose_pieces_are_no_text_is_refused(
    rebuilt: Callable[..., Engine], content: Content
) -> None:
    """`benchmarks.fuzz` found it: SentencePiece loads such a model."""
    end = "\u2581".encode()
    damaged = content[TOKENIZER].replace(end, b"\x96" + end[1:])
    with pytest.raises(BundleError, match="piece of the tokenizer is not UTF-8"):
        rebuilt({}, {TOKENIZER: damaged})


@pytest.mark.parametrize("changed", [{"cells": 2**53 + 1}, {"cells": 33}, {"batch": 5}, {"window": 9}])
def test_a_signed_manifest_with_sizes_of_another_model_is_refused(
    rebuilt: Callable[..., Engine], changed: dict[str, int]
) -> None:
    """`benchmarks.fuzz` found it: the engine reserved memory by the manifest."""
    with pytest.raises(BundleError, match="manifest's sizes differ from the model's"):
        rebuilt({"model": changed})


def test_a_phone_loads_no_tensorflow() -> None:
    program = (
        "import sys, device_runtime.phone.phone; print([m for m in sys.modules if m.startswith(('tensorflow', 'jax'))])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
