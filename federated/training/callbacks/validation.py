"""Measures recall on validation clients every few rounds, saves the best shared model, and ends a training early.

The clients are a sample of fixed size, drawn once, with a bounded amount of text each. A validation therefore takes the
same time and memory in any population.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow_federated as tff

from federated.data.corpus_share import ClientReference, ClientSource
from federated.data.federated_data import FederatedData
from federated.evaluation import shared_model
from federated.evaluation.shared_model import EvaluationBatch
from federated.run import Run
from federated.runtime.tff_types import model_weights
from federated.training.callbacks.callback import Callback, RunState
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import Tokenizer

VALIDATION_WORDS = 200.0
"""Weight limit of a validation client, in words, so that one client who types much cannot decide when to stop."""


_MOST_PIECES = 10_000
"""Pieces of a client that validation reads, of its newest training messages."""


@dataclass(frozen=True)
class ValidationReader:
    """Turns the newest training messages of a client into batches for validation, at most about 10,000 pieces.

    Attributes:
        tokenizer: The tokenizer of the run.
        batch: Windows in a batch.
        window: Pieces in a window.
    """

    tokenizer: Tokenizer
    batch: int
    window: int

    @property
    def kind(self) -> tff.Type:
        """See `ClientReader`."""
        return shared_model.evaluation_type(self.batch, self.window)

    def read(self, client: str, messages: Sequence[str], turn: int) -> list[EvaluationBatch]:
        """See `ClientReader`."""
        newest, pieces = [], 0
        for message in reversed(messages):
            newest.append(message)
            pieces += len(self.tokenizer.encode(message).ids)
            if pieces >= _MOST_PIECES:
                break
        return shared_model.evaluation_batches(self.tokenizer, newest[::-1], self.batch, self.window)

    def nothing(self) -> list[EvaluationBatch]:
        """See `ClientReader`."""
        return []


ValidationData = list[EvaluationBatch] | ClientReference


def validation_data(
    tokenizer: Tokenizer, clients: FederatedData, users: int, batch: int, window: int, seed: int
) -> list[ValidationData]:
    """Returns the data of the validation clients. Those that have no text are left out if their text is read here.

    Args:
        tokenizer: The tokenizer of the run.
        clients: The corpus.
        users: Clients in the sample; all of them if there are fewer.
        batch: Windows in a batch.
        window: Pieces in a window.
        seed: The job's seed, which decides the sample.
    """
    source = ClientSource(ValidationReader(tokenizer, batch, window), clients)
    found = map(source, clients.population.validation.sample(users, seed))
    return [data for data in found if isinstance(data, ClientReference) or data]


class Validation(Callback):
    """Measures `run.weights`, records the best recall in `run.progress`, and writes that model to the run folder."""

    def __init__(
        self,
        folder: Run,
        evaluate: Callable[..., Any],
        clients: Sequence[ValidationData],
        *,
        every: int,
        rounds: int,
        selects: bool = True,
    ) -> None:
        """Validates every `every` rounds and after round `rounds`; never if there are no clients.

        Args:
            folder: Where the best and the last model are written.
            evaluate: A computation of `federated.evaluation.shared_model.build`.
            clients: The data of each validation client.
            every: Rounds between validations.
            rounds: Number of the last round.
            selects: Whether the model with the best recall is the training's result; otherwise it is the last one,
                which depends on no validation client.
        """
        self._folder, self._evaluate, self._clients = folder, evaluate, clients
        self._every, self._rounds, self._selects = every, rounds, selects

    def after_round(self, run: RunState) -> None:
        number = run.progress.round
        if not self._clients or (number % self._every and number != self._rounds):
            return
        loss, recall = self._measure(run.parameters)
        if not self._selects:
            run.progress = run.progress._replace(best_recall=recall, best_round=number)
        elif recall > run.progress.best_recall:
            run.progress = run.progress._replace(best_recall=recall, best_round=number, stale=0)
            self._folder.write_parameters("best", run.parameters, round=str(number))
        else:
            run.progress = run.progress._replace(stale=run.progress.stale + 1)
        run.progress = run.progress._replace(seconds=run.elapsed())
        if run.report is not None:
            run.report = replace(run.report, recall_at_3=recall, validation_loss=loss, seconds=run.progress.seconds)

    def on_end(self, run: RunState) -> None:
        """Writes the last model, also as the best one if no validation selected another."""
        number = str(run.progress.round)
        self._folder.write_parameters("last", run.parameters, round=number)
        if run.progress.best_round == 0 or not self._selects:
            self._folder.write_parameters("best", run.parameters, round=number)

    def _measure(self, parameters: Parameters) -> tuple[float, float]:
        """Returns (loss in nats per word, recall@3). A client's weight is its number of words, up to the limit."""
        model = model_weights(parameters)
        tallies = [tally for part in shared_model.calls(self._clients) for tally in self._evaluate(model, part)]
        words = np.array([float(tally["words"]) for tally in tallies])
        weights = np.minimum(words, VALIDATION_WORDS) / np.maximum(words, 1.0)

        def mean(name: str) -> float:
            values = np.array([float(tally[name]) for tally in tallies])
            return float((weights * values).sum() / max((weights * words).sum(), 1.0))

        return mean("loss_sum"), mean("hits_at_3")


class EarlyStopping(Callback):
    """Stops after `patience` validations in a row without a gain in recall (Prechelt 1998)."""

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def stop(self, run: RunState) -> str | None:
        return "patience" if run.progress.stale >= self._patience else None


class TimeLimit(Callback):
    """Stops before the first round that would start after `minutes` of training; never if `minutes` is None."""

    def __init__(self, minutes: float | None) -> None:
        self._minutes = minutes

    def stop(self, run: RunState) -> str | None:
        used_up = self._minutes is not None and run.progress.seconds >= 60 * self._minutes
        return "minutes" if used_up else None
