"""Clustered federated learning: k shared adapters, and every client belongs to the one that fits its text best.

    j = argmin_j f_i(θ_j),    θ_j ← θ_j − rate·(mean over its clients of θ_j − θ_j,i)

IFCA (Ghosh et al. 2020, arXiv:2006.04088, Algorithm 1, model averaging) and HypCluster (Mansour et al.
2020, arXiv:2002.10619, section 3). One cluster is FedAvg on the adapter.

Clusters must differ before clients can choose among them. So in the first rounds (`warm_up`) a client joins
one by lot, and each begins as the mean of other people. On simulated users of three or five groups (biases
alone, cohorts of 10 of 60 users, means of 6 to 8 runs) one such round led 79 to 100 % of the users to their group;
neither more rounds nor random biases did better, and either way IFCA may end in a local optimum with two groups
in one cluster. Only a client's own cluster has a part in its update that is not zero: a message has room for k
adapters, as every client's must have the same form.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from pydantic import Field

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.local_training import adapter_sgd
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
from keyboard_model.model.adapter import AdapterTensors


class ClusteredOptions(Options):
    """clusters: k; 1 = FedAvg on the adapter. warm_up: rounds in which clients join by lot."""

    clusters: int = Field(2, ge=1, le=50)
    warm_up: int = Field(1, ge=1)


class Clusters(NamedTuple):
    """`adapters` lead with an axis for the k clusters; `round` counts the rounds so far, float32 scalar."""

    adapters: AdapterTensors
    round: tf.Tensor


def server(base: SharedModel, context: MethodContext) -> Clusters:
    """k times the adapter that changes nothing."""
    copies = (np.repeat(np.asarray(part)[np.newaxis], context.options.clusters, axis=0) for part in base.adapter)
    return Clusters(AdapterTensors(*copies), np.float32(0.0))


def local(
    base: SharedModel, server: Clusters, client: Structure, batches: tf.data.Dataset, context: MethodContext
) -> ClientUpdate:
    """Plain local SGD on the adapter of the client's cluster."""
    server = _named(server)
    joined = tf.where(
        server.round < context.options.warm_up,
        _by_lot(batches, context.options.clusters),
        adapter_sgd.best_adapter(base.parameters, server.adapters, batches, context.bos),
    )
    start = adapter_sgd.select(server.adapters, joined)
    plain = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))
    trained = adapter_sgd.steps(base.parameters, start, start, batches, plain, context.bos)
    member = tf.one_hot(joined, context.options.clusters)
    update = AdapterTensors(
        *(tf.tensordot(member, part, axes=0) for part in adapter_sgd.subtract(start, trained.adapter))
    )
    return ClientUpdate(update, trained.targets, client, trained.loss_sum, trained.targets, counts=member)


def aggregate(server: Clusters, mean: tuple[AdapterTensors, tf.Tensor], context: MethodContext) -> Clusters:
    """Each cluster moves by the mean over its own clients; a cluster without clients stays as it is."""
    server, (update, members) = _named(server), mean
    share = tf.math.divide_no_nan(members, tf.reduce_sum(members))
    rate = context.config.federated.server_learning_rate * tf.math.reciprocal_no_nan(share)
    moved = (part - tf.einsum("k,k...->k...", rate, step) for part, step in zip(server.adapters, update, strict=True))
    return Clusters(AdapterTensors(*moved), server.round + 1.0)


def personalize(
    base: SharedModel, server: Clusters, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """K steps from the cluster with the least loss on what the client typed, pulled to it."""
    several = _named(server).adapters
    start = adapter_sgd.select(several, adapter_sgd.best_adapter(base.parameters, several, text.training, context.bos))
    adapter = adapter_sgd.personal_steps(base.parameters, start, start, text.training, context.config, context.bos)
    return PersonalModel(base.parameters, adapter)


def phone(base: SharedModel, server: Clusters, context: MethodContext) -> DeviceArtifact:
    starts = tuple(AdapterTensors(*parts) for parts in zip(*server.adapters, strict=True))
    return DeviceArtifact(base.parameters, starts, "clusters")


def _named(server: Clusters) -> Clusters:
    """The server's value as TFF hands it over, in its own tuples again."""
    return Clusters(AdapterTensors(*server[0]), server[1])


def _by_lot(batches: tf.data.Dataset, clusters: int) -> tf.Tensor:
    """A cluster drawn from the batches' own content, so that a resumed run draws the same; int32 scalar."""

    def add(seed: tf.Tensor, batch: Batch) -> tf.Tensor:
        return seed + tf.stack([tf.reduce_sum(batch.tokens), tf.reduce_sum(batch.targets)])

    seed = batches.reduce(tf.zeros([2], tf.int32), add)
    return tf.random.stateless_uniform([], seed, maxval=clusters, dtype=tf.int32)


METHOD = Method(
    name="clustered",
    title="clusters",
    paper="Ghosh et al. 2020, arXiv:2006.04088, Algorithm 1 (IFCA); Mansour et al. 2020, arXiv:2002.10619",
    personalize=personalize,
    phone=phone,
    local=local,
    server=server,
    aggregate=aggregate,
    options=ClusteredOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "proximal": Range(1e-4, 1.0, log=True),
        "options.clusters": Choice((1, 2, 3, 5)),
    },
)
