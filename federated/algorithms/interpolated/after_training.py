"""An interpolation, after the training, of a shared and a personal adapter; its weight is chosen on the held-out tail.

    θ = α·θ_shared + (1 − α)·θ_own,    α from a grid between 0 and 1

It follows the model interpolation of Mansour et al. 2020 (arXiv:2002.10619), section 5. In their MAPPER (`mapper`) the
shared adapter is trained with each client's local part and its α in the rounds. Here FedAvg trains the shared adapter
alone (0 rounds: the shared model as it is), and one α mixes the weights of the adapters. Hanzely and Richtárik
2020 (arXiv:2002.05516) mix weights, too. α = 1 is the shared adapter, α = 0 is fine-tuning from it.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from pydantic import Field

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.local_training import adapter_sgd
from federated.personalization.method import (
    Choice,
    ClientText,
    ClientUpdate,
    DeviceArtifact,
    FairnessTerms,
    Method,
    MethodContext,
    Options,
    PersonalModel,
    Range,
    SharedModel,
    Structure,
)
from keyboard_model.batching import Batch
from keyboard_model.model.adapter import AdapterTensors


class MixtureOptions(Options):
    """grid: number of values of α that are tried, evenly spaced from 1 to 0; with 2, only these two."""

    grid: int = Field(11, ge=2, le=101)


def server(shared: SharedModel, context: MethodContext) -> AdapterTensors:
    """Returns the shared adapter before the first round."""
    return shared.adapter


def local(
    shared: SharedModel, server: AdapterTensors, client: Structure, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Trains the received adapter with plain local SGD, as in FedAvg."""
    plain = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))
    read = adapter_sgd.read(shared.parameters, batches, context.bos)
    trained = adapter_sgd.steps(shared.parameters, server, server, read, plain)
    update = adapter_sgd.subtract(server, trained.adapter)
    fairness = FairnessTerms.of_adapter(shared, server, read, adapter_sgd.tensor_rates(plain))
    return ClientUpdate(update, trained.targets, client, trained.loss_sum, trained.targets, fairness=fairness)


def personalize(
    shared: SharedModel, server: AdapterTensors, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Takes K steps from the shared adapter, then the α with the lowest loss on the tail; of equals, the largest."""
    training, held_out = (adapter_sgd.read(shared.parameters, part, context.bos) for part in text)
    own = adapter_sgd.personal_steps(shared.parameters, server, server, training, context.config)
    shares = np.linspace(1.0, 0.0, context.options.grid, dtype=np.float32)
    mixtures = adapter_sgd.stack([adapter_sgd.interpolate(server, own, float(share)) for share in shares])
    best = adapter_sgd.best_adapter(shared.parameters, mixtures, held_out)
    return PersonalModel(shared.parameters, adapter_sgd.select(mixtures, best))


def phone(shared: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(shared.parameters, (server,), "interpolate", {"grid": float(context.options.grid)})


METHOD = Method(
    name="mixture",
    title="mixture of shared and own",
    paper="after Mansour et al. 2020, arXiv:2002.10619, section 5, interpolated after the training (not MAPPER)",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    server=server,
    options=MixtureOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "proximal": Range(1e-4, 1.0, log=True),
        "federated.server_learning_rate": Choice((0.3, 1.0)),
    },
)
