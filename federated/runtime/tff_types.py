"""The TFF types of client data, model weights, and structures of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from keyboard_model.model.cifg_lstm import Parameters


def batch_type(batch: int, window: int) -> tff.SequenceType:
    """Returns the type of a client's data: a sequence of unnamed pairs (tokens, targets), each `[batch, window]` int32.

    TFF's workers sort named fields, and would swap the two. `data.map(Batch)` gives them their names again.
    """
    matrix = tff.TensorType(np.int32, [batch, window])
    return tff.SequenceType(tff.types.to_type((matrix, matrix)))


def model_weights(parameters: Parameters) -> tff.learning.models.ModelWeights:
    """Returns parameters in the structure that TFF's templates use."""
    return tff.learning.models.ModelWeights(trainable=tuple(parameters), non_trainable=())


def weights_type(parameters: Parameters) -> tff.Type:
    """Returns the TFF type of `model_weights(parameters)`."""
    return tff.types.to_type(
        tff.learning.models.ModelWeights(
            trainable=tuple(tff.TensorType(np.float32, part.shape) for part in parameters), non_trainable=()
        )
    )


def type_of(structure: Any) -> tff.Type:
    """Returns the TFF type of a structure of arrays; tuples stay tuples."""
    return tff.types.to_type(
        tf.nest.map_structure(lambda part: tff.TensorType(np.asarray(part).dtype.type, np.shape(part)), structure)
    )
