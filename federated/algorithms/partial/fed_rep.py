"""FedRep: the client first trains its personal layers with fixed shared layers, then the shared layers.

    v_k ← v_k − η·∇_v L_k(w, v_k)        τ passes over the client's batches, w fixed
    w_k ← w_k − η_w·∇_w L_k(w_k, v_k)    one pass, v_k fixed
    w ← w − rate·(mean of w − w_k)       on the server

Collins et al. 2021 (arXiv:2102.07078), Algorithm 1. The head h is the client's adapter v_k, which it keeps between
rounds. The representation φ is the shared model w, and the server averages nothing else. Both phases take one step for
each batch, as the paper's experiments do. `fed_per` trains both kinds of layers at once. With 0 `head_passes` this is
FedAvg under the clients' initial adapters. With a `base_learning_rate` of 0 every client trains its adapter alone.
"""

from __future__ import annotations

import tensorflow as tf
from pydantic import Field

from federated.algorithms.partial import fed_per
from federated.algorithms.partial.fed_per import SHARED_LAYERS_SPACE, SharedLayersOptions
from federated.local_training import adapter_sgd, shared_layers_sgd
from federated.local_training.batch_loop import number_of
from federated.personalization.method import Choice, ClientUpdate, Method, MethodContext, SharedModel
from keyboard_model.batching import Batch
from keyboard_model.model.adapter import AdapterTensors


class FedRepOptions(SharedLayersOptions):
    """head_passes: τ, passes over the client's batches that train the personal layers; 0 = they stay as they are."""

    head_passes: int = Field(2, ge=0, le=100)


def local(
    shared: SharedModel, server: SharedModel, client: AdapterTensors, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Trains the personal layers, then the shared layers, and sends the change of the shared layers."""
    received, start = SharedModel.from_tff(server).parameters, AdapterTensors(*client)
    plain = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))
    read = adapter_sgd.read(received, batches, context.bos)
    steps = number_of(read) * context.options.head_passes
    own = adapter_sgd.steps(received, start, start, read, plain, steps).adapter
    rate, clip = context.options.base_learning_rate, context.config.clip
    end = shared_layers_sgd.steps(received, own, batches, rate, clip, context.bos, dropout=context.dropout)
    update = shared_layers_sgd.subtract(received, end.parameters)
    fairness = fed_per.shared_layers_fairness(received, own, batches, context)
    return ClientUpdate(update, end.targets, own, end.loss_sum, end.targets, fairness=fairness)


METHOD = Method(
    name="fed_rep",
    title="FedRep",
    paper="Collins et al. 2021, arXiv:2102.07078, Algorithm 1",
    personalize=fed_per.personalize,
    phone=fed_per.phone,
    local=local,
    fair=True,
    server=fed_per.server,
    client=fed_per.client,
    aggregate=fed_per.aggregate,
    options=FedRepOptions,
    space={**SHARED_LAYERS_SPACE, "options.head_passes": Choice((1, 2, 5))},
)
