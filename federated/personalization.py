"""A method on clients' own text, as a TFF computation: the shared and the personal model side by side."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_federated as tff

from federated import evaluation, fed_avg, word_recall
from federated.client_data import Batches, batches
from federated.job import PersonalizationConfig
from federated.method import Method
from keyboard_model import adapter as adapters
from keyboard_model import language_model
from keyboard_model.adapter import Adapter
from keyboard_model.language_model import Parameters
from keyboard_model.newest import hold_out, newest
from keyboard_model.tokenizer import Tokenizer
from keyboard_model.windows import pack


def adaptation_batches(tokenizer: Tokenizer, messages: Sequence[str], config: PersonalizationConfig) -> Batches:
    """Returns what an adaptation learns from as batches in order, less the tail that the phone's gate sees."""
    learnt, _ = hold_out(newest(tokenizer, messages, config.newest_words), config.holdout_share)
    windows = pack(learnt, config.window, tokenizer.bos)
    return batches(windows.tokens, windows.targets, config.batch, tokenizer.bos)


def adapter_type(parameters: Parameters, rank: int) -> tff.Type:
    """The TFF type of an adapter."""
    vocab, embedding = parameters.embedding.shape
    shapes = adapters.init(vocab, embedding, rank, seed=0)._asdict().items()
    return tff.types.to_type(
        collections.OrderedDict((name, tff.TensorType(value.dtype.type, value.shape)) for name, value in shapes)
    )


def build(
    method: Method, parameters: Parameters, tokenizer: Tokenizer, rank: int, config: PersonalizationConfig
) -> Callable[..., Any]:
    """Returns a TFF computation that personalizes on one part of each client's text and tests on another.

    `(weights@SERVER, adapter_init@SERVER, training batches@CLIENTS, test batches@CLIENTS)
    -> {adapter, shared, personal}@CLIENTS`, the last two as tallies.
    """
    kind, adapter_kind = fed_avg.weights_type(parameters), adapter_type(parameters, rank)
    penalty = word_recall.whole_word_penalty(tokenizer)
    training = fed_avg.batch_type(config.batch, config.window)
    test = evaluation.evaluation_type(config.batch, config.window)
    bos = tokenizer.bos

    @tff.tensorflow.computation(kind, adapter_kind, training, test)
    def local(
        weights: tff.learning.models.ModelWeights,
        start: collections.OrderedDict,
        train_data: tf.data.Dataset,
        test_data: tf.data.Dataset,
    ) -> collections.OrderedDict:
        shared = Parameters(*weights.trainable)
        adapter = method.personalize(shared, Adapter(**start), train_data, config, bos)

        def score(features: tf.Tensor) -> tf.Tensor:
            return language_model.logits(shared, features)

        def personal_score(features: tf.Tensor) -> tf.Tensor:
            return adapters.logits(shared, adapter, features)

        return collections.OrderedDict(
            adapter=collections.OrderedDict(adapter._asdict()),
            shared=evaluation.tally_batches(score, shared, test_data, tf.constant(penalty), bos)._asdict(),
            personal=evaluation.tally_batches(personal_score, shared, test_data, tf.constant(penalty), bos)._asdict(),
        )

    @tff.federated_computation(
        tff.FederatedType(kind, tff.SERVER),
        tff.FederatedType(adapter_kind, tff.SERVER),
        tff.FederatedType(training, tff.CLIENTS),
        tff.FederatedType(test, tff.CLIENTS),
    )
    def evaluate(weights: object, start: object, train_data: object, test_data: object) -> object:
        return tff.federated_map(
            local, (tff.federated_broadcast(weights), tff.federated_broadcast(start), train_data, test_data)
        )

    return evaluate
