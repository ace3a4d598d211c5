"""What all methods of a comparison share: the users, the trained shared model, and the folder for results.

Also the variants: methods that are measured a second time with one option changed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from device_runtime.simulation.held_out import SimulatedUser
from federated.data.federated_data import FederatedData
from federated.job import Job, PersonalizationConfig
from federated.personalization.method import Method, SharedModel
from federated.personalization.program import PersonalizationProgram, PersonalizationRound, TrainedMethod, rounds_folder
from federated.run import Run
from keyboard_model.batching import split_by_time
from keyboard_model.text.tokenizer import Tokenizer

VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "ditto+q1": ("ditto", {"fairness_q": 1.0}),
    "ditto+8bit": ("ditto", {"compressed": True}),
}
"""Fairness-aware training (q-FedAvg) and compressed updates. All methods have these options; one method shows them."""


def variant(name: str) -> tuple[str, dict[str, object]]:
    """Returns the method that a name stands for, and the options that a variant changes."""
    return VARIANTS.get(name, (name, {}))


@dataclass(frozen=True)
class ComparisonSetup:
    """One job on one corpus with its trained shared model.

    Attributes:
        run: The finished training of the job.
        folder: Where the comparison stores its results.
        min_messages: Users with fewer messages count in no figure.
    """

    job: Job
    clients: FederatedData
    run: Run
    tokenizer: Tokenizer
    shared: SharedModel
    folder: Path
    min_messages: int

    @classmethod
    def of_run(cls, run: Run, clients: FederatedData, folder: Path, min_messages: int) -> ComparisonSetup:
        """Reads the job, the tokenizer and the shared model of a finished run."""
        job = run.job()
        return cls(job, clients, run, run.tokenizer(), SharedModel.of(job, run.parameters()), folder, min_messages)

    @functools.cached_property
    def model_digest(self) -> bytes:
        """SHA-256 of the file of the trained shared model."""
        return bytes.fromhex(self.run.model_digest())

    def seen_users(self, folds: int = 1) -> list[str]:
        """Returns the training users with at least `min_messages` messages.

        Args:
            folds: If there are several, only the users that are new phones in the fold before are returned, so that no
                user is measured in two folds.
        """
        training = list(self.clients.population.training.with_messages(self.min_messages))
        if folds == 1:
            return training
        data = self.job.data
        before = data.model_copy(update={"fold": (data.fold - 1) % data.folds})
        new_there = set(FederatedData.of(self.clients.corpus, before, self.job.seed).population.new_phones)
        return [user for user in training if user in new_there]

    def new_phones(self) -> list[str]:
        """Returns the new phones with at least `min_messages` messages, those with most messages first.

        Phones are simulated in parallel: a long trial that began last would leave all other workers idle.
        """
        users = self.clients.population.new_phones.with_messages(self.min_messages)
        ids = list(users)
        return [ids[i] for i in np.argsort(users.message_counts, kind="stable")[::-1]]

    def validation_users(self) -> list[tuple[str, list[str], list[str]]]:
        """Returns the users for tuning: (user, messages to learn from, messages to test on).

        Both lists come from the messages that training can read, split by time again. The test messages are not used.
        """
        users = []
        for user in self.clients.population.validation.with_messages(self.min_messages):
            older, newer = split_by_time(self.clients.training_messages(user), self.clients.train_share)
            if older and newer:
                users.append((user, older, newer))
        return users

    def simulated_users(self, users: Sequence[str]) -> Iterator[SimulatedUser]:
        """Yields these users with all their messages, for trials on simulated phones."""
        for user in users:
            messages = self.clients.corpus.messages(user)
            yield SimulatedUser(user, [(message.timestamp, message.text) for message in messages])

    def simulated_validation_users(self) -> Iterator[SimulatedUser]:
        """Yields the users for tuning with the messages that training can read."""
        for user, older, newer in self.validation_users():
            yield SimulatedUser(user, [(None, text) for text in (*older, *newer)])

    def train_method(
        self,
        method: Method,
        config: PersonalizationConfig,
        on_round: Callable[[PersonalizationRound], None] = lambda done: None,
    ) -> TrainedMethod:
        """Runs the federated rounds of a method. Rounds that are already stored are read instead."""
        context = method.context(config, self.tokenizer.bos, dropout=self.job.training.dropout)
        return PersonalizationProgram(
            method,
            self.shared,
            context,
            self.clients,
            self.tokenizer,
            seed=self.job.seed,
            folder=rounds_folder(self.folder, method, context.config),
            on_round=on_round,
        ).run()
