"""Loops over batches inside the graph equal loops in Python."""

import numpy as np
import pytest
import tensorflow as tf

from federated.evaluation.shared_model import EvaluationBatch
from federated.local_training.batch_loop import fold, gathered, number_of
from keyboard_model.batching import Batch

DATA = np.arange(24, dtype=np.int32).reshape(4, 2, 3)


def data_set(number: int, parts: int = 2) -> tf.data.Dataset:
    """Batches as TFF passes them: plain tuples."""
    return tf.data.Dataset.from_tensor_slices(tuple(DATA[:number] + part for part in range(parts)))


@tf.function
def digits(batches: Batch, steps: int | None = None) -> tf.Tensor:
    """The first token of each batch that a fold reads, as the digits of a number."""
    return fold(lambda state, batch: 10 * state + batch.tokens[0, 0] // 6 + 1, 0, batches, steps)


@pytest.mark.parametrize("number", [0, 1, 4])
@pytest.mark.parametrize(("kind", "parts"), [(Batch, 2), (EvaluationBatch, 3)])
def test_gathered_batches_keep_their_order_and_their_parts(number, kind, parts):
    found = tf.function(lambda: gathered(data_set(number, parts), kind))()
    assert isinstance(found, kind) and int(number_of(found)) == number
    for part, values in enumerate(found):
        np.testing.assert_array_equal(values, DATA[:number] + part)


def test_a_fold_reads_each_batch_once_in_order():
    assert int(digits(gathered(data_set(4)))) == 1234


@pytest.mark.parametrize(("steps", "expected"), [(0, 0), (1, 1), (2, 12), (5, 12312)])
def test_a_fold_of_so_many_steps_repeats_the_batches(steps, expected):
    assert int(digits(gathered(data_set(3)), steps)) == expected


@pytest.mark.parametrize("steps", [None, 0, 5])
def test_without_batches_the_state_stays(steps):
    assert int(digits(gathered(data_set(0)), steps)) == 0


def test_a_state_can_have_several_parts():
    def step(state, batch):
        (smallest, largest), read = state
        low, high = (tf.cast(of(batch.targets), tf.float32) for of in (tf.reduce_min, tf.reduce_max))
        return (tf.minimum(smallest, low), tf.maximum(largest, high)), read + 1

    (smallest, largest), read = fold(step, ((np.inf, -np.inf), 0), gathered(data_set(4)))
    assert (float(smallest), float(largest), int(read)) == (1.0, 24.0, 4)
