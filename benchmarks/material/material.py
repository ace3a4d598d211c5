"""What the fuzzer and the kill loops work on: keys, a corpus, and two small bundles, made once for each folder."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.material.signed_content import LEARNING_RECIPE, signed, write_folder
from device_runtime.bundle.files import read_files
from device_runtime.bundle.signing_keys import PRIVATE_NAME, PUBLIC_NAME, SigningKeys


@dataclass(frozen=True)
class Material:
    """Paths: the key pair, a corpus of synthetic users, and a bundle whose adaptations learn at once."""

    private_key: Path
    public_key: Path
    corpus: Path
    bundle: Path


def make_material(folder: Path, bundle: Path | None = None) -> Material:
    """Returns the material in `folder`, which is made if it is missing.

    Args:
        folder: Where it lies.
        bundle: A bundle to use instead of a small untrained one. It is signed again with the key in `folder`.
    """
    made = Material(
        folder / "keys" / PRIVATE_NAME,
        folder / "keys" / PUBLIC_NAME,
        folder / "corpus.sqlite",
        folder / "learning.bundle",
    )
    if not made.bundle.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        SigningKeys.generate(made.private_key.parent)
        _write_corpus(made.corpus)
        if bundle is None:
            bundle = folder / "small.bundle"
            _in_a_process_of_its_own(bundle, made)
        write_folder(made.bundle, signed(read_files(bundle), LEARNING_RECIPE, made.private_key))
    return made


def _write_corpus(path: Path) -> None:
    from federated.corpus.synthetic.generate import write_synthetic

    write_synthetic(path, users=12, messages=(20, 40), seed=1)


def _in_a_process_of_its_own(bundle: Path, made: Material) -> None:
    """Exports in a child, so that this process stays small and has no threads: others are forked from it."""
    process = multiprocessing.get_context("spawn").Process(target=_export, args=(bundle, made.corpus, made.private_key))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit("the small bundle could not be exported")


def _export(bundle: Path, corpus: Path, private_key: Path) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from benchmarks.material.small_bundle import write_small_bundle

    write_small_bundle(bundle, corpus, private_key)
