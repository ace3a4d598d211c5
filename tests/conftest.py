"""Fixtures of many tests, made once per session: a corpus, a trained run, keys, and a bundle of the real exporter."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.device_runtime.model_damage import write_crashing_bundle
from tests.support.federated import computation_cache
from tests.support.session_files import made_once
from tests.support.tiny_job import TINY_JOB

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
settings.register_profile("thumbprint", deadline=None)  # times mean nothing on a busy machine
settings.load_profile("thumbprint")
gc.set_threshold(50_000, 20, 50)  # as `thumbprint.__main__` does


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the folders with the slowest files first, so that the processes end at about the same time."""
    slow = [f"tests/{name}/" for name in ("repository", "examples", "thumbprint", "federated")]
    items.sort(key=lambda item: next((at for at, folder in enumerate(slow) if item.nodeid.startswith(folder)), 9))


def pytest_collection_finish() -> None:
    """Prepares a process that has imported TensorFlow and TFF: fewer objects to scan, no computation built twice.

    Without the scans of TensorFlow's and TFF's modules, 52 tests, half of them with TFF rounds, took a quarter less
    processor time.
    """
    gc.collect()
    gc.freeze()
    if "tensorflow_federated" in sys.modules:
        computation_cache.install()


@pytest.fixture(scope="session")
def tiny_keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Paths of a private and a public key."""
    from device_runtime.bundle.signing_keys import PRIVATE_NAME, PUBLIC_NAME, SigningKeys

    folder = made_once(tmp_path_factory, "keys", SigningKeys.generate)
    return folder / PRIVATE_NAME, folder / PUBLIC_NAME


@pytest.fixture(scope="session")
def tiny_public_key(tiny_keys: tuple[Path, Path]) -> Path:
    return tiny_keys[1]


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of twelve made-up users with a few dozen messages each."""
    from federated.corpus.synthetic.generate import write_synthetic

    def make(folder: Path) -> None:
        write_synthetic(folder / "synthetic.sqlite", users=12, messages=(20, 40), seed=1)

    return made_once(tmp_path_factory, "corpus", make) / "synthetic.sqlite"


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, tiny_keys: tuple[Path, Path], tiny_corpus: Path) -> Path:
    """A signed bundle of an untrained small model (V≈600, E=16, H=32, r=2; windows of 4x10)."""
    from benchmarks.material.small_bundle import write_small_bundle

    def make(folder: Path) -> None:
        write_small_bundle(folder / "tiny.bundle", tiny_corpus, tiny_keys[0])

    return made_once(tmp_path_factory, "bundle", make) / "tiny.bundle"


@pytest.fixture
def crashing_bundle(tmp_path: Path, tiny_bundle: Path, tiny_keys: tuple[Path, Path]) -> Path:
    """The small bundle with a damaged model that ends the process which runs it, signed with the right key."""
    return write_crashing_bundle(tmp_path / "crashing.bundle", tiny_bundle, tiny_keys[0])


@pytest.fixture(scope="session")
def job_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training job that takes seconds."""
    path = tmp_path_factory.mktemp("job") / "tiny.toml"
    path.write_text(TINY_JOB)
    return path


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, job_file: Path, tiny_corpus: Path) -> Path:
    """A finished run of `job_file` on the tiny corpus. Read only."""
    from federated.job import load_job
    from federated.training.train_run import train

    def make(folder: Path) -> None:
        train(load_job(job_file), tiny_corpus, folder / "tiny")

    shared = made_once(tmp_path_factory, "run", make) / "tiny"
    return shutil.copytree(shared, tmp_path_factory.mktemp("runs") / "tiny")  # commands lock the run that they read


@pytest.fixture(scope="session")
def execution() -> Iterator[None]:
    """Lets TFF computations run; all tests of a process share one execution context, which takes seconds to start."""
    from federated.runtime.execution_context import execution_context

    with execution_context():
        yield
