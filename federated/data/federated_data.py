"""The users of a corpus as federated clients: the split of users, their messages, cohorts, and shared word counts.

Users are split by a keyed hash of their ids. Training never sees the new phones (Wang et al. 2019, arXiv:1910.10252).
`keyboard_model.batching.split_by_time` splits the messages of one user. The cohort of a round depends only on
(seed, round), so a resumed run draws the same cohorts.
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
    """The users of a corpus by role. Each user has one role; the users of a role are sorted by id.

    Attributes:
        training: Clients of federated training.
        validation: Clients on whom validation measures recall; they contribute no update.
        new_phones: Users that training never sees.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    new_phones: tuple[str, ...]


def split_users(
    user_ids: Iterable[str], *, new_phone_share: float = 0.2, validation_share: float = 0.1, seed: int = 0
) -> Population:
    """Splits users by role. The result depends on the set of ids, the shares and the seed, not on the order of the ids.

    Args:
        user_ids: All users of the corpus.
        new_phone_share: Share of all users that are held out as new phones; the number is rounded.
        validation_share: Share of the other users that are held out for validation; the number is rounded.
        seed: Each seed gives a different split.

    Raises:
        CorpusError: a share is not between 0 and 1.

    >>> split_users(["ann", "bob", "cem", "dan", "eve"], new_phone_share=0.4, validation_share=0.3)
    Population(training=('cem', 'dan'), validation=('eve',), new_phones=('ann', 'bob'))
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
    """Reads the messages of a corpus, one client at a time. Training never calls `test_messages`.

    Attributes:
        corpus: The corpus; it must be open.
        population: Its users by role.
        train_share: Share of each user's messages, the oldest ones, for training; the newest ones are for tests.
        max_messages: Most messages of a user that training reads.
    """

    corpus: Corpus
    population: Population
    train_share: float
    max_messages: int

    @classmethod
    def of(cls, corpus: Corpus, data: DataConfig, seed: int) -> FederatedData:
        """Splits the users of the corpus as the job says.

        Args:
            corpus: An open corpus.
            data: The job's section `[data]`.
            seed: The job's seed.

        Raises:
            CorpusError: the corpus cannot be read.
        """
        population = split_users(
            corpus.user_ids(),
            new_phone_share=data.new_phone_share,
            validation_share=data.validation_share,
            seed=seed,
        )
        return cls(corpus, population, data.train_share, data.max_messages)

    def training_messages(self, client: str) -> list[str]:
        """Returns the texts that a client learns from, oldest first; the newest ones if there are too many."""
        return self._split(client)[0][-self.max_messages :]

    def test_messages(self, client: str) -> list[str]:
        """Returns the texts that a client is tested on, oldest first."""
        return self._split(client)[1]

    def all_training_messages(self) -> Iterator[list[str]]:
        """Yields the training messages of each training client."""
        for client in self.population.training:
            yield self.training_messages(client)

    def training_sizes(self) -> npt.NDArray[np.float64]:
        """Returns `[clients]` the number of messages of each training client, at most `max_messages`.

        No message is read.
        """
        counts = [self.corpus.message_count(client) for client in self.population.training]
        return np.minimum(np.array(counts, np.float64), self.max_messages)

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
    """Draws the cohort of a round without replacement (McMahan et al. 2017, Algorithm 1).

    Args:
        clients: The clients to draw from.
        size: Clients in the cohort; all of them if there are fewer.
        seed: The job's seed.
        round_number: Number of the round.
        weights: `[clients]` positive weights of the draws; None for equal weights. If the training data of a client in
            a round is capped, weights by size prevent that the model memorizes clients with few messages and hardly
            reads clients with many.

    Returns:
        `min(size, len(clients))` clients in the order of the draws.
    """
    rng = np.random.default_rng([seed, round_number])
    probabilities = None if weights is None else weights / weights.sum()
    chosen = rng.choice(len(clients), size=min(size, len(clients)), replace=False, shuffle=True, p=probabilities)
    return [clients[i] for i in chosen]


def shared_word_counts(clients: Iterable[Iterable[str]], *, min_clients: int, count_cap: int) -> dict[str, int]:
    """Counts words over clients, one client at a time.

    Every phone gets the vocabulary, so it must not contain a word that only one client types: that would reveal the
    client.

    Args:
        clients: The training messages of each client.
        min_clients: Only words of at least this many clients are returned.
        count_cap: A client contributes at most this much to the count of a word.

    >>> shared_word_counts([["see you", "see me"], ["you see"], ["you"]], min_clients=2, count_cap=100)
    {'see': 3, 'you': 3}
    """
    counts: Counter[str] = Counter()
    clients_of: Counter[str] = Counter()
    for messages in clients:
        own = Counter(word for message in messages for word in words(message))
        counts.update({word: min(count, count_cap) for word, count in own.items()})
        clients_of.update(own.keys())
    return {word: count for word, count in counts.items() if clients_of[word] >= min_clients}
