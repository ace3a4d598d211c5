"""APFL: each client interpolates between the shared adapter and its own, and learns the weight, too.

    θ̄ = α·v + (1 − α)·w                      w the shared adapter, v the client's own
    w ← w − η·∇L(w)                          its change is sent
    v ← v − α·η·∇L(θ̄)
    α ← min(1, max(0, α − η_α·⟨v − w, ∇L(θ̄)⟩))

Deng et al. 2020 (arXiv:2003.13461), Algorithm 1, and equation 10 for α. All three are updated at once, from the values
before the step. Gradients are clipped as in all methods; `proximal` has no effect. With an `alpha_rate` of 0, α = 0 is
the shared adapter and α = 1 is local training.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from pydantic import Field

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.local_training import adapter_sgd
from federated.local_training.adapter_sgd import ReadBatch
from federated.local_training.batch_loop import fold
from federated.personalization.method import (
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
)
from federated.settings import NotNegative
from keyboard_model.batching import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.step_sizes import StepSizes


class ApflOptions(Options):
    """alpha: initial weight of a client's own adapter; 0 = only the shared one. alpha_rate: η_α; 0 = α is fixed."""

    alpha: float = Field(0.5, ge=0, le=1)
    alpha_rate: NotNegative = 0.1


class Own(NamedTuple):
    """A client's state: its adapter v and its weight α, a float32 scalar."""

    adapter: AdapterTensors
    alpha: tf.Tensor


class _Round(NamedTuple):
    """A client's state within its round; the loss is that of θ̄, each batch before its step."""

    w: AdapterTensors
    own: Own
    loss_sum: tf.Tensor
    targets: tf.Tensor


def server(shared: SharedModel, context: MethodContext) -> AdapterTensors:
    """Returns the shared adapter w before the first round."""
    return shared.adapter


def client(server: AdapterTensors, context: MethodContext) -> Own:
    """Returns a client's state before its first round: v = w and the initial α."""
    return Own(server, np.float32(context.options.alpha))


def mixture(own: Own, w: AdapterTensors) -> AdapterTensors:
    """Returns θ̄ = α·v + (1 − α)·w."""
    return adapter_sgd.interpolate(own.adapter, w, own.alpha)


def local(
    shared: SharedModel, server: AdapterTensors, client: Own, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Takes one step of w, v and α for each batch."""
    rates = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))

    def step(state: _Round, batch: ReadBatch) -> _Round:
        own, loss = _own_step(shared.parameters, state.own, state.w, batch, rates, context)
        w, _ = adapters.step(shared.parameters, state.w, state.w, *batch, rates)
        number = cifg_lstm.counted_targets(batch.targets)
        return _Round(w, own, state.loss_sum + loss * number, state.targets + number)

    start = _Round(server, Own(AdapterTensors(*client[0]), client[1]), tf.constant(0.0), tf.constant(0.0))
    read = adapter_sgd.read(shared.parameters, batches, context.bos)
    end = fold(step, start, read)
    return ClientUpdate(
        adapter_sgd.subtract(server, end.w),
        end.targets,
        end.own,
        end.loss_sum,
        end.targets,
        fairness=FairnessTerms.of_adapter(shared, server, read, adapter_sgd.tensor_rates(rates)),
    )


def personalize(
    shared: SharedModel, server: AdapterTensors, client: Own, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Takes K steps of the client's v and α; w does not change. On a new phone v starts at w."""
    read = adapter_sgd.read(shared.parameters, text.training, context.bos)
    number, rates = adapter_sgd.planned_steps(context.config, read)

    def step(own: Own, batch: ReadBatch) -> Own:
        return _own_step(shared.parameters, own, server, batch, rates, context)[0]

    own = fold(step, Own(AdapterTensors(*client[0]), client[1]), read, number)
    return PersonalModel(shared.parameters, mixture(own, server))


def phone(shared: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    constants = {"alpha": context.options.alpha, "alpha_rate": context.options.alpha_rate}
    return DeviceArtifact(shared.parameters, (server,), "apfl", constants)


def _own_step(
    parameters: Parameters,
    own: Own,
    w: AdapterTensors,
    batch: ReadBatch,
    rates: StepSizes,
    context: MethodContext,
) -> tuple[Own, tf.Tensor]:
    """Returns v and α after a step, and the loss of θ̄ before it, in nats."""
    loss, gradient = adapters.gradient(parameters, mixture(own, w), *batch)
    gradient = AdapterTensors(*tf.clip_by_global_norm(gradient, rates.clip)[0])
    difference = adapter_sgd.subtract(own.adapter, w)
    alpha_gradient = tf.add_n([tf.reduce_sum(d * g) for d, g in zip(difference, gradient, strict=True)])
    alpha = tf.clip_by_value(own.alpha - context.options.alpha_rate * alpha_gradient, 0.0, 1.0)
    eta = adapter_sgd.tensor_rates(rates)
    moved = (v - own.alpha * rate * g for v, g, rate in zip(own.adapter, gradient, eta, strict=True))
    return Own(AdapterTensors(*moved), alpha), loss


METHOD = Method(
    name="apfl",
    title="APFL",
    paper="Deng et al. 2020, arXiv:2003.13461, Algorithm 1",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    server=server,
    client=client,
    options=ApflOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "options.alpha": Range(0.1, 1.0),
        "options.alpha_rate": Range(1e-3, 1.0, log=True),
    },
)
