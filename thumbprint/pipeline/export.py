"""Exports a run or a base as a bundle: the result of a method, and the recipe by which phones adapt it."""

from __future__ import annotations

import importlib.metadata
import math
import tempfile
from pathlib import Path

from pydantic import ValidationError

from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import SigningKeys
from device_runtime.manifest import GateRecipe, HistoryRecipe, Provenance, Recipe
from federated.algorithms.registry import METHODS
from federated.base import Base
from federated.job import Job, PersonalizationConfig
from federated.personalization.method import DeviceArtifact, Method, MethodContext, SharedModel
from federated.personalization.program import (
    PersonalizationProgram,
    TrainedMethod,
    has_rounds,
    rounds_folder,
    without_rounds,
)
from federated.privacy.guarantee import guarantee_of
from federated.run import Run, open_clients
from federated.runtime.execution_context import execution_context
from keyboard_model.ngram.table import NgramTable
from keyboard_model.storage.durable_files import require_writable
from keyboard_model.text.tokenizer import Tokenizer
from tflite_export.export import Converter, export_bundle, remembering
from tflite_export.parity_check import ParityReport
from tflite_export.signatures import ExportError
from thumbprint.pipeline.mixing import Coefficients, OnStage, has_mixing, ignore, mixing_of, train_mixing

FEDERATED = {
    "adam": "FedAvg on clients, FedAdam on the server",
    "momentum": "FedAvg on clients, SGD with momentum on the server",
}
CENTRAL = "Adam on public text"


def export_run(
    run: Path, out: Path, private_key: Path, job: Job | None = None, *, on_stage: OnStage = ignore
) -> ParityReport:
    """Exports the best model of a finished run with the job's method.

    If the method has rounds of its own that the run does not hold yet, they are trained first, and likewise the weights
    with which its phones mix in their owner's history.

    Args:
        job: Another job, from which the bundle gets its name, personalization and weight of the n-grams. None means
            the run's own.
        on_stage: Called with what is being done, while the weights are trained.

    Raises:
        RunError: the run is not finished, or the job gives n-grams a weight but the run counted none.
        CorpusError, WorkerError: the method's rounds or the weights cannot be trained.
        ExportError, KeyFileError, OSError: see `export_method`.
    """
    folder = Run(run)
    folder.read_json("summary.json")  # raises for an unfinished run, before the long work
    require_writable(out)
    trained = folder.job()
    chosen = job or trained
    method = METHODS.named(chosen.personalization.method)
    _require_phone(method)
    context = method.context(chosen.personalization, folder.tokenizer().bos)
    result = _train_method(folder, method, context, SharedModel.of(trained, folder.parameters()))
    converter = remembering()
    mixing = mixing_of(
        folder, chosen, method, lambda: _train_mixing(folder, chosen, method, result, converter, on_stage)
    )
    return export_method(folder, chosen, method, result, out, private_key, mixing=mixing, converter=converter)


def export_method(
    folder: Run,
    job: Job,
    method: Method,
    result: TrainedMethod,
    out: Path,
    private_key: Path,
    *,
    mixing: Coefficients | None = None,
    converter: Converter | None = None,
) -> ParityReport:
    """Exports what a method has learned on the model of a finished run.

    Args:
        job: The bundle gets its name, personalization and weight of the n-grams. Sizes and seed are those of the run.
        mixing: The trained weights of the mixture with the owner's history; None = fixed ones.
        converter: See `tflite_export.export.export_bundle`.

    Raises:
        RunError: the run is not finished, or the job gives n-grams a weight but the run counted none.
        ExportError: the method does not run on a phone, or see `tflite_export.export`.
        KeyFileError, OSError: see there.
    """
    trained, corpus, summary = folder.job(), folder.read_json("corpus.json"), folder.read_json("summary.json")
    guarantee = guarantee_of(folder.path) if trained.privacy else None
    return _export(
        out,
        job.model_copy(update={"model": trained.model, "seed": trained.seed}),
        method,
        folder.tokenizer(),
        SharedModel.of(trained, folder.parameters()),
        result,
        Provenance(
            corpus_id=corpus["corpus_id"],
            corpus=corpus["description"],
            synthetic=corpus["synthetic"],
            algorithm=FEDERATED[trained.training.server_optimizer],
            rounds=summary["best_round"] or summary["rounds"],
            seed=trained.seed,
            epsilon=guarantee.epsilon if guarantee else None,
            delta=guarantee.delta if guarantee else None,
            thumbprint=importlib.metadata.version("thumbprint"),
        ),
        ngram=folder.ngram() if job.ngram.weight else None,
        # The figures of a private training are those of users whom its guarantee does not cover.
        metrics={"validation_recall_at_3": summary["best_recall"]} if summary["best_round"] and not guarantee else {},
        private_key=private_key,
        mixing=mixing,
        converter=converter,
    )


def export_base(base: Base, out: Path, private_key: Path, job: Job = Job()) -> ParityReport:  # noqa: B008 (frozen)
    """Exports a base as it is, before any federated training.

    Args:
        job: Gives the bundle its name, personalization, weight of the n-grams and rank of the adapter.

    Raises:
        BaseError: the base is not finished.
        ExportError: the method does not run on a phone, or has rounds of its own, or see `tflite_export.export`.
        KeyFileError, OSError: see there.
    """
    about = base.about()
    require_writable(out)
    method, tokenizer = METHODS.named(job.personalization.method), base.tokenizer()
    _require_phone(method)
    context = method.context(job.personalization, tokenizer.bos)
    if has_rounds(context):
        raise ExportError(
            f"the rounds of {method.name} need users: train from the base first, or export a job with `rounds = 0` in "
            "[personalization.federated]"
        )
    shared = SharedModel.of(job, base.parameters())
    return _export(
        out,
        job,
        method,
        tokenizer,
        shared,
        without_rounds(method, shared, context),
        Provenance(
            corpus_id=about["text"],
            corpus=f"public text: {', '.join(about['files'])}",
            synthetic=False,
            algorithm=CENTRAL,
            rounds=0,
            seed=about["seed"],
            epsilon=None,
            delta=None,
            thumbprint=importlib.metadata.version("thumbprint"),
        ),
        mixing=job.personalization.history.mixing_weights if has_mixing(job, method) else None,
        ngram=base.ngram() if job.ngram.weight else None,
        metrics={"held_out_recall_at_3": about["validation"]["recall_at_3"]} if about["validation"] else {},
        private_key=private_key,
    )


def _export(
    out: Path,
    job: Job,
    method: Method,
    tokenizer: Tokenizer,
    shared: SharedModel,
    result: TrainedMethod,
    provenance: Provenance,
    *,
    ngram: NgramTable | None,
    metrics: dict[str, float],
    private_key: Path,
    mixing: Coefficients | None = None,
    converter: Converter | None = None,
) -> ParityReport:
    personalization = job.personalization
    part = phone_part(method, shared, result, method.context(personalization, tokenizer.bos))
    return export_bundle(
        out,
        name=job.name,
        parameters=part.parameters,
        tokenizer=tokenizer,
        windows=(personalization.batch, personalization.window),
        rank=job.model.adapter_rank,
        starts=part.starts,
        recipe=recipe_of(personalization, method, part, mixing),
        provenance=provenance,
        ngram=ngram,
        ngram_weight=job.ngram.weight,
        metrics=metrics,
        private_key=private_key,
        converter=converter,
    )


def recipe_of(
    personalization: PersonalizationConfig, method: Method, part: DeviceArtifact, mixing: Coefficients | None = None
) -> Recipe:
    """Returns the recipe for phones: the job's settings, with the algorithm and constants of the method's result.

    Args:
        mixing: The trained weights of the mixture with the owner's history; None = fixed ones.

    Raises:
        ExportError: the method's device algorithm or its constants are not valid.
    """
    values = personalization.model_dump(
        exclude={"method", "steps", "options", "federated", "batch", "window", "gate", "history"}
    )
    try:
        return Recipe(
            **values,
            method=method.name,
            algorithm=part.algorithm,
            constants=dict(part.constants),
            starts=len(part.starts),
            steps=0 if part.algorithm == "none" else personalization.steps,
            gate=GateRecipe(**personalization.gate.model_dump()),
            history=_history(personalization, method, mixing),
        )
    except ValidationError as error:  # a method of another package can name an algorithm that phones do not have
        raise ExportError(f"{method.name} has no usable recipe: {error.errors()[0]['msg']}") from error


_NOT_ON_PHONES = {"mixing", "mixing_weights", "mixing_pull"}


def _history(personalization: PersonalizationConfig, method: Method, mixing: Coefficients | None) -> HistoryRecipe:
    off: dict[str, object] = {}
    if not method.history:  # the owner's n-grams get no weight, however much was typed
        off |= {"cache_weight": 0.0, "concentration_2": math.inf, "concentration_3": math.inf}
    if not method.neural_cache:
        off["neural_cache"] = {**personalization.history.neural_cache.model_dump(), "words": 0}
    return HistoryRecipe(**personalization.history.model_dump(exclude=_NOT_ON_PHONES) | {"mixing": mixing} | off)


def phone_part(method: Method, shared: SharedModel, result: TrainedMethod, context: MethodContext) -> DeviceArtifact:
    """Returns the part of a method's result that a phone gets.

    Raises:
        ExportError: the method does not run on a phone.
    """
    _require_phone(method)
    assert method.phone is not None
    return method.phone(shared, result.server, context)


def _require_phone(method: Method) -> None:
    if method.phone is None:
        on_phones = ", ".join(sorted(name for name, other in METHODS.items() if other.phone is not None))
        raise ExportError(f"{method.name} does not run on a phone: export a job with one of the methods {on_phones}")


def _train_mixing(
    folder: Run, job: Job, method: Method, result: TrainedMethod, converter: Converter, on_stage: OnStage
) -> Coefficients:
    with (
        tempfile.TemporaryDirectory() as scratch,
        folder.locked(),
        open_clients(folder) as clients,
        execution_context(),
    ):
        bundle, keys = Path(scratch) / "without.bundle", SigningKeys.generate(Path(scratch))
        export_method(folder, job, method, result, bundle, keys.private, converter=converter)
        return train_mixing(folder, job, load_bundle(bundle, keys.public), clients, on_stage)


def _train_method(folder: Run, method: Method, context: MethodContext, shared: SharedModel) -> TrainedMethod:
    if not has_rounds(context):
        return without_rounds(method, shared, context)
    kept = rounds_folder(folder.path, method, context.config)
    with folder.locked(), open_clients(folder) as clients, execution_context():
        return PersonalizationProgram(
            method,
            shared,
            context,
            clients,
            folder.tokenizer(),
            seed=folder.job().seed,
            folder=kept,
            ledger=folder.ledger(),
        ).run()
