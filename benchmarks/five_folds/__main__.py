"""The main job on real messages: `python -m benchmarks.five_folds nus_sms`. The other corpora: `chitchat` and `irc`.

Trains the shared model five times, each time on another four fifths of the users, and gives each of the others a phone:
each user is a new phone once. Compares the shared model with a trigram that KenLM (built by `make kenlm`) estimates
centrally from the same messages, and with one that could be published. A second run continues where the first stopped.
The results are in `runs/nus_sms`, and in tables of docs/results.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.base_en.sources import SOURCES, prepared
from benchmarks.five_folds.corpora import CORPORA, ROOT, TEXTS, BenchmarkCorpus
from benchmarks.five_folds.folds import BenchmarkFold, figures, report, report_over_user_history, thumbprint
from benchmarks.five_folds.kenlm_baseline import require_lmplz
from benchmarks.results_page import write_figures
from device_runtime.bundle.signing_keys import PRIVATE_NAME, PUBLIC_NAME, SigningKeys
from device_runtime.simulation.report import write_report
from federated.job import load_job
from keyboard_model.storage.durable_files import atomic_write


def main(
    name: Annotated[str, typer.Argument(help=f"The corpus: {', '.join(CORPORA)}.")],
    texts: Annotated[Path, typer.Option(help="The folder of the corpora and of the public texts.")] = TEXTS,
    quick: Annotated[bool, typer.Option("--quick", help="Only the fold of the job.")] = False,
) -> None:
    """Runs each step that has no result yet."""
    if name not in CORPORA:
        raise SystemExit(f"there is no corpus {name}: name one of {', '.join(CORPORA)}")
    measured = CORPORA[name]
    source = measured.messages(texts)
    if not source.exists():
        raise SystemExit(f"{source} does not exist: name the folder of the corpora with --texts")
    require_lmplz()  # now, not after hours of training
    run = measured.run
    run.mkdir(parents=True, exist_ok=True)
    corpus, keys = run / "corpus.sqlite", SigningKeys(run / "keys" / PRIVATE_NAME, run / "keys" / PUBLIC_NAME)
    if not corpus.exists():
        thumbprint("corpus", "import", source, "--out", corpus)
    if not keys.private.exists():
        SigningKeys.generate(run / "keys")
    if measured.base:
        _make_base(measured, texts)
    config = load_job(measured.job)
    results, numbers = (run / "quick", [config.data.fold]) if quick else (run, range(config.data.folds))
    results.mkdir(exist_ok=True)
    folds = [
        BenchmarkFold(measured, config.with_fold(number), run / f"fold-{number}", corpus, keys) for number in numbers
    ]
    for fold in folds:
        fold.make()
    for group in measured.groups:
        write_report(results / f"{group}.json", report(folds, group))
    write_report(results / "over_user_history.json", report_over_user_history(folds))
    recalls = figures([{**fold.trigrams(), **fold.neural(), **fold.shared()} for fold in folds])
    atomic_write(results / "figures.json", json.dumps(recalls, indent=2).encode())
    write_figures(results)


def _make_base(corpus: BenchmarkCorpus, texts: Path) -> None:
    files = prepared({name: SOURCES[name] for name in corpus.base}, texts, corpus.run / "texts")
    settings = ROOT / "benchmarks" / "base_en" / "base_en.toml"
    thumbprint("pretrain", *files, "--job", settings, "--out", corpus.run / "base", "--resume")


typer.run(main)
