"""From a run folder to a bundle: the job's personalization becomes the phone's recipe."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from device_runtime.manifest import GateRecipe, HistoryRecipe, Provenance, Recipe
from federated.job import Job, PersonalizationConfig
from federated.run_folder import RunFolder
from tflite_export.check import Check
from tflite_export.export import export_bundle

ALGORITHM = "FedAvg on clients, FedAdam on the server"


def recipe_of(personalization: PersonalizationConfig) -> Recipe:
    """Returns what the phone does of what the job asks for."""
    values = personalization.model_dump(exclude={"options", "federated", "batch", "window", "gate", "history"})
    return Recipe(
        **values,
        gate=GateRecipe(**personalization.gate.model_dump()),
        history=HistoryRecipe(**personalization.history.model_dump()),
    )


def export_run(run: Path, out: Path, private_key: Path, job: Job | None = None) -> Check:
    """Exports the best model of a finished run.

    Args:
        job: another job whose name and personalization the bundle gets; the run's own when None.

    Raises:
        RunError: the run is not finished.
        ExportError, KeyFileError, OSError: see `tflite_export.export`.
    """
    folder = RunFolder(run)
    trained, corpus, summary = folder.job(), folder.read_json("corpus.json"), folder.read_json("summary.json")
    chosen = job or trained
    personalization = chosen.personalization
    return export_bundle(
        out,
        name=chosen.name,
        parameters=folder.parameters(),
        tokenizer=folder.tokenizer(),
        windows=(personalization.batch, personalization.window),
        rank=trained.model.adapter_rank,
        recipe=recipe_of(personalization),
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
        metrics={"validation_recall_at_3": summary["best_recall"]} if summary["best_round"] else {},
        private_key=private_key,
    )
