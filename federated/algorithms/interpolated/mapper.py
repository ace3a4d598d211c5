"""MAPPER: the shared adapter is trained through each client's interpolation with a local one.

    min_w Σ_k min_{λ, v} L_k(λ·v + (1 − λ)·w)        w the shared adapter, v and λ those of client k

    v_λ ← v_λ − λ·η·∇L(λ·v_λ + (1 − λ)·w)            K steps from w, for each λ of a grid between 0 and 1
    λ* = the λ with the lowest loss of λ·v_λ + (1 − λ)·w
    w ← w − (1 − λ*)·η·∇L(λ*·v + (1 − λ*)·w)         its change is sent

Mansour et al. 2020 (arXiv:2002.10619), section 5 and the algorithm MAPPER. In each round a client finds the best local
part for the w that it received, and only then the gradient of w. So w learns what the local parts leave to it, and
nothing is kept between rounds. `after_training` interpolates as well, but trains w without local parts. `apfl` keeps v,
learns the weight by gradient and trains w alone.

The paper interpolates the outputs of two models; here the tensors of two adapters are interpolated. The support, the
first half of a client's batches rounded down, trains v. The rest, the query, chooses λ and trains w, because on the
text that trained v the largest λ would fit best. With a client of one batch v stays at w, and the client is one of
FedAvg. `proximal` has no effect.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from pydantic import Field

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.local_training import adapter_sgd
from federated.local_training.adapter_sgd import ReadBatch
from federated.local_training.batch_loop import fold, number_of
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
    SharedModel,
    Structure,
)
from keyboard_model.batching import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters


class MapperOptions(Options):
    """grid: number of values of λ that are tried, evenly spaced from 0 to 1; with 2, only these two."""

    grid: int = Field(4, ge=2, le=21)


class _Round(NamedTuple):
    """A client's state while it trains w; the loss is that of the interpolation, each batch before its step."""

    w: AdapterTensors
    loss_sum: tf.Tensor
    targets: tf.Tensor


def server(shared: SharedModel, context: MethodContext) -> AdapterTensors:
    """Returns the shared adapter before the first round."""
    return shared.adapter


def shares_of(context: MethodContext) -> tuple[float, ...]:
    """Returns the values of λ, from 0 to 1."""
    return tuple(float(share) for share in np.linspace(0.0, 1.0, context.options.grid, dtype=np.float32))


def local_parts(
    parameters: Parameters, w: AdapterTensors, batches: ReadBatch, context: MethodContext
) -> AdapterTensors:
    """Returns v_λ for each λ of the grid, `[grid,…]`: K steps of each from w on read batches, at a phone's rates."""
    number, rates = adapter_sgd.planned_steps(context.config, batches)
    eta = adapter_sgd.tensor_rates(rates)
    shares = shares_of(context)

    def step(parts: AdapterTensors, batch: ReadBatch) -> AdapterTensors:
        moved = [w]  # λ = 0
        for i, share in enumerate(shares[1:], start=1):
            v = adapter_sgd.select(parts, i)
            _, slope = adapters.gradient(parameters, adapter_sgd.interpolate(v, w, share), *batch)
            slope, _ = tf.clip_by_global_norm(slope, rates.clip)
            moved.append(
                AdapterTensors(*(part - share * rate * down for part, down, rate in zip(v, slope, eta, strict=True)))
            )
        return adapter_sgd.stack(moved)

    return fold(step, adapter_sgd.stack([w] * len(shares)), batches, number)


def interpolations(parts: AdapterTensors, w: AdapterTensors, context: MethodContext) -> AdapterTensors:
    """Returns λ·v_λ + (1 − λ)·w for each λ of the grid, `[grid,…]`."""
    return adapter_sgd.stack(
        [adapter_sgd.interpolate(adapter_sgd.select(parts, i), w, share) for i, share in enumerate(shares_of(context))]
    )


def local(
    shared: SharedModel, server: AdapterTensors, client: Structure, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Fits the local part on the support, chooses λ on the query, and trains w there."""
    received, read = AdapterTensors(*server), adapter_sgd.read(shared.parameters, batches, context.bos)
    half = number_of(read) // 2
    support, query = ReadBatch(*(part[:half] for part in read)), ReadBatch(*(part[half:] for part in read))
    parts = local_parts(shared.parameters, received, support, context)
    fitted = interpolations(parts, received, context)
    best = adapter_sgd.best_adapter(shared.parameters, fitted, query)
    share, v = tf.gather(tf.constant(shares_of(context)), best), adapter_sgd.select(parts, best)
    rates = adapter_sgd.step_sizes(context.config)
    eta = adapter_sgd.tensor_rates(rates)

    def step(state: _Round, batch: ReadBatch) -> _Round:
        at = adapter_sgd.interpolate(v, state.w, share)
        loss, slope = adapters.gradient(shared.parameters, at, *batch)
        slope, _ = tf.clip_by_global_norm(slope, rates.clip)
        moved = (w - (1.0 - share) * rate * down for w, down, rate in zip(state.w, slope, eta, strict=True))
        number = cifg_lstm.counted_targets(batch.targets)
        return _Round(AdapterTensors(*moved), state.loss_sum + loss * number, state.targets + number)

    end = fold(step, _Round(received, tf.constant(0.0), tf.constant(0.0)), query)
    chosen = adapter_sgd.select(fitted, best)
    fairness = FairnessTerms.of_adapter(shared, chosen, query, eta)
    update = adapter_sgd.subtract(received, end.w)
    return ClientUpdate(update, end.targets, client, end.loss_sum, end.targets, fairness=fairness)


def personalize(
    shared: SharedModel, server: AdapterTensors, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Fits a local part for each λ, then takes the λ with the lowest loss on the tail; of equals, the smallest."""
    w = AdapterTensors(*server)
    training, held_out = (adapter_sgd.read(shared.parameters, part, context.bos) for part in text)
    fitted = interpolations(local_parts(shared.parameters, w, training, context), w, context)
    best = adapter_sgd.best_adapter(shared.parameters, fitted, held_out)
    return PersonalModel(shared.parameters, adapter_sgd.select(fitted, best))


def phone(shared: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(shared.parameters, (server,), "mapper", {"grid": float(context.options.grid)})


METHOD = Method(
    name="mapper",
    title="MAPPER",
    paper="Mansour et al. 2020, arXiv:2002.10619, section 5 (MAPPER)",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    server=server,
    options=MapperOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "options.grid": Choice((3, 4, 6)),
        "federated.server_learning_rate": Choice((0.3, 1.0)),
    },
)
