"""A method on clients' own text, as a TFF computation: the shared and the personal model side by side."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_federated as tff

from federated.evaluation import shared_model
from federated.job import PersonalizationConfig
from federated.personalization.method import ClientText, Method, MethodContext, SharedModel, Structure
from federated.personalization.program import TrainedMethod
from federated.runtime.tff_types import batch_type, type_of
from keyboard_model.batching.adaptation_window import AdaptationWindow
from keyboard_model.batching.windows import Batch, batches
from keyboard_model.metrics import WordCounts
from keyboard_model.model import adapter as adapters
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import Tokenizer


def adaptation_batches(
    tokenizer: Tokenizer, messages: Sequence[str], config: PersonalizationConfig
) -> tuple[list[Batch], list[Batch]]:
    """Returns what an adaptation learns from, and the tail that only judges it, as batches in order."""
    packed = AdaptationWindow.of(messages, config.newest_words, config.holdout_share).pack(tokenizer, config.window)
    learnt, held_out = (batches(windows.tokens, windows.targets, config.batch, tokenizer.bos) for windows in packed)
    return learnt, held_out


def build(
    method: Method,
    base: SharedModel,
    server: Structure,
    plan: MethodContext,
    tokenizer: Tokenizer,
    with_shared: bool = True,
) -> Callable[..., Any]:
    """Returns a TFF computation that personalizes on one part of each client's text and tests on another.

    `(base@SERVER, server@SERVER, states@CLIENTS, learnt@CLIENTS, held out@CLIENTS, test@CLIENTS)
    -> {adapter, personal, shared}@CLIENTS`, the last two as tallies. `base` and `server` give the types.

    Args:
        with_shared: False leaves out `shared`, half of the testing, where that is known.
    """
    config = plan.config
    base_type, server_type = type_of(base), type_of(server)
    client_type = type_of(method.client(server, plan))
    penalty = shared_model.whole_word_penalty(tokenizer)
    training = batch_type(config.batch, config.window)
    test = shared_model.evaluation_type(config.batch, config.window)

    def tallied(parameters: Parameters, adapter: AdapterTensors, data: tf.data.Dataset) -> collections.OrderedDict:
        def score(features: tf.Tensor) -> tf.Tensor:
            return adapters.logits(parameters, adapter, features)

        found = shared_model.tally_batches(
            score, parameters, data.map(shared_model.EvaluationBatch), tf.constant(penalty), plan.bos
        )
        return collections.OrderedDict(found._asdict())

    @tff.tensorflow.computation(base_type, server_type, client_type, training, training, test)
    def local(
        base: Any,
        server: Any,
        client: Any,
        learnt: tf.data.Dataset,
        held_out: tf.data.Dataset,
        test_data: tf.data.Dataset,
    ) -> collections.OrderedDict:
        shared = SharedModel.from_tff(base)
        personal = method.personalize(shared, server, client, ClientText(learnt.map(Batch), held_out.map(Batch)), plan)
        found = collections.OrderedDict(
            adapter=collections.OrderedDict(personal.adapter._asdict()), personal=tallied(*personal, test_data)
        )
        if with_shared:
            found["shared"] = tallied(*shared, test_data)
        return found

    @tff.federated_computation(
        tff.FederatedType(base_type, tff.SERVER),
        tff.FederatedType(server_type, tff.SERVER),
        tff.FederatedType(client_type, tff.CLIENTS),
        tff.FederatedType(training, tff.CLIENTS),
        tff.FederatedType(training, tff.CLIENTS),
        tff.FederatedType(test, tff.CLIENTS),
    )
    def evaluate(base: Any, server: Any, clients: Any, learnt: Any, held_out: Any, test_data: Any) -> Any:
        received = tff.federated_broadcast(base), tff.federated_broadcast(server)
        return tff.federated_map(local, (*received, clients, learnt, held_out, test_data))

    return evaluate


_TOGETHER = 25  # clients a TFF call: what is held in memory, whatever the population

Texts = tuple[Sequence[str], Sequence[str]]
"""Messages to learn from, and messages to test on."""


class Tally(NamedTuple):
    """One model on one client's words; `loss_sum` in nats. No characters are counted in TFF."""

    counts: WordCounts
    loss_sum: float


class Tallies(NamedTuple):
    """One client's words under both models."""

    client: str
    shared: Tally
    personal: Tally


def tallies(
    method: Method,
    base: SharedModel,
    learnt: TrainedMethod,
    plan: MethodContext,
    tokenizer: Tokenizer,
    clients: Sequence[str],
    texts: Callable[[str], Texts],
    on_clients: Callable[[int], None] = lambda number: None,
    of_shared: Mapping[str, Tally] | None = None,
) -> Iterator[Tallies]:
    """Personalizes and tests each client, in order; those without anything to test are left out.

    Args:
        texts: a client's messages, read as its turn comes.
        on_clients: called with how many clients more are done.
        of_shared: the shared model's tally of each client; it is not tested again, which halves the testing.
    """
    config = plan.config
    evaluate = build(method, base, learnt.server, plan, tokenizer, with_shared=of_shared is None)
    for at in range(0, len(clients), _TOGETHER):
        part = clients[at : at + _TOGETHER]
        chosen, states, known, held_out, tested = [], [], [], [], []
        for client in part:
            messages, test = texts(client)
            if batches := shared_model.evaluation_batches(tokenizer, test, config.batch, config.window):
                read, tail = adaptation_batches(tokenizer, messages, config)
                chosen.append(client)
                states.append(learnt.client(client))
                known.append(read)
                held_out.append(tail)
                tested.append(batches)
        found = evaluate(base, learnt.server, states, known, held_out, tested) if chosen else ()
        for client, tally in zip(chosen, found, strict=True):
            shared = _tally(tally["shared"]) if of_shared is None else of_shared[client]
            yield Tallies(client, shared, _tally(tally["personal"]))
        on_clients(len(part))


def _tally(found: dict[str, float]) -> Tally:
    words, first, shown = (round(float(found[name])) for name in ("words", "hits_at_1", "hits_at_3"))
    return Tally(WordCounts(words=words, hits_at_1=first, hits_at_3=shown), float(found["loss_sum"]))
