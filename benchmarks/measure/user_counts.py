"""The words of each user's test messages that a shared model suggests, in TFF."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from federated.data.federated_data import FederatedData
from federated.evaluation import shared_model
from federated.runtime.tff_types import model_weights
from keyboard_model.metrics import WordCounts
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import Tokenizer

_BATCH, _WINDOW = 16, 20

Counts = Callable[[Parameters], dict[str, WordCounts]]
"""Returns the counts by user, of users with a word in their test messages. Characters are not counted in TFF."""


def counts_of(
    users: Iterable[str],
    data: FederatedData,
    initial: Parameters,
    tokenizer: Tokenizer,
    *,
    messages: int | None = None,
) -> Counts:
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

    def counts(parameters: Parameters) -> dict[str, WordCounts]:
        result = {}
        for part in shared_model.calls(encoded):
            tallies = evaluate(model_weights(parameters), [batches for _, batches in part])
            for (user, _), tally in zip(part, tallies, strict=True):
                if tally["words"]:
                    result[user] = WordCounts(*(int(tally[name]) for name in ("words", "hits_at_1", "hits_at_3")))
        return result

    return counts
