"""Makes the base that comes with Thumbprint: `python -m benchmarks.base_en FOLDER`, the folder of the public texts.

Pre-trains in `runs/base_en` (a second run continues), exports the bundle with a new key, measures it on the users of
the given corpora, and writes everything to `keyboard_model/base_en`, with the model card. The private key stays in
`runs`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.base_en.card import card
from benchmarks.base_en.sources import SOURCES, prepared
from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import PRIVATE_NAME, PUBLIC_NAME, SigningKeys
from device_runtime.simulation.report import Report
from federated.base import FILES
from federated.corpus.store import Corpus
from keyboard_model import base_en
from keyboard_model.storage.durable_files import atomic_write
from thumbprint.console import advancing, showing_pretraining, silence_tensorflow

HERE = Path(__file__).parent
RUNS = HERE.parent.parent / "runs" / "base_en"
_MIN_MESSAGES, _WORKERS = 20, 2
_PATHS = ", ".join(source.path for source in SOURCES.values())


def main(
    texts: Annotated[Path, typer.Argument(help=f"A folder with {_PATHS}.")],
    corpus: Annotated[
        list[Path], typer.Option(help="An imported corpus to measure the base on; its folder has its name.")
    ] = [],  # noqa: B006
    run: Annotated[Path, typer.Option(help="The folder of the unfinished work.")] = RUNS,
) -> None:
    """Does each step that has no result yet."""
    silence_tensorflow()
    from federated.job import Job
    from federated.pretraining.pretrain import pretrain
    from federated.pretraining.settings import load_pretraining
    from thumbprint.pipeline.export import export_base

    with showing_pretraining() as shown:
        base = pretrain(
            prepared(SOURCES, texts, run / "texts"),
            run / "base",
            load_pretraining(HERE / "base_en.toml"),
            resume=True,
            on_stage=shown.stage,
            on_progress=shown.steps,
        )
    keys = SigningKeys(run / "keys" / PRIVATE_NAME, run / "keys" / PUBLIC_NAME)
    if not keys.private.exists():
        SigningKeys.generate(run / "keys")
    bundle = run / base_en.BUNDLE.name
    export_base(base, bundle, keys.private, Job(name=str(base_en.NAME)))
    reports = {path.parent.name: _measure(bundle, keys.public, path, run / "phones") for path in corpus}
    base_en.BASE.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(base.path / name, base_en.BASE / name)
    shutil.copy(bundle, base_en.BUNDLE)
    shutil.copy(keys.public, base_en.PUBLIC_KEY)
    text = card(base, load_bundle(bundle, keys.public), bundle.stat().st_size, reports)
    atomic_write(base_en.BUNDLE.with_name("README.md"), text.encode())


def _measure(bundle: Path, key: Path, corpus: Path, folder: Path) -> Report:
    """Gives every user of a corpus a phone. The base was trained on none of them."""
    from thumbprint.pipeline.simulate import simulate_corpus

    with Corpus.open(corpus) as opened:
        users = list(opened.user_ids())
        with advancing(f"phones of {opened.description}", len(users)) as progress:
            report = simulate_corpus(
                load_bundle(bundle, key), opened, users, folder / opened.corpus_id, _MIN_MESSAGES, _WORKERS, progress
            )
        return report


typer.run(main)
