"""Private means of the clients' updates, as TFF aggregators: clip, add up, add noise, divide by the planned cohort.

All clients count alike. The divisor is a constant, so that a sum changes by one clipping norm at most if one client
sends nothing instead (zero-out neighbours; Kairouz et al. 2021, arXiv:2103.00039, section 2).
"""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff
import tensorflow_privacy as tfp

from federated.privacy.plan import COUNTED, NoisePlan, Seed

CLIPPING_RATE = 0.2
"""How fast the clipping norm moves: by at most a factor of exp(0.2) a round (Andrew et al. 2021, algorithm 1)."""


STEPS = 1 << 20
"""Integers between 0 and a clipping norm, with secure aggregation."""
TRAINING, METHOD = 0, 1
"""Streams of noise: that of the rounds of the shared model, and that of the rounds of a method."""


def noisy_mean(
    plan: NoisePlan, seed: Seed, stream: int = TRAINING, *, secure: bool = False
) -> tff.aggregators.WeightedAggregationFactory:
    """Returns the private mean of a plan, which ignores the clients' weights.

    Args:
        plan: The noise.
        seed: The secret of the noise.
        stream: Trainings with the same secret need different ones.
        secure: Whether clients send integers of bounded size, for secure aggregation. Not with trees.
    """
    seed = seed[0], seed[1] ^ (stream << 40)
    factory = TreeNoiseMean(plan, seed) if plan.mechanism == "tree" else BufferedNoiseMean(plan, seed, secure)
    return tff.aggregators.as_weighted_aggregator(factory)


class TreeNoiseMean(tff.aggregators.UnweightedAggregationFactory):
    """Noise at the nodes of trees, by TensorFlow Privacy, with the estimates of Honaker (2015)."""

    def __init__(self, plan: NoisePlan, seed: Seed) -> None:
        self._plan, self._seed = plan, seed

    def create(self, value_type: Any) -> tff.templates.AggregationProcess:
        """See TFF."""
        plan = self._plan
        specs = tff.types.structure_from_tensor_type_tree(
            lambda part: tf.TensorSpec(part.shape, part.dtype), value_type
        )
        query: tfp.DPQuery = tfp.TreeResidualSumQuery.build_l2_gaussian_query(
            plan.clipping_norm, plan.noise_multiplier, specs, noise_seed=self._seed[0], use_efficient=True
        )
        if plan.restart_every is not None:
            query = tfp.RestartQuery(query, tfp.restart_query.PeriodicRoundRestartIndicator(plan.restart_every))
        mean = tfp.NormalizedQuery(query, float(plan.clients_per_round))
        return tff.aggregators.DifferentiallyPrivateFactory(mean).create(value_type)


class BufferedNoiseMean(tff.aggregators.UnweightedAggregationFactory):
    """Noise with buffers on the server (`federated.privacy.mechanisms.BufferedNoise`), or without any: independent.

    z of a round depends on the seed and the number of the round alone. A run that is killed and resumed therefore adds
    the same noise to the same sum, and publishes nothing twice with different noise.

    The clipping norm S_t of a round may depend on what was published before it: the mechanism publishes sums of
    u_t / S_t, whose norms are at most 1, and the server multiplies them by S_t.
    """

    def __init__(self, plan: NoisePlan, seed: Seed, secure: bool = False) -> None:
        """Args:
        plan: Of the mechanism `blt` or `independent`.
        seed: The secret of the noise.
        secure: See `noisy_mean`.
        """
        self._plan, self._seed, self._secure = plan, seed, secure

    def create(self, value_type: Any) -> tff.templates.AggregationProcess:
        """See TFF. The state is the number of rounds, the clipping norm, and the buffers `[buffers, *shape]` of each
        tensor."""
        plan = self._plan
        decays = np.array(plan.decays, np.float32)
        weights = np.array(plan.weights, np.float32)
        shapes = [part.shape for part in tff.structure.flatten(value_type)]

        @tff.tensorflow.computation
        def begin() -> Any:
            return collections.OrderedDict(
                rounds=tf.constant(0, tf.int64),
                norm=tf.constant(plan.clipping_norm),
                buffers=tuple(tf.zeros([len(decays), *shape]) for shape in shapes),
            )

        @tff.tensorflow.computation(value_type, tff.TensorType(np.float32))
        def clip(value: Any, norm: Any) -> Any:
            length = tf.linalg.global_norm(tf.nest.flatten(value))
            scale = 1.0 / tf.maximum(length, norm)
            clipped = tf.cast(length > norm, tf.float32)
            return collections.OrderedDict(
                update=tf.nest.map_structure(lambda part: part * scale, value),
                clipped=clipped,
                clients=tf.constant(1.0),
            )

        def noise_of(rounds: Any, stream: int, shape: Any, deviation: float) -> Any:
            key = [self._seed[0] ^ rounds, tf.constant(self._seed[1] ^ stream, tf.int64)]
            return tf.random.stateless_normal(shape, tf.stack(key), stddev=np.float32(deviation))

        @tff.tensorflow.computation(begin.type_signature.result, clip.type_signature.result)
        def add_noise(state: Any, sums: Any) -> Any:
            total, counted = sums["update"], 2 * COUNTED * (sums["clipped"] - 0.5 * sums["clients"])
            rounds, norm = state["rounds"], state["norm"]
            parts, buffers = [], []
            for stream, (part, buffer) in enumerate(zip(tf.nest.flatten(total), state["buffers"], strict=True)):
                noise = noise_of(rounds, stream, part.shape, plan.noise_multiplier) - tf.tensordot(weights, buffer, 1)
                parts.append((part + noise) * norm / plan.clients_per_round)
                buffers.append(tf.reshape(decays, [-1] + [1] * len(part.shape)) * buffer + noise)
            if plan.clipping_quantile is not None:
                noisy = counted + noise_of(rounds, len(parts), [], plan.count_noise)
                below = 0.5 - noisy / (2 * COUNTED * plan.clients_per_round)
                norm *= tf.exp(-CLIPPING_RATE * (below - plan.clipping_quantile))
            mean = tf.nest.pack_sequence_as(total, parts)
            return mean, collections.OrderedDict(rounds=rounds + 1, norm=norm, buffers=tuple(buffers))

        @tff.tensorflow.computation(clip.type_signature.result)
        def quantize(sent: Any) -> Any:
            # Towards zero, so that no norm grows. The shift makes all integers positive.
            return tf.nest.map_structure(lambda part: tf.cast(part * STEPS, tf.int64) + STEPS, sent)

        @tff.tensorflow.computation(quantize.type_signature.result)
        def dequantize(sums: Any) -> Any:
            clients = sums["clients"] // (2 * STEPS)  # each sent 1, which is 2·STEPS after the shift
            return tf.nest.map_structure(lambda part: tf.cast(part - clients * STEPS, tf.float32) / STEPS, sums)

        def summed(sent: Any) -> Any:
            if not self._secure:
                return tff.federated_sum(sent)
            return tff.federated_map(
                dequantize, tff.federated_secure_sum(tff.federated_map(quantize, sent), max_input=2 * STEPS)
            )

        @tff.federated_computation
        def initialize() -> Any:
            return tff.federated_eval(begin, tff.SERVER)

        @tff.tensorflow.computation(begin.type_signature.result)
        def norm_of(state: Any) -> Any:
            return state["norm"]

        @tff.federated_computation(initialize.type_signature.result, tff.FederatedType(value_type, tff.CLIENTS))
        def next_mean(state: Any, values: Any) -> Any:
            norm = tff.federated_map(norm_of, state)
            sent = tff.federated_map(clip, (values, tff.federated_broadcast(norm)))
            sums = summed(sent)
            mean, state = tff.federated_map(add_noise, (state, sums))
            measured = collections.OrderedDict(clipping_norm=norm, clipped=sums.clipped)
            return tff.templates.MeasuredProcessOutput(state, mean, tff.federated_zip(measured))

        return tff.templates.AggregationProcess(initialize, next_mean)
