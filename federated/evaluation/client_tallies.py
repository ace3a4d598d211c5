"""Clients personalized and tested in TFF, some at a time: each client's tally of the shared and of its own model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from federated.evaluation import personal_model, shared_model
from federated.personalization.method import Method, MethodContext, SharedModel
from federated.personalization.program import TrainedMethod
from keyboard_model.metrics import WordCounts
from keyboard_model.text.tokenizer import Tokenizer

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
    evaluate = personal_model.build(method, base, learnt.server, plan, tokenizer, with_shared=of_shared is None)
    for at in range(0, len(clients), _TOGETHER):
        part = clients[at : at + _TOGETHER]
        chosen, states, known, held_out, tested = [], [], [], [], []
        for client in part:
            messages, test = texts(client)
            if batches := shared_model.evaluation_batches(tokenizer, test, config.batch, config.window):
                read, tail = personal_model.adaptation_batches(tokenizer, messages, config)
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
