"""The training program: rounds of a TFF learning process, released, checkpointed and resumable.

Everything a round depends on is the program state and a function of (seed, round): killed at any
instant and resumed, a run ends at the weights of one that was not, to the rounding of sums.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated import evaluation, fed_avg
from federated.client_data import ClientData
from federated.clients import Clients
from federated.job import Job
from federated.run_folder import RunFolder
from federated.sampling import sample_cohort
from keyboard_model import language_model
from keyboard_model.language_model import Parameters
from keyboard_model.tokenizer import Tokenizer


@dataclass(frozen=True)
class RoundReport:
    """What a round came to: losses in nats a piece, recall over validation clients' words (None between evaluations)."""

    round: int
    rounds: int
    loss: float
    targets: int
    clients: int
    dropped: int
    seconds: float
    recall_at_3: float | None


class Progress(NamedTuple):
    """What besides the learning process's state a run resumes from."""

    round: int
    best_loss: float
    best_round: int
    stale: int
    seconds: float
    broken_clients: int


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `stopped_by`: rounds, patience or minutes."""

    rounds: int
    best_round: int
    best_loss: float
    stopped_by: str
    broken_clients: int
    seconds: float
    tokens_per_second: float


class Program:
    """One training run on a run folder; `run()` starts or resumes it."""

    def __init__(
        self,
        job: Job,
        folder: RunFolder,
        clients: Clients,
        tokenizer: Tokenizer,
        on_round: Callable[[RoundReport], None],
    ) -> None:
        self._job, self._folder, self._clients, self._on_round = job, folder, clients, on_round
        training = job.training
        self._initial = language_model.init(len(tokenizer), job.model.embedding, job.model.cells, job.seed)
        self._process = fed_avg.build(
            self._initial,
            fed_avg.FedAvgConfig(
                client_learning_rate=training.client_learning_rate,
                server_learning_rate=training.server_learning_rate,
                server_epsilon=training.server_epsilon,
                clip=training.clip,
                weight_cap=training.weight_cap,
                bos=tokenizer.bos,
                batch=training.batch,
                window=training.window,
            ),
        )
        self._evaluate = evaluation.build(self._initial, tokenizer, training.batch, training.window)
        self._data = ClientData(
            tokenizer,
            batch=training.batch,
            window=training.window,
            max_windows=training.max_windows,
            seed=job.seed,
        )
        self._validation = [
            made
            for client in clients.population.validation
            if (
                made := evaluation.evaluation_batches(
                    tokenizer, clients.training_messages(client), training.batch, training.window
                )
            )
        ]
        self._states = tff.program.FileProgramStateManager(folder.states, prefix="round_", keep_total=2, keep_first=False)
        self._trained_targets, self._training_seconds = 0.0, 0.0

    def run(self) -> Outcome:
        """Trains until the rounds, the minutes or the patience are used up."""
        return asyncio.run(self._run())

    async def _run(self) -> Outcome:
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
                await self._states.save(tf.nest.flatten((state, progress)), progress.round)
        self._folder.write_parameters("last", self._parameters(state), round=str(progress.round))
        if not self._validation:
            self._folder.write_parameters("best", self._parameters(state), round=str(progress.round))
        return Outcome(
            rounds=progress.round,
            best_round=progress.best_round,
            best_loss=progress.best_loss,
            stopped_by=stopped_by,
            broken_clients=progress.broken_clients,
            seconds=progress.seconds,
            tokens_per_second=self._trained_targets / max(self._training_seconds, 1e-9),
        )

    async def _start(self) -> tuple[Any, Progress]:
        state = self._process.initialize()
        progress = Progress(0, float("inf"), 0, 0, 0.0, 0)
        # As a flat list: TF 2.14 cannot save the tuples it would wrap beside a current typing-extensions.
        leaves, _ = await self._states.load_latest(tf.nest.flatten((state, progress)))
        if leaves is None:
            return state, progress
        state, kept = tf.nest.pack_sequence_as((state, progress), leaves)
        return state, Progress(*(kind(value) for kind, value in zip((int, float, int, int, float, int), kept, strict=True)))

    def _stop_reason(self, progress: Progress) -> str | None:
        training = self._job.training
        if progress.round >= training.rounds:
            return "rounds"
        if progress.stale >= training.patience:
            return "patience"
        if training.max_minutes is not None and progress.seconds >= 60 * training.max_minutes:
            return "minutes"
        return None

    def _round(self, state: Any, progress: Progress, started: float) -> tuple[Any, Progress, RoundReport]:
        began = time.monotonic()
        training = self._job.training
        number = progress.round + 1
        cohort = sample_cohort(
            self._clients.population.training, training.clients_per_round, seed=self._job.seed, round_number=number
        )
        data, dropped = self._round_data(cohort, number)
        measured = {"loss_sum": 0.0, "targets": 0.0, "broken_clients": 0.0}
        if data:
            output = self._process.next(state, data)
            state, measured = output.state, output.metrics["client_work"]
        dropped += int(measured["broken_clients"])
        self._trained_targets += float(measured["targets"])
        self._training_seconds += time.monotonic() - began
        recall = None
        best_loss, best_round, stale = progress.best_loss, progress.best_round, progress.stale
        if self._validation and (number % training.evaluate_every == 0 or number == training.rounds):
            loss, recall = self._validate(state)
            if loss < best_loss:
                best_loss, best_round, stale = loss, number, 0
                self._folder.write_parameters("best", self._parameters(state), round=str(number))
            else:
                stale += 1
        seconds = time.monotonic() - started
        progress = Progress(number, best_loss, best_round, stale, seconds, progress.broken_clients + dropped)
        report = RoundReport(
            round=number,
            rounds=training.rounds,
            loss=float(measured["loss_sum"]) / max(float(measured["targets"]), 1.0),
            targets=int(measured["targets"]),
            clients=len(data),
            dropped=dropped,
            seconds=seconds,
            recall_at_3=recall,
        )
        return state, progress, report

    def _round_data(self, cohort: Sequence[str], number: int) -> tuple[list[Any], int]:
        """Returns the batches of the cohort's clients that have any, and how many clients' data broke."""
        data, dropped = [], 0
        for client in cohort:
            try:
                made = self._data.round(client, self._clients.training_messages(client), number)
            except (ValueError, UnicodeError):
                dropped += 1
                continue
            if made:
                data.append(made)
        return data, dropped

    def _validate(self, state: Any) -> tuple[float, float]:
        tallies = self._evaluate(state.global_model_weights, self._validation)
        sums = {name: float(np.sum([tally[name] for tally in tallies])) for name in tallies[0]}
        words = max(sums["words"], 1.0)
        return sums["loss_sum"] / words, sums["hits_at_3"] / words

    def _parameters(self, state: Any) -> Parameters:
        return Parameters(*(np.asarray(part) for part in state.global_model_weights.trainable))


def _released(report: RoundReport) -> dict[str, float]:
    """A round's figures in one shape for every round: a recall not measured is released as NaN."""
    values = asdict(report) | {"recall_at_3": float("nan") if report.recall_at_3 is None else report.recall_at_3}
    return {name: values[name] for name in ("loss", "targets", "clients", "dropped", "seconds", "recall_at_3")}
