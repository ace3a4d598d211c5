"""Per-FedAvg: a start for adapters, learnt so that a few steps from it fit a client well.

    U(w) = w − α∘∇f(w; D)                              the phone's step, or `inner_steps` of them
    w ← w − β∘(I − ∇²f(w; D″)·α)·∇f(U(w); D′)          a local step: the gradient of f(U(w))

Fallah et al. 2020 (arXiv:2002.07948), Algorithm 1, in three variants:
- `hessian_free` (HF): the product with ∇²f by a central difference,
  ∇²f(w)·u ≈ (∇f(w + δu) − ∇f(w − δu)) / 2δ, with u = α∘∇f(U(w); D′) as α differs by tensor; through several
  inner steps the factors are taken from the last to the first.
- `first_order` (FO): without the term in ∇²f.
- `reptile`: Nichol et al. 2018 (arXiv:1803.02999), Algorithm 1: plain steps, and the server goes a share of
  the way, `server_learning_rate`, to where they end.

Every batch is D′ once, and the ones after it, in a circle, are D and D″: with an inner rate of 0 the first
two are FedAvg on the adapter. Gradients are clipped as everywhere; the second derivative leaves that out.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import tensorflow as tf
from pydantic import Field

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.job import NotNegative, Positive
from federated.local_training import adapter_sgd
from federated.local_training.adapter_sgd import TrainResult
from federated.local_training.shared_layers_sgd import sgd_step
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
from keyboard_model.batching.windows import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.step_sizes import StepSizes

Read = tuple[tf.Tensor, tf.Tensor]
"""A batch as features `[N,E]` and targets `[N]`."""


class PerFedAvgOptions(Options):
    """What is learnt for.

    variant: see the module. inner_steps: steps of U; a phone takes `steps`. Reptile's are its batches.
    inner_learning_rate, inner_bias_rate: α; the plan's own, which are β, where None. Both 0 = FedAvg on the adapter,
        and of Reptile no training.
    delta: δ of the central difference.
    """

    variant: Literal["first_order", "hessian_free", "reptile"] = "first_order"
    inner_steps: int = Field(1, ge=1, le=50)
    inner_learning_rate: NotNegative | None = None
    inner_bias_rate: NotNegative | None = None
    delta: Positive = 0.01


def server(base: SharedModel, context: MethodContext) -> AdapterTensors:
    """The start, at first an adapter that changes nothing."""
    return base.adapter


def local(
    base: SharedModel, server: AdapterTensors, client: Structure, batches: tf.data.Dataset, context: MethodContext
) -> ClientUpdate:
    """A local step a batch; see the module."""
    start = AdapterTensors(*server)
    if context.options.variant == "reptile":
        end = adapter_sgd.steps(base.parameters, start, start, batches, _inner_rates(context), context.bos)
    else:
        end = _meta_steps(base.parameters, start, batches, context)
    return ClientUpdate(adapter_sgd.subtract(start, end.adapter), end.targets, client, end.loss_sum, end.targets)


def personalize(
    base: SharedModel, server: AdapterTensors, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """K steps from the learnt start, pulled to it."""
    start = AdapterTensors(*server)
    adapter = adapter_sgd.personal_steps(base.parameters, start, start, text.training, context.config, context.bos)
    return PersonalModel(base.parameters, adapter)


def phone(base: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(base.parameters, (server,), "steps")


def _inner_rates(context: MethodContext) -> StepSizes:
    """α; the adapter's steps in training have no pull."""
    rates = adapter_sgd.step_sizes(context.config)
    learning_rate, bias_rate = context.options.inner_learning_rate, context.options.inner_bias_rate
    return rates._replace(
        learning_rate=rates.learning_rate if learning_rate is None else tf.constant(learning_rate, tf.float32),
        bias_rate=rates.bias_rate if bias_rate is None else tf.constant(bias_rate, tf.float32),
        proximal=tf.constant(0.0),
    )


def _eta(rates: StepSizes) -> AdapterTensors:
    return AdapterTensors(rates.learning_rate, rates.learning_rate, rates.bias_rate)


def _meta_steps(
    parameters: Parameters, start: AdapterTensors, batches: tf.data.Dataset, context: MethodContext
) -> TrainResult:
    """The steps of Algorithm 1; losses are those at U(w)."""
    others = context.options.inner_steps + (context.options.variant == "hessian_free")
    number = batches.reduce(np.int64(0), lambda count, batch: count + 1)
    turns = tf.data.Dataset.zip(tuple(batches.repeat().skip(i) for i in range(1 + others))).take(number)
    beta = _eta(adapter_sgd.step_sizes(context.config))

    def step(state: TrainResult, *turn: Batch) -> TrainResult:
        judged, *learnt = (adapter_sgd.features(parameters, batch, context.bos) for batch in turn)
        loss, slope = _meta_gradient(parameters, state.adapter, judged, learnt, context)
        moved = sgd_step(state.adapter, slope, beta, context.config.clip)
        targets = cifg_lstm.counted_targets(judged[1])
        return TrainResult(moved, state.loss_sum + loss * targets, state.targets + targets)

    return turns.reduce(TrainResult(start, tf.constant(0.0), tf.constant(0.0)), lambda state, turn: step(state, *turn))


def _meta_gradient(
    parameters: Parameters, start: AdapterTensors, judged: Read, learnt: list[Read], context: MethodContext
) -> tuple[tf.Tensor, AdapterTensors]:
    """f(U(w); D′) in nats and its gradient with respect to w. `learnt`: D of each inner step, then D″."""
    inner = _inner_rates(context)
    points = [start]
    for read in learnt[: context.options.inner_steps]:
        points.append(adapters.step(parameters, points[-1], points[-1], *read, inner)[0])
    loss, slope = adapters.gradient(parameters, points[-1], *judged)
    if context.options.variant == "hessian_free":
        for point in reversed(points[:-1]):
            along = AdapterTensors(*(rate * part for rate, part in zip(_eta(inner), slope, strict=True)))
            slope = adapter_sgd.subtract(slope, _curved(parameters, point, along, learnt[-1], context.options.delta))
    return loss, slope


def _curved(
    parameters: Parameters, point: AdapterTensors, along: AdapterTensors, read: Read, delta: float
) -> AdapterTensors:
    """∇²f(point)·along by a central difference."""
    ahead, behind = (
        adapters.gradient(
            parameters, AdapterTensors(*(at + way * part for at, part in zip(point, along, strict=True))), *read
        )
        for way in (delta, -delta)
    )
    return AdapterTensors(*((one - other) / (2.0 * delta) for one, other in zip(ahead[1], behind[1], strict=True)))


METHOD = Method(
    name="per_fedavg",
    title="Per-FedAvg",
    paper="Fallah et al. 2020, arXiv:2002.07948, Algorithm 1; Reptile: Nichol et al. 2018, arXiv:1803.02999",
    personalize=personalize,
    phone=phone,
    local=local,
    server=server,
    options=PerFedAvgOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "proximal": Range(1e-4, 1.0, log=True),
        "options.variant": Choice(("first_order", "hessian_free", "reptile")),
        "options.inner_steps": Choice((1, 3)),
        "federated.server_learning_rate": Choice((0.3, 1.0)),
    },
)
