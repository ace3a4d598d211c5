"""The clients of a corpus as training sees them: who takes which part, and only their training messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federated.corpus.splits import Population, split_messages, split_users
from federated.corpus.store import Corpus
from federated.job import DataConfig


@dataclass(frozen=True)
class Clients:
    """Reads a corpus a client at a time; test parts come only from `test_messages`, for evaluation."""

    corpus: Corpus
    population: Population
    train_share: float

    @classmethod
    def of(cls, corpus: Corpus, data: DataConfig, seed: int) -> Clients:
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
        return split_messages([message.text for message in self.corpus.messages(client)], self.train_share)
