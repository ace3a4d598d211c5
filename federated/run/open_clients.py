"""The clients that a finished run was trained on, opened again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.run.folder import Run, RunError


@contextlib.contextmanager
def open_clients(folder: Run, corpus: Path | None = None) -> Iterator[FederatedData]:
    """Opens a run's corpus, split as the run split it.

    Args:
        corpus: where it lies now; where it lay at training when None.

    Raises:
        RunError: `corpus` is another one.
        CorpusError: it cannot be read.
    """
    job, about = folder.job(), folder.read_json("corpus.json")
    with Corpus.open(corpus or Path(about["path"])) as opened:
        if opened.corpus_id != about["corpus_id"]:
            raise RunError(
                f"{opened.path} is not the corpus that {folder.path} was trained on, so nobody knows who of it took "
                "part: give that one with --corpus, or use `thumbprint simulate`"
            )
        yield FederatedData.of(opened, job.data, job.seed)
