"""IFCA, clustered federated learning: k shared adapters, of which each client uses the one that fits its text best.

    j = argmin_j f_i(θ_j),    θ_j ← θ_j − rate·(mean over its clients of θ_j − θ_j,i)

Ghosh et al. 2020 (arXiv:2006.04088, Algorithm 1, model averaging), and HypCluster (Mansour et al. 2020,
arXiv:2002.10619, section 3). With one cluster this is FedAvg on the adapter.

Clusters must differ before clients can choose between them. In the first rounds (`warm_up`), each client therefore
joins a random cluster, so each cluster starts as the mean of different users. On simulated users of three or five
groups (biases only, cohorts of 10 of 60 users, means of 6 to 8 runs), one such round led 79 to 100 % of the users to
their group. Neither more rounds nor random initial biases were better, and in all cases IFCA can end in a local optimum
with two groups in one cluster.

All clients' updates must have the same form. An update therefore has room for k adapters, and all except that of the
client's cluster are zero.
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
    FairnessTerms,
    Method,
    MethodContext,
    Options,
    PersonalModel,
    Range,
    SharedModel,
    Structure,
)
from keyboard_model.batching import Batch
from keyboard_model.model.adapter import AdapterTensors


class ClusteredOptions(Options):
    """clusters: k; 1 = FedAvg on the adapter. warm_up: rounds in which clients join a random cluster."""

    clusters: int = Field(2, ge=1, le=50)
    warm_up: int = Field(1, ge=1)


class Clusters(NamedTuple):
    """The server's state. `adapters`: with a first axis for the k clusters. `round`: rounds so far, float32 scalar."""

    adapters: AdapterTensors
    round: tf.Tensor


def server(shared: SharedModel, context: MethodContext) -> Clusters:
    """Returns k copies of the initial adapter."""
    copies = (np.repeat(np.asarray(part)[np.newaxis], context.options.clusters, axis=0) for part in shared.adapter)
    return Clusters(AdapterTensors(*copies), np.float32(0.0))


def local(
    shared: SharedModel, server: Clusters, client: Structure, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Trains the adapter of the client's cluster with plain local SGD."""
    server, read = _from_tff(server), adapter_sgd.read(shared.parameters, batches, context.bos)
    cluster = tf.where(
        server.round < context.options.warm_up,
        random_cluster(batches, context.options.clusters),
        adapter_sgd.best_adapter(shared.parameters, server.adapters, read),
    )
    start = adapter_sgd.select(server.adapters, cluster)
    plain = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))
    trained = adapter_sgd.steps(shared.parameters, start, start, read, plain)
    member = tf.one_hot(cluster, context.options.clusters)
    update = AdapterTensors(
        *(tf.tensordot(member, part, axes=0) for part in adapter_sgd.subtract(start, trained.adapter))
    )
    fairness = FairnessTerms.of_adapter(shared, start, read, adapter_sgd.tensor_rates(plain))
    return ClientUpdate(
        update, trained.targets, client, trained.loss_sum, trained.targets, counts=member, fairness=fairness
    )


def aggregate(server: Clusters, mean: tuple[AdapterTensors, tf.Tensor], context: MethodContext) -> Clusters:
    """Moves each cluster by the mean over its own clients; a cluster without clients does not change."""
    server, (update, members) = _from_tff(server), mean
    share = tf.math.divide_no_nan(members, tf.reduce_sum(members))
    rate = context.config.federated.server_learning_rate * tf.math.reciprocal_no_nan(share)
    moved = (part - tf.einsum("k,k...->k...", rate, step) for part, step in zip(server.adapters, update, strict=True))
    return Clusters(AdapterTensors(*moved), server.round + 1.0)


def personalize(
    shared: SharedModel, server: Clusters, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Takes K steps from the cluster with the lowest loss on the client's text, each pulled to it."""
    candidates, read = _from_tff(server).adapters, adapter_sgd.read(shared.parameters, text.training, context.bos)
    start = adapter_sgd.select(candidates, adapter_sgd.best_adapter(shared.parameters, candidates, read))
    adapter = adapter_sgd.personal_steps(shared.parameters, start, start, read, context.config)
    return PersonalModel(shared.parameters, adapter)


def phone(shared: SharedModel, server: Clusters, context: MethodContext) -> DeviceArtifact:
    starts = tuple(AdapterTensors(*parts) for parts in zip(*server.adapters, strict=True))
    return DeviceArtifact(shared.parameters, starts, "clusters")


def _from_tff(server: Clusters) -> Clusters:
    """Returns the server's state that TFF passed as plain tuples."""
    return Clusters(AdapterTensors(*server[0]), server[1])


def random_cluster(batches: Batch, clusters: int) -> tf.Tensor:
    """Returns a random cluster, an int32 scalar. The batches' content is the seed, so a resumed run draws the same."""
    seed = tf.stack([tf.reduce_sum(part) for part in batches])
    return tf.random.stateless_uniform([], seed, maxval=clusters, dtype=tf.int32)


METHOD = Method(
    name="clustered",
    title="clusters",
    paper="Ghosh et al. 2020, arXiv:2006.04088, Algorithm 1 (IFCA); Mansour et al. 2020, arXiv:2002.10619",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    sends_counts=True,
    server=server,
    aggregate=aggregate,
    options=ClusteredOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "proximal": Range(1e-4, 1.0, log=True),
        "options.clusters": Choice((1, 2, 3, 5)),
    },
)
