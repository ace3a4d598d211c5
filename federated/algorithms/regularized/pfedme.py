"""pFedMe: the server's adapter moves towards each client's solution of a problem that is pulled back to it.

    θ_k = argmin_θ  L_k(θ) + λ/2·‖θ − w_k‖²      approximately, by K proximal steps on one batch
    w_k ← w_k − η·λ·(w_k − θ_k)                  once a batch
    w ← (1 − β)·w + β·(mean of w_k)              on the server

Dinh et al. 2020 (arXiv:2006.08848), Algorithm 1 and equation 3: λ·(w_k − θ_k) is the gradient of the Moreau envelope of
L_k. λ is `proximal`, β is `server_learning_rate`, and the K steps use the configured learning rates. η·λ is limited to
1, where w_k becomes θ_k: beyond it the step would overshoot. With λ = 0 the server's adapter does not change. A client
has no state between rounds: its personal model is θ_k, computed from w on its own text.
"""

from __future__ import annotations

import tensorflow as tf
from pydantic import Field

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.algorithms.regularized import ditto
from federated.local_training import adapter_sgd
from federated.local_training.adapter_sgd import ReadBatch, TrainResult
from federated.local_training.batch_loop import fold
from federated.personalization.method import (
    Choice,
    ClientText,
    ClientUpdate,
    FairnessTerms,
    Method,
    MethodContext,
    Options,
    PersonalModel,
    Range,
    SharedModel,
    Structure,
)
from federated.settings import NotNegative
from keyboard_model.batching import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors


class PFedMeOptions(Options):
    """How a client trains in its round.

    Attributes:
        inner_steps: K, proximal steps on each batch; 1 = a single one.
        outer_rate: η of the step towards θ; 0 = the server's adapter does not change.
    """

    inner_steps: int = Field(5, ge=1, le=50)
    outer_rate: NotNegative = 1.0


def local(
    shared: SharedModel, server: AdapterTensors, client: Structure, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Takes one outer step for each batch. All clients with targets have the same weight, as in the paper."""
    rates = adapter_sgd.step_sizes(context.config)
    share = min(context.options.outer_rate * context.config.proximal, 1.0)

    def step(state: TrainResult, batch: ReadBatch) -> TrainResult:
        theta, loss = adapters.step(shared.parameters, state.adapter, state.adapter, *batch, rates)
        for _ in range(context.options.inner_steps - 1):
            theta, _ = adapters.step(shared.parameters, theta, state.adapter, *batch, rates)
        moved = adapter_sgd.interpolate(theta, state.adapter, share)
        number = cifg_lstm.counted_targets(batch.targets)
        return TrainResult(moved, state.loss_sum + loss * number, state.targets + number)

    received = AdapterTensors(*server)
    read = adapter_sgd.read(shared.parameters, batches, context.bos)
    end = fold(step, TrainResult(received, tf.constant(0.0), tf.constant(0.0)), read)
    weight = tf.minimum(end.targets, 1.0)
    # Steps of the length share·(w − θ) are steps along the gradient λ·(w − θ) at the rate share/λ.
    rate = tf.constant(share / context.config.proximal if share else 0.0)
    fairness = FairnessTerms.of_adapter(shared, received, read, AdapterTensors(rate, rate, rate))
    update = adapter_sgd.subtract(received, end.adapter)
    return ClientUpdate(update, weight, client, end.loss_sum, end.targets, fairness=fairness)


def personalize(
    shared: SharedModel, server: AdapterTensors, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Computes θ by K steps from the server's adapter, each pulled to it by λ."""
    return ditto.personalize(shared, server, server, text, context)


METHOD = Method(
    name="pfedme",
    title="pFedMe",
    paper="Dinh et al. 2020, arXiv:2006.08848, Algorithm 1",
    personalize=personalize,
    phone=ditto.phone,
    local=local,
    fair=True,
    server=ditto.server,
    options=PFedMeOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "proximal": Range(1e-2, 10.0, log=True),
        "options.outer_rate": Range(0.1, 10.0, log=True),
        "federated.server_learning_rate": Choice((0.3, 1.0)),
    },
)
