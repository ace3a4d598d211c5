"""Personalizes clients and tests their personal models on their own text, in TFF, beside the shared model."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_federated as tff

from federated.evaluation import shared_model
from federated.evaluation.shared_model import EvaluationBatch
from federated.job import PersonalizationConfig
from federated.local_training.batch_loop import gathered
from federated.personalization.method import ClientText, Method, MethodContext, SharedModel, Structure
from federated.personalization.program import TrainedMethod
from federated.runtime.tff_types import batch_type, type_of
from keyboard_model.batching import AdaptationWindow, Batch, batches
from keyboard_model.metrics import WordCounts
from keyboard_model.model import adapter as adapters
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import Tokenizer

TEST_WINDOWS = 16
"""Windows in a batch of the messages that test a model: more than in an adaptation step, because that is faster."""

Texts = tuple[Sequence[str], Sequence[str]]
"""A client's messages to learn from, and those to test on."""


class WordTally(NamedTuple):
    """The result of one model on one client's words: counts without characters, and `loss_sum` in nats."""

    counts: WordCounts
    loss_sum: float


class Tallies(NamedTuple):
    """The results of the shared and the personal model on one client's words."""

    client: str
    shared: WordTally
    personal: WordTally


def adaptation_batches(
    tokenizer: Tokenizer, messages: Sequence[str], config: PersonalizationConfig
) -> tuple[list[Batch], list[Batch]]:
    """Returns the batches that an adaptation learns from, and the held-out batches that only test it, in order."""
    window = AdaptationWindow.of(messages, config.newest_words, config.holdout_share, config.holdout_words)
    packed = window.pack(tokenizer, config.window)
    adaptation, held_out = (batches(windows.tokens, windows.targets, config.batch, tokenizer.bos) for windows in packed)
    return adaptation, held_out


def build(
    method: Method,
    shared: SharedModel,
    server: Structure,
    context: MethodContext,
    tokenizer: Tokenizer,
    with_shared: bool = True,
) -> Callable[..., Any]:
    """Returns a TFF computation that personalizes on one part of each client's text and tests on another.

    `(shared@SERVER, server@SERVER, states@CLIENTS, adaptation@CLIENTS, held out@CLIENTS, test@CLIENTS)
    -> {adapter, personal, shared}@CLIENTS`; `personal` and `shared` are tallies.

    Args:
        method: The personalization method.
        shared: A shared model that gives the types.
        server: A server state of the method that gives the types.
        context: The settings of the method.
        tokenizer: The tokenizer of the run.
        with_shared: False leaves out the tally of the shared model, which is half of the testing.
    """
    config = context.config
    shared_type, server_type = type_of(shared), type_of(server)
    client_type = type_of(method.client(server, context))
    penalty = shared_model.whole_word_penalty(tokenizer)
    training = batch_type(config.batch, config.window)
    test = shared_model.evaluation_type(TEST_WINDOWS, config.window)

    def tallied(parameters: Parameters, adapter: AdapterTensors, data: EvaluationBatch) -> collections.OrderedDict:
        def score(features: tf.Tensor) -> tf.Tensor:
            return adapters.logits(parameters, adapter, features)

        tally = shared_model.tally_batches(score, parameters, data, tf.constant(penalty), context.bos)
        return collections.OrderedDict(tally._asdict())

    @tff.tensorflow.computation(shared_type, server_type, client_type, training, training, test)
    def local(
        received: Any,
        server: Any,
        client: Any,
        adaptation: tf.data.Dataset,
        held_out: tf.data.Dataset,
        test_data: tf.data.Dataset,
    ) -> collections.OrderedDict:
        shared = SharedModel.from_tff(received)
        text, tests = ClientText(gathered(adaptation), gathered(held_out)), gathered(test_data, EvaluationBatch)
        personal = method.personalize(shared, server, client, text, context)
        result = collections.OrderedDict(
            adapter=collections.OrderedDict(personal.adapter._asdict()), personal=tallied(*personal, tests)
        )
        if with_shared:
            result["shared"] = tallied(*shared, tests)
        return result

    @tff.federated_computation(
        tff.FederatedType(shared_type, tff.SERVER),
        tff.FederatedType(server_type, tff.SERVER),
        tff.FederatedType(client_type, tff.CLIENTS),
        tff.FederatedType(training, tff.CLIENTS),
        tff.FederatedType(training, tff.CLIENTS),
        tff.FederatedType(test, tff.CLIENTS),
    )
    def evaluate(shared: Any, server: Any, clients: Any, adaptation: Any, held_out: Any, test_data: Any) -> Any:
        received = tff.federated_broadcast(shared), tff.federated_broadcast(server)
        return tff.federated_map(local, (*received, clients, adaptation, held_out, test_data))

    return evaluate


def tallies(
    method: Method,
    shared: SharedModel,
    trained: TrainedMethod,
    context: MethodContext,
    tokenizer: Tokenizer,
    clients: Sequence[str],
    texts: Callable[[str], Texts],
    on_clients: Callable[[int], None] = lambda number: None,
    shared_tallies: Mapping[str, WordTally] | None = None,
) -> Iterator[Tallies]:
    """Personalizes and tests each client, in order. Clients without test messages are left out.

    Args:
        method: The personalization method.
        shared: The shared model.
        trained: The result of the method's rounds.
        context: The settings of the method.
        tokenizer: The tokenizer of the run.
        clients: The clients, by id.
        texts: Returns a client's messages; called when the client is next.
        on_clients: Called with the number of clients done since the last call.
        shared_tallies: Tallies of the shared model by client, if known. The shared model is then not tested again,
            which halves the testing.
    """
    config = context.config
    evaluate = build(method, shared, trained.server, context, tokenizer, with_shared=shared_tallies is None)
    for part in shared_model.calls(clients):
        chosen, states, adaptation, held_out, tested = [], [], [], [], []
        for client in part:
            messages, test = texts(client)
            if batches := shared_model.evaluation_batches(tokenizer, test, TEST_WINDOWS, config.window):
                learning, testing = adaptation_batches(tokenizer, messages, config)
                chosen.append(client)
                states.append(trained.client(client))
                adaptation.append(learning)
                held_out.append(testing)
                tested.append(batches)
        results = evaluate(shared, trained.server, states, adaptation, held_out, tested) if chosen else ()
        for client, result in zip(chosen, results, strict=True):
            of_shared = _tally(result["shared"]) if shared_tallies is None else shared_tallies[client]
            yield Tallies(client, of_shared, _tally(result["personal"]))
        on_clients(len(part))


def _tally(sums: dict[str, float]) -> WordTally:
    words, hits_at_1, hits_at_3 = (round(float(sums[name])) for name in ("words", "hits_at_1", "hits_at_3"))
    return WordTally(WordCounts(words=words, hits_at_1=hits_at_1, hits_at_3=hits_at_3), float(sums["loss_sum"]))
