"""The steps of a training, each measured in its own process: its time, and the peak memory with its TFF workers."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure.memory import family, peak_resident_bytes
from benchmarks.population.users import records
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus
from federated.data.federated_data import FederatedData
from federated.data.sampling import cohort_sampler
from federated.job import Job, SamplingConfig

ROUNDS, COHORT, COHORTS_DRAWN, EVALUATED = 3, 20, 1000, 200
SEED = 0
_POLL_SECONDS = 0.05
JOB = Job.model_validate(
    {
        "name": "population",
        "tokenizer": {"vocab_size": 4096},
        "model": {"embedding": 32, "cells": 64},
        "training": {"rounds": ROUNDS, "clients_per_round": COHORT, "evaluate_every": ROUNDS, "sampling": "uniform"},
        "ngram": {"weight": 0.0},
        "personalization": {
            "method": "fine_tuning",
            "federated": {"rounds": 1, "clients_per_round": COHORT, "sampling": "uniform"},
        },
    }
)
"""The sizes of the model do not change with the population; small ones leave the time to what does."""


@dataclass(frozen=True)
class Step:
    """One step: what it does, in words, and the function that does it with the files in a folder."""

    name: str
    says: str
    run: Callable[[Path, int], None]


@dataclass(frozen=True)
class Cost:
    """What a step needs: CPU `seconds`, which another program on the machine does not change, and `peak` bytes.

    Both are of the whole process, with its start, and of its workers; the peaks of the processes are added.
    """

    seconds: float
    peak: int


class _Enough(Exception):
    """The stage that is measured has ended."""


def _train(folder: Path, stop_at: str | None = None, **sections: dict[str, object]) -> None:
    """Runs the stages of a training that the steps before have not done, until a stage begins."""
    # Only here: the other steps need no TensorFlow, which takes 500 MB.
    from federated.training.callbacks.callback import Callback
    from federated.training.train_run import train

    class StopAtStage(Callback):
        def on_stage(self, stage: str) -> None:
            if stage == stop_at:
                raise _Enough

    job = Job.model_validate(JOB.model_dump() | sections)
    with suppress(_Enough):
        train(job, folder / "corpus.sqlite", folder / "run", resume=True, callbacks=[StopAtStage()])


def _generate(folder: Path, users: int) -> None:
    write_corpus(folder / "corpus.sqlite", records(users, SEED), source="benchmarks.population", synthetic=True)


def _split(folder: Path, users: int) -> None:
    with Corpus.open(folder / "corpus.sqlite") as corpus:
        population = FederatedData.of(corpus, JOB.data, SEED).population
    assert sum(map(len, (population.training, population.validation, population.new_phones))) == users


def _sample(folder: Path, users: int, sampling: SamplingConfig, cohorts: int) -> None:
    with Corpus.open(folder / "corpus.sqlite") as corpus:
        data = FederatedData.of(corpus, JOB.data, SEED)
        sampler = cohort_sampler(sampling, data, COHORT, SEED)
        for number in range(1, cohorts + 1):
            assert len(list(data.population.training.at(sampler.cohort(number)))) == COHORT


def _sample_uniform(folder: Path, users: int) -> None:
    _sample(folder, users, SamplingConfig(sampling="uniform"), COHORTS_DRAWN)


def _sample_by_size(folder: Path, users: int) -> None:
    _sample(folder, users, SamplingConfig(sampling="by_size"), ROUNDS)


def _vocabulary(folder: Path, users: int) -> None:
    _train(folder, stop_at="graph")


def _rounds(folder: Path, users: int) -> None:
    _train(folder)


def _ngrams(folder: Path, users: int) -> None:
    _train(folder, ngram={"weight": 0.3})


def _method(folder: Path, users: int) -> None:
    federated = JOB.personalization.federated.model_dump()
    _train(folder, personalization={"method": "ditto", "federated": federated})


def _evaluate(folder: Path, users: int) -> None:
    from federated.evaluation.evaluate_run import evaluate

    evaluate(folder / "run", None, min_messages=5, most_users=EVALUATED, on_clients=lambda done, total: None)


STEPS = (
    Step("generate", "generate the users and write the corpus", _generate),
    Step("split", "split the users", _split),
    Step("uniform", f"split, and draw {COHORTS_DRAWN:,} cohorts `uniform`", _sample_uniform),
    Step("by_size", f"split, and draw {ROUNDS} cohorts `by_size`", _sample_by_size),
    Step("vocabulary", "vocabulary of all training users", _vocabulary),
    Step("rounds", f"{ROUNDS} rounds of {COHORT} clients, and a validation", _rounds),
    Step("evaluation", f"evaluation of {EVALUATED} users in training and {EVALUATED} new phones", _evaluate),
    Step("method", "one round of `ditto`, whose clients keep a state", _method),
    Step("ngrams", "n-grams of all training users", _ngrams),
)


def measure(step: Step, folder: Path, users: int) -> Cost:
    """Runs a step in a new process.

    Raises:
        RuntimeError: the step failed; its error is on stderr.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(step, folder, users, sender))
    process.start()
    assert process.pid is not None
    peak = 0
    while process.is_alive():
        with suppress(OSError):
            peak = max(peak, _peaks(process.pid))
        process.join(_POLL_SECONDS)
    if process.exitcode:
        raise RuntimeError(f"the step `{step.name}` failed with {users:,} users")
    return Cost(receiver.recv(), peak)


def _peaks(process: int) -> int:
    """Returns the sum of the peaks of a process and its descendants.

    A child that was forked and does not yet run its own program still counts all memory of its parent as its own: it is
    left out, which its command line tells.
    """
    total, own = 0, Path(f"/proc/{process}/cmdline").read_bytes()
    for member in family(process):
        with suppress(OSError):  # it has ended
            if member == process or Path(f"/proc/{member}/cmdline").read_bytes() != own:
                total += peak_resident_bytes(member)
    return total


def _run(step: Step, folder: Path, users: int, sender: multiprocessing.connection.Connection) -> None:
    step.run(folder, users)
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    sender.send(sum(usage.ru_utime + usage.ru_stime for usage in spent))
