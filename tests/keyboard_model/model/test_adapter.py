"""One user's adapter: what changes nothing, the gradient, the step."""

import math

import numpy as np
import pytest
import tensorflow as tf

from keyboard_model.batching import IGNORE
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.step_sizes import StepSizes

V, E, H, R, N = 13, 4, 6, 2, 9
SHARED = cifg_lstm.init(V, E, H, seed=0)
LOOSE = 1e6


def some_adapter(seed: int) -> AdapterTensors:
    rng = np.random.default_rng(seed)
    return AdapterTensors(*(tf.constant(rng.standard_normal(shape), tf.float32) for shape in ((E, R), (R, E), (V,))))


def some_data(seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, V, N)
    targets[::4] = IGNORE
    return tf.constant(rng.standard_normal((N, E)), tf.float32), tf.constant(targets, tf.int32)


def distance(one: AdapterTensors, other: AdapterTensors) -> float:
    return math.sqrt(sum(float(tf.reduce_sum(tf.square(a - b))) for a, b in zip(one, other, strict=True)))


def assert_equal(one: AdapterTensors, other: AdapterTensors) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_fresh_adapter_is_the_shared_model_exactly():
    features, _ = some_data()
    fresh = adapters.init(V, E, R, seed=0)
    np.testing.assert_array_equal(adapters.logits(SHARED, fresh, features), cifg_lstm.logits(SHARED, features))
    assert np.abs(fresh.lora_a).max() > 0.0, "with A and B both zero nothing could ever be learnt"


def test_scores_by_hand():
    toy = Parameters(tf.constant([[2.0], [1.0]]), None, None, None, None, tf.constant([0.5, 0.0]))
    adapter = AdapterTensors(tf.constant([[3.0]]), tf.constant([[-0.5]]), tf.constant([0.0, 4.0]))
    # p·(1 + A·B) = 10·(1 − 1.5) = −5
    np.testing.assert_allclose(adapters.logits(toy, adapter, tf.constant([[10.0]])), [[-9.5, -1.0]])


@pytest.mark.parametrize("seed", range(3))
def test_the_handwritten_gradient_agrees_with_autodiff(seed):
    adapter, (features, targets) = some_adapter(seed), some_data(seed)
    with tf.GradientTape() as tape:
        tape.watch(adapter)
        losses = cifg_lstm.token_losses(adapters.logits(SHARED, adapter, features), targets)
        expected_loss = tf.reduce_sum(losses) / float(np.sum(targets.numpy() != IGNORE))
    expected = AdapterTensors(*tape.gradient(expected_loss, list(adapter)))
    loss, slope = adapters.gradient(SHARED, adapter, features, targets)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    for name, part in expected._asdict().items():
        np.testing.assert_allclose(getattr(slope, name), part, atol=1e-5, rtol=1e-5, err_msg=name)


def test_without_counted_targets_loss_and_gradient_are_zero():
    features, _ = some_data()
    loss, slope = adapters.gradient(SHARED, some_adapter(0), features, tf.fill([N], IGNORE))
    assert float(loss) == 0.0
    assert_equal(slope, AdapterTensors(*(tf.zeros_like(part) for part in some_adapter(0))))


def test_a_step_by_hand_with_pull_and_clip():
    """Two pieces, one feature, scores 0 and 0: the gradient of the bias is (−½, ½) when piece 0 is wanted."""
    toy = Parameters(tf.constant([[1.0], [-1.0]]), None, None, None, None, tf.constant([0.0, 0.0]))
    adapter = AdapterTensors(tf.constant([[1.0]]), tf.constant([[-1.0]]), tf.constant([0.0, 0.0]))
    anchor = AdapterTensors(tf.constant([[0.0]]), tf.constant([[0.0]]), tf.constant([1.0, 0.0]))
    moved, loss = adapters.step(
        toy, adapter, anchor, tf.constant([[2.0]]), tf.constant([0]), StepSizes(*map(tf.constant, (0.1, 1.0, 0.5, 1.0)))
    )
    # f(1 + AB) = 0, so both pieces have ½: dL/df = −½·1 + ½·(−1) = −1, dA = f·(−1)·B = 2, dB = f·A·(−1) = −2.
    norm = math.sqrt(2**2 + 2**2 + 0.5**2 + 0.5**2)
    assert float(loss) == pytest.approx(math.log(2.0))
    assert moved.lora_a.numpy().item() == pytest.approx((1.0 - 0.1 * 2.0 / norm) / 1.05)
    assert moved.lora_b.numpy().item() == pytest.approx((-1.0 + 0.1 * 2.0 / norm) / 1.05)
    np.testing.assert_allclose(moved.bias, [(0.5 / norm + 0.5) / 1.5, -0.5 / norm / 1.5], atol=1e-6)


def step(adapter: AdapterTensors, anchor: AdapterTensors, *rates: float) -> AdapterTensors:
    return adapters.step(SHARED, adapter, anchor, *some_data(), StepSizes(*map(tf.constant, rates)))[0]


def test_an_infinite_pull_gives_the_anchor():
    anchor = some_adapter(1)
    for found, expected in zip(step(some_adapter(0), anchor, 0.1, 0.2, 1e20, LOOSE), anchor, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_step_sizes_of_zero_change_nothing():
    adapter = some_adapter(0)
    assert_equal(step(adapter, some_adapter(1), 0.0, 0.0, 3.0, LOOSE), adapter)


def test_each_step_size_moves_its_own_tensors():
    adapter = some_adapter(0)
    without_bias = step(adapter, adapter, 0.1, 0.0, 0.0, LOOSE)
    np.testing.assert_array_equal(without_bias.bias, adapter.bias)
    assert not np.array_equal(without_bias.lora_a, adapter.lora_a)
    bias_alone = step(adapter, adapter, 0.0, 0.1, 0.0, LOOSE)
    np.testing.assert_array_equal(bias_alone.lora_a, adapter.lora_a)
    assert not np.array_equal(bias_alone.bias, adapter.bias)


def test_without_a_pull_the_anchor_does_not_matter():
    adapter = some_adapter(0)
    assert_equal(step(adapter, some_adapter(1), 0.1, 0.1, 0.0, LOOSE), step(adapter, adapter, 0.1, 0.1, 0.0, LOOSE))


def test_a_strong_pull_at_a_small_rate_brings_the_adapter_back():
    adapter, anchor = some_adapter(0), some_adapter(1)
    before = distance(adapter, anchor)
    for _ in range(50):
        adapter = step(adapter, anchor, 1e-3, 1e-3, 100.0, 1.0)
    assert distance(adapter, anchor) < 0.02 * before


def test_a_step_is_never_longer_than_clip_times_rate():
    adapter = some_adapter(0)
    free, held = (step(adapter, adapter, 1.0, 1.0, 0.0, clip) for clip in (LOOSE, 1e-3))
    assert distance(held, adapter) == pytest.approx(1e-3, rel=1e-3)
    direction = (free.bias - adapter.bias) / distance(free, adapter)
    np.testing.assert_allclose((held.bias - adapter.bias) / distance(held, adapter), direction, atol=1e-3)


def test_steps_lower_the_loss():
    adapter = anchor = AdapterTensors(*map(tf.constant, adapters.init(V, E, R, seed=0)))
    first, _ = adapters.gradient(SHARED, adapter, *some_data())
    for _ in range(20):
        adapter = step(adapter, anchor, 0.1, 0.5, 0.0, LOOSE)
    assert float(adapters.gradient(SHARED, adapter, *some_data())[0]) < 0.8 * float(first)
