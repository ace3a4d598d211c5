"""The adapter of one user: a low-rank change of the features and a bias on the pieces.

    logits = (p + p·A·B)·Eᵀ + d + bias          (LoRA: Hu et al. 2021, on the features before the softmax)

The adapter is an argument of the model, not a variable inside it, so one shared model serves any number of users. Its
gradient is written by hand, so that the same few operations run in TFF, in TensorFlow and in TFLite, which has no
automatic differentiation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keyboard_model.model import cifg_lstm, softmax_loss
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.model.softmax_loss import Product
from keyboard_model.step_sizes import StepSizes


class AdapterTensors(NamedTuple):
    """`lora_a [E,r]`, `lora_b [r,E]`, `bias [V]`, float32."""

    lora_a: tf.Tensor
    lora_b: tf.Tensor
    bias: tf.Tensor


def init(vocab: int, embedding: int, rank: int, seed: int) -> AdapterTensors:
    """Returns an adapter that changes nothing (B and bias are zero), as float32 NumPy arrays."""
    rng = np.random.default_rng(seed)
    return AdapterTensors(
        lora_a=(rng.standard_normal((embedding, rank)) / np.sqrt(embedding)).astype(np.float32),
        lora_b=np.zeros((rank, embedding), np.float32),
        bias=np.zeros(vocab, np.float32),
    )


def adapt_features(adapter: AdapterTensors, features: tf.Tensor) -> tf.Tensor:
    """Returns the features with one user's low-rank change, p + p·A·B. `[N,E]` -> `[N,E]`"""
    return features + tf.matmul(tf.matmul(features, adapter.lora_a), adapter.lora_b)


def logits(parameters: Parameters, adapter: AdapterTensors, features: tf.Tensor) -> tf.Tensor:
    """Scores every piece for one user. `features [N,E]` -> `[N,V]`."""
    return cifg_lstm.logits(parameters, adapt_features(adapter, features)) + adapter.bias


def gradient(
    parameters: Parameters,
    adapter: AdapterTensors,
    features: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor | None = None,
    product: Product = tf.matmul,
) -> tuple[tf.Tensor, AdapterTensors]:
    """Returns the mean cross-entropy over the counted targets and its gradient with respect to the adapter.

    Args:
        features: `[N,E]`, of the shared model, which stays fixed.
        targets: `[N]` piece ids, `IGNORE` at positions that do not count.
        weights: `[N]`, what the loss of each target is multiplied by; the mean still divides by their number. None = 1.
        product: See `softmax_loss.gradient`.

    Returns:
        The loss in nats (0 if no target counts) and the gradient.
    """
    counted = cifg_lstm.counted(targets)
    share = counted / tf.maximum(tf.reduce_sum(counted), 1.0)
    if weights is not None:
        share *= weights
    low = tf.matmul(features, adapter.lora_a)
    adapted = features + tf.matmul(low, adapter.lora_b)
    slope = softmax_loss.gradient(parameters.embedding, parameters.d + adapter.bias, adapted, targets, share, product)
    d_low = tf.matmul(slope.features, adapter.lora_b, transpose_b=True)
    return slope.loss, AdapterTensors(
        lora_a=tf.matmul(features, d_low, transpose_a=True),
        lora_b=tf.matmul(low, slope.features, transpose_a=True),
        bias=slope.bias,
    )


def step(
    parameters: Parameters,
    adapter: AdapterTensors,
    anchor: AdapterTensors,
    features: tf.Tensor,
    targets: tf.Tensor,
    rates: StepSizes,
    product: Product = tf.matmul,
) -> tuple[AdapterTensors, tf.Tensor]:
    """Makes one local SGD step with a proximal pull to `anchor`; the phone's `adapt` and TFF share it.

        θ ← (θ − η·clip(∇L(θ)) + ηλ·θ_anchor) / (1 + ηλ)

    The pull is applied implicitly, as the proximal operator of its term (Parikh and Boyd 2014, section
    6.1.1): stable for every λ, where the explicit step θ − ηλ·(θ − θ_anchor) diverges past ηλ = 2. `product` is that
    of `softmax_loss.gradient`.

    Returns:
        The new adapter, and the loss in nats before the step.
    """
    loss, slope = gradient(parameters, adapter, features, targets, product=product)
    norm = tf.sqrt(sum(tf.reduce_sum(tf.square(part)) for part in slope))
    scale = rates.clip / tf.maximum(norm, rates.clip)
    eta = AdapterTensors(rates.learning_rate, rates.learning_rate, rates.bias_rate)
    moved = AdapterTensors(
        *(
            (part - rate * scale * part_slope + rate * rates.proximal * start) / (1.0 + rate * rates.proximal)
            for part, start, part_slope, rate in zip(adapter, anchor, slope, eta, strict=True)
        )
    )
    return moved, loss
