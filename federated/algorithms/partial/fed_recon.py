"""FedRecon: personal layers that are made anew from the client's text whenever they are needed, and never kept.

    v_k ← K steps on the support batches from a common start, w frozen     (reconstruction)
    w_k ← w_k − η·∇L(w_k, v_k) a query batch, v_k frozen
    w ← w − rate·(mean of w − w_k)

Singhal et al. 2021 (arXiv:2102.03448), Algorithm 1; the form of `fed_per` for clients that a server meets
only once. The support is the first half of a client's batches, rounded down, and the query the rest. The
reconstruction is the phone's own adaptation, so that the shared layers are trained for what it will do.
Without personal layers (0 `steps`, or rates of 0) this is FedAvg on the query batches.

TFF's `tff.learning.algorithms.build_fed_recon` makes the same round (a test holds the two together), but
its models hold variables and live in Keras, and its reconstruction knows neither our pull to the start nor
rates of the bias's own, which the phone has: the maths would stand twice.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from federated.algorithms.partial.fed_per import SHARED_LAYERS_SPACE, SharedLayersOptions
from federated.local_training import adapter_sgd, base_sgd
from federated.personalization.method import (
    ClientText,
    ClientUpdate,
    DeviceArtifact,
    Method,
    MethodContext,
    PersonalModel,
    SharedModel,
    Structure,
)
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters


def server(base: SharedModel, context: MethodContext) -> Parameters:
    """The shared layers, at first the base's."""
    return base.parameters


def local(
    base: SharedModel, server: Parameters, client: Structure, batches: tf.data.Dataset, context: MethodContext
) -> ClientUpdate:
    """Reconstructs the adapter on one half of the batches and trains the shared layers on the other."""
    shared = Parameters(*server)
    half = batches.reduce(np.int64(0), lambda number, batch: number + 1) // 2
    own = reconstructed(base, shared, batches.take(half), context)
    rate, clip = context.options.base_learning_rate, context.config.clip
    end = base_sgd.base_steps(shared, own, batches.skip(half), rate, clip, context.bos)
    return ClientUpdate(base_sgd.subtract(shared, end.parameters), end.targets, client, end.loss_sum, end.targets)


def reconstructed(
    base: SharedModel, shared: Parameters, batches: tf.data.Dataset, context: MethodContext
) -> AdapterTensors:
    """The personal layers fitted to these batches; without any, the start."""
    start = base.adapter
    return adapter_sgd.personal_steps(shared, start, start, batches, context.config, context.bos)


def personalize(
    base: SharedModel, server: Parameters, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """The reconstruction from all that the client has to learn from."""
    shared = Parameters(*server)
    return PersonalModel(shared, reconstructed(base, shared, text.training, context))


def phone(base: SharedModel, server: Parameters, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(server, (base.adapter,), "steps")


METHOD = Method(
    name="fed_recon",
    title="FedRecon",
    paper="Singhal et al. 2021, arXiv:2102.03448, Algorithm 1",
    personalize=personalize,
    phone=phone,
    local=local,
    server=server,
    options=SharedLayersOptions,
    space=SHARED_LAYERS_SPACE,
)
