"""What a personalization method is: how the shared model is trained, and what a client makes of it.

A new method is one new file with one `Method` in it and one line in `METHODS` of `federated.methods`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf
import tensorflow_federated as tff

from federated.fed_avg import FedAvgConfig
from federated.job import PersonalizationConfig
from keyboard_model.adapter import Adapter
from keyboard_model.language_model import Parameters


@dataclass(frozen=True)
class Method:
    """One way to personalize.

    Attributes:
        name: as the job file and the bundle's recipe name it.
        paper: where it comes from.
        train: `(initial, config)` -> the learning process of the shared model.
        personalize: `(parameters, start, batches, config, bos)` -> the client's adapter; TensorFlow that runs
            inside a TFF computation, and gives what the phone's `adapt` gives on the same batches.
    """

    name: str
    paper: str
    train: Callable[[Parameters, FedAvgConfig], tff.learning.templates.LearningProcess]
    personalize: Callable[[Parameters, Adapter, tf.data.Dataset, PersonalizationConfig, int], Adapter]
