"""The weights that phones of a new population start from: `python -m benchmarks.mixing_weights nus_sms chitchat`.

Trains them on the validation users of the finished folds of these corpora (`benchmarks.five_folds`), and writes
`federated/default_mixing_weights.py`; with `--print`, only prints them, for a job that measures the other corpora. The
examples are kept in the run of each fold.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.five_folds.corpora import CORPORA, ROOT, BenchmarkCorpus
from device_runtime.adaptation.mixing_examples import MixingExamples
from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import SigningKeys
from device_runtime.manifest import COMPONENTS, FEATURES
from federated.job import load_job
from federated.personalization.mixing_weights import train
from federated.run import Run, open_clients
from federated.runtime.execution_context import execution_context
from keyboard_model.storage.durable_files import atomic_write
from thumbprint.console import silence_tensorflow
from thumbprint.pipeline.mixing import examples_of

MODULE = ROOT / "federated" / "default_mixing_weights.py"


def main(
    names: Annotated[list[str], typer.Argument(help="The corpora.")],
    only_print: Annotated[bool, typer.Option("--print", help="Write no file.")] = False,
) -> None:
    """Trains on all of them together: the mean over users."""
    silence_tensorflow()
    examples = [
        found for name in names for fold in _finished_folds(CORPORA[name]) for found in _examples(CORPORA[name], fold)
    ]
    start = np.zeros((COMPONENTS, 1 + FEATURES))
    start[0, 0] = np.log(3.0 * (COMPONENTS - 1))  # the shared model has three quarters
    with execution_context():
        weights = train(examples, start, pull=0.0).astype(float).round(2).tolist()
    if only_print:
        print(json.dumps(weights))
        return
    rows = "".join(f"    ({', '.join(map(repr, row))}),\n" for row in weights)
    text = '"""Where the training of mixing weights starts: written by `python -m benchmarks.mixing_weights`."""'
    atomic_write(MODULE, f"{text}\n\nDEFAULT_MIXING_WEIGHTS = (\n{rows})\n".encode())


def _finished_folds(corpus: BenchmarkCorpus) -> list[Path]:
    folds = [path.parent.parent for path in sorted(corpus.run.glob("fold-*/train/summary.json"))]
    if not folds:
        raise SystemExit(f"{corpus.run} has no finished fold: run `python -m benchmarks.five_folds {corpus.name}`")
    return folds


def _examples(corpus: BenchmarkCorpus, fold: Path) -> list[MixingExamples]:
    path = fold / "mixing_examples.npz"
    if not path.exists():
        examples = _made(corpus, fold)
        parts = {name: np.concatenate([getattr(found, name) for found in examples]) for name in MixingExamples._fields}
        with path.open("wb") as file:
            np.savez(file, ends=np.cumsum([len(found.features) for found in examples]), **parts)
    with np.load(path) as arrays:
        by_user = [np.split(arrays[name], arrays["ends"][:-1]) for name in MixingExamples._fields]
    return [MixingExamples(*of_user) for of_user in zip(*by_user, strict=True)]


def _made(corpus: BenchmarkCorpus, fold: Path) -> list[MixingExamples]:
    """Returns the examples of the validation users of a fold, made by phones with a bundle without learned weights."""
    from thumbprint.pipeline.export import export_run

    job = load_job(corpus.job)
    history = job.personalization.history.model_copy(update={"mixing": "pitman_yor"})
    personalization = job.personalization.model_copy(update={"history": history})
    with tempfile.TemporaryDirectory() as scratch:
        bundle, keys = Path(scratch) / "pitman_yor.bundle", SigningKeys.generate(Path(scratch))
        export_run(fold / "train", bundle, keys.private, job.model_copy(update={"personalization": personalization}))
        with open_clients(Run(fold / "train")) as clients:
            return examples_of(load_bundle(bundle, keys.public), clients)


if __name__ == "__main__":
    typer.run(main)
