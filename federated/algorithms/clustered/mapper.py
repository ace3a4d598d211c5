"""A shared adapter and one of the client's own, in the proportion that fits the client's held-out tail best.

    θ = α·θ_global + (1 − α)·θ_own,    α of a grid from 0 to 1

Mansour et al. 2020 (arXiv:2002.10619), section 5 (MAPPER), with the shared adapter trained by FedAvg in
rounds (0 rounds: the shared model as it is) and one α for the whole adapter; Hanzely and Richtárik 2020
(arXiv:2002.05516) for mixing by weights. α = 1 is the shared adapter, α = 0 fine-tuning from it.
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
    Method,
    MethodContext,
    Options,
    PersonalModel,
    Range,
    SharedModel,
    Structure,
)
from keyboard_model.model.adapter import AdapterTensors


class MixtureOptions(Options):
    """grid: how many values of α are tried, evenly from 1 to 0; 2 is all or nothing."""

    grid: int = Field(11, ge=2, le=101)


def server(base: SharedModel, context: MethodContext) -> AdapterTensors:
    """The shared adapter, at first one that changes nothing."""
    return base.adapter


def local(
    base: SharedModel, server: AdapterTensors, client: Structure, batches: tf.data.Dataset, context: MethodContext
) -> ClientUpdate:
    """FedAvg on the adapter: plain local SGD from what was received."""
    plain = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))
    trained = adapter_sgd.steps(base.parameters, server, server, batches, plain, context.bos)
    update = adapter_sgd.subtract(server, trained.adapter)
    return ClientUpdate(update, trained.targets, client, trained.loss_sum, trained.targets)


def personalize(
    base: SharedModel, server: AdapterTensors, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """K steps from the shared adapter, then the mixture of both with the least loss on the tail; ties go to more α."""
    own = adapter_sgd.personal_steps(base.parameters, server, server, text.training, context.config, context.bos)
    shares = np.linspace(1.0, 0.0, context.options.grid, dtype=np.float32)
    mixtures = adapter_sgd.stack([adapter_sgd.interpolate(server, own, float(share)) for share in shares])
    best = adapter_sgd.best_adapter(base.parameters, mixtures, text.held_out, context.bos)
    return PersonalModel(base.parameters, adapter_sgd.select(mixtures, best))


def phone(base: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(base.parameters, (server,), "interpolate", {"grid": float(context.options.grid)})


METHOD = Method(
    name="mixture",
    title="mixture of shared and own",
    paper="Mansour et al. 2020, arXiv:2002.10619, section 5 (MAPPER)",
    personalize=personalize,
    phone=phone,
    local=local,
    server=server,
    options=MixtureOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "proximal": Range(1e-4, 1.0, log=True),
        "federated.server_learning_rate": Choice((0.3, 1.0)),
    },
)
