"""The main job on real messages: `python -m benchmarks.nus_sms`. Writes `runs/nus_sms` and docs/results.md.

Trains on four fifths of the users, gives each of the others a phone, and compares the shared model with a trigram
that KenLM (built by `make kenlm`) estimates centrally from the same messages. A second run continues where the first
stopped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.nus_sms.kenlm_baseline import require_lmplz, trigram_figures
from benchmarks.results_page import write_figures
from device_runtime.bundle.signing_keys import PRIVATE_NAME, PUBLIC_NAME, SigningKeys
from federated.corpus.store import Corpus
from federated.job import load_job
from keyboard_model.storage.durable_files import atomic_write

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NUS_SMS = ROOT.parent / "shared" / "data" / "nus_sms" / "messages.jsonl.gz"


def thumbprint(*arguments: object) -> None:
    """Runs one command as a user would. If it fails, the benchmark ends."""
    command = [sys.executable, "-m", "thumbprint", *map(str, arguments)]
    print("$ thumbprint", *map(str, arguments), flush=True)
    subprocess.run(command, check=True)


def main(
    source: Annotated[Path, typer.Option(help="The messages, as `corpus import` reads them.")] = NUS_SMS,
    job: Annotated[Path, typer.Option(help="The job file.")] = HERE / "job.toml",
    run: Annotated[Path, typer.Option(help="The folder of all results.")] = ROOT / "runs" / "nus_sms",
) -> None:
    """Runs each step that has no result yet."""
    if not source.exists():
        raise SystemExit(f"{source} does not exist: name the file of messages with --source")
    baseline = run / "trigram.json"
    if not baseline.exists():
        require_lmplz()  # now, not after hours of training
    run.mkdir(parents=True, exist_ok=True)
    corpus, keys, bundle = run / "corpus.sqlite", run / "keys", run / f"{load_job(job).name}.bundle"
    if not corpus.exists():
        thumbprint("corpus", "import", source, "--out", corpus)
    if not (run / "train" / "summary.json").exists():
        resume = ["--resume"] if (run / "train" / "job.json").exists() else []
        thumbprint("train", job, "--corpus", corpus, "--run", run / "train", *resume)
    thumbprint("evaluate", run / "train", "--corpus", corpus)
    if not keys.exists():
        SigningKeys.generate(keys)
    public = ["--public-key", keys / PUBLIC_NAME]
    thumbprint("export", run / "train", "--out", bundle, "--key", keys / PRIVATE_NAME, "--job", job)
    config = load_job(job)
    for part, out in (("new", run), ("training", run / "seen")):
        thumbprint(
            *("simulate", bundle, "--corpus", corpus, "--out", out, "--users", part, "--seed", config.seed, *public),
            *("--new-phone-share", config.data.new_phone_share, "--validation-share", config.data.validation_share),
        )
    if not baseline.exists():
        with Corpus.open(corpus) as messages:
            figures = trigram_figures(messages, config)
        atomic_write(baseline, json.dumps(figures, indent=2).encode())
    write_figures(run)


typer.run(main)
