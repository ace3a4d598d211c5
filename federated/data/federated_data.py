"""The clients of a corpus as training sees them: who takes which part, and only their training messages.

Which clients take part in a round: a function of (seed, round) alone, so a resumed run draws the same.

The words a shared vocabulary is made of: those that several clients type, none by one client's weight.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federated.corpus.schema import CorpusError
from federated.corpus.store import Corpus
from federated.job import DataConfig
from keyboard_model.batching.time_splits import split_by_time
from keyboard_model.text.units import words


@dataclass(frozen=True)
class Population:
    """The users of a corpus by role; each role is sorted by id, and no user has two.

    Attributes:
        training: Clients of federated training.
        validation: Clients whose loss decides early stopping; they contribute no update.
        new_phones: Users that training never sees.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    new_phones: tuple[str, ...]


def split_users(
    user_ids: Iterable[str], *, new_phone_share: float = 0.2, validation_share: float = 0.1, seed: int = 0
) -> Population:
    """Splits users; the result depends on the set of ids and the seed, not on their order.

    Args:
        user_ids: Every user of the corpus.
        new_phone_share: Share of all users (rounded to a whole number) held out as new phones.
        validation_share: Share of the others (rounded) held out for validation.
        seed: Another seed gives another split.

    Raises:
        CorpusError: a share is not between 0 and 1.
    """
    _check_share("new_phone_share", new_phone_share)
    _check_share("validation_share", validation_share)
    ranked = sorted(set(user_ids), key=lambda user_id: _rank(seed, user_id))
    new = _rounded(len(ranked) * new_phone_share)
    validation = _rounded((len(ranked) - new) * validation_share)
    return Population(
        training=tuple(sorted(ranked[new + validation :])),
        validation=tuple(sorted(ranked[new : new + validation])),
        new_phones=tuple(sorted(ranked[:new])),
    )


def _rank(seed: int, user_id: str) -> bytes:
    return hashlib.blake2b(user_id.encode(), key=str(seed).encode(), digest_size=16).digest()


def _rounded(exact: float) -> int:
    return math.floor(exact + 0.5)


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise CorpusError(f"{name} is {share}: it must be a share from 0 to 1")


@dataclass(frozen=True)
class FederatedData:
    """Reads a corpus a client at a time; test parts come only from `test_messages`, for evaluation."""

    corpus: Corpus
    population: Population
    train_share: float

    @classmethod
    def of(cls, corpus: Corpus, data: DataConfig, seed: int) -> FederatedData:
        """Splits the corpus's users as the job says."""
        population = split_users(
            corpus.user_ids(),
            new_phone_share=data.new_phone_share,
            validation_share=data.validation_share,
            seed=seed,
        )
        return cls(corpus, population, data.train_share)

    def training_messages(self, client: str) -> list[str]:
        """Returns the texts a client learns from, in time order."""
        return self._split(client)[0]

    def test_messages(self, client: str) -> list[str]:
        """Returns the texts a client is tested on, in time order."""
        return self._split(client)[1]

    def all_training_messages(self) -> Iterator[list[str]]:
        """Yields each training client's messages, a client at a time."""
        for client in self.population.training:
            yield self.training_messages(client)

    def training_sizes(self) -> npt.NDArray[np.float64]:
        """Returns how many messages each training client has, from the corpus's index alone. `[clients]`"""
        return np.array([self.corpus.message_count(client) for client in self.population.training], np.float64)

    def _split(self, client: str) -> tuple[list[str], list[str]]:
        return split_by_time([message.text for message in self.corpus.messages(client)], self.train_share)


def sample_cohort(
    clients: Sequence[str],
    size: int,
    *,
    seed: int,
    round_number: int,
    weights: npt.NDArray[np.float64] | None = None,
) -> list[str]:
    """Draws a round's cohort without replacement (McMahan et al. 2017, Algorithm 1).

    Args:
        clients: all that may take part.
        size: clients a round; all of them when there are fewer.
        weights: `[clients]`, positive: how often each is drawn, one draw after the other; equally when None. Where
            a client trains on at most so much a round, drawing by size keeps those who typed little from being
            learnt by heart while those who typed much are hardly read.

    Returns:
        `min(size, len(clients))` clients in the order drawn.
    """
    rng = np.random.default_rng([seed, round_number])
    share = None if weights is None else weights / weights.sum()
    chosen = rng.choice(len(clients), size=min(size, len(clients)), replace=False, shuffle=True, p=share)
    return [clients[i] for i in chosen]


def shared_word_counts(clients: Iterable[Iterable[str]], *, min_clients: int, count_cap: int) -> dict[str, int]:
    """Counts words over clients, one client at a time.

    A vocabulary ships to every phone: a word that only one person types would publish that person.

    Args:
        clients: each client's training messages.
        min_clients: a word is kept when at least so many clients typed it.
        count_cap: a client's count of a word is taken to be at most this.
    """
    counts: Counter[str] = Counter()
    clients_of: Counter[str] = Counter()
    for messages in clients:
        own = Counter(word for message in messages for word in words(message))
        counts.update({word: min(count, count_cap) for word, count in own.items()})
        clients_of.update(own.keys())
    return {word: count for word, count in counts.items() if clients_of[word] >= min_clients}
