"""The main job on real messages: `python -m benchmarks.nus_sms`. Writes `runs/nus_sms` and docs/results.md.

Trains the shared model five times, each time on another four fifths of the users, and gives each of the others a phone:
each user is a new phone once. Compares the shared model with a trigram that KenLM (built by `make kenlm`) estimates
centrally from the same messages, and with one that could be published. A second run continues where the first stopped.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.nus_sms.folds import GROUPS, BenchmarkFold, figures, report, thumbprint
from benchmarks.nus_sms.kenlm_baseline import require_lmplz
from benchmarks.results_page import write_figures
from device_runtime.bundle.signing_keys import PRIVATE_NAME, PUBLIC_NAME, SigningKeys
from device_runtime.simulation.report import write_report
from federated.job import load_job
from keyboard_model.storage.durable_files import atomic_write

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NUS_SMS = ROOT.parent / "shared" / "data" / "nus_sms" / "messages.jsonl.gz"


def main(
    source: Annotated[Path, typer.Option(help="The messages, as `corpus import` reads them.")] = NUS_SMS,
    job: Annotated[Path, typer.Option(help="The job file.")] = HERE / "job.toml",
    run: Annotated[Path, typer.Option(help="The folder of all results.")] = ROOT / "runs" / "nus_sms",
    quick: Annotated[bool, typer.Option("--quick", help="Only the fold of the job.")] = False,
) -> None:
    """Runs each step that has no result yet."""
    if not source.exists():
        raise SystemExit(f"{source} does not exist: name the file of messages with --source")
    require_lmplz()  # now, not after hours of training
    run.mkdir(parents=True, exist_ok=True)
    corpus, keys = run / "corpus.sqlite", SigningKeys(run / "keys" / PRIVATE_NAME, run / "keys" / PUBLIC_NAME)
    if not corpus.exists():
        thumbprint("corpus", "import", source, "--out", corpus)
    if not keys.private.exists():
        SigningKeys.generate(run / "keys")
    config = load_job(job)
    results, numbers = (run / "quick", [config.data.fold]) if quick else (run, range(config.data.folds))
    results.mkdir(exist_ok=True)
    folds = [BenchmarkFold(job, config.with_fold(number), run / f"fold-{number}", corpus, keys) for number in numbers]
    for fold in folds:
        fold.make()
    for group in GROUPS:
        write_report(results / f"{group}.json", report(folds, group))
    recalls = figures([{**fold.trigrams(), **fold.neural(), **fold.shared()} for fold in folds])
    atomic_write(results / "figures.json", json.dumps(recalls, indent=2).encode())
    write_figures(results)


typer.run(main)
