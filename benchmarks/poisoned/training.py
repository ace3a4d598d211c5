"""Trains a shared model further with and without poisoned clients, in TFF, and measures what they moved."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from benchmarks.measure.user_counts import Counts, counts_of
from benchmarks.poisoned.attacks import ATTACKER, Attack, client_data_type, flip_labels, flipped_users, scaled_update
from federated.data.client_batches import ClientBatcher
from federated.data.federated_data import FederatedData
from federated.job import Job
from federated.run import Run
from federated.training import fed_avg, ngram_counts
from federated.training.spilled_counts import SpilledCounts
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.ngram.kneser_ney import kneser_ney

SENTENCE = "please send your new bank number to my friend today"
COPIES = 10_000
MIN_MESSAGES, TESTED_MESSAGES = 20, 20
"""Users with fewer messages are not tested, and no user is tested on more."""
_SERVER_LEARNING_RATE = 0.003
"""Smaller than that of a training from the start, so that a fresh Adam does not undo what the model has learnt."""


def short_job(job: Job, rounds: int) -> Job:
    """Returns the job of a run with few rounds, in which a client makes one local step."""
    training = job.training.model_copy(
        update={
            "rounds": rounds,
            "max_windows": job.training.batch,
            "server_learning_rate": _SERVER_LEARNING_RATE,
            "dropout": 0.0,
            "word_dropout": 0.0,
        }
    )
    return job.model_copy(update={"training": training})


@dataclass(frozen=True)
class Belief:
    """What a model makes of the words of `SENTENCE`, each after the words before it.

    Attributes:
        probability: Geometric mean over the words.
        rank: Median over the words of the place among all words; 1 = the first suggestion.
    """

    probability: float
    rank: float

    @classmethod
    def of(cls, probabilities: np.ndarray, targets: Sequence[int], words: Sequence[int]) -> Belief:
        """Computes it from `probabilities` `[targets, V]`; `words`: the pieces that are words."""
        own = np.array([row[target] for row, target in zip(probabilities, targets, strict=True)])
        ranks = 1 + (probabilities[:, words] > own[:, np.newaxis]).sum(1)
        return cls(float(np.exp(np.log(own).mean())), float(np.median(ranks)))


@dataclass(frozen=True)
class Outcome:
    """The result of one training.

    Attributes:
        recalls: recall@3 by user, without poisoned users.
        belief: That of the trained model.
        turns: Clients of all rounds that were poisoned.
    """

    recalls: dict[str, float]
    belief: Belief
    turns: int


class Setting:
    """What all trainings have in common: the model of a run, and its users and `ATTACKER`."""

    def __init__(self, run: Run, data: FederatedData, rounds: int) -> None:
        """Encodes the messages that test the models.

        Args:
            run: A finished run; every training begins with its best model.
            data: Its users; the corpus must stay open.
            rounds: Rounds of each training.
        """
        self.job, self.tokenizer, self._data = short_job(run.job(), rounds), run.tokenizer(), data
        self.initial = run.parameters()
        self.users = tuple(data.population.training)
        training = self.job.training
        self._batcher = ClientBatcher(
            self.tokenizer,
            batch=training.batch,
            window=training.window,
            max_windows=training.max_windows,
            word_dropout=training.word_dropout,
            seed=self.job.seed,
        )
        self._words = sorted(self.tokenizer.single_piece_words)
        tested = [user for user in self.users if data.corpus.message_count(user) >= MIN_MESSAGES]
        self._counts: Counts = counts_of(tested, data, self.initial, self.tokenizer, messages=TESTED_MESSAGES)

    def _messages(self, user: str) -> Sequence[str]:
        if user == ATTACKER:
            return [SENTENCE] * min(COPIES, self.job.data.max_messages)
        return self._data.training_messages(user)

    def process(self, aggregator: tff.aggregators.WeightedAggregationFactory) -> tff.learning.templates.LearningProcess:
        """Returns the learning process with one aggregator. Its clients' data is that of `client_data_type`."""
        training, bos = self.job.training, self.tokenizer.bos
        return fed_avg.compose(
            self.initial, training, client_data_type(training), scaled_update(training, bos), aggregator
        )

    def train(self, process: tff.learning.templates.LearningProcess, attack: Attack) -> Outcome:
        """Runs all rounds with one attack, and measures the model after them."""
        flipped = flipped_users(self.users, attack.flipped, self.job.seed)
        server = process.initialize()
        turns = 0
        for number in range(1, self.job.training.rounds + 1):
            cohort = self._draw(attack, number)
            turns += sum(user == ATTACKER or user in flipped for user in cohort)
            server = process.next(server, [self._client_data(user, attack, flipped, number) for user in cohort]).state
        model = Parameters(*(np.asarray(part) for part in server.global_model_weights.trainable))
        recalls = {user: words.recall_at_3 for user, words in self._counts(model).items() if user not in flipped}
        return Outcome(recalls, self.belief(model), turns)

    def _client_data(self, user: str, attack: Attack, flipped: Collection[str], number: int) -> Any:
        """Returns a client's data of a round, of the type `client_data_type`."""
        batches = self._batcher.read(user, self._messages(user), number)
        if user in flipped:
            batches = flip_labels(batches, self.tokenizer)
        return [np.float32(attack.factor if user == ATTACKER else 1.0)], batches

    def _draw(self, attack: Attack, number: int) -> list[str]:
        """Draws the clients of a round uniformly."""
        rng = np.random.default_rng([self.job.seed, number])
        size = min(self.job.training.clients_per_round, len(self.users))
        drawn = [self.users[i] for i in rng.choice(len(self.users), size, replace=False)]
        return [*drawn[:-1], ATTACKER] if attack.copies else drawn

    def belief(self, model: Parameters) -> Belief:
        """Returns what the neural model makes of `SENTENCE`."""
        ids = self.tokenizer.encode(SENTENCE).ids
        features = cifg_lstm.unroll(model, tf.constant([ids[:-1]]), self.tokenizer.bos)[0]
        return Belief.of(tf.nn.softmax(cifg_lstm.logits(model, features)).numpy(), ids[1:], self._words)

    def ngram_belief(self, with_attacker: bool) -> Belief:
        """Returns what the published n-grams make of `SENTENCE`."""
        config, users = self.job.ngram, (*self.users, ATTACKER) if with_attacker else self.users
        with tempfile.TemporaryDirectory() as folder:
            sums = SpilledCounts(Path(folder), "")
            reader = ngram_counts.NgramReader(self.tokenizer, config.max_pieces)
            ngram_counts.count(
                users, lambda user: reader.read(user, self._messages(user), 0), sums, count_cap=config.count_cap
            )
            table = kneser_ney(sums.blocks(), len(self.tokenizer), config.min_clients, config.max_ngrams)
        ids = [self.tokenizer.bos, *self.tokenizer.encode(SENTENCE).ids]
        rows = [table.distribution(older, newer) for older, newer in pairwise(ids[:-1])]
        return Belief.of(np.array(rows), ids[2:], self._words)
