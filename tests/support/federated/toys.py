"""Random clients of a model small enough to follow."""

import numpy as np
import tensorflow as tf

from keyboard_model.batching import IGNORE, Batch
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters

V, E, H, B, T, BOS = 20, 4, 6, 2, 5, 1

Batches = list[Batch]


def parameters(seed: int = 0) -> Parameters:
    return cifg_lstm.init(V, E, H, seed)


def client(batches: int, seed: int, counted: int = B * T) -> Batches:
    """So many batches, in each of which `counted` targets count."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(batches):
        tokens, targets = rng.integers(BOS, V, (2, B, T)).astype(np.int32)
        targets.reshape(-1)[counted:] = IGNORE
        made.append(Batch(tokens, targets))
    return made


def stacked(batches: Batches) -> Batch:
    """The batches as one, `[n,B,T]`."""
    if not batches:
        return Batch(*(tf.zeros([0, B, T], tf.int32) for _ in Batch._fields))
    return Batch(*(tf.constant(np.stack(parts)) for parts in zip(*batches, strict=True)))


def loss_by_hand(shared: Parameters, batches: Batches) -> float:
    """Mean loss in nats of the targets that count, spelled out without `federated`."""
    losses = []
    for batch in batches:
        features = tf.reshape(cifg_lstm.unroll(shared, tf.constant(batch.tokens), BOS), [-1, E])
        log_probs = tf.nn.log_softmax(cifg_lstm.logits(shared, features)).numpy()
        targets = batch.targets.reshape(-1)
        losses += [-log_probs[i, target] for i, target in enumerate(targets) if target != IGNORE]
    return float(np.mean(losses))


def updates_by_hand(initial: Parameters, batches: Batches, rate: float, clip: float) -> list[np.ndarray]:
    """Initial minus trained weights of plain clipped SGD, spelled out without `federated`."""
    weights = [tf.Variable(part) for part in initial]
    for batch in batches:
        targets = batch.targets.reshape(-1)
        with tf.GradientTape() as tape:
            shared = Parameters(*(weight.read_value() for weight in weights))
            features = tf.reshape(cifg_lstm.unroll(shared, tf.constant(batch.tokens), BOS), [-1, E])
            log_probs = tf.nn.log_softmax(cifg_lstm.logits(shared, features))
            wanted = [[i, target] for i, target in enumerate(targets) if target != IGNORE]
            loss = -tf.reduce_mean(tf.gather_nd(log_probs, wanted))
        slopes = [tf.convert_to_tensor(slope).numpy() for slope in tape.gradient(loss, weights)]
        norm = np.sqrt(sum((slope**2).sum() for slope in slopes))
        for weight, slope in zip(weights, slopes, strict=True):
            weight.assign_sub(rate * slope * min(1.0, clip / norm))
    return [before - weight.numpy() for before, weight in zip(initial, weights, strict=True)]
