"""From a run folder to a bundle: what the job's method comes to, and the recipe by which phones go on from there."""

from __future__ import annotations

import importlib.metadata
import math
from pathlib import Path

from pydantic import ValidationError

from device_runtime.manifest import GateRecipe, HistoryRecipe, Provenance, Recipe
from federated.algorithms.registry import METHODS
from federated.job import Job, PersonalizationConfig
from federated.personalization.method import DeviceArtifact, Method, MethodContext, SharedModel, start_from
from federated.personalization.program import (
    PersonalizationProgram,
    TrainedMethod,
    folder_in,
    has_rounds,
    without_rounds,
)
from federated.run import Run, open_clients
from federated.runtime.execution_context import execution_context
from tflite_export.export import export_bundle
from tflite_export.parity_check import ParityReport
from tflite_export.signatures import ExportError

ALGORITHM = "FedAvg on clients, FedAdam on the server"


def export_run(run: Path, out: Path, private_key: Path, job: Job | None = None) -> ParityReport:
    """Exports what a finished run's best model comes to with the job's method.

    Rounds of the method's own are trained first where the run has not kept them yet.

    Args:
        job: another job whose name, personalization and weight of the n-grams the bundle gets; the run's own when None.

    Raises:
        RunError: the run is not finished, or counted no n-grams where the job gives them a weight.
        CorpusError, WorkerError: of rounds still to be trained.
        ExportError, KeyFileError, OSError: see `export_method`.
    """
    folder = Run(run)
    folder.read_json("summary.json")  # an unfinished run is better known before the work than after it
    trained = folder.job()
    chosen = job or trained
    method = METHODS.named(chosen.personalization.method)
    _refuse_off_phone(method)
    plan = method.plan(chosen.personalization, folder.tokenizer().bos)
    learnt = _learnt(folder, method, plan, start_from(trained, folder.parameters()))
    return export_method(folder, chosen, method, learnt, out, private_key)


def export_method(
    folder: Run, job: Job, method: Method, learnt: TrainedMethod, out: Path, private_key: Path
) -> ParityReport:
    """Exports what a method has learnt on a finished run's model.

    Args:
        job: whose name, personalization and weight of the n-grams the bundle gets; sizes and seed are the run's.

    Raises:
        RunError: the run is not finished, or counted no n-grams where the job gives them a weight.
        ExportError: the method does not run on a phone, or see `tflite_export.export`.
        KeyFileError, OSError: see there.
    """
    trained, corpus, summary = folder.job(), folder.read_json("corpus.json"), folder.read_json("summary.json")
    personalization, tokenizer = job.personalization, folder.tokenizer()
    plan = method.plan(personalization, tokenizer.bos)
    part = phone_part(method, start_from(trained, folder.parameters()), learnt, plan)
    return export_bundle(
        out,
        name=job.name,
        parameters=part.parameters,
        tokenizer=tokenizer,
        windows=(personalization.batch, personalization.window),
        rank=trained.model.adapter_rank,
        starts=part.starts,
        recipe=recipe_of(personalization, method, part),
        provenance=Provenance(
            corpus_id=corpus["corpus_id"],
            corpus=corpus["description"],
            synthetic=corpus["synthetic"],
            algorithm=ALGORITHM,
            rounds=summary["best_round"] or summary["rounds"],
            seed=trained.seed,
            epsilon=None,
            delta=None,
            thumbprint=importlib.metadata.version("thumbprint"),
        ),
        ngram=folder.ngram() if job.ngram.weight else None,
        ngram_weight=job.ngram.weight,
        metrics={"validation_recall_at_3": summary["best_recall"]} if summary["best_round"] else {},
        private_key=private_key,
    )


def recipe_of(personalization: PersonalizationConfig, method: Method, part: DeviceArtifact) -> Recipe:
    """Returns what a phone does of what the job asks for, given what the method came to.

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
            history=_history(personalization, method),
        )
    except ValidationError as error:  # a method of another package may name what no phone knows
        raise ExportError(f"{method.name} has no usable recipe: {error.errors()[0]['msg']}") from error


def _history(personalization: PersonalizationConfig, method: Method) -> HistoryRecipe:
    recipe = HistoryRecipe(**personalization.history.model_dump())
    if method.history:
        return recipe
    # None of the owner's words is mixed in, however much was typed.
    return recipe.model_copy(update={"cache_weight": 0.0, "concentration_2": math.inf, "concentration_3": math.inf})


def phone_part(method: Method, base: SharedModel, learnt: TrainedMethod, plan: MethodContext) -> DeviceArtifact:
    """Returns what a phone gets of a method.

    Raises:
        ExportError: the method does not run on a phone.
    """
    _refuse_off_phone(method)
    assert method.phone is not None
    return method.phone(base, learnt.server, plan)


def _refuse_off_phone(method: Method) -> None:
    if method.phone is None:
        able = ", ".join(sorted(name for name, other in METHODS.items() if other.phone is not None))
        raise ExportError(f"{method.name} does not run on a phone: export a job with one of the methods {able}")


def _learnt(folder: Run, method: Method, plan: MethodContext, base: SharedModel) -> TrainedMethod:
    if not has_rounds(method, plan):
        return without_rounds(method, base, plan)
    kept = folder_in(folder.path, method, plan.config)
    with folder.locked(), open_clients(folder) as clients, execution_context():
        return PersonalizationProgram(
            method, base, plan, clients, folder.tokenizer(), seed=folder.job().seed, folder=kept
        ).run()
