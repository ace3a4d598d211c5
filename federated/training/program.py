"""The training program: it runs the rounds of a TFF learning process, and calls callbacks before and after each round.

A round depends only on its number, the seed and the saved state. A run that is killed at any moment and resumed
therefore ends at the weights of an uninterrupted run, within the rounding error of sums.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
import tensorflow_federated as tff

from federated.data.client_batches import ClientBatcher, cohort_batches
from federated.data.corpus_share import ClientSource
from federated.data.federated_data import FederatedData
from federated.data.sampling import cohort_sampler
from federated.evaluation import shared_model
from federated.privacy.ledger import Ledger
from federated.privacy.noisy_mean import noisy_mean
from federated.privacy.plan import with_private_turns
from federated.run import Run, TrainingResult
from federated.runtime.execution_context import losing_clients
from federated.training import fed_avg
from federated.training.callbacks.callback import Callback, RoundReport, RunState
from federated.training.callbacks.checkpointing import Checkpointing
from federated.training.callbacks.round_reports import RoundFiles
from federated.training.callbacks.server_weights import ServerSchedule, WeightAverage
from federated.training.callbacks.validation import EarlyStopping, TimeLimit, Validation, validation_data
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters


def job_callbacks(folder: Run, clients: FederatedData, initial: Parameters) -> list[Callback]:
    """Returns the job's own callbacks in the order in which they are called; `initial` gives the sizes of the model."""
    job, tokenizer = folder.job(), folder.tokenizer()
    training = job.training
    shape = training.batch, training.window
    selects = job.privacy is None  # a private model does not depend on the validation clients
    return [
        ServerSchedule(training.server_learning_rate, training.rounds, training.decay_from),
        WeightAverage(training.average),
        Validation(
            folder,
            shared_model.build(initial, tokenizer, *shape),
            validation_data(tokenizer, clients, training.validation_users, *shape, job.seed),
            every=training.evaluate_every,
            rounds=training.rounds,
            selects=selects,
        ),
        *([EarlyStopping(training.patience)] if selects else []),
        TimeLimit(training.max_minutes),
        RoundFiles(folder),
    ]


class TrainingProgram:
    """The rounds of one training run; `run()` starts or resumes them."""

    def __init__(
        self,
        folder: Run,
        clients: FederatedData,
        callbacks: Sequence[Callback] = (),
        ledger: Ledger | None = None,
    ) -> None:
        """Builds the learning process and the callbacks.

        Args:
            folder: The run with its job and tokenizer. Checkpoints, models and figures are written to it.
            clients: The corpus, split by users and time.
            callbacks: Called after the job's own callbacks, in this order.
            ledger: That of a private training.
        """
        job, tokenizer = folder.job(), folder.tokenizer()
        self._job, self._clients = job, clients
        self._initial = (
            folder.parameters("initial")
            if folder.has_base()
            else cifg_lstm.init(len(tokenizer), job.model.embedding, job.model.cells, job.seed)
        )
        training, self._ledger = job.training, ledger
        aggregator = tff.learning.secure_aggregator() if training.secure_aggregation else None
        if ledger is not None:
            training = with_private_turns(training, training.cohort_size, len(clients.population.training))
            aggregator = noisy_mean(ledger.plan.rounds, ledger.seed, secure=training.secure_aggregation)
        self._process = fed_avg.build(self._initial, training, tokenizer.bos, aggregator)
        batcher = ClientBatcher(
            tokenizer,
            batch=job.training.batch,
            window=job.training.window,
            max_windows=job.training.max_windows,
            word_dropout=job.training.word_dropout,
            seed=job.seed,
        )
        self._source = ClientSource(batcher, clients)
        self._sampler = cohort_sampler(training, clients, training.cohort_size, job.seed)
        callbacks = [*job_callbacks(folder, clients, self._initial), *callbacks]
        self._callbacks = [Checkpointing(folder.states, job.training.checkpoint_every, callbacks), *callbacks]
        self._trained_targets, self._training_seconds = 0.0, 0.0
        self._turns: Counter[int] = Counter()

    def run(self) -> TrainingResult:
        """Trains until all rounds are done or a callback stops the training.

        Raises:
            RunError: a checkpoint cannot be saved, or it was saved with other callbacks.
            LedgerError: the privacy budget permits no further round, or the ledger cannot be used.
        """
        server = self._process.initialize()
        weights = tuple(np.asarray(part) for part in server.global_model_weights.trainable)
        run = RunState(self._process, server, weights)
        for callback in self._callbacks:
            callback.on_start(run)
        for number in range(1, run.progress.round + 1):  # of the sessions before
            self._turns.update(self._sampler.cohort(number).tolist())
        while (stopped_by := self._stop_reason(run)) is None:
            for callback in self._callbacks:
                callback.before_round(run)
            self._round(run)
            for callback in self._callbacks:
                callback.after_round(run)
        for callback in self._callbacks:
            callback.on_end(run)
        progress = run.progress
        return TrainingResult(
            rounds=progress.round,
            best_round=progress.best_round,
            best_recall=progress.best_recall if progress.best_round else None,
            stopped_by=stopped_by,
            broken_clients=progress.broken_clients,
            seconds=progress.seconds,
            tokens_per_second=self._trained_targets / max(self._training_seconds, 1e-9),
            participants=len(self._turns),
            most_turns=max(self._turns.values(), default=0),
        )

    def _stop_reason(self, run: RunState) -> str | None:
        if run.progress.round >= self._job.training.rounds:
            return "rounds"
        if self._sampler.is_over(run.progress.round + 1):
            return "max_turns"
        reasons = (callback.stop(run) for callback in self._callbacks)
        return next((reason for reason in reasons if reason is not None), None)

    def _round(self, run: RunState) -> None:
        began = time.monotonic()
        number = run.progress.round + 1
        positions = self._sampler.cohort(number)
        self._turns.update(positions.tolist())
        if self._ledger is not None:
            self._ledger.spend("rounds", number, positions)
        drawn = self._clients.population.training.at(positions)
        cohort = cohort_batches(self._source, drawn, number)
        data = cohort.batches
        if not data and self._ledger is not None:  # without noise, the round would show that no client had text
            data = [self._source.reader.nothing()]
        measured = {"loss_sum": 0.0, "targets": 0.0, "broken_clients": 0.0}
        with losing_clients(len(cohort.batches) - self._job.training.clients_per_round) as lost:
            output = self._process.next(run.server, data) if data else None
        if output is not None:
            run.server, measured = output.state, output.metrics["client_work"]
        targets, dropped = float(measured["targets"]), cohort.dropped + int(measured["broken_clients"])
        self._trained_targets += targets
        self._training_seconds += time.monotonic() - began
        run.progress = run.progress._replace(
            round=number, seconds=run.elapsed(), broken_clients=run.progress.broken_clients + dropped
        )
        run.report = RoundReport(
            round=number,
            rounds=self._job.training.rounds,
            loss=float(measured["loss_sum"]) / max(targets, 1.0),
            targets=int(targets),
            clients=len(cohort.clients) - lost.clients,
            dropped=dropped,
            seconds=run.progress.seconds,
        )
