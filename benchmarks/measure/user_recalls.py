"""The recall@3 of a shared model on each user's test messages, in TFF."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from federated.data.federated_data import FederatedData
from federated.evaluation import shared_model
from federated.runtime.tff_types import model_weights
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import Tokenizer

_BATCH, _WINDOW = 16, 20

Recalls = Callable[[Parameters], dict[str, float]]
"""Returns the recall@3 by user, of users with a word in their test messages."""


def recalls_of(
    users: Iterable[str],
    data: FederatedData,
    initial: Parameters,
    tokenizer: Tokenizer,
    *,
    messages: int | None = None,
) -> Recalls:
    """Encodes the test messages of the users once; the result measures any model of the sizes of `initial` on them.

    Args:
        users: The users, by id.
        data: Their messages.
        initial: A model that gives the sizes.
        tokenizer: The vocabulary.
        messages: Most messages of a user, the oldest; None for all.
    """
    texts = (
        (user, shared_model.evaluation_batches(tokenizer, data.test_messages(user)[:messages], _BATCH, _WINDOW))
        for user in users
    )
    encoded = [(user, batches) for user, batches in texts if batches]
    evaluate = shared_model.build(initial, tokenizer, _BATCH, _WINDOW)

    def recalls(parameters: Parameters) -> dict[str, float]:
        result = {}
        for part in shared_model.calls(encoded):
            tallies = evaluate(model_weights(parameters), [batches for _, batches in part])
            for (user, _), tally in zip(part, tallies, strict=True):
                if tally["words"]:
                    result[user] = float(tally["hits_at_3"]) / float(tally["words"])
        return result

    return recalls
