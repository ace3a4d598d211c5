"""The Kneser-Ney trigram on the same users, split and words as the shared model."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.nus_sms.kneser_ney import KneserNeyTrigram, recall
from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.job import Job


def trigram_figures(corpus: Corpus, job: Job, min_messages: int = 20) -> dict[str, Any]:
    """Recall of the trigram by population: pooled over words, and the mean over users of enough messages."""
    clients = FederatedData.of(corpus, job.data, job.seed)
    model = KneserNeyTrigram(message for messages in clients.all_training_messages() for message in messages)
    parts = {"training": clients.population.training, "new_phones": clients.population.new_phones}
    return {name: _figures(model, clients, users, min_messages) for name, users in parts.items()}


def _figures(
    model: KneserNeyTrigram, clients: FederatedData, users: tuple[str, ...], min_messages: int
) -> dict[str, Any]:
    counted = [user for user in users if clients.corpus.message_count(user) >= min_messages]
    tallies = np.array([recall(model, clients.test_messages(user)) for user in counted], float)
    tallies = tallies[tallies[:, 0] > 0]
    shares = tallies[:, 1:] / tallies[:, :1]
    pooled = tallies[:, 1:].sum(0) / tallies[:, 0].sum()
    return {
        "users": len(tallies),
        "words": int(tallies[:, 0].sum()),
        "recall_at_1": {"pooled": pooled[0], "mean": shares[:, 0].mean()},
        "recall_at_3": {"pooled": pooled[1], "mean": shares[:, 1].mean()},
    }
