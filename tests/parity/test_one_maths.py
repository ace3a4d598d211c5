"""The promise: TensorFlow, TFF, LiteRT and arithmetic written out by hand give the same numbers.

The model is small enough (no tensor of 1,024 numbers) that TFLite leaves its weights in float: what is
compared is the maths, to float32 rounding. What int8 weights add is measured by `tflite_export.parity_check`
and held to a wider tolerance at the end.
"""

import collections
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from device_runtime.adaptation.local_steps import train as train_on_phone
from device_runtime.adapter import adapter as stored
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.manifest import Provenance
from federated.algorithms import fine_tuning
from federated.evaluation import personal_model, shared_model
from federated.evaluation.personal_model import TEST_WINDOWS
from federated.job import PersonalizationConfig
from federated.personalization.method import DeviceArtifact, SharedModel
from federated.runtime.execution_context import execution_context
from keyboard_model.batching import IGNORE, Windows, batches, pack
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.step_sizes import StepSizes
from keyboard_model.text.tokenizer import Tokenizer, train
from tflite_export.export import export_bundle
from thumbprint.pipeline.export import recipe_of

E, H, R, B, T, STEPS = 2, 5, 2, 2, 8, 5
# Clipped in the first steps, pulled back in the later ones: every part of the step does something.
CONFIG = PersonalizationConfig(
    steps=STEPS,
    passes=2.5,
    learning_rate=2.0,
    bias_rate=4.0,
    proximal=0.2,
    clip=0.4,
    evidence=5.0,
    holdout_share=0.0,
    batch=B,
    window=T,
    adapter_dtype="float32",
)
CLIENTS = [
    ["see you at home, ok?", "ok see you later", "zzyzx at home", "home at <#> ok", "see you see you"],
    ["thanks!", "later"],
]
LOSS_TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
ADAPTER_TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


class Phone(NamedTuple):
    """One tiny model in all its forms."""

    shared: Parameters
    start: AdapterTensors
    tokenizer: Tokenizer
    engine: Engine


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory, tiny_keys: tuple[Path, Path]) -> Phone:
    tokenizer = train({"see": 9, "you": 8, "at": 7, "home": 6, "ok": 5, "later": 4, "thanks": 3}, 400)
    vocab, rng = len(tokenizer), np.random.default_rng(0)
    shared = cifg_lstm.init(vocab, E, H, seed=0)
    assert max(part.size for part in shared) < 1024, "TFLite would make int8 of it"
    start = AdapterTensors(*(rng.normal(0, 0.3, shape).astype(np.float32) for shape in ((E, R), (R, E), (vocab,))))
    path = tmp_path_factory.mktemp("one_maths") / "x.bundle"
    about = {"corpus_id": "0" * 64, "corpus": "none", "synthetic": True, "algorithm": "none", "rounds": 0, "seed": 0}
    export_bundle(
        path,
        name="one-maths",
        parameters=shared,
        tokenizer=tokenizer,
        windows=(B, T),
        rank=R,
        recipe=recipe_of(CONFIG, fine_tuning.METHOD, DeviceArtifact(shared, (start,), "steps")),
        provenance=Provenance(**about, epsilon=None, delta=None, thumbprint="0"),
        metrics={},
        private_key=tiny_keys[0],
        starts=[start],
    )
    return Phone(shared, start, tokenizer, Engine(load_bundle(path, tiny_keys[1])))


def windows_of(phone: Phone, messages: list[str]) -> Windows:
    return pack(map(phone.tokenizer.encode, messages), T, phone.tokenizer.bos)


def batches_of(phone: Phone, messages: list[str]) -> list[tuple[np.ndarray, np.ndarray]]:
    windows = windows_of(phone, messages)
    return batches(windows.tokens, windows.targets, B, phone.tokenizer.bos)


def on_phone(adapter: AdapterTensors) -> stored.Adapter:
    return stored.Adapter(*map(np.asarray, adapter))


# By hand, in float64, of the formulas in the docstrings of `language_model` and `adapter` alone.


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def features_by_hand(shared: Parameters, tokens: np.ndarray, bos: int) -> np.ndarray:
    embedding, w_x, w_h, b, w_p, _ = (np.asarray(part, np.float64) for part in shared)
    features = []
    for row in tokens:
        cell, projection = np.zeros(H), np.zeros(E)
        for token in row:
            if token == bos:
                cell, projection = np.zeros(H), np.zeros(E)
            forget, candidate, output = np.split(embedding[token] @ w_x + projection @ w_h + b, 3)
            cell = sigmoid(forget) * cell + (1 - sigmoid(forget)) * np.tanh(candidate)
            projection = (sigmoid(output) * np.tanh(cell)) @ w_p
            features.append(projection)
    return np.stack(features)


def log_probs_by_hand(shared: Parameters, adapter: AdapterTensors, features: np.ndarray) -> np.ndarray:
    scores = (features + features @ adapter.lora_a @ adapter.lora_b) @ np.asarray(shared.embedding, np.float64).T
    scores = scores + np.asarray(shared.d, np.float64) + adapter.bias
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def rates_by_hand(made: list[tuple[np.ndarray, np.ndarray]]) -> StepSizes:
    """The rates for someone who typed n pieces: times n / (n + evidence)."""
    pieces = sum(int((targets != IGNORE).sum()) for _, targets in made)
    share = pieces / (pieces + CONFIG.evidence)
    return StepSizes(CONFIG.learning_rate * share, CONFIG.bias_rate * share, CONFIG.proximal, CONFIG.clip)


def step_by_hand(
    shared: Parameters,
    adapter: AdapterTensors,
    anchor: AdapterTensors,
    features: np.ndarray,
    targets: np.ndarray,
    rates: StepSizes,
) -> tuple[AdapterTensors, float]:
    """The gradient a target at a time, as the sum of what each contributes."""
    log_probs = log_probs_by_hand(shared, adapter, features)
    counted = np.flatnonzero(targets != IGNORE)
    slopes = [np.zeros_like(part) for part in adapter]
    loss = 0.0
    for i in counted:
        loss -= log_probs[i, targets[i]] / len(counted)
        error = np.exp(log_probs[i]) / len(counted)
        error[targets[i]] -= 1 / len(counted)
        back = error @ np.asarray(shared.embedding, np.float64)
        slopes[0] += np.outer(features[i], adapter.lora_b @ back)
        slopes[1] += np.outer(features[i] @ adapter.lora_a, back)
        slopes[2] += error
    norm = np.sqrt(sum((slope**2).sum() for slope in slopes))
    scale = min(1.0, rates.clip / norm)
    etas = (rates.learning_rate, rates.learning_rate, rates.bias_rate)
    moved = AdapterTensors(
        *(
            (part - eta * scale * slope + eta * rates.proximal * start) / (1 + eta * rates.proximal)
            for part, start, slope, eta in zip(adapter, anchor, slopes, etas, strict=True)
        )
    )
    return moved, loss


# The same K steps in four places: the adapter, and the loss before each step.


def adapted_by_hand(phone: Phone, messages: list[str]) -> tuple[AdapterTensors, list[float]]:
    made, losses = batches_of(phone, messages), []
    anchor = adapter = AdapterTensors(*(np.asarray(part, np.float64) for part in phone.start))
    rates = rates_by_hand(made)
    for k in range(STEPS):
        tokens, targets = made[k % len(made)]
        features = features_by_hand(phone.shared, tokens, phone.tokenizer.bos)
        adapter, loss = step_by_hand(phone.shared, adapter, anchor, features, targets.reshape(-1), rates)
        losses.append(loss)
    return adapter, losses


def adapted_in_tensorflow(phone: Phone, messages: list[str]) -> tuple[AdapterTensors, list[float]]:
    made, losses = batches_of(phone, messages), []
    shared = Parameters(*map(tf.constant, phone.shared))
    anchor = adapter = AdapterTensors(*map(tf.constant, phone.start))
    rates = StepSizes(*map(tf.constant, rates_by_hand(made)))
    for k in range(STEPS):
        tokens, targets = map(tf.constant, made[k % len(made)])
        features = tf.reshape(cifg_lstm.unroll(shared, tokens, phone.tokenizer.bos), [-1, E])
        adapter, loss = adapters.step(shared, adapter, anchor, features, tf.reshape(targets, [-1]), rates)
        losses.append(float(loss))
    return adapter, losses


def adapted_in_litert(phone: Phone, messages: list[str]) -> tuple[AdapterTensors, list[float]]:
    made, losses = batches_of(phone, messages), []
    anchor = adapter = on_phone(phone.start)
    rates = rates_by_hand(made)
    for k in range(STEPS):
        adapter, loss = phone.engine.adapt(*made[k % len(made)], adapter, anchor, rates)
        losses.append(loss)
    return AdapterTensors(**adapter.tensors()), losses


@pytest.fixture(scope="module")
def in_tff(phone: Phone) -> list[collections.OrderedDict]:
    """What TFF's personalization makes of all clients: adapter and tallies of each, tested on what it learnt."""
    context = fine_tuning.METHOD.context(CONFIG, phone.tokenizer.bos)
    base = SharedModel(phone.shared, phone.start)
    computation = personal_model.build(fine_tuning.METHOD, base, (), context, phone.tokenizer)
    parts = [personal_model.adaptation_batches(phone.tokenizer, messages, CONFIG) for messages in CLIENTS]
    learnt, held_out = map(list, zip(*parts, strict=True))
    tested = [shared_model.evaluation_batches(phone.tokenizer, messages, TEST_WINDOWS, T) for messages in CLIENTS]
    with execution_context():
        return list(computation(base, (), [()] * len(CLIENTS), learnt, held_out, tested))


def assert_same(found: AdapterTensors, expected: AdapterTensors) -> None:
    for name in AdapterTensors._fields:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), **ADAPTER_TOLERANCE, err_msg=name)


@pytest.fixture(params=range(len(CLIENTS)), ids=["several batches", "one batch"])
def client(request: pytest.FixtureRequest) -> int:
    return request.param


def test_adaptation_changes_the_adapter(phone, client):
    adapter, losses = adapted_by_hand(phone, CLIENTS[client])
    moved = [float(np.abs(new - old).max()) for new, old in zip(adapter, phone.start, strict=True)]
    assert min(moved) > 100 * ADAPTER_TOLERANCE["atol"], moved
    assert losses[-1] < losses[0] - 0.1, losses
    assert len(batches_of(phone, CLIENTS[client])) == (2, 1)[client]


@pytest.mark.parametrize("elsewhere", [adapted_in_tensorflow, adapted_in_litert])
def test_adapt_agrees_with_numpy(phone, client, elsewhere):
    expected, expected_losses = adapted_by_hand(phone, CLIENTS[client])
    adapter, losses = elsewhere(phone, CLIENTS[client])
    np.testing.assert_allclose(losses, expected_losses, **LOSS_TOLERANCE)
    assert_same(adapter, expected)


def test_the_phone_s_adaptation_loop_agrees_with_numpy(phone, client):
    recipe = phone.engine.bundle.manifest.recipe
    found = train_on_phone(phone.engine, recipe, windows_of(phone, CLIENTS[client]), phone.engine.bundle.adapter_init)
    assert_same(AdapterTensors(**found.tensors()), adapted_by_hand(phone, CLIENTS[client])[0])


def test_tff_agrees_with_numpy(phone, client, in_tff):
    expected, _ = adapted_by_hand(phone, CLIENTS[client])
    assert_same(AdapterTensors(**in_tff[client]["adapter"]), expected)


def test_losses_in_tff_and_on_the_phone_agree(phone, client, in_tff):
    """The personal tally's loss is minus the sum of what `evaluate` says under the adapted adapter."""
    adapter, _ = adapted_in_litert(phone, CLIENTS[client])
    made = batches_of(phone, CLIENTS[client])
    found = -sum(float(phone.engine.evaluate(*batch, on_phone(adapter)).sum()) for batch in made)
    assert found == pytest.approx(float(in_tff[client]["personal"]["loss_sum"]), rel=1e-4)
    words = sum(len(phone.tokenizer.encode(message).words) for message in CLIENTS[client])
    assert float(in_tff[client]["personal"]["words"]) == words


def test_evaluate_agrees_with_numpy(phone, client):
    adapter = AdapterTensors(*(np.asarray(part, np.float64) for part in phone.start))
    for tokens, targets in batches_of(phone, CLIENTS[client]):
        log_probs = log_probs_by_hand(
            phone.shared, adapter, features_by_hand(phone.shared, tokens, phone.tokenizer.bos)
        )
        flat = targets.reshape(-1)
        expected = np.where(flat == IGNORE, 0.0, log_probs[np.arange(len(flat)), flat]).reshape(targets.shape)
        found = phone.engine.evaluate(tokens, targets, on_phone(phone.start))
        np.testing.assert_allclose(found, expected, **LOSS_TOLERANCE)


def test_step_agrees_with_numpy(phone, client):
    adapter = AdapterTensors(*(np.asarray(part, np.float64) for part in phone.start))
    for message in CLIENTS[client]:
        ids, state = phone.tokenizer.encode(message).ids, phone.engine.zero_state()
        features = features_by_hand(phone.shared, np.array([ids]), phone.tokenizer.bos)
        for token, expected in zip(ids, log_probs_by_hand(phone.shared, adapter, features), strict=True):
            found, state = phone.engine.step(token, state, on_phone(phone.start))
            np.testing.assert_allclose(found, expected, **LOSS_TOLERANCE)


def test_int8_weights_change_an_adaptation_only_slightly(tiny_bundle, tiny_public_key):
    """The step's direction and length within 5 % of TensorFlow's: what the exporter tolerates."""
    manifest = load_bundle(tiny_bundle, tiny_public_key).manifest
    assert 0 < manifest.metrics["export_difference_adapt"] <= 0.05
    assert 0 < manifest.metrics["export_difference_log_probability"] <= 0.5
