"""The TFF types of client data, model weights, and structures of arrays; and client data that a worker reads itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from keyboard_model.model.cifg_lstm import Parameters


def batch_type(batch: int, window: int) -> tff.SequenceType:
    """Returns the type of a client's data: a sequence of unnamed pairs (tokens, targets), each `[batch, window]` int32.

    TFF's workers sort named fields, and would swap the two. `batch_loop.gathered` gives them their names again.
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


@runtime_checkable
class ClientData(Protocol):
    """The data of one client in the argument of a computation.

    A worker with a copy of the corpus reads it there. To all others, what `read` returns is sent.

    Attributes:
        corpus_id: The corpus that the data comes from.
        source: What a worker needs to read the data of any client of this training.
    """

    corpus_id: str
    source: bytes

    def read(self) -> Any:
        """Returns the data."""

    def reference(self) -> Any:
        """Returns what stands for the data in the argument: TFF's proto of a computation whose value is `Data`."""


def with_client_data(argument: Any, replace: Callable[[ClientData], Any]) -> Any:
    """Returns the argument of a computation with every `ClientData` in it replaced."""
    if isinstance(argument, ClientData):
        return replace(argument)
    if type(argument) is list:
        return [with_client_data(part, replace) for part in argument]
    if isinstance(argument, tff.structure.Struct):
        parts = tff.structure.to_elements(argument)
        return tff.structure.Struct((name, with_client_data(part, replace)) for name, part in parts)
    return argument
