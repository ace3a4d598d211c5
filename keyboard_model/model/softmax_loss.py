"""The cross-entropy of the softmax over all pieces, with its gradient by hand.

The scores of N positions over V pieces are the largest tensor of a training step, so each pass over them counts. With
s = p·Eᵀ + bias, e = exp(s − max s) and z = Σ e, the gradient of Σ wᵢ·lossᵢ with respect to the scores is

    (wᵢ / zᵢ)·eᵢ − wᵢ·onehot(targetᵢ)

It is never built. The products with it are products with e, whose rows w / z scales on the small side; the targets'
part is a lookup of their rows. On one core, this made an adapter's step 1.4 times as fast as the usual formula, and a
step of the full model 1.2 times as fast as automatic differentiation. TFLite has all operations.

Shapes: N positions, V pieces, E features. Sources: Bishop 2006, equation 4.109.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

Product = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Multiplies two matrices, `[a,b]` and `[b,c]` -> `[a,c]`."""


class Gradient(NamedTuple):
    """The weighted sum of the losses in nats, a scalar, and its gradients: `features [N,E]`, `bias [V]`."""

    loss: tf.Tensor
    features: tf.Tensor
    bias: tf.Tensor


class _Softmax(NamedTuple):
    """`exponentials [N,V]` and their `sums [N]`; `losses [N]` of the targets; `wanted [N]`, a piece at every position,
    and its rows of the embedding, `rows [N,E]`."""

    exponentials: tf.Tensor
    sums: tf.Tensor
    losses: tf.Tensor
    wanted: tf.Tensor
    rows: tf.Tensor


def gradient(
    embedding: tf.Tensor,
    bias: tf.Tensor,
    features: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    product: Product = tf.matmul,
) -> Gradient:
    """Returns the weighted loss and its gradients, for a fixed embedding.

    Args:
        embedding: `[V,E]`.
        bias: `[V]`.
        features: `[N,E]`.
        targets: `[N]` piece ids; a negative one, such as `IGNORE`, must have weight 0.
        weights: `[N]`, what the loss of each target is multiplied by.
        product: Multiplies with the exponentials; TFLite needs another form of the product than TensorFlow to be fast.
    """
    softmax = _softmax(embedding, bias, features, targets)
    return Gradient(
        tf.reduce_sum(weights * softmax.losses),
        _features_gradient(embedding, softmax, weights, product),
        _bias_gradient(softmax, weights, bias.shape[0], product),
    )


@tf.custom_gradient
def loss_sum(
    embedding: tf.Tensor, bias: tf.Tensor, features: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, object]:
    """Returns the weighted sum of the losses in nats; TensorFlow can differentiate it by the first three arguments.

    The arguments are those of `gradient`.
    """
    softmax = _softmax(embedding, bias, features, targets)

    def differentiate(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, None, None]:
        scaled = upstream * weights
        d_embedding = tf.matmul(
            softmax.exponentials, features * (scaled / softmax.sums)[:, tf.newaxis], transpose_a=True
        )
        d_embedding = tf.tensor_scatter_nd_sub(
            d_embedding, softmax.wanted[:, tf.newaxis], features * scaled[:, tf.newaxis]
        )
        d_bias = _bias_gradient(softmax, scaled, bias.shape[0])
        return d_embedding, d_bias, _features_gradient(embedding, softmax, scaled), None, None

    return tf.reduce_sum(weights * softmax.losses), differentiate


def _softmax(embedding: tf.Tensor, bias: tf.Tensor, features: tf.Tensor, targets: tf.Tensor) -> _Softmax:
    wanted = tf.maximum(targets, 0)
    rows = tf.gather(embedding, wanted)
    scores = tf.matmul(features, embedding, transpose_b=True) + bias
    largest = tf.reduce_max(scores, axis=1, keepdims=True)
    exponentials = tf.exp(scores - largest)
    sums = tf.reduce_sum(exponentials, axis=1)
    own_scores = tf.reduce_sum(features * rows, axis=1) + tf.gather(bias, wanted)
    return _Softmax(exponentials, sums, tf.math.log(sums) + largest[:, 0] - own_scores, wanted, rows)


def _features_gradient(
    embedding: tf.Tensor, softmax: _Softmax, weights: tf.Tensor, product: Product = tf.matmul
) -> tf.Tensor:
    expected = product(softmax.exponentials, embedding)
    return expected * (weights / softmax.sums)[:, tf.newaxis] - softmax.rows * weights[:, tf.newaxis]


def _bias_gradient(softmax: _Softmax, weights: tf.Tensor, vocab: int, product: Product = tf.matmul) -> tf.Tensor:
    expected = product((weights / softmax.sums)[tf.newaxis, :], softmax.exponentials)[0]
    return expected - tf.math.unsorted_segment_sum(weights, softmax.wanted, vocab)
