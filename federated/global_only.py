"""No personalization: everybody types on the shared model (McMahan et al. 2017; Reddi et al. 2020)."""

from __future__ import annotations

import tensorflow as tf

from federated import fed_avg
from federated.job import PersonalizationConfig
from federated.method import Method
from keyboard_model.adapter import Adapter
from keyboard_model.language_model import Parameters


def personalize(
    parameters: Parameters, start: Adapter, batches: tf.data.Dataset, config: PersonalizationConfig, bos: int
) -> Adapter:
    """Returns the adapter as it is."""
    return start


METHOD = Method("global_only", "McMahan et al. 2017, arXiv:1602.05629", fed_avg.build, personalize)
