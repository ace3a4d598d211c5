"""What all methods of a comparison share: the users, the trained shared model, and where things lie.

What a comparison measures by name: methods, and methods with one thing changed.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from device_runtime.simulation.held_out import SimulatedUser
from federated.data.federated_data import FederatedData
from federated.job import Job, PersonalizationConfig
from federated.personalization.method import Method, SharedModel
from federated.personalization.program import PersonalizationProgram, PersonalizationRound, TrainedMethod, rounds_folder
from federated.run import Run
from keyboard_model.batching.time_splits import split_by_time
from keyboard_model.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class ComparisonSetup:
    """One job on one corpus, its shared model trained.

    Attributes:
        run: The finished training of the job.
        folder: Where the comparison keeps what it has.
        min_messages: Users with fewer messages enter no figure.
    """

    job: Job
    clients: FederatedData
    run: Run
    tokenizer: Tokenizer
    base: SharedModel
    folder: Path
    min_messages: int

    @functools.cached_property
    def model_digest(self) -> bytes:
        """SHA-256 of the trained shared model's file."""
        return hashlib.sha256((self.run.path / "best.safetensors").read_bytes()).digest()

    @classmethod
    def of(cls, run: Run, clients: FederatedData, folder: Path, min_messages: int) -> ComparisonSetup:
        """Reads a finished run."""
        job = run.job()
        return cls(job, clients, run, run.tokenizer(), SharedModel.of(job, run.parameters()), folder, min_messages)

    def seen(self) -> list[str]:
        """The users that training has seen and who wrote enough."""
        return self._enough(self.clients.population.training)

    def new_phones(self) -> list[str]:
        """The users that no training has seen and who wrote enough; who wrote most comes first.

        Phones run side by side: a long trial that began last would leave all but one worker idle.
        """
        return sorted(self._enough(self.clients.population.new_phones), key=self.clients.corpus.message_count)[::-1]

    def validation(self) -> list[tuple[str, list[str], list[str]]]:
        """The users to tune on: (user, messages to learn from, messages to test on), test parts left alone.

        Both come from the part that training may read, split by time once more.
        """
        found = []
        for user in self._enough(self.clients.population.validation):
            learnt, tested = split_by_time(self.clients.training_messages(user), self.clients.train_share)
            if learnt and tested:
                found.append((user, learnt, tested))
        return found

    def simulated(self, users: Sequence[str]) -> Iterator[SimulatedUser]:
        """The users with all their messages, for the phone's trials."""
        for user in users:
            messages = self.clients.corpus.messages(user)
            yield SimulatedUser(user, [(message.timestamp, message.text) for message in messages])

    def simulated_validation(self) -> Iterator[SimulatedUser]:
        """The users to tune on, with the messages that training may read."""
        for user, learnt, tested in self.validation():
            yield SimulatedUser(user, [(None, text) for text in (*learnt, *tested)])

    def _enough(self, users: Sequence[str]) -> list[str]:
        return [user for user in users if self.clients.corpus.message_count(user) >= self.min_messages]

    def learn(
        self,
        method: Method,
        config: PersonalizationConfig,
        report: Callable[[PersonalizationRound], None] = lambda done: None,
    ) -> TrainedMethod:
        """Runs a method's federated rounds, or reads them where they are done."""
        context = method.context(config, self.tokenizer.bos)
        return PersonalizationProgram(
            method,
            self.base,
            context,
            self.clients,
            self.tokenizer,
            seed=self.job.seed,
            folder=rounds_folder(self.folder, method, context.config),
            on_round=report,
        ).run()


VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "ditto+q1": ("ditto", {"fairness_q": 1.0}),
    "ditto+8bit": ("ditto", {"compressed": True}),
}
"""Fairness-aware training (q-FedAvg) and compressed updates, shown on one method; options of any."""


def variant(name: str) -> tuple[str, dict[str, object]]:
    """The method behind a name, and what a variant changes."""
    return VARIANTS.get(name, (name, {}))
