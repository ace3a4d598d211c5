"""A training run from a job and a corpus: split, vocabulary, federated rounds, kept models."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from federated.algorithms.registry import METHODS
from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData, shared_word_counts
from federated.job import Job
from federated.personalization.method import start_from
from federated.personalization.program import PersonalizationProgram, PersonalizationRound, folder_in
from federated.run import Run, RunError
from federated.runtime.execution_context import execution_context
from federated.training import ngram_counts
from federated.training.callbacks.callback import Callback
from federated.training.program import TrainingProgram
from keyboard_model.ngram.kneser_ney import kneser_ney
from keyboard_model.text import tokenizer as tokenizers
from keyboard_model.text.tokenizer import Tokenizer


def train(
    job: Job,
    corpus: Corpus | Path,
    run: Path,
    *,
    resume: bool = False,
    workers: Sequence[str] = (),
    callbacks: Sequence[Callback] = (),
) -> Run:
    """Trains tokenizer, shared model and n-grams, and the method's own rounds, into the folder `run`.

    Args:
        corpus: an open corpus, or the path of one.
        resume: continue the run in the folder, if there is one; without it, such a folder is refused.
        workers: `host:port` of TFF workers to spread a round's clients over; without any, one is started here.
        callbacks: run after those of the job (`federated.training.callbacks`), for example `ReportProgress`.

    Returns:
        The finished run; `Run.result()` tells how it ended.

    Raises:
        RunError: the folder is in use, holds another run, or holds one and `resume` is not set.
        JobError: there is no such method.
        CorpusError: the corpus cannot be read.
        TokenizerError: the corpus has too little text for a vocabulary.
        WorkerError: a worker cannot be reached.
    """
    METHODS.named(job.personalization.method)  # an unknown method is better reported before the training than after it
    folder = Run(run)

    def on_stage(stage: str) -> None:
        for callback in callbacks:
            callback.on_stage(stage)

    with contextlib.ExitStack() as stack:
        opened = corpus if isinstance(corpus, Corpus) else stack.enter_context(Corpus.open(corpus))
        stack.enter_context(folder.locked())  # after the corpus: without a corpus, no folder is created
        clients = FederatedData.of(opened, job.data, job.seed)
        if not clients.population.training:
            raise RunError(
                "no user is left to train on: the corpus is too small for these shares of new and validation users"
            )
        _begin(job, folder, opened, resume)
        on_stage("vocabulary")
        tokenizer = _tokenizer(job, folder, clients)
        on_stage("graph")
        stack.enter_context(execution_context(workers))
        result = TrainingProgram(job, folder, clients, tokenizer, callbacks).run()
        if job.ngram.weight and not folder.has_ngram():
            dropped = _count_ngrams(job, folder, clients, tokenizer, on_stage)
            result = replace(result, broken_clients=result.broken_clients + dropped)
        # Before the method's own rounds, which evaluate and export can also resume.
        folder.write_json("summary.json", asdict(result))
        _method_rounds(job, folder, clients, tokenizer, on_stage)
    return folder


def _begin(job: Job, folder: Run, corpus: Corpus, resume: bool) -> None:
    wanted = job.model_dump(mode="json", exclude={"corpus"})
    if folder.exists():
        if not resume:
            raise RunError(f"{folder.path} holds a run already: go on with --resume, or choose another --run")
        if _decides_training(folder.job()) != _decides_training(job):
            raise RunError(
                f"{folder.path} was begun with another job: resume it with that one, or choose another --run"
            )
        if folder.read_json("corpus.json")["corpus_id"] != corpus.corpus_id:
            raise RunError(
                f"{folder.path} was begun on another corpus: resume it with that one, or choose another --run"
            )
        folder.write_json("job.json", wanted)  # the personalization may be another now
        return
    folder.write_json(
        "corpus.json",
        {
            "corpus_id": corpus.corpus_id,
            "description": corpus.description or corpus.source,
            "synthetic": corpus.synthetic,
            "path": str(corpus.path.resolve()),
        },
    )
    # The job is written last: a folder with a job is one that was begun whole.
    folder.write_json("job.json", wanted)


def _decides_training(job: Job) -> dict:
    """What of a job the shared model depends on: of the personalization nothing."""
    return job.model_dump(mode="json", exclude={"corpus": True, "personalization": True, "ngram": {"weight"}})


def _tokenizer(job: Job, folder: Run, clients: FederatedData) -> Tokenizer:
    if (folder.path / "tokenizer.model").exists():
        return folder.tokenizer()
    counts = shared_word_counts(
        clients.all_training_messages(), min_clients=job.tokenizer.min_clients, count_cap=job.tokenizer.count_cap
    )
    tokenizer = tokenizers.train(counts, job.tokenizer.vocab_size)
    folder.write_tokenizer(tokenizer)
    return tokenizer


def _method_rounds(
    job: Job, folder: Run, clients: FederatedData, tokenizer: Tokenizer, on_stage: Callable[[str], None]
) -> None:
    """Trains what the job's method trains on top of the shared model, if anything."""
    method = METHODS.named(job.personalization.method)
    plan = method.plan(job.personalization, tokenizer.bos)
    base = start_from(job, folder.parameters())
    kept = folder_in(folder.path, method, plan.config)

    def show(report: PersonalizationRound) -> None:
        on_stage(f"{method.title}: round {report.round:,} of {report.rounds:,}, loss {report.loss:.3f}")

    PersonalizationProgram(method, base, plan, clients, tokenizer, seed=job.seed, folder=kept, on_round=show).run()


def _count_ngrams(
    job: Job, folder: Run, clients: FederatedData, tokenizer: Tokenizer, on_stage: Callable[[str], None]
) -> int:
    """Writes the run's n-grams; returns how many clients' data broke."""
    everybody = len(clients.population.training)

    def show(done: int) -> None:
        on_stage(f"counting n-grams, {done:,} of {everybody:,} users")

    show(0)
    counted = ngram_counts.count(clients, tokenizer, job.ngram.count_cap, show)
    folder.write_ngram(kneser_ney(counted.counts, len(tokenizer), job.ngram.min_clients))
    return counted.dropped
