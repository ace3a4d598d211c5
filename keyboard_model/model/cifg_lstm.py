"""The next-word model: pure functions on named tensors.

A CIFG-LSTM with a recurrent projection (Sak, Senior and Beaufays 2014; coupled gates as in Hard et
al. 2018) with tied embeddings. Training in TFF, the exporter and the tests all use the functions of
this file.

    z_t = x_t·W_x + p_{t-1}·W_h + b          split into forget f, candidate g, output o
    c_t = σ(f)·c_{t-1} + (1 − σ(f))·tanh(g)
    p_t = (σ(o)·tanh(c_t))·W_p               the projected features, also the recurrent input
    logits_t = p_t·Eᵀ + d                    (the adapter acts on p_t: see `adapter`)

Shapes: B batch, T time, V pieces, E embedding = projection, H cells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keyboard_model.batching import IGNORE


class Parameters(NamedTuple):
    """The shared model. `embedding [V,E]`, `w_x [E,3H]`, `w_h [E,3H]`, `b [3H]`, `w_p [H,E]`, `d [V]`."""

    embedding: tf.Tensor
    w_x: tf.Tensor
    w_h: tf.Tensor
    b: tf.Tensor
    w_p: tf.Tensor
    d: tf.Tensor


class State(NamedTuple):
    """The recurrent state: `cell [B,H]`, `projection [B,E]`."""

    cell: tf.Tensor
    projection: tf.Tensor


def init(vocab: int, embedding: int, cells: int, seed: int) -> Parameters:
    """Returns initial parameters as float32 NumPy arrays; equal seeds give equal parameters.

    The forget gate starts open (bias 1; Jozefowicz et al. 2015).
    """
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)

    bias = np.zeros(3 * cells, np.float32)
    bias[:cells] = 1.0
    return Parameters(
        embedding=(rng.standard_normal((vocab, embedding)) / np.sqrt(embedding)).astype(np.float32),
        w_x=normal(embedding, 3 * cells),
        w_h=normal(embedding, 3 * cells),
        b=bias,
        w_p=normal(cells, embedding),
        d=np.zeros(vocab, np.float32),
    )


def zero_state(batch: int, parameters: Parameters) -> State:
    """Returns the state before a message: zeros."""
    cells, embedding = parameters.w_p.shape
    return State(tf.zeros([batch, cells]), tf.zeros([batch, embedding]))


def _cell(z: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
    """One CIFG cell: `z [B,3H]`, `cell [B,H]` -> new cell, and what the gradient needs."""
    forget, candidate, output = tf.split(z, 3, axis=1)
    forget, candidate, output = tf.sigmoid(forget), tf.tanh(candidate), tf.sigmoid(output)
    new_cell = candidate + forget * (cell - candidate)
    return new_cell, (forget, candidate, output, tf.tanh(new_cell))


def step(parameters: Parameters, tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
    """Reads one token of each message. `tokens [B]` -> features `[B,E]` and the new state."""
    x = tf.gather(parameters.embedding, tokens)
    z = tf.matmul(x, parameters.w_x) + tf.matmul(state.projection, parameters.w_h) + parameters.b
    cell, (_, _, output, squashed) = _cell(z, state.cell)
    features = tf.matmul(output * squashed, parameters.w_p)
    return features, State(cell, features)


@tf.custom_gradient
def _recurrence(z_x: tf.Tensor, keep: tf.Tensor, w_h: tf.Tensor, w_p: tf.Tensor) -> tuple[tf.Tensor, object]:
    """Unrolls the cell over time: `z_x [T,B,3H]`, `keep [T,B,1]` (0 forgets the past) -> `[T,B,E]`.

    The gradient is written by hand: it equals automatic differentiation up to rounding (a test checks this), and
    computes each weight gradient in one matrix product over all steps instead of one product per step.
    """
    steps, batch = z_x.shape[0], tf.shape(z_x)[1]
    cells, embedding = w_p.shape
    cell, projection = tf.zeros([batch, cells]), tf.zeros([batch, embedding])
    kept_cells, kept_projections, gates, projections, hiddens = [], [], [], [], []
    for t in range(steps):
        cell, projection = cell * keep[t], projection * keep[t]
        kept_cells.append(cell)
        kept_projections.append(projection)
        cell, gate = _cell(z_x[t] + tf.matmul(projection, w_h), cell)
        hidden = gate[2] * gate[3]
        projection = tf.matmul(hidden, w_p)
        gates.append(gate)
        hiddens.append(hidden)
        projections.append(projection)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None, tf.Tensor, tf.Tensor]:
        d_cell, d_projection = tf.zeros([batch, cells]), tf.zeros([batch, embedding])
        d_zs: list[tf.Tensor] = [None] * steps
        d_projections: list[tf.Tensor] = [None] * steps
        for t in reversed(range(steps)):
            forget, candidate, output, squashed = gates[t]
            d_p = upstream[t] + d_projection
            d_projections[t] = d_p
            d_hidden = tf.matmul(d_p, w_p, transpose_b=True)
            d_new = d_cell + d_hidden * output * (1.0 - squashed * squashed)
            d_z = tf.concat(
                [
                    d_new * (kept_cells[t] - candidate) * forget * (1.0 - forget),
                    d_new * (1.0 - forget) * (1.0 - candidate * candidate),
                    d_hidden * squashed * output * (1.0 - output),
                ],
                axis=1,
            )
            d_zs[t] = d_z
            d_projection = tf.matmul(d_z, w_h, transpose_b=True) * keep[t]
            d_cell = d_new * forget * keep[t]
        d_z_x = tf.stack(d_zs)
        flat = tf.reshape(d_z_x, [-1, 3 * cells])
        d_w_h = tf.matmul(tf.concat(kept_projections, 0), flat, transpose_a=True)
        d_w_p = tf.matmul(tf.concat(hiddens, 0), tf.concat(d_projections, 0), transpose_a=True)
        return d_z_x, None, d_w_h, d_w_p

    return tf.stack(projections), gradient


def unroll(parameters: Parameters, tokens: tf.Tensor, bos: int) -> tf.Tensor:
    """Reads whole windows from a zero state. `tokens [B,T]`, T static -> features `[B,T,E]`.

    A `bos` token inside a window starts another message and resets the state, so messages packed into one window
    give exactly the same features as single messages.
    """
    by_time = tf.transpose(tokens)
    keep = tf.cast(tf.not_equal(by_time[:, :, tf.newaxis], bos), tf.float32)
    steps, embedding = tokens.shape[1], parameters.w_x.shape[0]
    x = tf.reshape(tf.gather(parameters.embedding, by_time), [-1, embedding])
    z_x = tf.matmul(x, parameters.w_x) + parameters.b
    z_x = tf.reshape(z_x, [steps, -1, parameters.w_x.shape[1]])
    return tf.transpose(_recurrence(z_x, keep, parameters.w_h, parameters.w_p), [1, 0, 2])


def logits(parameters: Parameters, features: tf.Tensor) -> tf.Tensor:
    """Scores every piece. `features [N,E]` -> `[N,V]`."""
    return tf.matmul(features, parameters.embedding, transpose_b=True) + parameters.d


def counted(targets: tf.Tensor) -> tf.Tensor:
    """Returns 1 for each target that counts, and 0 for `IGNORE`. `[N]` -> `[N]`, float32"""
    return tf.cast(tf.not_equal(targets, IGNORE), tf.float32)


def counted_targets(targets: tf.Tensor) -> tf.Tensor:
    """Returns the number of targets that count, as a float32 scalar."""
    return tf.reduce_sum(counted(targets))


def token_losses(scores: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Returns the cross-entropy of each target in nats, 0 at `IGNORE`. `[N,V]`, `[N]` -> `[N]`."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.maximum(targets, 0), logits=scores)
    return losses * counted(targets)
