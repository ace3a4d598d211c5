"""The training program: rounds of a TFF learning process, released, checkpointed and resumable.

Everything a round depends on is the program state and a function of (seed, round): killed at any
instant and resumed, a run ends at the weights of one that was not, to the rounding of sums.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated.data.client_batches import ClientBatcher, cohort_batches
from federated.data.federated_data import FederatedData, sample_cohort
from federated.evaluation import shared_model
from federated.job import Job
from federated.run.folder import Run, RunError
from federated.runtime.tff_types import model_weights
from federated.training import fed_avg
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import Tokenizer

VALIDATION_WORDS = 200.0
"""A validation client counts for at most so many words: one who writes much must not decide alone when to stop."""
SCHEDULE_EVERY = 10
"""Rounds between changes of the server's learning rate: each sends the whole state through the runtime."""


@dataclass(frozen=True)
class RoundReport:
    """What a round came to: losses in nats a piece, recall over validation clients' words (else None)."""

    round: int
    rounds: int
    loss: float
    targets: int
    clients: int
    dropped: int
    seconds: float
    recall_at_3: float | None
    validation_loss: float | None


class Progress(NamedTuple):
    """What besides the learning process's state a run resumes from."""

    round: int
    best_recall: float
    best_round: int
    stale: int
    seconds: float
    broken_clients: int


class AveragedState(NamedTuple):
    """The learning process's state, and the running average of its weights, in the order of `Parameters`."""

    process: Any
    average: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended. `stopped_by`: rounds, patience or minutes; `tokens_per_second`: of this session's rounds.

    `best_round` is 0 and `best_recall` None where no validation took place.
    """

    rounds: int
    best_round: int
    best_recall: float | None
    stopped_by: str
    broken_clients: int
    seconds: float
    tokens_per_second: float


class TrainingProgram:
    """One training run on a run folder; `run()` starts or resumes it."""

    def __init__(
        self,
        job: Job,
        folder: Run,
        clients: FederatedData,
        tokenizer: Tokenizer,
        on_round: Callable[[RoundReport], None],
    ) -> None:
        self._job, self._folder, self._clients, self._on_round = job, folder, clients, on_round
        training = job.training
        self._initial = cifg_lstm.init(len(tokenizer), job.model.embedding, job.model.cells, job.seed)
        self._process = fed_avg.build(
            self._initial,
            fed_avg.FedAvgConfig(
                client_learning_rate=training.client_learning_rate,
                server_learning_rate=training.server_learning_rate,
                server_epsilon=training.server_epsilon,
                clip=training.clip,
                dropout=training.dropout,
                weight_cap=training.weight_cap,
                bos=tokenizer.bos,
                batch=training.batch,
                window=training.window,
                fairness_q=training.fairness_q,
            ),
        )
        self._evaluate = shared_model.build(self._initial, tokenizer, training.batch, training.window)
        self._data = ClientBatcher(
            tokenizer,
            batch=training.batch,
            window=training.window,
            max_windows=training.max_windows,
            word_dropout=training.word_dropout,
            seed=job.seed,
        )
        self._sizes = clients.training_sizes() if training.sampling == "by_size" else None
        self._validation = [
            made
            for client in clients.population.validation
            if (
                made := shared_model.evaluation_batches(
                    tokenizer, clients.training_messages(client), training.batch, training.window
                )
            )
        ]
        self._states = tff.program.FileProgramStateManager(
            folder.states, prefix="round_", keep_total=2, keep_first=False
        )
        self._trained_targets, self._training_seconds = 0.0, 0.0

    def run(self) -> TrainingResult:
        """Trains until the rounds, the minutes or the patience are used up."""
        return asyncio.run(self._run())

    async def _run(self) -> TrainingResult:
        managers = [
            tff.program.CSVFileReleaseManager(self._folder.rounds, key_fieldname="round"),
            tff.program.TensorBoardReleaseManager(self._folder.tensorboard),
        ]
        releases = tff.program.GroupingReleaseManager(managers)
        state, progress = await self._start()
        started = time.monotonic() - progress.seconds
        while (stopped_by := self._stop_reason(progress)) is None:
            state, progress, report = self._round(state, progress, started)
            await releases.release(_released(report), report.round)
            self._on_round(report)
            if progress.round % self._job.training.checkpoint_every == 0:
                await self._save(state, progress)
        self._folder.write_parameters("last", self._parameters(state), round=str(progress.round))
        if progress.best_round == 0:  # never validated: nothing is known to be better
            self._folder.write_parameters("best", self._parameters(state), round=str(progress.round))
        return TrainingResult(
            rounds=progress.round,
            best_round=progress.best_round,
            best_recall=progress.best_recall if progress.best_round else None,
            stopped_by=stopped_by,
            broken_clients=progress.broken_clients,
            seconds=progress.seconds,
            tokens_per_second=self._trained_targets / max(self._training_seconds, 1e-9),
        )

    async def _save(self, state: AveragedState, progress: Progress) -> None:
        try:
            await self._states.save(_leaves(state, progress), progress.round)
        except (OSError, tf.errors.OpError) as error:
            raise RunError(
                f"cannot save the state of round {progress.round} in {self._folder.states} (disk full?): "
                "make room and go on with --resume"
            ) from error

    async def _start(self) -> tuple[AveragedState, Progress]:
        for leftover in self._folder.states.glob("round_*_temp*"):  # of a save that was cut off
            shutil.rmtree(leftover, ignore_errors=True)
        process = self._process.initialize()
        state = AveragedState(process, tuple(np.asarray(part) for part in process.global_model_weights.trainable))
        progress = Progress(0, -1.0, 0, 0, 0.0, 0)
        leaves, _ = await self._states.load_latest(_leaves(state, progress))
        if leaves is None:
            return state, progress
        state, kept = tf.nest.pack_sequence_as((state, progress), leaves)
        return state, Progress(
            *(kind(value) for kind, value in zip((int, float, int, int, float, int), kept, strict=True))
        )

    def _stop_reason(self, progress: Progress) -> str | None:
        training = self._job.training
        if progress.round >= training.rounds:
            return "rounds"
        if progress.stale >= training.patience:
            return "patience"
        if training.max_minutes is not None and progress.seconds >= 60 * training.max_minutes:
            return "minutes"
        return None

    def _round(
        self, state: AveragedState, progress: Progress, started: float
    ) -> tuple[AveragedState, Progress, RoundReport]:
        began = time.monotonic()
        training = self._job.training
        number = progress.round + 1
        cohort = sample_cohort(
            self._clients.population.training,
            training.clients_per_round,
            seed=self._job.seed,
            round_number=number,
            weights=self._sizes,
        )
        _, data, dropped = cohort_batches(self._data, self._clients, cohort, number)
        process = self._scheduled(state.process, number) if number % SCHEDULE_EVERY == 0 else state.process
        measured = {"loss_sum": 0.0, "targets": 0.0, "broken_clients": 0.0}
        if data:
            output = self._process.next(process, data)
            process, measured = output.state, output.metrics["client_work"]
        state = AveragedState(process, averaged(state.average, process, number, self._job.training.average))
        dropped += int(measured["broken_clients"])
        self._trained_targets += float(measured["targets"])
        self._training_seconds += time.monotonic() - began
        loss = recall = None
        best_recall, best_round, stale = progress.best_recall, progress.best_round, progress.stale
        if self._validation and (number % training.evaluate_every == 0 or number == training.rounds):
            loss, recall = self._validate(state)
            if recall > best_recall:
                best_recall, best_round, stale = recall, number, 0
                self._folder.write_parameters("best", self._parameters(state), round=str(number))
            else:
                stale += 1
        seconds = time.monotonic() - started
        progress = Progress(number, best_recall, best_round, stale, seconds, progress.broken_clients + dropped)
        report = RoundReport(
            round=number,
            rounds=training.rounds,
            loss=float(measured["loss_sum"]) / max(float(measured["targets"]), 1.0),
            targets=int(measured["targets"]),
            clients=len(data),
            dropped=dropped,
            seconds=seconds,
            recall_at_3=recall,
            validation_loss=loss,
        )
        return state, progress, report

    def _scheduled(self, state: Any, number: int) -> Any:
        """The process's state with the server's rate of round `number`: constant, then falling to a fiftieth."""
        training = self._job.training
        left = (training.rounds - number) / max((1 - training.decay_from) * training.rounds, 1.0)
        hyperparameters = self._process.get_hparams(state)
        rate = training.server_learning_rate * min(1.0, max(left, 0.02))
        hyperparameters["finalizer"]["learning_rate"] = np.float32(rate)
        return self._process.set_hparams(state, hyperparameters)

    def _validate(self, state: AveragedState) -> tuple[float, float]:
        """Returns (loss in nats a word, recall@3) over validation clients, none by more than a capped weight."""
        tallies = self._evaluate(model_weights(self._parameters(state)), self._validation)
        words = np.array([float(tally["words"]) for tally in tallies])
        weights = np.minimum(words, VALIDATION_WORDS) / np.maximum(words, 1.0)

        def mean(name: str) -> float:
            values = np.array([float(tally[name]) for tally in tallies])
            return float((weights * values).sum() / max((weights * words).sum(), 1.0))

        return mean("loss_sum"), mean("hits_at_3")

    def _parameters(self, state: AveragedState) -> Parameters:
        return Parameters(*(np.asarray(part) for part in state.average))


def _leaves(state: AveragedState, progress: Progress) -> list[Any]:
    """What a program state is saved as.

    Flat: TF 2.14 cannot save the tuples it would wrap beside a current typing-extensions. Its floats
    would become float32, and the best loss another one by being saved.
    """
    exact: list[Any] = [np.float64(value) if isinstance(value, float) else value for value in progress]
    return tf.nest.flatten((state, Progress(*exact)))


def averaged(average: tuple[np.ndarray, ...], process: Any, number: int, keep: float) -> tuple[np.ndarray, ...]:
    """The running average after a round; it keeps less at first, so that the untrained weights are soon forgotten."""
    keep = min(keep, number / (number + 10))
    newest = process.global_model_weights.trainable
    return tuple(
        (keep * old + (1 - keep) * np.asarray(new)).astype(np.float32) for old, new in zip(average, newest, strict=True)
    )


def _released(report: RoundReport) -> dict[str, float]:
    """A round's figures in one shape for every round: what was not measured is released as NaN."""
    values = {name: float("nan") if value is None else value for name, value in asdict(report).items()}
    return {name: value for name, value in values.items() if name not in ("round", "rounds")}
