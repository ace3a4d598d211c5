"""Per-FedAvg: an initial adapter from which a few steps fit a client well, learned in rounds.

    U(w) = w − α∘∇f(w; D)                              the phone's step, or `inner_steps` of them
    w ← w − β∘(I − ∇²f(w; D″)·α)·∇f(U(w); D′)          a local step: the gradient of f(U(w))

Fallah et al. 2020 (arXiv:2002.07948), Algorithm 1, in three variants:
- `hessian_free` (HF): the product with ∇²f is a central difference, ∇²f(w)·u ≈ (∇f(w + δu) − ∇f(w − δu)) / 2δ, with
  u = α∘∇f(U(w); D′) because α differs by tensor. With several inner steps, the factors are multiplied from the last to
  the first.
- `first_order` (FO): without the term in ∇²f.
- `reptile`: Nichol et al. 2018 (arXiv:1803.02999), Algorithm 1. The client takes plain steps, and the server moves by
  the share `server_learning_rate` towards the adapter after them.

Each batch is D′ once, and the batches after it, in a circle, are D and D″. The paper draws the three independently. A
client with too few batches therefore cuts each into several by its windows, so that D, D′ and D″ share no text. With
inner rates of 0 the first two variants are FedAvg on the adapter. Gradients are clipped as in all methods; the second
derivative ignores the clipping.
"""

from __future__ import annotations

from typing import Literal

import tensorflow as tf
from pydantic import Field

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.local_training import adapter_sgd
from federated.local_training.adapter_sgd import ReadBatch, TrainResult
from federated.local_training.batch_loop import fold, number_of
from federated.local_training.shared_layers_sgd import sgd_step
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
from federated.settings import NotNegative, Positive
from keyboard_model.batching import IGNORE, Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.step_sizes import StepSizes


class PerFedAvgOptions(Options):
    """How the start is trained.

    Attributes:
        variant: See the module.
        inner_steps: Number of steps of U; a phone takes `steps`. Reptile takes one for each batch.
        inner_learning_rate, inner_bias_rate: α; None = the configured rates, with which the phone adapts. With both 0
            the method is FedAvg on the adapter, and Reptile does not train.
        outer_learning_rate, outer_bias_rate: β; None = the configured rates. With both 0 the start does not change.
            Reptile has none: its server's rate is β.
        delta: δ of the central difference.
    """

    variant: Literal["first_order", "hessian_free", "reptile"] = "first_order"
    inner_steps: int = Field(1, ge=1, le=50)
    inner_learning_rate: NotNegative | None = None
    inner_bias_rate: NotNegative | None = None
    outer_learning_rate: NotNegative | None = None
    outer_bias_rate: NotNegative | None = None
    delta: Positive = 0.01


def server(shared: SharedModel, context: MethodContext) -> AdapterTensors:
    """Returns the start before the first round: the initial adapter."""
    return shared.adapter


def local(
    shared: SharedModel, server: AdapterTensors, client: Structure, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Takes one local step for each batch; see the module."""
    start, read = AdapterTensors(*server), adapter_sgd.read(shared.parameters, batches, context.bos)

    def steps(rates: StepSizes) -> TrainResult:
        if context.options.variant == "reptile":
            return adapter_sgd.steps(shared.parameters, start, start, read, rates)
        return _meta_steps(shared.parameters, start, read, rates, context)

    def received_loss() -> tf.Tensor:
        still = steps(rates._replace(learning_rate=tf.constant(0.0), bias_rate=tf.constant(0.0)))
        return tf.math.divide_no_nan(still.loss_sum, still.targets)

    rates = _inner_rates(context) if context.options.variant == "reptile" else _outer_rates(context)
    end = steps(rates)
    update = adapter_sgd.subtract(start, end.adapter)
    fairness = FairnessTerms(received_loss, adapter_sgd.tensor_rates(rates))
    return ClientUpdate(update, end.targets, client, end.loss_sum, end.targets, fairness=fairness)


def personalize(
    shared: SharedModel, server: AdapterTensors, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Takes K steps from the learned start, each pulled to it."""
    start, read = AdapterTensors(*server), adapter_sgd.read(shared.parameters, text.training, context.bos)
    adapter = adapter_sgd.personal_steps(shared.parameters, start, start, read, context.config)
    return PersonalModel(shared.parameters, adapter)


def phone(shared: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(shared.parameters, (server,), "steps")


def _inner_rates(context: MethodContext) -> StepSizes:
    """Returns the step sizes of U, α."""
    return _rates(context, context.options.inner_learning_rate, context.options.inner_bias_rate)


def _outer_rates(context: MethodContext) -> StepSizes:
    """Returns the step sizes β."""
    return _rates(context, context.options.outer_learning_rate, context.options.outer_bias_rate)


def _rates(context: MethodContext, learning_rate: float | None, bias_rate: float | None) -> StepSizes:
    """Returns step sizes without a pull; None = the configured rate."""
    rates = adapter_sgd.step_sizes(context.config)
    return rates._replace(
        learning_rate=rates.learning_rate if learning_rate is None else tf.constant(learning_rate, tf.float32),
        bias_rate=rates.bias_rate if bias_rate is None else tf.constant(bias_rate, tf.float32),
        proximal=tf.constant(0.0),
    )


def _meta_steps(
    parameters: Parameters, start: AdapterTensors, batches: ReadBatch, rates: StepSizes, context: MethodContext
) -> TrainResult:
    """Takes the steps of Algorithm 1 on read batches at the rates β; the losses are those at U(w)."""
    others = context.options.inner_steps + (context.options.variant == "hessian_free")
    batches, number = _disjoint(batches, 1 + others, context.config.batch)
    of_group = (tf.range(number)[:, tf.newaxis] + tf.range(1 + others)) % tf.maximum(number, 1)
    groups = ReadBatch(*(tf.gather(part, of_group) for part in batches))
    beta = adapter_sgd.tensor_rates(rates)

    def step(state: TrainResult, group: ReadBatch) -> TrainResult:
        outer_batch, *inner_batches = (ReadBatch(*(part[i] for part in group)) for i in range(1 + others))
        loss, gradient = _meta_gradient(parameters, state.adapter, outer_batch, inner_batches, context)
        moved = sgd_step(state.adapter, gradient, beta, context.config.clip)
        targets = cifg_lstm.counted_targets(outer_batch.targets)
        return TrainResult(moved, state.loss_sum + loss * targets, state.targets + targets)

    return fold(step, TrainResult(start, tf.constant(0.0), tf.constant(0.0)), groups)


def _disjoint(batches: ReadBatch, least: int, windows: int) -> tuple[ReadBatch, tf.Tensor]:
    """Returns at least `least` read batches without a common window, and their number; none if the client has none.

    Enough batches stay as they are. Of too few, each is repeated, and each copy counts the targets of other windows; a
    batch has `windows`.
    """
    number = number_of(batches)
    copies = -(-least // tf.maximum(number, 1))  # rounded up
    pieces = batches.targets.shape[1]
    window = tf.range(pieces) // (pieces // windows)
    copy = tf.repeat(tf.range(copies), number)
    counted = tf.equal(window % copies, copy[:, tf.newaxis])  # in TFF, == compares the tensors' identities
    features = tf.tile(batches.features, [copies, 1, 1])
    return ReadBatch(features, tf.where(counted, tf.tile(batches.targets, [copies, 1]), IGNORE)), number * copies


def _meta_gradient(
    parameters: Parameters,
    start: AdapterTensors,
    outer_batch: ReadBatch,
    inner_batches: list[ReadBatch],
    context: MethodContext,
) -> tuple[tf.Tensor, AdapterTensors]:
    """Returns f(U(w); D′) in nats and its gradient at w. `inner_batches`: D of each inner step, then D″."""
    inner = _inner_rates(context)
    alpha = adapter_sgd.tensor_rates(inner)
    points = [start]
    for read in inner_batches[: context.options.inner_steps]:
        points.append(adapters.step(parameters, points[-1], points[-1], *read, inner)[0])
    loss, gradient = adapters.gradient(parameters, points[-1], *outer_batch)
    if context.options.variant == "hessian_free":
        for point in reversed(points[:-1]):
            direction = AdapterTensors(*(rate * part for rate, part in zip(alpha, gradient, strict=True)))
            gradient = adapter_sgd.subtract(
                gradient, _hessian_product(parameters, point, direction, inner_batches[-1], context.options.delta)
            )
    return loss, gradient


def _hessian_product(
    parameters: Parameters, point: AdapterTensors, direction: AdapterTensors, read: ReadBatch, delta: float
) -> AdapterTensors:
    """Returns ∇²f(point)·direction by a central difference."""
    ahead, behind = (
        adapters.gradient(
            parameters, AdapterTensors(*(at + step * part for at, part in zip(point, direction, strict=True))), *read
        )
        for step in (delta, -delta)
    )
    return AdapterTensors(*((one - other) / (2.0 * delta) for one, other in zip(ahead[1], behind[1], strict=True)))


METHOD = Method(
    name="per_fedavg",
    title="Per-FedAvg",
    paper="Fallah et al. 2020, arXiv:2002.07948, Algorithm 1; Reptile: Nichol et al. 2018, arXiv:1803.02999",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    server=server,
    options=PerFedAvgOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "proximal": Range(1e-4, 1.0, log=True),
        "options.variant": Choice(("first_order", "hessian_free", "reptile")),
        "options.inner_steps": Choice((1, 3)),
        "options.inner_learning_rate": Range(0.05, 1.0, log=True),
        "options.inner_bias_rate": Range(1.0, 20.0, log=True),
        "options.outer_learning_rate": Range(0.01, 1.0, log=True),
        "options.outer_bias_rate": Range(0.3, 20.0, log=True),
        "federated.server_learning_rate": Choice((0.3, 1.0)),
    },
)
