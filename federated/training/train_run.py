"""Runs a whole training: split of the users, vocabulary, shared model, n-grams, and the method's own rounds."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from federated.algorithms.registry import METHODS
from federated.base import Base
from federated.corpus.store import Corpus
from federated.data.client_batches import ClientBatcher
from federated.data.corpus_share import ClientSource
from federated.data.federated_data import FederatedData
from federated.data.sampling import cohort_sampler
from federated.job import Job, JobError, RoundsConfig
from federated.personalization.method import SharedModel
from federated.personalization.program import PersonalizationProgram, PersonalizationRound, rounds_folder
from federated.privacy.ledger import Ledger
from federated.privacy.noisy_counts import noisy_counts
from federated.privacy.plan import plan_privacy
from federated.run import Run, RunError
from federated.runtime.credentials import TrainingCredentials
from federated.runtime.execution_context import execution_context
from federated.training import ngram_counts
from federated.training.callbacks.callback import Callback
from federated.training.callbacks.validation import ValidationReader
from federated.training.ngram_counts import NgramReader
from federated.training.program import TrainingProgram
from federated.training.spilled_counts import SpilledCounts
from federated.training.start_from_base import start_from
from federated.training.word_counts import WordReader
from federated.training.word_list import count_training_words
from keyboard_model import base_en
from keyboard_model.ngram.kneser_ney import kneser_ney
from keyboard_model.ngram.published_counts import from_counts
from keyboard_model.ngram.stack import stacked
from keyboard_model.storage.durable_files import erase
from keyboard_model.text import tokenizer as tokenizers

READERS = (ClientBatcher, ValidationReader, WordReader, NgramReader)
"""What a training can ask a worker with a copy of the corpus to read."""
ROUND_MINUTES = 30.0
"""Default of the deadline of a round."""


def train(
    job: Job,
    corpus: Corpus | Path,
    run: Path,
    *,
    resume: bool = False,
    workers: Sequence[str] = (),
    credentials: TrainingCredentials | None = None,
    insecure: bool = False,
    concurrent_clients: int | None = None,
    round_minutes: float | None = None,
    callbacks: Sequence[Callback] = (),
) -> Run:
    """Trains the tokenizer, the shared model and the n-grams, then runs the method's own rounds, in the folder `run`.

    Args:
        job: What to train.
        corpus: An open corpus, or the path of one.
        run: The folder of the run.
        resume: Continue the run in the folder if there is one. Without `resume`, such a folder is refused.
        workers: `host:port` of running TFF workers, which share the clients of a round. If empty, one is started here.
        credentials: For TLS with these workers. Without them, workers of other machines are refused.
        insecure: Permits workers of other machines without credentials.
        concurrent_clients: Clients that the worker started here trains at the same time; None means one for each core.
        round_minutes: A worker that does not finish its part of a round in this time is lost; None means 30.
        callbacks: Called after the job's own callbacks (`federated.training.callbacks`); for example `ReportProgress`.

    Returns:
        The finished run; `Run.result()` says how the training ended.

    Raises:
        RunError: the folder is in use, contains another run, or contains a run and `resume` is not set.
        JobError: the job's personalization method does not exist or does not have these options, or the corpus has
            too few users for the job's `min_separation` or `[privacy]`.
        LedgerError: the privacy budget permits no further round, or its ledger cannot be used.
        CorpusError: the corpus cannot be read.
        TokenizerError: the corpus has too little text for a vocabulary.
        BaseError: the base of `training.start` does not exist or is damaged.
        WorkerError: a worker is refused or cannot be reached, or no worker is left. The run can be resumed.
    """
    # Reports an unknown method or option before the training, not after it.
    method_rounds(job)
    context = execution_context(
        workers,
        credentials=credentials,
        insecure=insecure,
        concurrent_clients=concurrent_clients,
        minutes=round_minutes or ROUND_MINUTES,
    )
    start = job.training.start
    folder, base = Run(run), Base(base_en.resolve(start, base_en.BASE)) if start else None
    if base:
        job = _with_sizes_of(job, base)

    def on_stage(stage: str) -> None:
        for callback in callbacks:
            callback.on_stage(stage)

    with contextlib.ExitStack() as stack:
        opened = corpus if isinstance(corpus, Corpus) else stack.enter_context(Corpus.open(corpus))
        stack.enter_context(folder.locked())  # after the corpus is open: without a corpus, no folder is created
        _start_or_resume(job, base, folder, opened, resume)
        _train(folder, base, folder.clients(opened), context, callbacks, on_stage)
    return folder


def _with_sizes_of(job: Job, base: Base) -> Job:
    base.about()  # refuses an unfinished base
    parameters = base.parameters()
    sizes = {"embedding": parameters.embedding.shape[1], "cells": parameters.w_p.shape[0]}
    return job.model_copy(update={"model": job.model.model_copy(update=sizes)})


def _start_or_resume(job: Job, base: Base | None, folder: Run, corpus: Corpus, resume: bool) -> None:
    """Writes the job into the run folder, and what is known of corpus and base."""
    clients = FederatedData.of(corpus, job.data, job.seed)
    if not clients.population.training:
        raise RunError(
            "no user is left to train on: the corpus is too small for these shares of new and validation users"
        )
    if job.privacy:
        plan_privacy(job, len(clients.population.training), method_rounds(job))  # reports a budget that cannot work
    own_rounds = job.personalization.federated
    for rounds, cohort in ((job.training, job.training.cohort_size), (own_rounds, own_rounds.clients_per_round)):
        cohort_sampler(rounds, clients, cohort, job.seed)  # reports a separation that is too large
    wanted = job.model_dump(mode="json", exclude={"corpus"})
    if folder.exists():
        if not resume:
            raise RunError(f"{folder.path} already contains a run: continue it with --resume, or choose another --run")
        if _settings_of_shared_model(folder.job()) != _settings_of_shared_model(job):
            raise RunError(
                f"{folder.path} was started with another job: resume it with that job, or choose another --run"
            )
        if (folder.read_json("base.json")["digest"] if folder.has_base() else None) != (base and base.digest()):
            raise RunError(
                f"{folder.path} was started with another `training.start`: resume it with that base, or choose another "
                "--run"
            )
        if folder.read_json("corpus.json")["corpus_id"] != corpus.corpus_id:
            raise RunError(
                f"{folder.path} was started with another corpus: resume it with that corpus, or choose another --run"
            )
        folder.write_json("job.json", wanted)  # the personalization can differ
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
    if base:
        folder.write_json("base.json", {"digest": base.digest(), **base.about()})
    # The job is written last: a folder that has a job then also has everything else.
    folder.write_json("job.json", wanted)


def _settings_of_shared_model(job: Job) -> dict:
    """Returns the settings that the shared model depends on; the personalization is not among them."""
    settings = job.model_dump(mode="json", exclude={"corpus": True, "personalization": True, "ngram": {"weight"}})
    settings["training"]["weight_cap"] = job.training.largest_weight  # an older default is the same setting
    del settings["training"]["start"]  # the run has a copy of the base, wherever that is now
    return settings


def _train(
    folder: Run,
    base: Base | None,
    clients: FederatedData,
    context: contextlib.AbstractContextManager[None],
    callbacks: Sequence[Callback],
    on_stage: Callable[[str], None],
) -> None:
    """Runs the stages, each of which continues where an interrupted training left it."""
    job = folder.job()
    ledger = None
    if job.privacy:
        ledger = Ledger(folder.path, plan_privacy(job, len(clients.population.training), method_rounds(job)))
    with context:
        on_stage("vocabulary")
        if not folder.has_tokenizer():
            _write_vocabulary(folder, base, clients, ledger, on_stage)
        erase(folder.word_count)  # it contains hashes of rare words; a run killed after it wrote the tokenizer left it
        on_stage("graph")
        result = TrainingProgram(folder, clients, callbacks, ledger).run()
        if job.ngram.weight and not folder.has_ngram():
            dropped = _write_ngrams(folder, clients, ledger, on_stage)
            result = replace(result, broken_clients=result.broken_clients + dropped)
        erase(folder.ngram_sums)  # they contain rare n-grams; a run killed after it wrote the n-grams left them behind
        # Written before the method's own rounds, because evaluation and export can resume those.
        folder.write_json("summary.json", asdict(result))
        _train_method(folder, clients, ledger, on_stage)
        if ledger:
            ledger.finish()


def method_rounds(job: Job) -> RoundsConfig:
    """Returns the rounds of the job's personalization method.

    Raises:
        JobError: the method does not exist or does not have these options, or its rounds cannot be private.
    """
    method = METHODS.named(job.personalization.method)
    rounds = method.context(job.personalization, bos=0).config.federated
    if job.privacy and rounds.rounds:
        what = f"the rounds of {method.name} cannot be private"
        if method.sends_counts:
            raise JobError(f"{what}: its clients send counts beside their updates. Choose another method")
        if rounds.sampling != "uniform" or rounds.fairness_q or rounds.compressed:
            raise JobError(
                f"{what} with these settings: [personalization.federated] needs sampling = "
                '"uniform", fairness_q = 0 and compressed = false'
            )
        if not job.privacy.method_share:
            raise JobError(f"{what} without a privacy.method_share above 0")
    return rounds


def _write_vocabulary(
    folder: Run,
    base: Base | None,
    clients: FederatedData,
    ledger: Ledger | None,
    on_stage: Callable[[str], None],
) -> None:
    """Writes the tokenizer, after what a base brings: the rest of the training reads only the run."""

    def report_users(done: int, users: int) -> None:
        on_stage(f"counting words, {done:,} of {users:,} users")

    def counts() -> Mapping[str, int]:
        return count_training_words(clients, config, folder.word_count, report_users, noisy_counts(ledger, "words"))

    config = folder.job().tokenizer
    if base is None:
        folder.write_tokenizer(tokenizers.train(counts(), config.vocab_size))
        return
    started = start_from(base, counts() if config.added_pieces else {}, config.added_pieces)
    folder.write_ngram(started.ngram, "initial_ngram")
    folder.write_parameters("initial", started.parameters)
    folder.write_tokenizer(started.tokenizer)


def _train_method(folder: Run, clients: FederatedData, ledger: Ledger | None, on_stage: Callable[[str], None]) -> None:
    """Runs the federated rounds of the job's method on top of the shared model, if the method has any."""
    job, tokenizer = folder.job(), folder.tokenizer()
    method = METHODS.named(job.personalization.method)
    context = method.context(job.personalization, tokenizer.bos, dropout=job.training.dropout)
    shared = SharedModel.of(job, folder.parameters())
    method_folder = rounds_folder(folder.path, method, context.config)

    def report_round(report: PersonalizationRound) -> None:
        on_stage(f"{method.title}: round {report.round:,} of {report.rounds:,}, loss {report.loss:.3f}")

    PersonalizationProgram(
        method,
        shared,
        context,
        clients,
        tokenizer,
        seed=job.seed,
        folder=method_folder,
        ledger=ledger,
        on_round=report_round,
    ).run()


def _write_ngrams(folder: Run, clients: FederatedData, ledger: Ledger | None, on_stage: Callable[[str], None]) -> int:
    """Writes the n-grams of the run; returns the number of clients whose data was unusable."""
    if not folder.job().counts_ngrams:
        folder.write_ngram(folder.ngram("initial_ngram"))
        return 0
    users = len(clients.population.training)

    def report_clients(done: int) -> None:
        on_stage(f"counting n-grams, {done:,} of {users:,} users")

    config, tokenizer = folder.job().ngram, folder.tokenizer()
    limits = {"count_cap": config.count_cap, "max_pieces": config.max_pieces}
    # A run keeps its corpus and its split, so the sums need only name what can be deleted or changed within a run.
    noise = noisy_counts(ledger, "ngrams")
    private = ngram_counts.Private(noise.norm, tokenizer.bos) if noise else None
    identity = f"{hashlib.sha256(tokenizer.model).hexdigest()} {users} {limits} {private}"
    sums = SpilledCounts(folder.ngram_sums, identity)
    report_clients(sums.clients)
    read = ClientSource(NgramReader(tokenizer, config.max_pieces), clients)
    ngram_counts.count(
        clients.population.training,
        read,
        sums,
        count_cap=config.count_cap,
        private=private,
        on_client=report_clients,
    )
    if noise:
        published = (noise.published(block.keys, block.counts) for block in sums.blocks())
        table = from_counts(published, len(tokenizer), tokenizer.bos, config.max_ngrams)
    else:
        table = kneser_ney(sums.blocks(), len(tokenizer), config.min_clients, config.max_ngrams)
    if folder.has_base():
        public = folder.ngram("initial_ngram")
        table = stacked(public, table) if len(table.bigrams.pieces) else public  # a private count can publish nothing
    folder.write_ngram(table)
    return sums.dropped
