"""Loops over the batches of a client.

They are loops of the graph. `tf.data.Dataset.reduce` optimizes its function anew in every call, and with the unrolled
network this took two to four times as long as all steps of a usual client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

from keyboard_model.batching import Batch

State = TypeVar("State")


def gathered(batches: tf.data.Dataset, kind: Callable[..., Any] = Batch) -> Any:
    """Returns n batches of a data set as one of their `kind`, whose tensors are `[n,…]`; n can be 0."""
    nothing = tf.nest.map_structure(lambda spec: tf.zeros([0, *spec.shape], spec.dtype), batches.element_spec)
    everything = batches.batch(tf.int64.max).reduce(nothing, lambda _, all_of_them: all_of_them)
    return kind(*everything)


def number_of(batches: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """Returns the number of batches, an int32 scalar."""
    return tf.shape(batches[0])[0]


def fold(
    step: Callable[[State, Any], State], start: State, batches: Any, steps: tf.Tensor | int | None = None
) -> State:
    """Applies `step` to the state and one batch after the other, and returns the last state.

    Args:
        step: `(state, batch) -> state`, of the same structure and shapes.
        start: The first state.
        batches: A named tuple of tensors `[n,…]`.
        steps: Number of steps, over the repeated batches; None means one for each batch. Without batches, no step.
    """
    number = number_of(batches)
    steps = number if steps is None else tf.where(number > 0, tf.cast(steps, tf.int32), 0)

    def advance(position: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        batch = type(batches)(*(tf.gather(part, position % number) for part in batches))
        return position + 1, step(state, batch)

    first = tf.constant(0), tf.nest.map_structure(tf.convert_to_tensor, start)
    return tf.while_loop(lambda position, _: position < steps, advance, first, parallel_iterations=1)[1]
