"""FedRep: the client first fits its personal layers under fixed shared layers, then moves the shared layers.

    v_k ← v_k − η·∇_v L_k(w, v_k)        τ passes over the client's batches, w fixed
    w_k ← w_k − η_w·∇_w L_k(w_k, v_k)    one pass, v_k fixed
    w ← w − rate·(mean of w − w_k)       on the server

Collins et al. 2021 (arXiv:2102.07078), Algorithm 1: the head h is the client's adapter v_k, which it keeps
between rounds; the representation φ is the shared model w, and the server averages it alone. Both phases take a
step a batch, as the paper's experiments do. `fed_per` moves both layers at once. Degenerate values: 0 `head_passes`
is FedAvg under the clients' first adapters; a `base_learning_rate` of 0 trains every client's adapter alone.
"""

from __future__ import annotations

import tensorflow as tf
from pydantic import Field

from federated.algorithms.partial import fed_per
from federated.algorithms.partial.fed_per import SHARED_LAYERS_SPACE, SharedLayersOptions
from federated.local_training import adapter_sgd, base_sgd
from federated.personalization.method import Choice, ClientUpdate, Method, MethodContext, SharedModel
from keyboard_model.model.adapter import AdapterTensors


class FedRepOptions(SharedLayersOptions):
    """head_passes: τ, passes over the client's batches that fit the personal layers; 0 = they stay as they are."""

    head_passes: int = Field(2, ge=0, le=100)


def local(
    base: SharedModel, server: SharedModel, client: AdapterTensors, batches: tf.data.Dataset, context: MethodContext
) -> ClientUpdate:
    """The personal layers' passes, then the shared layers' pass; only the shared layers' part is sent."""
    shared, start = SharedModel.from_tff(server).parameters, AdapterTensors(*client)
    plain = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))
    passes = batches.repeat(context.options.head_passes)
    own = adapter_sgd.steps(shared, start, start, passes, plain, context.bos).adapter
    end = base_sgd.base_steps(
        shared, own, batches, context.options.base_learning_rate, context.config.clip, context.bos
    )
    return ClientUpdate(base_sgd.subtract(shared, end.parameters), end.targets, own, end.loss_sum, end.targets)


METHOD = Method(
    name="fed_rep",
    title="FedRep",
    paper="Collins et al. 2021, arXiv:2102.07078, Algorithm 1",
    personalize=fed_per.personalize,
    phone=fed_per.phone,
    local=local,
    server=fed_per.server,
    client=fed_per.client,
    aggregate=fed_per.aggregate,
    options=FedRepOptions,
    space={**SHARED_LAYERS_SPACE, "options.head_passes": Choice((1, 2, 5))},
)
