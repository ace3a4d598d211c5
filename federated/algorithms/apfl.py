"""APFL: each client mixes the shared adapter with one of its own and learns the proportion, too.

    θ̄ = α·v + (1 − α)·w                      w the shared adapter, v the client's own
    w ← w − η·∇L(w)                          what is sent
    v ← v − α·η·∇L(θ̄)
    α ← min(1, max(0, α − η_α·⟨v − w, ∇L(θ̄)⟩))

Deng et al. 2020 (arXiv:2003.13461), Algorithm 1, and equation 10 for α: all three move at once, from the
values before. Gradients are clipped as everywhere, and `proximal` does nothing here. With `alpha_rate` 0,
α = 0 is the shared adapter and α = 1 local training alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from pydantic import Field

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.job import NotNegative
from federated.local_training import adapter_sgd
from federated.personalization.method import (
    ClientText,
    ClientUpdate,
    DeviceArtifact,
    Method,
    MethodContext,
    Options,
    PersonalModel,
    Range,
    SharedModel,
)
from keyboard_model.batching.windows import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.step_sizes import StepSizes


class ApflOptions(Options):
    """alpha: a client's share of its own adapter at first; 0 = none of it. alpha_rate: η_α; 0 = the share stays."""

    alpha: float = Field(0.5, ge=0, le=1)
    alpha_rate: NotNegative = 0.1


class Own(NamedTuple):
    """What a client keeps: its adapter v, and its share α in the mixture, a float32 scalar."""

    adapter: AdapterTensors
    alpha: tf.Tensor


class _Round(NamedTuple):
    """Where a client is in its round; the loss is the mixture's, before each step."""

    shared: AdapterTensors
    own: Own
    loss_sum: tf.Tensor
    targets: tf.Tensor


def server(base: SharedModel, context: MethodContext) -> AdapterTensors:
    """The shared adapter w, at first one that changes nothing."""
    return base.adapter


def client(server: AdapterTensors, context: MethodContext) -> Own:
    """A client's own v starts at w."""
    return Own(server, np.float32(context.options.alpha))


def mixed(own: Own, shared: AdapterTensors) -> AdapterTensors:
    """θ̄."""
    return adapter_sgd.interpolate(own.adapter, shared, own.alpha)


def local(
    base: SharedModel, server: AdapterTensors, client: Own, batches: tf.data.Dataset, context: MethodContext
) -> ClientUpdate:
    """One step of w, v and α a batch."""
    rates = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))

    def step(state: _Round, batch: Batch) -> _Round:
        flat, targets = adapter_sgd.features(base.parameters, batch, context.bos)
        own, loss = _own_step(base.parameters, state.own, state.shared, flat, targets, rates, context)
        shared, _ = adapters.step(base.parameters, state.shared, state.shared, flat, targets, rates)
        number = cifg_lstm.counted_targets(targets)
        return _Round(shared, own, state.loss_sum + loss * number, state.targets + number)

    start = _Round(server, Own(AdapterTensors(*client[0]), client[1]), tf.constant(0.0), tf.constant(0.0))
    end = batches.reduce(start, step)
    return ClientUpdate(adapter_sgd.subtract(server, end.shared), end.targets, end.own, end.loss_sum, end.targets)


def personalize(
    base: SharedModel, server: AdapterTensors, client: Own, text: ClientText, context: MethodContext
) -> PersonalModel:
    """K steps of the client's v and α with w as it is; a new phone's v is w."""
    pieces = adapter_sgd.count_targets(text.training)
    rates = adapter_sgd.step_sizes(context.config, tf.math.divide_no_nan(pieces, pieces + context.config.evidence))

    def step(own: Own, batch: Batch) -> Own:
        flat, targets = adapter_sgd.features(base.parameters, batch, context.bos)
        return _own_step(base.parameters, own, server, flat, targets, rates, context)[0]

    own = text.training.repeat().take(context.config.steps).reduce(Own(AdapterTensors(*client[0]), client[1]), step)
    return PersonalModel(base.parameters, mixed(own, server))


def phone(base: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    constants = {"alpha": context.options.alpha, "alpha_rate": context.options.alpha_rate}
    return DeviceArtifact(base.parameters, (server,), "apfl", constants)


def _own_step(
    parameters: Parameters,
    own: Own,
    shared: AdapterTensors,
    flat: tf.Tensor,
    targets: tf.Tensor,
    rates: StepSizes,
    context: MethodContext,
) -> tuple[Own, tf.Tensor]:
    """Moves v and α on features `[N,E]` and targets `[N]`; the loss is that of θ̄ before, in nats."""
    loss, slope = adapters.gradient(parameters, mixed(own, shared), flat, targets)
    slope = AdapterTensors(*tf.clip_by_global_norm(slope, rates.clip)[0])
    apart = adapter_sgd.subtract(own.adapter, shared)
    rise = tf.add_n([tf.reduce_sum(way * part) for way, part in zip(apart, slope, strict=True)])
    alpha = tf.clip_by_value(own.alpha - context.options.alpha_rate * rise, 0.0, 1.0)
    eta = AdapterTensors(rates.learning_rate, rates.learning_rate, rates.bias_rate)
    moved = (part - own.alpha * rate * down for part, down, rate in zip(own.adapter, slope, eta, strict=True))
    return Own(AdapterTensors(*moved), alpha), loss


METHOD = Method(
    name="apfl",
    title="APFL",
    paper="Deng et al. 2020, arXiv:2003.13461, Algorithm 1",
    personalize=personalize,
    phone=phone,
    local=local,
    server=server,
    client=client,
    options=ApflOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "options.alpha": Range(0.1, 1.0),
        "options.alpha_rate": Range(1e-3, 1.0, log=True),
    },
)
