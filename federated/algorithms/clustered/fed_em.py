"""FedEM: M shared components; each client learns by EM how much of each its text is made of.

    p_k(piece | context) = Σ_m π_km·p(piece | context, θ_m)

    q_i(m) ∝ π_km·p(piece_i | context_i, θ_m)       E-step: the responsibility of component m for piece i
    π_km ← mean of q_i(m) over the client's pieces    M-step of the weights, which the client keeps
    θ_km ← θ_km − η·clip(mean of q_i(m)·∇ℓ_i(θ_km))  M-step of the components, one step for each batch
    θ_m ← θ_m − rate·(mean of θ_m − θ_km)             on the server

Marfoq et al. 2021 (arXiv:2108.10252), Algorithm 1 (FedEM). A component is an adapter, and a sample is a
piece after its context, so π is the weight of an interpolated language model (Jelinek and Mercer 1980). The E-step uses
the components as they were received. As in the paper, a client with other text than the training clients keeps the
components and estimates π alone: `iterations` EM steps from equal weights, on the phone.

A phone carries one adapter, not M: it takes θ = Σ_m π_m·θ_m and then K steps. This is an approximation of the mixture.
For the biases it is the geometric mean of the distributions, normalized, in place of the arithmetic one. For the
low-rank parts it multiplies the means of A and B, where the mean of the products would have rank M·r. It is exact if
the components are equal or π selects one. With one component this is FedAvg on the adapter.

Components that are equal would stay so. In the first `warm_up` rounds each client therefore trains one random
component (where the paper starts from random weights), and no client changes its π.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from pydantic import Field

from federated.algorithms.clustered.ifca import random_cluster
from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.local_training import adapter_sgd
from federated.local_training.adapter_sgd import ReadBatch
from federated.local_training.batch_loop import fold
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
)
from keyboard_model.batching import IGNORE, Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters


class FedEmOptions(Options):
    """components: M; 1 = FedAvg on the adapter. iterations: EM steps of a client's π outside the rounds; 0 = π stays.
    warm_up: rounds in which clients train a random component."""

    components: int = Field(3, ge=1, le=50)
    iterations: int = Field(10, ge=0, le=1000)
    warm_up: int = Field(1, ge=1)


class Components(NamedTuple):
    """The server's state. `adapters`: with a first axis for the M components. `round`: rounds so far, float32."""

    adapters: AdapterTensors
    round: tf.Tensor


class Own(NamedTuple):
    """A client's state. `weights`: its π, `[M]`, with a sum of 1."""

    weights: tf.Tensor


class _Round(NamedTuple):
    """A client's state within its round; `responsibilities` are sums over the targets, `[M]`."""

    adapters: AdapterTensors
    responsibilities: tf.Tensor
    loss_sum: tf.Tensor
    targets: tf.Tensor


def server(shared: SharedModel, context: MethodContext) -> Components:
    """Returns M copies of the initial adapter."""
    number = context.options.components
    copies = (np.repeat(np.asarray(part)[np.newaxis], number, axis=0) for part in shared.adapter)
    return Components(AdapterTensors(*copies), np.float32(0.0))


def client(server: Components, context: MethodContext) -> Own:
    """Returns equal weights."""
    number = context.options.components
    return Own(np.full(number, 1 / number, np.float32))


def local(shared: SharedModel, server: Components, client: Own, batches: Batch, context: MethodContext) -> ClientUpdate:
    """Takes one E-step, and one step of every component for each batch, weighted by the responsibilities."""
    received, own, number = _from_tff(server), Own(*client), context.options.components
    plain = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))
    eta = adapter_sgd.tensor_rates(plain)
    warming = received.round < context.options.warm_up
    random = tf.one_hot(random_cluster(batches, number), number)

    def step(state: _Round, batch: ReadBatch) -> _Round:
        flat, targets = batch
        counted = cifg_lstm.counted(targets)
        joint = tf.math.log(own.weights) + log_probs(shared.parameters, received.adapters, flat, targets)
        shares = tf.where(warming, random, tf.nn.softmax(joint))
        moved = []
        for m in range(number):
            component = adapter_sgd.select(state.adapters, m)
            _, slope = adapters.gradient(shared.parameters, component, flat, targets, shares[:, m])
            slope, _ = tf.clip_by_global_norm(slope, plain.clip)
            parts = zip(component, slope, eta, strict=True)
            moved.append(AdapterTensors(*(part - rate * down for part, down, rate in parts)))
        return _Round(
            adapter_sgd.stack(moved),
            state.responsibilities + tf.linalg.matvec(shares, counted, transpose_a=True),
            state.loss_sum - tf.reduce_sum(counted * tf.reduce_logsumexp(joint, axis=1)),
            state.targets + tf.reduce_sum(counted),
        )

    zero = tf.constant(0.0)
    read = adapter_sgd.read(shared.parameters, batches, context.bos)
    end = fold(step, _Round(received.adapters, tf.zeros([number]), zero, zero), read)
    keeps = tf.logical_or(warming, tf.equal(end.targets, 0.0))
    weights = tf.where(keeps, own.weights, tf.math.divide_no_nan(end.responsibilities, end.targets))
    fairness = FairnessTerms(lambda: tf.math.divide_no_nan(end.loss_sum, end.targets), eta)
    update = adapter_sgd.subtract(received.adapters, end.adapters)
    return ClientUpdate(update, end.targets, Own(weights), end.loss_sum, end.targets, fairness=fairness)


def log_probs(parameters: Parameters, several: AdapterTensors, features: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Returns each component's log-probability of each target, 0 where it does not count. `[N,E]`, `[N]` -> `[N,M]`"""
    scores = (
        adapters.logits(parameters, adapter_sgd.select(several, m), features) for m in range(several.bias.shape[0])
    )
    return -tf.stack([cifg_lstm.token_losses(each, targets) for each in scores], axis=1)


def aggregate(server: Components, mean: AdapterTensors, context: MethodContext) -> Components:
    """Moves the components by the mean of their changes."""
    server, rate = _from_tff(server), context.config.federated.server_learning_rate
    moved = (part - rate * step for part, step in zip(server.adapters, mean, strict=True))
    return Components(AdapterTensors(*moved), server.round + 1.0)


def personalize(
    shared: SharedModel, server: Components, client: Own, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Continues EM on π from the client's weights, then takes K steps from Σ π_m·θ_m, each pulled to it."""
    components = _from_tff(server).adapters
    read = adapter_sgd.read(shared.parameters, text.training, context.bos)
    weights = fitted_weights(shared.parameters, components, Own(*client).weights, read, context)
    start = AdapterTensors(*(tf.tensordot(weights, part, axes=1) for part in components))
    adapter = adapter_sgd.personal_steps(shared.parameters, start, start, read, context.config)
    return PersonalModel(shared.parameters, adapter)


def fitted_weights(
    parameters: Parameters,
    components: AdapterTensors,
    weights: tf.Tensor,
    batches: ReadBatch,
    context: MethodContext,
) -> tf.Tensor:
    """Returns π after `iterations` EM steps with fixed components on read batches, `[M]`; without targets π stays."""

    kind = tf.TensorSpec([batches.features.shape[1], context.options.components], tf.float32)
    logs = tf.map_fn(lambda batch: log_probs(parameters, components, *batch), batches, fn_output_signature=kind)
    logs = tf.boolean_mask(logs, tf.not_equal(batches.targets, IGNORE))
    number = tf.cast(tf.shape(logs)[0], tf.float32)
    for _ in range(context.options.iterations):
        shares = tf.nn.softmax(tf.math.log(weights) + logs)
        weights = tf.where(number > 0, tf.math.divide_no_nan(tf.reduce_sum(shares, axis=0), number), weights)
    return weights


def phone(shared: SharedModel, server: Components, context: MethodContext) -> DeviceArtifact:
    starts = tuple(AdapterTensors(*parts) for parts in zip(*server.adapters, strict=True))
    return DeviceArtifact(shared.parameters, starts, "fed_em", {"iterations": float(context.options.iterations)})


def _from_tff(server: Components) -> Components:
    """Returns the server's state that TFF passed as plain tuples."""
    return Components(AdapterTensors(*server[0]), server[1])


METHOD = Method(
    name="fed_em",
    title="FedEM",
    paper="Marfoq et al. 2021, arXiv:2108.10252, Algorithm 1",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    server=server,
    client=client,
    aggregate=aggregate,
    options=FedEmOptions,
    recipe_alone=("options.iterations",),
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "steps": Choice((0, 5, 10, 20)),
        "proximal": Range(1e-4, 1.0, log=True),
        "options.components": Choice((1, 2, 3, 5)),
        "options.warm_up": Choice((1, 3, 10)),
    },
)
